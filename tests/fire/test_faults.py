#!/usr/bin/python3
"""The faults of faults_net.py and faults_machine.py once each; after each everybody must have the same log again. usage: test_faults.py [--long|--disk|--nodes] [WORD…]

Without an option a few of them, with words those that have all the words in their names. --nodes: on machines made of network namespaces, --disk: PostgreSQL on a
small disk of its own; both need root."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import faults_machine  # noqa: E402
import faults_net  # noqa: E402
import small  # noqa: E402
import strike  # noqa: E402
from faults_machine import DiskFull  # noqa: E402
from faults_net import Cable  # noqa: E402

SHORT = ("database line stalled on its way back", "database line reset", "notifications lost", "people's line stalled both ways", "people's line reset",
         "lock on a stream's row", "lock on annotations", "clock of a server a year forth", "clock of people a year back")


def main():
    options, words = [word for word in sys.argv[1:] if word.startswith("--")], [word for word in sys.argv[1:] if not word.startswith("--")]
    everything = [fault for fault in faults_net.FAULTS + faults_machine.FAULTS if all(word in fault.name for word in words)]
    if "--nodes" in options:
        strike.on_nodes([fault for fault in everything if isinstance(fault, Cable)])
    elif "--disk" in options:
        if small.missing():
            strike.skip(small.missing())
        strike.on_lines([fault for fault in everything if isinstance(fault, DiskFull)], True, kind=small.SmallGround)
    else:
        here = [fault for fault in everything if not isinstance(fault, (Cable, DiskFull))]
        strike.on_lines(here if words or "--long" in options else [fault for fault in here if fault.name in SHORT], "--long" in options)


if __name__ == "__main__":
    main()
