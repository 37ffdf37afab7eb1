#!/usr/bin/python3
"""People are moved: a node that ends lets balancers know and sends its people elsewhere, workers are replaced one after the other, settings and certificate are
read again. Nobody is refused, nothing acknowledged is missing or there twice."""
import os
import re
import signal
import ssl
import socket
import subprocess
import unittest
import urllib.error
import urllib.request

import case
from case import Client, create, support, wait_until
from test_faults import FaultCase


def readyz(server):
    context = ssl.create_default_context(cafile=server.ca)
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{server.port}/readyz", timeout=support.LIMIT_S, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Moving(FaultCase):
    def change(self, **settings):
        """For the next start, reload or restart."""
        before = dict(self.server.extra)
        self.addCleanup(lambda: (self.server.extra.clear(), self.server.extra.update(before), self.server.write_settings()))
        self.server.extra.update(settings)
        self.server.write_settings()

    def restart(self):
        """The log's line when it is over."""
        behind = len(self.server.log())
        done = self.server.glossd("restart")
        self.assertIn("replaces its workers", done.out)
        return self.server.wait_log("service.restarted", behind=behind)

    def writing_on(self):
        """More is acknowledged than was when it was called."""
        before = [len(writer.acknowledged) for writer in self.writers]
        for writer, count in zip(self.writers, before):
            writer.wait_acknowledged(min(240, count + 6))


