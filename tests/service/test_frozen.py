#!/usr/bin/python3
"""PostgreSQL says nothing any more: it stands still with all its processes, or the way to it swallows every byte. Nobody is told so by anybody.

Clients ask every method of wire.def. Whatever needs the database is answered by a typed error in time, while it is still away; whatever is in memory goes
on. Afterwards all is well within seconds, and nothing was applied twice. GLOSS_TEST_LONG=30 keeps it away that long and asserts the times, unless the
program is slowed down by a sanitizer."""
import base64
import hashlib
import os
import signal
import subprocess
import threading
import time

import case
from case import Client, Refused, Server, create, new_id, support, wait_until
from client import redact
from proxy import Proxy
from test_methods import MethodCase, WIRE

AWAY_S = float(os.environ.get("GLOSS_TEST_LONG", "0"))  # 0: the short form
STATEMENT_MS, APPEND_MS = (5000, 10000) if AWAY_S else (1500, 2500)
FROM_MEMORY = {"session.page", "session.presence", "session.leave", "document.chunk"}
TYPED = {"store_down", "unknown_outcome"}
WRITERS = 3
PATIENCE_S = 240  # for an answer, in the short form: however slow the machine is


def is_sanitized():
    """Then times are only printed."""
    with open(support.GLOSSD, "rb") as program:
        return b"__asan_init" in program.read()


def deadline_s(method):
    """Within which it is answered, by the settings: two looks at the database one after the other, an append, and a sweep of a second."""
    return (2 * STATEMENT_MS + (APPEND_MS if method in ("session.submit", "project.submit", "member.set", "codebook.policy", "document.commit") else 0)) / 1000 + 2


