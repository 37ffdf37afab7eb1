"""long.py - `run --long`: minutes at half of what is kept up, with people who come and go.

200 sessions of ten who write, each with annotations that change again and again, so that what a worker should keep does not grow once a session has as many ops as
it keeps: the newest ones (100 here, so that this is soon), and four times as many ids as those and an append are together (core/recent.c). And 200 more who come as
somebody new, read everything, stay for five seconds and go. First the limit is looked for as B2 does, then half of it is kept up. Every ten seconds are a window:
p99 of delivery, memory, what an op costs, the sizes of log and indexes, rows alive and dead. Retention is on. At the end everybody has everything, and glossd check looks
at every log. The memory's slope is taken from where all sessions are full; where they are not before the last third, from there, and a remark says so.
"""
import statistics
import time

import curve
import gauge
import peers
import runs
import table
import workloads
from table import number

SIZES = {
    "full": {"minutes": 8, "window_s": 10, "sessions": 200, "comers": 200, "step_s": 2.5, "bisections": 1},
    "quick": {"minutes": 2, "window_s": 5, "sessions": 200, "comers": 200, "step_s": 1.2, "bisections": 0},
    "smoke": {"minutes": 0.02, "window_s": 0.4, "sessions": 4, "comers": 4, "is_smoke": True},
}
CLIENTS, KEPT, STAY_MS, SMOKE_RATE = 10, 16, 5000, 20
SETTINGS = {"recent_ops": 100, "append_max_ops": 256, "retention_ops": 1000, "snapshot_every": 250, "retention_every_ms": "5s"}
FULL_OPS = 1.1 * 4 * (SETTINGS["recent_ops"] + SETTINGS["append_max_ops"])  # of a session: it keeps no more ids; a tenth for those who write less than others
WARM = 0.4  # of the time: newest ops fill, and the oldest ops come to the age at which they go
SLOPE_KIB_S, P99_GROWTH, BYTES_GROWTH = 1, 1.25, 1.25
ROWS = (  # what, figure, at most
    ("memory of the worker: slope, KiB/s", "slope_kib_s", SLOPE_KIB_S),
    ("p99 of delivery, last third by first third", "p99_growth", P99_GROWTH),
    ("server CPU an op, last third by first third", "cost_growth", P99_GROWTH),
    ("log, archive and indexes: bytes an op at the end, by what those at first predict", "log_growth", BYTES_GROWTH),
    ("annotations and streams, which are changed again and again: bytes with indexes, last third by first third", "state_growth", BYTES_GROWTH),
    ("indexes of the log: bytes an op, at the end by at first", "index_growth", BYTES_GROWTH),
    ("ops that retention should have archived and has not, of all", "behind", 0.25),
    ("dead rows in all tables, by rows alive", "dead", 0.5),
)


def slope(points):
    """Theil and Sen: the median of the slopes of all pairs, which a few jumps do not move."""
    found = [(later[1] - earlier[1]) / (later[0] - earlier[0]) for i, earlier in enumerate(points) for later in points[i + 1:] if later[0] > earlier[0]]
    return statistics.median(found) if found else 0.0


