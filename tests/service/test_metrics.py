#!/usr/bin/python3
"""/metrics, /healthz and /readyz, and what `glossd metrics` and `glossd health` make of them: two workers count as one service."""
import os
import re
import signal
import ssl
import subprocess
import time
import unittest
import urllib.error
import urllib.request

import case
from case import Client, Refused, Server, ServiceCase, create, new_id, update, wait_until


class Numbers:
    """Prometheus' text format 0.0.4, as {sample: number}; whatever is not that fails."""

    def __init__(self, text):
        self.samples, kinds, helped = {}, {}, set()
        for line in text.removesuffix("\n").split("\n"):
            words = line.split(" ", 3)
            if line.startswith("# HELP "):
                helped.add(words[2])
            elif line.startswith("# TYPE "):
                assert words[2] in helped and words[2] not in kinds and words[3] in ("counter", "gauge", "histogram"), line
                kinds[words[2]] = words[3]
            else:
                sample, number = line.rsplit(" ", 1)
                name = sample.split("{")[0]
                family = next(name.removesuffix(end) for end in ("", "_bucket", "_sum", "_count") if name.removesuffix(end) in kinds)
                assert family == name or kinds[family] == "histogram", line
                assert sample not in self.samples, line
                self.samples[sample] = float(number)
        for family, kind in kinds.items():
            if kind == "histogram":
                buckets = [number for sample, number in self.samples.items() if sample.startswith(family + "_bucket")]
                assert buckets == sorted(buckets) and buckets[-1] == self.samples[family + "_count"], family

    def __getitem__(self, sample):
        return self.samples[sample]

    def over_workers(self, name):
        return sum(number for sample, number in self.samples.items() if sample.startswith(name + "{worker="))


