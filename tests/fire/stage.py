"""stage.py - what a scene needs beside its people: how far the work is, and a watch whose line is cut again and again."""
import json
import os
import signal
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import server as support  # noqa: E402

GIVE_UP_S = 300


def expect(claim, what):
    if not claim:
        raise AssertionError(what)


class Progress:
    """How much of the work is done, for those who wait for a part of it."""

    def __init__(self, total):
        self.total, self.done, self.fault = total, 0, None
        self.asked = 0  # when what was stored last had been asked for
        self.condition = threading.Condition()

    def step(self):
        with self.condition:
            self.done += 1
            self.condition.notify_all()

    def stored(self, asked):
        with self.condition:
            self.asked = max(self.asked, asked)
            self.condition.notify_all()

    def fail(self, error):
        with self.condition:
            self.fault = self.fault or error
            self.condition.notify_all()

    def wait(self, part):
        """Until this part (0 to 1) is done."""
        end = time.monotonic() + GIVE_UP_S
        with self.condition:
            while self.done < part * self.total and not self.fault:
                expect(time.monotonic() < end, f"{self.done} of {self.total} were done and no more in {GIVE_UP_S} s")
                self.condition.wait(1)
            if self.fault:
                raise self.fault


class Watch:
    """gloss watch through a line that is cut; its lines, read as they come."""

    def __init__(self, scene):
        self.scene, self.lines, self.cuts = scene, [], 0
        self.condition = threading.Condition()
        server = scene.where("dan")
        self.proxy = scene.line(server)
        self.err = open(server.folder + "/watch.err", "w+b")
        self.process = server.spawn("watch", scene.brief, "--json", user="dan", env={"GLOSS_URL": self.proxy.url}, stderr=self.err)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.condition:
                self.lines.append(json.loads(line))
                self.condition.notify_all()

    def said(self):
        self.err.seek(0)
        return self.err.read().decode(errors="replace")[-2000:]

    def wait(self, is_true, what, seconds=GIVE_UP_S):
        end = time.monotonic() + seconds
        with self.condition:
            while not is_true():
                expect(self.process.poll() is None, f"watch ended with {self.process.poll()}: {self.said()}")
                expect(time.monotonic() < end, f"watch: {what} did not come in {seconds} s; it stands at line {len(self.lines)}: {self.said()}")
                self.condition.wait(0.2)

    def cut(self):
        """As soon as something has come over this connection: never twice in the same place."""
        begin = len(self.lines)
        self.wait(lambda: len(self.lines) > begin, "another op")
        support.wait_until("a connection to cut", self.proxy.cut, GIVE_UP_S)
        self.cuts += 1

    def end(self, seq):
        self.wait(lambda: self.lines and self.lines[-1]["seq"] >= seq, f"seq {seq}")
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(180)
        expect(status in (0, 130, -signal.SIGINT), f"watch ended with {status} after Ctrl-C: {self.said()}")
        expect(not any(word in self.said() for word in support.SANITIZERS), self.said())
        self.err.close()
        self.proxy.__exit__()
