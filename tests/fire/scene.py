#!/usr/bin/python3
"""scene.py - four people and a bot on one brief, with the real programs, while everything is killed under them. usage: scene.py [--full] [--briefs DIR]

What is shown: bytes out equal bytes in; a watch that is cut off again and again sees every op once, in order; stale edits are refused with the current
value, other fields merge, ids sent again change nothing; worker, supervisor and PostgreSQL are killed (-9) and nothing that was acknowledged is missing
or there twice; chain and state are the same for everybody and for glossd check.
"""
import argparse
import collections
import json
import os
import random
import re
import signal
import sys
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import server as support  # noqa: E402
from proxy import Proxy  # noqa: E402

PEOPLE = ("ana", "ben", "cyn", "dan")
LABELS = ("claim", "evidence", "threat", "actor", "place", "date", "question")
FORMS = {  # tags by post, runs of it, changes by hand that are accepted, cuts of the watch
    "short": (800, 8, 80, 20),
    "full": (2000, 20, 200, 50),
}
GIVE_UP_S = 120


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
        self.proxy = Proxy(scene.server.port)
        self.err = open(scene.server.folder + "/watch.err", "w+b")
        self.process = scene.server.spawn("watch", scene.brief, "--json", user="dan", env={"GLOSS_URL": self.proxy.url}, stderr=self.err)
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
        status = self.process.wait(20)
        expect(status in (0, 130, -signal.SIGINT), f"watch ended with {status} after Ctrl-C: {self.said()}")
        expect(not any(word in self.said() for word in support.SANITIZERS), self.said())
        self.err.close()
        self.proxy.__exit__()


