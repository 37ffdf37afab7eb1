"""faults.py - what the fire test does to a server while everybody works: a process killed or held still, of Gloss or of PostgreSQL.

A fault is a Fault: its `name`, and `strike(stage)`, which does it and ends it again, and returns figures: {"bit": how many things show that it bit, …};
it raises AssertionError when it did not bite. `stage` is ground.Ground: .servers, .cluster, .database, .herd (company.Company), .lab (None on one
machine), .rng, .log(text). A figure `healed` (time.monotonic()) says when nothing stood in the way any more; without it that is when strike returns.
Others are in faults_*.py beside this file, each with a list FAULTS.
"""
import os
import signal
import time

import client as clients
import server as support
from client import create
from server import is_gone, wait_until


def bite(count, what):
    if count <= 0:
        raise AssertionError(f"it did not bite: {what}")
    return count


def send(pids, which):
    """A signal to those that are still there; how many."""
    sent = 0
    for pid in pids:
        try:
            os.kill(pid, which)
            sent += 1
        except ProcessLookupError:
            pass
    return sent


class Fault:
    """One kind of fault. What it needs that is not everywhere is told by why_not(stage): a reason, or None."""
    name = None

    def strike(self, stage):
        raise NotImplementedError

    def why_not(self, stage):
        return None

    def __repr__(self):
        return self.name


# ---- kill -9, at the first delivery of an op that was in flight

class KillAtDelivery(Fault):
    """The signal is sent by the first client that is told of an op, before it does anything else: what had not been durable by then is lost."""

    def pids(self, stage):
        raise NotImplementedError

    def heal(self, stage, pids):
        """Brings back what does not come back by itself; gives when nothing stood in the way any more."""
        raise NotImplementedError

    def strike(self, stage):
        before = stage.herd.unknown
        pids = self.pids(stage)
        said = stage.herd.kill_at_delivery(pids)
        wait_until(f"{pids} are gone", lambda: all(is_gone(pid) for pid in pids))
        healed = self.heal(stage, pids)
        bite(said["in_flight"] + stage.herd.unknown - before, f"nothing was in flight when {self.name} fell")
        return {"bit": said["in_flight"], "killed": len(pids), "op": said["killed"], "s": said["s"], "seq": said["seq"], "healed": healed}


class KillWorker(KillAtDelivery):
    """One, or all of a server at once. The supervisor has to start others, so it is healed when it is killed."""

    def __init__(self, name, all_of_them=False):
        self.name, self.all_of_them = name, all_of_them

    def pids(self, stage):
        server = stage.rng.choice(stage.servers)
        self.server = server
        workers = wait_until("all workers are there", lambda: (lambda pids: pids if len(pids) == server.workers_wanted else None)(server.workers()))
        return workers if self.all_of_them else [stage.rng.choice(workers)]

    def heal(self, stage, pids):
        healed = time.monotonic()
        for pid in pids:
            self.server.wait_new_worker(pid, 30)
        return healed


class KillSupervisor(KillAtDelivery):
    """Its children go with it; then it is started again, as systemd does."""
    name = "supervisor"

    def pids(self, stage):
        self.server = stage.rng.choice(stage.servers)
        return [self.server.process.pid]

    def heal(self, stage, pids):
        self.server.process.wait()
        wait_until("what the supervisor had started is gone", lambda: not self.server.running())
        self.server.start(wait=False)
        return time.monotonic()


class KillPostgres(KillAtDelivery):
    """The postmaster and every process of it at once: nothing is written any more by anybody."""
    name = "postgres"

    def pids(self, stage):
        postmaster = stage.cluster.postmaster()
        return [postmaster, *support.children_of(postmaster)]

    def heal(self, stage, pids):
        stage.cluster.start()
        return time.monotonic()


class KillBackend(KillAtDelivery):
    """One that appends. PostgreSQL ends all the others then, throws its memory away and recovers from its log."""
    name = "backend"

    def pids(self, stage):
        server = stage.rng.choice(stage.servers)
        pids = wait_until("a backend that appends", lambda: [pid for pid, role in server.backends().items() if role == "append"])
        return [stage.rng.choice(pids)]

    def heal(self, stage, pids):
        stage.wait_database()
        return time.monotonic()


# ---- kill -9 of what only helps

class KillHelper(Fault):
    """With questions for it under way: they must be answered all the same, by the next one."""
    name = "helper"

    def strike(self, stage):
        server, project = stage.rng.choice(stage.servers), stage.projects[0]
        session = project.sessions[0][0]
        with stage.herd.client(server, project.users[0]) as asker:
            ops = [create("claim", exact="abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyy") for _ in range(8)]
            numbers = [asker.send("session.submit", {"session": session, "ops": [op]}) for op in ops]
            gone = server.helpers()
            send(gone, signal.SIGKILL)
            names = [asker.answer(number)["results"][0]["error"]["data"]["name"] for number in numbers]
        assert set(names) == {"quote_not_found"}, names
        wait_until("new helpers", lambda: len(server.helpers()) >= len(gone) and not set(gone) & set(server.helpers()))
        return {"bit": bite(len(gone), "there was no helper"), "killed": len(gone)}


class KillKeeper(Fault):
    """The process that takes lasting jobs; nobody who writes may notice."""
    name = "keeper"

    def strike(self, stage):
        server = stage.rng.choice(stage.servers)
        cuts = stage.herd.total("cuts")
        with stage.herd.rush():
            gone = wait_until("a keeper", server.keepers)
            send(gone, signal.SIGKILL)
        acked = stage.herd.acked
        stage.herd.wait("ops are acknowledged without it", lambda: stage.herd.acked > acked)
        wait_until("another keeper", lambda: server.keepers() and not set(gone) & set(server.keepers()))
        assert stage.herd.total("cuts") == cuts, "a client lost its connection for it"
        return {"bit": bite(len(gone), "there was no keeper"), "killed": len(gone)}


