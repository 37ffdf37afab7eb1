#!/usr/bin/python3
"""glossd's verbs, with --json and without; and that glossd check finds what somebody changed in the database."""
import base64
import hashlib
import hmac
import os
import sys
import unittest

import case
from case import Client, Server, ServiceCase, TEXT, create, delete, mode, new_id, support, update
from wiredef import TIME, UUID

sys.path.append(os.path.join(case.HERE, "..", "cli"))
from terminal import run_on_terminal  # noqa: E402


class Verbs(ServiceCase):
    users = {"ana": "annotator"}

    def glossd(self, *args, status=0, **more):
        done = self.server.glossd(*args, check=False, **more)
        self.assertEqual(done.status, status, done)
        if status == 0:
            self.assertEqual(done.err, "", done)
        else:
            self.assertTrue(done.err.startswith("glossd: ") and done.err.count("\n") <= 2, done)
            self.assertEqual(done.out, "", done)
        return done

    def refuse(self, status, words, *args, **more):
        self.assertIn(words, self.glossd(*args, status=status, **more).err)

    def secret(self, text):
        path = f"{self.server.folder}/secret-{new_id()}"
        with open(path, "w", newline="") as file:
            file.write(text)
        return path

    def hello(self, **params):
        with Client(self.server, "somebody", hello=False) as client:
            return client.call("hello", **params)["account"]

    def test_users(self):
        made = self.glossd("user", "add", "bo", "--json").json
        self.assertEqual(made, {"account": made["account"], "name": "bo", "admin": False})
        self.assertRegex(made["account"], UUID)
        listed = {line["name"]: line for line in self.glossd("user", "list", "--json").lines}
        it = listed["bo"]
        self.assertRegex(it.pop("created"), TIME)
        self.assertEqual(it, {"account": made["account"], "name": "bo", "admin": False, "disabled": False, "password": False, "tokens": 0})
        self.assertTrue(listed["admin"]["admin"])
        self.assertEqual(self.glossd("user", "disable", "bo", "--yes", "--json").json["done"], "disabled")
        self.assertTrue({line["name"]: line for line in self.glossd("user", "list", "--json").lines}["bo"]["disabled"])
        self.assertEqual(self.glossd("user", "enable", "bo", "--json").json["done"], "enabled")
        self.refuse(1, "already", "user", "add", "bo")
        self.refuse(1, '"nobody"', "user", "disable", "nobody")
        for name in ("", " x", "x ", "a\nb", "x" * 257):
            self.refuse(1, "no name", "user", "add", name)
        self.refuse(2, "usage", "user")
        self.refuse(2, "usage", "user", "add")
        self.refuse(2, "usage", "user", "remove", "bo")
        said = self.glossd("user", "add", "Ωmega 👩‍⚖️").out
        self.assertIn("Ωmega", said)

    def test_passwords(self):
        self.glossd("user", "add", "pia", "--password-file", self.secret("one two three\n"))
        self.assertEqual(self.hello(account="pia", password="one two three")["name"], "pia")
        self.glossd("user", "password", "pia", stdin=b"four five six\n")
        self.assertEqual(self.hello(account="pia", password="four five six")["name"], "pia")
        with self.assertRaises(case.Refused):
            self.hello(account="pia", password="one two three")
        self.glossd("user", "password", "pia", "--none", "--yes")
        with self.assertRaises(case.Refused):
            self.hello(account="pia", password="four five six")
        self.refuse(1, "/nowhere", "user", "password", "pia", "--password-file", "/nowhere")
        kept = self.server.sql("select password from account where name = 'pia'")[0][0]
        self.assertIsNone(kept)

    def test_who_administrates(self):
        self.glossd("user", "add", "pam")
        self.assertTrue(self.glossd("user", "promote", "pam", "--json").json["admin"])
        self.refuse(2, "say --yes", "user", "demote", "pam")
        self.assertFalse(self.glossd("user", "demote", "pam", "--yes", "--json").json["admin"])
        self.refuse(1, '"nobody"', "user", "promote", "nobody")
        actions = [line["action"] for line in self.glossd("audit", "--action", "user", "--limit", "2", "--json").lines]
        self.assertEqual(actions, ["user.demote", "user.promote"])

    def test_what_takes_something_away_is_asked_about(self):
        """Without a terminal it needs --yes; on one a person is asked, and whoever does not type yes has changed nothing."""
        self.glossd("user", "add", "zoe", "--password-file", self.secret("one two three"))
        token = self.glossd("token", "add", "zoe", "--json").json["token"]
        self.glossd("project", "member", support.PROJECT, "zoe", "viewer")
        verbs = (("user", "disable", "zoe"), ("user", "password", "zoe", "--none"), ("token", "revoke", token), ("project", "member", support.PROJECT, "zoe", "none"))
        state = ("select a.disabled_at is null, a.password is not null, t.revoked_at is null, m.role from account a join token t on t.account = a.id"
                 f" join member m on m.account = a.id where t.id = '{token}'")
        untouched = [["t", "t", "t", "viewer"]]
        for verb in verbs:
            self.refuse(2, "say --yes", *verb)
            command = [self.server.program, verb[0], "--config", self.server.folder + "/gloss.conf", *verb[1:]]
            for typed in (b"no\n",) if verb[0] != "token" else (b"no\n", b"\x04"):
                status, out = run_on_terminal(command, self.server.bare_env(), typed=typed, wait_for=b"type yes to go on:")
                self.assertEqual(status, 2, out)
                self.assertIn(b"nothing was changed", out)
            self.assertEqual(self.server.sql(state), untouched, verb)
        for verb in verbs:
            command = [self.server.program, verb[0], "--config", self.server.folder + "/gloss.conf", *verb[1:]]
            status, out = run_on_terminal(command, self.server.bare_env(), typed=b"yes\n", wait_for=b"type yes to go on:")
            self.assertEqual(status, 0, out)
        self.assertEqual(self.server.sql(state), [["f", "f", "f", None]])

    def test_tokens(self):
        made = self.glossd("token", "add", "ana", "--label", "a laptop", "--expires", "30", "--json").json
        self.assertEqual(set(made), {"token", "secret", "label", "expires"})
        self.assertEqual(self.hello(token=made["secret"])["name"], "ana")
        plain = self.glossd("token", "add", "ana").out
        self.assertRegex(plain, r"^gls_[A-Za-z0-9_-]{43}_[0-9a-f]{6}\n$")
        listed = {line["token"]: line for line in self.glossd("token", "list", "ana", "--json").lines}
        it = listed[made["token"]]
        self.assertRegex(it.pop("created"), TIME)
        self.assertEqual(it, {"token": made["token"], "label": "a laptop", "expires": made["expires"], "revoked": False})
        self.assertNotIn(made["secret"], self.glossd("token", "list", "ana", "--json").out)
        self.assertEqual(self.glossd("token", "revoke", made["token"], "--yes", "--json").json, {"token": made["token"], "revoked": True})
        with self.assertRaises(case.Refused):
            self.hello(token=made["secret"])
        self.refuse(1, "no token", "token", "revoke", new_id(), "--yes")
        self.refuse(1, "no id of a token", "token", "revoke", "x")
        self.refuse(1, '"nobody"', "token", "add", "nobody")
        for days in ("0", "-1", "x", "4000"):
            self.refuse(2, "--expires", "token", "add", "ana", "--expires", days)
        stored = self.server.sql("select count(*) from token where label = 'a laptop' and octet_length(secret_sha256) = 32")
        self.assertEqual(stored, [["1"]])

    def test_projects(self):
        made = self.glossd("project", "add", "Verbs", "--owner", "ana", "--json").json
        self.assertEqual(made, {"project": made["project"], "name": "Verbs", "owner": "ana"})
        it = next(line for line in self.glossd("project", "list", "--json").lines if line["project"] == made["project"])
        self.assertRegex(it.pop("created"), TIME)
        self.assertEqual(it, {"project": made["project"], "name": "Verbs", "open": True, "members": 1, "documents": 0})
        self.glossd("user", "add", "guest")
        for name, role, changed in (("Verbs", "viewer", True), (made["project"], "viewer", False), ("Verbs", "owner", True), ("Verbs", "none", True), ("Verbs", "none", False)):
            done = self.glossd("project", "member", name, "guest", role, "--json", *(["--yes"] if role == "none" else [])).json
            self.assertEqual((done["project"], done["role"], done["changed"]), (made["project"], role, changed))
        self.refuse(1, "at least one owner", "project", "member", "Verbs", "ana", "viewer")
        self.refuse(1, "already", "project", "add", "Verbs", "--owner", "ana")
        self.refuse(1, '"nobody"', "project", "add", "Other", "--owner", "nobody")
        self.refuse(1, "Nowhere", "project", "member", "Nowhere", "ana", "viewer")
        self.refuse(2, "--owner", "project", "add", "Other")
        done = self.server.glossd("project", "member", "Verbs", "ana", "king", check=False)
        self.assertIn(done.status, (1, 2))
        self.assertIn("king", done.err)
        status, lines = self.server.check(made["project"])
        self.assertEqual((status, lines[0]["seq"], lines[0]["kind"], lines[0]["ok"]), (0, 5, "project", True))

    def test_a_member_made_by_glossd_counts_at_once(self):
        self.server.user("late")
        late = self.connect("late")
        self.assertError(late.error("member.list", project=self.project), "not_found")
        self.glossd("project", "member", support.PROJECT, "late", "annotator")
        session = self.new_session()
        late.join(session)
        self.glossd("project", "member", support.PROJECT, "late", "viewer")
        self.assertEqual(late.wait_notice("session.notice")["role"], "viewer")
        self.glossd("project", "member", support.PROJECT, "late", "none", "--yes")
        late.wait_notice("session.notice", lambda it: "role" not in it)
        self.assertError(late.error("member.list", project=self.project), "not_found")
        admin = self.connect("admin")
        admin.join(session)
        self.glossd("project", "member", support.PROJECT, "late", "annotator")
        # What was done before the join may be told behind it: the worker learns of it when it next looks.
        admin.wait_notice("project.ops", lambda it: it["ops"][-1]["payload"]["effects"][0]["set"].get("role") == "annotator")

    def test_init_and_migrate_again_change_nothing(self):
        before = self.server.sql("select * from schema_version order by 1")
        roles = self.server.sql(f"select rolname from pg_roles where rolname like '{self.server.name}%' order by 1")
        self.assertEqual(self.glossd("init", "--json").json["made"], [])
        done = self.glossd("migrate", "--json").json
        self.assertEqual((done["migrations"], done["schema"]), (0, len(before)))
        self.glossd("migrate", "--plan")
        self.assertEqual(self.server.sql("select * from schema_version order by 1"), before)
        self.assertEqual(self.server.sql(f"select rolname from pg_roles where rolname like '{self.server.name}%' order by 1"), roles)

    def test_init_gives_the_owner_another_password(self):
        def has(role, password):
            """Is it the one that PostgreSQL compares with (SCRAM-SHA-256)?"""
            kept = self.server.sql(f"select rolpassword from pg_authid where rolname = '{self.server.name}_{role}'")
            _, salted, keys = str(kept[0][0]).split("$")
            count, salt = salted.split(":")
            client = hmac.digest(hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(count)), b"Client Key", "sha256")
            return base64.b64decode(keys.split(":")[0]) == hashlib.sha256(client).digest()

        all_three, owners = self.secret("served\n"), self.secret("owned\n")
        self.glossd("init", "--password-file", all_three)
        self.assertEqual([has(role, "served") for role in ("owner", "append", "reader")], [True, True, True])
        self.glossd("init", "--password-file", all_three, "--owner-password-file", owners)
        self.assertEqual([has(role, "served") for role in ("owner", "append", "reader")], [False, True, True])
        self.assertTrue(has("owner", "owned"))
        self.glossd("init", "--owner-password-file", all_three)
        self.assertEqual([has(role, "served") for role in ("owner", "append", "reader")], [True, True, True])
        for text in ("first\r\n", "second\nmore\n", "third\r\nmore\r\n", "fourth"):  # the image's gloss-start sends the same: test_start.py
            self.glossd("init", "--password-file", self.secret(text))
            self.assertTrue(has("append", text.split()[0]), text)
        for text in ("", "\n", "\r\n", "\nsecond\n"):
            self.refuse(1, "is empty", "init", "--password-file", self.secret(text))
        self.refuse(1, "/nowhere", "init", "--password-file", all_three, "--owner-password-file", "/nowhere")
        self.assertIn("[--owner-password-file FILE]", self.glossd("init", "--help").out)

    def test_settings(self):
        found = {line["setting"]: line for line in self.glossd("settings", "--json").lines}
        self.assertEqual(str(found["port"]["value"]), str(self.server.port))
        self.assertEqual(found["port"]["origin"], "file")
        self.assertIn("gloss.conf", found["port"]["where"])
        self.assertEqual(found["helpers"]["origin"], "default")
        example = self.glossd("settings", "--example").out
        for name in found:
            self.assertIn(name, example)

    def test_help(self):
        verbs = ("serve", "init", "migrate", "check", "user", "token", "project", "settings")
        said = self.glossd("--help").out
        for verb in verbs:
            self.assertIn(f"  {verb} ", said)
            self.assertIn(f"usage: glossd {verb} ", self.glossd(verb, "--help").out)
        self.assertNotIn("not in this build", said)
        for code in range(8):
            self.assertIn(f"{code} ", said.split("Exit codes:")[1])

    def test_the_roles_of_the_service_cannot_do_more_than_it_needs(self):
        for role, statement in (("append", "select payload from op"), ("append", "select record from annotation"), ("append", "delete from op"), ("append", "update op set seq = 0"),
                                ("append", "select bytes from revision"), ("reader", "insert into term values (null)"), ("reader", "select secret_sha256 from token"),
                                ("reader", "select password from account"), ("append", "create table x ()"), ("reader", "create table x ()")):
            with self.assertRaises(AssertionError, msg=statement) as refused:
                self.server.sql(f"set role {self.server.name}_{role}; {statement}")
            self.assertIn("permission denied", str(refused.exception), statement)
        for table in ("document", "revision", "op", "annotation", "stream", "project", "member", "term", "session"):
            self.assertEqual(self.server.sql(f"set role {self.server.name}_reader; select count(*) from {table}"), [["0"]], "nobody is signed in here")