class Metrics(ServiceCase):
    workers = 2

    def numbers(self):
        return Numbers(self.server.glossd("metrics").out)

    def wait_for(self, what, holds):
        """What other workers have counted is told within a second."""
        return wait_until(what, lambda: (lambda numbers: numbers if holds(numbers) else None)(self.numbers()))

    def settled(self):
        """The numbers when all that was done before is counted: twice the same, some time apart."""
        def same():
            first = self.numbers()
            time.sleep(2)  # each worker has told what it had counted by then, or does so the next time
            second = self.numbers()
            return second if all(first[sample] == second[sample] for sample in ("gloss_ops_total", "gloss_deliveries_total", "gloss_commit_seconds_count")) else None
        return wait_until("the numbers stand still", same)

    def test_what_people_do_is_counted_once_whoever_is_asked(self):
        before = self.settled()
        session = self.new_session()
        ana, ben = self.people("ana", "ben")
        for person in (ana, ben):
            person.join(session)
        made = [ana.submit(session, [create("claim", start=i, end=i + 3)])[0] for i in range(20)]
        ben.submit(session, [update(made[0]["annotation"], note="one", base=made[0]["seq"])])
        refused = ana.submit(session, [update(made[0]["annotation"], note="two", base=made[0]["seq"])])[0]
        self.assertEqual(refused["error"]["data"]["name"], "stale")
        with self.assertRaises(Refused):
            ana.call("session.join", session=new_id())
        for person in (ana, ben):
            person.wait_seq(session, 21)

        def grew(numbers, sample):
            return numbers[sample] - before[sample]

        wanted = {"gloss_ops_total": 21, "gloss_deliveries_total": 42, "gloss_commit_seconds_count": 21, 'gloss_ops_refused_total{reason="stale"}': 1,
                  'gloss_requests_refused_total{reason="not_found"}': 1}
        after = self.wait_for("all is counted", lambda numbers: numbers["gloss_loop_delay_seconds_count"] > 0
                              and all(grew(numbers, sample) >= count for sample, count in wanted.items()))
        self.assertEqual({sample: grew(after, sample) for sample in wanted}, wanted)
        for sample in ("gloss_delivery_seconds_count", "gloss_database_append_seconds_count", "gloss_database_read_seconds_count",
                       "gloss_database_wait_seconds_count", "gloss_request_seconds_count"):
            self.assertGreater(after[sample], 0, sample)
        self.assertGreater(after["gloss_database_append_seconds_sum"], 0)
        self.assertGreaterEqual(after.over_workers("gloss_signed_in"), 2)
        self.assertGreaterEqual(after.over_workers("gloss_websockets"), 2)
        self.assertEqual(after.over_workers("gloss_ready"), 2)
        self.assertEqual(after.over_workers("gloss_database_up"), 2)
        self.assertGreater(after['gloss_resident_memory_bytes{worker="1"}'], 1e6)
        end = subprocess.run(["openssl", "x509", "-in", f"{self.server.folder}/cert/tls/server.crt", "-noout", "-enddate", "-dateopt", "iso_8601"],
                             capture_output=True, text=True, check=True).stdout
        until = subprocess.run(["date", "-u", "-d", end.split("=")[1], "+%s"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(after['gloss_tls_certificate_expiry_seconds{worker="0"}'], int(until))

    def test_who_must_join_anew_is_counted(self):
        session = self.new_session()
        ana = self.connect("ana")
        before = self.settled()["gloss_resynchronisations_total"]
        for _ in range(3):
            self.assertError(ana.error("session.join", session=session, since=0, chain="ab" * 32), "resync")
        self.wait_for("all three are counted", lambda numbers: numbers["gloss_resynchronisations_total"] == before + 3)

    def test_appends_that_another_worker_was_faster_with_are_counted_and_made_again(self):
        session = self.new_session()
        ana = self.connect("ana")
        ben = self.apart_from(ana, "ben")
        replicas = [person.join(session) for person in (ana, ben)]
        before = self.settled()
        made = 0

        def has_lost():
            nonlocal made
            asked = [(person, person.send("session.submit", {"session": session, "ops": [create("claim", start=0, end=2)]})) for _ in range(20) for person in (ana, ben)]
            for person, number in asked:
                self.assertIn("seq", person.answer(number)["results"][0])
            made += len(asked)
            return self.numbers()["gloss_fence_losses_total"] > before["gloss_fence_losses_total"]

        wait_until("somebody was slower", has_lost)
        for person in (ana, ben):
            person.wait_seq(session, made)
        self.assertSame(*replicas)
        self.wait_for("each is counted once", lambda numbers: numbers["gloss_ops_total"] - before["gloss_ops_total"] == made)

    def test_a_worker_that_dies_leaves_its_numbers_to_its_successor(self):
        session = self.new_session()
        ana = self.connect("ana")
        ana.join(session)
        for i in range(5):
            ana.submit(session, [create("claim", start=i, end=i + 3)])
        before = self.numbers()
        started = before['gloss_worker_start_time_seconds{worker="0"}'], before['gloss_worker_start_time_seconds{worker="1"}']
        for index in (0, 1):
            self.server.wait_new_worker(self.server.kill_worker(index))
        gone = 'gloss_events_total{event="worker.gone"}'
        after = self.wait_for("both are new", lambda numbers: numbers.over_workers("gloss_ready") == 2 and numbers[gone] - before[gone] >= 2)
        self.assertGreaterEqual(after["gloss_commit_seconds_count"], before["gloss_commit_seconds_count"])
        self.assertGreaterEqual(after["gloss_ops_total"], before["gloss_ops_total"])
        self.assertEqual(after[gone] - before[gone], 2)
        self.assertGreaterEqual((after['gloss_worker_start_time_seconds{worker="0"}'], after['gloss_worker_start_time_seconds{worker="1"}']), started)

    def test_the_table_for_people_is_what_is_counted(self):
        table = self.server.glossd("metrics", "--list").out
        with open(os.path.join(os.environ["GLOSS_SOURCE_DIR"], "docker", "metrics.md")) as file:
            self.assertEqual(file.read(), table, "write it anew: glossd metrics --list > docker/metrics.md")
        told = {sample.split("{")[0] for sample in self.numbers().samples}
        for row in table.splitlines():
            if row.startswith("| `"):
                name, kind = row.split("`")[1], row.split(" | ")[1]
                self.assertIn(name + "_count" if kind == "histogram" else name, told)

    def test_alerts_are_about_what_is_counted(self):
        folder = os.path.join(os.environ["GLOSS_SOURCE_DIR"], "docker")
        with open(os.path.join(folder, "alerts.yaml")) as file:
            alerts = file.read()
        with open(os.path.join(folder, "README.md")) as file:
            handbook = file.read()
        samples = self.numbers().samples
        told = {sample.split("{")[0] for sample in samples}
        for rule in alerts.split("- alert: ")[1:]:
            self.assertIn(f"| {rule.split()[0]} |", handbook)
            for name in re.findall(r"gloss_[a-z_]+", rule):
                self.assertTrue({name, name + "_count"} & told, name)
            for event in "|".join(re.findall(r'event=~"([^"]+)"', rule)).split("|"):
                self.assertTrue(not event or f'gloss_events_total{{event="{event}"}}' in samples, event)


class Health(unittest.TestCase):
    """Whether it lives and whether it can work are two questions."""

    def ask(self, path):
        context = ssl.create_default_context(cafile=self.server.ca)
        try:
            with urllib.request.urlopen(f"https://127.0.0.1:{self.server.port}{path}", timeout=60, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def health(self, *args):
        done = self.server.glossd("health", *args, check=False)
        self.assertEqual(done.out, "", done)
        self.assertEqual(done.status == 0, done.err == "", done)
        return done.status, done.err

    def let_database(self, allow):
        for statement in (f"alter database {self.server.name} with allow_connections {allow}",
                          f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{self.server.name}'"):
            subprocess.run(["psql", "-Xqd", self.server.cluster.conninfo, "-c", statement], check=True, capture_output=True, timeout=case.support.LIMIT_S)

    def refuse_what_is_written(self):
        """A disk without room: there are connections, and nothing can be committed. It is not ready while somebody tries, and again when there is room."""
        with Client(self.server, "admin") as ana:
            project = ana.call("project.list")["projects"][0]["project"]
            session = ana.upload(project, "abcdefghijklmnopqrstuvwxyz", title="full")["document"]["session"]
            ana.join(session)
            self.server.sql("create function no_room() returns trigger language plpgsql as $$ begin raise exception 'no room' using errcode = '53100'; end $$;"
                            "create trigger no_room before insert on op for each statement execute function no_room()")
            number = ana.send("session.submit", {"session": session, "ops": [create("claim", start=0, end=2)]})
            said = wait_until("it says that it cannot commit", lambda: (lambda got: got[1] if got[0] == 503 else None)(self.ask("/readyz")))
            self.assertIn("refuses what is written", said)
            self.assertEqual(self.health("--wait", "60"), (0, ""))
            self.server.sql("drop trigger no_room on op; drop function no_room()")
            ana.answer(number)
        self.assertEqual(self.health("--ready", "--wait", "60"), (0, ""))

    def test_it(self):
        with Server(settings={"metrics_from": "10.0.0.0/8"}) as self.server:
            self.assertEqual(self.health("--ready", "--wait", "60"), (0, ""))
            self.assertEqual(self.health("--wait", "60"), (0, ""))
            self.assertEqual(self.ask("/metrics")[0], 403)
            done = self.server.glossd("metrics", check=False)
            self.assertEqual((done.status, done.out), (1, ""))
            self.assertIn("metrics_from", done.err)
            self.assertEqual(self.health("--wait", "soon")[0], 2)
            self.assertEqual(self.health("--port", "0")[0], 3)

            self.let_database("false")
            wait_until("it says that it cannot work", lambda: self.ask("/readyz")[0] == 503)
            status, said = self.health("--ready")
            self.assertEqual(status, 1)
            self.assertIn("the database is not there", said)
            self.assertEqual(self.health("--wait", "60"), (0, ""), "a server without a database need not be started again")
            self.let_database("true")
            self.assertEqual(self.health("--ready", "--wait", "60"), (0, ""))

            self.refuse_what_is_written()
            worker = self.server.workers()[0]
            os.kill(self.server.process.pid, signal.SIGSTOP)  # or it would see to it
            os.kill(worker, signal.SIGSTOP)
            try:
                status, said = self.health()
            finally:
                os.kill(worker, signal.SIGCONT)
                os.kill(self.server.process.pid, signal.SIGCONT)
            self.assertEqual(status, 1)
            self.assertIn("no answer in time", said)
            self.assertEqual(self.health("--wait", "60"), (0, ""))

            self.server.stop()
            status, said = self.health()
            self.assertEqual(status, 1)
            self.assertIn(f"port {self.server.port}", said)


if __name__ == "__main__":
    case.main()
