"""faults_machine.py - what happens to machines and to the database without a process falling: rows that a stranger locks, clocks that somebody moves, disks that
are full, descriptors that are all in use. The interface is that of faults.py.
"""
import os
import resource
import socket
import subprocess
import time

import client as clients
from client import create, new_id, update
from faults import Fault, bite
from faults_net import plain, wait_ready, wait_unready
from history import History
from server import wait_until

YEAR_S = 365 * 86400
LATER = ("store_down", "unknown_outcome", "busy")
FASTER = ("stale", "gone")  # what somebody is told whom another one has forestalled


class Stranger:
    """A psql that holds a lock for as long as the with statement lasts."""

    def __init__(self, database, lock):
        self.psql = subprocess.Popen(["psql", "-Xqtd", database, "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(f"begin;\n{lock};\nselect 'locked';", file=self.psql.stdin, flush=True)
        self.rows = 0
        for line in self.psql.stdout:
            if line.strip() == "locked":
                return
            self.rows += bool(line.strip())
        raise AssertionError(f"psql did not lock anything: {lock}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.psql.stdin.close()
        self.psql.wait(180)
        self.psql.stdout.close()


def refusal(result):
    """Its name; None when there is none."""
    return result.get("error", {}).get("data", {}).get("name")


class Asker:
    """Somebody beside the sixty, whose asks are in the histories too. What had no answer that lasts is asked again until it has one."""

    def __init__(self, stage, server, user):
        self.client = stage.herd.client(server, user)
        self.history = History(stage.folder, f"asker-{new_id()}", stage.begin)
        self.history.word("who", user=user)
        self.open = {}  # op id -> (session, op)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.finish()
        self.client.close()
        self.history.close()

    def send(self, session, op):
        self.history.ask(session, op, again=op["id"] in self.open)
        self.open[op["id"]] = (session, op)
        return self.client.send("session.submit", {"session": session, "ops": [op]})

    def take(self, number, seconds=180):
        result = self.client.answer(number, seconds)["results"][0]
        if self.history.result(self.open[result["id"]][0], result):
            del self.open[result["id"]]
        return result

    def ask(self, session, op):
        return self.take(self.send(session, op))

    def accepted(self, session, op):
        """Until it is; or one of the sixty has changed the same meanwhile, which nobody may overwrite."""
        return wait_until("it is taken", lambda: (lambda result: result if "seq" in result or refusal(result) in FASTER else None)(self.ask(session, op)))

    def finish(self):
        for session, op in list(self.open.values()):
            self.accepted(session, op)


class Locked(Fault):
    """Somebody with a psql locks `lock` (of the first session) and goes for coffee. Whoever works elsewhere on the same worker is answered as ever; who
    needs the lock gets an error that says so, in time; all is well when the coffee is over."""
    OTHERS = 15

    def __init__(self, name, lock, stops=None, others_go_on=True, alone=False):
        """alone: the sixty are quiet meanwhile, because what some of them would do needs the lock, and holds the session's others up."""
        self.name, self.lock, self.stops, self.others_go_on, self.alone = f"lock on {name}", lock, stops, others_go_on, alone

    def strike(self, stage):
        if not self.alone:
            return self.hold(stage)
        stage.herd.quiet()
        try:
            return self.hold(stage)
        finally:
            stage.herd.loud()

    def hold(self, stage):
        server, (first, second) = stage.servers[0], stage.projects[:2]
        session, other = first.sessions[0][0], second.sessions[0][0]
        with Asker(stage, server, first.users[0]) as ana, Asker(stage, server, second.users[0]) as ben:
            note = ana.accepted(session, create("claim", start=0, end=5))
            quiet = self.others(ben, other)
            op = update(note["annotation"], note["seq"], note="while it is locked") if self.stops == "update" else create("claim", start=1, end=4)
            with Stranger(stage.database, self.lock.format(session=session, project=f"(select project from session where id = '{session}')")) as stranger:
                bite(stranger.rows, "nothing was locked")
                begun = time.monotonic()
                number = ana.send(session, op)
                during = self.others(ben, other) if self.others_go_on else 0
                result = ana.take(number)
                took = time.monotonic() - begun
                was_late = refusal(result) in FASTER  # before the lock was there
                if self.stops and not was_late:
                    assert refusal(result) in LATER, f"an op went past the lock: {result}"
                    assert not self.others_go_on or ana.client.call("document.list")["documents"], "reading does not go on"
                elif not self.stops:
                    assert "seq" in result, f"an op that needs no lock was refused: {result}"
            healed = time.monotonic()
            ana.accepted(session, op)
        if was_late:
            return self.hold(stage)
        return {"bit": stranger.rows, "answered_ms": int(took * 1000), "others_ms_before": quiet, "others_ms_during": during, "healed": healed}

    def others(self, ben, session):
        """The slowest of some ops elsewhere, in milliseconds."""
        most = 0
        for i in range(self.OTHERS):
            begun = time.monotonic()
            ben.accepted(session, create("evidence", start=i, end=i + 2))
            most = max(most, time.monotonic() - begun)
        return int(most * 1000)


# ---- clocks

class ClockMoved(Fault):
    """By a year, on the second server's machine or on that of its people. Nobody is cut off, no op gets a time that is not the database's, and a server whose
    clock is wrong says so."""

    def __init__(self, name, whose, seconds):
        self.name, self.whose, self.seconds = f"clock {name}", whose, seconds

    def why_not(self, stage):
        return None if getattr(stage, "clocks", None) else "there is no clock that can be moved"

    def strike(self, stage):
        clock, server = stage.clocks[self.whose], stage.servers[1]
        cuts, acked = stage.herd.total("cuts"), stage.far.count("acked")
        shown = int(subprocess.run([*clock.prefix(), "date", "+%s"], check=True, capture_output=True, timeout=30).stdout)
        with stage.herd.rush():
            clock.move(self.seconds)
            try:
                moved = int(subprocess.run([*clock.prefix(), "date", "+%s"], check=True, capture_output=True, timeout=30).stdout) - shown
                stage.herd.wait("ops are acknowledged", lambda: stage.far.count("acked") >= acked + 50)
                if self.whose == "server":
                    wait_unready(server, "clock")
                    self.tokens(stage, server)
                else:
                    assert plain(server, "/readyz")[0] == 200
            finally:
                clock.move(0)
        wait_ready(server)
        assert stage.herd.total("cuts") == cuts, f"{stage.herd.total('cuts') - cuts} connections were lost"
        self.times(stage)
        return {"bit": bite(abs(moved) // (YEAR_S - 86400), "the clock was not moved"), "ops": stage.far.count("acked") - acked}

    @staticmethod
    def tokens(stage, server):
        """One that is made now for a day is good, there and elsewhere, and ends in a day."""
        user = stage.projects[0].users[0]
        with stage.herd.client(server, user) as ana:
            made = ana.call("token.create", label="for a day", days=1)
            ends = stage.server.sql(f"select extract(epoch from '{made['expires']}'::timestamptz - now())")[0][0]
            assert 86000 < float(ends) < 86800, f"a token for a day ends in {ends} s"
            for place in stage.servers:
                clients.Client(place, user, token=made["secret"]).close()
            ana.call("token.revoke", token=made["token"])

    @staticmethod
    def times(stage):
        """Of every op: within a minute of when it was written, and never before the one it follows."""
        wrong = stage.server.sql("select count(*) filter (where abs(extract(epoch from at - greatest(before, pg_xact_commit_timestamp(xmin)))) > 60), "
                                 "       count(*) filter (where at < before) "
                                 "  from (select xmin, (payload::jsonb ->> 'at')::timestamptz as at, "
                                 "               lag((payload::jsonb ->> 'at')::timestamptz) over (partition by stream order by seq) as before "
                                 "          from op where kind like 'annotation.%') as o")[0]
        assert wrong == ["0", "0"], f"ops with a wrong time, and with one before their predecessor's: {wrong}"


# ---- descriptors

class NoDescriptors(Fault):
    """The workers of a server have none left, and more and more people knock. Those who are there are served all the time; who knocks when there are some
    again is served."""
    name = "descriptors exhausted"
    SPARE, KNOCKING = 8, 60  # of each worker

    def why_not(self, stage):
        return "nobody knocks on another machine's door from here" if stage.lab else None

    def strike(self, stage):
        server = stage.rng.choice(stage.servers)
        port, cuts, begin = getattr(server, "near", server).port, stage.herd.total("cuts"), len(server.log())
        usual = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in server.workers()}
        knocking = []
        try:
            with stage.herd.rush():
                for pid, limits in usual.items():
                    used = max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))
                    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + self.SPARE, limits[1]))
                knocking += [socket.create_connection(("127.0.0.1", port)) for _ in range(self.KNOCKING * len(usual))]
                server.wait_log("accept.paused", behind=begin)
                acked = stage.herd.acked
                stage.herd.wait("those who are there are served", lambda: stage.herd.acked >= acked + 100)
        finally:
            for visitor in knocking:
                visitor.close()
            for pid, limits in usual.items():
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        healed = time.monotonic()
        stage.herd.client(server, stage.projects[0].users[0]).close()
        served = time.monotonic() - healed
        assert stage.herd.total("cuts") == cuts, f"{stage.herd.total('cuts') - cuts} connections were lost"
        return {"bit": bite(server.log()[begin:].count("accept.paused"), "nobody was kept waiting"), "knocking": len(knocking), "served_ms": int(served * 1000),
                "healed": healed}


