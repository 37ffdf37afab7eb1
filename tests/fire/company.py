"""company.py - the sixty clients of a fire test, as its stage sees them: who they are, how far they are, and words for all of them.

    with Company(ground, sizes) as company:
        company.kill_at_delivery(pids)       # by the herd itself, in the very call that tells it of an op
        with company.rush():                 # everybody asks as fast as there are answers: keep it short
            ...
        company.reach(heads, 20)             # until everybody is connected and has seen that much

Owns      the processes `herd` (libgloss; one beside each server), the threads of visitors and posters, and the folder of their histories.
Thread    the stage's; a thread for each herd reads what it says.
"""
import contextlib
import json
import mmap
import os
import queue
import random
import struct
import subprocess
import sys
import threading
import time

import lab as labs
import server as support
from client import Client
from visitors import Poster, Visitor

MAGIC = 0x6472656864726568
NAMES = ("magic", "asked", "acked", "refused", "again", "unknown", "resolved", "known", "in_flight", "delivered", "cuts", "connected", "conflicts", "kills")
SLOTS = 4
HERD = os.environ.get("GLOSS_HERD") or os.path.join(support.BUILD, "tests/fire/herd")


class Herd:
    """One process of people on libgloss, beside one server."""

    def __init__(self, company, server, number, people):
        self.company, self.people, self.said = company, people, queue.Queue()
        self.name = f"herd-{number}"
        board, config = os.path.join(company.folder, self.name + ".board"), os.path.join(company.folder, self.name + ".config")
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"url": server.url, "ca": server.ca, "folder": company.folder, "board": board, "seed": company.seed * 10 + number,
                       "begin_ns": int(company.begin * 1e9), "rate": company.rate, "in_flight": company.in_flight_most, "length": company.length,
                       "people": people}, file)
        self.err = open(os.path.join(company.folder, self.name + ".err"), "w+b")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen([*server.prefix, HERD, config], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.err)
        threading.Thread(target=self.listen, daemon=True).start()
        self.wait("started")
        with open(board, "rb") as file:
            self.board = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        assert self.count("magic") == MAGIC

    def listen(self):
        for line in self.process.stdout:
            self.said.put(json.loads(line))
        self.said.put(None)

    def wait(self, word, seconds=180):
        """The next thing it says, which must be this."""
        line = self.said.get(timeout=seconds)
        assert line and word in line, f"{self.name} said {line} instead of {word}: {self.words()}"
        return line

    def words(self):
        self.err.seek(0)
        return self.err.read().decode(errors="replace")[-3000:]

    def say(self, line):
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise AssertionError(f"{self.name} has ended: {self.words()}") from None

    def count(self, name):
        return struct.unpack_from("=Q", self.board, NAMES.index(name) * 8)[0]

    def seqs(self):
        """(person, session, seq) of everybody."""
        count = len(self.people) * SLOTS
        seqs = struct.unpack_from(f"={count}Q", self.board, len(NAMES) * 8)
        for i, person in enumerate(self.people):
            for slot, session in enumerate(person["sessions"]):
                yield person["name"], session, seqs[i * SLOTS + slot]

    def end(self):
        self.say("end")
        status = self.process.wait(180)
        said = self.words()
        self.err.close()
        assert status == 0 and not any(word in said for word in support.SANITIZERS), f"{self.name} ended with {status}: {said}"


