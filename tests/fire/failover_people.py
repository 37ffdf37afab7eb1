#!/usr/bin/python3
"""failover_people.py - the database goes back in time under people with gloss: each is told what he has lost, one by one, and may have it again.

An asynchronous standby that has stopped following is promoted. Ana has sent with `gloss sync` what she did offline, Ben is in the middle of a `gloss post`, Cora
watches. Afterwards the log has everything once, and nobody's change was overwritten by one that was made in the past that is lost.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import server as support  # noqa: E402
import standby  # noqa: E402
from client import Client, create, update  # noqa: E402

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
KEPT, LOST = 2, 3  # ops of Ana's that the standby has, and that it never gets
LINES = 20  # that Ben has posted, half of them lost, before it happens; then as many again


def expect(claim, what):
    if not claim:
        raise AssertionError(what)


class Stage:
    def __init__(self, pair, server):
        self.pair, self.server = pair, server
        for name in ("ana", "ben", "cora", "dan"):
            server.user(name, role="annotator")
        brief = server.import_text("Of time\n\n" + " ".join(WORDS) + "\n")
        self.brief, self.session = brief["document"], brief["session"]
        server.gloss("ls", user="ana", status=0)  # so that her work is known for hers without a connection
        with Client(server, "dan") as dan:
            self.shared = dan.submit(self.session, [create("label", start=0, end=2, note="dans")])[0]["annotation"]

    def log(self):
        """What there is now, by somebody new: the payloads."""
        with Client(self.server, "admin") as reader:
            replica = reader.join(self.session, since=0)
            reader.wait_seq(self.session, reader.call("document.get", document=self.brief)["document"]["seq"])
            return replica.ops

    def notes(self):
        return [op["intent"]["change"].get("note") for op in self.log()]

    def offline(self, words):
        done = self.server.gloss("tag", self.brief, words, "--label", "claim", "--note", f"anas {words}", "--offline", "--json", user="ana", status=0)
        return done.json["op"]


class Ben:
    """gloss post, whose input he has not ended yet."""

    def __init__(self, stage):
        self.stage, self.sent = stage, 0
        self.process = stage.server.spawn("post", stage.brief, "--json", user="ben", stdin=-1)

    def post(self, count):
        for number in range(self.sent, self.sent + count):
            line = {"label": "claim", "exact": WORDS[number % len(WORDS)], "note": f"bens {number}"}
            self.process.stdin.write(json.dumps(line).encode() + b"\n")
        self.process.stdin.flush()
        self.sent += count
        wanted = {f"bens {number}" for number in range(self.sent)}
        support.wait_until("Ben's lines are there", lambda: wanted <= set(self.stage.notes()))

    def end(self):
        out, err = self.process.communicate(timeout=support.LIMIT_S)
        return self.process.returncode, json.loads(out.splitlines()[-1]), err.decode()


def before(stage):
    """Until the standby stops following, and what comes after that."""
    first = stage.offline(WORDS[0]), stage.offline(WORDS[1])
    stage.server.gloss("sync", user="ana", status=0)
    ben = Ben(stage)
    ben.post(LINES // 2)
    stage.pair.wait_followed()
    stage.pair.stop_following()
    lost = [stage.offline(words) for words in WORDS[2:2 + LOST]]
    stage.server.gloss("sync", user="ana", status=0)
    ben.post(LINES // 2)
    watch = stage.server.spawn("watch", stage.brief, "--json", user="cora")
    shown = [json.loads(watch.stdout.readline()) for _ in range(1 + KEPT + LOST + LINES)]
    expect([op["seq"] for op in shown] == list(range(1, 1 + len(shown))), f"{shown}")
    return first, lost, ben, watch


def wait_writable(stage):
    def took():
        with Client(stage.server, "dan") as dan:
            result = dan.submit(stage.session, [update(stage.shared, 1, note="dans new one")])[0]
            return "error" not in result
    support.wait_until("it takes ops again", took)


def compare(stage, first, lost):
    """Ana's are there once, and so are Ben's lines."""
    ids = [op["op"] for op in stage.log()]
    expect(len(set(ids)) == len(ids), "an op is there twice")
    expect(set(first) | set(lost) <= set(ids), "something of Ana's is not there")
    notes = [note for note in stage.notes() if note and note.startswith("bens ")]
    expect(sorted(notes) == sorted(f"bens {number}" for number in range(LINES + LINES // 2)), f"{notes}")
    status, lines = stage.server.check()
    expect(status == 0, f"glossd check: {lines}")


def sync(stage, lost):
    told = stage.server.gloss("sync", user="ana", status=6)
    expect(told.err.count("lost: ") == LOST and all(f"gloss sync --send {op}" in told.err for op in lost), f"not told one by one: {told}")
    again = stage.server.gloss("sync", "--json", user="ana", status=6)  # and told until she says what is to become of it
    expect([line["op"] for line in again.lines if line.get("kept")] == lost, f"{again}")
    expect(not set(lost) & {op["op"] for op in stage.log()}, "sent again without a word of hers")
    stage.server.gloss("sync", "--send", "all", user="ana", status=0)
    expect("nothing waits" in stage.server.gloss("sync", user="ana", status=0).err, "something waits still")


def run(workers):
    pair = standby.Pair(synchronous=False)
    try:
        with support.Server(workers=workers, cluster=pair) as server:
            stage = Stage(pair, server)
            first, lost, ben, watch = before(stage)
            pair.go_back()
            wait_writable(stage)
            _, err = watch.communicate(timeout=support.LIMIT_S)
            expect(watch.returncode == 6 and b"went back in time" in err, f"watch: {watch.returncode} {err.decode()}")
            ben.post(LINES // 2)
            status, count, err = ben.end()
            expect(status == 0 and count["lost"] == count["sent_again"] == LINES // 2, f"post: {status} {count} {err}")
            expect(err.count("lost by the server") == LINES // 2, f"Ben was not told one by one: {err}")
            sync(stage, lost)
            compare(stage, first, lost)
            print(f"people, {workers} workers: {LOST} ops of gloss sync and {LINES // 2} lines of gloss post were lost, told one by one, and are there once; "
                  "gloss watch ended with status 6")
    finally:
        pair.end()


def main():
    reason = standby.missing()
    if reason:
        print("skipped:", reason)
        return 77
    for workers in (1, 2) if "--long" in sys.argv else (1,):
        run(workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