# ---- PostgreSQL's disk

class DiskFull(Fault):
    """Not a byte is left where PostgreSQL keeps its data and its log. Nothing is acknowledged that is not there; what was known can be read; when there is room
    again and PostgreSQL, which may have given up, has been started, all goes on."""
    name = "database's disk full"

    def why_not(self, stage):
        return None if hasattr(stage.cluster, "fill") else "the database has a disk that others use, too"

    def strike(self, stage):
        server, project = stage.servers[0], stage.projects[0]
        session, failed, reads = project.sessions[0][0], {}, 0
        with Asker(stage, server, project.users[0]) as ana, stage.herd.rush():
            ana.client.join(session)
            stage.cluster.fill()
            begun, slowest = time.monotonic(), 0
            try:
                while len(failed) < 1 or sum(failed.values()) < 5:
                    asked = time.monotonic()
                    name = refusal(ana.ask(session, create("claim", start=0, end=5, note="x" * 8000)))
                    assert name is None or name in LATER, name
                    slowest = max(slowest, time.monotonic() - asked)
                    failed.update({name: failed.get(name, 0) + 1} if name else {})
                    assert time.monotonic() - begun < 120, "the disk did not become full"
                    stage.cluster.use_up()
                acked = self.settled(stage)
                reads = self.reads(ana.client, session)
                gave_up = not stage.cluster.is_running()
                assert stage.herd.acked == acked, f"{stage.herd.acked - acked} ops were acknowledged without room for them"
            finally:
                stage.cluster.empty()
                healed = time.monotonic()
                if not stage.cluster.is_running():
                    stage.cluster.start()
        wait_ready(server)
        return {"bit": bite(sum(failed.values()), "no op failed"), "names": ",".join(sorted(failed)), "slowest_ms": int(slowest * 1000), "reads": reads,
                "postgres_gave_up": int(gave_up), "ready_ms": int((time.monotonic() - healed) * 1000), "healed": healed}

    @staticmethod
    def settled(stage):
        def is_still():
            before = stage.herd.acked
            stage.cluster.use_up()
            time.sleep(0.5)
            return stage.herd.acked == before
        wait_until("nothing is acknowledged any more", is_still)
        return stage.herd.acked

    @staticmethod
    def reads(client, session):
        """What is in the worker's memory goes on being told: a page of the state."""
        return len(client.call("session.page", session=session, restart=True)["records"])


FAULTS = [
    Locked("a stream's row", "select 1 from stream where id = '{session}' for update", "create"),
    Locked("annotations", "select 1 from annotation where stream = '{session}' for update", "update"),
    Locked("annotations, past which others are made", "select 1 from annotation where stream = '{session}' for update", alone=True),
    Locked("members", "select 1 from member where project = {project} for update"),
    Locked("accounts", "select 1 from account for update"),
    Locked("the project", "select 1 from project where id = {project} for update"),
    Locked("a whole table", "lock table annotation in access exclusive mode; select 1", "create", others_go_on=False),
    ClockMoved("of a server a year forth", "server", YEAR_S),
    ClockMoved("of a server a year back", "server", -YEAR_S),
    ClockMoved("of people a year forth", "clients", YEAR_S),
    ClockMoved("of people a year back", "clients", -YEAR_S),
    NoDescriptors(),
    DiskFull(),
]
