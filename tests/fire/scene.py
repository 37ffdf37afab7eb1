#!/usr/bin/python3
"""scene.py - people and a bot on one project's briefs, with the real programs, while everything is killed under them.
usage: scene.py [--full] [--workers N | --nodes] [--briefs DIR]

What is shown: bytes out equal bytes in; a watch that is cut off again and again sees every op once, in order; stale edits are refused with the current
value, other fields merge, ids sent again change nothing; replies, resolved threads and relations across all briefs; workers, the supervisor and
PostgreSQL are killed (-9) and nothing that was acknowledged is missing or there twice; two people who worked offline come back; chain and state are the
same for everybody and for glossd check, in every brief.
"""
import argparse
import collections
import json
import os
import random
import re
import sys
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import lab as labs  # noqa: E402
import server as support  # noqa: E402
from proxy import Proxy  # noqa: E402
from stage import GIVE_UP_S, Progress, Watch, expect  # noqa: E402

PEOPLE = ("ana", "ben", "cyn", "dan")
LABELS = ("claim", "evidence", "threat", "actor", "place", "date", "question")
OFFLINE = ("eve", "fin")
RELATIONS = ("supports", "contradicts", "same event")
WORDS = re.compile(r"[A-Za-z]+(?:[ ,]+[A-Za-z]+){1,4}(?![\w\u0300-\u036f])")  # with no mark behind them, which belongs to the last letter
FORMS = {  # tags by post, runs of it, changes by hand that are accepted, cuts of the watch, changes that each of two people makes offline
    "short": (800, 8, 80, 20, 20),
    "full": (2000, 20, 200, 50, 100),
}


def somewhere(text, rng):
    """Words of a text: themselves, where they are, and which of the places that have them."""
    while True:
        found = WORDS.search(text, rng.randrange(len(text) - 80))
        if found:
            words = found[0]
            places = [at.start() for at in re.finditer(f"(?={re.escape(words)})", text)]
            return words, found.start(), found.end(), places.index(found.start()) + 1, len(places)


