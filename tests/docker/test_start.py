#!/usr/bin/python3
"""gloss-start and gloss-setup without an engine: whose password a container gets, and a first start that is interrupted anywhere goes on."""
import os
import shutil
import subprocess
import tempfile
import unittest

DOCKER = os.path.join(os.environ["GLOSS_SOURCE_DIR"], "docker")
GLOSSD = """#!/bin/sh
echo "$*" >>"$FOLDER/asked"
n=$(grep -c . "$FOLDER/asked")
[ "$n" != "${FAIL_AT:-0}" ] || exit 1
[ "$n" != "${AWAY_AT:-0}" ] || exit 4
[ -z "${AWAY:-}" ] || exit 4
case "$1 $2" in
"user list") [ ! -e "$FOLDER/user" ] || echo '{"name":"admin"}' ;;
"user add") [ ! -e "$FOLDER/user" ] || exit 1; : >"$FOLDER/user" ;;
"project list") [ ! -e "$FOLDER/project" ] || echo '{"name":"briefs"}' ;;
"project add") [ ! -e "$FOLDER/project" ] || exit 1; : >"$FOLDER/project" ;;
"token add") printf 'made a token:\\nsecret-%s\\n' "$n" ;;
esac
[ "$n" != "${KILL_AT:-0}" ] || kill -9 $PPID
"""


