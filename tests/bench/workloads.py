"""workloads.py - the workloads of the numbers to reach, each driven against one server; README.md has them in words.

    measured = Workloads(peer, SIZES["quick"], tell).run("A1")     # a dict of figures

Every workload ends by waiting until everybody has everything, and fails when anything was lost, doubled or changed. Times in milliseconds, CPU in
microseconds, memory in bytes. What is wrong with a figure, but not with the server, is told in `remarks`.
"""
import glob
import math
import shutil
import subprocess
import tempfile
import time

import gauge
import load as loads

RATE_NO_LIMIT = 10000000
P99_LIMIT_MS = 250
SETTLE_S = 120
ARRIVE_S = 600  # thousands
ALONE_S = 3  # of silence before a script begins: nobody else is there (service/core/share.c asks for two)

# How many sessions a workload is about; a server has some for each, since it is used for all of them in turn.
OF_ONE = ("A1", "A2", "C1", "C2", "E", "E100", "F")
ALL = ("D", "A1", "A2", "B1", "B2", "C1", "C2", "E", "F")  # D first: what a server has in memory before nobody else was there

SIZES = {
    "all": {"readers": 1000, "is_halved": True, "a1_s": 10, "step_s": 2.5, "bisections": 2, "b_sessions": 200, "b1_s": 8, "tags": 20000, "idle": (5000, 10000), "annotations": 10000,
            "joins": 21, "many": 100000, "f_s": 15, "d_sessions": 100},
    "quick": {"readers": 1000, "is_halved": False, "a1_s": 3, "step_s": 1.2, "bisections": 1, "b_sessions": 200, "b1_s": 3, "tags": 10000, "idle": (2000,), "annotations": 10000,
              "joins": 3, "many": 0, "f_s": 2, "d_sessions": 100},
    "smoke": {"readers": 40, "is_halved": True, "a1_s": 0.2, "step_s": 0.2, "bisections": 0, "b_sessions": 4, "b1_s": 0.2, "tags": 200, "idle": (20,), "annotations": 200,
              "joins": 2, "many": 0, "f_s": 0.2, "d_sessions": 2, "most_steps": 1, "is_smoke": True},
}
# Where the search for the highest rate begins, in ops a second: not far below what is expected.
BEGIN = {"A2": {"gloss": 400, "hocuspocus": 400, "nchan": 50, "mosquitto": 25, "sharedb": 50, "relay": 25, "echo": 200},
         "B2": {"sharedb": 250}}
BATCH = 64
READERS = 10  # of a script
SLOW_SCRIPTS = (("sharedb", 1), ("sharedb", BATCH), ("mosquitto", BATCH))  # 70 to 440 ops a second: a twentieth of the ops is enough


def sessions_of(sizes):
    """The first session of each workload, and how many there are together."""
    first = {name: number for number, name in enumerate(OF_ONE)}
    first["B"] = len(OF_ONE)
    first["D"] = first["B"] + sizes["b_sessions"]
    return first, first["D"] + sizes["d_sessions"]


class Lost(AssertionError):
    """A server did not keep its promise."""


