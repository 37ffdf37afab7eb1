#!/usr/bin/python3
"""Everything that can die, dies in the middle of work: nothing acknowledged is missing or there twice, and it heals by itself.
And what keeps glossd from starting: exit codes and sentences."""
import os
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.request

import case
from case import Client, Refused, Server, ServiceCase, create, is_gone, new_id, support, wait_until
from writer import Writer

TEXT = "abcdefghijklmnopqrstuvwxyz " * 4


class FaultCase(ServiceCase):
    users = {"ana": "annotator", "ben": "annotator", "cora": "curator"}

    def setUp(self):
        self.session = self.new_session(TEXT + new_id())
        self.writers = []

    def tearDown(self):
        for writer in self.writers:
            writer.stop()
        for writer in self.writers:
            writer.join(support.LIMIT_S)

    def start_writing(self, count=240, names=("ana", "ben", "cora"), **more):
        self.writers = [Writer(self.server, name, self.session, [create(f"label {i % 3}", start=i % 20, end=i % 20 + 2, note=name) for i in range(count)], **more)
                        for name in names]
        for writer in self.writers:
            writer.start()
        for writer in self.writers:
            writer.wait_acknowledged(12)

    def finish_writing(self):
        """All is acknowledged; then the log is read from its beginning and compared with what everybody was told."""
        for writer in self.writers:
            writer.finish()
            self.assertEqual(writer.refused, [])
        told = {op: seq for writer in self.writers for op, seq in writer.acknowledged.items()}
        with Client(self.server, "ana") as reader:
            replica = reader.join(self.session, since=0)
            reader.wait_seq(self.session, len(told))
            head = reader.call("document.get", document=replica.document)["document"]["seq"]
        self.assertEqual({op["op"]: op["seq"] for op in replica.ops}, told)
        self.assertEqual(head, len(told))
        self.assertEqual(len({op["op"] for op in replica.ops}), len(replica.ops))
        self.assertChecks(replica)
        return replica

    def seconds_until_answered(self, user="ana", limit=support.LIMIT_S):
        """How long until somebody can sign in again."""
        begun = time.monotonic()

        def try_it():
            try:
                Client(self.server, user).close()
                return True
            except Exception:  # pylint: disable=broad-except - refused, reset, half open: not yet
                return False
        wait_until("an answer to hello", try_it, limit, every=0.01)
        return time.monotonic() - begun


    def accepted(self, client, op):
        result = client.submit(self.session, [op])[0]
        return result if "seq" in result else None


