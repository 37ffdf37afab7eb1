"""large.py - `run --large`: a text of 1 MB with many annotations, and logs of any length.

Of a session with so many annotations: joining it to the first screen and to the end (in a worker that has it in memory, and as the first after a restart),
`gloss show` of a screenful and of everything, what one op costs. Then the cost of one op in one session whose log grows from 10^3 to 10^6, once with a
few annotations that change again and again, once with an annotation for each op: it must not grow. Everything that is received is checked.
"""
import subprocess
import time

import gauge
import peers
import runs
import server as support
import table
import workloads
from table import number

SIZES = {
    "full": {"codepoints": 1000000, "annotations": (10000, 100000), "joins": 5, "lengths": (1000, 10000, 100000, 1000000), "many": (1000, 10000, 100000, 1000000), "ops": 300, "rate": 100},
    "quick": {"codepoints": 1000000, "annotations": (10000,), "joins": 3, "lengths": (1000, 10000, 100000), "many": (1000, 10000), "ops": 200, "rate": 100},
    "smoke": {"codepoints": 20000, "annotations": (200,), "joins": 2, "lengths": (100, 300), "many": (), "ops": 5, "rate": 50, "is_smoke": True},
}
SCREEN_LINES = 50
KEPT = 100  # annotations that the log of any length is about
GROWTH = 1.25  # of an op's CPU from 10^3 to 10^6: nothing but noise
BYTES_OF_MILLION = 12 << 30  # memory that must be free for a million annotations in a worker
CURVES = (("lengths", "log", KEPT, "a log about 100 annotations"), ("many", "annotations", 0, "an annotation for each op"))


class Large(workloads.Workloads):
    """One session after the other; the sizes have the session's number in `at`."""

    def __init__(self, peer, sizes, tell):
        super().__init__(peer, sizes | {"b_sessions": 0, "d_sessions": 0}, tell)

    def fill(self, at, count, kept=0):
        """So many more ops in this session, in frames of 64."""
        self.cpu = self.make_cpu()
        with self.begin(f"group script first={at} rate=1 batch={workloads.BATCH} in_flight=256 total={count} kept={kept}") as load:
            settled, _, _ = self.at_once(load, "script", count)
        return count / max(0.001, settled["ms"] / 1000)

    def joins(self, at, annotations, count):
        self.cpu = self.make_cpu()
        with self.begin(f"group joiners clients={count} first={at} at_once=1 page=1 records={annotations}") as load:
            self.cpu.mark()
            load.say("measure")
            load.say("start", "joiners")
            load.event("live", 300, group="joiners")
            spent, report = self.cpu.spent(), load.report()
            self.settle([])
        joined = report["groups"]["joiners"]
        return {"first": self.latency(joined["first_page_ms"]), "all": self.latency(joined["joined_ms"]), "bytes_annotation": report["bytes_in"] / count / annotations,
                **self.costs(spent, "join", count)}

    def one_op(self, at, kept=0):
        """What one op costs that is alone: somebody writes, somebody else sees it."""
        rate, seconds = self.sizes["rate"], self.sizes["ops"] / self.sizes["rate"]
        if not self.sizes.get("is_smoke"):
            self.rest()
        self.cpu = self.make_cpu()
        with self.begin(f"group other first={at}\ngroup one first={at} rate={rate} kept={kept}") as load:
            load.start("other")
            load.start("one")
            time.sleep(min(0.5, seconds))
            report, spent = self.measured(seconds)
            self.settle(["one"])
        one, other = report["groups"]["one"], report["groups"]["other"]
        return {"answer": self.latency(one["answer_ms"]), "delivery": self.latency(other["delivery_ms"]), **self.costs(spent, "op", one["answered"])}

    def show(self, brief, annotations):
        """`gloss show`: milliseconds until a screenful has come, and until everything has; every highlight must be in it."""
        server = self.peer.server
        begun = time.monotonic()
        process = server.spawn("show", "--plain", "--width", 100, brief, stderr=subprocess.STDOUT)
        shown = [process.stdout.readline() for _ in range(SCREEN_LINES)]
        first = time.monotonic() - begun
        rest = process.stdout.read()
        status = process.wait(support.LIMIT_S)
        process.stdout.close()
        took = time.monotonic() - begun
        text = b"".join(shown) + rest
        if status or text.count(b"\n") < SCREEN_LINES:
            raise workloads.Lost(f"gloss show: status {status}, {text[-300:]!r}")
        told = server.gloss("show", "--json", brief, status=0).json
        if len(told["annotations"]) != annotations:
            raise workloads.Lost(f"gloss show has {len(told['annotations'])} of {annotations} annotations")
        return {"first_ms": 1000 * first, "all_ms": 1000 * took, "bytes": len(text)}

    def worker_bytes(self):
        return gauge.rss(self.peer.server.workers())


