"""load.py - the load generator (tests/bench/load) beside a server, as a test drives it.

    with Load(server, '''
            group readers clients=1000
            group writer rate=50 kept=16
        ''', sessions) as load:
        load.start("readers", "writer")
        before = load.measure(20)["groups"]["readers"]["delivery_ms"]
        load.settle()                       # nothing lost, nothing twice, everybody has everything

Owns      the generator's process and its files.
Thread    the test's own reads what it prints; waits are for lines, with a deadline.
"""
import json
import os
import random
import select
import subprocess
import tempfile
import time

import server as support

LOAD = os.environ.get("GLOSS_LOAD") or os.path.join(support.BUILD, "tests/bench/gloss_load")
WORDS = ("a", "after", "again", "and", "at", "berth", "boat", "by", "cargo", "corner", "council", "crane", "dark", "dawn", "engine", "engineers", "evening", "ferry", "for", "from", "harbour", "heard",
         "her", "hours", "hum", "in", "it", "its", "late", "levels", "lights", "louder", "measured", "meter", "mile", "moored", "morning", "nearly", "night", "noise", "of", "on", "operator", "port",
         "quay", "quiet", "residents", "said", "ship", "street", "than", "that", "the", "their", "to", "town", "twice", "was", "water", "wharf", "which", "wind", "with", "year")
FAULTS = ("lost", "twice", "disorder", "wrong_chain", "unreadable")


def missing():
    return support.missing() or (None if os.access(LOAD, os.X_OK) else f"{LOAD} is not built")


def text_of(codepoints):
    """A text in which any position is the border of a character."""
    chosen = random.Random(codepoints)
    return " ".join(chosen.choices(WORDS, k=codepoints // 3 + 1))[:codepoints]


class Load:
    def __init__(self, server, workload, sessions, users=("admin",), codepoints=4096, dialect=None, doors=None, prefix=()):
        """dialect: of a server that is not Gloss; such a one has a port and a ca, and no tokens. doors: [ADDRESS:]PORT of each node, for the key `door`.
        prefix: of the command, where it runs."""
        self.folder = tempfile.mkdtemp(prefix="gloss-load.", dir="/tmp")
        self.events, self.text = [], b""
        tokens = []
        for user in () if dialect else users:
            with open(server.tokens[user]) as file:
                tokens.append(file.read().strip())
        command = [*prefix, LOAD, "--port", ",".join(doors or [str(server.port)]), "--ca", server.ca, "--codepoints", codepoints, *(("--dialect", dialect) if dialect else ())]
        for name, lines in (("workload", [workload]), ("sessions", sessions), ("tokens", tokens)):
            with open(f"{self.folder}/{name}", "w") as file:
                file.writelines(line + "\n" for line in lines)
            command += ["--" + name, f"{self.folder}/{name}"] if lines else []
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.process.stdin.close()
            status = self.process.wait(support.LIMIT_S)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            status = self.process.wait()
        said = self.process.stderr.read().decode(errors="replace")
        self.process.stdout.close()
        self.process.stderr.close()
        for name in os.listdir(self.folder):
            os.unlink(f"{self.folder}/{name}")
        os.rmdir(self.folder)
        if kind is None and (status or said):
            raise AssertionError(f"gloss_load ended with {status}\n{said}")

    def say(self, *words):
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.process.stdin.flush()

    def event(self, name, seconds=support.LIMIT_S, **wanted):
        """The next event of that name, and with these values; others are kept for whoever waits for them."""
        end = time.monotonic() + seconds
        while True:
            for event in self.events:
                if event["event"] == name and all(event.get(key) == value for key, value in wanted.items()):
                    self.events.remove(event)
                    return event
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"gloss_load: no event {name} {wanted} within {seconds} s; it said {self.events}")
            read = os.read(self.process.stdout.fileno(), 65536)
            if not read:
                raise AssertionError(f"gloss_load ended: {self.process.stderr.read().decode(errors='replace')}")
            *lines, self.text = (self.text + read).split(b"\n")
            self.events += [json.loads(line) for line in lines]

    def start(self, *groups):
        """Everybody of these groups is in; gives what the last one needed."""
        for group in groups:
            self.say("start", group)
        return [self.event("live", group=group) for group in groups][-1]

    def measure(self, seconds):
        """What happens within this time. It is what is measured, not what is waited for."""
        self.say("measure")
        time.sleep(seconds)
        return self.report()

    def histogram(self, group):
        """Of its deliveries since the measurement began: at most so many microseconds -> how many."""
        self.say("histogram", group)
        return {most: count for most, count in self.event("histogram", group=group)["delivery_us"]}

    def report(self):
        self.say("report")
        return self.event("report")

    def settle(self, seconds=support.LIMIT_S, writers=()):
        """The writers stop; everything is answered and delivered, and nothing was ever lost, doubled or changed."""
        for group in writers:
            self.say("set", group, "rate=0")
        self.say("settle", 1000 * seconds)
        settled, report = self.event("settled", seconds + 30), self.report()
        assert settled["behind"] == 0, f"after {seconds} s {settled['behind']} clients lack something: {report}"
        assert not any(report[fault] for fault in FAULTS), f"{report['fault']}: {report}"
        return report
