"""standby.py - a PostgreSQL of two: a primary and its standby by streaming replication. The primary can be lost, the standby take its place, and get a new standby.

    pair = Pair(synchronous=True)
    with Server(cluster=pair, ...) as server:
        pair.lose_primary()          # kill -9 of all of it
        pair.promote()               # the other one takes writes
        pair.renew()                 # and gets a standby of its own: everything can begin again

Owns      two folders below /tmp, each as service/deps/private-postgres has it (with its unprivileged user); gone at the end.
Conninfo  names both; whoever can write is the one that is meant.
"""
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

import server as support

TOOL = support.DEPS + "/private-postgres"
LIMIT_S = support.LIMIT_S


def programs():
    """Where PostgreSQL's programs are; None when there are none."""
    found = sorted((int(name), f"/usr/lib/postgresql/{name}/bin") for name in os.listdir("/usr/lib/postgresql")
                   if name.isdigit()) if os.path.isdir("/usr/lib/postgresql") else []
    return next((folder for _, folder in reversed(found) if os.access(folder + "/pg_basebackup", os.X_OK)), None)


def missing():
    """Why there can be no pair here; None when there can."""
    return support.missing() or (None if programs() else "PostgreSQL's pg_basebackup is missing")


class Half:
    """One of the two."""

    def __init__(self, folder):
        self.folder = folder
        self.conninfo = None

    @property
    def data(self):
        return self.folder + "/data"

    def start(self):
        done = subprocess.run([TOOL, "start", self.folder, "--test"], capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, f"{self.folder}: {done.stderr}"
        self.conninfo = done.stdout.strip()

    def host(self):
        return self.conninfo.split("'")[1]

    def sql(self, statement):
        done = subprocess.run(["psql", "-XAtqd", self.conninfo, "-F", "\t", "-c", statement], capture_output=True, text=True, timeout=LIMIT_S)
        assert done.returncode == 0, done.stderr
        return [line.split("\t") for line in done.stdout.splitlines()]

    def processes(self):
        """Its processes have the data folder as their own, whatever a pid file says; the postmaster first."""
        def is_ours(pid):
            try:
                return os.readlink(f"/proc/{pid}/cwd") == self.data
            except OSError:
                return False
        return sorted((pid for pid in support.all_pids() if is_ours(pid)), key=lambda pid: support.session_of(pid) != pid)

    def send(self, number):
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        """As if its machine had lost its power: nobody of it says a word more."""
        self.send(signal.SIGSTOP)
        self.send(signal.SIGKILL)
        support.wait_until(f"{self.folder} is dead", lambda: not self.processes())

    def destroy(self):
        self.send(signal.SIGKILL)
        subprocess.run([TOOL, "destroy", self.folder], capture_output=True, timeout=LIMIT_S)
        shutil.rmtree(self.folder, ignore_errors=True)


class Pair(support.Cluster):
    def __init__(self, synchronous=True):
        self.synchronous = synchronous
        self.folder = tempfile.mkdtemp(prefix="gloss-pair.", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.primary, self.standby = Half(self.folder + "/a"), Half(self.folder + "/b")
        try:
            self.primary.start()
            self.owner = pwd.getpwuid(os.stat(self.primary.data).st_uid)
            self.renew()
        except BaseException:
            self.end()
            raise
        hosts = sorted(half.host() for half in (self.primary, self.standby))
        self.conninfo = f"host='{','.join(hosts)}' user=postgres target_session_attrs=read-write dbname=postgres"

    def start(self):
        """Both of them are started by themselves."""

    def postmaster(self):
        return self.primary.processes()[0]

    def sql(self, statement):
        return self.primary.sql(statement)

    # ---- a new standby, in the place of what was there

    def renew(self):
        folder = self.standby.folder
        self.standby.destroy()
        os.makedirs(folder)
        open(folder + "/lock", "w").close()  # private-postgres takes the folder for its own
        shutil.chown(folder, self.owner.pw_uid, self.owner.pw_gid)
        self.copy(self.standby.data)
        self.standby.start()
        self.set_synchronous("*" if self.synchronous else "")
        wanted = "sync" if self.synchronous else "async"
        support.wait_until(f"the standby follows ({wanted})", lambda: [[wanted, "streaming"]] == self.sql("select sync_state, state from pg_stat_replication"), LIMIT_S)

    def copy(self, data):
        command = [programs() + "/pg_basebackup", "-D", data, "-d", self.primary.conninfo + " application_name=standby", "-R", "-c", "fast", "-X", "stream", "--no-sync"]
        if os.geteuid() != self.owner.pw_uid:
            command = ["setpriv", "--reuid", str(self.owner.pw_uid), "--regid", str(self.owner.pw_gid), "--init-groups", "--", *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=180, cwd="/")
        assert done.returncode == 0, done.stderr
        with open(data + "/postgresql.auto.conf", "a") as file: # alone it must not wait for a standby of its own
            file.write("synchronous_standby_names = ''\n")

    def set_synchronous(self, names):
        self.sql(f"alter system set synchronous_standby_names = '{names}'")
        self.sql("select pg_reload_conf()")

    # ---- what happens to them

    def lose_primary(self):
        self.primary.kill()

    def kill(self):
        self.lose_primary()

    def promote(self):
        """The standby takes writes. Gives how long that took, in seconds."""
        begin = time.monotonic()
        assert self.standby.sql("select pg_promote(true, 60)") == [["t"]], "the standby was not promoted"
        support.wait_until("it takes writes", lambda: self.standby.sql("select pg_is_in_recovery()") == [["f"]], LIMIT_S, 0.005)
        took = time.monotonic() - begin
        self.primary, self.standby = self.standby, self.primary
        return took

    def wait_followed(self):
        """Until the standby has all that there is."""
        support.wait_until("the standby has all", lambda: self.sql("select replay_lsn >= pg_current_wal_insert_lsn() from pg_stat_replication") == [["t"]], LIMIT_S)

    def stop_following(self):
        """The standby gets nothing more; what is committed from here on, without waiting for it, it does not know."""
        self.standby.sql("alter system set primary_conninfo = ''")
        self.standby.sql("select pg_reload_conf()")
        support.wait_until("the standby follows no more", lambda: not self.sql("select from pg_stat_replication"), LIMIT_S)

    def go_back(self):
        """The primary is lost, and the standby, which may not have all of it, takes its place."""
        self.lose_primary()
        return self.promote()

    def stall_standby(self):
        self.standby.send(signal.SIGSTOP)

    def wake_standby(self):
        self.standby.send(signal.SIGCONT)

    def stop(self):
        self.end()

    def end(self):
        for half in (self.primary, self.standby):
            half.send(signal.SIGCONT)
            half.destroy()
        shutil.rmtree(self.folder, ignore_errors=True)
