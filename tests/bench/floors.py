"""floors.py - `run --floors`: what any server would need for the same workload, measured beside Gloss in one run: what stands between Gloss and a number that is not reached.

Things nobody can do without, each alone: the bare server (epoll and OpenSSL, `bench_echo`) with messages as long as Gloss's, so that it encrypts and sends the same bytes to the same
clients (those it reads are longer than what Gloss is sent, and it copies each once for each client); PostgreSQL with the two rows that an op is kept in and their three indexes, nothing asked
and nothing checked, as many rows a commit as Gloss's appends had, at the same pace; and the generator, which has the same two cores. And together: the bare server, which stores the two rows of each op before it tells it (floor/rows.h),
about as many a commit as Gloss does, rows and messages as long as Gloss's: the simplest durable server; and
what the rows name of nchan and INSERT-then-relay, in the same run. What Gloss takes more is judging, the fence, the promises; and what is ours to save.
"""
import math
import subprocess
import time

import curve
import gauge
import peers
import table
import workloads
from table import number

SIZES = {
    "full": {**workloads.SIZES["all"], "is_halved": False, "many": 0, "f_s": 15, "rows_s": 4, "readers_of_pages": (10, 30)},
    "quick": {**workloads.SIZES["quick"], "many": 0, "rows_s": 2, "readers_of_pages": (10, 20)},
    "smoke": {**workloads.SIZES["smoke"], "is_halved": False, "many": 0, "a1_s": 1, "b1_s": 1, "f_s": 1, "rows_s": 1, "readers_of_pages": (1, 2)},
}
OF = {"A1": "delivery", "B1": "op", "C1": "op", "C2": "op"}  # a workload, and what its costs are counted by
COPIES = {"A1": 1000, "B1": 10, "C1": 11, "C2": 11}  # clients who are sent each op
PACE = {"A1": 50, "B1": 2000, "C1": None, "C2": None}  # ops a second; None: as fast as it goes
MANY = 8  # ops in a commit from which on one more or less makes no difference
NOTE, PLAIN_BYTES = 200, 323  # an op with such a note is so long where nothing is added to it
PAGE_BYTES = 58900  # of a state's 6.24 MB in 106 pages
CORES = 2
ROWS = """
create schema if not exists floor;
create table if not exists floor.op (stream uuid, project uuid, seq bigint, op_id uuid, account uuid, kind text, request_hash bytea, payload text, salt bytea, chain bytea,
    primary key (stream, seq), unique (stream, op_id));
create table if not exists floor.annotation (stream uuid, project uuid, id uuid, creator uuid, created_seq bigint, label uuid, status text, start_cp bigint, end_cp bigint, deleted bool, record text,
    primary key (stream, id)) with (fillfactor = 85);
create sequence if not exists floor.seq cache 1000;
"""
ONE_COMMIT = """
with numbered as materialized (select nextval('floor.seq') as seq from generate_series(1, {rows})),
new as materialized (select seq, ('018f0000-0000-7000-8000-' || lpad(to_hex(seq), 12, '0'))::uuid as id, '\\x{hash}'::bytea as hash from numbered),
logged as (insert into floor.op select '{stream}', '{stream}', n.seq, n.id, '{stream}', 'annotation.create', n.hash, repeat('p', {payload}), substr(n.hash, 1, 16), n.hash from new n)
insert into floor.annotation select '{stream}', '{stream}', n.id, '{stream}', n.seq, null, 'open', 0, 10, false, repeat('r', {record}) from new n;
"""
PAYLOAD_BYTES, RECORD_BYTES = 1010, 560  # of an op with a note of 200 bytes, and of the annotation that it makes
END = "drop schema if exists floor cascade"
BESIDE = ((peers.Nchan, ("B1", "C1")), (peers.Relay, ("C1", "C2")))  # what the rows ask for a share of; and who is durable with less in a row


def in_cluster(cluster, statements):
    """Of ours or of a test's."""
    subprocess.run(["psql", "-Xqd", cluster.conninfo, "-v", "ON_ERROR_STOP=1", "-c", statements], check=True, capture_output=True, timeout=60)