class Restart(Moving):
    workers = max(2, Moving.workers)

    def test_workers_are_replaced_one_by_one_while_people_write(self):
        first, pid, log = set(self.server.workers()), self.server.process.pid, len(self.server.log())
        watcher = self.connect("cora")
        watcher.join(self.session, since=0)
        self.start_writing()
        for _ in range(2):
            before = set(self.server.workers())
            self.assertNotIn("detail", self.restart())
            wait_until("nobody of before is left", lambda b=before: not b & set(self.server.workers()))
            self.writing_on()
        self.finish_writing()
        self.assertEqual(self.server.process.pid, pid)
        self.assertEqual(len(self.server.workers()), len(first))
        self.assertEqual(self.server.log()[log:].count(" worker.left "), 2 * len(first))
        self.assertNotIn("worker.gone", self.server.log()[log:], "operators are alerted by that")
        self.assertEqual(watcher.wait_closed().code, 1012)
        self.assertEqual([params["what"] for method, params in watcher.notices if method == "server.notice"], ["closing"])
        refused = {name for writer in self.writers for name in writer.errors} & {"ConnectionRefusedError", "op store_down", "store_down"}
        self.assertFalse(refused, "somebody was refused")
        for writer in self.writers:
            self.assertEqual(writer.unknown, 0)

    def test_settings_of_a_restart_hold_and_bad_ones_change_nothing(self):
        ana = self.connect("ana")
        self.change(max_document_bytes="2KiB", statement_timeout_ms="7s")
        self.assertEqual(ana.welcome["limits"]["document_bytes"], 8 << 20)
        self.assertNotIn("detail", self.restart())
        self.assertEqual(ana.wait_closed().code, 1012)
        self.assertEqual(self.connect("ana").welcome["limits"]["document_bytes"], 2048)
        workers = set(self.server.workers())
        self.change(max_document_bytes="much")
        behind = len(self.server.log())
        self.server.process.send_signal(signal.SIGUSR2)
        self.assertIn("much", self.server.wait_log("service.restarted", behind=behind))
        self.assertEqual(set(self.server.workers()), workers)
        self.assertEqual(self.connect("ana").welcome["limits"]["document_bytes"], 2048)

    def test_a_process_of_a_user_survives_it(self):
        """libgloss obeys the notice: gloss, which follows a session, is told and goes on with nothing missing."""
        with Client(self.server, "ana") as ana:
            document = ana.join(self.session).document
        watching = self.server.spawn("watch", document, "--json", user="ben", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(watching.kill)
        with Client(self.server, "ana") as ana:
            ana.one(self.session, create("claim", start=0, end=2, note="before"))
        self.await_note(watching, "before")
        self.assertNotIn("detail", self.restart())
        with Client(self.server, "ana") as ana:
            ana.one(self.session, create("claim", start=3, end=5, note="after"))
        self.await_note(watching, "after")

    def await_note(self, watching, note):
        for line in watching.stdout:
            if f'"{note}"' in line:
                return
        self.fail(f"gloss watch ended: {watching.stderr.read()}")


NEXT = os.environ.get("GLOSS_NEXT") or os.path.join(support.BUILD, "tests/fire/glossd_next")


class Program(Moving):
    """What is installed while the service runs: the file is another one, the process stays."""
    workers = max(2, Moving.workers)

    def setUp(self):
        super().setUp()
        self.assertEqual(self.server.stop(), 0)
        self.server.program = os.path.join(self.server.folder, "bin", "glossd")
        os.makedirs(os.path.dirname(self.server.program), exist_ok=True)
        self.install(support.GLOSSD)
        self.server.start()
        self.addCleanup(self.install, support.GLOSSD)

    def install(self, program):
        """As a package does: under another name first, then in one step."""
        new = self.server.program + ".new"
        os.symlink(program, new)
        os.replace(new, self.server.program)

    def write_program(self, text, mode=0o755):
        with open(self.server.program + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.server.program + ".new", mode)
        os.replace(self.server.program + ".new", self.server.program)

    def versions(self):
        """Of those who answer a new connection."""
        return {self.connect("ana").welcome["server"] for _ in range(6)}

    def numbers(self):
        said = self.server.glossd("metrics").out
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in said.splitlines() if not line.startswith("#")}

    def test_one_that_does_not_start_changes_nothing(self):
        ana, workers = self.connect("ana"), set(self.server.workers())
        ana.join(self.session)
        old = self.versions()
        for what, words in ((lambda: self.write_program("this is no program"), "Exec format error"), (lambda: self.write_program("", 0o600), "Permission denied"),
                            (lambda: os.unlink(self.server.program), "No such file"), (lambda: self.write_program("#!/bin/sh\necho oh no; exit 9\n"), "status 9): oh no"),
                            (lambda: self.write_program("#!/bin/sh\nkill -SEGV $$\n"), "signal 11"), (lambda: self.install(NEXT), "status 5): glossd: the database has schema")):
            what()
            behind = len(self.server.log())
            self.server.process.send_signal(signal.SIGUSR2)
            self.assertIn(words, self.server.wait_log("service.restarted", behind=behind))
        self.install(support.GLOSSD)
        self.change(workers="many")
        behind = len(self.server.log())
        self.server.process.send_signal(signal.SIGUSR2)
        self.assertIn("status 3): ", self.server.wait_log("service.restarted", behind=behind))
        self.assertEqual((set(self.server.workers()), self.versions()), (workers, old))
        ana.one(self.session, create("claim", start=0, end=2))
        self.assertIsNone(ana.closed)

    def test_the_new_one_takes_over_while_people_write_and_back_again(self):
        pid, log = self.server.process.pid, len(self.server.log())
        old, = self.versions()
        subprocess.run([NEXT, "migrate", "--config", self.server.folder + "/gloss.conf"], check=True, capture_output=True, env=self.server.bare_env())
        self.start_writing()
        for program, mark in ((NEXT, ".next"), (support.GLOSSD, "")):
            self.install(program)
            before, counted = set(self.server.workers()), self.numbers()
            self.assertNotIn("detail", self.restart())
            wait_until("nobody of before is left", lambda b=before: not b & set(self.server.workers()))
            self.writing_on()
            self.assertEqual(self.versions(), {old + mark})
            now = self.numbers()
            self.assertEqual({name for name, number in counted.items() if re.search("_(total|count|sum|bucket)", name) and number > now.get(name, 0)}, set(),
                             "what is counted never goes back")
            self.assertEqual("gloss_next_total" in now, program == NEXT, "the programs count different things")
            self.assertEqual(len([name for name in now if name.startswith("gloss_ready{")]), self.workers)
            self.assertIn(" service.exchanged ", self.server.log()[log:])
        self.finish_writing()
        self.assertEqual(self.server.process.pid, pid)
        for worker in range(2):  # who dies now is looked after as ever
            self.server.wait_new_worker(self.server.kill_worker(worker))
        self.connect("ana").one(self.session, create("claim", start=0, end=2))
        refused = {name for writer in self.writers for name in writer.errors} & {"ConnectionRefusedError", "op store_down", "store_down"}
        self.assertFalse(refused, "somebody was refused")
        for writer in self.writers:
            self.assertEqual(writer.unknown, 0)


