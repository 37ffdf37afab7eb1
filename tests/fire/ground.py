"""ground.py - where a fire test takes place: servers, PostgreSQL, projects with sessions, and sixty clients; and what becomes of a fault there.

    with Ground(folder, seed, workers=2, sizes=SIZES) as ground:
        ground.strike(fault)          # does it, and measures how long until everybody has the same again
        ground.finish()               # everything is answered, and stored.jsonl has what PostgreSQL holds

Owns      the servers and the cluster, and `faults.jsonl` in the folder: what was done, and what was measured.
Errors    AssertionError for a fault that did not bite, and for clients that do not come back.
"""
import contextlib
import json
import os
import random
import subprocess
import sys
import time

import lab as labs
import server as support
import standby
import stored
from client import Client
from company import Company
from history import History
from server import wait_until

TEXT = "abcdefghijklmnopqrstuvwxyz " * 8
GIVE_UP_S = 180


class Project:
    def __init__(self, name, users):
        self.name, self.users, self.sessions = name, users, []  # sessions: (id, brief)


class Timed:
    """A cluster that remembers when each transaction was committed."""

    def start(self):
        is_first = not self.conninfo
        super().start()
        if is_first:
            subprocess.run(["psql", "-Xqd", self.conninfo, "-c", "alter system set track_commit_timestamp = on"], check=True, capture_output=True, timeout=60)
            self.stop()
            super().start()


class TimedCluster(Timed, support.Cluster):
    """On this machine."""


class TimedNetCluster(Timed, labs.NetCluster):
    """On a machine of its own."""


