"""storm.py - `run --storm`: thousands arrive at once while others write, in other sessions of the same worker.

Writers and crowd are generators of their own, so that what a crowd costs the program that plays it does not delay what the writers measure. Each of the crowd connects (TLS without a
ticket), signs in and joins; so many of them are under way at a time. Delivery to the writers' own sessions is measured for as long as that takes, and beside it what it is in calm.
"""
import time

import gauge
import peers
import runs
import table
import workloads
from table import number

SIZES = {
    "full": {"crowd": 3000, "at_once": (64, 1000), "calm_s": 4, "writers": {"few write": (4, 40), "many write": (200, 1500)}},
    "quick": {"crowd": 2000, "at_once": (1000,), "calm_s": 2, "writers": {"few write": (4, 40)}},
    "smoke": {"crowd": 40, "at_once": (20,), "calm_s": 0.2, "writers": {"few write": (4, 40)}, "is_smoke": True},
}
SESSIONS, WRITTEN = 100, 20  # the crowd goes to the others
P99_MS = {"few write": 100, "many write": workloads.P99_LIMIT_MS}  # what people take for at once; and what counts as kept up everywhere here


class Storm(workloads.Workloads):
    def __init__(self, peer, sizes, tell):
        super().__init__(peer, sizes | {"b_sessions": 0, "d_sessions": 0}, tell)
        self.crowd = None

    def generators(self):
        return super().generators() + ([self.crowd.process.pid] if self.crowd else [])

    def one(self, clients, rate, at_once):
        count = self.sizes["crowd"]
        with self.begin(f"group writers clients={clients} sessions={min(clients, WRITTEN)} rate={rate}") as load:
            load.start("writers")
            calm, _ = self.measured(self.sizes["calm_s"])
            with self.peer.load(f"group crowd clients={count} first={WRITTEN} sessions={SESSIONS - WRITTEN} tickets=0 at_hello=1 at_once={at_once}") as self.crowd:
                self.cpu.mark()
                load.say("measure")
                begun = time.monotonic()
                self.crowd.say("start", "crowd")
                self.crowd.event("live", workloads.ARRIVE_S, group="crowd")
                took, stormy = time.monotonic() - begun, load.report()
                cores, spent = self.cpu.spent(), self.cpu_all.spent()
            self.crowd = None
            self.settle(["writers"])
        return spent, {"calm": self.latency(calm["groups"]["writers"]["delivery_ms"]), "delivery": self.latency(stormy["groups"]["writers"]["delivery_ms"]), "at_once": at_once,
                "arrivals_s": count / took, "ops_s": stormy["groups"]["writers"]["answered"] / stormy["seconds"],
                       **{f"{who}_cores": cores[who] / cores["seconds"] for who in ("server", "database", "generator")}}


def measure(ground, sizes, run):
    with peers.Gloss(ground, SESSIONS) as peer:
        storm = Storm(peer, sizes, run.tell)
        for name, (clients, rate) in sizes["writers"].items():
            for at_once in sizes["at_once"]:
                with gauge.Noise() as noise:
                    storm.cpu = storm.make_cpu()
                    spent, figures = storm.one(clients, rate, at_once)
                if not sizes.get("is_smoke"):
                    noise.said.update(others=spent["others"], seconds=spent["seconds"], stolen=spent["stolen"])
                    run.noise.append(noise.said)
                run.figures[f"{name}, {at_once} at once"] = figures
                run.tell(f"  {name}, {at_once} at once: delivery p50 {number(figures['calm']['p50'])} to {number(figures['delivery']['p50'])} ms, p99 {number(figures['calm']['p99'])} to "
                         f"{number(figures['delivery']['p99'])}, {number(figures['arrivals_s'])} arrivals/s")
        run.remarks += storm.remarks


COLUMNS = (("delivery in calm: p50 ms", "calm.p50"), ("p99", "calm.p99"), ("while they arrive: p50", "delivery.p50"), ("p99", "delivery.p99"), ("max", "delivery.max"), ("ops/s", "ops_s"),
           ("arrivals/s", "arrivals_s")) + table.BUSY


def lines(figures):
    """The tables of RESULTS.md."""
    found = ["| what | here | at most | |", "|---|---|---|---|"]
    for writers, most in P99_MS.items():
        def worst(one, writers=writers):
            return max((each["delivery"]["p99"] for name, each in one.items() if name.startswith(writers) and each["delivery"]["p99"] is not None), default=None)
        values = runs.middle(figures, worst)
        found.append(f"| p99 of delivery where {writers}, ms | {table.spread(values, len(figures))} | {number(most)} | {table.WORDS[table.is_reached(values[0], table.MOST, most)]} |")
    return found + table.columns(figures, "who arrives, signs in and joins, beside", "", COLUMNS, lambda one: "arrivals_s" in one)