class Leaving(Moving):
    def start_with(self, **settings):
        """Another server for this test, and then one as before."""
        before = dict(self.server.extra)
        self.assertEqual(self.server.stop(), 0)
        self.server.extra.update(settings)
        self.server.write_settings()
        self.server.start()
        self.addCleanup(self.start_as_before, before)

    def start_as_before(self, before):
        if self.server.process is not None:
            self.server.kill()
        self.server.extra.clear()
        self.server.extra.update(before)
        self.server.write_settings()
        self.server.start()

    def wait_ended(self):
        self.assertEqual(self.server.process.wait(support.LIMIT_S), 0)
        self.server.process = None
        self.assertFalse(self.server.still_running())

    def notices(self, client):
        return [params["what"] for method, params in client.notices if method == "server.notice"]

    def test_balancers_hear_of_it_while_people_are_served__and_asked_again_it_hurries(self):
        self.start_with(drain_delay_ms="10min", drain_spread_ms="10min")
        ana, ben = self.people("ana", "ben")
        for client in (ana, ben):
            client.join(self.session, since=0)
        self.assertEqual(readyz(self.server)[0], 200)
        done = self.server.glossd("drain")
        self.assertIn("moves its people elsewhere", done.out)
        why = wait_until("readyz says so", lambda: (lambda got: got[1] if got[0] == 503 else None)(readyz(self.server)))
        self.assertIn("going down", why)
        seq = ana.one(self.session, create("claim", start=0, end=2))["seq"]
        ben.wait_seq(self.session, seq)
        late = self.connect("ana")  # a balancer may take a while to notice
        late.one(self.session, create("claim", start=1, end=3))
        self.assertIsNone(ana.closed)
        self.server.process.send_signal(signal.SIGTERM)
        for client in (ana, ben, late):
            self.assertEqual(client.wait_closed().code, 1012)
            self.assertEqual(self.notices(client), ["closing"])
        self.wait_ended()

    def test_whoever_connects_after_that_is_refused_at_once(self):
        """And not left waiting in a queue that nobody takes from: a balancer goes to the next node."""
        self.start_with(drain_timeout_ms="10min")
        ana = self.connect("ana")
        ana.join(self.session)
        with subprocess.Popen(["psql", "-Xqd", self.server.database()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as psql:
            print(f"begin; select 1 from stream where id = '{self.session}' for update;", file=psql.stdin, flush=True)
            self.assertIn("?column?", psql.stdout.readline())
            number = ana.send("session.submit", {"session": self.session, "ops": [create("claim", start=0, end=2)]})
            ana.call("document.list")
            self.server.process.send_signal(signal.SIGTERM)
            ana.wait_notice("server.notice")
            wait_until("nobody listens", self.is_refused)
            self.assertIsNone(ana.closed, "it waits for its answer")
            psql.stdin.close()
            self.assertIn("seq", ana.answer(number)["results"][0])
        self.assertEqual(ana.wait_closed().code, 1012)
        self.wait_ended()

    def is_refused(self):
        try:
            socket.create_connection(("127.0.0.1", self.server.port), timeout=support.LIMIT_S).close()
            return False
        except ConnectionRefusedError:
            return True


class Reload(Moving):
    """Each takes effect, for those who are there already where it is about them, and nobody's connection ends."""

    def reload(self):
        behind = len(self.server.log())
        self.server.glossd("reload")
        for _ in range(self.server.workers_wanted):
            line = self.server.wait_log("service.reloaded", behind=behind)
            behind = self.server.log().index(line, behind) + len(line)
        return line

    def leaf(self):
        context = ssl.create_default_context(cafile=self.server.ca)
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=support.LIMIT_S) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as tls:
                return tls.getpeercert()["serialNumber"]

    def test_certificate_limits_and_log_level(self):
        ana = self.connect("ana")
        ana.join(self.session)
        self.start_writing()
        before = self.leaf()
        tls = self.server.folder + "/cert/tls/"
        os.rename(tls + "server.crt", tls + "old.crt")
        subprocess.run([support.DEPS + "/certificate", self.server.folder + "/cert"], check=True, capture_output=True)
        self.assertEqual(self.leaf(), before, "not before it is told")
        self.change(log_level="debug", max_sessions="1", max_account_sessions="7")
        self.assertNotIn("detail", self.reload())
        self.assertNotEqual(self.leaf(), before)
        error = ana.error("session.join", session=self.new_session())
        self.assertError(error, "limit", limit=1)
        behind = len(self.server.log())
        os.kill(self.server.helpers()[0], signal.SIGKILL)
        self.server.wait_log("helper.started", behind=behind)  # said at debug only
        ana.one(self.session, create("claim", start=0, end=2))
        self.assertIsNone(ana.closed)
        self.change(log_level="info", max_sessions="64")
        self.reload()
        ana.join(self.new_session())
        for writer in self.writers:
            writer.finish()
            self.assertEqual(writer.connections, 1, "nobody had to connect again")


if __name__ == "__main__":
    case.main()
