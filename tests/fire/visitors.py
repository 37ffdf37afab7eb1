"""visitors.py - the two sorts of clients that are not libgloss in one loop: a WebSocket client in Python that proves every frame by itself, and the
program `gloss post`. Both go on through every fault, and write a history.

Visitor   on tests/support/client.py and replica.py, which share nothing with the C.
Poster    runs the same lines with the same ids again until the program says that all of them are there.
"""
import json
import random
import subprocess
import threading
import time
import uuid

import client as clients
import server as support
from history import History
from replica import Replica

LATER = ("store_down", "shutting_down", "busy", "internal", "unknown_outcome", "rate_limited", "sign_in_timeout")
LABELS = ("claim", "evidence", "threat", "actor", "question")
PATIENCE_S = 6
NEWEST = 40  # annotations that people change: few, so that they meet


class Silence(Exception):
    """No answer, and no end of the connection either."""


class Watched(Replica):
    """Writes every op down as it comes."""

    def __init__(self, begin, since, before, history):
        self.history = history
        super().__init__(begin, since, before)
        history.word("join", self.session, **({"since": since} if since is not None else {}), head=begin["seq"])

    def take_op(self, logged):
        super().take_op(logged)
        state = {"state": self.state[:16]} if self.is_whole and self.seq > self.as_of else {}
        self.history.word("op", self.session, seq=self.seq, op=logged["payload"]["op"], chain=self.chain.hex()[:16], **state)


class Client(threading.Thread):
    """What both sorts have: a name, a history, and counts for the stage."""

    def __init__(self, company, server, name, user, session):
        super().__init__(daemon=True, name=name)
        self.company, self.server, self.user, self.session = company, server, user, session
        self.history = History(company.folder, name, company.begin)
        self.history.word("who", user=user)
        self.rng = random.Random(f"{company.seed} {name}")
        self.acked = self.refused = self.unknown = self.resolved = self.known = self.in_flight = 0
        self.over, self.fault = threading.Event(), None

    def new_id(self):
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def run(self):
        try:
            self.go_on()
        except BaseException as error:  # pylint: disable=broad-except - the stage must hear of it
            self.fault = error
            seq = getattr(getattr(self, "replica", None), "seq", None)
            self.history.word("fault", self.session, what=f"{type(error).__name__}: {error}"[:2000], **({"seq": seq} if seq is not None else {}))

    def end(self):
        self.over.set()
        self.join(60)
        self.history.close()

    def break_off(self):
        """The run has failed: nobody waits for anything more."""

    def is_silent(self):
        """Nothing more is to be asked for, and everything has its answer."""
        return self.company.is_quiet

    def pause(self, asked, is_over=lambda: False):
        """Until the next ask is due, after so many; sooner when there is a rush."""
        end = time.monotonic() + asked * self.rng.uniform(0.5, 1.5) / self.company.rate
        while not (self.over.is_set() or is_over()) and (self.is_silent() or (time.monotonic() < end and not self.company.is_eager)):
            self.over.wait(0.02)


