"""costs.py - what Gloss costs, worked out of the runs that were made: costs.json, the one place that capacity.py, and so decisions/capacity.md, has them from.

    missing = costs.write(runs, "costs.json")     # None, or what is not in the runs
    costs.read()["worker_op_us"]

A worker's turn and an op: two unknowns, and two phases of `run --workers` that gather a different number of ops into an append. A delivery: A1, where each is a TLS record of its own, and A2, where they are packed; its bytes: B2, whose sessions have ten people, so that nothing is compressed. What is needed for other workers: the difference to one worker.
"""
import json
import os
import statistics

import runs

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "costs.json")
SESSION = 10  # people, in the calm of curve.py
UNITS = {  # what, in words, for the page
    "worker_turn_us": "a worker: one append, however many ops it has, µs", "worker_op_us": "a worker: one op in it, µs", "worker_delivery_us": "a worker: one op to one client, in a TLS record of its own, µs",
    "worker_packed_us": "a worker: the same, packed with others (A2 at its best; not in the model), µs", "worker_wake_us": "a worker: being told of another's append, µs", "worker_follow_us": "a worker: an op that another worker took, µs",
    "worker_arrival_us": "a worker: somebody arrives (TLS without ticket, sign-in, join), µs", "worker_record_us": "a worker: an annotation of a session that somebody joins (not in the model), µs",
    "database_turn_us": "PostgreSQL: one append, µs", "database_op_us": "PostgreSQL: one op in it, µs", "database_wake_us": "PostgreSQL: telling one worker of it, µs",
    "database_follow_us": "PostgreSQL: an op read by another worker, µs", "database_arrival_us": "PostgreSQL: somebody arrives, µs", "commit_ms": "one commit of many in a row, ms",
    "bytes_connection": "memory of a connection", "bytes_annotation": "memory of an annotation, in a worker that has its session (not in the model)", "bytes_delivery": "bytes on the wire, an op to one client",
    "bytes_op": "bytes on disk, an op with its indexes",
}
CHECKS = (("2 nodes", 2, "together", "calm"), ("2 nodes", 2, "spread", "calm"), ("2 workers", 2, "spread", "calm"))  # what no cost is worked out of


class Missing(Exception):
    """A figure that is not in the runs."""


class Figures:
    """Medians over all runs of a kind."""

    def __init__(self, every):
        self.of = {kind: [run["figures"] for run in runs.of_kind(every, kind)] for kind in runs.KINDS}

    def at(self, kind, name, path):
        value = runs.middle(self.of[kind], lambda one: runs.at(one, name, path))[0]
        if value is None:
            raise Missing(f"{kind}: {name} {path}")
        return value

    def commit_ms(self):
        found = [one["floor"]["commit"]["p50"] for figures in self.of.values() for one in figures if (one.get("floor") or {}).get("commit")]
        if not found:
            raise Missing("the floor of a commit (pgbench)")
        return statistics.median(found)

    def largest(self, kind, prefix, path):
        """Of the figures whose names begin so, that of the largest number."""
        names = {name for one in self.of[kind] for name in one if name.startswith(prefix)}
        if not names:
            raise Missing(f"{kind}: {prefix}")
        return self.at(kind, max(names, key=lambda name: int(name.rsplit(" ", 1)[1])), path)


def two_unknowns(few, many, what):
    """What an append costs and what an op costs: cost of an op = op + append / ops in it."""
    ops, cost = [one["ops_append"] for one in (few, many)], [one[what] for one in (few, many)]
    turn = (cost[0] - cost[1]) / (1 / ops[0] - 1 / ops[1]) if ops[0] != ops[1] else 0.0
    turn = min(max(turn, 0.0), cost[0] * ops[0])
    return turn, max(0.0, cost[1] - turn / ops[1])


def phase(figures, place, which, delivery_us):
    """A phase of a place, without what its deliveries cost."""
    def at(path):
        return figures.at("workers", place, f"{which}.{path}")
    return {"ops_append": at("ops_append"), "server": max(0.0, at("server_us_op") - delivery_us * at("deliveries_op")), "database": at("database_us_op")}


