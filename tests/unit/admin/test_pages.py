"""What glossd says of itself: help, manual page, pages of settings and events, and example, each compared with the tables that they are made of."""

import json
import os
import re
import shutil
import subprocess
import unittest

SOURCE = os.environ.get("GLOSS_SOURCE_DIR", os.getcwd())
GLOSSD = os.environ.get("GLOSSD", "service/glossd")
WAIT = 180  # seconds, for anything that hangs


def run(*words):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GLOSS")}
    return subprocess.run([GLOSSD, *words], env=environment | {"LC_ALL": "C.UTF-8"}, capture_output=True, text=True, timeout=WAIT)


def table(name, macro):
    """The rows of a .def file, each as the list of what stands between its commas."""
    with open(f"{SOURCE}/service/{name}", encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    return [[word.removeprefix('"').removesuffix('"') for word in re.findall(r'\s*("(?:[^"\\]|\\.)*"|[^,"\s][^,"]*)', row)]
            for row in re.findall(rf"^{macro}\((.*)\)$", text, re.M)]


def milliseconds_or_bytes(text):
    """64KiB -> 65536, 2min -> 120000; None for what is no number."""
    factors = {"": 1, "ms": 1, "s": 1000, "min": 60000, "h": 3600000, "d": 86400000, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    found = re.fullmatch(r"(\d+)([a-zA-Z]*)", text)
    return int(found[1]) * factors[found[2]] if found and found[2] in factors else None


class Pages(unittest.TestCase):
    """Help, manual page, reference page and example tell of every row of settings.def, and of every verb and exit status."""

    @classmethod
    def setUpClass(cls):
        cls.rows = table("base/settings.def", "SETTING")
        cls.help, cls.man = run("--help").stdout, run("help", "--man").stdout
        cls.list, cls.example = run("settings", "--list").stdout, run("settings", "--example").stdout

    def test_the_table_was_read(self):
        self.assertEqual([row[0] for row in self.rows], [json.loads(line)["setting"] for line in run("settings", "--json").stdout.splitlines()])
        self.assertGreater(len(self.rows), 40)

    def assertTells(self, row, default, possible, taken):
        name, kind, unit, least, most, written, flags = row[:7]
        self.assertEqual(taken, "reload" if "SETTING_RELOAD" in flags else "start" if "SETTING_START" in flags else "restart", name)
        if kind in ("INT", "SIZE", "DURATION"):
            bounds = re.match(r"(\S+) to (\S+)", possible)
            self.assertEqual([milliseconds_or_bytes(bounds[1]), milliseconds_or_bytes(bounds[2])], [int(least), int(most)], name)
            self.assertEqual(milliseconds_or_bytes(default), milliseconds_or_bytes(written), name)
        else:
            self.assertEqual(default, written, name)
        if kind == "INT":
            self.assertTrue(possible.endswith(unit), name)
        if kind == "CHOICE":
            self.assertEqual(possible, unit, name)

    def test_the_reference_page(self):
        told = re.findall(r"(?m)^\| `(\w+)` \| `?(.*?)`? \| ((?:[^|]|(?<=\\)\|)+) \| (\w+) \| (.*) \|$", self.list)
        self.assertEqual([it[0] for it in told], [row[0] for row in self.rows])
        for row, (_, default, possible, taken, doc) in zip(self.rows, told):
            self.assertTells(row, default, possible.replace("\\|", "|"), taken)
            self.assertTrue(doc.replace("\\|", "|").startswith(row[7]), row[0])

    def test_help(self):
        told = re.findall(r"(?m)^  --([\w-]+) = (.*)  \((.*); (\w+)\)\n((?:      .*\n)+)", self.help)
        self.assertEqual([it[0].replace("-", "_") for it in told], [row[0] for row in self.rows])
        for row, (_, default, possible, taken, doc) in zip(self.rows, told):
            self.assertTells(row, "" if default == "nothing" else default, possible, taken)
            self.assertTrue(" ".join(doc.split()).startswith(row[7]), row[0])
        self.assertLess(max(map(len, self.help.splitlines())), 170)

    def test_the_manual_page(self):
        plain = self.man.replace("\\-", "-").replace("\\fB", "`").replace("\\fR", "`").replace("\\fP", "").replace("\\e", "\\")
        told = re.findall(r"(?m)^\.B --([\w-]+) `= (.*)\n(?:\\&)?(.*)\. Possible: (.*); taken up by a (\w+)\.$", plain)
        self.assertEqual([it[0].replace("-", "_") for it in told], [row[0] for row in self.rows])
        for row, (_, default, doc, possible, taken) in zip(self.rows, told):
            self.assertTells(row, "" if default == "nothing" else default, possible, taken)
            self.assertTrue(doc.startswith(row[7]), row[0])
        self.assertNotRegex(self.man, r"[^\x00-\x7f]")

    def test_the_manual_page_is_sound(self):
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=self.man, capture_output=True, text=True, timeout=WAIT)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_example(self):
        told = re.findall(r"(?m)^# (.*)\n#(\w+) = (.*)$", self.example)
        self.assertEqual([it[1] for it in told], [row[0] for row in self.rows])
        for row, (doc, _, default) in zip(self.rows, told):
            self.assertTrue(doc.startswith(row[7]), row[0])
            self.assertEqual(default, row[5], row[0])
            self.assertEqual("SIGHUP" in doc[len(row[7]):], "SETTING_RELOAD" in row[6], row[0])

    def test_the_page_of_events(self):
        rows, page = table("base/events.def", "LOG_EVENT"), run("metrics", "--events").stdout
        self.assertGreater(len(rows), 40)
        self.assertEqual(re.findall(r"(?m)^\| `([\w.]+)` \| ([^|]+) \|$", page), [(name, doc.replace('\\"', '"')) for _, name, doc in rows])
        with open(f"{SOURCE}/docker/events.md", encoding="utf-8") as file:
            self.assertEqual(file.read(), page, "write it anew: glossd metrics --events > docker/events.md")

    def test_every_verb_and_exit_status(self):
        for (verb,) in table("admin/verbs.def", "ADMIN_VERB"):
            self.assertRegex(self.help, rf"(?m)^  {verb} ")
            self.assertRegex(self.man, rf"(?m)^\.SS glossd {verb} ")
            self.assertEqual(run("help", verb).stdout, run(verb, "--help").stdout)
        for status in range(8):
            self.assertRegex(self.help, rf"(?m)^  {status}  ")
            self.assertRegex(self.man, rf"(?m)^\.B {status}$")

    def test_the_built_pages_are_these(self):
        for file, text in (("glossd.8", self.man), ("settings.md", self.list), ("gloss.conf.example", self.example)):
            path = os.path.join(os.path.dirname(GLOSSD), file)
            if os.path.exists(path):
                with open(path, encoding="utf-8") as built:
                    self.assertEqual(built.read(), text, file)


if __name__ == "__main__":
    unittest.main(verbosity=2)