class Away(MethodCase):
    """What both classes below share."""
    own_cluster = True
    settings = {"statement_timeout_ms": STATEMENT_MS, "append_timeout_ms": APPEND_MS, "requests_in_flight": 256}

    def take_away(self):
        raise NotImplementedError

    def bring_back(self):
        raise NotImplementedError

    @classmethod
    def prepare_more(cls):
        cls.told = []

    # ---- what is asked

    def upload(self, client):
        """One that lacks its last byte."""
        data = f"{new_id()}\n".encode()
        begun = client.call("document.begin", project=self.project, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        client.call("document.chunk", upload=begun["upload"], offset=0, data=base64.b64encode(data[:-1]).decode())
        return {"upload": begun["upload"], "offset": len(data) - 1, "data": base64.b64encode(data[-1:]).decode()}

    def prepared(self, method):
        """Somebody who may ask this, and with what."""
        if method == "hello":
            with open(self.server.tokens["ana"]) as file:
                return None, {"token": file.read().strip()}  # on a connection that is made then: it must say so within hello_timeout_ms
        client = self.connect("admin" if WIRE.methods[method].role == "ADMIN" else "olga")
        if method == "admin.token.revoke":
            return client, {"token": client.call("admin.token.create", account="dora")["token"]}
        if method == "admin.connection.end":
            return client, {"account": "dora", "reason": "for a test"}
        if method == "codebook.policy":  # what it is already needs no append
            return client, {"project": self.project, "open": not client.call("codebook.get", project=self.project)["open"]}
        if method == "member.set":
            role = next((member.get("role") for member in client.call("member.list", project=self.project)["members"] if member["name"] == "dora"), None)
            return client, {"project": self.project, "account": "dora", "role": "annotator" if role == "viewer" else "viewer"}
        if method == "token.revoke":
            return client, {"token": client.call("token.create")["token"]}
        if method == "session.submit":
            client.join(self.session, pages=False)  # who has not joined is asked about first
        if method in ("document.chunk", "document.commit"):
            chunk = self.upload(client)
            if method == "document.chunk":
                return client, chunk
            client.call("document.chunk", **chunk)
            return client, {"upload": chunk["upload"]}
        return client, self.good(method, client)

    def ask_all(self, asked):
        """Asks all at once; gives {method: (name of the error or None, seconds)} when the last one has its answer."""
        begun = time.monotonic()
        clients = {method: client or self.connect("ana", hello=False) for method, (client, _) in asked.items()}
        numbers = {method: clients[method].send(method, params) for method, (_, params) in asked.items()}
        seconds, answers = {}, {}
        while len(seconds) < len(asked) and time.monotonic() - begun < PATIENCE_S:
            for method, number in numbers.items():
                if method not in seconds and "answer" in clients[method].answers[number]:
                    seconds[method] = time.monotonic() - begun
            time.sleep(0.01)
        for method, number in numbers.items():
            try:
                result = clients[method].answer(number, 0)
                errors = [it["error"]["data"] for it in result.get("results", []) if "error" in it]
            except Refused as refused:
                errors = [refused.data]
            for data in errors:
                self.assertGreater(data.get("retry_after_ms", 0), 0, f"{method}: {data}")
            answers[method] = (errors[0]["name"] if errors else None, seconds[method])
        return answers

    def expect_errors(self, what, answers):
        for method, (name, seconds) in answers.items():
            if method in FROM_MEMORY:
                self.assertIsNone(name, f"{what}: {method} needs no database")
            else:
                self.assertIn(name, TYPED, f"{what}: {method}")
            if AWAY_S and not is_sanitized():
                self.assertLess(seconds, deadline_s(method), f"{what}: {method}")
        slowest = max(answers, key=lambda method: answers[method][1])
        self.say(f"{what}: {len(answers)} methods answered, the slowest ({slowest}) after {answers[slowest][1]:.1f} s")

    def say(self, words):
        print(f"    {words}")

    # ---- the whole thing

    def start_writers(self):
        """People who send one op after the other, the same again until it is accepted, and never wait longer than they are told to."""
        self.is_over, self.faults, self.accepted, self.met = False, [], {}, {}
        self.writers = [threading.Thread(target=self.write, args=(name,)) for name in ("ana", "cora", "olga")[:WRITERS]]
        for writer in self.writers:
            writer.start()

    def write(self, name):
        try:
            with Client(self.server, name) as client:
                client.join(self.session)
                while not self.is_over:
                    op = create("claim", start=0, end=7, note=name)
                    while not self.send_one(client, op):
                        pass
        except Exception as error:  # pylint: disable=broad-except - the test's thread must hear of it
            self.faults.append(error)

    def send_one(self, client, op):
        result = client.answer(client.send("session.submit", {"session": self.session, "ops": [op]}), PATIENCE_S)["results"][0]
        if "error" not in result:
            self.accepted[op["id"]] = result["seq"]
            return True
        error = result["error"]["data"]
        assert error["name"] in TYPED, error
        self.met[error["name"]] = self.met.get(error["name"], 0) + 1
        time.sleep(min(error["retry_after_ms"], 200) / 1000)
        return False

    def finish_writers(self):
        self.is_over = True
        for writer in self.writers:
            writer.join(PATIENCE_S)
        self.assertEqual(self.faults, [])

    def expect_presence(self, ana, ben, round_):
        """What one says of its place the other hears, although nothing can be stored."""
        ana.call("session.presence", session=self.session, start=round_, end=round_ + 5)
        ben.wait_notice("session.presence", lambda params: any(person.get("start") == round_ for person in params.get("people", [])), PATIENCE_S)

    def test_every_method_while_it_is_away(self):
        ana = self.connect("ana")
        vera = self.beside(ana, "vera")
        for client in (ana, vera):
            client.join(self.session)
        self.start_writers()
        wait_until("everybody has written", lambda: len(self.accepted) >= 10 or self.faults)
        asked = [{method: self.prepared(method) for method in WIRE.methods} for _ in range(2)]
        behind, backends = len(self.server.log()), len(self.server.backends())
        begun = time.monotonic()
        self.take_away()
        try:
            self.expect_errors("as it goes", self.ask_all(asked[0]))
            self.expect_presence(ana, vera, 3)
            self.expect_errors("while it is away", self.ask_all(asked[1]))
            self.expect_presence(ana, vera, 7)
            self.assertTrue(self.server.workers())
            time.sleep(max(0, AWAY_S - (time.monotonic() - begun)))
            away = time.monotonic() - begun
            lines = self.server.log()[behind:].count("\n")
        finally:
            self.bring_back()
        self.expect_health(away, lines)
        self.expect_no_more_backends(backends)

    def expect_health(self, away, lines):
        begun = time.monotonic()
        before = len(self.accepted)
        wait_until("ready again", self.server.is_ready, PATIENCE_S)
        wait_until("everybody writes again", lambda: len(self.accepted) > before + WRITERS or self.faults, PATIENCE_S)
        seconds = time.monotonic() - begun
        for method in WIRE.methods:
            client, params = self.prepared(method)
            (client or self.connect("ana", hello=False)).call(method, **params)
        every = time.monotonic() - begun
        self.finish_writers()
        self.say(f"away for {away:.1f} s, {lines} lines of the log; all write again {seconds:.1f} s afterwards, every method was answered (from new connections) "
                 f"after {every:.1f} s; {len(self.accepted)} ops; told meanwhile: {self.met}")
        self.assertTrue(self.met, "somebody was told")
        if AWAY_S and not is_sanitized():
            self.assertLess(seconds, 5)
        if AWAY_S:
            self.assertLess(lines, 20 * away)
        self.expect_each_once()

    def expect_each_once(self):
        """The log, read anew, has what was accepted at its seq, and nothing twice. What nobody acknowledged may be there, once."""
        with Client(self.server, "vera") as reader:
            head = reader.call("document.get", document=self.document)["document"]["seq"]
            replica = reader.join(self.session, since=0)
            reader.wait_seq(self.session, head)
        stored = {op["op"]: op["seq"] for op in replica.ops}
        self.assertEqual(len(stored), len(replica.ops))
        self.assertEqual({op: stored.get(op) for op in self.accepted}, self.accepted)
        self.assertChecks(replica)

    def expect_no_more_backends(self, before):
        """Connections that were given up are not left behind in the database."""
        wait_until("as many connections as before", lambda: len(self.server.backends()) <= before + 1, PATIENCE_S)


class Frozen(Away):
    """SIGSTOP of the postmaster and of everything below it."""

    def take_away(self):
        self.assertGreater(self.server.cluster.freeze(), 5)

    def bring_back(self):
        self.server.cluster.thaw()

    # ---- only what appends

    WRITE = ("project.submit", "member.set", "codebook.policy", "document.commit", "session.submit", "project.create", "token.create", "token.revoke", "inbox.read")

    def test_only_what_appends_stands_still(self):
        """Reading goes on, so that requests come as far as an append, and are under way when it is given up. What became of them is settled afterwards."""
        given_up_at_all = 0
        for methods in [[method] for method in self.WRITE] if AWAY_S else [self.WRITE]:
            asked = {method: self.prepared(method) for method in methods}
            frozen = [pid for pid, role in self.server.backends().items() if role == "append"]
            for pid in frozen:
                os.kill(pid, signal.SIGSTOP)
            try:
                answers = self.ask_all(asked)
                # The worker soon has another connection: what is settled there in time, or comes behind that on a busy machine, is done on it.
                given_up = {method: answer for method, answer in answers.items() if answer[0]}
                if given_up:
                    self.expect_errors(", ".join(methods), given_up)
                given_up_at_all += len(given_up)
                self.connect("vera").call("document.list")
            finally:
                for pid in frozen:
                    os.kill(pid, signal.SIGCONT)
            for method, (client, params) in asked.items():
                wait_until("it is accepted, or was", lambda: self.is_done(method, client, params), PATIENCE_S)  # pylint: disable=cell-var-from-loop
        self.assertGreater(given_up_at_all, 0)
        self.assertEqual(self.server.check()[0], 0)

    def open_codebook(self):
        """Whoever asked every method may have closed it, or not: what became of that is settled when the database is back."""
        with Client(self.server, "olga") as olga:
            olga.call("codebook.policy", project=self.project, open=True)

    def test_one_backend_that_stands_still_keeps_only_its_own(self):
        """An op whose append meets it waits, others go on over the other connections; one lost connection later it still waits, for what became of it."""
        self.open_codebook()
        ana, session = self.connect("ana"), self.new_session()
        olga = self.beside(ana, "olga")
        olga.join(session, pages=False)
        ana.join(self.session, pages=False)
        for client, where in ((olga, session), (ana, self.session)):
            client.one(where, create("beside"))  # nothing has to be made for the ops below
        for _ in range(40):  # whether it is met depends on who is faster; a fault shows every time
            for pid in [pid for pid, role in self.server.backends().items() if role == "append"]:
                if self.is_stuck(pid, ana, olga, session):
                    self.assertEqual(self.server.check()[0], 0)
                    return
        self.fail("no append met the backend that stood still, or nothing went on beside it")

    def is_stuck(self, pid, ana, olga, session):
        """Whether an op of ana's stood at this backend while ten of olga's were accepted one after the other; then it is accepted, too."""
        ops = [create("beside", note="stuck")]
        os.kill(pid, signal.SIGSTOP)
        try:
            number = ana.send("session.submit", {"session": self.session, "ops": ops})
            for _ in range(10):
                olga.one(session, create("beside"))
            stuck = "answer" not in ana.answers[number]
        except Refused:
            return False
        finally:
            os.kill(pid, signal.SIGCONT)
        wait_until("it is accepted, or was", lambda: self.is_done("session.submit", ana, {"session": self.session, "ops": ops}), PATIENCE_S)
        return stuck

    def test_words_are_looked_for_beside_the_session(self):
        """Which ops hold somebody's words is asked of the log, page by page; while the database does not say, the session goes on, and the redact comes behind."""
        self.open_codebook()
        ana, session = self.connect("ana"), self.new_session()
        cora = self.beside(ana, "cora")
        for client in (ana, cora):
            client.join(session, pages=False)
        for _ in range(40):  # whether it is met depends on who is faster; a fault shows every time
            ana.one(session, create("beside", note="a word"))
            if self.goes_beside(ana, cora, session):
                self.assertEqual(self.server.check()[0], 0)
                return
        self.fail("what was asked for behind the redact came behind it every time")

    def goes_beside(self, ana, cora, session):
        readers = [pid for pid, role in self.server.backends().items() if role == "reader"]
        ops = [redact(account=ana.account)]
        for pid in readers:
            os.kill(pid, signal.SIGSTOP)
        try:
            ana.send("session.submit", {"session": session, "ops": ops})
            ana.call("session.presence", session=session, start=0, end=1)  # from memory, behind it
            beside = cora.one(session, create("beside"))["seq"]
        except Refused:
            return False
        finally:
            for pid in readers:
                os.kill(pid, signal.SIGCONT)
        wait_until("the words are gone", lambda: self.is_done("session.submit", ana, {"session": session, "ops": ops}), PATIENCE_S)
        return beside < ana.submit(session, ops)[0]["seq"]

    def is_done(self, method, client, params):
        """The same again: done now, or known to be done."""
        already = {"document.commit": "not_found", "project.create": "exists", "token.revoke": "not_found"}
        try:
            results = client.call(method, **params).get("results", [])
        except Refused as refused:
            self.assertIn(refused.name, TYPED | {already.get(method)})
            return refused.name not in TYPED
        return not any("error" in it for it in results)


class ServerBehindProxy(Server):
    def write_settings(self):
        folder = self.cluster.conninfo.split("'")[1]
        self.proxy = Proxy(folder + "/.s.PGSQL.5432")
        self.extra = {**self.extra, "database": f"host=127.0.0.1 port={self.proxy.port} dbname={self.name}"}
        super().write_settings()


class Blackhole(Away):
    """Bytes go nowhere; those who sent them are never told, and the old connections stay dead when new ones work again."""
    kind_of_server = ServerBehindProxy

    def take_away(self):
        self.server.proxy.swallow()

    def bring_back(self):
        self.assertGreater(self.server.proxy.swallowed, 0)
        self.server.proxy.spit_out()

    def expect_no_more_backends(self, before):
        """Those that met the hole are PostgreSQL's to find out about; ours end those that had an append under way."""


class Verbs(case.ServiceCase):
    """glossd's verbs, each in the middle of something when PostgreSQL stops: they end, say why, and do not wait for it to come back."""
    own_cluster = True
    VERBS = {"user": ["add", "late"], "check": [], "migrate": [], "project": ["add", "Late", "--owner", "ana"], "token": ["add", "ana"]}
    LOCKED = "account, stream, token, schema_version"

    def test_verbs_end_when_it_stops(self):
        processes = {}
        with subprocess.Popen(["psql", "-Xqd", self.server.database()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
            print(f"begin; lock table {self.LOCKED}; select 1;", file=psql.stdin, flush=True)
            self.assertIn("?column?", psql.stdout.readline())
            waiting = "select count(*) from pg_stat_activity where application_name like 'glossd %' and wait_event_type = 'Lock' and usename like '%owner'"
            for verb, args in self.VERBS.items():
                processes[verb] = subprocess.Popen([support.GLOSSD, verb, "--config", self.server.folder + "/gloss.conf", *args], env=self.server.bare_env(),
                                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            wait_until("all wait for the lock", lambda: int(self.server.sql(waiting)[0][0]) == len(processes))
            self.server.cluster.freeze()
            begun = time.monotonic()
            try:
                for verb, process in processes.items():
                    said = process.communicate(timeout=PATIENCE_S)[1]
                    self.assertIn("does not answer any more", said, verb)
                    self.assertEqual(process.returncode, 4, verb)
                print(f"    {len(processes)} verbs had ended {time.monotonic() - begun:.1f} s afterwards")
                done = self.server.glossd("user", "list", check=False)
                self.assertEqual(done.status, 4, done)
            finally:
                self.server.cluster.thaw()
            psql.stdin.close()
        wait_until("ready again", self.server.is_ready, PATIENCE_S)
        self.server.glossd("check")


del MethodCase, Away

if __name__ == "__main__":
    case.main()
