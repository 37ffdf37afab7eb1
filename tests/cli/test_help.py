#!/usr/bin/python3
"""Help, manual page and exit statuses follow from one table; no server is needed."""
import os
import re
import shutil
import subprocess
import unittest

import case
import server as support

VERBS = ("login logout import ls info describe cat show tag note reply link edit rm restore redact resolve reopen accept reject inbox sync watch who post log verify export completion help version").split()
TERMS = ["list", "new", "edit", "rename", "retire", "revive"]
GROUPS = {"servers": ["list", "default"], "project": ["list", "new", "show", "rename", "policy"], "member": ["list", "add", "set", "remove"],
          "admin": "list add set tokens token revoke projects project member sessions session close open quota settings stats connections kick audit".split(),
          "label": TERMS, "attribute": TERMS, "relation": TERMS}


def gloss(*args, **env):
    return subprocess.run([support.GLOSS, *args], capture_output=True, text=True, timeout=support.LIMIT_S, env={**support.Server.bare_env(), **env})


class Help(unittest.TestCase):
    def test_every_verb_is_listed(self):
        done = gloss("help")
        self.assertEqual(done.returncode, 0)
        for verb in VERBS:
            self.assertRegex(done.stdout, rf"(?m)^  {verb} ")
        for group in GROUPS:
            self.assertRegex(done.stdout, rf"(?m)^  {group} ")
        self.assertEqual(gloss("--help").stdout, done.stdout)

    def test_a_group_lists_its_verbs(self):
        for group, verbs in GROUPS.items():
            done = gloss("help", group)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(re.findall(rf"(?m)^  {group} (\S+)", done.stdout), verbs)
            self.assertEqual(gloss(group, "--help").stdout, done.stdout)
            for verb in verbs:
                self.assertEqual(gloss("help", group, verb).stdout, gloss(group, verb, "--help").stdout)
                self.assertTrue(gloss(group, verb, "-h").stdout.startswith(f"gloss {group} {verb}"))

    def test_nothing_typed_lists_them_on_stderr(self):
        done = gloss()
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("  show ", done.stderr)

    def test_every_verb_has_the_options_of_every_verb(self):
        for verb in VERBS:
            done = gloss(verb, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertEqual(gloss("help", verb).stdout, done.stdout)
            self.assertEqual(gloss(verb, "-h").stdout, done.stdout)
            for option in ("--json", "--help", "--server", "--url", "--token-file", "--ca"):
                self.assertIn(f"  {option}", done.stdout, verb)

    def test_help_fits_the_width(self):
        for columns in ("40", "60", "80", "200"):
            for verb in [*VERBS, *GROUPS]:
                for line in gloss(verb, "--help", COLUMNS=columns).stdout.splitlines()[1:]:
                    self.assertLessEqual(len(line), int(columns), line)

    def test_exit_statuses(self):
        out = gloss("help", "exits").stdout
        self.assertEqual(re.findall(r"(?m)^  (\d)", out), ["0", "1", "2", "3", "4", "5", "6"])

    def test_version(self):
        self.assertRegex(gloss("version").stdout, r"^gloss \d+\.\d+\.\d+ \(libgloss ")
        self.assertEqual(gloss("--version").stdout, gloss("version").stdout)

    def test_the_manual_page_is_sound(self):
        page = gloss("help", "--man").stdout
        for verb in VERBS:
            self.assertRegex(page, rf"(?m)^\.SS gloss {verb} ")
        for group, verbs in GROUPS.items():
            for verb in verbs:
                self.assertRegex(page, rf"(?m)^\.SS gloss {group} {verb} ")
        self.assertNotRegex(page, r"[^\x00-\x7f]")
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_built_page_is_this_one(self):
        path = os.path.join(os.path.dirname(support.GLOSS), "gloss.1")
        if not os.path.exists(path):
            self.skipTest("gloss.1 is not built")
        with open(path) as file:
            self.assertEqual(file.read(), gloss("help", "--man").stdout)


if __name__ == "__main__":
    case.main()
