#!/usr/bin/python3
"""login: credentials are checked, kept for oneself, and sent to no other server."""
import json
import os
import stat

from case import CliCase, main
from proxy import Proxy
from terminal import run_on_terminal
import server as support

NOTHING = {"GLOSS_URL": None, "GLOSS_TOKEN_FILE": None, "GLOSS_CA": None}
PASSWORD = "correct horse battery staple ü"


class Login(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator", password=PASSWORD)
        cls.server.user("ben", role="annotator")

    def setUp(self):
        self.home = f"{self.server.folder}/home-{self.id()}"
        os.makedirs(self.home)
        self.env = {**NOTHING, "HOME": self.home}
        self.file = self.home + "/.config/gloss/servers.json"

    def login(self, *args, **more):
        return self.gloss("login", "--url", self.server.url, "--ca", self.server.ca, *args, env=self.env, **more)

    def test_with_a_token_file(self):
        done = self.login("--token-file", self.server.tokens["ben"], "--json", status=0).json
        self.assertEqual((done["name"], done["stored"]), ("ben", self.file))
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.dirname(self.file)).st_mode), 0o700)
        self.gloss("ls", env=self.env, status=0)  # without any option or variable

    def test_with_a_password_file(self):
        self.login("--account", "ana", "--password-file", f"{self.server.folder}/password-ana", status=0)
        with open(self.file) as file:
            kept = file.read()
        self.assertNotIn(PASSWORD, kept)
        self.assertTrue(json.loads(kept)["servers"][0]["token"].startswith("gls_"))
        self.gloss("ls", env=self.env, status=0)

    def test_with_a_password_from_a_pipe(self):
        self.login("--account", "ana", stdin=PASSWORD + "\n", status=0)
        self.gloss("ls", env=self.env, status=0)

    def test_asks_on_a_terminal_without_echo(self):
        env = self.server.env("nobody", **self.env)
        status, out = run_on_terminal([support.GLOSS, "login", "--url", self.server.url, "--ca", self.server.ca, "--account", "ana"], env,
                                      typed=PASSWORD.encode() + b"\n", wait_for=b"Password of ana: ")
        self.assertEqual(status, 0, out)
        self.assertNotIn(PASSWORD.encode(), out)
        self.assertIn(b"signed in to", out)

    def test_a_wrong_password_keeps_nothing(self):
        done = self.refuse("login", "--url", self.server.url, "--ca", self.server.ca, "--account", "ana", stdin="wrong\n", env=self.env, status=4, says="not right")
        self.assertEqual(done.out, "")
        self.assertFalse(os.path.exists(self.file))

    def test_two_ways_at_once(self):
        self.refuse("login", "--url", self.server.url, "--account", "ana", "--token-file", "x", env=self.env, status=2, says="")

    def test_no_address(self):
        self.refuse("login", env=self.env, status=2, says="say which server")

    def test_several_servers_and_the_last_is_meant(self):
        with Proxy(self.server.port) as proxy:
            self.login("--token-file", self.server.tokens["ben"], status=0)
            self.gloss("login", "--url", proxy.url, "--ca", self.server.ca, "--account", "ana", stdin=PASSWORD + "\n", env=self.env, status=0)
            with open(self.file) as file:
                kept = json.load(file)
            self.assertEqual((len(kept["servers"]), kept["current"]), (2, proxy.url))
            before = proxy.connections
            self.gloss("ls", env=self.env, status=0)
            self.assertGreater(proxy.connections, before)
            before = proxy.connections
            self.gloss("ls", "--url", self.server.url, env=self.env, status=0)
            self.assertEqual(proxy.connections, before)

    def test_a_token_goes_to_its_own_server_only(self):
        self.login("--token-file", self.server.tokens["ben"], status=0)
        with Proxy(self.server.port) as proxy:
            done = self.gloss("ls", "--url", proxy.url, env=self.env, status=4)
            self.assertIn("not signed in", done.err)
            self.assertEqual(proxy.connections, 0)

    def test_a_file_that_is_broken(self):
        os.makedirs(os.path.dirname(self.file))
        with open(self.file, "w") as file:
            file.write("{")
        os.chmod(self.file, 0o600)
        self.refuse("ls", env=self.env, status=2, says=["servers.json", "mend or remove it"])

    def test_an_older_file_is_replaced_whole(self):
        self.login("--token-file", self.server.tokens["ben"], status=0)
        self.login("--token-file", self.server.tokens["ana"], status=0)
        with open(self.file) as file:
            kept = json.load(file)
        self.assertEqual([entry["account"] for entry in kept["servers"]], ["ana"])
        self.assertEqual(os.listdir(os.path.dirname(self.file)), ["servers.json"])

    def kept_token(self):
        with open(self.file) as file:
            token = json.load(file)["servers"][0]["token"]
        path = f"{self.home}/token-{token[-6:]}"
        with open(path, "w") as file:
            file.write(token)
        return path

    def test_a_token_that_is_replaced_is_worth_nothing_any_more(self):
        self.login("--account", "ana", stdin=PASSWORD + "\n", status=0)
        before = self.kept_token()
        self.login("--account", "ana", stdin=PASSWORD + "\n", status=0)
        self.assertNotEqual(self.kept_token(), before)
        self.refuse("ls", "--token-file", before, env=self.env, status=4, says="gloss login")
        self.gloss("ls", env=self.env, status=0)
        before = self.kept_token()
        done = self.login("--token-file", self.server.tokens["ben"], status=0)
        self.assertNotIn("could not be revoked", done.err)
        self.refuse("ls", "--token-file", before, env=self.env, status=4, says="gloss login")
        self.login("--account", "ana", stdin=PASSWORD + "\n", status=0)
        self.gloss("ls", "--token-file", self.server.tokens["ben"], env=self.env, status=0)  # gloss did not make it

    def test_logout_revokes_what_is_kept_whatever_the_environment_says(self):
        self.login("--account", "ana", stdin=PASSWORD + "\n", status=0)
        kept = self.kept_token()
        done = self.gloss("logout", "--json", env={**self.env, "GLOSS_TOKEN_FILE": self.server.tokens["ben"]}, status=0)
        self.assertIs(done.json["revoked"], True)
        for path, status in ((kept, 4), (self.server.tokens["ben"], 0)):
            self.gloss("ls", "--url", self.server.url, "--ca", self.server.ca, "--token-file", path, env=self.env, status=status)


