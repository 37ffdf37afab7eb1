#!/usr/bin/python3
"""resolve, reopen, accept and reject: one annotation, several, all of a run; and places in several pieces, attributes."""
import json
import re
import subprocess

from case import CliCase, PLAIN, main
from proxy import Proxy
from server import LIMIT_S, wait_until

LABELS = ("claim", "actor")


class Judge(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")
        cls.server.user("ben", role="annotator")
        cls.server.import_text(PLAIN, name="plain.md")
        cls.server.import_text("Second\n\nwords of another brief\n", name="second.md")

    def setUp(self):
        self.brief = self.server.import_text(f"{self.id()}\n\nwords to mark up, some of them twice\n", name=f"{self._testMethodName}.md", user="ana")["document"]

    def post(self, count, run="nightly", brief=None):
        lines = "".join(json.dumps({"label": LABELS[i % 2], "start": i % 20, "end": i % 20 + 4}) + "\n" for i in range(count))
        self.gloss("post", brief or self.brief, "--run", run, "--agent", "bot/1", user="ana", stdin=lines, status=0)

    def records(self, brief=None):
        return self.gloss("show", brief or self.brief, "--json", user="ana", status=0).json["annotations"]

    def statuses(self, label=None):
        return [record["status"] for record in self.records() if label in (None, record["label_name"])]

    def tag(self, *args, user="ana"):
        return self.gloss("tag", self.brief, *args, "--json", user=user, status=0).json

    def test_each_verb_gives_its_status(self):
        made = self.tag("words", "--label", "claim", "--status", "proposed")
        for verb, status in (("accept", "accepted"), ("reopen", "active"), ("reject", "rejected"), ("resolve", "resolved"), ("reopen", "active")):
            done = self.gloss(verb, made["annotation"], "--json", user="ben", status=0).json
            self.assertEqual((done["annotation"], done["status"]), (made["annotation"], status))
            self.assertEqual(self.statuses(), [status])

    def test_several_are_one_step(self):
        ids = [self.tag(words, "--label", "claim")["annotation"] for words in ("words", "mark", "twice")]
        done = self.gloss("resolve", *ids, ids[0], "--json", user="ben", status=0).lines
        self.assertEqual([line["annotation"] for line in done], ids)
        self.assertEqual([line["seq"] for line in done], [4, 5, 6])
        steps = {line.get("step") for line in self.gloss("log", self.brief, "--since", 3, "--json", user="ana").lines}
        self.assertEqual(len(steps - {None}), 1)

    def test_one_that_is_refused_keeps_the_others_from_being_done(self):
        ids = [self.tag(words, "--label", "claim")["annotation"] for words in ("words", "mark")]
        self.gloss("edit", ids[1], "--note", "changed meanwhile", user="ben", status=0)
        done = self.refuse("resolve", *ids, "--base", 2, user="ana", status=3, says=["ben changed its note since you looked", ids[1], "none of these 2 was done"])
        self.assertEqual(done.out, "")
        self.assertEqual(self.statuses(), ["active", "active"])
        error = self.gloss("resolve", *ids, "--base", 2, "--json", user="ana", status=3).json["error"]
        self.assertEqual((error["name"], error["author_name"]), ("stale", "ben"))

    def test_those_of_two_briefs_are_two_steps(self):
        here = self.tag("words", "--label", "claim")["annotation"]
        there = self.gloss("tag", "Second", "another", "--label", "claim", "--json", user="ana", status=0).json["annotation"]
        done = self.gloss("resolve", here, there, "--json", user="ana", status=0).lines
        self.assertEqual([line["annotation"] for line in done], [here, there])

    def test_all_of_a_run(self):
        self.post(10)
        self.post(4, run="other")
        self.gloss("reject", self.records()[0]["id"], user="ben", status=0)
        done = self.gloss("accept", "--brief", self.brief, "--all-of-run", "nightly", "--label", "claim", "--json", user="ben", status=0).lines
        self.assertEqual(len(done), 4)  # the fifth was decided already
        self.assertEqual(sorted(self.statuses("claim")), ["accepted"] * 4 + ["proposed"] * 2 + ["rejected"])
        self.assertEqual(set(self.statuses("actor")), {"proposed"})
        self.gloss("reject", "--brief", self.brief, "--label", "actor", user="ben", status=0)
        self.assertEqual(set(self.statuses("actor")), {"rejected"})
        done = self.gloss("accept", "--brief", self.brief, "--all-of-run", "nightly", user="ben", status=0)
        self.assertEqual(done.out, "")
        self.assertIn("waits to be accepted", done.err)

    def test_many_are_told_as_a_sum(self):
        self.post(600)
        done = self.gloss("accept", "--brief", self.brief, "--all-of-run", "nightly", user="ben", status=0)
        self.assertRegex(done.out, r"^accepted 600 annotations in [1-9] steps?  ops 601 to 1200\n$")
        self.assertEqual(set(self.statuses()), {"accepted"})

    def test_what_is_missing_is_said(self):
        self.refuse("accept", user="ana", status=2, says="say which: ANN...")
        self.refuse("accept", "--label", "claim", user="ana", status=2, says="--brief BRIEF")
        self.refuse("accept", "0123", "--label", "claim", "--brief", self.brief, user="ana", status=2, says="but not both")
        self.tag("words", "--label", "claim")
        self.refuse("accept", "--label", "clame", "--brief", self.brief, user="ana", status=2, says=["no label `clame`", "did you mean `claim`?"])
        self.refuse("resolve", "ffffffff", user="ana", status=2, says="no annotation")

    # ---- what tag, note and edit learned with them

    def test_a_place_in_several_pieces(self):
        done = self.tag("words", "some of", "--label", "claim")
        spans = self.records()[0]["target"]["spans"]
        self.assertEqual([span["exact"] for span in spans], ["words", "some of"])
        self.assertEqual((done["start"], done["end"]), (spans[0]["start"], spans[1]["end"]))
        note = self.gloss("note", self.brief, "mark", "twice", "two places, one note", "--json", user="ana", status=0).json
        self.assertEqual((note["note"], note["end"] - note["start"] > 9), ("two places, one note", True))
        self.tag("--start", 0, "--end", 3, "--start", 5, "--end", 8, "--label", "claim")
        self.assertEqual([(span["start"], span["end"]) for span in self.records()[2]["target"]["spans"]], [(0, 3), (5, 8)])
        self.gloss("edit", note["annotation"], "--start", 1, "--end", 2, "--start", 4, "--end", 6, user="ana", status=0)
        self.assertEqual(len(self.records()[1]["target"]["spans"]), 2)

    def test_each_piece_has_its_own_nth(self):
        done = self.gloss("tag", "plain.md", "China", "Russia", "--nth", 1, "--nth", 2, "--label", "actor", "--json", user="ana", status=0).json
        self.assertEqual((done["start"], done["end"]), (PLAIN.index("China"), PLAIN.rindex("Russia") + 6))

    def test_attributes(self):
        made = self.tag("words", "--label", "claim", "--attribute", "weight=-3", "--attribute", "sure=true", "--attribute", "source=a=b c")
        self.assertEqual(self.records()[0]["attributes"], {"weight": -3, "sure": True, "source": "a=b c"})
        self.gloss("edit", made["annotation"], "--attribute", "weight=", "--attribute", "source=x", user="ana", status=0)
        self.assertEqual(self.records()[0]["attributes"], {"sure": True, "source": "x"})
        self.gloss("note", self.brief, "mark", "a note", "--attribute", "kind=question", user="ana", status=0)
        self.assertEqual(self.records()[1]["attributes"], {"kind": "question"})
        self.refuse("tag", self.brief, "words", "--label", "x", "--attribute", "weight", user="ana", status=2, says="write NAME=VALUE")
        self.refuse("tag", self.brief, "words", "--label", "x", "--attribute", "=3", user="ana", status=2, says="write NAME=VALUE")


class Held:
    """The row of a stream, held by somebody else: nothing can be written to it."""

    def __init__(self, server, stream):
        self.psql = subprocess.Popen(["psql", "-Xqtd", server.database()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(f"begin; select 'held' from stream where id = '{stream}' for update;", file=self.psql.stdin, flush=True)
        assert "held" in self.psql.stdout.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.psql.communicate("")


class PutOff(CliCase):
    settings = {"append_timeout_ms": 2000, "statement_timeout_ms": 2000}

    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")

    def ana(self, *args, **more):
        return self.gloss(*args, user="ana", **more)

    def test_who_waits_is_told_why_and_how_to_ask_again(self):
        """Somebody else holds the stream's row: nothing can be written, and the server says "later" each time."""
        brief = self.server.import_text(PLAIN, name="put-off.md")
        edited, resolved, kept = [self.ana("tag", brief["document"], words, "--label", "claim", "--json", status=0).json["annotation"]
                                  for words in ("closer ties", "are cautious", "neighbours")]
        self.ana("edit", kept, "--note", "kept", "--offline", status=0)
        verbs = {"edit": ("edit", edited, "--note", "new"), "resolve": ("resolve", resolved), "sync": ("sync",)}
        with Held(self.server, brief["session"]):
            processes = {verb: self.server.spawn(*args, user="ana") for verb, args in verbs.items()}
            said = {verb: process.communicate(timeout=LIMIT_S)[1].decode() for verb, process in processes.items()}
        self.assertEqual({verb: process.returncode for verb, process in processes.items()}, dict.fromkeys(verbs, 5), said)
        for verb in ("resolve", "sync"):
            self.assertEqual(said[verb].count("the server puts it off"), 1, said[verb])
        self.assertIn("what waits is kept", said["sync"])
        for verb in ("edit", "resolve"):
            again = re.search(r"the same\s+again\s+with\s+--op\s+(\S+)\s+--base\s+3\s", said[verb])
            self.assertTrue(again, said[verb])
            seqs = {self.ana(*verbs[verb], "--op", again[1], "--base", 3, "--json", status=0).json["seq"] for _ in range(2)}
            self.assertEqual(len(seqs), 1)
        self.assertEqual(len(self.ana("sync", "--json", status=0).lines), 1)
        self.assertEqual(self.ana("info", brief["document"], "--json", status=0).json["seq"], 6)

    def test_what_may_have_been_done_is_not_denied(self):
        """The connection ends while the server writes, and does not come back."""
        self.server.user("olga", role="owner")
        project = self.gloss("project", "list", "--json", user="olga", status=0).json["project"]
        with Proxy(self.server.port) as proxy, Held(self.server, project):
            process = self.server.spawn("project", "rename", project, "renamed", user="olga", env={"GLOSS_URL": proxy.url})
            waiting = f"select 1 from pg_stat_activity where datname = '{self.server.name}' and wait_event_type = 'Lock'"
            wait_until("it is being written", lambda: self.server.sql(waiting))
            proxy.is_open = False
            proxy.cut()
            out, err = process.communicate(timeout=LIMIT_S)
        self.assertEqual((process.returncode, out), (5, b""), err)
        self.assertIn("it is not known whether this was changed", " ".join(err.decode().split()))


if __name__ == "__main__":
    main()
