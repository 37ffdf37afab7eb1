#!/usr/bin/python3
"""watch: every op once and in order, whatever happens to the connection or the server."""
import json
import os
import random
import threading

from case import CliCase, main
import load as loads
from proxy import Proxy
import server as support

CUTS = int(os.environ.get("CUTS", "12"))  # each costs more than the one before: a client that keeps losing its connection waits longer
TEXT = "Watched\n\n" + " ".join(f"word{i}" for i in range(400)) + "\n"


class Reader:
    """A running watch whose lines are gathered as they come."""

    def __init__(self, server, *args, **env):
        self.process = server.spawn("watch", *args, "--json", env=env)
        self.lines, self.err = [], []
        self.threads = [threading.Thread(target=self.read, args=(self.process.stdout, self.lines, json.loads)),
                        threading.Thread(target=self.read, args=(self.process.stderr, self.err, bytes.decode))]
        for thread in self.threads:
            thread.start()

    @staticmethod
    def read(stream, into, make):
        for line in stream:
            into.append(make(line))

    def end(self):
        if self.process.stdout.closed:
            return
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        for thread in self.threads:
            thread.join()
        self.process.stdout.close()
        self.process.stderr.close()
        assert not any(word in line for word in support.SANITIZERS for line in self.err), self.err


class Watch(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")
        cls.brief = cls.server.import_text(TEXT, name="watched.md")

    def watch(self, *args, **env):
        reader = Reader(self.server, "watched.md", *args, **env)
        self.addCleanup(reader.end)
        return reader

    @staticmethod
    def wait(reader, what, is_true):
        try:
            return support.wait_until(what, is_true)
        except AssertionError as error:
            raise AssertionError(f"{error}; watch has said:\n{''.join(reader.err[-12:])}, its status is {reader.process.poll()}") from None

    def head(self):
        return self.gloss("info", "watched.md", "--json", status=0).json["seq"]

    def check(self, lines, first, last):
        self.assertEqual([line["seq"] for line in lines], list(range(first, last + 1)))
        self.assertEqual(len({line["op"] for line in lines}), len(lines))
        for line in lines:
            self.assertRegex(line["annotation"]["label_name"], r"^label \d$")

    def test_cut_off_many_times(self):
        before = self.head()
        with Proxy(self.server.port) as proxy:
            reader = self.watch("--since", before, GLOSS_URL=proxy.url)
            self.tag_some(1)
            self.wait(reader, "it follows", lambda: reader.lines)  # the first connection must stand: a failure of that one ends it
            for round_number in range(CUTS):
                done = self.tag_some(1 + round_number % 3)
                if round_number % 2:  # otherwise it may be cut while it connects
                    self.wait(reader, "it has caught up", lambda: reader.lines[-1]["seq"] >= done["seq"])
                self.wait(reader, f"there is a connection to cut, the {round_number}th time", proxy.cut)
                if round_number == CUTS // 2:
                    self.tag_some(40)
            self.tag_some(20)
            last = self.head()
            self.wait(reader, "everything is there", lambda: reader.lines and reader.lines[-1]["seq"] >= last)
            reader.end()
        self.check(reader.lines, before + 1, last)
        self.assertGreaterEqual(sum("the connection was lost" in line for line in reader.err), CUTS // 3)
        self.assertGreaterEqual(sum("connected again" in line for line in reader.err), CUTS // 3)

    def tag_some(self, count):
        lines = "".join(json.dumps({"label": f"label {i % 7}", "start": i, "end": i + 1, "note": str(random.random())}) + "\n" for i in range(20, 20 + count))
        return self.gloss("post", "watched.md", stdin=lines, user="ana", status=0).json

    def test_in_a_crowd_ops_come_compressed_and_whole(self):
        before = self.head()
        with Proxy(self.server.port) as proxy, loads.Load(self.server, "group crowd clients=40", [self.brief["session"]], users=("ana",)) as crowd:
            crowd.start("crowd")
            reader = self.watch("--since", before, GLOSS_URL=proxy.url)
            self.tag_some(10)
            self.wait(reader, "it follows", lambda: len(reader.lines) >= 10)
            passed = proxy.passed
            self.tag_some(300)
            last = self.head()
            self.wait(reader, "everything is there", lambda: reader.lines[-1]["seq"] >= last)
            passed = proxy.passed - passed
            crowd.settle()
            reader.end()
        self.check(reader.lines, before + 1, last)
        self.assertLess(passed, 300 * 500, "as text each op has some 1000 bytes")

    def test_server_and_worker_die(self):
        before = self.head()
        reader = self.watch("--since", before)
        self.tag_some(10)
        support.wait_until("it follows", lambda: len(reader.lines) >= 10)
        self.server.kill_worker()
        self.tag_some(10)
        support.wait_until("it follows again", lambda: len(reader.lines) >= 20)
        self.server.restart()
        self.tag_some(10)
        support.wait_until("it follows once more", lambda: len(reader.lines) >= 30)
        reader.end()
        self.check(reader.lines, before + 1, before + 30)

    def test_each_line_is_flushed_when_it_comes(self):
        before = self.head()
        reader = self.watch("--since", "now")
        support.wait_until("the first is there", lambda: (self.tag_some(1), reader.lines)[1])
        count = len(reader.lines)
        self.tag_some(1)
        support.wait_until("the next is there", lambda: len(reader.lines) > count)
        reader.end()
        self.assertGreater(reader.lines[0]["seq"], before)

    def test_until_ends_it(self):
        self.tag_some(3)
        head = self.head()
        reader = self.watch("--since", head, "--until", head + 2)
        self.tag_some(5)
        self.assertEqual(reader.process.wait(support.LIMIT_S), 0)
        reader.end()
        self.check(reader.lines, head + 1, head + 2)

    def test_for_people_there_are_names(self):
        self.tag_some(1)
        made = self.gloss("tag", "watched.md", "word7", "--nth", "1", "--label", "label 1", "--note", "why", "--json", user="ana", status=0).json
        self.gloss("edit", made["annotation"], "--label", "label 2", user="ana", status=0)
        self.gloss("rm", made["annotation"], user="ana", status=0)
        out = self.gloss("watch", "watched.md", "--since", made["seq"] - 1, "--until", made["seq"] + 2, status=0).out.splitlines()
        self.assertRegex(out[0], r"^ *\d+  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ana tagged “word7” as label 1: why  [0-9a-f]{8}$")
        self.assertRegex(out[1], r"ana changed “word7”: label label 2  ")
        self.assertRegex(out[2], r"ana deleted “word7”  ")


if __name__ == "__main__":
    main()
