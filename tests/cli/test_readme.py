#!/usr/bin/python3
"""README.md's transcript, run again: its commands against a real server, its output compared.

A line `    ana$ COMMAND` is what somebody types, the lines behind it what is printed, on stdout and stderr. Ids, times and hashes differ each time: those of
the README are matched with those of this run, in the order in which they come, and a command that names one gets the one of this run.

usage: test_readme.py             compares
       test_readme.py --write     writes the README's outputs anew; look at what has changed before it is committed
"""
import os
import re
import subprocess
import sys
import unittest

from case import main
import server as support

README = os.path.join(support.SOURCE, "README.md")
SAMPLES = os.path.join(support.SOURCE, "service/samples")
PROMPT = re.compile(r"^    ([a-z]+)\$ (.+)$")
ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|(?<![0-9a-f-])(?=[0-9a-f]*[0-9])[0-9a-f]{8}(?![0-9a-f-])")
VARIES = [(re.compile(r"\b[0-9a-f]{64}\b"), "<hash>"), (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?\b"), "<time>"),
          (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\b"), "<time>")]


def read_transcript(lines):
    """Steps: where the command stands, who types it, and the lines of output behind it."""
    steps = []
    for number, line in enumerate(lines):
        typed = PROMPT.match(line)
        if typed:
            steps.append({"at": number, "who": typed[1], "command": typed[2], "out": []})
        elif steps and line.startswith("    ") and number == steps[-1]["at"] + 1 + len(steps[-1]["out"]):
            steps[-1]["out"].append(line[4:])
    return steps


class Names:
    """Ids of the README and what they are in this run."""

    def __init__(self):
        self.known = {}

    def learn(self, readme, now):
        for old, new in zip(ID.findall(readme), ID.findall(now)):
            self.known.setdefault(old[:8], new[:8])

    def translate(self, command):
        return ID.sub(lambda found: self.known.get(found[0][:8], found[0]), command)

    def mask(self, text, is_readme):
        text = ID.sub(lambda found: "<" + (self.known.get(found[0][:8], found[0]) if is_readme else found[0][:8]) + ">", text)
        for pattern, word in VARIES:
            text = pattern.sub(word, text)
        return text


def run_steps(server, steps):
    """Runs every command; gives what each printed, and the names."""
    names, outputs = Names(), []
    for step in steps:
        env = server.env(step["who"], PATH=f"{os.path.dirname(support.GLOSS)}:{os.environ['PATH']}", COLUMNS="100")
        done = subprocess.run(["sh", "-c", names.translate(step["command"])], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=support.LIMIT_S, check=False)
        out = done.stdout.decode().rstrip("\n")
        names.learn("\n".join(step["out"]), out)
        outputs.append(out)
    return outputs, names


def with_server(use):
    with support.Server() as server:
        for name in ("ana", "ben"):
            server.user(name)
        for sample in sorted(os.listdir(SAMPLES)):
            if sample != "README.md":
                server.gloss("import", os.path.join(SAMPLES, sample), status=0)
        return use(server)


class Readme(unittest.TestCase):
    maxDiff = None

    def test_the_transcript_is_what_happens(self):
        with open(README, encoding="utf-8") as file:
            steps = read_transcript(file.read().split("\n"))
        self.assertGreater(len(steps), 10)
        outputs, names = with_server(lambda server: run_steps(server, steps))
        for step, out in zip(steps, outputs):
            readme = "\n".join(step["out"]).rstrip("\n")
            self.assertEqual([line.rstrip() for line in names.mask(readme, True).split("\n")], [line.rstrip() for line in names.mask(out, False).split("\n")], step["command"])

    def test_what_differs_is_found(self):
        steps = read_transcript(["    ana$ gloss x", "    tagged 01234567 at 3", "    more", "", "    ben$ gloss y 01234567", "words", "    not output"])
        self.assertEqual([(step["who"], step["command"], step["out"]) for step in steps], [("ana", "gloss x", ["tagged 01234567 at 3", "more"]), ("ben", "gloss y 01234567", [])])
        names = Names()
        names.learn("tagged 01234567 at 3", "tagged 89abcdef at 3")
        self.assertEqual(names.translate("gloss y 01234567"), "gloss y 89abcdef")
        self.assertEqual(names.mask("01234567 2026-01-02 03:04:05", True), names.mask("89abcdef 2027-01-02 03:04:06", False))
        self.assertNotEqual(names.mask("01234567 at 3", True), names.mask("89abcdef at 4", False))
        self.assertNotEqual(names.mask("01234567", True), names.mask("11111111", False))


def write():
    with open(README, encoding="utf-8") as file:
        lines = file.read().split("\n")
    steps = read_transcript(lines)
    outputs, names = with_server(lambda server: run_steps(server, steps))
    for step, out in reversed(list(zip(steps, outputs))):
        command = f"    {step['who']}$ " + names.translate(step["command"])
        lines[step["at"]:step["at"] + 1 + len(step["out"])] = [command] + [("    " + line).rstrip() for line in out.split("\n") if out]
    with open(README, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    else:
        main()