class Servers(CliCase):
    """Several servers in one file. The second is the first one behind a proxy: another address, the same certificate."""
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator", password=PASSWORD)
        cls.server.user("ben", role="annotator")
        cls.proxy = Proxy(cls.server.port)
        cls.proxy.__enter__()
        cls.addClassCleanup(cls.proxy.__exit__, None, None, None)

    def setUp(self):
        self.home = f"{self.server.folder}/home-{self.id()}"
        os.makedirs(self.home + "/.config/gloss", mode=0o700)
        self.env = {**NOTHING, "HOME": self.home}
        self.file = self.home + "/.config/gloss/servers.json"

    def run_gloss(self, *args, **more):
        return self.gloss(*args, env=self.env, **more)

    def login_two(self):
        self.run_gloss("login", "--url", self.server.url, "--ca", self.server.ca, "--name", "work", "--token-file", self.server.tokens["ben"], status=0)
        self.run_gloss("login", "--url", self.proxy.url, "--ca", self.server.ca, "--name", "home", "--account", "ana", stdin=PASSWORD + "\n", status=0)

    def used_proxy(self, *args, **more):
        before = self.proxy.connections
        self.run_gloss(*args, status=0, **more)
        return self.proxy.connections > before

    def kept(self):
        with open(self.file) as file:
            return json.load(file)

    def test_names(self):
        self.login_two()
        self.assertTrue(self.used_proxy("ls"))  # the last one signed in to
        self.assertFalse(self.used_proxy("ls", "--server", "work"))
        self.assertTrue(self.used_proxy("ls", "--server=home"))
        lines = self.run_gloss("servers", "--json", status=0).lines
        self.assertEqual([(line["server"], line["url"], line["account"], line["default"]) for line in lines],
                         [("work", self.server.url, "ben", False), ("home", self.proxy.url, "ana", True)])
        self.assertRegex(self.run_gloss("servers").out, r"(?m)^\* +home .*  ana$")
        self.run_gloss("servers", "default", "work", status=0)
        self.assertFalse(self.used_proxy("ls"))
        self.env["GLOSS_SERVER"] = "home"
        self.assertTrue(self.used_proxy("ls"))
        self.assertFalse(self.used_proxy("ls", "--server", "work"))

    def test_two_accounts_of_one_server(self):
        self.run_gloss("login", "--url", self.server.url, "--ca", self.server.ca, "--name", "ben", "--token-file", self.server.tokens["ben"], status=0)
        self.run_gloss("login", "--url", self.server.url, "--ca", self.server.ca, "--name", "ana", "--account", "ana", stdin=PASSWORD + "\n", status=0)
        self.assertEqual([server["name"] for server in self.kept()["servers"]], ["ben", "ana"])
        brief = self.server.import_text("Who was it\n", name="who.md")["document"]
        for name in ("ben", "ana"):
            self.run_gloss("tag", brief, "Who", "--label", "x", "--server", name, status=0)
        self.assertEqual([line["author_name"] for line in self.run_gloss("log", brief, "--json", status=0).lines], ["ben", "ana"])

    def test_signing_in_again_by_name(self):
        self.login_two()
        self.run_gloss("login", "--name", "work", "--token-file", self.server.tokens["admin"], status=0)
        self.assertEqual([(server["name"], server["url"], server["account"]) for server in self.kept()["servers"]],
                         [("work", self.server.url, "admin"), ("home", self.proxy.url, "ana")])
        self.refuse("login", "--name", "new", "--token-file", self.server.tokens["admin"], env=self.env, status=2, says="say which server")
        self.refuse("login", "--name", "work", "--url", self.proxy.url, env=self.env, status=2, says="another server is called `work`")

    def test_logout(self):
        self.login_two()
        token = self.kept()["servers"][1]["token"]
        path = self.home + "/token"
        with open(path, "w") as file:
            file.write(token)
        self.gloss("ls", env={"GLOSS_TOKEN_FILE": path}, status=0)
        self.assertEqual(self.run_gloss("logout", "--json", status=0).json, {"server": "home", "url": self.proxy.url, "revoked": True})
        self.gloss("ls", env={"GLOSS_TOKEN_FILE": path}, status=4)
        self.assertFalse(self.used_proxy("ls"))  # the only one that is left
        done = self.run_gloss("logout", "work", status=0)  # its token came from elsewhere
        self.assertIn("still good", done.out)
        self.gloss("ls", user="ben", status=0)
        self.assertEqual(self.kept()["servers"], [])
        self.refuse("ls", env=self.env, status=4, says="no server is named")
        self.refuse("logout", env=self.env, status=2, says="no such server")
        self.assertIn("no server is kept", self.run_gloss("servers", status=0).err)

    def test_logout_when_the_server_is_away(self):
        self.login_two()
        kept = self.kept()
        kept["servers"][1]["url"] = "https://127.0.0.1:1/"
        with open(self.file, "w") as file:
            json.dump(kept, file)
        self.assertIs(self.run_gloss("logout", "home", "--json", status=0).lines[-1]["revoked"], False)
        self.assertEqual(len(self.kept()["servers"]), 1)

    def test_unknown_names_and_two_ways_at_once(self):
        self.login_two()
        self.refuse("ls", "--server", "wrok", env=self.env, status=2, says="did you mean `work`?")
        self.refuse("servers", "default", "hme", env=self.env, status=2, says="did you mean `home`?")
        self.refuse("ls", "--server", "\x1b[31m", env=self.env, status=2, says="no server is called")
        self.refuse("ls", "--server", "work", "--url", self.server.url, env=self.env, status=2, says="two ways")

    def test_a_file_of_the_version_before_names(self):
        with open(self.server.tokens["ben"]) as file:
            token = file.read().strip()
        with open(self.file, "w") as file:
            os.chmod(self.file, 0o600)
            json.dump({"current": self.server.url, "servers": [{"url": self.server.url, "token": token, "ca": self.server.ca, "account": "ben"}]}, file)
        self.run_gloss("ls", status=0)
        name = f"127.0.0.1:{self.server.port}"
        self.assertEqual(self.run_gloss("servers", "--json").json["server"], name)
        self.run_gloss("ls", "--server", name, status=0)
        self.run_gloss("login", "--token-file", self.server.tokens["admin"], status=0)
        self.assertEqual([server["account"] for server in self.kept()["servers"]], ["admin"])

    def test_a_file_that_is_open_to_others_is_not_used(self):
        self.login_two()
        os.chmod(self.file, 0o640)
        self.refuse("ls", env=self.env, status=2, says=["open to others (mode 0640)", "chmod 600"])
        self.refuse("servers", env=self.env, status=2, says="open to others")
        self.refuse("login", "--url", self.server.url, env=self.env, status=2, says="open to others")
        os.chmod(self.file, 0o600)
        self.run_gloss("ls", status=0)

    def test_the_file_is_replaced_whole(self):
        self.login_two()
        before = os.stat(self.file).st_ino
        self.run_gloss("servers", "default", "work", status=0)
        self.assertNotEqual(os.stat(self.file).st_ino, before)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.assertEqual(os.listdir(os.path.dirname(self.file)), ["servers.json"])

    def test_names_are_completed(self):
        self.login_two()
        self.assertEqual(self.run_gloss("completion", "words", "--", "ls", "--server", "w").out, f"work\t{self.server.url}\n")


if __name__ == "__main__":
    main()