# ---- SIGSTOP, and SIGCONT

class Stop(Fault):
    """Held still for a while with ops in flight. Nothing is acknowledged that needs it; when it goes on, all of it is."""

    def __init__(self, name, pids, seconds, holds_all=False):
        self.name, self.choose, self.seconds, self.holds_all = name, pids, seconds, holds_all

    def strike(self, stage):
        with stage.herd.rush():
            pids = self.choose(stage)
            bite(send(pids, signal.SIGSTOP), "there was nothing to stop")
            wait_until("they stand still", lambda: all(is_gone(pid) or support.stat_of(pid)[0] == "T" for pid in pids))
        try:
            acked = stage.herd.acked
            if self.holds_all:
                self.wait_silence(stage, pids)
            else:
                time.sleep(self.seconds)
            meanwhile, waiting = stage.herd.acked - acked, stage.herd.in_flight
        finally:
            send(pids, signal.SIGCONT)
        return {"bit": bite(waiting, "nobody waited") if self.holds_all else len(pids), "stopped": len(pids), "waiting": waiting, "acked meanwhile": meanwhile}

    def wait_silence(self, stage, pids):
        """Until nothing was acknowledged for so long; what it had said before may still be under way. Who has taken the place of one that was given up, since
        that took longer than an append may, is stopped as well."""
        end, acked, since = time.monotonic() + 180, stage.herd.acked, time.monotonic()
        while time.monotonic() < since + self.seconds:
            assert time.monotonic() < end, f"ops are acknowledged although {self.name}"
            time.sleep(0.01)
            if stage.herd.acked != acked:
                pids += [pid for pid in self.choose(stage) if pid not in pids]
                send(pids, signal.SIGSTOP)
                acked, since = stage.herd.acked, time.monotonic()


class StopWorker(Fault):
    """For longer than its watchdog allows: the supervisor kills it and starts another."""
    name = "worker stuck"

    def strike(self, stage):
        server = stage.rng.choice(stage.servers)
        before = stage.herd.unknown
        with stage.herd.rush():
            workers = wait_until("all workers are there", lambda: (lambda pids: pids if len(pids) == server.workers_wanted else None)(server.workers()))
            stuck = stage.rng.choice(workers)
            send([stuck], signal.SIGSTOP)
        server.wait_new_worker(stuck, 30)
        return {"bit": 1, "unknown": stage.herd.unknown - before}


class StopSupervisor(Fault):
    """A worker that falls while the supervisor stands still comes back when it goes on."""
    name = "supervisor stopped"

    def strike(self, stage):
        server = stage.rng.choice(stage.servers)
        workers = wait_until("all workers are there", lambda: (lambda pids: pids if len(pids) == server.workers_wanted else None)(server.workers()))
        pid = server.process.pid
        send([pid], signal.SIGSTOP)
        try:
            with stage.herd.rush():
                gone = stage.rng.choice(workers)
                send([gone], signal.SIGKILL)
                wait_until("the worker is dead", lambda: is_gone(gone))
            time.sleep(0.3)
            assert len([it for it in server.workers() if not is_gone(it)]) == server.workers_wanted - 1, "somebody else has started a worker"
        finally:
            send([pid], signal.SIGCONT)
        healed = time.monotonic()
        server.wait_new_worker(gone, 30)
        return {"bit": 1, "killed": 1, "healed": healed}


def some_worker(stage):
    return [stage.rng.choice(stage.rng.choice(stage.servers).workers())]


def all_helpers(stage):
    return [pid for server in stage.servers for pid in server.helpers()]


def all_keepers(stage):
    return [pid for server in stage.servers for pid in server.keepers()]


def appending_backends(stage):
    return [pid for pid, role in stage.server.backends().items() if role == "append"]


def all_of_postgres(stage):
    postmaster = stage.cluster.postmaster()
    return [postmaster, *support.children_of(postmaster)]


class Stranger(Fault):
    """Not a fault of ours: somebody of another project asks for every session of this one, and is told that there is none."""
    name = "stranger"

    def strike(self, stage):
        project, other = stage.projects[0], stage.projects[-1]
        denied = 0
        with stage.herd.client(stage.servers[0], other.users[0]) as stranger:
            for session, _ in project.sessions:
                for method, params in (("session.join", {"since": 0}), ("session.submit", {"ops": [create("claim", start=0, end=2)]}), ("session.log", {"after": 0})):
                    try:
                        stranger.call(method, session=session, **params)
                        raise AssertionError(f"{other.users[0]} was let in by {method}")
                    except clients.Refused as error:
                        assert error.name == "not_found", error
                        denied += 1
        return {"bit": bite(denied, "nobody asked")}


FAULTS = [
    KillWorker("worker"),
    KillWorker("all workers", all_of_them=True),
    KillPostgres(),
    KillBackend(),
    KillSupervisor(),
    KillHelper(),
    KillKeeper(),
    Stop("worker stopped", some_worker, 0.5),
    StopWorker(),
    StopSupervisor(),
    Stop("helpers stopped", all_helpers, 0.5),
    Stop("keepers stopped", all_keepers, 0.5),
    Stop("backends stopped", appending_backends, 1.0, holds_all=True),
    Stop("postgres stopped", all_of_postgres, 1.0, holds_all=True),
    Stranger(),
]