class Ground:
    length = len(TEXT)
    lab = None

    def __init__(self, folder, seed, workers=1, nodes=False, sizes=None, settings=None, pair=False):
        self.folder, self.seed, self.workers, self.nodes, self.pair = folder, seed, workers, nodes, pair
        self.sizes, self.settings = sizes, {"append_timeout_ms": 3000, "drain_timeout_ms": 30000, **(settings or {})}
        self.rng = random.Random(f"{seed} ground")
        self.begin, self.began_at = time.monotonic(), time.time()
        self.servers, self.projects, self.cluster, self.herd = [], [], None, None
        self.done = []  # what was struck, as in faults.jsonl
        self.stack = contextlib.ExitStack()

    # ---- from nothing to a full house

    def __enter__(self):
        try:
            self.make_servers()
            self.make_projects()
            self.herd = self.stack.enter_context(Company(self, self.sizes))
            self.herd.reach(self.heads(), GIVE_UP_S)
        except BaseException:
            self.salvage()
            self.__exit__(*sys.exc_info())
            raise
        return self

    def keep_logs(self):
        """The servers' logs outlive the servers."""
        for number, server in enumerate(self.servers):
            with open(os.path.join(self.folder, f"glossd{number or ''}.log"), "w", encoding="utf-8") as file:
                file.write(server.log())

    def make_servers(self):
        if not self.nodes:
            self.cluster = standby.Pair(synchronous=True) if self.pair else TimedCluster(own=True)
            self.stack.callback(self.cluster.end)
            self.servers = [self.stack.enter_context(support.Server(workers=self.workers, settings=self.settings, cluster=self.cluster))]
            return
        self.lab = self.stack.enter_context(labs.Lab("db", "a", "b"))
        self.cluster = TimedNetCluster(self.lab)
        self.stack.callback(self.cluster.end)
        first = None
        for host in ("a", "b"):
            node = labs.Node(self.lab, host, self.cluster, first=first)
            node.extra.update(self.settings)
            self.servers.append(self.stack.enter_context(node))
            first = first or node

    def make_projects(self):
        """Two, whose people must not know of each other."""
        with (labs.NodeClient if self.lab else Client)(self.server, "admin") as admin:
            for name in ("north", "south"):
                self.server.glossd("project", "add", name, "--owner", "admin")
                identity = next(it["project"] for it in admin.call("project.list")["projects"] if it["name"] == name)
                project = Project(name, [f"{name}-{i}" for i in range(self.sizes["accounts"])])
                for user in project.users:
                    self.server.user(user, role="annotator", project=name)
                for i in range(self.sizes["sessions"]):
                    brief = f"{name}-{i}.md"
                    made = admin.upload(identity, f"{TEXT}\n{brief}", title=brief, filename=brief)
                    project.sessions.append((made["document"]["session"], brief))
                self.projects.append(project)

    def __exit__(self, *error):
        self.keep_logs()
        return self.stack.__exit__(*error)

    # ---- what faults use

    @property
    def server(self):
        return self.servers[0]

    @property
    def database(self):
        """The conninfo of a superuser in the service's database."""
        return self.server.database()

    def now(self):
        return time.monotonic() - self.begin

    def log(self, text):
        print(f"{self.now():7.2f} s  {text}", flush=True)

    def wait_database(self, seconds=180):
        """Until PostgreSQL answers."""
        def answers():
            return subprocess.run(["psql", "-Xqtd", self.database, "-c", "select 1"], capture_output=True, timeout=180).returncode == 0
        wait_until("PostgreSQL answers", answers, seconds, every=0.01)

    def heads(self):
        """Of every session, as it is stored."""
        return {row[0]: int(row[1]) for row in self.server.sql("select id, head from stream where kind = 'session'")}

    # ---- a fault, and what becomes of it

    def strike(self, fault):
        reason = fault.why_not(self)
        if reason:
            self.log(f"{fault.name}: left out, {reason}")
            return None
        begun, before = self.now(), self.counts()
        figures = fault.strike(self)
        healed = figures.pop("healed", time.monotonic())
        acked = self.herd.acked
        last = self.herd.reach(self.heads(), GIVE_UP_S)
        same = time.monotonic() - healed
        self.herd.wait("ops are acknowledged again", lambda: self.herd.acked > acked, GIVE_UP_S)
        after = self.counts()
        line = {"t": int(begun * 1000), "k": "fault", "name": fault.name, "healed": int((healed - self.begin) * 1000), "same_ms": int(same * 1000), "last": last,
                **figures, **{name: after[name] - before[name] for name in ("acked", "unknown", "cuts")}}
        self.done.append(line)
        self.write("faults", [line])
        self.log(f"{fault.name}: " + ", ".join(f"{name} {value}" for name, value in line.items() if name not in ("t", "k", "name", "op", "s", "seq", "healed", "last")))
        return line

    def counts(self):
        return {name: self.herd.total(name) for name in ("acked", "unknown", "cuts")}

    def write(self, name, lines):
        with open(os.path.join(self.folder, name + ".jsonl"), "a", encoding="utf-8") as file:
            file.writelines(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)

    def fill(self, wanted):
        """Goes on without faults until so many ops are acknowledged."""
        while self.herd.acked < wanted:
            with self.herd.rush():
                before = self.herd.acked
                self.herd.wait("more ops", lambda: self.herd.acked >= min(wanted, before + 500))  # pylint: disable=cell-var-from-loop

    # ---- the end

    def finish(self):
        """Every op has its answer, everybody has seen all of it, and so has somebody new; then the histories are closed and the database is written down."""
        self.herd.quiet()
        self.herd.reach(self.heads(), GIVE_UP_S)
        self.herd.state()
        self.herd.end()
        self.newcomer()
        stored.write(self)
        for server in self.servers:
            said = [line for line in server.log().splitlines() if ".diverged " in line]
            assert not said, f"the log says that memory and database disagreed: {said[0]}, and {len(said) - 1} more"
        status, lines = self.server.check()
        assert status == 0, f"glossd check: {[line for line in lines if not line.get('ok')]}"

    def salvage(self):
        """After a failure: what there is of histories and log, if there is anything."""
        try:
            if self.herd and not os.path.exists(os.path.join(self.folder, "stored.jsonl")):
                self.herd.break_off()
                self.wait_database()
                stored.write(self)
        except Exception as error:  # pylint: disable=broad-except - the first failure is the one that counts
            self.log(f"nothing can be compared: {error}")

    def newcomer(self):
        """Reads every session's state from the beginning, by pages."""
        for project in self.projects:
            history = History(self.folder, "newcomer-" + project.name, self.begin)
            history.word("who", user=project.users[0])
            with self.herd.client(self.servers[-1], project.users[0]) as client:
                for session, _ in project.sessions:
                    replica = client.join(session)
                    assert replica.recount() == replica.state, f"{session}: the state is not the sum of its records"
                    history.word("state", session, **replica.place())
            history.close()