class Visitor(Client):
    """One connection, which comes back; some begin with the log, some with the state."""

    def __init__(self, *args, foreign=None, from_state=False):
        super().__init__(*args)
        self.foreign, self.from_state = foreign, from_state
        self.waiting, self.lost = {}, set()  # op id -> op; those whose outcome is not known
        self.replica, self.connection, self.last = None, None, None

    def is_silent(self):
        return self.company.is_quiet and not self.waiting  # a request that was refused as a whole is sent again

    @property
    def seq(self):
        return self.replica.seq if self.replica and self.is_connected else -1

    @property
    def is_connected(self):
        return self.connection is not None and self.connection.closed is None and self.session in self.connection.replicas

    def go_on(self):
        while not self.over.is_set():
            try:
                self.visit()
            except (clients.Closed, Silence, OSError, EOFError, TimeoutError):
                pass
            except clients.Refused as error:
                if error.name not in LATER:
                    raise
            except Exception as error:  # pylint: disable=broad-except - the library has its own for every way to fail while connecting
                if "websockets" not in type(error).__module__:
                    raise
            self.over.wait(0.05)  # nobody knocks without a pause

    def visit(self):
        """One connection, until it breaks."""
        connection = self.company.client(self.server, self.user)
        try:
            self.join_there(connection)
            self.connection = connection
            while not self.over.is_set():
                connection.check()
                self.round(connection)
                self.pause(2, lambda: connection.closed)
                if connection.closed:
                    raise connection.closed
        finally:
            self.lose(connection)

    def lose(self, connection):
        if self.connection is connection and not self.over.is_set():
            self.history.word("cut", why=str(connection.closed or "")[:100])
        try:
            connection.close()
        except Exception:  # pylint: disable=broad-except - it is gone already
            pass

    def join_there(self, connection):
        before = self.replica
        since = before.seq if before else None if self.from_state else 0
        params = {"session": self.session, **({"since": since} if since is not None else {}), **({"chain": before.chain.hex()} if since else {})}
        connection.answer(connection.send("session.join", params, replica=lambda begin: Watched(begin, since, before, self.history)))
        self.replica = connection.replicas[self.session]
        if since is None:
            connection.read_pages(self.session)
        if self.foreign:
            self.try_foreign(connection)

    def try_foreign(self, connection):
        """A session of another project: for this account there is none such."""
        foreign, self.foreign = self.foreign, None
        try:
            head = connection.call("session.join", session=foreign, since=0)["seq"]
            self.history.word("join", foreign, since=0, head=head)
        except clients.Refused as error:
            if error.name in LATER:
                self.foreign = foreign
            else:
                self.history.word("denied", foreign, name=error.name)

    def round(self, connection):
        """What has no answer yet, and something new; sent in a few messages before the first answer is waited for."""
        for op in [self.make() for _ in range(0 if self.company.is_quiet else self.rng.randrange(1, 4))]:
            self.history.ask(self.session, op)
            self.waiting[op["id"]] = op
        again = self.again()
        batches = list(self.waiting.values())
        self.in_flight = len(batches)
        numbers = [connection.send("session.submit", {"session": self.session, "ops": batches[i:i + 2]}) for i in range(0, len(batches), 2)]
        numbers += [connection.send("session.submit", {"session": self.session, "ops": [again]})] if again else []
        try:
            for number in numbers:
                for result in self.answer(connection, number)["results"]:
                    self.take(result)
        except clients.Refused as error:  # the whole request, before any of it was looked at
            if error.name not in LATER:
                raise
            self.over.wait(min(error.data.get("retry_after_ms", 100), 500) / 1000)
        except (clients.Closed, Silence):
            self.nobody_knows()
            raise
        finally:
            self.in_flight = 0

    @staticmethod
    def answer(connection, number):
        """Who hears nothing for so long takes the line for dead."""
        try:
            return connection.answer(number, PATIENCE_S)
        except AssertionError as error:
            if "did not come within" not in str(error):
                raise
            raise Silence(str(error)) from None

    def nobody_knows(self):
        for op in self.waiting:
            self.history.word("unknown", self.session, op=op)
            self.unknown += op not in self.lost
            self.lost.add(op)

    def take(self, result):
        op = self.waiting.get(result["id"])
        unknown = "error" in result and result["error"]["data"]["name"] == "unknown_outcome"
        is_final = self.history.result(self.session, result)
        if op is None:
            return  # asked for again
        if unknown and result["id"] not in self.lost:
            self.unknown += 1
            self.lost.add(result["id"])
        if not is_final:
            return
        del self.waiting[result["id"]]
        if result["id"] in self.lost:
            self.lost.remove(result["id"])
            self.resolved += 1
            self.known += bool(result.get("repeated"))
        self.acked += "error" not in result
        self.refused += "error" in result
        if "error" not in result:
            self.last = op

    def again(self):
        """An op that was accepted before, once more; now and then with another change, which must be refused."""
        if not self.last or self.rng.random() > 0.05:
            return None
        op, self.last = self.last, None
        if self.rng.random() < 0.25:
            op = {**op, "change": {**op["change"], "note": "another change under the same id"}}
        self.history.ask(self.session, op, again=True)
        return op

    def make(self):
        rng, base = self.rng, self.replica.seq
        what, records = rng.random(), list(self.replica.records)[-NEWEST:]
        if rng.random() < 0.15:
            base = max(0, base - rng.randrange(30))  # somebody may have changed it since
        if what < 0.3 or not records:
            start = rng.randrange(self.company.length - 10)
            return clients.create(rng.choice(LABELS), start=start, end=start + rng.randrange(1, 10), op=self.new_id())
        some = rng.choice(records)
        if what < 0.4:
            return clients.reply(some, f"{self.name} answers", op=self.new_id())
        if self.replica.records[some].get("deleted"):
            return clients.restore(some, base, op=self.new_id())
        if what < 0.46:
            return clients.delete(some, base, op=self.new_id())
        fields = rng.choice(({"note": f"{self.name} thinks {rng.randrange(1000)}"}, {"label": rng.choice(LABELS)}, {"status": rng.choice(("accepted", "active"))},
                             {"attributes": {"weight": rng.randrange(100)}}))
        return clients.update(some, base, op=self.new_id(), **fields)