class Workloads:
    def __init__(self, peer, sizes, tell):
        self.peer, self.sizes, self.tell = peer, sizes, tell
        self.first, _ = sessions_of(sizes)
        self.remarks, self.noise = [], []
        self.load = None

    def run(self, name):
        """The figures of one workload; None when the server has nothing for it."""
        if name in self.peer.lacks:
            return None
        act = getattr(self, name.lower())
        self.cpu = self.make_cpu()
        if self.sizes.get("is_smoke"):
            return act()
        self.rest()
        with gauge.Noise() as noise:
            self.cpu_all.mark()
            figures, spent = act(), self.cpu_all.spent()
        noise.said.update(others=spent["others"], seconds=spent["seconds"], stolen=spent["stolen"])
        self.noise.append(noise.said)
        return {**figures, "noise": noise.said}

    # ---- what they have in common

    def rest(self):
        """What the workload before has left to the database to be done is not measured with this one."""
        if self.peer.database_pids():
            self.peer.ground.cluster.rest()

    def make_cpu(self):
        of = {"server": self.peer.pids, "database": self.peer.database_pids, "generator": self.generators}
        self.cpu_all = gauge.Cpu(**of)
        self.cpu_all.mark()
        return gauge.Cpu(**of)

    def generators(self):
        return [self.load.process.pid] if self.load else []

    def begin(self, workload):
        self.load = self.peer.load(workload)
        return self.load

    def measured(self, seconds):
        """(the generator's report, CPU spent) of this time."""
        self.cpu.mark()
        self.load.say("measure")
        time.sleep(seconds)
        return self.load.report(), self.cpu.spent()

    def settle(self, writers):
        """Everything is answered and has come to everybody, once and in order."""
        try:
            report = self.load.settle(SETTLE_S, writers)
        except AssertionError as error:
            raise Lost(f"{self.peer.name}: {str(error)[:600]}") from None
        lost = sum(group["lost_connections"] for group in report["groups"].values())
        if lost:
            self.remark(f"{lost} connections were lost")
        return report

    def remark(self, words):
        self.remarks.append(f"{self.peer.name}: {words}")
        self.tell(f"    {words}")

    @staticmethod
    def latency(hist):
        return {name: hist.get(name) for name in ("p50", "p99", "p999", "max", "count")}

    def costs(self, spent, unit, count):
        """CPU a unit, in microseconds, and how busy the generator was: above nine tenths of a core it is the limit itself."""
        if not count:
            return {}
        busy = spent["generator"] / spent["seconds"]
        return {f"server_us_{unit}": 1e6 * spent["server"] / count, f"database_us_{unit}": 1e6 * spent["database"] / count, "generator_cores": busy,
                "server_cores": spent["server"] / spent["seconds"], "database_cores": spent["database"] / spent["seconds"]}

    # ---- A: one session, one writer, many who read

    def a_workload(self, name, rate, readers):
        first = self.first[name]
        return f"group readers clients={readers} first={first}\ngroup writer first={first} rate={rate} in_flight=250"

    def a1(self):
        figures = self.fan_out(self.sizes["readers"])
        if self.sizes["is_halved"] and self.peer.name == "gloss":
            figures["half"] = self.fan_out(self.sizes["readers"] // 2)
        return figures

    def fan_out(self, readers):
        with self.begin(self.a_workload("A1", 50, readers)) as load:
            load.start("readers")
            load.start("writer")
            time.sleep(min(1, self.sizes["a1_s"]))
            report, spent = self.measured(self.sizes["a1_s"])
            self.settle(["writer"])
        readers, writer = report["groups"]["readers"], report["groups"]["writer"]
        return {"delivery": self.latency(readers["delivery_ms"]), "answer": self.latency(writer["answer_ms"]), "deliveries_s": readers["deliveries"] / report["seconds"],
                "bytes_delivery": report["bytes_in"] / max(1, readers["deliveries"]), **self.costs(spent, "delivery", readers["deliveries"])}

    def a2(self):
        begin = BEGIN["A2"].get(self.peer.name, 50)
        with self.begin(self.a_workload("A2", begin, self.sizes["readers"])) as load:
            load.start("readers")
            load.start("writer")
            best = self.highest_rate("writer", "readers", begin, self.sizes["readers"])
        return best

    # ---- B: many sessions, everybody writes

    def b_workload(self, rate):
        return f"group all clients={10 * self.sizes['b_sessions']} first={self.first['B']} sessions={self.sizes['b_sessions']} rate={rate}"

    def b1(self):
        rate = 10 * self.sizes["b_sessions"]
        with self.begin(self.b_workload(rate)) as load:
            self.start_silent(load, "all")
            load.say("set all", f"rate={rate}")
            time.sleep(min(1, self.sizes["b1_s"]))
            report, spent = self.measured(self.sizes["b1_s"])
            self.settle(["all"])
        everybody = report["groups"]["all"]
        return {"delivery": self.latency(everybody["delivery_ms"]), "answer": self.latency(everybody["answer_ms"]), "offered": rate,
                "ops_s": everybody["answered"] / report["seconds"], "deliveries_s": everybody["deliveries"] / report["seconds"],
                "bytes_op": report["bytes_in"] / max(1, everybody["answered"]), **self.costs(spent, "op", everybody["answered"])}

    def b2(self):
        begin = BEGIN["B2"].get(self.peer.name, 1000)
        with self.begin(self.b_workload(begin)) as load:
            self.start_silent(load, "all")
            return self.highest_rate("all", "all", begin, 10 if self.peer.dialect != "sharedb" else 9)

    # ---- the highest rate that is kept up

    def highest_rate(self, writers, readers, begin, copies):
        """The highest rate that is kept up: doubled until two in a row are not (one may fail where the next does not: who has more to send packs it), divided by three where none is,
        then half the way up to the next that was not. Kept up: p99 of delivery below the limit, and what is due comes."""
        tried = {}  # rate: figures, or None when it was not kept up

        def keeps_up(rate):
            figures = self.try_rate(writers, readers, rate, copies)
            p99 = figures["delivery"]["p99"]
            is_good = p99 is not None and p99 < P99_LIMIT_MS and figures["kept_up"] > 0.85
            tried[rate] = figures if is_good else None
            self.tell(f"    {rate:>6} ops/s: {figures['deliveries_s']:>9.0f} deliveries/s, p99 {'-' if p99 is None else format(p99, '.1f')} ms{'' if is_good else '  too much'}")
            return is_good

        steps, rate, failed = self.sizes.get("most_steps", 14), begin, 0
        while failed < 2 and rate <= 100000 and len(tried) < steps:
            failed = 0 if keeps_up(rate) else failed + 1
            rate *= 2
        rate = begin
        while not any(tried.values()) and rate > 4 and len(tried) < steps:
            rate = max(1, rate // 3)
            keeps_up(rate)
        if not any(tried.values()):
            self.remark("no rate was kept up")
            return {"rate": 0, "deliveries_s": 0, "ops_s": 0}
        for _ in range(self.sizes["bisections"] + (rate < begin)):  # below what it began with steps are three times, not twice
            good = max(rate for rate, figures in tried.items() if figures)
            above = [rate for rate in tried if rate > good]
            if above and len(tried) < steps:
                keeps_up(round(math.sqrt(good * min(above))))
        good = max(rate for rate, figures in tried.items() if figures)
        if tried[good].get("generator_cores", 0) > 0.9:
            self.remark(f"the generator itself took {tried[good]['generator_cores']:.2f} cores at {good} ops/s")
        return tried[good]

    def try_rate(self, writers, readers, rate, copies):
        self.load.say("set", writers, f"rate={rate}")
        time.sleep(min(0.5, self.sizes["step_s"]))
        report, spent = self.measured(self.sizes["step_s"])
        self.settle([writers])
        group, writing = report["groups"][readers], report["groups"][writers]
        return {"rate": rate, "delivery": self.latency(group["delivery_ms"]), "deliveries_s": group["deliveries"] / report["seconds"],
                "ops_s": writing["answered"] / report["seconds"], "kept_up": group["deliveries"] / report["seconds"] / (rate * copies),
                "bytes_delivery": report["bytes_in"] / max(1, group["deliveries"]), **self.costs(spent, "delivery", group["deliveries"]), **self.costs(spent, "op", writing["answered"])}

    # ---- C: one script

    def script(self, name, batch, in_flight, apart):
        tags = self.sizes["tags"] // (20 if (self.peer.name, batch) in SLOW_SCRIPTS else 1)
        workload = (f"group readers clients={READERS} first={self.first[name]}\n"
                    f"group script first={self.first[name]} rate=1 batch={batch} in_flight={in_flight} total={tags} apart={apart}")
        with self.begin(workload) as load:
            load.start("readers")
            time.sleep(0 if self.sizes.get("is_smoke") else ALONE_S)
            settled, report, spent = self.at_once(load, "script", tags)
        read = report["groups"]["readers"]["deliveries"]
        if read != READERS * tags:
            raise Lost(f"{self.peer.name}: {READERS} readers were sent {read} ops of {tags} each")
        seconds = max(settled["ms"], 0.001) / 1000
        return {"ops_s": tags / seconds, "seconds": seconds, "tags": tags, **self.costs(spent, "op", tags), "bytes_op": report["bytes_in"] / tags,
                "delivery": self.latency(report["groups"]["readers"]["delivery_ms"]), "answer": self.latency(report["groups"]["script"]["answer_ms"])}

    @staticmethod
    def start_silent(load, group):
        """Everybody is there before anybody says anything."""
        load.say("start", group + "\nset", group, "rate=0")
        load.event("live", group=group)

    def at_once(self, load, group, count):
        """The group makes all of its ops as fast as it may, so many, and everybody has them: (the event, the report, CPU)."""
        self.start_silent(load, group)
        self.cpu.mark()
        load.say("measure\nset", group, f"rate={RATE_NO_LIMIT}\nsettle", 1000 * SETTLE_S)
        settled, spent = load.event("settled", SETTLE_S + 30), self.cpu.spent()
        report = load.report()
        if settled["behind"] or any(report[fault] for fault in loads.FAULTS):
            raise Lost(f"{self.peer.name}: {settled['behind']} clients lack something: {report['fault']} {report}")
        if report["groups"][group]["answered"] != count:  # a refusal is an answer, too, and comes sooner
            raise Lost(f"{self.peer.name}: {report['groups'][group]['answered']} of {count} ops were accepted: {report}")
        return settled, report, spent

    def c1(self):
        return self.script("C1", 1, 64, 1)

    def c2(self):
        return self.script("C2", BATCH, 4 * BATCH, 0)

    # ---- D: many who only listen

    def d(self):
        steps, before = [], 0
        for count in self.sizes["idle"]:
            steps.append((f"idle{count}", count, count - before))
            before = count
        workload = "\n".join(f"group {name} clients={more} first={self.first['D']} sessions={self.sizes['d_sessions']} tickets=0 at_hello=1 at_once=32"
                             for name, _, more in steps)
        figures = {}
        with self.begin(workload) as load:
            begun, database_begun = gauge.rss(self.peer.pids()), gauge.rss(self.peer.database_pids())
            for name, count, more in steps:
                self.cpu.mark()
                load.say("start", name)
                live = load.event("live", ARRIVE_S, group=name)
                spent = self.cpu.spent()
                time.sleep(1 if count > 100 else 0)
                figures[str(count)] = {"bytes_connection": (gauge.rss(self.peer.pids()) - begun) / count, "handshake_us": 1e6 * spent["server"] / more,
                                       "database_us": 1e6 * spent["database"] / more, "arrivals_s": 1000 * more / max(live["ms"], 0.001),
                                       "database_bytes_connection": (gauge.rss(self.peer.database_pids()) - database_begun) / count}
            self.settle([])
        return {**figures, "bytes_connection": figures[str(before)]["bytes_connection"], "handshake_us": figures[str(before)]["handshake_us"],
                "database_us": figures[str(before)]["database_us"], "arrivals_s": figures[str(before)]["arrivals_s"]}

    # ---- E: a session that has much in it

    def e(self):
        figures = self.join("E", self.sizes["annotations"])
        if self.sizes["many"] and self.peer.name == "gloss":
            figures["many"] = self.join("E100", self.sizes["many"])
        return figures

    def join(self, name, count):
        first = self.first[name]
        is_mqtt = self.peer.dialect == "mqtt"
        with self.begin(f"group script first={first} rate=1 batch={1 if is_mqtt else BATCH} in_flight=192 total={count} retained={int(is_mqtt)}\n"
                        f"group proof clients=1 first={first} page=1 prove=1 records={count}\n"
                        f"group joiners clients={self.sizes['joins']} first={first} at_once=1 page=1 records={count}") as load:
            self.at_once(load, "script", count)
            load.start("proof")
            self.cpu.mark()
            load.say("measure")
            load.start("joiners")
            spent, report = self.cpu.spent(), load.report()
            self.settle([])
        joiners = report["groups"]["joiners"]
        return {"annotations": count, "all": self.latency(joiners["joined_ms"]), "first": self.latency(joiners["first_page_ms"]),
                "bytes_annotation": report["bytes_in"] / self.sizes["joins"] / count, **self.costs(spent, "join", self.sizes["joins"])}

    # ---- F: one op on a quiet server

    def f(self):
        with self.begin(f"group other first={self.first['F']}\ngroup one first={self.first['F']} rate=20") as load:
            load.start("other")
            load.start("one")
            time.sleep(min(0.5, self.sizes["f_s"]))
            report, spent = self.measured(self.sizes["f_s"])
            self.settle(["one"])
        one, other = report["groups"]["one"], report["groups"]["other"]
        is_beside = self.peer.name == "gloss" and not self.sizes.get("is_smoke")
        return {"answer": self.latency(one["answer_ms"]), "delivery": self.latency(other["delivery_ms"]), **self.costs(spent, "op", one["answered"]),
                "floor": commit_floor(self.peer.ground.cluster, self.sizes["f_s"], 20) if is_beside else None}


def pgbench():
    return shutil.which("pgbench") or next(iter(sorted(glob.glob("/usr/lib/postgresql/*/bin/pgbench"), reverse=True)), None)


def pgbench_commits(program, cluster, text, seconds, rate=None, beside=lambda: None):
    """(when it ended, how long it took in milliseconds) of each commit of these statements, one after the other or so many a second; from when pgbench sends it: how late it was to do so,
    which it counts as well, is taken off. `beside` is called while they go on. Nothing when it failed."""
    with tempfile.TemporaryDirectory(prefix="gloss-bench-commit.") as folder:
        with open(folder + "/one.sql", "w") as file:
            file.write(" ".join(text.split()) + "\n")
        with subprocess.Popen([program, "-n", "-h", cluster.socket, "-U", "postgres", "-M", "prepared", "-c", "1", "-T", str(max(1, int(seconds))), "-f", folder + "/one.sql",
                               "-l", *(["-R", str(rate)] if rate else []), "postgres"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                beside()
                process.wait(60 + seconds)
            except BaseException:
                process.kill()
                raise
        found = []
        for path in glob.glob(folder + "/pgbench_log*"):
            with open(path) as file:
                rows = [list(map(int, line.split())) for line in file if line.strip()]
                found += [(row[4] + row[5] / 1e6, (row[2] - (row[6] if rate else 0)) / 1000) for row in rows]
    return [] if process.returncode else found


def commit_floor(cluster, seconds, rate=None):
    """One row, one commit, in this cluster: milliseconds (p50 and p99), by pgbench; None without it. One after the other, or so many a second, as F has them: the machine has gone idle
    between."""
    program = pgbench()
    if not program or not hasattr(cluster, "socket"):
        return None
    cluster.sql("create table if not exists one_commit (n bigint generated always as identity primary key, body text)")
    times = sorted(ms for _, ms in pgbench_commits(program, cluster, "insert into one_commit (body) values (repeat('x', 300));", seconds, rate))
    return {"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100], "count": len(times)} if times else None
