#!/usr/bin/python3
"""Replies and relations: made, shown at every width, told to scripts, harmless whatever stands in them."""
import re

from case import CliCase, PLAIN, main
from hostile import NAME, NOTE, left
from terminal import run_on_terminal
from test_show import columns_of
import server as support


class Threads(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")
        cls.server.user("ben", role="annotator")
        cls.server.user("fay")
        cls.server.gloss("project", "new", "Elsewhere", user="fay", status=0)

    def setUp(self):
        self.brief = self.server.import_text(f"{self._testMethodName}\n\n{PLAIN}", name=f"{self._testMethodName}.md")["document"]
        self.other = self.server.import_text(f"Other of {self._testMethodName}\n\nwords over there\n", name=f"other-{self._testMethodName}.md")["document"]

    def make(self, *args, user="ana"):
        return self.gloss(*args, "--json", user=user, status=0).json["annotation"]

    def tag(self, words, label="claim", brief=None, *more):
        return self.make("tag", brief or self.brief, words, "--label", label, *more)

    def records(self, brief=None):
        return {record["id"]: record for record in self.gloss("show", brief or self.brief, "--json", user="ana", status=0).json["annotations"]}

    def sheet(self, *args, columns="60", brief=None):
        out = self.gloss("show", brief or self.brief, *args, user="ana", status=0, env={"COLUMNS": columns}).out
        return re.sub(r"\b[0-9a-f]{8}\b", "########", out[out.index("\n\n", out.index("op ")) + 2:])

    def test_a_thread(self):
        root = self.tag("closer ties")
        first = self.make("reply", root, "Is that so?", user="ben")
        self.make("reply", first, "It is.\nAnd more.", "--attribute", "tone=dry")
        self.make("reply", root[:14], "Another one.", user="ben")
        records = self.records()
        self.assertEqual(records[first]["target"], {"type": "annotation", "annotation": root})
        self.assertEqual(records[first]["note"], "Is that so?")
        self.assertIn("""      1 claim · ana · ########
        ↳ ben · ########
          Is that so?
          ↳ ana · ########
            It is.
            And more.
            tone: dry
        ↳ ben · ########
          Another one.
""", self.sheet())
        self.assertIn("1 annotation, 3 replies, op 4", self.gloss("show", self.brief, user="ana").out)
        log = self.gloss("log", self.brief, user="ana", status=0).out
        self.assertIn("ben replied to “closer ties”: Is that so?", log)
        self.assertIn("ana replied to “closer ties”: It is.\\nAnd more.", log)

    def test_a_resolved_thread_is_folded(self):
        root = self.make("note", self.brief, "closer ties", "to do")
        self.gloss("reply", root, "one", user="ben", status=0)
        second = self.make("reply", root, "two")
        self.make("reply", second, "three")
        self.gloss("resolve", root, user="ben", status=0)
        self.assertIn("      1 ana · ######## (resolved)\n        … a note and 3 replies\n", self.sheet())
        unfolded = self.sheet("--unfold")
        for words in ("to do", "one", "two", "three"):
            self.assertIn(words, unfolded)
            self.assertNotIn(f" {words}\n", self.sheet())
        self.gloss("reopen", root, user="ben", status=0)
        self.gloss("resolve", second, user="ana", status=0)
        self.assertIn("        ↳ ana · ######## (resolved)\n          … a note and 1 reply\n", self.sheet())
        self.assertEqual(self.sheet("--at", 4), unfolded.replace(" (resolved)", ""))

    def test_relations_are_shown_at_both_ends(self):
        claim, evidence = self.tag("closer ties"), self.tag("are cautious", "evidence")
        relation = self.make("link", evidence, claim, "--relation", "contradicts", "--note", "at first sight", user="ben")
        record = self.records()[relation]
        self.assertEqual((record["label_name"], record["dangling"], record["to_exact"], record["note"]), ("contradicts", False, "closer ties", "at first sight"))
        sheet = self.sheet()
        self.assertIn("      1 claim · ana · ########\n        ← contradicts 2 “are cautious”\n", sheet)
        self.assertIn("        → contradicts 1 “closer ties” · ben · ########\n          at first sight\n", sheet)
        self.assertIn("ben linked “are cautious” → “closer ties” as contradicts", self.gloss("log", self.brief, user="ana").out)

    def test_a_relation_that_dangles_says_so(self):
        claim, evidence = self.tag("closer ties"), self.tag("are cautious", "evidence")
        relation = self.make("link", evidence, claim, "--relation", "supports")
        self.gloss("rm", claim, user="ana", status=0)
        self.assertIs(self.records()[relation]["dangling"], True)
        self.assertIn("        → supports something deleted (########) · ana ·\n", self.sheet())
        self.gloss("rm", relation, user="ana", status=0)
        self.assertNotIn("supports", self.sheet())

    def test_a_relation_to_another_brief(self):
        claim, there = self.tag("closer ties"), self.tag("over there", "claim", self.other)
        relation = self.make("link", claim, there, "--relation", "supports", user="ben")
        record = self.records()[relation]
        self.assertEqual((record["to_title"], record["to_exact"], record["dangling"]), (f"Other of {self._testMethodName}", "over there", False))
        self.assertIn("→ supports “over there” in Other of test_a_relation_to_anoth… (########)", " ".join(self.sheet(columns="60").split()))
        self.gloss("rm", there, user="ana", status=0)
        self.assertIs(self.records()[relation]["dangling"], True)
        self.assertIn("→ supports something deleted in Other of", self.sheet(columns="90"))

    def test_what_is_answered_after_it_was_deleted(self):
        root = self.tag("closer ties")
        self.gloss("reply", root, "I saw that", user="ben", status=0)
        reply = self.make("reply", root, "mine")
        self.gloss("rm", root, user="ana", status=0)
        self.assertIn("      1 claim · ana · ######## (deleted)\n        ↳ ben · ########\n          I saw that\n", self.sheet())
        self.assertNotIn("[1|", self.sheet())
        self.assertNotIn(root, self.records())
        self.refuse("reply", root, "too late", user="ben", status=3, says=["deleted", "gloss restore"])
        self.gloss("edit", reply, "--note", "still there", user="ana", status=0)

    def test_what_is_wrong_is_said(self):
        root = self.tag("closer ties")
        self.refuse("reply", root, "", user="ana", status=2, says="the reply has no text")
        self.refuse("reply", "ffffffff", "words", user="ana", status=2, says="no annotation")
        self.refuse("link", root, root, user="ana", status=2, says="--relation TYPE")
        self.refuse("link", root, "zz", "--relation", "x", user="ana", status=2, says="is not an annotation's id")
        self.refuse("reply", root, "words", user="fay", status=2, says="no annotation")

    def test_who_found_it_and_how_sure(self):
        self.gloss("post", self.brief, "--run", "r", "--agent", "tagger/2", user="ana", stdin='{"label":"claim","exact":"closer ties","confidence":830,"attributes":{"weight":2}}\n',
                   status=0)
        self.assertIn("      1 claim · ana by tagger/2, 83 % · ######## (proposed)\n        weight: 2\n", self.sheet())

    def test_hostile_words_at_every_width(self):
        root = self.make("tag", self.brief, "closer ties", "--label", NAME, "--note", NOTE, "--attribute", f"kind={NOTE}")
        reply = self.make("reply", root, NOTE, user="ben")
        for _ in range(30):
            reply = self.make("reply", reply, "deeper: a few more words that need a line or two", user="ana")
        self.make("link", root, reply, "--relation", NAME, "--note", NOTE)
        other = self.server.import_text(f"{NAME}\n\nwords\n", name="hostile.md")["document"]
        there = self.tag("words", "claim", other)
        self.make("link", root, there, "--relation", "supports")
        for width in ("40", "59", "80", "100", "133", "200"):
            out = self.gloss("show", self.brief, "--width", width, user="ana", status=0).out
            self.assertEqual(left(out), [])
            for line in out.splitlines():
                self.assertLessEqual(columns_of(line), int(width), line)
        for args in (("log", self.brief), ("show", self.brief, "--json")):
            self.assertEqual(left(self.gloss(*args, user="ana", status=0).out), [])
        status, out = run_on_terminal([support.GLOSS, "show", self.brief], self.server.env("ana", PAGER="cat"), columns=90)
        self.assertEqual((status, left(out.decode().replace("\r\n", "\n"))), (0, []))
        self.assertEqual(self.records()[root]["note"], NOTE)


if __name__ == "__main__":
    main()
