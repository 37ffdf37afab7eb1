#!/usr/bin/python3
"""gloss admin: what administrators do from the command line."""
import os

from case import CliCase, TIME, UUID, main, support
from hostile import NAME, left
from terminal import run_on_terminal


class Admin(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("olga", role="owner")
        cls.server.user("ana", role="annotator")

    def admin(self, *args, **more):
        return self.gloss("admin", *args, user="admin", status=more.pop("status", 0), **more)

    def refused(self, *args, status, says):
        return self.refuse("admin", *args, user="admin", status=status, says=says)

    def password(self, words):
        path = f"{self.server.folder}/password"
        with open(path, "w") as file:
            file.write(words + "\n")
        return path

    def accounts(self):
        return {line["name"]: line for line in self.admin("list", "--json").lines}

    def test_an_account_comes_changes_and_is_kept_out(self):
        made = self.admin("add", "bo", "--json").json
        self.assertRegex(made["account"], UUID)
        self.assertIn("gloss admin token", self.admin("add", "bob").out)
        self.assertEqual(self.accounts()["bo"], made)
        self.assertTrue(self.admin("set", "bo", "--admin", "yes", "--json").json["admin"])
        self.assertTrue(self.admin("set", "bo", "--password-file", self.password("a b c"), "--json").json["password"])
        self.refused("set", "bo", "--admin", "no", status=2, says=["administers the server no longer", "say --yes"])
        self.refused("set", "bo", "--disabled", "yes", status=2, says=["kept out", "say --yes"])
        self.refused("set", "bo", "--no-password", status=2, says="say --yes")
        self.assertEqual(self.accounts()["bo"], {**made, "admin": True, "password": True})
        after = self.admin("set", "bo", "--admin", "no", "--disabled", "yes", "--no-password", "--yes", "--json").json
        self.assertEqual(after, {**made, "disabled": True})
        self.assertEqual(self.admin("set", "bo", "--disabled", "no").out, "bo: may sign in, has no password\n")

    def test_the_list_alone_is_the_groups_name(self):
        self.assertEqual(self.admin().out, self.admin("list").out)
        self.assertRegex(self.admin().out, r"(?m)^ana .*  1  \d{4}-\d\d-\d\d")

    def test_tokens(self):
        made = self.admin("token", "ana", "--label", "a laptop", "--days", "3", "--json").json
        path = f"{self.server.folder}/its-token"
        with open(path, "w") as file:
            os.chmod(path, 0o600)
            file.write(self.admin("token", "ana").out)
        self.assertEqual(self.gloss("project", "--token-file", path, status=0).out, "briefs  annotator  open\n")
        listed = {line["token"]: line for line in self.admin("tokens", "ana", "--json").lines}
        self.assertEqual(listed[made["token"]]["label"], "a laptop")
        self.refused("revoke", made["token"], status=2, says="say --yes")
        self.assertEqual(self.admin("revoke", made["token"], "--yes", "--json").json, {"token": made["token"], "revoked": True})
        self.assertIn("revoked", self.admin("tokens", "ana").out)
        self.refused("revoke", "x", status=2, says="no id of a token")
        self.refused("token", "ana", "--days", "0", status=2, says="--days")
        self.refused("tokens", "nobody", status=3, says="cannot be listed")

    def test_projects_members_and_sessions(self):
        made = self.admin("project", "Elsewhere", "olga", "--json").json
        self.assertIn(made["project"], [line["project"] for line in self.admin("projects", "--json").lines])
        self.assertIn("Elsewhere", self.admin("projects").out)
        self.assertEqual(self.admin("member", "Elsewhere", "ana", "curator").out, "ana is now, in Elsewhere, curator\n")
        self.assertIn("ana   curator\n", self.gloss("member", "--project", "Elsewhere", user="olga", status=0).out)
        self.refused("member", made["project"], "ana", "none", status=2, says="say --yes")
        self.admin("member", made["project"], "ana", "none", "--yes")
        self.assertNotIn("curator", self.gloss("member", "--project", "Elsewhere", user="olga").out)
        self.refused("member", "Nowhere", "ana", "viewer", status=2, says=["no project `Nowhere`", "gloss admin projects"])
        self.refused("member", "Elsewhere", "ana", "king", status=3, says="role must be viewer")
        path = f"{self.server.folder}/brief.txt"
        with open(path, "w") as file:
            file.write("Whoever edits last wins.\n")
        session = self.gloss("import", path, "--project", "Elsewhere", "--json", user="olga", status=0).json["session"]
        (it,) = self.admin("sessions", "Elsewhere", "--json").lines
        self.assertEqual((it["session"], it["mode"]), (session, "shared"))
        self.assertEqual(self.admin("close", session).out, "now closed\n")
        self.assertEqual(self.admin("close", session, "--json").json, {"session": session, "mode": "closed"})
        self.assertIn("closed", self.admin("sessions", "Elsewhere").out)
        self.refuse("tag", it["document"], "edits", "--label", "claim", user="olga", status=3, says="closed")
        self.assertEqual(self.admin("open", session, "--json").json["seq"], 2)
        self.gloss("tag", it["document"], "edits", "--label", "claim", user="olga", status=0)
        self.refused("close", made["project"], status=3, says="nothing was changed")
        told = self.admin("session", session, "--json").json
        (listed,) = self.admin("sessions", "Elsewhere", "--json").lines
        self.assertIn(session, self.admin("sessions", "Elsewhere").out)  # whole, however narrow: it is typed again
        self.assertEqual(listed, {name: told[name] for name in listed})
        self.assertEqual((told["status"], told["creators"], told["mode_seq"], told["deleted"]), ({"active": 1}, ["olga"], 2, 0))
        said = self.admin("session", session).out
        self.assertEqual({line.split()[0] for line in said.splitlines()}, set(told))  # all of it
        self.assertTrue(said.startswith("session "), said)
        for line in (f"session +{session}", "project_name +Elsewhere", "seq +3", "status +active 1", "creators +olga", "left_out +0"):
            self.assertRegex(said, f"(?m)^{line}$")
        self.refused("session", made["project"], status=3, says="that cannot be told")
        self.refused("session", "x", status=2, says=["no id of a session", "gloss admin sessions"])

    def test_what_is_looked_at(self):
        settings = {line["name"]: line for line in self.admin("settings", "--json").lines}
        self.assertEqual(settings["port"]["value"], str(self.server.port))
        self.assertIn("max_frame_bytes", self.admin("settings").out)
        stats = self.admin("stats", "--json").json
        self.assertEqual([worker["pid"] for worker in stats["workers"]], self.server.workers())
        self.assertRegex(self.admin("stats").out, r"(?m)^ops +\d+$")
        (it,) = self.admin("connections", "--account", "admin", "--json").lines
        self.assertEqual((it["name"], it["joined"]), ("admin", 0))
        self.assertRegex(it["since"], TIME)
        self.assertIn("127.0.0.1:", self.admin("connections", env={"COLUMNS": "80"}).out)
        (row,) = [line for line in self.admin("connections").out.splitlines() if it["connection"] in line or "gloss " in line][-1:]
        self.assertRegex(row, r"^[0-9a-f-]{36}  admin  127\.0\.0\.1:\d+  .*  gloss \S+$")  # to a program: a row each, and nothing is cut
        self.refused("kick", status=2, says="name either a connection")
        self.refused("kick", it["connection"], status=3, says="no such connection")
        self.refused("kick", "--account", "olga", status=2, says="say --yes")
        self.admin("add", "audited")
        (row,) = self.admin("audit", "--action", "user.add", "--limit", "1", "--json").lines
        self.assertEqual((row["name"], row["subject_name"], row["detail"]), ("admin", "audited", {"admin": False}))
        self.assertRegex(self.admin("audit", "--limit", "1").out, r"admin +127\.0\.0\.1:\d+ +user\.add +audited")

    def test_quotas(self):
        def shown(*whose):
            return {it["what"]: (it["limit"], it.get("own")) for it in self.admin("quota", *whose, "--json").lines}
        self.admin("add", "quick")
        self.assertEqual(self.admin("quota", "--account", "quick", "ops_rate=50", "connections=8").out, "ops_rate: 50\nconnections: 8\n")
        wanted = {"ops_rate": (50, True), "ops_burst": (0, None), "connections": (8, True), "sessions": (256, None)}
        support.wait_until("every server knows", lambda: shown("--account", "quick") == wanted)
        self.assertRegex(self.admin("quota", "--account", "quick").out, r"(?m)^ops_rate +50 +own$")
        self.assertEqual(self.admin("quota", "--account", "quick", "ops_rate=", "--json").json, {"what": "ops_rate"})
        support.wait_until("every server knows", lambda: shown("--account", "quick")["ops_rate"] == (0, None))
        self.admin("project", "Small", "olga")
        self.assertEqual(self.admin("quota", "--project", "Small", "documents=1", "bytes=0").out, "documents: 1\nbytes: as much as there is\n")
        support.wait_until("every server knows", lambda: shown("--project", "Small")["documents"] == (1, True))
        self.assertRegex(self.admin("quota", "--project", "Small").out, r"(?m)^documents +1 +0 +own$")
        self.assertEqual(self.admin("quota", "--project", "Small", "bytes=200MiB").out, "bytes: 209715200\n")
        support.wait_until("every server knows", lambda: shown("--project", "Small")["bytes"] == (200 << 20, True))
        self.refused("quota", "--project", "Small", "bytes=2 pages", status=2, says="KiB, MiB, GiB or TiB behind it")
        self.refused("quota", "--project", "Small", "documents=1KiB", status=2, says="`documents=1KiB`: write WHAT=NUMBER")
        self.refused("quota", status=2, says="whose? Name an account")
        self.refused("quota", "--account", "quick", "--project", "Small", status=2, says="one of both")
        self.refused("quota", "--account", "quick", "ops_rate=9", "ops_burst=many", status=2, says="`ops_burst=many`: write WHAT=NUMBER")
        self.assertEqual(shown("--account", "quick")["ops_rate"], (0, None))
        self.refused("quota", "--account", "quick", "documents=9", status=3, says="documents was not set")
        self.refused("quota", "--account", "nobody", "ops_rate=9", status=3, says="ops_rate was not set")

    def test_it_is_for_administrators(self):
        self.refuse("admin", user="ana", status=3, says="that is for administrators of the server")
        error = self.gloss("admin", "stats", "--json", user="ana", status=3).json["error"]
        self.assertEqual(error["name"], "forbidden")

    def test_a_person_is_asked(self):
        self.admin("add", "kept")
        command, environment = [support.GLOSS, "admin", "set", "kept", "--disabled", "yes"], self.server.env("admin")
        for typed, status, is_disabled in ((b"no\n", 2, None), (b"yes\n", 0, True)):
            got, out = run_on_terminal(command, environment, typed=typed, wait_for=b"type yes to go on:")
            self.assertEqual(got, status, out)
            self.assertEqual(self.accounts()["kept"].get("disabled"), is_disabled)

    def test_names_from_outside_are_harmless(self):
        self.admin("project", NAME, "olga")
        self.admin("token", "olga", "--label", NAME)
        for args in (("projects",), ("tokens", "olga"), ("audit",)):
            for width in (80, 200):
                done = self.admin(*args, env={"COLUMNS": str(width)})
                self.assertEqual(left(done.out), [])
                for line in done.out.splitlines():
                    self.assertLessEqual(len(line), width, (args, line))
        self.assertIn(NAME, [line["name"] for line in self.admin("projects", "--json").lines])

    def test_an_id_is_whole_on_any_screen(self):
        """It is typed again."""
        self.server.import_text("Narrow\n", name="narrow.md")
        for width in (10, 20, 40, 46, 60):
            for args, whole in ((("admin", "projects"), "project"), (("admin", "sessions"), "session"), (("admin", "tokens", "ana"), "token")):
                ids = [line[whole] for line in self.gloss(*args, "--json", user="admin", status=0).lines]
                said = self.gloss(*args, user="admin", status=0, env={"COLUMNS": str(width)}).out
                self.assertEqual([one for one in ids if one not in said], [], f"{args} in {width} columns:\n{said}")


if __name__ == "__main__":
    main()
