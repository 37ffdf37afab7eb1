#!/usr/bin/python3
"""gloss redact: words that go for good, who is asked first, and what log, show and verify say afterwards."""
from case import CliCase, PLAIN, main


class Redact(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")
        cls.server.user("ben", role="annotator")
        cls.server.user("cora", role="curator")
        cls.server.import_text(PLAIN, name="plain.md")

    def setUp(self):
        self.brief = self.server.import_text(f"{self.id()}\n\nwords to mark up, some of them twice\n", name=f"{self._testMethodName}.md", user="ana")["document"]

    def tag(self, *args, user="ana"):
        return self.gloss("tag", self.brief, *args, "--label", "claim", "--json", user=user, status=0).json["annotation"]

    def notes(self, user="ana"):
        return [record.get("note") for record in self.gloss("show", self.brief, "--json", user=user, status=0).json["annotations"]]

    def test_named_annotations(self):
        one, two = self.tag("words", "--note", "canary one"), self.tag("mark", "--note", "canary two", user="ben")
        self.refuse("redact", one, user="ana", status=2, says=["nobody can be asked", "--yes"])
        self.refuse("redact", two, "--yes", user="ana", status=3, says=["somebody else's"])
        self.assertEqual(self.notes(), ["canary one", "canary two"])
        done = self.gloss("redact", one, "--yes", "--reason", "asked for", "--json", user="ana", status=0).json
        self.assertEqual(sorted(done), ["op", "seq", "session"])
        self.assertEqual((done["seq"], self.notes()), (3, [None, "canary two"]))
        self.assertIn("erased by 1 op; the last is op 4", self.gloss("redact", two, "--yes", user="cora", status=0).out)
        self.refuse("redact", two, "--yes", user="cora", status=3, says=["no words left"])
        log = self.gloss("log", self.brief, user="ben", status=0).out
        self.assertNotIn("canary", log)
        self.assertRegex(log, r"(?s)1 .*\(erased\).*2 .*\(erased\).*3 .*ana erased words of 1 annotation, in 1 op")
        lines = self.gloss("log", self.brief, "--json", user="ben", status=0).lines
        self.assertEqual([line.get("erased") for line in lines], [True, True, None, None])
        self.assertEqual(lines[2]["effects"][0]["set"], {"ops": [1]})

    def test_a_part_that_is_refused_holds_up_no_other(self):
        empty = self.tag("words")
        self.brief = self.server.import_text(f"another\n{self.id()}\n\nwords\n", name="another.md", user="ana")["document"]
        full = self.tag("words", "--note", "canary")
        self.refuse("redact", empty, full, "--yes", user="ana", status=1, says=["no words left"])
        self.assertEqual(self.notes(), [None])

    def test_verify_over_what_was_erased(self):
        one = self.tag("words", "--note", "canary")
        self.tag("mark")
        self.gloss("redact", one, "--yes", user="ana", status=0)
        self.gloss("edit", one, "--note", "another", user="ben", status=0)
        said = self.gloss("verify", self.brief, "--json", user="ben", status=0).json
        self.assertEqual((said["ok"], said["seq"], said["erased"], "state" in said), (True, 4, 1, False))
        self.assertIn("ok: the chain was computed here from the log; 1 op was erased", self.gloss("verify", self.brief, user="ben", status=0).out)

    def test_an_account(self):
        for i in range(3):
            self.tag("words", "--nth", "1", "--note", f"anaword{i}")
        ben = self.tag("mark", "--note", "ben's", user="ben")
        self.refuse("redact", "--account", "ana", "--brief", self.brief, "--yes", user="ben", status=3, says=["only curators"])
        self.refuse("redact", "--account", "nobody", "--brief", self.brief, "--yes", user="cora", status=2, says=["does not belong"])
        self.refuse("redact", "--yes", user="cora", status=2, says=["ANN", "--account"])
        self.gloss("redact", "--account", "ana", "--brief", self.brief, "--yes", "--reason", "left", user="cora", status=0)
        self.assertEqual(self.notes(), [None, None, None, "ben's"])
        self.assertIn("ana has no words there", self.gloss("redact", "--account", "ana", "--brief", self.brief, "--yes", user="cora", status=0).err)
        self.gloss("redact", ben, "--account", "ben", "--yes", user="ben", status=0)
        self.assertEqual(self.notes(), [None] * 4)


if __name__ == "__main__":
    main()
