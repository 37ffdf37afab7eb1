#!/usr/bin/python3
"""Old ops go into the archive while people write: nothing is lost, the chain holds, and whoever was away below the cut gets the state."""
import os
import signal
import subprocess
import threading
import time

import case
import replica as replicas
from case import Client, Replica, ServiceCase, canonical, chain_start, create, delete, mode, new_id, update, wait_until
from writer import Writer

FAST = {"retention_ops": 30, "snapshot_every": 20, "retention_every_ms": 100}


class RetentionCase(ServiceCase):
    users = {"ana": "annotator", "ben": "annotator", "vera": "viewer"}

    def status(self, session):
        return self.server.glossd("retention", session, "--json").json

    def write(self, client, session, count, note="n"):
        done = []
        for at in range(0, count, 50):
            done += client.submit(session, [create("claim", exact="Nobody", note=f"{note}{i}") for i in range(at, min(at + 50, count))])
        return done

    def archive(self, session, keep=0):
        return self.server.glossd("retention", session, "--now", "--keep", str(keep), "--json").json

    def log(self, client, session, after=0, limit=None):
        """The whole log behind a seq, by session.log: proved as it comes."""
        ops, chain = [], None
        while True:
            part = client.call("session.log", session=session, after=after, **({"limit": limit} if limit else {}))
            self.assertEqual(part["first"], after + 1)
            if chain is not None:
                self.assertEqual(part["chain_before"], chain.hex())
            chain = bytes.fromhex(part["chain_before"])
            for logged in part["ops"]:
                chain = replicas.sha256(chain + replicas.leaf_of(logged))
            ops += part["ops"]
            after += len(part["ops"])
            if not part["ops"]:
                self.assertEqual(after, part["head"])
                return ops, chain

    def snapshot(self, client, session):
        """All pages of session.snapshot: what it says, and its records."""
        first, records, cursor = None, [], None
        while True:
            page = client.call("session.snapshot", session=session, **({"cursor": cursor} if cursor else {}))
            records += page.pop("records")
            cursor = page.pop("next", None)
            self.assertIn(first, (None, page))
            first = page
            if cursor is None:
                return first, records

    def hold(self, statement):
        """A transaction that stays open until the function that this gives is called."""
        process = subprocess.Popen(["psql", "-Xqd", self.server.database()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process.stdin.write(f"begin; {statement}; select 'held';\n")
        process.stdin.flush()
        while "held" not in process.stdout.readline():
            pass

        def end():
            if process.poll() is None:
                process.communicate("rollback;\n")
        self.addCleanup(end)
        return end

    def replay(self, client, session):
        """A replica from session.log alone."""
        begin = client.call("session.join", session=session, live=False)
        replica = Replica(begin, since=0)
        for logged in self.log(client, session)[0]:
            replica.take_op(logged)
        return replica

    def from_snapshot(self, client, session):
        """A replica from the snapshot, and the ops behind it; the sum of the records is the one that the server says."""
        first, records = self.snapshot(client, session)
        begin = client.call("session.join", session=session, live=False)
        replica = Replica({**begin, "seq": first["seq"], "chain": first["chain"], "mode": first["mode"], "mode_seq": first["mode_seq"]})
        replica.take_page({"as_of": first["seq"], "records": records, "done": True})
        self.assertEqual(replica.state, first["state"])
        self.assertEqual([it["created"] for it in records], sorted(it["created"] for it in records))
        for logged in self.log(client, session, after=first["seq"])[0]:
            replica.take_op(logged)
        return replica


class Archive(RetentionCase):
    """Retention only when glossd retention says so: what each method answers then."""

    def test_nothing_is_archived_by_itself(self):
        session, ana = self.new_session(), self.connect("ana")
        joined = ana.call("session.join", session=session)
        self.assertEqual(joined["retained_from"], 1)
        self.write(ana, session, 5)
        self.assertEqual(self.snapshot(ana, session), ({"seq": 0, "chain": chain_start(session, joined["document"]["sha256"]).hex(), "state": "00" * 32,
                                                        "mode": "shared", "mode_seq": 0}, []))
        self.assertEqual(self.status(session), {"stream": session, "seq": 5, "retained_from": 1, "archived": 0, "archive_bytes": 0, "snapshots": 0, "snapshot": 0,
                                                "snapshot_bytes": 0})
        done = self.server.glossd("retention", session, "--now", check=False)
        self.assertEqual((done.status, "retention_ops is 0" in done.err), (1, True), done)

    def test_below_the_cut(self):
        session = self.new_session()
        ana, ben = self.people("ana", "ben")
        told = ana.join(session, since=0)
        made = self.write(ana, session, 60)
        ana.wait_seq(session, 60)
        chains = {0: None}
        chain = chain_start(session, told.sha256)
        ops = self.log(ben, session)[0]
        for seq, logged in enumerate(ops, 1):
            chain = replicas.sha256(chain + replicas.leaf_of(logged))
            chains[seq] = chain.hex()
        state = self.archive(session)
        self.assertEqual((state["retained_from"], state["archived"], state["snapshot"], state["snapshots"]), (61, 60, 60, 1))
        # nobody who is here notices
        one = ana.one(session, create("claim", exact="Nobody", note="behind the cut"))
        self.assertEqual(one["seq"], 61)
        ana.wait_seq(session, 61)
        for since in (0, 20, 59):
            error = ben.error("session.join", session=session, since=since, **({"chain": chains[since]} if since else {}))
            self.assertError(error, "archived", "since", retained_from=61, seq=60, chain=chains[60])
            self.assertEqual(error.code, 1303)
        self.assertEqual(ben.call("session.join", session=session, since=60, chain=chains[60])["retained_from"], 61)
        fresh = self.connect("ben").join(session)
        self.assertEqual(fresh.place(), told.place())
        # and everything is still there to be read
        self.assertEqual(self.log(ben, session)[0][:60], ops)
        self.assertEqual(self.log(ben, session, limit=7)[0][:60], ops)
        self.assertSame(told, self.replay(ben, session), self.from_snapshot(ben, session))
        self.assertChecks(told)
        self.assertEqual([it["seq"] for it in made], list(range(1, 61)))

    def test_an_archived_op_sent_again_answers_its_seq(self):
        session, ana = self.new_session(), self.connect("ana")
        ops = [create("claim", exact="Nobody", note=f"n{i}") for i in range(10)]
        seqs = [result["seq"] for result in ana.submit(session, ops)]
        change = update(ana.submit(session, ops[:1])[0].get("annotation") or case.derived_annotation(ops[0]["id"]), ops[0]["id"], note="on my own op")
        self.archive(session)
        for again in range(2):
            results = ana.submit(session, ops)
            self.assertEqual([result.get("seq") for result in results], seqs, again)
            self.assertTrue(all(result["repeated"] for result in results))
            self.server.kill_worker() if not again else None
            if not again:
                self.server.wait_ready()
                ana = self.connect("ana")
        self.assertEqual(ana.submit(session, [change])[0]["seq"], 11, "a base that is archived is known by its id")
        other = {"id": ops[3]["id"], "change": create("claim", exact="Nobody", note="another")["change"]}
        result = ana.submit(session, [other])[0]
        self.assertEqual(result["error"]["data"]["name"], "id_reused")
        ben = self.connect("ben")
        self.assertEqual(ben.submit(session, ops[3:4])[0]["error"]["data"]["name"], "id_reused")
        self.assertEqual(self.server.check()[0], 0)

    def test_a_session_that_is_loaded_behind_the_cut(self):
        """The newest op is archived too: the next one is neither earlier nor of an older codebook."""
        session, ana = self.new_session(), self.connect("ana")
        self.write(ana, session, 3)
        self.connect("admin").one(session, mode("closed"))
        self.archive(session)
        self.server.restart()
        ana, admin = self.people("ana", "admin")
        replica = ana.join(session)
        self.assertEqual(replica.mode, "closed")
        self.assertEqual(ana.submit(session, [create("claim", exact="Nobody")])[0]["error"]["data"]["name"], "session_closed")
        self.assertEqual(admin.one(session, mode("shared"))["seq"], 5)
        ana.one(session, create("new label", exact="Nobody"))
        ana.wait_seq(session, 6)
        log = [logged["payload"] for logged in self.log(ana, session)[0]]
        self.assertEqual([op["codebook"] for op in log], sorted(op["codebook"] for op in log))
        self.assertEqual([op["at"] for op in log], sorted(op["at"] for op in log))
        self.assertSame(replica, self.replay(ana, session), self.from_snapshot(ana, session))
        self.assertChecks(replica)

    def test_pages_of_a_large_snapshot(self):
        session, ana = self.new_session(), self.connect("ana")
        for _ in range(4):
            ana.submit(session, [create("claim", exact="Nobody", note="é" * 1000) for _ in range(60)])
        first = ana.call("session.snapshot", session=session)
        self.archive(session)
        page = ana.call("session.snapshot", session=session)
        self.assertIn("next", page)
        self.assertLess(len(canonical(page["records"])), 65536)
        replica = self.from_snapshot(ana, session)
        self.assertEqual(len(replica.records), 240)
        self.write(ana, session, 1)
        self.archive(session)
        self.assertError(ana.error("session.snapshot", session=session, cursor=page["next"]), "resync", "cursor")
        other = self.new_session()
        self.assertError(ana.error("session.snapshot", session=other, cursor=page["next"]), "invalid_params", "cursor")
        self.assertEqual(first["seq"], 0)
        stored = self.server.sql(f"select sum(octet_length(ops)), sum(pg_column_size(ops)) from archive where stream = '{session}'")[0]
        self.assertLess(int(stored[1]) * 3, int(stored[0]), "it is compressed")

    def test_what_is_no_part_of_the_log(self):
        session, ana = self.new_session(), self.connect("ana")
        self.write(ana, session, 2)
        self.assertError(ana.error("session.log", session=session, after=3), "invalid_params", "after")
        self.assertError(ana.error("session.log", session=session, after=0, limit=257), "invalid_params", "limit")
        part = ana.call("session.log", session=session, after=2)
        self.assertEqual((part["ops"], part["head"], part["first"]), ([], 2, 3))
        foreign = Client(self.server, "admin")
        project = foreign.call("project.create", name=new_id())["project"]["project"]
        hidden = foreign.upload(project, f"hidden {new_id()}\n")["document"]["session"]
        foreign.close()
        for method in ("session.log", "session.snapshot"):
            self.assertError(ana.error(method, session=hidden, **({"after": 0} if method == "session.log" else {})), "not_found", "session")

    def test_the_verb(self):
        session, ana = self.new_session(), self.connect("ana")
        self.write(ana, session, 10)
        for words, status in ((("nonsense",), 2), ((new_id(),), 1), ((session, "--keep", "3"), 2), ((session, "--now", "--keep", "x"), 2)):
            done = self.server.glossd("retention", *words, check=False)
            self.assertEqual((done.status, done.out), (status, ""), done)
        self.assertEqual(self.archive(session, keep=20)["retained_from"], 1)
        self.assertEqual(self.archive(session)["retained_from"], 11)
        self.write(ana, session, 4)
        said = self.server.glossd("retention", session).out
        self.assertIn("seq 14, log from 11, 10 archived", said)
        self.assertIn(session, self.server.glossd("retention").out)
        self.assertEqual(self.archive(session)["archived"], 14)
        self.assertEqual(self.archive(session)["archived"], 14, "again: nothing is left to do")
        for role in ("append", "reader"):
            with self.assertRaises(AssertionError) as refused:
                self.server.sql(f"set role {self.server.name}_{role}; delete from archive")
            self.assertIn("permission denied", str(refused.exception))
        with self.assertRaises(AssertionError) as refused:
            self.server.sql(f"set role {self.server.name}_append; select ops from archive")
        self.assertIn("permission denied", str(refused.exception))


class WhilePeopleWrite(RetentionCase):
    settings = FAST
    workers = 2

    def test_nobody_notices(self):
        """Two people write through it all; who follows from the beginning sees every op once; the helper is killed again and again."""
        session = self.new_session()
        watcher = self.connect("vera")
        told = watcher.join(session, since=0)
        over = threading.Event()

        def kill():
            while not over.wait(0.4):
                for pid in self.server.keepers():
                    os.kill(pid, signal.SIGKILL)

        ops = {name: [create("claim", exact="Nobody", note=f"{name} {i}") for i in range(400)] for name in ("ana", "ben")}
        for name, them in ops.items():
            them += [update(case.derived_annotation(op["id"]), op["id"], note="changed", attributes={"n": i}) for i, op in enumerate(them[:100])]
        writers = [Writer(self.server, name, session, them) for name, them in ops.items()]
        killer = threading.Thread(target=kill)
        killer.start()
        for it in writers:
            it.start()
        try:
            for it in writers:
                it.finish()
        finally:
            over.set()
            killer.join()
        watcher.wait_seq(session, 1000)
        self.server.sql(f"update job set due_at = now() where stream = '{session}' and done_at is null")  # one that was killed often would wait for minutes
        self.assertEqual([it.refused for it in writers], [[], []])
        reader = self.connect("ben")
        wait_until("a snapshot of late", lambda: self.status(session)["snapshot"] > 980)
        self.write(reader, session, 40)
        watcher.wait_seq(session, 1040)
        state = wait_until("the archive has what the settings say", lambda: (lambda s: s if s["archived"] > 980 else None)(self.status(session)))
        self.assertEqual(state["archived"], state["retained_from"] - 1)
        self.assertLessEqual(state["retained_from"], 1040 - 30 + 1)
        fresh = reader.join(session)
        self.assertSame(told, fresh, self.replay(reader, session), self.from_snapshot(reader, session))
        self.assertChecks(told)
        self.assertEqual([payload["op"] for payload in told.ops], [logged["payload"]["op"] for logged in self.log(reader, session)[0]])
        kept = {op: seq for it in writers for op, seq in it.acknowledged.items()}
        self.assertEqual(kept, {payload["op"]: payload["seq"] for payload in told.ops[:1000]})
        again = reader.submit(session, ops["ben"][:50])
        self.assertEqual([result["seq"] for result in again], [kept[op["id"]] for op in ops["ben"][:50]])

    def test_whoever_was_away(self):
        """Below the cut: archived, and then the state anew gives the same as everybody has."""
        session, ana = self.new_session(), self.connect("ana")
        gone = self.connect("ben")
        before = gone.join(session, since=0)
        self.write(ana, session, 10)
        gone.wait_seq(session, 10)
        gone.drop()
        replica = ana.join(session)
        written = 10
        while self.status(session)["retained_from"] <= 20:  # a cut goes to a snapshot that is old enough, and a busy helper makes few of them
            self.assertLess(written, 5000)
            self.write(ana, session, 25)
            written += 25
            time.sleep(0.15)
        back = self.connect("ben")
        error = back.error("session.join", session=session, since=before.seq, chain=before.chain.hex())
        self.assertError(error, "archived", "since")
        first, _ = self.snapshot(back, session)
        self.assertGreaterEqual(first["seq"], error.data["seq"])
        ana.wait_seq(session, written)
        self.assertSame(replica, back.join(session))


class Jobs(RetentionCase):
    """The table of jobs: what fails waits and holds up nobody, what is killed is done by the next."""
    settings = FAST

    def job(self, session):
        return self.server.sql(f"select attempts, failure, done_at from job where stream = '{session}' order by id desc limit 1")

    def test_one_that_fails(self):
        session, other, ana = self.new_session(), self.new_session(), self.connect("ana")
        self.server.sql("update job set due_at = now() + interval '1 day' where kind = 'retention.scan'")
        self.write(ana, session, 60)
        self.write(ana, other, 60)
        kept = self.server.sql(f"select record from annotation where stream = '{session}' and created_seq = 5")[0][0]
        self.server.sql(f"update annotation set record = replace(record, 'n4', 'n5') where stream = '{session}' and created_seq = 5")
        behind = len(self.server.log())
        self.server.sql("update job set due_at = now() where kind = 'retention.scan'")
        line = self.server.wait_log("job.failed", behind=behind)
        self.assertIn("run glossd check", line)
        wait_until("the other one is archived", lambda: self.server.sql(f"select count(*) from snapshot where stream = '{other}'") == [["1"]])
        wait_until("it was tried again, later", lambda: int(self.job(session)[0][0]) >= 2)
        self.assertEqual(self.server.sql(f"select count(*) from snapshot where stream = '{session}'"), [["0"]], "nothing of the attempt is left")
        self.assertIn("run glossd check", self.status(session)["failure"])
        kept = kept.replace("'", "''")
        self.server.sql(f"update annotation set record = '{kept}' where stream = '{session}' and created_seq = 5")
        self.server.sql(f"update job set due_at = now() where stream = '{session}' and done_at is null")
        wait_until("it succeeds", lambda: self.server.sql(f"select count(*) from snapshot where stream = '{session}'") != [["0"]])
        self.assertEqual(self.server.check()[0], 0)

    def test_the_helper_is_killed_in_the_middle(self):
        """While it waits in a statement: the attempt was counted, nothing of it is left, and the next one does the work."""
        session, ana = self.new_session(), self.connect("ana")
        self.server.sql("update job set due_at = now() + interval '1 day' where kind = 'retention.scan'")
        self.write(ana, session, 60)
        self.server.glossd("retention", session, "--now", "--keep", "10")
        held = self.hold("lock table snapshot in access exclusive mode")
        self.server.sql(f"insert into job (kind, stream, project) select 'retention', id, project from stream where id = '{session}'")
        wait_until("it is at it", lambda: self.job(session)[0][0] == "1")
        victim = self.server.keepers()[0]
        os.kill(victim, signal.SIGKILL)
        wait_until("another helper", lambda: self.server.keepers() not in ([], [victim]))
        held()
        wait_until("the job is done", lambda: self.job(session)[0][2] is not None)
        self.assertGreaterEqual(self.status(session)["snapshot"], 60)
        self.assertEqual(self.server.check()[0], 0)

    def test_the_database_goes_away_and_comes_back(self):
        session, ana = self.new_session(), self.connect("ana")
        for pid, role in self.server.backends().items():
            if role == "append":
                self.server.sql(f"select pg_terminate_backend({pid})")
        self.write(ana, session, 100)
        wait_until("there is a snapshot all the same", lambda: self.status(session)["snapshot"] == 100)
        self.write(ana, session, 30)
        wait_until("it is archived", lambda: self.status(session)["retained_from"] == 101)


class Limits(RetentionCase):
    """A job that takes too long is ended, by the database or with its helper; the next attempt does the work."""
    settings = {**FAST, "job_timeout_ms": "3s"}

    def test_a_statement_that_takes_too_long(self):
        session, ana = self.new_session(), self.connect("ana")
        self.server.sql("update job set due_at = now() + interval '1 day' where kind = 'retention.scan'")
        self.write(ana, session, 60)
        end = self.hold("lock table snapshot in access exclusive mode")
        behind = len(self.server.log())
        self.server.sql(f"insert into job (kind, stream, project) select 'retention', id, project from stream where id = '{session}'")
        self.assertIn("statement timeout", self.server.wait_log("kind=retention ", behind=behind))
        end()
        wait_until("it is done", lambda: self.status(session)["snapshot"] == 60)

    def test_a_helper_that_hangs(self):
        session, ana = self.new_session(), self.connect("ana")
        self.server.sql("update job set due_at = now() + interval '1 day' where kind = 'retention.scan'")
        self.write(ana, session, 60)
        end = self.hold("lock table snapshot in access exclusive mode")
        keeper = self.server.keepers()[0]
        behind = len(self.server.log())
        self.server.sql(f"insert into job (kind, stream, project) select 'retention', id, project from stream where id = '{session}'")
        backend = wait_until("it is at it", lambda: self.server.sql("select pid from pg_stat_activity where wait_event_type = 'Lock' and application_name = 'glossd admin' "
                                                                    f"and datname = '{self.server.name}'"))
        os.kill(int(backend[0][0]), signal.SIGSTOP)
        try:
            self.assertIn("longer than the setting job_timeout_ms", self.server.wait_log("job.failed", behind=behind))
            wait_until("another helper", lambda: self.server.keepers() not in ([], [keeper]))
            end()
        finally:
            os.kill(int(backend[0][0]), signal.SIGCONT)
        wait_until("it is done", lambda: self.status(session)["snapshot"] == 60)
        self.assertEqual(self.server.check()[0], 0)


class CommandLine(RetentionCase):
    """gloss at a session whose beginning is archived: log, watch and verify show what they would show otherwise."""

    def test_log_watch_and_verify(self):
        brief = self.server.import_text(f"Nobody edits last.\n{new_id()}\n", title="Archived")["document"]
        session = self.server.gloss("info", brief, "--json", status=0).json["session"]
        ana = self.connect("ana")
        made = self.write(ana, session, 300)
        self.connect("admin").one(session, delete(made[7]["annotation"], 300))
        ana.one(session, update(made[9]["annotation"], 300, note="another", label="evidence"))
        whole = {words: self.server.gloss(*words, "--json", status=0).lines for words in (("log", brief), ("log", brief, "--raw"))}
        verified = self.server.gloss("verify", brief, "--json", status=0).json
        self.assertEqual((len(whole["log", brief]), verified["seq"]), (302, 302))
        self.assertEqual(self.server.gloss("verify", brief, "--snapshot", "--json", status=0).json, verified)
        self.archive(session)
        self.assertEqual(self.server.gloss("verify", brief, "--json", status=0).json, verified)
        for behind in range(2):  # at the head, and with an op behind
            for words, lines in whole.items():
                self.assertEqual(self.server.gloss(*words, "--json", status=0).lines[:302], lines)
            done = self.server.gloss("verify", brief, "--snapshot", "--json", status=0).json
            self.assertEqual({**done, "from": 0}, self.server.gloss("verify", brief, "--json", status=0).json)
            self.assertEqual((done["from"], done["seq"], done["ok"]), (302, 302 + behind, True))
            ana.one(session, create("claim", exact="Nobody", note="behind"))
        watched = self.server.gloss("watch", brief, "--until", "303", "--json", status=0).lines
        self.assertEqual(watched[:302], whole["log", brief])
        self.assertEqual(self.server.gloss("log", brief, "--since", "290", "--json", status=0).lines[:12], whole["log", brief][290:])
        self.assertIn("from        302", self.server.gloss("verify", brief, "--snapshot", status=0).out)

    def test_what_is_damaged_is_found(self):
        brief = self.server.import_text(f"Nobody edits last.\n{new_id()}\n", title="Damaged")["document"]
        session = self.server.gloss("info", brief, "--json", status=0).json["session"]
        self.write(self.connect("ana"), session, 10)
        self.archive(session)
        for words, statement, undo in ((("verify", brief, "--snapshot"), "update snapshot_part set records = replace(records, 'n7', 'n8')", "update snapshot_part set records = kept"),
                                       (("verify", brief), "update archive set ops = replace(ops, 'n7', 'n8')", "update archive set ops = kept")):
            table = statement.split()[1]
            self.server.sql(f"alter table {table} add column kept text; update {table} set kept = {'records' if 'part' in table else 'ops'} where stream = '{session}'; "
                            f"{statement} where stream = '{session}'")
            done = self.server.gloss(*words, "--json", status=1)
            self.assertFalse(done.json["ok"] if done.out else False, done)
            self.assertIn("does not verify", done.err)
            self.server.sql(f"{undo} where stream = '{session}'; alter table {table} drop column kept")
        self.assertEqual(self.server.gloss("verify", brief, "--json", status=0).json["ok"], True)


class Inbox(ServiceCase):
    """What inboxes have is dropped when it is old; the rest stays."""
    settings = {"inbox_days": 30, "retention_every_ms": 100}

    def test_what_is_old_goes(self):
        session = self.new_session()
        ana, ben = self.people("ana", "ben")
        made = [ana.one(session, create("claim", start=0, end=4, note=f"@ben {i}"))["annotation"] for i in range(3)]
        listed = lambda: sorted(item["annotation"] for item in ben.call("inbox.list")["items"] if item["session"] == session)
        self.assertEqual(listed(), sorted(made))
        for annotation, days in zip(made[1:], (31, 400)):
            self.server.sql(f"update inbox set at = clock_timestamp() - interval '{days} days' where annotation = '{annotation}'")
        wait_until("the old ones are gone", lambda: listed() == made[:1])
        self.assertEqual(self.server.check()[0], 1, "their ops are young")
        self.server.sql("update inbox_since set at = clock_timestamp()")
        self.assertEqual(self.server.check()[0], 0, "what is older may have been dropped")


if __name__ == "__main__":
    case.main()