class Scene:
    def __init__(self, form, briefs):
        self.posts, self.runs, self.by_hand, self.cuts = FORMS[form]
        self.form, self.files = form, briefs
        self.progress = Progress(self.by_hand)
        self.lock = threading.Lock()
        self.known = []         # annotations: (id, the seq that made it)
        self.told = {}          # op -> seq, as gloss said with exit status 0
        self.refusals = collections.Counter()
        self.again = collections.Counter()
        self.posted = []        # (run, its lines)
        self.healed = {}
        self.figures = []

    # ---- given

    def prepare(self):
        for name in PEOPLE + ("bot",):
            self.server.user(name, role="annotator")
        for path in self.files:
            with open(path, "rb") as file:
                data = file.read()
            first = self.server.gloss("import", "--json", path, status=0).json
            again = self.server.gloss("import", "--json", path, status=0).json
            expect("existing" not in first and again["existing"] is True and again["document"] == first["document"], f"imported twice: {first} {again}")
            expect((first["bytes"], first["codepoints"]) == (len(data), len(data.decode())), f"{path}: {first}")
        target = next((path for path in self.files if os.path.basename(path).startswith("001")), self.files[0])
        self.brief = os.path.basename(target)
        with open(target, encoding="utf-8", newline="") as file:
            self.text = file.read()
        self.session = next(line["session"] for line in self.server.gloss("ls", "--json", status=0).lines if line["filename"] == self.brief)
        self.compare_bytes()

    def compare_bytes(self):
        for path in self.files:
            with open(path, "rb") as file:
                expect(self.server.gloss("cat", os.path.basename(path), user="ana", status=0).bytes == file.read(), f"{path} came out otherwise than it went in")

    def somewhere(self, rng):
        """Words of the brief: themselves, where they are, and which of the places that have them."""
        while True:
            start = rng.randrange(len(self.text) - 80)
            found = re.compile(r"\w+(?:[ ,]+\w+){1,4}").search(self.text, start)
            if found:
                words = found[0]
                places = [at.start() for at in re.finditer(f"(?={re.escape(words)})", self.text)]
                return words, found.start(), found.end(), places.index(found.start()) + 1, len(places)

    # ---- people

    def change(self, rng, name, i):
        """One change by hand, as arguments of gloss."""
        with self.lock:
            some = rng.choice(self.known) if self.known else None
        what = rng.random()
        if what < 0.5 or not some:
            words, _, _, nth, count = self.somewhere(rng)
            verb = ["tag", self.brief, words, "--label", rng.choice(LABELS)] if what < 0.35 else ["note", self.brief, words, f"{name} says {i}"]
            return verb + (["--nth", nth] if count > 1 else [])
        annotation, seq = some
        base = ["--base", seq] if rng.random() < 0.5 else []  # what was there when it was made: somebody may have changed it since
        if what < 0.62:
            return ["edit", annotation, "--label", rng.choice(LABELS), *base]
        if what < 0.74:
            return ["edit", annotation, "--note", f"{name} thinks {i}", *base]
        if what < 0.82:
            return ["edit", annotation, "--status", rng.choice(("accepted", "rejected", "active")), *base]
        return (["rm"] if what < 0.92 else ["restore"]) + [annotation, *base]

    def say(self, name, arguments, op):
        """Until there is an answer; always with the same id. Gives the answer, or the error when it was refused."""
        end = time.monotonic() + GIVE_UP_S
        while True:
            begun = time.monotonic()
            done = self.server.gloss(*arguments, "--op", op, "--json", user=name)
            if done.status == 0:
                answer = done.json
                self.progress.stored(begun)
                expect(answer["op"] == op, f"asked for {op}: {done}")
                with self.lock:
                    before = self.told.setdefault(op, answer["seq"])
                    expect(before == answer["seq"], f"op {op} had seq {before}: {done}")
                    if arguments[0] in ("tag", "note"):
                        self.known.append((answer["annotation"], answer["seq"]))
                return answer
            if done.status == 3:
                error = done.json["error"]
                expect(error["name"] in ("stale", "gone", "exists"), done)
                expect("current" in error, f"a refusal without what is there now: {done}")
                with self.lock:
                    self.refusals[error["name"]] += 1
                return error
            expect(done.status in (2, 5), f"status {done.status}: {done}")
            expect(time.monotonic() < end, f"no answer in {GIVE_UP_S} s: {done}")
            with self.lock:
                self.again["by hand"] += 1

    def work(self, name, count):
        rng = random.Random(name)
        try:
            while count > 0:
                answer = self.say(name, self.change(rng, name, count), str(uuid.UUID(int=rng.getrandbits(128), version=4)))
                if "seq" in answer and "op" in answer:
                    count -= 1
                    self.progress.step()
        except BaseException as error:  # pylint: disable=broad-except - the main thread must hear of it
            self.progress.fail(error)

    # ---- the bot

    def lines_of(self, run):
        rng = random.Random(run)
        lines = []
        for _ in range(self.posts // self.runs):
            words, start, end, _, count = self.somewhere(rng)
            line = {"label": rng.choice(LABELS), "confidence": rng.randrange(1001)}
            line.update({"exact": words} if count == 1 and rng.random() < 0.5 else {"start": start, "end": end})
            if rng.random() < 0.2:
                line.update(note=f"found {words}", attributes={"words": len(words.split()), "sure": rng.random() < 0.5})
            if rng.random() < 0.2:
                line["id"] = str(uuid.UUID(int=rng.getrandbits(128), version=4))
            lines.append((line, start, end))
        return lines

    def post(self, run, lines):
        """The same input again until gloss says that all of it is done."""
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line, _, _ in lines)
        end = time.monotonic() + GIVE_UP_S
        while True:
            done = self.server.gloss("post", self.brief, "--run", run, "--agent", "bot/1", user="bot", stdin=text, timeout=GIVE_UP_S)
            if done.status == 0:
                return done.json
            expect(done.status in (2, 5), done)
            expect(time.monotonic() < end, f"not posted in {GIVE_UP_S} s: {done}")
            self.again["post"] += 1

    def bot(self):
        try:
            for i in range(self.runs):
                self.progress.wait(i / self.runs * 0.95)
                run = f"run {i}"
                lines = self.lines_of(run)
                done = self.post(run, lines)
                expect(done["refused"] == 0 and done["accepted"] + done["repeated"] == len(lines), done)
                with self.lock:
                    self.posted.append((run, lines))
        except BaseException as error:  # pylint: disable=broad-except
            self.progress.fail(error)

    # ---- what happens to them

    def kill(self, what, how):
        """Kills, and measures how long until something is stored that was asked for after that."""
        how()
        killed = self.killed
        with self.progress.condition:
            while self.progress.asked <= killed and not self.progress.fault:
                expect(time.monotonic() < killed + GIVE_UP_S, f"nothing was stored after the kill of {what}")
                self.progress.condition.wait(1)
        self.healed[what] = time.monotonic() - killed

    def kill_worker(self):
        self.server.kill_worker()
        self.killed = time.monotonic()

    def kill_supervisor(self):
        """And start it again, as an operator does."""
        self.server.kill()
        self.killed = time.monotonic()
        self.server.start(wait=False)

    def kill_postgres(self):
        self.server.cluster.kill()
        self.killed = time.monotonic()
        self.server.cluster.start()

    def cut_the_watch(self):
        try:
            for i in range(self.cuts):
                self.progress.wait(i / self.cuts * 0.9)
                self.watch.cut()
        except BaseException as error:  # pylint: disable=broad-except
            self.progress.fail(error)

    def all_at_once(self):
        begun = time.monotonic()
        self.watch = Watch(self)
        share = self.by_hand // len(PEOPLE)
        threads = [threading.Thread(target=self.work, args=(name, share), daemon=True) for name in PEOPLE]
        threads += [threading.Thread(target=self.bot, daemon=True), threading.Thread(target=self.cut_the_watch, daemon=True)]
        for thread in threads:
            thread.start()
        for part, what, how in ((0.2, "the worker", self.kill_worker), (0.45, "the supervisor", self.kill_supervisor), (0.7, "PostgreSQL", self.kill_postgres)):
            self.progress.wait(part)
            self.kill(what, how)
        for thread in threads:
            thread.join(GIVE_UP_S * 2)
            expect(not thread.is_alive() or self.progress.fault, "somebody did not finish")
            self.progress.wait(0)
        self.progress.wait(1)
        self.took = time.monotonic() - begun

    # ---- conflicts, told one by one

    def conflicts(self):
        words, _, _, nth, _ = self.somewhere(random.Random("conflicts"))
        gloss = self.server.gloss
        made = gloss("tag", self.brief, words, "--nth", nth, "--label", "claim", "--json", user="ana", status=0).json
        annotation, seq = made["annotation"], made["seq"]
        op = str(uuid.uuid4())
        other = gloss("edit", annotation, "--label", "evidence", "--base", seq, "--op", op, "--json", user="ben", status=0).json
        refused = gloss("edit", annotation, "--label", "threat", "--base", seq, "--json", user="ana", status=3).json["error"]
        expect(refused["name"] == "stale" and refused["current"]["seqs"]["label"] == other["seq"], refused)
        merged = gloss("edit", annotation, "--note", "merged", "--base", seq, "--json", user="cyn", status=0).json
        current = gloss("edit", annotation, "--label", "threat", "--base", seq, "--json", user="ana", status=3).json["error"]["current"]
        expect(current["note"] == "merged" and current["label"] == refused["current"]["label"], current)
        again = gloss("edit", annotation, "--label", "evidence", "--base", seq, "--op", op, "--json", user="ben", status=0).json
        expect(again["seq"] == other["seq"], f"sent again: {again}, before {other}")
        for verb in ("rm", "edit"):
            late = [verb, annotation, "--base", seq] + (["--status", "accepted"] if verb == "edit" else [])
            expect(gloss(*late, "--json", user="dan", status=3).json["error"]["name"] == "stale", late)
        for it in (made, other, merged):
            self.told[it["op"]] = it["seq"]

    def post_again(self):
        """Everything that the bot had posted, once more: nothing changes."""
        before = self.verify("bot")
        for run, lines in self.posted:
            done = self.post(run, lines)
            expect((done["accepted"], done["repeated"], done["refused"]) == (0, len(lines), 0), f"posted again: {done}")
        after = self.verify("bot")
        expect(before == after, f"{before} became {after}")

    # ---- then

    def verify(self, name):
        done = self.server.gloss("verify", self.brief, "--json", user=name, status=0).json
        expect(done["ok"] is True, done)
        return {member: done[member] for member in ("seq", "chain", "state", "annotations")}

    def compare(self):
        places = {name: self.verify(name) for name in PEOPLE + ("bot",)}
        self.place = places["ana"]
        expect(all(place == self.place for place in places.values()), places)
        status, lines = self.server.check()
        line = next(line for line in lines if line["stream"] == self.session)
        expect(status == 0 and all(line["ok"] for line in lines), lines)
        expect({member: line[member] for member in self.place} == self.place, f"glossd check: {line}, gloss verify: {self.place}")

    def nothing_is_lost(self):
        log = self.server.gloss("log", self.brief, "--json", user="ana", status=0).lines
        self.log = log
        expect([line["seq"] for line in log] == list(range(1, len(log) + 1)), "the log has a gap")
        expect(len(log) == self.place["seq"], f"{len(log)} lines, seq {self.place['seq']}")
        ops = {line["op"]: line["seq"] for line in log}
        expect(len(ops) == len(log), "an op is there twice")
        for op, seq in self.told.items():
            expect(ops.get(op) == seq, f"op {op} was acknowledged as {seq}, the log has {ops.get(op)}")
        self.compare_posted(log)
        expect(len(log) == len(self.told) + sum(len(lines) for _, lines in self.posted), "there is an op that nobody asked for")

    def compare_posted(self, log):
        """Each line of each run is one annotation, in its place; those with an id have it."""
        stored = collections.Counter()
        ids = {}
        for line in log:
            annotation = line["annotation"]
            if line["kind"] == "annotation.create" and annotation.get("run"):
                span = annotation["target"]["spans"][0]
                stored[(annotation["run"], span["start"], span["end"], annotation["confidence"])] += 1
                ids[line["op"]] = (span["start"], span["end"])
        asked = collections.Counter((run, start, end, line["confidence"]) for run, lines in self.posted for line, start, end in lines)
        expect(stored == asked, f"posted, but not there: {asked - stored}; there, but not posted: {stored - asked}")
        for _, lines in self.posted:
            for line, start, end in lines:
                expect("id" not in line or ids.get(line["id"]) == (start, end), f"{line} is at {ids.get(line.get('id'))}")

    def the_watch_saw_everything(self):
        self.watch.end(self.place["seq"])
        seqs = [line["seq"] for line in self.watch.lines]
        expect(seqs == list(range(1, self.place["seq"] + 1)), f"the watch saw {len(seqs)} lines, {len(set(seqs))} seqs, of {self.place['seq']}")
        expect(self.watch.lines == self.log, "the watch saw something else than is in the log")
        expect(self.watch.cuts == self.cuts and self.watch.proxy.connections > self.cuts, f"{self.watch.cuts} cuts, {self.watch.proxy.connections} connections")

    def play(self):
        with support.Server(own_cluster=True) as self.server:
            self.prepare()
            self.all_at_once()
            self.conflicts()
            self.post_again()
            self.compare()
            self.nothing_is_lost()
            self.the_watch_saw_everything()
            self.compare_bytes()
        self.tell()

    def tell(self):
        posted = sum(len(lines) for _, lines in self.posted)
        rows = [
            ("brief", f"{self.brief}, {len(self.text)} code points, with {len(self.files) - 1} others"),
            ("ops in the log", f"{self.place['seq']} ({posted} by post, {len(self.told)} by hand), {self.place['annotations']} annotations live"),
            ("refused", ", ".join(f"{count} {name}" for name, count in sorted(self.refusals.items())) or "none"),
            ("sent again", f"{self.again['by hand']} by hand, {self.again['post']} posts, for want of an answer"),
            ("watch", f"{self.watch.cuts} cuts, {self.watch.proxy.connections} connections, {len(self.watch.lines)} ops, each once, in order"),
            ("killed -9", ", ".join(f"{what} (next op stored after {seconds:.1f} s)" for what, seconds in self.healed.items())),
            ("chain", self.place["chain"]),
            ("state", self.place["state"]),
            ("same for", f"{', '.join(PEOPLE)}, bot, glossd check"),
            ("all at once took", f"{self.took:.1f} s, {self.place['seq'] / self.took:.0f} ops a second"),
        ]
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            print(f"{name:{width}}  {value}")


def find_briefs(folder):
    if not folder:
        beside = os.path.join(support.SOURCE, "..", "shared", "briefs")
        folder = beside if os.path.isdir(beside) else os.path.join(support.SOURCE, "service", "samples")
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith((".txt", ".md")) and name != "README.md"]


def main():
    parser = argparse.ArgumentParser(description="four people and a bot on one brief, while everything is killed under them")
    parser.add_argument("--full", action="store_true", help="the numbers that were promised; without it, fewer")
    parser.add_argument("--briefs", metavar="DIR", help="a folder with texts")
    arguments = parser.parse_args()
    reason = support.missing()
    if reason:
        print("skipped:", reason)
        sys.exit(77)
    Scene("full" if arguments.full else "short", find_briefs(arguments.briefs)).play()


if __name__ == "__main__":
    main()