class Check(unittest.TestCase):
    """What glossd check says of a sound database; test_check.py does damage to one."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.server.__enter__()
        try:
            cls.server.user("ana", role="annotator")
            with Client(cls.server, "admin") as admin, Client(cls.server, "ana") as ana:
                project = admin.call("project.list")["projects"][0]["project"]
                info = admin.upload(project, TEXT)["document"]
                cls.project, cls.session = project, info["session"]
                ana.join(cls.session)
                for i in range(10):
                    made = ana.one(cls.session, create(f"label {i % 3}", exact="Nobody", note=f"n{i}"))
                ana.one(cls.session, update(made["annotation"], made["seq"], status="resolved"))
                admin.one(cls.session, delete(made["annotation"], made["seq"] + 1))
                admin.one(cls.session, mode("closed"))
                cls.place = ana.wait_seq(cls.session, 13).place()
            cls.server.stop()
        except BaseException:
            cls.server.end(check=False)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def test_a_sound_one(self):
        status, lines = self.server.check()
        self.assertEqual(status, 0)
        streams = {line["stream"]: line for line in lines}
        self.assertEqual(set(streams), {self.project, self.session})
        session = streams[self.session]
        self.assertEqual((session["kind"], session["ok"], session["problems"], session["annotations"]), ("session", True, [], 9))
        self.assertEqual({name: session[name] for name in ("seq", "chain", "state")}, self.place)
        self.assertEqual(self.server.check(self.session)[1], [session])
        said = self.server.glossd("check").out
        self.assertIn("0 findings", said)
        self.assertEqual(self.server.glossd("check", new_id(), check=False).status, 1)
        self.assertEqual(self.server.glossd("check", "x", check=False).status, 2)

    def test_a_damaged_session_is_not_served(self):
        kept = self.server.sql(f"select encode(sum, 'hex') from stream where id = '{self.session}'")[0][0]
        self.server.sql(f"update stream set sum = decode(repeat('00', 32), 'hex') where id = '{self.session}'")
        try:
            self.server.start()
            with Client(self.server, "ana") as ana:
                error = ana.error("session.join", session=self.session)
                self.assertIn(error.name, ("internal", "chain_broken"), error)
                ana.call("document.list")
            self.server.wait_log("session.diverged")
            self.server.stop()
        finally:
            self.server.sql(f"update stream set sum = decode('{kept}', 'hex') where id = '{self.session}'")
        self.assertEqual(self.server.check()[0], 0)


if __name__ == "__main__":
    case.main()