def few_and_many(figures, place, delivery_us):
    """The two phases of a place that are furthest apart in how many ops an append had: of those in which there is always something to do. A lone op costs four times as much, since it finds everything
    cold, and no site that is full has that."""
    found = [phase(figures, place, which, delivery_us) for which in ("calm", "at_most")]
    found.sort(key=lambda one: one["ops_append"])
    return found[0], found[-1]


class Costs(dict):
    """By name; and which of them came out below nothing, as a difference of two phases may on a restless machine: those are nothing."""

    def __init__(self, *of):
        super().__init__(*of)
        self.below = []

    def put(self, name, value):
        self[name] = max(0.0, value)
        if value < 0:
            self.below.append(name)


def worked_out(every):
    figures = Figures(every)

    def gloss(path):
        return figures.at("peers", "gloss", path)
    costs = Costs({"worker_delivery_us": gloss("A1.server_us_delivery"), "worker_packed_us": gloss("A2.server_us_delivery")})
    few, many = few_and_many(figures, "1 worker, together", costs["worker_delivery_us"])
    calm, others, spread = (phase(figures, place, "calm", costs["worker_delivery_us"]) for place in ("1 worker, together", "4 nodes, together", "4 nodes, spread"))
    for who, what in (("worker", "server"), ("database", "database")):
        costs[f"{who}_turn_us"], costs[f"{who}_op_us"] = two_unknowns(few, many, what)
        # Four nodes instead of one: smaller appends, and three that are told of each.
        more = others[what] - calm[what] - costs[f"{who}_turn_us"] * (1 / others["ops_append"] - 1 / calm["ops_append"])
        costs.put(f"{who}_wake_us", more * others["ops_append"] / 3)
        # Clients spread: each op is followed by so many of the other three.
        more = spread[what] - others[what] - costs[f"{who}_turn_us"] * (1 / spread["ops_append"] - 1 / others["ops_append"])
        costs.put(f"{who}_follow_us", more / (expected_nodes(4, SESSION) - 1))
    costs |= {"worker_arrival_us": gloss("D.handshake_us"), "database_arrival_us": gloss("D.database_us"), "worker_record_us": gloss("E.server_us_join") / gloss("E.annotations"),
              "commit_ms": figures.commit_ms(), "bytes_connection": gloss("D.bytes_connection"), "bytes_delivery": gloss("B2.bytes_delivery"),
              "bytes_annotation": figures.largest("large", "text with ", "bytes_each"), "bytes_op": figures.at("long", "long", "bytes_op")}
    return costs


def checks(every):
    figures = Figures(every)
    return [{"place": f"{place}, {layout}", "workers": workers, "is_together": layout == "together", "phase": which,
             **{path: round(figures.at("workers", f"{place}, {layout}", f"{which}.{path}"), 3) for path in ("ops_append", "deliveries_op", "server_us_op", "database_us_op")}}
            for place, workers, layout, which in CHECKS]


def expected_nodes(workers, people):
    """On how many of so many workers somebody of a session is, when each is dealt to any of them."""
    return workers * (1 - (1 - 1 / workers) ** people)


def write(every, path=PATH):
    """Writes the file; gives what is missing in the runs instead, when they are not enough. A storm costs what its arrivals do, which workload D has; floors are others' costs."""
    every = [run for run in every if run["kind"] not in ("storm", "floors")]
    try:
        costs, checked = worked_out(every), checks(every)
    except Missing as missing:
        return str(missing)
    said = {"written by": "tests/bench/run --record", "commits": sorted({run["commit"] for run in every}), "load": [min(run["load"] for run in every), max(run["load"] for run in every)],
            "machine": sorted({run["machine"] for run in every}), "costs": {name: round(costs[name], 3) for name in UNITS}, "below nothing": costs.below, "checks": checked}
    with open(path, "w") as file:
        json.dump(said, file, indent=1)
        file.write("\n")
    return None


def read(path=PATH):
    with open(path) as file:
        return json.load(file)
