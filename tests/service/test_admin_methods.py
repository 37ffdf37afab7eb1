#!/usr/bin/python3
"""What administrators do through the protocol: accounts, tokens, projects, members, sessions, settings, connections, figures, and who administered what."""
import socket
import subprocess
import threading
import time

import case
from case import Client, Refused, ServiceCase, create, delete, new_id, support, wait_until
from wiredef import Wire

WIRE = Wire(support.SOURCE)
PASSWORD = "six words that only he knows"


class AdminMethods(ServiceCase):
    workers = 2
    users = {"ana": "annotator", "ben": "annotator", "olga": "owner"}

    def setUp(self):
        self.admin = self.connect("admin")

    @staticmethod
    def patiently(call):
        """A machine that has no time for passwords, or for questions to all processes, says so: then it is asked again, as PROTOCOL has it."""
        for _ in range(100):
            try:
                return call()
            except Refused as refused:
                if refused.name != "busy":
                    raise
                time.sleep(refused.data["retry_after_ms"] / 1000)
        raise AssertionError("busy for ever")

    def ask(self, method, **params):
        """As an administrator; the answer's form is compared with wire.def."""
        result = self.patiently(lambda: self.admin.call(method, **params))
        self.assertEqual(WIRE.complaints(WIRE.methods[method].results, result), [], f"{method} -> {result}")
        return result

    def refuse(self, error, path, method, /, **params):
        self.assertError(self.admin.error(method, **params), error, path)

    def sign_in(self, **params):
        client = self.connect("somebody", hello=False)
        return self.patiently(lambda: client.call("hello", **params)), client

    def pages(self, method, member, **params):
        cursor = None
        while True:
            page = self.ask(method, **params, cursor=cursor)
            yield from page[member]
            cursor = page.get("next")
            if not cursor:
                return

    def newest(self, action, **params):
        return self.ask("admin.audit.list", action=action, limit=1, **params)["entries"][0]

    def address(self):
        return f"127.0.0.1:{self.admin.socket.local_address[1]}"

    def somebody(self, **more):
        return self.ask("admin.account.create", name=f"u {new_id()}", **more)["account"]

    # ---- accounts

    def test_accounts(self):
        made = self.somebody(password=PASSWORD)
        self.assertEqual((made["password"], made["tokens"], made.get("admin"), made.get("disabled")), (True, 0, None, None))
        listed = {it["name"]: it for it in self.pages("admin.account.list", "accounts", limit=2)}
        self.assertEqual(listed[made["name"]], made)
        self.assertTrue(listed["admin"]["admin"])
        self.assertEqual(len(listed), int(self.server.sql("select count(*) from account")[0][0]))
        _, client = self.sign_in(account=made["name"], password=PASSWORD)
        after = self.ask("admin.account.update", account=made["name"], disabled=True)["account"]
        self.assertEqual(after, {**made, "disabled": True})
        self.assertEqual((client.wait_closed().code, client.closed.reason), (1008, "the account was disabled"))
        with self.assertRaises((Refused, case.Closed)):
            self.sign_in(account=made["name"], password=PASSWORD)
        self.assertEqual(self.ask("admin.account.update", account=made["name"], disabled=False, password="another one")["account"], made)
        self.sign_in(account=made["name"], password="another one")
        self.assertEqual(self.ask("admin.account.update", account=made["name"], password="")["account"].get("password"), None)
        actions = [(it["action"], it["name"], it["address"]) for it in self.ask("admin.audit.list", account="admin", action="user", limit=5)["entries"]]
        self.assertEqual(actions, [(f"user.{what}", "admin", self.address()) for what in ("password", "password", "enable", "disable", "add")])

    def test_names_and_passwords_that_are_none(self):
        for name in ("", " x", "x ", "a\nb", "\x7f"):
            self.refuse("invalid_params", "name", "admin.account.create", name=name)
        self.refuse("invalid_params", "password", "admin.account.create", name="x", password="")
        self.refuse("exists", "name", "admin.account.create", name="ana")
        self.refuse("not_found", "account", "admin.account.update", account="nobody", admin=True)
        self.refuse("not_found", "account", "admin.token.list", account="nobody")
        self.refuse("not_found", "account", "admin.token.create", account="nobody")
        self.refuse("not_found", "token", "admin.token.revoke", token=new_id())

    def test_who_administrates_somebody_else_says(self):
        made = self.somebody()
        secret = self.ask("admin.token.create", account=made["name"])["secret"]
        self.assertTrue(self.ask("admin.account.update", account=made["name"], admin=True)["account"]["admin"])
        other = self.connect("other", token=secret)
        for what in ("admin", "disabled"):
            self.assertError(other.error("admin.account.update", account=made["name"], **{what: False}), "forbidden", "account")
        self.assertTrue(self.patiently(lambda: other.call("admin.account.update", account=made["name"], password=PASSWORD))["account"]["password"])
        self.ask("admin.account.update", account=made["name"], admin=False)
        for method in ("admin.account.list", "admin.setting.list", "admin.stats", "admin.audit.list", "admin.session.list"):
            self.assertError(other.error(method), "forbidden")  # though it administrated when it signed in
        self.assertError(other.error("admin.account.create", name="x"), "forbidden")
        self.assertError(other.error("admin.session.show", session=new_id()), "forbidden")
        self.assertEqual(self.server.sql("select 1 from account where name = 'x'"), [])

    def test_two_who_take_each_others_right_leave_one(self):
        for _ in range(3):
            pair = [self.somebody(admin=True) for _ in range(2)]
            clients = [self.connect("one", token=self.ask("admin.token.create", account=it["name"])["secret"]) for it in pair]
            answers = {}

            def demote(i):
                try:
                    answers[i] = clients[i].call("admin.account.update", account=pair[1 - i]["name"], admin=False)
                except Refused as refused:
                    answers[i] = refused.name
            threads = [threading.Thread(target=demote, args=(i,)) for i in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(sorted(str(answer) for answer in answers.values() if isinstance(answer, str)), ["forbidden"], answers)

    # ---- tokens

    def test_tokens(self):
        made = self.somebody()
        token = self.ask("admin.token.create", account=made["name"], label="tagger", days=3)
        self.assertIn("expires", token)
        forever = self.ask("admin.token.create", account=made["name"])
        self.assertNotIn("expires", forever)
        welcome, client = self.sign_in(token=token["secret"])
        self.assertEqual(welcome["account"]["name"], made["name"])
        listed = self.ask("admin.token.list", account=made["name"])["tokens"]
        self.assertEqual([(it["token"], it["label"], it.get("revoked", False)) for it in listed],
                         [(forever["token"], "", False), (token["token"], "tagger", False)])
        self.ask("admin.token.revoke", token=token["token"])
        self.assertEqual(client.wait_closed().code, 1008)
        self.assertEqual([it.get("revoked", False) for it in self.ask("admin.token.list", account=made["name"])["tokens"]], [False, True])
        noted = self.newest("token.revoke")
        self.assertEqual((noted["subject"], noted["name"], noted["address"]), (token["token"], "admin", self.address()))

    # ---- projects and sessions that are not theirs

    def test_a_project_for_somebody(self):
        made = self.somebody()
        name = f"P {new_id()}"
        project = self.ask("admin.project.create", name=name, owner=made["name"])["project"]
        listed = {it["project"]: it for it in self.pages("admin.project.list", "projects", limit=1)}
        self.assertEqual({**listed[project], "created": None}, {"project": project, "name": name, "open": True, "members": 1, "documents": 0, "created": None})
        self.assertEqual(len(listed), int(self.server.sql("select count(*) from project")[0][0]))
        noted = self.newest("project.create")
        self.assertEqual((noted["name"], noted["subject"], noted["subject_name"], noted["detail"]), ("admin", project, name, {"owner": made["account"]}))
        self.refuse("exists", "name", "admin.project.create", name=name, owner=made["name"])
        self.refuse("invalid_params", "name", "admin.project.create", name="", owner=made["name"])
        self.refuse("not_found", "owner", "admin.project.create", name=name, owner="nobody")
        self.refuse("not_found", "project", "member.list", project=project)  # it is not hers for that
        # members: roles are given, taken, and one owner stays
        self.refuse("forbidden", "role", "admin.member.set", project=project, account=made["name"], role="viewer")
        self.ask("admin.member.set", project=project, account="ana", role="owner")
        self.ask("admin.member.set", project=project, account="ana", role="owner")
        self.ask("admin.member.set", project=project, account=made["name"])
        ana = self.connect("ana")
        self.assertEqual([(it["name"], it.get("role")) for it in ana.call("member.list", project=project)["members"]], [("ana", "owner"), (made["name"], None)])
        self.assertEqual(self.newest("member.set")["detail"], {"of": made["account"], "role": None})
        self.refuse("invalid_params", "role", "admin.member.set", project=project, account="ana", role="king")
        self.refuse("not_found", "account", "admin.member.set", project=project, account="nobody", role="viewer")
        self.refuse("not_found", "project", "admin.member.set", project=new_id(), account="ana", role="viewer")
        self.assertEqual(self.server.sql(f"select count(*) from op where stream = '{project}' and kind = 'member.set'"), [["3"]])
        self.assertChecks()

    def test_a_role_that_is_taken_counts_on_open_connections(self):
        session = self.new_session()
        ana, ben = self.connect("ana"), self.connect("ben")
        ana.join(session), ben.join(session)
        ben.one(session, create("claim", start=0, end=7))
        self.ask("admin.member.set", project=self.project, account="ben", role="viewer")
        self.assertEqual(ben.wait_notice("session.notice", lambda it: it["what"] == "rights")["role"], "viewer")
        self.assertError(ben.error("session.submit", session=session, ops=[create("claim", start=0, end=7)]), "forbidden")
        self.ask("admin.member.set", project=self.project, account="ben", role="annotator")
        ben.wait_notice("session.notice", lambda it: it.get("role") == "annotator")
        ben.one(session, create("claim", start=0, end=7))

    def test_a_session_is_closed_and_opened_for_who_is_there(self):
        session = self.new_session()
        (ana, ben) = self.people("ana", "ben")
        replicas = [ana.join(session), ben.join(session)]
        ana.one(session, create("claim", start=0, end=7))
        self.assertEqual(self.ask("admin.session.mode", session=session, mode="closed"), {"seq": 2})
        for client in (ana, ben):
            client.wait_seq(session, 2)
        self.assertError(ben.refused(session, create("claim", start=0, end=7)), "session_closed")
        self.assertEqual(self.ask("admin.session.mode", session=session, mode="closed"), {})
        (it,) = [it for it in self.pages("admin.session.list", "sessions", project=self.project, limit=2) if it["session"] == session]
        self.assertEqual((it["mode"], it["seq"], it["annotations"], it["title"], it["project_name"]), ("closed", 2, 1, self.id(), support.PROJECT))
        self.assertEqual(self.ask("admin.session.mode", session=session, mode="shared"), {"seq": 3})
        self.assertEqual(ben.one(session, create("claim", start=0, end=7))["seq"], 4)
        for client in (ana, ben):
            client.wait_seq(session, 4)
        self.assertSame(*replicas)
        self.assertChecks(*replicas)
        noted = self.newest("session.mode")
        self.assertEqual((noted["subject"], noted["detail"], noted["name"]), (session, {"mode": "shared"}, "admin"))
        self.refuse("invalid_params", "mode", "admin.session.mode", session=session, mode="blind")
        for nowhere in (new_id(), self.project):
            self.refuse("not_found", "session", "admin.session.mode", session=nowhere, mode="closed")
        everywhere = {it["session"] for it in self.pages("admin.session.list", "sessions", limit=1)}
        self.assertEqual(len(everywhere), int(self.server.sql("select count(*) from session")[0][0]))

    def test_one_session_in_figures(self):
        (ana, ben) = self.people("ana", "ben")
        project = ana.call("project.create", name=f"P {new_id()}")["project"]["project"]  # the administrator is no member of it
        ana.call("member.set", project=project, account="ben", role="annotator")
        about = ana.upload(project, f"Nobody else is here: \u2192 {new_id()}\n", title="Figures")["document"]
        session = about["session"]
        it = self.ask("admin.session.show", session=session)
        self.assertLessEqual({"session": session, "project": project, "document": about["document"], "title": "Figures", "name": "main", "mode": "shared", "seq": 0,
                              "annotations": 0, "retained_from": 1}.items(), it["session"].items())
        for nothing in ("status", "creators"):
            self.assertNotIn(nothing, it)
        self.assertEqual((it["deleted"], it["left_out"], it["mode_seq"], it["log_bytes"], it["snapshots"], it["archive_bytes"]), (0, 0, 0, 0, 0, 0))
        self.assertEqual((it["revision"], it["sha256"], it["codepoints"]), (1, about["sha256"], about["codepoints"]))
        replica = ben.join(session)
        made = [ana.one(session, create("claim", start=0, end=7)) for _ in range(3)]
        ben.one(session, create("claim", start=0, end=7, status="proposed"))
        ana.one(session, delete(made[0]["annotation"], made[0]["seq"]))
        self.ask("admin.session.mode", session=session, mode="closed")
        ben.wait_seq(session, 6)
        it = self.ask("admin.session.show", session=session)
        (listed,) = self.pages("admin.session.list", "sessions", project=project)
        self.assertEqual(it["session"], listed)
        self.assertEqual({"seq": it["session"]["seq"], "chain": it["chain"], "state": it["state"]}, replica.place())
        self.assertEqual((it["session"]["mode"], it["mode_seq"], it["session"]["annotations"]), ("closed", 6, 3))
        self.assertEqual((it["status"], it["deleted"], it["creators"], it["left_out"]), ({"active": 2, "proposed": 1}, 1, ["ana", "ben"], 0))
        self.assertEqual(it["log_bytes"], int(self.server.sql(f"select sum(octet_length(payload)) from op where stream = '{session}'")[0][0]))
        shell = self.server.glossd("session", "show", session, "--json").json
        self.assertEqual({mine: it[mine] for mine in ("revision", "sha256", "codepoints", "mode_seq", "chain", "state", "status", "deleted", "snapshots", "archive_bytes")},
                         {mine: shell[mine] for mine in ("revision", "sha256", "codepoints", "mode_seq", "chain", "state", "status", "deleted", "snapshots", "archive_bytes")})
        self.assertEqual((it["log_bytes"], it["creators"]), (shell["bytes"], shell["authors"]))
        self.server.glossd("session", "archive", session)
        it = self.ask("admin.session.show", session=session)
        self.assertEqual((it["session"]["retained_from"], it["log_bytes"], it["snapshots"], it["status"]), (7, 0, 1, {"active": 2, "proposed": 1}))
        self.assertGreater(it["archive_bytes"], 100)
        for nowhere in (new_id(), project):
            self.refuse("not_found", "session", "admin.session.show", session=nowhere)
        self.assertChecks(replica)

    def test_of_many_who_wrote_the_first_are_named(self):
        session = self.new_session()
        for name in ("olga", "ben", "ana"):
            with Client(self.server, name) as client:
                client.one(session, create("claim", start=0, end=7))
        for most, told in ((1, ['["ana"]', "2"]), (3, ['["ana", "ben", "olga"]', "0"])):
            self.assertEqual(self.server.sql(
                "with who as materialized (select set_config('gloss.account', (select id::text from account where name = 'admin'), false) as account)\n"
                f"select creators, left_out from who, lateral gloss_session_show(case when account > '' then '{session}'::uuid end, {most})"), [told])

    def test_while_others_write(self):
        """Each of them is applied once, in one order, whoever overtakes whom."""
        session = self.new_session()
        ana = self.connect("ana")
        replica = ana.join(session)
        stop = threading.Event()
        sent = []

        def write():
            with Client(self.server, "ben") as ben:
                while not stop.is_set():
                    sent.append(ben.submit(session, [create("claim", start=0, end=7)])[0])
        writer = threading.Thread(target=write)
        writer.start()
        modes = 0
        try:
            for i in range(6):
                modes += "seq" in self.ask("admin.session.mode", session=session, mode=("closed", "shared")[i % 2])
        finally:
            stop.set()
            writer.join()
        self.assertEqual(modes, 6)
        accepted = sum("seq" in result for result in sent)
        ana.wait_seq(session, accepted + 6)
        self.assertChecks(replica)

    # ---- settings

    def test_settings(self):
        settings = {it["name"]: it for it in self.ask("admin.setting.list")["settings"]}
        told = {line["setting"]: line for line in self.server.glossd("settings", "--json").lines}
        self.assertEqual(set(settings), set(told))
        for name, it in settings.items():
            self.assertEqual((it["origin"], it.get("reload", False)), (told[name]["origin"], told[name]["reload"]), name)
        self.assertEqual(settings["port"]["value"], str(self.server.port))
        secrets = [name for name, line in told.items() if line["value"] == "(hidden)"]
        for name in secrets:
            self.assertEqual(settings[name]["value"], "(hidden)")

    # ---- what only workers know

    def on_both_workers(self, user):
        first = self.connect(user)
        for _ in range(400):
            other = Client(self.server, user)
            if self.worker_of(other) != self.worker_of(first):
                self.addCleanup(other.close)
                return first, other
            other.close()
        raise AssertionError("no connection came to the other worker")

    def test_connections(self):
        session = self.new_session()
        ana, other = self.on_both_workers("ana")
        ana.join(session)
        told = self.ask("admin.connection.list", account="ana")
        self.assertEqual((told["silent"], told["left_out"]), (0, 0))
        by_port = {it["address"].rsplit(":", 1)[1]: it for it in told["connections"]}
        mine, its = (by_port[str(client.socket.local_address[1])] for client in (ana, other))
        self.assertEqual((mine["name"], mine["sessions"], mine["joined"], mine["pid"], mine["node"]),
                         ("ana", [session], 1, self.worker_of(ana), socket.gethostname()))
        self.assertEqual((its["joined"], its["pid"]), (0, self.worker_of(other)))
        everybody = self.ask("admin.connection.list", limit=1)
        self.assertEqual(len(everybody["connections"]), 1)
        self.assertGreaterEqual(everybody["left_out"], 2)
        self.refuse("not_found", "account", "admin.connection.list", account="nobody")
        # one ends, and is told why; the other one stays
        self.assertEqual(self.ask("admin.connection.end", connection=its["connection"], reason="the meeting is over"), {"ended": 1, "silent": 0})
        closed = other.wait_closed()
        self.assertEqual((closed.code, closed.reason), (4001, "the meeting is over"))
        ana.call("project.list")
        noted = self.newest("connection.end")
        self.assertEqual((noted["name"], noted["subject"], noted["detail"], noted["address"]),
                         ("admin", its["connection"], {"reason": "the meeting is over", "whole": False}, self.address()))
        self.assertGreaterEqual(self.ask("admin.connection.end", account="ana")["ended"], 1)
        self.assertEqual(ana.wait_closed().code, 4001)
        self.refuse("invalid_params", "connection", "admin.connection.end")
        self.refuse("invalid_params", "connection", "admin.connection.end", account="ana", connection=new_id())
        self.refuse("not_found", "account", "admin.connection.end", account="nobody")

    def test_stats_and_so_many_questions_at_once(self):
        numbers = [self.admin.send("admin.stats", {}) for _ in range(20)]
        answered = 0
        for number in numbers:
            try:
                self.admin.answer(number)
                answered += 1
            except Refused as refused:
                self.assertEqual(refused.name, "busy")
                self.assertIn("retry_after_ms", refused.data)
        self.assertGreaterEqual(answered, 1)
        told = self.ask("admin.stats")
        self.assertEqual(told["stored"]["accounts"], int(self.server.sql("select count(*) from account")[0][0]))
        self.assertGreater({it["name"]: it["bytes"] for it in told["tables"]}["op"], 0)
        self.assertEqual(sorted(it["pid"] for it in told["workers"]), sorted(self.server.workers()))
        self.assertGreaterEqual(sum(it["load"]["signed_in"] for it in told["workers"]), 1)

    # ---- audit

    def test_audit(self):
        made = [self.somebody() for _ in range(5)]
        entries = list(self.pages("admin.audit.list", "entries", account="admin", action="user.add", limit=2))[:5]
        self.assertEqual([it["subject"] for it in entries], [it["account"] for it in reversed(made)])
        self.assertEqual([it["subject_name"] for it in entries], [it["name"] for it in reversed(made)])
        numbers = [it["entry"] for it in self.pages("admin.audit.list", "entries", limit=500)]
        self.assertEqual(numbers, sorted(set(numbers), reverse=True))
        self.server.glossd("user", "disable", made[0]["name"], "--yes")
        self.assertNotIn("account", self.newest("user.disable"))
        self.refuse("invalid_params", "cursor", "admin.audit.list", cursor="x")
        self.refuse("not_found", "account", "admin.audit.list", account="nobody")

    def test_secrets_are_not_in_the_log(self):
        made = self.somebody(password=PASSWORD)
        secret = self.ask("admin.token.create", account=made["name"])["secret"]
        self.assertNotIn(PASSWORD, self.server.log())
        self.assertNotIn(secret, self.server.log())


class Locked(ServiceCase):
    """One process; what somebody waits for does not come, since tables are locked."""
    users = {"ana": "annotator"}
    settings = {"statement_timeout_ms": 3000}

    def hold(self, table, mode):
        """Somebody else has locked it, until stdin is closed."""
        stranger = subprocess.Popen(["psql", "-Xqd", self.server.database()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(f"begin; lock table {table} in {mode} mode; select 1;", file=stranger.stdin, flush=True)
        self.assertIn("?column?", stranger.stdout.readline())
        return stranger

    def wait_locked(self, what):
        wait_until(what, lambda: self.server.sql(f"select 1 from pg_stat_activity where datname = '{self.server.name}' and wait_event_type = 'Lock'"))

    def test_nobody_waits_for_figures(self):
        sessions = [self.new_session() for _ in range(3)]
        (ana,) = self.people("ana")
        with self.hold("archive", "access exclusive") as stranger:  # which only they are read from
            admin = self.connect("admin")
            asked = [admin.send("admin.session.show", {"session": sessions[0]}) for _ in range(20)]
            self.wait_locked("they are read")
            for session in sessions:
                ana.join(session)
            for number in asked:  # none of them comes in time, and none is asked twice
                with self.assertRaises(Refused) as caught:
                    admin.answer(number)
                self.assertEqual(caught.exception.name, "store_down")
            ana.join(self.new_session())
            stranger.stdin.close()
        self.assertEqual(admin.call("admin.session.show", session=sessions[0])["session"]["session"], sessions[0])

    def test_a_server_ends_in_order_though_figures_are_waited_for(self):
        session = self.new_session()
        with self.hold("archive", "access exclusive") as stranger:
            admin = self.connect("admin")
            for _ in range(2):
                admin.send("admin.session.show", {"session": session})
            self.wait_locked("they are read")
            admin.close()
            self.assertEqual(self.server.stop(), 0)
            stranger.stdin.close()
        self.server.start()

    def test_a_server_ends_in_order_though_a_question_is_under_way(self):
        with self.hold("answer", "share") as stranger:
            admin = self.connect("admin")
            admin.send("admin.stats", {})
            wait_until("the question is there", lambda: self.server.sql("select count(*) from ask")[0][0] == "1")
            admin.close()  # and nobody waits for what it asked
            self.assertEqual(self.server.stop(), 0)
            stranger.stdin.close()
        self.server.start()

    def test_a_server_ends_in_order_though_somebody_is_signing_in(self):
        """What they asked the database has no answer, and LeakSanitizer looks."""
        with open(self.server.tokens["admin"]) as file:
            token = file.read().strip()
        with self.hold("token", "access exclusive") as stranger:
            somebody = self.connect(None, hello=False)
            somebody.send("hello", {"token": token})
            self.wait_locked("it is looked up")
            somebody.close()
            self.assertEqual(self.server.stop(), 0)
            stranger.stdin.close()
        self.server.start()

if __name__ == "__main__":
    case.main()
