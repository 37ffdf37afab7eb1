"""small.py - PostgreSQL on a small disk of its own, which can be filled: a file system in memory. Root only.

    with SmallGround(folder, seed, sizes=SIZES) as ground:        # else as lined.LinedGround
        ground.cluster.fill()

Owns      the mount; it is gone at the end, also when the run is broken off in order.
"""
import os
import subprocess
import tempfile

from ground import TimedCluster
from lined import LinedGround

DISK_MB = 768


def mount(folder):
    return subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", folder], capture_output=True, text=True, timeout=60)


def unmount(folder):
    subprocess.run(["umount", folder], capture_output=True, timeout=60)


def missing():
    """Why there can be none here; None when there can."""
    if os.geteuid() != 0:
        return "only root can make a small disk"
    with tempfile.TemporaryDirectory(prefix="gloss-disk.", dir="/tmp") as folder:
        done = mount(folder)
        if done.returncode:
            return f"no small disk can be made here: {done.stderr.strip()}"
        unmount(folder)
    return None


class SmallCluster(TimedCluster):
    """On a file system of its own, which can be filled."""

    def start(self):
        if not os.path.ismount(self.folder):
            mount(self.folder).check_returncode()
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
                unmount(folder)
                os.rmdir(folder)


class SmallGround(LinedGround):
    def make_cluster(self):
        return SmallCluster(own=True)
