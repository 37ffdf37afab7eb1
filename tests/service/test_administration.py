#!/usr/bin/python3
"""Who is connected, over all workers; ending connections; how much there is; and who administered what: glossd's verbs against a server with two workers."""
import getpass
import socket
import subprocess

import case
from case import Client, ServiceCase, create, new_id, support, wait_until
from wiredef import TIME, UUID

REASON = "the meeting is over — come back at noon"


class Administration(ServiceCase):
    workers = 2
    settings = {"retention_every_ms": "200", "audit_days": "30", "audit_sign_ins": "1000"}
    users = {"ana": "annotator", "ben": "annotator"}

    def glossd(self, *args, status=0):
        done = self.server.glossd(*args, check=False)
        self.assertEqual(done.status, status, done)
        return done

    def refuse(self, status, words, *args):
        done = self.glossd(*args, status=status)
        self.assertIn(words, done.err)
        self.assertEqual(done.out, "", done)

    def connections(self, *args):
        return self.glossd("connections", "--json", *args).lines

    def on_both_workers(self, user):
        """A connection on each worker."""
        first = self.connect(user)
        for _ in range(400):
            other = Client(self.server, user)
            if self.worker_of(other) != self.worker_of(first):
                self.addCleanup(other.close)
                return first, other
            other.close()
        raise AssertionError("no connection came to the other worker")

    # ---- connections

    def test_who_is_connected(self):
        session = self.new_session()
        ana, other = self.on_both_workers("ana")
        ben = self.connect("ben")
        ana.join(session)
        told = self.connections()
        mine = [it for it in told if it["name"] == "ana"]
        self.assertEqual(len(mine), 2)
        self.assertEqual({it["pid"] for it in mine}, {self.worker_of(ana), self.worker_of(other)})
        for it in told:
            self.assertRegex(it["connection"], UUID)
            self.assertRegex(it["since"], TIME)
            self.assertEqual(it["node"], socket.gethostname())
            self.assertGreater(it["bytes_in"], 0)
            self.assertGreater(it["bytes_out"], 0)
            self.assertGreater(it["round_trip_us"], 0)
        by_address = {it["address"].rsplit(":", 1)[1]: it for it in told}
        it = by_address[str(ana.socket.local_address[1])]
        self.assertEqual((it["sessions"], it["joined"]), ([session], 1))
        self.assertEqual(by_address[str(other.socket.local_address[1])]["joined"], 0)
        self.assertEqual(by_address[str(ben.socket.local_address[1])]["name"], "ben")
        self.assertEqual({it["name"] for it in self.connections("--user", "ben")}, {"ben"})
        said = self.glossd("connections", "--user", "ana").out
        self.assertEqual(said.count("\n"), 2)
        self.assertIn("round trip", said)

    def test_ids_stay(self):
        self.connect("ana")
        first = {it["address"]: it["connection"] for it in self.connections("--user", "ana")}
        self.assertEqual({it["address"]: it["connection"] for it in self.connections("--user", "ana")}, first)

    def test_words_that_are_wrong(self):
        self.refuse(1, '"nobody"', "connections", "--user", "nobody")
        self.refuse(2, "one word too many", "connections", "x")
        self.refuse(2, "whom?", "kick")
        self.refuse(2, "120 bytes", "kick", new_id(), "--reason", "x" * 121)
        self.refuse(2, "--all", "kick", "ana")
        self.refuse(1, '"nobody"', "kick", "nobody", "--all")
        self.refuse(1, "not connected", "kick", new_id())
        self.refuse(2, "--limit", "audit", "--limit", "0")
        self.refuse(1, '"nobody"', "audit", "--user", "nobody")

    # ---- kick

    def test_one_connection_ends(self):
        ana, other = self.on_both_workers("ana")
        port = str(other.socket.local_address[1])
        it = next(it for it in self.connections("--user", "ana") if it["address"].endswith(":" + port))
        self.assertEqual(self.glossd("kick", it["connection"], "--reason", REASON, "--json").json, {"ended": 1})
        closed = other.wait_closed()
        self.assertEqual((closed.code, closed.reason), (4001, REASON))
        ana.call("project.list")
        noted = self.glossd("audit", "--action", "connection", "--limit", "1", "--json").json
        self.assertEqual((noted["action"], noted["subject"], noted["detail"]), ("connection.end", it["connection"], {"whole": False, "reason": REASON}))

    def test_all_of_an_account_end_and_may_come_back(self):
        ana, other = self.on_both_workers("ana")
        ben = self.connect("ben")
        said = self.glossd("kick", "ana", "--all").out
        self.assertRegex(said, r"^[2-9]\d* connections ended\n$")
        for client in (ana, other):
            self.assertEqual(client.wait_closed().code, 4001)
        ben.call("project.list")
        self.connect("ana").call("project.list")
        noted = self.glossd("audit", "--action", "connection.end", "--limit", "1", "--json").json
        self.assertEqual((noted["subject_name"], noted["detail"]), ("ana", {"whole": True}))

    def test_gloss_says_why_and_stays_away(self):
        session = self.new_session()
        document = self.server.sql(f"select document from session where id = '{session}'")[0][0]
        watch = self.server.spawn("watch", document, user="ben", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            wait_until("gloss has joined", lambda: any(session in it["sessions"] for it in self.connections("--user", "ben")))
            self.glossd("kick", "ben", "--all", "--reason", REASON)
            out, err = watch.communicate(timeout=support.LIMIT_S)
        finally:
            watch.kill()
        self.assertEqual(watch.returncode, 5, out + err)
        self.assertIn(f"the server's administrator ended the connection: {REASON}", err)

    # ---- stats

    def test_how_much_there_is(self):
        session = self.new_session()
        ana, other = self.on_both_workers("ana")
        ana.join(session)
        ana.one(session, create("claim", start=0, end=7))
        told = self.glossd("stats", "--json").json
        for name, sql in {"accounts": "select count(*) from account", "projects": "select count(*) from project", "documents": "select count(*) from document",
                          "sessions": "select count(*) from session", "annotations": "select sum(live) from stream", "ops": "select sum(head) from stream",
                          "text_bytes": "select sum(byte_count) from revision"}.items():
            self.assertEqual(told[name], int(self.server.sql(sql)[0][0]), name)
        self.assertGreater(told["database_bytes"], told["tables"]["op"])
        self.assertEqual(sorted(it["pid"] for it in told["workers"]), sorted(self.server.workers()))
        self.assertTrue(all(it["answered"] for it in told["workers"]))
        self.assertGreaterEqual(sum(it["signed_in"] for it in told["workers"]), 2)
        self.assertGreaterEqual(sum(it["ops"] for it in told["workers"]), 1)
        said = self.glossd("stats").out
        self.assertRegex(said, r"(?m)^ops +\d+$")
        self.assertEqual(said.count(" ops/s, "), 2)
        other.call("project.list")

    def test_a_worker_that_stands_still_is_missed(self):
        """Its row is there, and nothing comes from it."""
        self.server.sql("insert into worker (id, node, pid, version, seen_at) values (gen_random_uuid(), 'elsewhere', 1, '0', clock_timestamp() + interval '30 s')")
        try:
            done = self.glossd("stats", "--json", status=1)
            self.assertIn("1 of 3 workers did not answer", done.err)
            self.assertEqual([it["answered"] for it in done.json["workers"] if it["node"] == "elsewhere"], [False])
        finally:
            self.server.sql("delete from worker where node = 'elsewhere'")

    # ---- sessions

    def test_sessions(self):
        session = self.new_session()
        with Client(self.server, "ana") as ana:
            ana.one(session, create("claim", start=0, end=7))
        (it,) = self.glossd("session", "list", session, "--json").lines
        self.assertEqual((it["session"], it["mode"], it["ops"], it["annotations"], it["retained_from"]), (session, "shared", 1, 1, 1))
        self.assertGreater(it["bytes"], 100)
        all_of_it = {line["session"] for line in self.glossd("session", "list", "--json").lines}
        self.assertIn(session, all_of_it)
        self.assertEqual(len(all_of_it), int(self.server.sql("select count(*) from session")[0][0]))
        self.assertIn("1 annotations", self.glossd("session", "list", session).out)
        self.refuse(1, "no project, document or session", "session", "list", new_id())

    def test_one_session(self):
        session = self.new_session()
        ana = self.connect("ana")
        replica = ana.join(session)
        for label in ("claim", "claim", "threat"):
            ana.one(session, create(label, start=0, end=7))
        ana.wait_seq(session, 3)
        it = self.glossd("session", "show", session, "--json").json
        place = replica.place()
        self.assertEqual((it["session"], it["ops"], it["chain"], it["state"], it["annotations"], it["mode"]),
                         (session, 3, place["chain"], place["state"], 3, "shared"))
        self.assertEqual((it["status"], it["authors"], it["deleted"], it["title"]), ({"active": 3}, ["ana"], 0, self.id()))
        said = self.glossd("session", "show", session).out
        self.assertRegex(said, r"(?m)^status +active 3$")
        for word in ("show", "close", "open", "archive"):
            self.refuse(1, "there is no session", "session", word, new_id())
            self.refuse(1, "no id of a session", "session", word, "x")

    def test_closed_opened_and_archived_while_people_are_there(self):
        session = self.new_session()
        ana, ben = self.connect("ana"), self.connect("ben")
        replicas = [ana.join(session), ben.join(session)]
        ana.one(session, create("claim", start=0, end=7))
        self.assertEqual(self.glossd("session", "close", session, "--json").json, {"session": session, "mode": "closed", "seq": 2})
        self.assertEqual(self.glossd("session", "close", session).out, "already closed\n")
        ben.wait_seq(session, 2)
        self.assertError(ben.refused(session, create("claim", start=0, end=7)), "session_closed")
        self.assertEqual(self.glossd("session", "open", session).out, "now shared\n")
        ben.wait_seq(session, 3)
        ben.one(session, create("claim", start=0, end=7))
        done = self.glossd("session", "archive", session, "--json").json
        self.assertEqual((done["mode"], done["archived"]), ("closed", 5))
        for client in (ana, ben):
            client.wait_seq(session, 5)
        self.assertSame(*replicas)
        self.assertChecks(*replicas)
        late = self.connect("ana")
        self.assertSame(late.join(session), *replicas)
        self.assertEqual(self.glossd("session", "show", session, "--json").json["retained_from"], 6)
        self.assertEqual([line["detail"] for line in self.glossd("audit", "--action", "session", "--limit", "3", "--json").lines],
                         [{"mode": "closed"}, {"mode": "shared"}, {"mode": "closed"}])

    # ---- audit

    def test_who_did_it_and_from_where(self):
        name = "u" + new_id()
        made = self.glossd("user", "add", name, "--json").json
        self.glossd("user", "disable", name, "--yes")
        rows = self.glossd("audit", "--action", "user", "--limit", "2", "--json").lines
        self.assertEqual([(row["action"], row["subject"], row["subject_name"]) for row in rows],
                         [("user.disable", made["account"], name), ("user.add", made["account"], name)])
        for row in rows:
            self.assertEqual(row["address"], f"{getpass.getuser()}@{socket.gethostname()}")
            self.assertRegex(row["at"], TIME)
            self.assertNotIn("account", row)
        with Client(self.server, "ana") as ana:
            token = ana.call("token.create", label="x")["token"]
            port = ana.socket.local_address[1]
        (row,) = self.glossd("audit", "--user", "ana", "--limit", "1", "--json").lines
        self.assertEqual((row["name"], row["action"], row["subject"], row["address"]), ("ana", "token.create", token, f"127.0.0.1:{port}"))
        self.assertEqual({line["action"] for line in self.glossd("audit", "--action", "user.add", "--json").lines}, {"user.add"})
        self.assertIn(f"ana from 127.0.0.1:{port}  token.create {token}", self.glossd("audit", "--limit", "1").out)

    # ---- who signed in

    def sign_ins(self, action="sign_in", **more):
        lines = self.glossd("audit", "--action", action, "--limit", "100000", "--json").lines  # of sign_in: those of sign_in.refused, too
        return [line for line in lines if line["action"] == action and all(line.get(name) == value for name, value in more.items())]

    def test_who_signed_in_and_who_was_turned_away(self):
        name = "s" + new_id()
        self.server.user(name, password="three words of hers")
        account = self.server.sql(f"select id from account where name = '{name}'")[0][0]
        for _ in range(3):
            self.connect(name)
        with Client(self.server, "somebody", hello=False) as client:
            client.call("hello", account=name, password="three words of hers")
        for password, who in (("not that", name), ("not that", "nobody " + new_id())):
            with Client(self.server, "somebody", hello=False) as client:
                self.assertError(client.error("hello", account=who, password=password), "bad_credentials")
        with Client(self.server, "somebody", hello=False) as client:
            self.assertError(client.error("hello", token="gls_x"), "bad_credentials")

        def times(action, how, **more):
            return sum(line["detail"]["times"] for line in self.sign_ins(action, **more) if how in line["detail"].values())
        wait_until("all of it is noted", lambda: times("sign_in", "token", name=name) == 3 and times("sign_in", "password", name=name) == 1
                   and times("sign_in.refused", "password", name=name) == 1)
        for line in self.sign_ins("sign_in.refused"):
            self.assertEqual(line["address"], "127.0.0.1")
            self.assertNotIn("nobody", str(line))
        wait_until("who is not known, too", lambda: any("account" not in line for line in self.sign_ins("sign_in.refused")))
        wait_until("and what is no token", lambda: times("sign_in.refused", "token form") >= 1)
        self.assertEqual({line["account"] for line in self.sign_ins(name=name)}, {account})
        self.assertNotIn("sign_in", {line["action"] for line in self.glossd("audit", "--json").lines})

    def test_only_the_newest_are_kept(self):
        self.server.sql("insert into audit (at, action, detail) select clock_timestamp(), 'sign_in', '{\"by\":\"test\",\"times\":1}' from generate_series(1, 3000)")
        self.server.sql("insert into audit (action) values ('beside.test')")
        wait_until("the others are gone", lambda: self.server.sql("select count(*) <= 1000 from audit where action like 'sign_in%'") == [["t"]])
        self.assertGreaterEqual(int(self.server.sql("select count(*) from audit where action like 'sign_in%'")[0][0]), 1000)
        self.assertEqual(self.server.sql("select count(*) from audit where action = 'beside.test'"), [["1"]])

    def test_pages_of_it_miss_nothing(self):
        self.server.sql("insert into audit (action) select 'test.page' from generate_series(1, 2300)")
        told = [line["id"] for line in self.glossd("audit", "--action", "test", "--limit", "5000", "--json").lines]
        self.assertEqual(len(told), 2300)
        self.assertEqual(told, sorted(set(told), reverse=True))
        self.assertEqual([line["id"] for line in self.glossd("audit", "--action", "test", "--limit", "1001", "--json").lines], told[:1001])

    def test_rows_are_only_ever_added(self):
        before = self.server.sql("select count(*) from audit")[0][0]
        for statement in ("update audit set action = 'x'", "delete from audit", "truncate audit"):
            with self.assertRaises(Exception) as refused:
                self.server.sql(statement)
            self.assertIn("only ever added", str(refused.exception))
        self.assertEqual(self.server.sql("select count(*) from audit where action <> 'x'")[0][0], before)

    def test_what_is_old_goes(self):
        self.server.sql("insert into audit (at, action) values (clock_timestamp() - interval '31 days', 'test.old'), (clock_timestamp() - interval '29 days', 'test.young')")
        wait_until("the old row is gone", lambda: self.server.sql("select 1 from audit where action = 'test.old'") == [])
        self.assertEqual(len(self.server.sql("select 1 from audit where action = 'test.young'")), 1)


class NobodyRuns(ServiceCase):
    def test_without_a_server(self):
        self.server.stop()
        self.server.sql("delete from worker")
        self.assertEqual(self.server.glossd("connections", "--json").out, "")
        self.assertEqual(self.server.glossd("stats", "--json").json["workers"], [])
        done = self.server.glossd("kick", new_id(), check=False)
        self.assertEqual((done.status, done.err), (1, "glossd: no server runs on this database\n"))


if __name__ == "__main__":
    case.main()