class Long(workloads.Workloads):
    def __init__(self, peer, sizes, tell):
        super().__init__(peer, sizes | {"b_sessions": sizes["sessions"], "d_sessions": 0}, tell)
        self.first["B"] = 0
        self.samples = []

    def workload(self):
        sessions = self.sizes["sessions"]
        return (f"group all clients={CLIENTS * sessions} sessions={sessions} rate={CLIENTS * sessions} kept={KEPT}\n"
                f"group comers clients={self.sizes['comers']} sessions={sessions} stay={STAY_MS} tickets=0 page=1")

    def act(self):
        with self.begin(self.workload()) as load:
            self.start_silent(load, "all")
            rate, limit = self.find_rate()
            load.start("comers")
            load.say("set", "all", f"rate={rate}")
            self.keep_up(60 * self.sizes["minutes"])
            load.say("set", "comers", "stay=0")
            self.settle(["all"])
        return {"limit": limit, "rate": rate, **self.judged()}

    def find_rate(self):
        if self.sizes.get("is_smoke"):  # however slow the machine is
            return SMOKE_RATE, 2 * SMOKE_RATE
        limit = self.highest_rate("all", "all", 1000, CLIENTS)["rate"]
        if not limit:
            raise workloads.Lost("no rate is kept up")
        return max(1, limit // 2), limit

    def keep_up(self, seconds):
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            report, spent = self.measured(self.sizes["window_s"])
            everybody, comers = report["groups"]["all"], report["groups"]["comers"]
            self.samples.append({"at": time.monotonic() - begun, "ops_s": everybody["answered"] / report["seconds"], "delivery": self.latency(everybody["delivery_ms"]),
                                 "joined": self.latency(comers["joined_ms"]), "gone": comers["gone"], "bytes": gauge.rss(self.peer.server.workers()),
                                 "others": gauge.rss(set(self.peer.pids()) - set(self.peer.server.workers())), **self.costs(spent, "op", everybody["answered"]), **self.stored()})
            last = self.samples[-1]
            self.tell(f"    {last['at']:5.0f} s: {last['ops_s']:.0f} ops/s, p99 {number(last['delivery']['p99'])} ms, worker {last['bytes'] / 1048576:.1f} MiB, "
                      f"{last['ops']} ops in {last['log_bytes'] / 1048576:.0f} MiB, {last['archived']} archived, {last['dead']} dead rows")

    def stored(self):
        """Sizes and rows, as the database's own statistics have them."""
        rows = self.peer.server.sql("select relname, n_live_tup, n_dead_tup, autovacuum_count, pg_table_size(relid), pg_indexes_size(relid) from pg_stat_user_tables")
        tables = {name: [int(value) for value in values] for name, *values in rows}
        ops = int(self.peer.server.sql("select coalesce(sum(head), 0) from stream where kind = 'session'")[0][0])
        archived = int(self.peer.server.sql("select coalesce(sum(last - first + 1), 0) from archive")[0][0])
        return {"ops": ops, "archived": archived, "log_bytes": tables["op"][3] + tables["op"][4] + tables["archive"][3] + tables["archive"][4], "index_bytes": tables["op"][4],
                "state_bytes": sum(tables[name][3] + tables[name][4] for name in ("annotation", "stream")),
                "dead": sum(values[1] for values in tables.values()), "alive": sum(values[0] for values in tables.values()), "autovacuums": sum(values[2] for values in tables.values())}

    def judged(self):
        """What the samples say."""
        warm = [one for one in self.samples if one["at"] >= WARM * self.samples[-1]["at"]] or self.samples
        third = max(1, len(warm) // 3)
        first, last, end = warm[:third], warm[-third:], self.samples[-1]

        def growth(path):
            values = [statistics.median(runs.at({"x": one}, "x", path) or 0 for one in part) for part in (last, first)]
            return values[0] / values[1] if values[1] else None
        full = [one for one in self.samples if one["ops"] >= FULL_OPS * self.sizes["sessions"]]
        if len(full) < len(last):
            self.remarks.append(f"the long run: sessions had {end['ops'] / self.sizes['sessions']:.0f} ops in the end, and are full with {FULL_OPS:.0f}: the slope of memory has their growth in it")
            full = last
        whole = self.samples[0]  # nothing has been archived yet, nothing is dead
        due = self.sizes["sessions"] * (SETTINGS["retention_ops"] + 2 * SETTINGS["snapshot_every"])
        bytes_op = [one["log_bytes"] / max(1, one["ops"]) for one in (end, whole)]
        index_op = [one["index_bytes"] / max(1, one["ops"]) for one in (end, whole)]
        return {"slope_kib_s": slope([(one["at"], one["bytes"] / 1024) for one in full]), "p99_growth": growth("delivery.p99"), "cost_growth": growth("server_us_op"), "state_growth": growth("state_bytes"),
                "log_growth": bytes_op[0] / bytes_op[1], "index_growth": index_op[0] / index_op[1], "behind": max(0, end["ops"] - end["archived"] - due) / max(1, end["ops"]),
                "dead": end["dead"] / max(1, end["alive"]), "bytes_op": bytes_op[1], "bytes_op_at_end": bytes_op[0], "index_bytes_op": index_op[0],
                "end": end, "p99": statistics.median(one["delivery"]["p99"] or 0 for one in warm), "p999": max(one["delivery"]["p999"] or 0 for one in warm),
                "max": max(one["delivery"]["max"] or 0 for one in self.samples), "comers": sum(one["gone"] for one in self.samples),
                "joined_p99": statistics.median(one["joined"]["p99"] or 0 for one in warm), "server_us_op": statistics.median(one.get("server_us_op", 0) for one in warm),
                "database_us_op": statistics.median(one.get("database_us_op", 0) for one in warm), "minutes": self.samples[-1]["at"] / 60}


def measure(ground, sizes, run):
    with peers.Gloss(ground, sizes["sessions"], settings=SETTINGS) as peer:
        long = Long(peer, sizes, run.tell)
        long.cpu = long.make_cpu()
        if sizes.get("is_smoke"):
            run.figures["long"] = long.act()
        else:
            with gauge.Noise() as noise:
                run.figures["long"], spent = long.act(), long.cpu_all.spent()
            noise.said.update(others=spent["others"], seconds=spent["seconds"], stolen=spent["stolen"])
            run.noise.append(noise.said)
        run.remarks += long.remarks
        curve.stored(peer, run.tell)


COLUMNS = (("ops/s, half of what is kept up", "rate"), ("minutes", "minutes"), ("p99 of delivery ms", "p99"), ("p99.9, worst window", "p999"), ("max", "max"), ("joining p99 ms", "joined_p99"), ("came and went", "comers"),
           ("server µs an op", "server_us_op"), ("database", "database_us_op"), ("bytes of log, archive and indexes an op, at first", "bytes_op"), ("at the end", "bytes_op_at_end"), ("of indexes", "index_bytes_op"), ("autovacuums", "end.autovacuums"))


def lines(figures):
    """The tables of RESULTS.md."""
    found = ["| what | here | at most | |", "|---|---|---|---|"]
    for what, path, most in ROWS:
        values = runs.middle(figures, lambda one, path=path: runs.at(one, "long", path))
        found.append(f"| {what} | {table.spread(values, len(figures))} | {number(most)} | {table.WORDS[table.is_reached(values[0], table.MOST, most)]} |")
    return found + table.columns(figures, "half of what is kept up", "long", COLUMNS, lambda one: True)