class Started(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gloss-start.")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.write("glossd", GLOSSD)
        for name in ("gloss-certificate", "sleep"):
            self.write(name, "#!/bin/sh\n")
        for name in ("gloss-start", "gloss-setup"):
            with open(os.path.join(DOCKER, name), encoding="utf-8") as file:
                self.write(name, file.read().replace("/var/lib/gloss", self.folder + "/lib"))
        self.clean()

    def clean(self):
        for name in ("lib", "lib-authority", "lib-token"):
            shutil.rmtree(f"{self.folder}/{name}", ignore_errors=True)
            os.mkdir(f"{self.folder}/{name}")
        for name in ("user", "project", "asked"):
            if os.path.exists(f"{self.folder}/{name}"):
                os.unlink(f"{self.folder}/{name}")

    def write(self, name, text):
        if os.path.exists(f"{self.folder}/{name}"):  # of before, and only root could write into it
            os.unlink(f"{self.folder}/{name}")
        with open(f"{self.folder}/{name}", "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(f"{self.folder}/{name}", 0o500)
        return f"{self.folder}/{name}"

    def run_it(self, *words, **more):
        if os.path.exists(self.folder + "/asked"):
            os.unlink(self.folder + "/asked")
        path = self.folder + ":" + os.environ["PATH"]
        return subprocess.run(words, env={"PATH": path, "TMPDIR": self.folder, "FOLDER": self.folder, **more}, capture_output=True, text=True, timeout=180)


class Passwords(Started):
    def roles(self, *kinds):
        given = {f"GLOSS_IMAGE_{kind}PASSWORD_FILE": self.write(f"{kind}secret", f"pass:{kind}\nmore\n") for kind in kinds}
        done = self.run_it("gloss-start", "sh", "-c", 'cat "${PGPASSFILE:-/dev/null}"', **given)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.splitlines()

    def test_each_role_gets_its_own(self):
        serving = ["*:*:*:gloss_append:pass\\:", "*:*:*:gloss_reader:pass\\:"]
        owner, admin = ["*:*:*:gloss_owner:pass\\:OWNER_"], ["*:*:*:*:pass\\:ADMIN_"]
        self.assertEqual(self.roles(), [])
        self.assertEqual(self.roles(""), serving)
        self.assertEqual(self.roles("OWNER_"), owner)
        self.assertEqual(self.roles("ADMIN_"), admin)
        self.assertEqual(self.roles("", "OWNER_", "ADMIN_"), owner + serving + admin)

    def test_the_password_is_the_first_line(self):
        """As for glossd init: test_admin.py has the same files."""
        for text in ("served\r\n", "served\nmore\n", "served\r\nmore\r\n", "served"):
            with self.subTest(text=text):
                done = self.run_it("gloss-start", "sh", "-c", 'cat "$PGPASSFILE"', GLOSS_IMAGE_PASSWORD_FILE=self.write("secret", text))
                self.assertEqual((done.stdout.splitlines(), done.stderr), (["*:*:*:gloss_append:served", "*:*:*:gloss_reader:served"], ""))
        for text in ("", "\n", "\r\n", "\nsecond\n"):
            with self.subTest(text=text):
                done = self.run_it("gloss-start", "true", GLOSS_IMAGE_PASSWORD_FILE=self.write("secret", text))
                self.assertEqual(done.returncode, 3)
                self.assertIn("is empty", done.stderr)

    def test_a_link_to_it_is_as_good(self):
        """A secret of Kubernetes is a link, whose own mode means nothing."""
        os.symlink(self.write("secret", "pass\n"), self.folder + "/link")
        done = self.run_it("gloss-start", "true", GLOSS_IMAGE_PASSWORD_FILE=self.folder + "/link")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        os.chmod(self.folder + "/secret", 0o444)
        done = self.run_it("gloss-start", "true", GLOSS_IMAGE_PASSWORD_FILE=self.folder + "/link")
        self.assertIn("may be read or written by everybody", done.stderr)

    def test_a_file_that_is_not_there_ends_it(self):
        for kind in ("", "OWNER_", "ADMIN_"):
            done = self.run_it("gloss-start", "true", **{f"GLOSS_IMAGE_{kind}PASSWORD_FILE": "/nowhere"})
            self.assertEqual(done.returncode, 3)
            self.assertIn(f"GLOSS_IMAGE_{kind}PASSWORD_FILE", done.stderr)


class Settings(Started):
    def test_a_file_that_cannot_be_read_ends_it(self):
        path = self.write("gloss.conf", "log_level = debug\n")
        self.assertEqual(self.run_it("gloss-start", "true", GLOSS_CONFIG=path).returncode, 0)
        ways = [("/nowhere/gloss.conf", "is not there")]
        if os.getuid():
            os.chmod(path, 0)
            ways.append((path, "chmod 644"))
        for given, words in ways:
            done = self.run_it("gloss-start", "true", GLOSS_CONFIG=given)
            self.assertEqual(done.returncode, 3)
            self.assertIn("GLOSS_CONFIG", done.stderr)
            self.assertIn(words, done.stderr)


class FirstStart(Started):
    def token(self):
        try:
            with open(self.folder + "/lib-token/first-token", encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def asked(self):
        with open(self.folder + "/asked", encoding="utf-8") as file:
            return file.read().splitlines()

    def set_up(self, **more):
        return self.run_it("gloss-setup", "all", **more)

    def expect_whole(self, done):
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("To sign in", done.stdout)
        self.assertRegex(self.token(), r"^secret-[0-9]+\n$")
        self.assertEqual(os.listdir(self.folder + "/lib-token"), ["first-token"])

    def test_makes_one_administrator_once(self):
        self.expect_whole(self.set_up())
        kept, calls = self.token(), len(self.asked())
        done = self.set_up()
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertEqual((self.token(), self.asked()), (kept, ["init", "migrate", "user list --json"]))
        for how in ("FAIL_AT", "KILL_AT"):
            for at in range(1, calls + 1):
                with self.subTest(how=how, at=at):
                    self.clean()
                    self.assertNotEqual(self.set_up(**{how: str(at)}).returncode, 0, "a step that fails is no success")
                    self.assertIsNone(self.token())
                    self.expect_whole(self.set_up())

    def test_a_database_that_does_not_answer_is_asked_again(self):
        self.expect_whole(self.set_up())
        for at in range(1, len(self.asked()) + 1):
            with self.subTest(at=at):
                self.clean()
                self.expect_whole(self.set_up(AWAY_AT=str(at)))
        self.clean()
        self.assertEqual(self.set_up(AWAY="yes", GLOSS_IMAGE_TRIES="2").returncode, 4)
        self.assertEqual(self.asked(), ["init", "init"])

    def test_what_an_older_one_left_to_the_server_is_taken_away(self):
        os.mkdir(self.folder + "/lib/ca")
        for name in ("ca/ca.key", "first-token"):
            self.write("lib/" + name, "old\n")
        self.write("user", "")
        self.assertEqual(self.set_up().returncode, 0)
        self.assertEqual((self.token(), os.listdir(self.folder + "/lib-authority")), ("old\n", ["ca.key"]))
        self.assertEqual(os.listdir(self.folder + "/lib"), ["ca"])
        self.assertEqual(os.listdir(self.folder + "/lib/ca"), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
