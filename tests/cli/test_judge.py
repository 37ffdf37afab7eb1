#!/usr/bin/python3
"""resolve, reopen, accept and reject: one annotation, several, all of a run; and places in several pieces, attributes."""
import json

from case import CliCase, PLAIN, main

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


if __name__ == "__main__":
    main()