class Company:
    """Sizes: {"herd", "visitors", "posters", "rate", "in_flight"}. Accounts, sessions and briefs are the ground's."""

    def __init__(self, ground, sizes):
        self.ground, self.folder, self.begin, self.seed = ground, ground.folder, ground.begin, ground.seed
        self.rate, self.in_flight_most, self.length = sizes["rate"], sizes["in_flight"], ground.length
        self.is_eager = self.is_quiet = False
        self.rng = random.Random(f"{self.seed} company")
        self.sizes, self.herds, self.threads = sizes, [], []

    def client(self, server, user):
        return labs.NodeClient(server, user) if self.ground.lab else Client(server, user)

    # ---- who

    def __enter__(self):
        sys.setswitchinterval(0.0005)  # visitors, lines and stage are threads of one interpreter: with the usual 5 ms each waits a tenth of a second for the others
        try:
            servers = self.ground.servers
            people = [self.person(i) for i in range(self.sizes["herd"])]
            for number, server in enumerate(servers):
                self.herds.append(Herd(self, server, number, people[number::len(servers)]))
            for i in range(self.sizes["visitors"]):
                user, session, _, foreign = self.place(i)
                self.threads.append(Visitor(self, servers[i % len(servers)], f"visitor-{i}", user, session, foreign=foreign if i % 4 == 0 else None, from_state=i % 3 == 2))
            for i in range(self.sizes["posters"]):
                user, session, brief, _ = self.place(i + 1)
                self.threads.append(Poster(self, servers[i % len(servers)], f"poster-{i}", user, session, brief=brief))
            for thread in self.threads:
                thread.start()
        except BaseException:
            self.__exit__(None)
            raise
        return self

    def place(self, i):
        """Somebody's account, a session and its brief, and a session that is none of theirs."""
        project = self.ground.projects[i % len(self.ground.projects)]
        other = self.ground.projects[(i + 1) % len(self.ground.projects)]
        session, brief = project.sessions[i // len(self.ground.projects) % len(project.sessions)]
        return project.users[i // len(self.ground.projects) % len(project.users)], session, brief, other.sessions[0][0]

    def person(self, i):
        user, session, _, foreign = self.place(i)
        project = next(it for it in self.ground.projects if user in it.users)
        second = project.sessions[self.rng.randrange(len(project.sessions))][0]
        return {"name": f"person-{i}", "user": user, "token_file": self.ground.server.tokens[user], "sessions": list(dict.fromkeys((session, second))),
                **({"foreign": foreign} if i % 6 == 0 else {}), "from_state": i % 3 == 1}

    def __exit__(self, *_):
        for herd in self.herds:
            if herd.process.poll() is None:
                herd.process.kill()
                herd.process.wait()
        for thread in self.threads:
            thread.over.set()
            thread.break_off()

    def end(self):
        """Everybody goes, and the histories are whole."""
        for thread in self.threads:
            thread.end()
        for herd in self.herds:
            herd.end()
        self.check()

    def break_off(self):
        """Everybody goes as they are; what they have seen is in their histories."""
        for thread in self.threads:
            thread.over.set()
            thread.break_off()
        for herd in self.herds:
            with contextlib.suppress(AssertionError, OSError, subprocess.TimeoutExpired):
                herd.end()
        for thread in self.threads:
            thread.join(5)
            thread.history.close()

    def check(self):
        """Somebody who could not go on has found something, or is broken."""
        for thread in self.threads:
            if thread.fault:
                raise AssertionError(f"{thread.name}: {thread.fault}") from thread.fault
        for herd in self.herds:
            assert herd.process.poll() in (None, 0), f"{herd.name} ended with {herd.process.returncode}: {herd.words()}"

    # ---- how far

    def total(self, name):
        return sum(herd.count(name) for herd in self.herds) + sum(getattr(thread, name, 0) for thread in self.threads)

    @property
    def acked(self):
        return self.total("acked")

    @property
    def in_flight(self):
        return self.total("in_flight")

    @property
    def unknown(self):
        return self.total("unknown")

    def behind(self, heads):
        """Somebody who is not connected, or has not seen all of what is in a session; None when there is nobody."""
        for herd in self.herds:
            if herd.count("connected") != len(herd.people):
                return f"{len(herd.people) - herd.count('connected')} of {herd.name} have no connection"
            for name, session, seq in herd.seqs():
                if seq < heads.get(session, 0):
                    return f"{name} is at {seq} of {heads[session]} in {session}"
        for thread in self.threads:
            if isinstance(thread, Visitor) and thread.seq < heads.get(thread.session, 0):
                return f"{thread.name} is at {thread.seq} of {heads[thread.session]} in {thread.session}"
        return None

    def wait(self, what, is_true, seconds=180, every=0.002):
        """Like support.wait_until, faster, and at once over when somebody has failed."""
        end = time.monotonic() + seconds
        while not (value := is_true()):
            self.check()
            if time.monotonic() > end:
                raise AssertionError(f"after {seconds} s still not: {what() if callable(what) else what}")
            time.sleep(every)
        return value

    def reach(self, heads, seconds):
        """Until everybody has seen that much; gives who was the last."""
        last = [None]

        def is_there():
            last[0], before = self.behind(heads), last[0]
            return (before or "nobody",) if last[0] is None else None
        return self.wait(lambda: f"everybody has seen what is stored ({last[0]})", is_there, seconds, every=0.01)[0]

    # ---- words for all

    def tell(self, line):
        for herd in self.herds:
            herd.say(line)

    @contextlib.contextmanager
    def rush(self, in_flight=None):
        """Everybody asks as fast as there are answers; it begins when many ops are under way and some were acknowledged meanwhile."""
        wanted = in_flight or max(2, self.sizes["herd"] // 4)
        before = self.acked
        self.tell("eager")
        self.is_eager = True
        try:
            self.wait(f"{wanted} ops in flight", lambda: self.in_flight >= wanted and self.acked > before)
            yield self.in_flight
        finally:
            self.calm()

    def calm(self):
        self.is_eager = False
        self.tell("calm")

    def kill_at_delivery(self, pids, seconds=180):
        """SIGKILL to all of them while many ops are in flight, sent by a client of the herd in the call that tells it of an op of which nobody had been told.
        Gives what it says."""
        herd = self.rng.choice(self.herds)
        herd.say(f"kill {max(2, len(herd.people) // 2)} " + " ".join(map(str, pids)))
        return herd.wait("killed", seconds)

    def quiet(self, seconds=120):
        """Nobody asks for anything more, and everything has its answer."""
        self.is_quiet = True
        self.tell("quiet")
        self.wait(lambda: f"all ops are answered ({self.in_flight} are not)", lambda: self.in_flight == 0 and not self.asking(), seconds)

    def asking(self):
        return any(getattr(thread, "waiting", None) for thread in self.threads)

    def loud(self):
        self.is_quiet = False
        self.tell("loud")

    def state(self):
        """Chain and state of everybody, into the histories."""
        for herd in self.herds:
            herd.say("state")
            herd.wait("state")
        for thread in self.threads:
            if isinstance(thread, Visitor) and thread.replica:
                thread.history.word("state", thread.session, **thread.replica.place())
