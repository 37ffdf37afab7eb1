"""plans.py - which faults are struck, on which servers, and how much must have come of it."""
import glob
import importlib
import os
import random

import faults
import lab as labs
import standby

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = {"herd": 36, "visitors": 12, "posters": 12, "rate": 12, "in_flight": 4, "accounts": 6, "sessions": 10}
SHORT_SIZES = {"herd": 24, "visitors": 6, "posters": 6, "rate": 1.5, "in_flight": 3, "accounts": 2, "sessions": 4}  # with sanitizers, beside other tests
PROMISED = {"worker kills": 200, "PostgreSQL kills": 30, "kills at the first delivery": 200, "acknowledged ops": 200_000, "unknown outcomes": 50, "failovers": 10}
LIMIT_MS = 2000  # until everybody has everything again: asserted in the long run only

# name -> how often in the short run, in a leg of the long run on one server, in that on two machines, and in that on a primary with a standby
OFTEN = {
    "failover": (0, 0, 0, 10),
    "worker": (2, 40, 40, 10), "all workers": (1, 8, 6), "postgres": (1, 8, 8), "backend": (1, 7, 6), "supervisor": (1, 3, 3), "helper": (1, 2, 2), "keeper": (1, 2, 2),
    "worker stopped": (1, 2, 2), "worker stuck": (0, 1, 1), "supervisor stopped": (0, 1, 1), "helpers stopped": (0, 1, 1), "keepers stopped": (0, 1, 1),
    "backends stopped": (1, 2, 2), "postgres stopped": (0, 2, 2), "stranger": (1, 1, 1),
}


class Leg:
    """One server or pair of servers, and what happens to it."""

    def __init__(self, name, chosen, sizes, acknowledged=0, limit_ms=None, **ground):
        """ground: what ground.Ground takes, workers among it."""
        self.name, self.faults, self.sizes, self.acknowledged, self.limit_ms, self.ground = name, chosen, sizes, acknowledged, limit_ms, ground


def all_faults():
    """Of faults.py and of every faults_*.py beside it."""
    others = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(HERE, "faults_*.py")))
    return faults.FAULTS + [fault for name in others for fault in getattr(importlib.import_module(name), "FAULTS", [])]


def draw(arguments, column, salt):
    """So many of each, in an order that the seed decides."""
    found = all_faults()
    often = {fault.name: sum(OFTEN.get(fault.name, ())[column:column + 1]) for fault in found}
    if arguments.only:
        names = arguments.only.split(",")
        unknown = set(names) - set(often)
        if unknown:
            raise SystemExit(f"run: there is no fault {', '.join(sorted(unknown))}; --list has them")
        often = {name: max(1, often[name]) if name in names else 0 for name in often}
    chosen = [fault for fault in found for _ in range(often[fault.name])]
    random.Random(f"{arguments.seed} {salt}").shuffle(chosen)
    return chosen


def make(arguments):
    sizes = dict(SIZES if arguments.long else SHORT_SIZES)
    if arguments.clients:
        sizes.update(zip(("herd", "visitors", "posters"), map(int, arguments.clients.split(","))))
    if not arguments.long:
        workers = arguments.workers or 2
        name = "two machines" if arguments.nodes else "failover" if arguments.failover else f"{workers} workers"
        column = 3 if arguments.failover else 0
        yield Leg(name, draw(arguments, column, name), sizes, workers=workers, nodes=arguments.nodes, pair=arguments.failover)
        return
    everything = not (arguments.workers or arguments.nodes or arguments.failover)
    share = 0 if arguments.only else PROMISED["acknowledged ops"] // 4 + 500
    for workers in (1, 2, 4) if everything else (arguments.workers,) if arguments.workers else ():
        name = f"{workers} workers"
        yield Leg(name, draw(arguments, 1, name), sizes, share, LIMIT_MS, workers=workers)
    if arguments.nodes or (everything and not labs.missing()):
        yield Leg("two machines", draw(arguments, 2, "two machines"), sizes, share, LIMIT_MS, workers=2, nodes=True)
    if arguments.failover or (everything and not standby.missing()):
        yield Leg("failover", draw(arguments, 3, "failover"), sizes, 0, LIMIT_MS, workers=2, pair=True)