def documents(peer, sizes, run):
    """The two large documents, one after the other."""
    for at, count in enumerate(sizes["annotations"]):
        begun = time.monotonic()
        large = Large(peer, sizes, run.tell)
        before = large.worker_bytes()
        rate = large.fill(at, count)
        figures = {"fill_ops_s": rate, "bytes_each": (large.worker_bytes() - before) / count, "warm": large.joins(at, count, sizes["joins"]),
                   "show": large.show(f"{at}.txt", count), "op": None}
        figures["op"] = large.one_op(at, KEPT)
        peer.server.restart()
        figures["cold"] = large.joins(at, count + min(KEPT, made(peer, at) - count), 1)
        run.figures[f"text with {count}"] = figures
        run.remarks += large.remarks
        run.tell(f"  {count} annotations, {time.monotonic() - begun:.1f} s: join {number(figures['warm']['first']['p50'])} ms to the first page, {number(figures['warm']['all']['p50'])} to the last, "
                 f"cold {number(figures['cold']['all']['p50'])}; show {number(figures['show']['first_ms'])} and {number(figures['show']['all_ms'])} ms; one op {number(figures['op']['answer']['p50'])} ms")


def made(peer, at):
    """Ops in this session's log."""
    return int(peer.server.sql(f"select head from stream where id = '{peer.sessions[at]}'")[0][0])


def free_bytes():
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable"))


def curve(peer, sizes, run, at, key, name, kept):
    """The cost of one op at each length."""
    large = Large(peer, sizes, run.tell)
    for length in sizes[key]:
        if kept == 0 and length >= 1000000 and free_bytes() < BYTES_OF_MILLION:
            run.remarks.append(f"{length} annotations in one session: {BYTES_OF_MILLION >> 30} GiB of memory must be free")
            continue
        large.fill(at, max(1, length - made(peer, at)), kept)
        figures = run.figures[f"{name} {length}"] = {"length": made(peer, at), "op": large.one_op(at, kept), "bytes_worker": large.worker_bytes()}
        run.tell(f"  {name} {length}: one op {number(figures['op']['answer']['p50'])} ms, server {number(figures['op'].get('server_us_op'))} µs, database {number(figures['op'].get('database_us_op'))}")
    run.remarks += large.remarks


def measure(ground, sizes, run):
    settings = {"sessions_memory": "16GiB", "max_document_bytes": "16MiB"}
    with peers.Gloss(ground, len(sizes["annotations"]), settings=settings, codepoints=sizes["codepoints"]) as peer:
        documents(peer, sizes, run)
    with peers.Gloss(ground, len(CURVES), settings=settings) as peer:
        for at, (key, name, kept, _) in enumerate(CURVES):
            curve(peer, sizes, run, at, key, name, kept)


DOCUMENT_COLUMNS = (("first page ms", "warm.first.p50"), ("to the last", "warm.all.p50"), ("max", "warm.all.max"), ("as the first after a restart: first page", "cold.first.p50"),
                    ("last", "cold.all.p50"), ("`gloss show`: a screenful, ms", "show.first_ms"), ("everything", "show.all_ms"), ("one op: acknowledged p50 ms", "op.answer.p50"),
                    ("p99", "op.answer.p99"), ("server µs", "op.server_us_op"), ("database", "op.database_us_op"), ("bytes of the worker, each", "bytes_each"))
OP_COLUMNS = (("acknowledged p50 ms", "op.answer.p50"), ("p99", "op.answer.p99"), ("p99.9", "op.answer.p999"), ("max", "op.answer.max"), ("another client p50", "op.delivery.p50"),
              ("server µs an op", "op.server_us_op"), ("database", "op.database_us_op"))


def cpu_grown(figures, name):
    """CPU of an op, of server and database, at the longest by that at the shortest."""
    found = sorted((one["length"], one["op"].get("server_us_op", 0) + one["op"].get("database_us_op", 0)) for key, one in figures.items() if key.startswith(name + " ") and "length" in one)
    return found[-1][1] / found[0][1] if len(found) > 1 and found[0][1] else None


def lines(figures):
    """The tables of RESULTS.md."""
    found = ["| what | here | at most | |", "|---|---|---|---|"]
    for _, name, _, title in CURVES:
        values = runs.middle(figures, lambda one, name=name: cpu_grown(one, name))
        found.append(f"| CPU of one op, {title}: at the longest by at the shortest | {table.spread(values, len(figures))} | {number(GROWTH)} | {table.WORDS[table.is_reached(values[0], table.MOST, GROWTH)]} |")
    found += table.columns(figures, "a text of 1 MB with so many annotations", "text with ", DOCUMENT_COLUMNS, lambda one: "warm" in one)
    for _, name, _, title in CURVES:
        found += table.columns(figures, f"one op, {title}: ops so far", name + " ", OP_COLUMNS, lambda one: "length" in one)
    return found
