#!/usr/bin/python3
"""Somebody reads a large session, by its state and by its log, while the line is reset during every burst, workers are killed and the service ends in order.
usage: test_join.py [ANNOTATIONS]: 10 000 without a number

He gets to the end with the right chain and state. How often the bytes of it came is printed: what is under way at a reset is lost with it, what had come is not."""
import json
import os
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import server as support  # noqa: E402
from proxy import Proxy  # noqa: E402
from server import Server, wait_until  # noqa: E402

MANY = int(sys.argv[1]) if sys.argv[1:] else 10000
PARTS = 8  # a connection carries so much of all there is
FRAME = 400_000  # and at least one frame with what goes before it, or nobody could get on
KINDS = {"its state": ("show", "--json"), "its log": ("log", "--json")}


def expect(claim, what):
    if not claim:
        raise AssertionError(what)


class Joining:
    def __init__(self, server):
        self.server = server
        server.user("ana", role="annotator")
        text = "Read on\n\n" + " ".join(f"word{i:05}" for i in range(MANY)) + "\n"
        self.brief = server.import_text(text, name="read-on.md")["document"]
        lines = "".join(json.dumps({"label": f"label {i % 5}", "start": 9 + i * 10, "end": 18 + i * 10, "note": f"number {i}"}) + "\n" for i in range(MANY))
        done = server.gloss("post", self.brief, "--json", stdin=lines, user="ana", status=0, timeout=300)
        expect(done.json["accepted"] == MANY, done)
        self.whole, self.bytes = {}, {}
        for what, words in KINDS.items():
            with Proxy(server.port) as line:
                self.whole[what] = self.read(line, words)
                self.bytes[what] = line.passed
            expect(self.whole[what].count('"number ') >= MANY, "not everything was told")

    def read(self, line, words):
        return self.server.gloss(words[0], self.brief, *words[1:], user="ana", env={"GLOSS_URL": line.url}, status=0, timeout=200).out

    def reader(self, line, words):
        """Reads meanwhile; its result is what it was told."""
        told = []
        thread = threading.Thread(target=lambda: told.append(self.read(line, words)), daemon=True)
        thread.start()
        return thread, told

    def compare(self, what, told, line, how):
        expect(told == self.whole[what], f"{what} was another one {how}")
        times = line.passed / self.bytes[what]
        print(f"{MANY} annotations, {what}, {how}: {line.connections} connections, {times:.2f} times its bytes", flush=True)

    def resets(self):
        for what, words in KINDS.items():
            with Proxy(self.server.port) as line:
                line.reset_after = max(FRAME, self.bytes[what] // PARTS)
                line.delay = 0.02  # a reset takes what the reader has not yet read; on a busy machine that would be all of it, each time
                told = self.read(line, words)
                expect(line.resets >= 2, f"it did not bite: {line.resets} resets for {self.bytes[what]} bytes")
                self.compare(what, told, line, f"with {line.resets} resets")

    def restarts(self, how, fell):
        """fell(): what happens to the service when a third, and when two thirds of it are there."""
        for what, words in KINDS.items():
            with Proxy(self.server.port) as line:
                line.delay = 0.02
                thread, told = self.reader(line, words)
                for part in (1, 2):
                    wait_until("a part has come", lambda: line.passed >= self.bytes[what] * part / 3 or not thread.is_alive(), 60, every=0.001)  # pylint: disable=cell-var-from-loop
                    expect(thread.is_alive(), "it did not bite: all was there before")
                    fell()
                line.delay = 0
                thread.join(150)
                expect(told, f"{what} did not come to its end {how}")
                expect(line.connections >= 3, f"it did not bite: {line.connections} connections")
                self.compare(what, told[0], line, how)

    def kill(self):
        """Of all workers: whoever serves the reader is among them."""
        before = self.server.workers()
        for index in range(len(before)):
            self.server.kill_worker(index)
        wait_until("new workers", lambda: len(self.server.workers()) == len(before) and not set(before) & set(self.server.workers()))

    def check(self):
        status, lines = self.server.check()
        expect(status == 0, lines)


def main():
    if support.missing():
        print("skipped:", support.missing())
        sys.exit(77)
    with Server(workers=2) as server:
        joining = Joining(server)
        joining.resets()
        joining.restarts("with two kills of every worker", joining.kill)
        joining.restarts("with two ends in order", server.restart)
        joining.check()


if __name__ == "__main__":
    main()
