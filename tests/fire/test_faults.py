#!/usr/bin/python3
"""The faults of faults_net.py and faults_machine.py once each; after each everybody must have the same log again. usage: test_faults.py [--long|--disk|--nodes] [WORD…]

Without an option a few of them, with words those that have all the words in their names. --nodes: on machines made of network namespaces, --disk: PostgreSQL on a
small disk of its own; both need root."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import faults_machine  # noqa: E402
import faults_net  # noqa: E402
import strike  # noqa: E402
from faults_machine import DiskFull  # noqa: E402
from faults_net import Cable  # noqa: E402
from ground import TimedCluster  # noqa: E402
from lined import LinedGround  # noqa: E402

SHORT = ("database line stalled on its way back", "database line reset", "notifications lost", "people's line stalled both ways", "people's line reset",
         "lock on a stream's row", "lock on annotations", "clock of a server a year forth", "clock of people a year back")
DISK_MB = 256


class SmallCluster(TimedCluster):
    """On a file system of its own, which can be filled."""

    def start(self):
        if not os.path.ismount(self.folder):
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", self.folder], check=True, capture_output=True, timeout=60)
        super().start()

    def fill(self):
        """Takes every byte that is left, and the room that PostgreSQL keeps for itself in files it uses again."""
        with open(os.path.join(self.folder, "ballast"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass

    def use_up(self):
        """Ends the file of the log that is being written: the next one has no room."""
        subprocess.run(["psql", "-Xqtd", self.conninfo, "-c", "select pg_switch_wal()"], capture_output=True, timeout=60)

    def empty(self):
        os.unlink(os.path.join(self.folder, "ballast"))

    def is_running(self):
        return subprocess.run(["psql", "-Xqtd", self.conninfo, "-c", "select 1"], capture_output=True, timeout=60).returncode == 0

    def end(self):
        folder, mounted = self.folder, os.path.ismount(self.folder)
        try:
            super().end()
        finally:
            if mounted:
                subprocess.run(["umount", folder], capture_output=True, timeout=60)
                os.rmdir(folder)


class SmallGround(LinedGround):
    def make_cluster(self):
        return SmallCluster(own=True)


def main():
    options, words = [word for word in sys.argv[1:] if word.startswith("--")], [word for word in sys.argv[1:] if not word.startswith("--")]
    everything = [fault for fault in faults_net.FAULTS + faults_machine.FAULTS if all(word in fault.name for word in words)]
    if "--nodes" in options:
        strike.on_nodes([fault for fault in everything if isinstance(fault, Cable)])
    elif "--disk" in options:
        if os.geteuid() != 0:
            strike.skip("only root can make a small disk")
        strike.on_lines([fault for fault in everything if isinstance(fault, DiskFull)], True, kind=SmallGround)
    else:
        here = [fault for fault in everything if not isinstance(fault, (Cable, DiskFull))]
        strike.on_lines(here if words or "--long" in options else [fault for fault in here if fault.name in SHORT], "--long" in options)


if __name__ == "__main__":
    main()
