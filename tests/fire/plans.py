"""plans.py - which faults are struck, on which servers, and how much must have come of it."""
import glob
import importlib
import os
import random

import faults
import lab as labs
import small
import standby
from ground import Ground
from lined import LinedGround

HERE = os.path.dirname(os.path.abspath(__file__))
# rate: of ops that each asks for in a second. Twice as many keep two cores, on which clients, servers and database are, as busy as they can be; then it is the clients that are slow to come back.
SIZES = {"herd": 36, "visitors": 12, "posters": 12, "rate": 6, "in_flight": 4, "accounts": 6, "sessions": 10}
SHORT_SIZES = {"herd": 24, "visitors": 6, "posters": 6, "rate": 1.5, "in_flight": 3, "accounts": 2, "sessions": 4}  # with sanitizers, beside other tests
PROMISED = {"worker kills": 200, "PostgreSQL kills": 30, "kills at the first delivery": 200, "acknowledged ops": 200_000, "unknown outcomes": 50, "failovers": 10}
LIMIT_MS = 2000  # until everybody has everything again: asserted in the long run only
ACKNOWLEDGED = {"one": 46_000, "nodes": 46_000, "pair": 0, "lines": 20_000}  # ops of a leg of the long run, at least; the failovers need none
SOON = {"statement_timeout_ms": 1500, "append_timeout_ms": 2000}  # where lines fail and cables are cut, and deadlines are waited for

# name, or the words with which names begin -> how often in the short run, and in each leg of the long one: on one server, on two machines, with a primary and its
# standby, on two servers whose lines can fail
OFTEN = {
    "failover": (0, 0, 0, 10),
    "worker": (2, 40, 40, 10, 12), "all workers": (1, 8, 6, 0, 2), "postgres": (1, 8, 8, 0, 3), "backend": (1, 7, 6, 0, 2), "supervisor": (1, 3, 3, 0, 1),
    "helper": (1, 2, 2), "keeper": (1, 2, 2), "stranger": (1, 1, 1), "descriptors exhausted": (0, 2, 0, 0, 2),
    "worker stopped": (1, 2, 2, 0, 1), "worker stuck": (0, 1, 1), "supervisor stopped": (0, 1, 1), "helpers stopped": (0, 1, 1), "keepers stopped": (0, 1, 1),
    "backends stopped": (1, 2, 2, 0, 1), "postgres stopped": (0, 2, 2, 0, 1),
    "database line": (0, 0, 0, 0, 1), "people's line": (0, 0, 0, 0, 2), "notifications lost": (0, 0, 0, 0, 2), "cable cut": (0, 0, 1),
    "lock on": (0, 0, 0, 0, 1), "clock of": (0, 0, 0, 0, 1), "database's disk full": (0, 0, 0, 0, 1),
}
COLUMNS = {"one": 1, "nodes": 2, "pair": 3, "lines": 4}


def often(fault, column):
    """The row with its name, or else the one whose words it begins with."""
    row = OFTEN.get(fault.name) or next((row for words, row in OFTEN.items() if fault.name.startswith(words + " ")), ())
    return sum(row[column:column + 1])


class Leg:
    """One server or pair of servers, and what happens to it."""

    def __init__(self, name, chosen, sizes, acknowledged=0, limit_ms=None, kind=Ground, **ground):
        """kind: of ground; ground: what it takes, workers among it."""
        self.name, self.faults, self.sizes, self.acknowledged, self.limit_ms, self.kind, self.ground = name, chosen, sizes, acknowledged, limit_ms, kind, ground

    @property
    def option(self):
        """Of run, by which this leg alone is run; None: --workers."""
        return {"two machines": "--nodes", "failover": "--failover", "lines": "--lines"}.get(self.name)


def all_faults():
    """Of faults.py and of every faults_*.py beside it."""
    others = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(HERE, "faults_*.py")))
    return faults.FAULTS + [fault for name in others for fault in getattr(importlib.import_module(name), "FAULTS", [])]


def draw(arguments, column, salt):
    """So many of each, in an order that the seed decides."""
    found = all_faults()
    wanted = {fault.name: often(fault, column) for fault in found}
    if arguments.only:
        names = arguments.only.split(",")
        unknown = set(names) - set(wanted)
        if unknown:
            raise SystemExit(f"run: there is no fault {', '.join(sorted(unknown))}; --list has them")
        wanted = {name: max(1, wanted[name]) if name in names else 0 for name in wanted}
    chosen = [fault for fault in found for _ in range(wanted[fault.name])]
    random.Random(f"{arguments.seed} {salt}").shuffle(chosen)
    return chosen


def make(arguments):
    """The legs of a run, one after the other."""
    sizes = dict(SIZES if arguments.long else SHORT_SIZES)
    if arguments.clients:
        sizes.update(zip(("herd", "visitors", "posters"), map(int, arguments.clients.split(","))))
    is_one = arguments.workers or arguments.nodes or arguments.failover or arguments.lines
    if not arguments.long:
        yield leg(arguments, sizes, "nodes" if arguments.nodes else "pair" if arguments.failover else "lines" if arguments.lines else "one", arguments.workers or 2)
        return
    for workers in (1, 2, 4) if not is_one else (arguments.workers,) if arguments.workers else ():
        yield leg(arguments, sizes, "one", workers)
    if arguments.nodes or not (is_one or labs.missing()):
        yield leg(arguments, sizes, "nodes", 2)
    if arguments.failover or not (is_one or standby.missing()):
        yield leg(arguments, sizes, "pair", 2)
    if arguments.lines or not is_one:
        yield leg(arguments, sizes, "lines", 2)


def leg(arguments, sizes, which, workers):
    name = {"one": f"{workers} workers", "nodes": "two machines", "pair": "failover", "lines": "lines"}[which]
    column = COLUMNS[which] if arguments.long or which in ("pair", "lines") else 0
    limit_ms, acknowledged = (LIMIT_MS, 0 if arguments.only else ACKNOWLEDGED[which]) if arguments.long else (None, 0)
    more = {"nodes": {"nodes": True, "settings": SOON}, "pair": {"pair": True}, "lines": {"settings": SOON, "kind": LinedGround if small.missing() else small.SmallGround}}.get(which, {})
    return Leg(name, draw(arguments, column, name), sizes, acknowledged, limit_ms, workers=workers, **more)