class Workers(FaultCase):
    COUNT = 480  # enough that somebody still writes at the first kill; as a rule at the last one, too

    def worker_written_to(self):
        """The worker of somebody who still writes; "none" when all is written."""
        writing = [writer for writer in self.writers if len(writer.acknowledged) < self.COUNT]
        return next((worker for writer in writing if (worker := self.worker_of(writer.connection))), None) if writing else "none"

    def test_kill_of_the_worker(self):
        self.start_writing(count=self.COUNT)
        took = []
        for _ in range(3):
            before = [len(writer.acknowledged) for writer in self.writers]
            hit = wait_until("somebody writes, or nobody any more", self.worker_written_to)
            if hit == "none":
                break
            os.kill(hit, signal.SIGKILL)
            took.append(self.seconds_until_answered())
            wait_until("it is gone", lambda: hit not in self.server.workers())  # pylint: disable=cell-var-from-loop
            for writer, count in zip(self.writers, before):
                writer.wait_acknowledged(min(self.COUNT, count + 6))
        self.finish_writing()
        print(f"{self.id()}: answered again after {', '.join(f'{seconds:.2f}' for seconds in took)} s")
        self.assertGreater(sum(writer.connections for writer in self.writers), 3)

    def test_a_worker_that_stands_still_for_a_moment_is_left_alone(self):
        self.start_writing(count=60)
        before = sorted(self.server.workers())
        worker = self.server.kill_worker(with_signal=signal.SIGSTOP)
        begun = time.monotonic()
        wait_until("it stands still", lambda: support.stat_of(worker)[0] in "TZ")
        os.kill(worker, signal.SIGCONT)
        moment = time.monotonic() - begun
        self.finish_writing()
        if moment < 20:  # watchdog_ms is 60000: this machine may have made it longer
            self.assertEqual(sorted(self.server.workers()), before)

    def test_a_locked_stream(self):
        """Somebody else holds the stream's row: nothing is lost, it only takes longer."""
        with subprocess.Popen(["psql", "-Xqd", self.server.database()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
            print(f"begin; select 1 from stream where id = '{self.session}' for update;", file=psql.stdin, flush=True)
            self.assertIn("?column?", psql.stdout.readline())
            ana = self.connect("ana")
            number = ana.send("session.submit", {"session": self.session, "ops": [create("claim", start=0, end=2)]})
            ana.call("document.list")
            self.assertNotIn("answer", ana.answers[number])
            psql.stdin.close()
            self.assertEqual(ana.answer(number)["results"][0]["seq"], 1)

    def test_kill_of_the_supervisor(self):
        self.start_writing()
        self.server.kill()
        self.server.start()
        self.finish_writing()

    def test_kill_of_a_helper(self):
        self.server.user("pia", role="annotator", password="three words of hers")
        for _ in range(3):
            helper = wait_until("a helper", self.server.helpers)[0]
            os.kill(helper, signal.SIGKILL)
            ana = self.connect("ana")
            error = ana.refused(self.session, create("x", exact="abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyy"))
            self.assertError(error, "quote_not_found")
        with Client(self.server, "pia", hello=False) as pia:
            self.assertEqual(pia.call("hello", account="pia", password="three words of hers")["account"]["name"], "pia")
        wait_until("a new helper", lambda: [pid for pid in self.server.helpers() if pid != helper])

    def test_a_frozen_helper_does_not_hold_the_others_up(self):
        ana, ben = self.people("ana", "ben")
        helper = self.server.helpers()[0]
        begun = time.monotonic()
        os.kill(helper, signal.SIGSTOP)
        self.addCleanup(lambda: is_gone(helper) or os.kill(helper, signal.SIGKILL))
        number = ana.send("session.submit", {"session": self.session, "ops": [create("x", exact="not there at all")]})
        ben.one(self.session, create("x", exact="abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz abc", nth=1))
        if time.monotonic() - begun < 10:  # it is given up after 15 s
            self.assertEqual(support.stat_of(helper)[0], "T", "it stands still to this moment")
        if not is_gone(helper):
            os.kill(helper, signal.SIGKILL)
        self.assertEqual(ana.answer(number)["results"][0]["error"]["data"]["name"], "quote_not_found")

    def test_terminate_with_ops_in_flight(self):
        self.start_writing(in_flight=10)
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(self.server.still_running(), [])
        self.server.start()
        self.finish_writing()
        for writer in self.writers:
            self.assertEqual(writer.unknown, 0, "ending in order leaves nothing unknown")

    def test_what_was_asked_before_the_end_is_answered_or_closed(self):
        ana = self.connect("ana")
        ana.join(self.session)
        ops = [create("claim", start=0, end=3) for _ in range(40)]
        numbers = [ana.send("session.submit", {"session": self.session, "ops": [op]}) for op in ops]
        self.server.process.send_signal(signal.SIGTERM)
        answered = {}
        for op, number in zip(ops, numbers):
            try:
                answered[op["id"]] = ana.answer(number)["results"][0]["seq"]
            except Refused as refused:
                self.assertError(refused, "shutting_down")
            except case.Closed:
                break
        closed = ana.wait_closed()
        self.assertEqual(closed.code, 1012)
        self.assertEqual(self.server.process.wait(support.LIMIT_S), 0)
        self.server.process = None
        self.server.start()
        again = self.connect("ana")
        for op in ops:
            result = again.one(self.session, op)
            if op["id"] in answered:
                self.assertEqual((result["seq"], result.get("repeated")), (answered[op["id"]], True))
        self.assertEqual(again.join(self.session, since=0).session, self.session)
        self.assertChecks(again.wait_seq(self.session, 40))

    def test_asked_twice_it_ends_at_once(self):
        worker = self.server.kill_worker(with_signal=signal.SIGSTOP)
        self.server.process.send_signal(signal.SIGTERM)
        self.server.process.send_signal(signal.SIGTERM)
        wait_until("asked, or asked twice", lambda: self.server.process.poll() is not None or self.server.process.send_signal(signal.SIGTERM), every=0.2)
        self.assertEqual(self.server.process.returncode, 1)
        wait_until("the worker is gone", lambda: is_gone(worker))
        self.server.process = None
        self.server.start()

    def test_a_connection_that_breaks_in_the_middle_of_an_upload(self):
        data = (new_id() * 10000).encode()
        ana = self.connect("ana")
        import base64
        import hashlib
        begun = ana.call("document.begin", project=self.project, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        ana.call("document.chunk", upload=begun["upload"], offset=0, data=base64.b64encode(data[:1000]).decode())
        os.kill(self.worker_of(ana), signal.SIGKILL)
        self.assertEqual(ana.wait_closed().code, 1006)
        self.seconds_until_answered()
        self.assertNotIn("existing", self.connect("ana").upload(self.project, data))


class StuckWorkers(FaultCase):
    settings = {"watchdog_ms": 1000}

    def test_a_worker_that_stands_still(self):
        self.start_writing()
        behind = len(self.server.log())
        stuck = self.server.kill_worker(with_signal=signal.SIGSTOP)
        self.server.wait_log("worker.stuck", behind=behind)
        self.server.wait_new_worker(stuck)
        wait_until("the stuck one is gone", lambda: is_gone(stuck))
        self.finish_writing()


class Backends(FaultCase):
    """PostgreSQL's processes, one by one, in a cluster that others use too."""
    settings = {"append_timeout_ms": 1500}

    def end_backends(self, role, how="pg_terminate_backend"):
        rows = self.server.sql(f"select {how}(pid) from pg_stat_activity where datname = '{self.server.name}' and usename = '{self.server.name}_{role}'")
        return len(rows)

    def test_terminated_backends(self):
        self.start_writing()
        for role in ("append", "reader", "append", "append", "reader"):
            before = [len(writer.acknowledged) for writer in self.writers]
            wait_until("one was ended", lambda r=role: self.end_backends(r))
            wait_until("a new connection", lambda r=role: r in self.server.backends().values())
            for writer, count in zip(self.writers, before):
                writer.wait_acknowledged(min(240, count + 5))
        self.finish_writing()

    def test_a_cancelled_append(self):
        self.start_writing()
        for _ in range(15):
            self.end_backends("append", "pg_cancel_backend")
        self.finish_writing()

    def test_a_frozen_backend(self):
        """It takes the append and says nothing: the answer is that nobody knows; what became of it is settled when it goes on."""
        ana, ben = self.people("ana", "ben")
        for client in (ana, ben):
            client.join(self.session)
        ana.one(self.session, create("claim", start=0, end=2))
        ben.wait_seq(self.session, 1)
        frozen = [pid for pid, role in self.server.backends().items() if role == "append"]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            op = create("claim", start=3, end=5)
            begun = time.monotonic()
            error = ana.refused(self.session, op)
            self.assertIn(error.name, ("store_down", "unknown_outcome"))
            print(f"{self.id()}: an answer after {time.monotonic() - begun:.1f} s")
            ben.call("token.list")
            self.assertEqual((ana.replicas[self.session].seq, ben.replicas[self.session].seq), (1, 1), "nobody hears of what is not durable")
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        result = wait_until("an answer that is one", lambda: self.accepted(ana, op))
        self.assertEqual(result["seq"], 2)
        self.assertEqual(ana.one(self.session, op), {**result, "repeated": True})
        for client in (ana, ben):
            client.wait_seq(self.session, 2)
        self.assertSame(*(client.replicas[self.session] for client in (ana, ben)))
        self.assertChecks(ana.replicas[self.session])


class Database(FaultCase):
    """All of PostgreSQL, in a cluster of its own."""
    own_cluster = True
    settings = {"append_timeout_ms": 3000}

    def setUp(self):
        """Whatever the test before left dead is started, so that one failure is one failure."""
        self.server.cluster.start()
        if self.server.process is None or self.server.process.poll() is not None:
            self.server.start()
        super().setUp()

    def test_kill_of_postgres(self):
        self.start_writing()
        for _ in range(2):
            before = [len(writer.acknowledged) for writer in self.writers]
            self.server.cluster.kill()
            self.server.cluster.start()
            for writer, count in zip(self.writers, before):
                writer.wait_acknowledged(min(240, count + 5))
        self.finish_writing()

    def test_kill_of_a_backend(self):
        """PostgreSQL ends all others then, and recovers."""
        self.start_writing()
        for role in ("append", "reader"):
            before = [len(writer.acknowledged) for writer in self.writers]
            os.kill(wait_until("a backend", lambda r=role: self.backend(r)), signal.SIGKILL)
            for writer, count in zip(self.writers, before):
                writer.wait_acknowledged(min(240, count + 5))
        self.finish_writing()

    def backend(self, role):
        """The pid of one; None while PostgreSQL or its connections are not there."""
        try:
            return next((pid for pid, whose in self.server.backends().items() if whose == role), None)
        except AssertionError:
            return None

    def test_kill_of_everything_at_once(self):
        self.start_writing()
        self.server.kill_worker()
        self.server.cluster.kill()
        self.server.kill()
        self.server.cluster.start()
        self.server.start()
        self.finish_writing()

    def test_while_it_is_away(self):
        ana = self.connect("ana")
        ana.join(self.session)
        ana.one(self.session, create("claim", start=0, end=2))
        self.server.cluster.stop()
        error = ana.error("document.list")
        self.assertError(error, "store_down")
        self.assertGreater(error.data["retry_after_ms"], 0)
        self.assertEqual(self.plain("/healthz"), (200, "ok\n"))
        status, why = wait_until("readyz says no", lambda: (lambda got: got if got[0] == 503 else None)(self.plain("/readyz")))
        self.assertIn("database", why)
        op = create("claim", start=3, end=5)
        number = ana.send("session.submit", {"session": self.session, "ops": [op]})
        late = create("claim", start=6, end=8)
        self.assertIn(ana.answer(number)["results"][0]["error"]["data"]["name"], ("store_down", "unknown_outcome"))
        begun = time.monotonic()
        number = ana.send("session.submit", {"session": self.session, "ops": [late]})
        self.server.cluster.start()
        was_in_time = time.monotonic() - begun < 2  # append_timeout_ms is 3000; a slow machine may need longer to start it
        result = ana.answer(number)["results"][0]
        if was_in_time:
            self.assertIn("seq", result, "what waits is stored when the database is back in time")
        wait_until("ready again", self.server.is_ready)
        wait_until("the late one is stored", lambda: self.accepted(ana, late))
        ana.one(self.session, op)
        self.assertEqual(self.connect("ben").join(self.session).seq, 3)

    def test_ending_while_it_is_away(self):
        ana = self.connect("ana")
        ana.join(self.session)
        self.server.cluster.stop()
        numbers = [ana.send("document.list", {}), ana.send("session.submit", {"session": self.session, "ops": [create("claim", start=0, end=2)]})]
        wait_until("readyz says no", lambda: self.plain("/readyz")[0] == 503)
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(ana.wait_closed().code, 1012)
        self.assertFalse([word for word in support.SANITIZERS if word in self.server.log()], "what was under way is freed")
        self.server.cluster.start()
        self.server.start()
        del numbers

    def plain(self, path):
        context = ssl.create_default_context(cafile=self.server.ca)
        try:
            with urllib.request.urlopen(f"https://127.0.0.1:{self.server.port}{path}", timeout=support.LIMIT_S, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_starting_before_the_database(self):
        self.assertEqual(self.server.stop(), 0)
        self.server.cluster.stop()
        done = self.server.glossd("check", check=False)
        self.assertEqual(done.status, 4, done)
        self.assertIn("cannot be reached", done.err)
        self.server.launch()
        self.server.wait_ready_line()
        self.assertEqual(self.plain("/healthz")[0], 200)
        self.assertEqual(self.plain("/readyz")[0], 503)
        early = self.connect("early", hello=False)
        with open(self.server.tokens["ana"]) as file:
            self.assertError(early.error("hello", token=file.read().strip()), "store_down")
        self.server.cluster.start()
        self.server.wait_ready()
        self.connect("ana").one(self.session, create("claim", start=0, end=2))

    def test_a_database_that_hangs(self):
        """SIGSTOP of PostgreSQL's first process and all others: connections open and nothing answers."""
        self.server.cluster.freeze()
        try:
            gone = self.server.kill_worker()
            self.server.wait_new_worker(gone)
            wait_until("plain answers", lambda: self.answers_plainly())
        finally:
            self.server.cluster.thaw()
        wait_until("ready again", self.server.is_ready)
        self.connect("ana").one(self.session, create("claim", start=0, end=2))

    def answers_plainly(self):
        try:
            return self.plain("/healthz")[0] == 200
        except OSError:
            return False


class PasswordGate:
    """What a PostgreSQL says to whoever has no password, or another one, up to its refusal."""

    def __enter__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()

    def serve(self):
        while True:
            try:
                taken, _ = self.listening.accept()
            except OSError:
                return
            with taken:
                taken.settimeout(60)
                try:
                    self.refuse(taken)
                except (OSError, struct.error):
                    pass  # it has hung up

    def refuse(self, taken):
        stream = taken.makefile("rb")

        def take(header):
            length = struct.unpack("!I", stream.read(header + 4)[header:])[0]
            return stream.read(length - 4)
        said = take(0)
        while said[:4] != struct.pack("!I", 3 << 16):  # it asks for encryption first
            taken.sendall(b"N")
            said = take(0)
        user = said[4:].split(b"\0")[1]
        taken.sendall(b"R" + struct.pack("!II", 8, 3))  # a password, as it is
        take(1)
        fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user \"" + user + b"\"\0\0"
        taken.sendall(b"E" + struct.pack("!I", len(fields) + 4) + fields)


class Starting(unittest.TestCase):
    """What keeps glossd from serving. One database for all; glossd is started by each test, with settings of its own."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.__enter__()
        cls.server.stop()

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def refuse(self, status, *words, options=(), env=None):
        """glossd serve, which must end by itself with this status and these words."""
        command = [support.GLOSSD, "serve", "--config", self.server.folder + "/gloss.conf", *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=support.LIMIT_S, env={**self.server.bare_env(), **(env or {})}, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, status, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertFalse(any(word in done.stderr for word in support.SANITIZERS), done.stderr)
        return done.stderr

    def certificate(self, *options):
        folder = f"{self.server.folder}/{new_id()}"
        os.mkdir(folder)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder + "/key", "-out", folder + "/crt",
                        "-subj", "/CN=localhost", *options], check=True, capture_output=True)
        return ["--tls-certificate", folder + "/crt", "--tls-key", folder + "/key"]

    def test_taken_port(self):
        with socket.create_server(("127.0.0.1", self.server.port)):
            said = self.refuse(6, str(self.server.port), f"process {os.getpid()}")
            self.assertIn("port", said)

    def test_settings(self):
        self.refuse(2, "--worker", "did you mean", options=["--worker", "2"])
        self.refuse(3, "GLOSS_LOG_LEVL", "did you mean log_level?", env={"GLOSS_LOG_LEVL": "info"})
        self.refuse(3, "workers", options=["--workers", "0"])
        self.refuse(3, "log_level", options=["--log-level", "loud"])
        path = self.server.folder + "/other.conf"
        with open(self.server.folder + "/gloss.conf") as old, open(path, "w") as new:
            new.write(old.read() + "colour = blue\n")
        self.refuse(3, path, "colour", options=["--config", path])
        self.refuse(3, "cannot be read", options=["--config", "/nowhere/gloss.conf"])
        self.refuse(3, "fsync", options=["--allow-unsafe-database", "false"])

    def test_certificates(self):
        self.refuse(7, "/nowhere.crt", options=["--tls-certificate", "/nowhere.crt"])
        junk = self.server.folder + "/junk.pem"
        with open(junk, "w") as file:
            file.write("this is no certificate\n")
        self.refuse(7, junk, options=["--tls-certificate", junk])
        self.refuse(7, junk, options=["--tls-key", junk])
        self.refuse(7, options=self.certificate()[:2])

    def test_an_expired_certificate_serves_but_is_told(self):
        """It is the clients who refuse it; a service that would not start would help nobody."""
        options = self.certificate()
        expired = self.expired(options[3])
        behind = len(self.server.log())
        self.server.launch("--tls-certificate", expired, "--tls-key", options[3])
        self.server.wait_ready_line()
        self.server.wait_log("tls.expires", behind=behind)
        self.assertIn("expired", self.server.log()[behind:])
        context = ssl.create_default_context(cafile=expired)
        with self.assertRaises(ssl.SSLCertVerificationError) as refused:
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=support.LIMIT_S) as sock, context.wrap_socket(sock, server_hostname="127.0.0.1"):
                pass
        self.assertIn("expired", str(refused.exception))
        self.assertEqual(self.server.stop(), 0)

    def expired(self, key):
        """A certificate of that key whose time is over."""
        path = key[:-3] + "expired"
        subprocess.run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=localhost", "-out", path + ".csr"], check=True, capture_output=True)
        with open(path + ".ext", "w") as file:
            file.write("subjectAltName = IP:127.0.0.1\nbasicConstraints = critical, CA:TRUE\n")
        with open(path + ".cnf", "w") as file:
            file.write(f"[ca]\ndefault_ca = it\n[it]\nnew_certs_dir = {os.path.dirname(key)}\ndatabase = {path}.db\nserial = {path}.serial\ndefault_md = sha256\n"
                       f"policy = any\nx509_extensions = v3\n[any]\ncommonName = supplied\n[v3]\nsubjectAltName = IP:127.0.0.1\nbasicConstraints = critical, CA:TRUE\n")
        open(path + ".db", "w").close()
        subprocess.run(["openssl", "ca", "-batch", "-config", path + ".cnf", "-selfsign", "-keyfile", key, "-in", path + ".csr", "-out", path, "-notext", "-rand_serial",
                        "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"], check=True, capture_output=True)
        return path

    def test_schema_versions(self):
        newest = int(self.server.sql("select max(version) from schema_version")[0][0])
        self.server.sql("create table kept as select * from schema_version")
        try:
            self.server.sql(f"delete from schema_version where version = {newest}")
            self.refuse(5, "glossd migrate")
            self.server.sql("insert into schema_version select * from kept k where k.version not in (select version from schema_version)")
            columns = ", ".join(row[0] for row in self.server.sql(
                "select column_name from information_schema.columns where table_name = 'schema_version' and column_name <> 'version' order by ordinal_position"))
            self.server.sql(f"insert into schema_version (version, {columns}) select version + 1, {columns} from schema_version where version = {newest}")
            self.server.sql(f"update schema_version set oldest = {newest + 1} where version = {newest + 1}")  # made for newer programs only
            self.refuse(5, "newer")
            done = self.server.glossd("user", "list", check=False)
            self.assertEqual(done.status, 5, done)
            self.server.sql(f"update schema_version set oldest = {newest} where version = {newest + 1}")  # made for programs like this one, too
            self.server.start()
            self.assertEqual(self.server.stop(), 0)
            self.assertEqual(self.server.glossd("user", "list", check=False).status, 0)
            self.server.sql(f"update schema_version set oldest = {newest + 1} where version = {newest + 1}")
            self.refuse(5, "newer")
        finally:
            self.server.sql("delete from schema_version")
            self.server.sql("insert into schema_version select * from kept")
            self.server.sql("drop table kept")

    def test_a_password_that_is_wrong_or_missing(self):
        """It is refused at the start, and told what to do; a database that is not there is waited for."""
        with PasswordGate() as gate:
            where = f"host=127.0.0.1 port={gate.port} dbname={self.server.name}"
            path = self.server.folder + "/pgpass"
            with open(path, "w") as file:
                os.chmod(path, 0o600)
                file.write("*:*:*:*:not this one\n")
            said = self.refuse(3, "password authentication failed", self.server.name + "_append", "PGPASSFILE", options=["--database", f"{where} passfile={path}"])
            self.assertNotIn("not this one", said)
            self.refuse(3, "no password supplied", "PGPASSFILE", options=["--database", f"{where} passfile=/nowhere"])
            done = self.server.glossd("user", "list", "--database", f"{where} passfile={path}", check=False)
            self.assertEqual(done.status, 3, done)
            self.assertIn("password authentication failed", done.err)

    def test_a_database_that_was_never_made(self):
        empty = self.server.cluster.conninfo.split(" user=")[0] + " dbname=template1"
        self.refuse(5, "glossd migrate", options=["--database", empty])



if __name__ == "__main__":
    case.main()