class Poster(Client):
    """gloss post, one process after another. What it says is one number for all lines, so an answer has no seq here."""

    def __init__(self, *args, brief):
        super().__init__(*args)
        self.brief, self.runs, self.process, self.is_broken_off = brief, 0, None, False

    def go_on(self):
        while not self.over.is_set():
            lines = [self.make() for _ in range(self.rng.randrange(5, 40))]
            self.post(lines)
            self.pause(2 * len(lines))  # its ops are all new annotations; not too many of those

    def make(self):
        start = self.rng.randrange(self.company.length - 10)
        return {"id": self.new_id(), "label": self.rng.choice(LABELS), "start": start, "end": start + self.rng.randrange(1, 10), "confidence": self.rng.randrange(1001)}

    def run_gloss(self, *words, stdin):
        """What it did; None when the run is over."""
        self.process = self.server.spawn(*words, user=self.user, stdin=subprocess.PIPE)
        out, err = self.process.communicate(stdin.encode())
        done = support.Done(("gloss", *words), subprocess.CompletedProcess(words, self.process.returncode, out, err))
        assert not any(word in done.err for word in support.SANITIZERS), str(done)
        return None if self.is_broken_off else done

    def break_off(self):
        self.is_broken_off = True
        if self.process:
            self.process.kill()

    def post(self, lines):
        """The same input again until gloss says that all of it is done."""
        text = "".join(json.dumps(line) + "\n" for line in lines)
        self.runs += 1
        for line in lines:
            self.history.word("ask", self.session, op=line["id"], kind="annotation.create")
        is_unknown, end = False, time.monotonic() + 300
        while True:
            self.in_flight = len(lines)
            done = self.run_gloss("post", self.brief, "--run", f"{self.name} {self.runs}", "--json", stdin=text)
            self.in_flight = 0
            if done is None:
                return
            if done.status == 0:
                break
            assert done.status in (2, 5), done
            assert time.monotonic() < end, f"not posted in five minutes: {done}"
            self.history.word("failed", self.session, what=f"gloss post: {done.status}, {done.err.strip()[-300:]}")
            for line in lines:
                self.history.word("unknown", self.session, op=line["id"])
            self.unknown += 0 if is_unknown else len(lines)
            is_unknown = True
        said = done.json
        assert said["refused"] == 0 and said["accepted"] + said["repeated"] == len(lines), done
        for line in lines:
            self.history.word("ok", self.session, op=line["id"])
        self.acked += len(lines)
        self.resolved += len(lines) if is_unknown else 0
        self.known += said["repeated"]