class Stored(peers.Echo):
    """The bare server that stores the two rows of each text before it tells it."""
    name, title, is_durable = "stored", "bare epoll + OpenSSL, and plain rows", True

    def command(self):
        in_cluster(self.ground.cluster, END)
        in_cluster(self.ground.cluster, ROWS)
        return [*super().command(), self.ground.cluster.conninfo, str(PAYLOAD_BYTES), str(RECORD_BYTES)]

    def database_pids(self):
        return self.ground.cluster.pids() if isinstance(self.ground.cluster, peers.Cluster) else []

    def end(self):
        super().end()
        in_cluster(self.ground.cluster, END)


class Longer(workloads.Workloads):
    """The workloads with notes of another length."""
    note = NOTE

    def begin(self, workload):
        return super().begin("\n".join(f"{line} note={self.note}" for line in workload.splitlines()))


def rows_floor(ground, rows, seconds, rate=None):
    """Plain rows, so many ops a commit, one commit after the other or so many a second: the database's CPU for a commit, and how long one takes. Nothing without pgbench, in a cluster that
    is not ours, or when it failed."""
    program, cluster = workloads.pgbench(), ground.cluster
    if not program or not hasattr(cluster, "socket"):
        return {}
    cluster.sql(ROWS)
    cluster.rest()
    text = ONE_COMMIT.format(rows=rows, hash="ab" * 32, stream="018f0000-0000-7000-8000-000000000001", payload=PAYLOAD_BYTES, record=RECORD_BYTES)
    cpu, seen = gauge.Cpu(database=cluster.pids), {}

    def look():  # while its backend is there: what one that has ended has used is not told
        time.sleep(1)
        cpu.mark()
        seen["from"] = time.time()
        time.sleep(seconds)
        seen["spent"], seen["to"] = cpu.spent(), time.time()

    times = sorted(ms for at, ms in workloads.pgbench_commits(program, cluster, text, seconds + 3, rate, look) if seen["from"] <= at < seen["to"])
    if not times:
        return {}
    return {"commit_us": 1e6 * seen["spent"]["database"] / len(times), "p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100]}


def rows_like(ground, ops_append, ops_s, seconds):
    """The database's CPU for each op where a commit has so many, at Gloss's pace: between those of the whole numbers beside it, since most of a small commit is the commit. None as above."""
    few = max(1, math.floor(ops_append))
    share = max(0.0, ops_append - few) if few < MANY else 0.0
    found = [(part, rows_floor(ground, rows, seconds, ops_s and max(1, round(ops_s / rows)))) for rows, part in ((few, 1 - share), (few + 1, share)) if part > 0.05]
    if not all(one for _, one in found):
        return None
    whole = sum(part for part, _ in found)
    return sum(part * one["commit_us"] for part, one in found) / whole / (ops_append if few < MANY else few)


def bytes_each(name, figures):
    return figures["bytes_delivery"] if name == "A1" else figures["bytes_op"] / COPIES[name]


def of_gloss(peer, every, name):
    """What a workload costs Gloss; and how many ops its appends had."""
    before = peer.counted(curve.COUNTERS.values())
    figures = every.run(name)
    after = peer.counted(curve.COUNTERS.values())
    ops, appends = (after[curve.COUNTERS[key]] - before[curve.COUNTERS[key]] for key in ("ops", "appends"))
    return {"server_us": figures["server_us_" + OF[name]], "database_us": figures["database_us_" + OF[name]], "ops_append": ops / max(1, appends), "bytes_each": bytes_each(name, figures),
            "busy": sum(figures[f"{who}_cores"] for who in ("server", "database", "generator")),
            "p99": figures["delivery"]["p99"], "offered": figures.get("offered", PACE[name]), "generator_us": figures["generator_cores"] / figures["server_cores"] * figures["server_us_" + OF[name]] if figures["server_cores"] else 0, "ops_s": figures.get("ops_s")}


def pages_floor(every, readers, bytes_joined):
    """The bare server's CPU for a state of so many bytes, in texts as long as pages, for each client that it goes to."""
    texts = max(1, round(bytes_joined / PAGE_BYTES))
    every.note = PAGE_BYTES
    costs = []
    for count in readers:
        first = every.first["E"]
        with every.begin(f"group readers clients={count} first={first}\ngroup script first={first} rate=1 in_flight=4 total={texts} apart=1") as load:
            load.start("readers")
            costs.append(every.at_once(load, "script", texts)[2]["server"])
    return 1e6 * (costs[1] - costs[0]) / (readers[1] - readers[0])


def of_stored(ground, sizes, run, notes):
    """What each workload costs the server that stores, with messages as long, and how long it takes; and F."""
    with Stored(ground, workloads.sessions_of(sizes)[1]) as peer:
        every, found = Longer(peer, sizes, run.tell), {}
        for name, unit in OF.items():
            every.note = notes[name]
            figures = every.run(name)
            found[name] = {"stored_us": figures["server_us_" + unit] + figures["database_us_" + unit], "stored_ops_s": figures.get("ops_s") if name.startswith("C") else None,
                           "stored_p99": figures["delivery"]["p99"]}
        every.note = notes["C1"]
        found["F"] = every.run("F")
    run.noise += every.noise
    run.remarks += every.remarks
    return found


def counted(name, figures):
    """What the rows compare of a workload: ops a second, or the CPU of one."""
    return figures["ops_s"] if name.startswith("C") else figures["server_us_op"] + figures["database_us_op"]


def of_peers(ground, sizes, run):
    """The workloads of those that the rows name, in the same run: {(name, workload): what is compared}; of one that is not installed, or fails, nothing."""
    found = {}
    for peer_class, names in BESIDE:
        missing = None if sizes.get("is_smoke") else peer_class.missing()
        if missing:
            run.skipped.append(f"{peer_class.title} is not installed: {missing}")
        if missing or sizes.get("is_smoke"):
            continue
        try:
            with peer_class(ground, workloads.sessions_of(sizes)[1]) as peer:
                every = workloads.Workloads(peer, sizes, run.tell)
                found |= {(peer.name, name): counted(name, every.run(name)) for name in names}
                run.noise += every.noise
                run.remarks += every.remarks
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            run.fault(f"{peer_class.name} {names}: {error}")
    return found


def by_peer(line, name, beside):
    """Gloss and the storing server by those that were beside them: ops a second by theirs, or CPU by theirs."""
    which = ("ops_s", "stored_ops_s") if name.startswith("C") else ("gloss_us", "stored_us")
    return {f"{what}_by_{peer}": line[what] / value for (peer, of), value in beside.items() if of == name for what in which if line.get(what) and value}


def together(name, gloss, bare, rows_us):
    """A line of the table: Gloss's costs, the floor's, and one by the other."""
    line = {**gloss, **bare, "rows_us": rows_us, "gloss_us": gloss["server_us"] + gloss["database_us"]}
    line["us_by_stored"] = line["gloss_us"] / line["stored_us"] if line["stored_us"] > 0 else None
    line["ops_by_stored"] = line["ops_s"] / line["stored_ops_s"] if line["stored_ops_s"] else None
    if rows_us is not None:
        line["floor_us"] = line["bare_us"] + rows_us / (COPIES[name] if name == "A1" else 1)
        line["by_floor"] = (line["server_us"] + line["database_us"]) / line["floor_us"]
        line["floor_ops_s"] = 1e6 * CORES / (line["floor_us"] + line["generator_us"]) if name.startswith("C") else None
    return line


def measure_gloss(ground, sizes, run):
    with peers.Gloss(ground, workloads.sessions_of(sizes)[1]) as peer:
        every = workloads.Workloads(peer, sizes, run.tell)
        found = {name: of_gloss(peer, every, name) for name in OF}
        found |= {name: every.run(name) for name in ("E", "F")}
    run.noise += every.noise
    run.remarks += every.remarks
    return found


def measure(ground, sizes, run):
    gloss, bare = measure_gloss(ground, sizes, run), {}
    notes = {name: max(0, round(NOTE + gloss[name]["bytes_each"] - PLAIN_BYTES)) for name in OF}
    with peers.Echo(ground, workloads.sessions_of(sizes)[1]) as peer:
        every = Longer(peer, sizes, run.tell)
        for name, unit in OF.items():
            every.note = notes[name]
            figures = every.run(name)
            bare[name] = {"bare_us": figures["server_us_" + unit], "bare_bytes": bytes_each(name, figures)}
        every.note = notes["C1"]
        quiet = every.run("F")
        pages_us = pages_floor(every, sizes["readers_of_pages"], gloss["E"]["bytes_annotation"] * gloss["E"]["annotations"])
    run.noise += every.noise
    run.remarks += every.remarks
    stored, beside = of_stored(ground, sizes, run, notes), of_peers(ground, sizes, run)
    for name in OF:
        run.figures[name] = together(name, gloss[name], {**bare[name], **stored[name]}, rows_like(ground, gloss[name]["ops_append"], gloss[name]["offered"], sizes["rows_s"]))
        run.figures[name] |= by_peer(run.figures[name], name, beside)
        run.tell(f"  {name}: " + ", ".join(f"{key} {number(value)}" for key, value in run.figures[name].items()))
    lone = rows_floor(ground, 1, sizes["f_s"], 20)
    if not lone and not sizes.get("is_smoke"):
        run.remarks.append("plain rows: pgbench is not there, or failed")
    run.figures["join"] = {"all_p50": gloss["E"]["all"]["p50"], "server_us": gloss["E"]["server_us_join"], "bare_us": pages_us, "by_floor": gloss["E"]["server_us_join"] / pages_us if pages_us > 0 else None}
    run.figures["lone"] = {**{f"{who}_{what}_{part}": figures[what][part] for who, figures in (("gloss", gloss["F"]), ("stored", stored["F"])) for what in ("answer", "delivery") for part in ("p50", "p99")},
                           "bare_p50": quiet["answer"]["p50"], "rows_p50": lone.get("p50"), "rows_p99": lone.get("p99"),
                           "by_floor": gloss["F"]["answer"]["p50"] / (quiet["answer"]["p50"] + lone["p50"]) if lone else None}
    run.tell(f"  E: {run.figures['join']}\n  F: {run.figures['lone']}")


COSTS = (("Gloss: server µs", "server_us"), ("database", "database_us"), ("ops an append", "ops_append"), ("bytes each", "bytes_each"), ("bare server µs", "bare_us"), ("its bytes each", "bare_bytes"),
         ("plain rows, µs an op", "rows_us"), ("floor µs", "floor_us"), ("Gloss by the floor", "by_floor"), ("generator µs", "generator_us"), ("cores busy", "busy"), ("Gloss: ops/s", "ops_s"),
         ("two cores at the floor: ops/s", "floor_ops_s"))
STORED = (("Gloss µs", "gloss_us"), ("storing server µs", "stored_us"), ("Gloss's µs by its", "us_by_stored"), ("Gloss p99 ms", "p99"), ("storing server p99 ms", "stored_p99"), ("Gloss ops/s", "ops_s"),
          ("storing server ops/s", "stored_ops_s"), ("Gloss's ops/s by its", "ops_by_stored"))
BY_PEERS = (("Gloss's µs by nchan's", "gloss_us_by_nchan"), ("storing server's", "stored_us_by_nchan"), ("Gloss's ops/s by nchan's", "ops_s_by_nchan"), ("storing server's", "stored_ops_s_by_nchan"),
            ("Gloss's ops/s by INSERT-then-relay's", "ops_s_by_relay"), ("storing server's", "stored_ops_s_by_relay"))
JOIN = (("Gloss: to the last, p50 ms", "all_p50"), ("server µs a join", "server_us"), ("bare server, the same bytes in as many messages, for one of many who read, without the handshake, µs", "bare_us"), ("Gloss by the floor", "by_floor"))
LONE = (("Gloss acknowledged, p50 ms", "gloss_answer_p50"), ("p99", "gloss_answer_p99"), ("Gloss to another client, p50", "gloss_delivery_p50"), ("its p99", "gloss_delivery_p99"),
        ("storing server acknowledged, p50", "stored_answer_p50"), ("its p99", "stored_answer_p99"), ("storing server to another client, p50", "stored_delivery_p50"), ("and p99", "stored_delivery_p99"),
        ("bare server acknowledged, p50", "bare_p50"), ("plain rows, 20 commits a second, p50", "rows_p50"), ("and p99", "rows_p99"), ("Gloss by bare server and plain rows", "by_floor"))


def lines(figures):
    """The tables of RESULTS.md."""
    return (table.columns(figures, "what an op costs (A1: a delivery), and what it would cost anybody", "", COSTS, lambda one: "ops_append" in one)
            + table.columns(figures, "the same (A1: a delivery) by the storing server: bare, with two rows an op in PostgreSQL before it tells, and nothing else", "", STORED, lambda one: "ops_append" in one)
            + table.columns(figures, "the same beside peers", "", BY_PEERS, lambda one: any("_by_" in key and key.split("_by_")[1] in ("nchan", "relay") for key in one))
            + table.columns(figures, "E: joining a session with 10 000 annotations", "", JOIN, lambda one: "all_p50" in one)
            + table.columns(figures, "F: one op on a quiet server", "", LONE, lambda one: "bare_p50" in one))