class Scene:
    def __init__(self, form, briefs, workers, nodes):
        self.posts, self.runs, self.by_hand, self.cuts, self.offline = FORMS[form]
        self.form, self.files, self.workers, self.nodes = form, briefs, workers, nodes
        self.servers = []  # one, or one on each of two machines
        self.progress = Progress(self.by_hand)
        self.lock = threading.Lock()
        self.known = []         # annotations of the brief they work on: (id, the seq that made it)
        self.far = []           # annotations of the other briefs: (id, brief)
        self.told = {}          # op -> (brief, seq), as gloss said with exit status 0
        self.did = collections.Counter()
        self.returned = collections.Counter()
        self.refusals = collections.Counter()
        self.again = collections.Counter()
        self.posted = []        # (run, its lines)
        self.healed = {}
        self.figures = []

    # ---- where

    @property
    def server(self):
        return self.servers[0]

    def where(self, name):
        """The server that somebody uses: on two machines, each has half of the people."""
        return self.servers[(PEOPLE + OFFLINE + ("bot",)).index(name) % len(self.servers)]

    def line(self, server):
        """A line to it that can be cut."""
        return labs.NodeProxy(server) if self.nodes else Proxy(server.port)

    # ---- given

    def prepare(self):
        for name in PEOPLE + OFFLINE + ("bot",):
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
        self.sessions = {line["filename"]: line["session"] for line in self.server.gloss("ls", "--json", status=0).lines}
        for path in self.files:
            if path != target:
                self.tag_elsewhere(path)
        self.compare_bytes()

    def tag_elsewhere(self, path):
        """A few tags in a brief that nobody works on: the far ends of relations."""
        brief, rng = os.path.basename(path), random.Random(path)
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        for _ in range(6):
            words, _, _, nth, count = somewhere(text, rng)
            made = self.server.gloss("tag", brief, words, "--label", rng.choice(LABELS), *(["--nth", nth] if count > 1 else []), "--json", user="cyn", status=0).json
            self.told[made["op"]] = (brief, made["seq"])
            self.far.append((made["annotation"], brief))

    def compare_bytes(self):
        for path in self.files:
            with open(path, "rb") as file:
                expect(self.server.gloss("cat", os.path.basename(path), user="ana", status=0).bytes == file.read(), f"{path} came out otherwise than it went in")

    # ---- people

    def change(self, rng, name, i):
        """One change by hand, as arguments of gloss, and the brief whose log gets it."""
        with self.lock:
            some = rng.choice(self.known) if self.known else None
        what = rng.random()
        if what < 0.35 or not some:
            words, _, _, nth, count = somewhere(self.text, rng)
            verb = ["tag", self.brief, words, "--label", rng.choice(LABELS)] if what < 0.25 else ["note", self.brief, words, f"{name} says {i}"]
            return self.brief, verb + (["--nth", nth] if count > 1 else [])
        annotation, seq = some
        if what < 0.45:
            return self.brief, ["reply", annotation, f"{name} answers {i}"]
        if what < 0.55:
            return self.link(rng, annotation)
        base = ["--base", seq] if rng.random() < 0.5 else []  # what was there when it was made: somebody may have changed it since
        if what < 0.65:
            return self.brief, [rng.choice(("resolve", "resolve", "reopen")), annotation, *base]
        if what < 0.72:
            return self.brief, ["edit", annotation, "--label", rng.choice(LABELS), *base]
        if what < 0.80:
            return self.brief, ["edit", annotation, "--note", f"{name} thinks {i}", *base]
        if what < 0.86:
            return self.brief, [rng.choice(("accept", "reject")), annotation, *base]
        return self.brief, (["rm"] if what < 0.94 else ["restore"]) + [annotation, *base]

    def link(self, rng, annotation):
        """A relation inside the brief, or to or from another one: it is in the log of the brief that it begins in."""
        far, brief = rng.choice(self.far)
        with self.lock:
            near = rng.choice([it for it, _ in self.known if it != annotation] or [far])
        ends = rng.choice(((self.brief, annotation, near), (self.brief, annotation, far), (brief, far, annotation)))
        return ends[0], ["link", ends[1], ends[2], "--relation", rng.choice(RELATIONS)]

    def say(self, name, brief, arguments, op):
        """Until there is an answer; always with the same id. Gives the answer, or the error when it was refused."""
        end = time.monotonic() + GIVE_UP_S
        while True:
            begun = time.monotonic()
            done = self.where(name).gloss(*arguments, "--op", op, "--json", user=name)
            if done.status == 0:
                answer = done.json
                self.progress.stored(begun)
                expect(answer["op"] == op, f"asked for {op}: {done}")
                with self.lock:
                    before = self.told.setdefault(op, (brief, answer["seq"]))
                    expect(before == (brief, answer["seq"]), f"op {op} was {before}: {done}")
                    self.did[arguments[0]] += 1
                    if arguments[0] in ("tag", "note", "reply"):
                        self.known.append((answer["annotation"], answer["seq"]))
                return answer
            if done.status == 3:
                error = done.json["error"]
                expect(error["name"] in ("stale", "gone", "exists"), done)
                expect("current" in error or error["path"] == "change.target.to", f"a refusal without what is there now: {done}")
                with self.lock:
                    self.refusals[error["name"]] += 1
                return error
            expect(done.status in (2, 5), f"status {done.status}: {done}")
            expect(time.monotonic() < end, f"no answer in {GIVE_UP_S} s: {done}")
            with self.lock:
                self.again["by hand"] += 1

    def work(self, name, count, when="under fire"):
        rng = random.Random(f"{name} {when}")
        try:
            while count > 0:
                answer = self.say(name, *self.change(rng, name, count), str(uuid.UUID(int=rng.getrandbits(128), version=4)))
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
            words, start, end, _, count = somewhere(self.text, rng)
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
            done = self.where("bot").gloss("post", self.brief, "--run", run, "--agent", "bot/1", user="bot", stdin=text, timeout=GIVE_UP_S)
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
        for server in self.servers:
            server.kill_worker(server.workers_wanted - 1)
        self.killed = time.monotonic()

    def kill_supervisor(self):
        """And start it again, as an operator does."""
        self.servers[-1].kill()
        self.killed = time.monotonic()
        self.servers[-1].start(wait=False)

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
        words, _, _, nth, _ = somewhere(self.text, random.Random("conflicts"))
        def gloss(*arguments, user, **more):
            return self.where(user).gloss(*arguments, user=user, **more)

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
            self.told[it["op"]] = (self.brief, it["seq"])

    # ---- two people without a connection

    def work_offline(self):
        """Both go on for a while without a connection, the others with one; then they come back."""
        changes = {}
        for name in OFFLINE:
            for brief in self.sessions:  # what there was when they left
                self.where(name).gloss("show", brief, "--json", user=name, status=0)
            changes[name] = list(self.queue(name))
        for name in PEOPLE[:2]:
            self.work(name, self.offline // 2, "while others are away")
        self.progress.wait(0)
        for name in OFFLINE:
            self.come_back(name, changes[name])

    def queue(self, name):
        rng = random.Random(name)
        for i in range(self.offline):
            op = str(uuid.UUID(int=rng.getrandbits(128), version=4))
            brief, arguments = self.change(rng, name, i)
            while arguments[0] == "link" and brief != self.brief:
                brief, arguments = self.change(rng, name, i)
            queued = self.where(name).gloss(*arguments, "--op", op, "--offline", "--json", user=name, status=0).json
            expect(queued["queued"] is True and queued["op"] == op, queued)
            yield op

    def come_back(self, name, ops):
        """Every op that was queued is in the log now, or was refused by name, with what is there."""
        done = self.where(name).gloss("sync", "--json", user=name)
        lines = {line["op"]: line for line in done.lines if "op" in line}
        expect(set(lines) == set(ops), f"{name} had queued {len(ops)} ops, sync told of {len(lines)}: {done}")
        for op, line in lines.items():
            if "seq" in line:
                self.told[op] = (self.brief, line["seq"])
                self.returned["accepted"] += 1
            else:
                expect(line["error"]["name"] in ("stale", "gone", "exists", "depends_on_refused"), line)
                self.returned[line["error"]["name"]] += 1
        expect(done.status == (1 if any("error" in line for line in lines.values()) else 0), done)
        refused = [op for op, line in lines.items() if line.get("kept")]
        waiting = self.where(name).gloss("sync", "--list", "--json", user=name, status=0).lines
        expect(sorted(line["op"] for line in waiting if "op" in line) == sorted(refused), f"refused {refused}, kept for a decision {waiting}")
        if refused:
            self.where(name).gloss("sync", "--drop", "all", "--json", user=name, status=0)
        expect(not self.where(name).gloss("sync", "--list", "--json", user=name, status=0).lines, "something still waits")

    def post_again(self):
        """Everything that the bot had posted, once more: nothing changes."""
        before = self.verify("bot")
        for run, lines in self.posted:
            done = self.post(run, lines)
            expect((done["accepted"], done["repeated"], done["refused"]) == (0, len(lines), 0), f"posted again: {done}")
        after = self.verify("bot")
        expect(before == after, f"{before} became {after}")

    # ---- then

    def verify(self, name, brief=None):
        done = self.where(name).gloss("verify", brief or self.brief, "--json", user=name, status=0).json
        expect(done["ok"] is True, done)
        return {member: done[member] for member in ("seq", "chain", "state", "annotations")}

    def compare(self):
        """Everybody, in every brief, and glossd check over all that the database holds."""
        status, lines = self.server.check()
        expect(status == 0 and all(line["ok"] for line in lines), lines)
        for brief, session in self.sessions.items():
            places = {name: self.verify(name, brief) for name in (PEOPLE + OFFLINE + ("bot",) if brief == self.brief else PEOPLE[:2])}
            place = next(iter(places.values()))
            expect(all(it == place for it in places.values()), places)
            line = next(line for line in lines if line["stream"] == session)
            expect({member: line[member] for member in place} == place, f"{brief}: glossd check: {line}, gloss verify: {place}")
            if brief == self.brief:
                self.place = place

    def nothing_is_lost(self):
        for brief in self.sessions:
            log = self.server.gloss("log", brief, "--json", user="ana", status=0).lines
            self.compare_log(brief, log)
            if brief == self.brief:
                self.log = log
                self.compare_posted(log)

    def compare_log(self, brief, log):
        expect([line["seq"] for line in log] == list(range(1, len(log) + 1)), f"the log of {brief} has a gap")
        ops = {line["op"]: line["seq"] for line in log}
        expect(len(ops) == len(log), f"an op is twice in the log of {brief}")
        told = {op: seq for op, (of, seq) in self.told.items() if of == brief}
        for op, seq in told.items():
            expect(ops.get(op) == seq, f"op {op} was acknowledged as {seq}, the log of {brief} has {ops.get(op)}")
        posted = sum(len(lines) for _, lines in self.posted) if brief == self.brief else 0
        expect(len(log) == len(told) + posted, f"there is an op in the log of {brief} that nobody asked for")

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
        if not self.nodes:
            with support.Server(workers=self.workers, own_cluster=True) as server:
                self.servers = [server]
                self.acts()
        else:
            with labs.Lab("db", "a", "b") as lab:
                cluster = labs.NetCluster(lab)
                try:
                    with labs.Node(lab, "a", cluster) as a, labs.Node(lab, "b", cluster, first=a) as b:
                        self.servers = [a, b]
                        self.acts()
                finally:
                    cluster.end()
        self.tell()

    def acts(self):
        self.prepare()
        self.all_at_once()
        self.conflicts()
        self.work_offline()
        self.post_again()
        self.compare()
        self.nothing_is_lost()
        self.the_watch_saw_everything()
        self.compare_bytes()

    def tell(self):
        posted = sum(len(lines) for _, lines in self.posted)
        rows = [
            ("brief", f"{self.brief}, {len(self.text)} code points, with {len(self.files) - 1} others"),
            ("ops in the log", f"{self.place['seq']} ({posted} by post), {self.place['annotations']} annotations live"),
            ("by hand", ", ".join(f"{count} {verb}" for verb, count in sorted(self.did.items()))),
            ("offline", f"{len(OFFLINE)} people, {self.offline} changes each: " + ", ".join(f"{count} {name}" for name, count in sorted(self.returned.items()))),
            ("refused", ", ".join(f"{count} {name}" for name, count in sorted(self.refusals.items())) or "none"),
            ("sent again", f"{self.again['by hand']} by hand, {self.again['post']} posts, for want of an answer"),
            ("watch", f"{self.watch.cuts} cuts, {self.watch.proxy.connections} connections, {len(self.watch.lines)} ops, each once, in order"),
            ("killed -9", ", ".join(f"{what} (next op stored after {seconds:.1f} s)" for what, seconds in self.healed.items())),
            ("chain", self.place["chain"]),
            ("state", self.place["state"]),
            ("same for", f"{', '.join(PEOPLE + OFFLINE)}, bot, glossd check; and in {len(self.files) - 1} other briefs"),
            ("workers", "2 on each of two machines" if self.nodes else self.workers),
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
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="of the server; 1 without it")
    parser.add_argument("--nodes", action="store_true", help="two machines with two workers each, and the database on a third (network namespaces; root only)")
    parser.add_argument("--briefs", metavar="DIR", help="a folder with texts")
    arguments = parser.parse_args()
    reason = labs.missing() if arguments.nodes else support.missing()
    if reason:
        print("skipped:", reason)
        sys.exit(77)
    Scene("full" if arguments.full else "short", find_briefs(arguments.briefs), arguments.workers, arguments.nodes).play()


if __name__ == "__main__":
    main()
