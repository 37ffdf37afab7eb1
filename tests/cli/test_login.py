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
        self.refuse("ls", env=self.env, status=2, says=["servers.json", "mend or remove it"])

    def test_an_older_file_is_replaced_whole(self):
        self.login("--token-file", self.server.tokens["ben"], status=0)
        self.login("--token-file", self.server.tokens["ana"], status=0)
        with open(self.file) as file:
            kept = json.load(file)
        self.assertEqual([entry["account"] for entry in kept["servers"]], ["ana"])
        self.assertEqual(os.listdir(os.path.dirname(self.file)), ["servers.json"])


if __name__ == "__main__":
    main()
