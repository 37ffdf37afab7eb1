#!/usr/bin/python3
"""Labels, attributes, types of relations, and what a project's policy says: made, changed, listed, kept to."""
from case import CliCase, PLAIN, UUID, main
from hostile import NAME, NOTE, left
from test_show import columns_of


class Codebook(CliCase):
    @classmethod
    def prepare(cls):
        for name, role in (("olga", "owner"), ("cora", "curator"), ("ana", "annotator")):
            cls.server.user(name, role=role)
        cls.brief = cls.server.import_text(PLAIN, name="plain.md")["document"]
        cls.count = 0

    def setUp(self):
        """A project for each test, so that its codebook is its own."""
        self.project = self._testMethodName
        self.gloss("project", "new", self.project, user="cora", status=0)
        self.gloss("member", "add", "ana", "annotator", "--project", self.project, user="cora", status=0)
        path = f"{self.server.folder}/codebook.md"
        with open(path, "w") as file:
            file.write(f"{self.project}\n\n{PLAIN}")
        self.text = self.gloss("import", path, "--project", self.project, "--json", user="cora", status=0).json["document"]

    def cora(self, *args, status=0, **more):
        return self.gloss(*args, "--project", self.project, user="cora", status=status, **more)

    def terms(self, kind):
        return {line["name"]: line for line in self.cora(kind, "list", "--all", "--json").lines}

    # ---- labels

    def test_labels_are_a_tree(self):
        made = self.cora("label", "new", "argument", "--colour", "green", "--hotkey", "a", "--definition", "what somebody holds", "--json").json
        self.assertRegex(made["id"], UUID)
        self.assertEqual((made["kind"], made["name"]), ("label", "argument"))
        self.cora("label", "new", "claim", "--parent", "argument", "--colour", "#FF8800", "--example", "China seeks", "--example", "Russia waits")
        self.cora("label", "new", "evidence", "--parent", made["id"])
        self.cora("label", "new", "actor")
        self.assertEqual(self.cora("label").out, """actor
argument    a  #a9e34b  what somebody holds
  claim        #ff8800
  evidence
""")
        terms = self.terms("label")
        self.assertEqual((terms["claim"]["parent_name"], terms["claim"]["depth"], terms["claim"]["examples"]), ("argument", 1, ["China seeks", "Russia waits"]))
        self.assertEqual(terms["argument"]["id"], made["id"])

    def test_what_is_changed_and_taken_away(self):
        self.cora("label", "new", "one", "--definition", "first", "--hotkey", "o", "--colour", "red")
        self.cora("label", "new", "two", "--parent", "one")
        self.cora("label", "edit", "one", "--definition", "second", "--hotkey", "", "--colour", "")
        one = self.terms("label")["one"]
        self.assertEqual(one["definition"], "second")
        self.assertFalse({"hotkey", "colour"} & set(one))
        self.cora("label", "edit", "two", "--parent", "")
        self.assertNotIn("parent", self.terms("label")["two"])
        self.cora("label", "rename", "one", "uno")
        self.assertEqual(self.terms("label")["uno"]["id"], one["id"])
        self.cora("label", "retire", "uno")
        self.assertEqual(self.cora("label").out, "two\n")
        self.assertIn("uno (retired)", self.cora("label", "--all").out)
        self.gloss("tag", self.text, "cautious", "--label", "uno", user="ana", status=3)
        self.cora("label", "revive", "uno")
        self.gloss("tag", self.text, "cautious", "--label", "uno", user="ana", status=0)

    def test_a_rename_reaches_what_is_tagged(self):
        made = self.gloss("tag", self.text, "cautious", "--label", "before", "--json", user="ana", status=0).json
        self.cora("label", "rename", "before", "after")
        record = self.gloss("show", self.text, "--json", user="ana").json["annotations"][0]
        self.assertEqual((record["id"], record["label_name"]), (made["annotation"], "after"))

    def test_what_is_wrong_with_a_label(self):
        self.cora("label", "new", "claim")
        self.gloss("label", "edit", "claim", "--definition", "x", "--project", self.project, user="ana", status=3)
        for args, status, says in ((("new", "claim"), 3, "name"), (("new", "x", "--colour", "grene"), 2, "did you mean `green`?"),
                                   (("new", "x", "--parent", "clam"), 2, "did you mean `claim`?"), (("edit", "clam", "--hotkey", "c"), 2, "did you mean `claim`?"),
                                   (("edit", "claim"), 2, "say what to change"), (("edit", "claim", "--parent", "claim"), 3, "refused"),
                                   (("edit", "claim", "--hotkey", "two"), 3, "refused"), (("rename", "nothing", "x"), 2, "has no label `nothing`; it has:")):
            self.refuse("label", *args, "--project", self.project, user="cora", status=status, says=says)
        self.assertEqual(list(self.terms("label")), ["claim"])

    def test_a_change_that_somebody_else_made_is_not_overwritten(self):
        self.gloss("member", "add", "olga", "curator", "--project", self.project, user="cora", status=0)
        seq = self.cora("label", "new", "claim", "--json").json["seq"]
        self.gloss("label", "edit", "claim", "--definition", "hers", "--project", self.project, user="olga", status=0)
        done = self.cora("label", "edit", "claim", "--definition", "mine", "--base", seq, "--json", status=3)
        self.assertEqual(done.json["error"]["name"], "stale")
        self.assertIn("hers", done.err)
        self.assertEqual(self.terms("label")["claim"]["definition"], "hers")

    # ---- attributes

    def test_attributes_have_types(self):
        self.cora("label", "new", "claim")
        self.cora("attribute", "new", "certainty", "--value", "low", "--value", "high", "--on", "claim", "--definition", "how sure")
        self.cora("attribute", "new", "weight", "--minimum", 0, "--maximum", 10)
        self.cora("attribute", "new", "year")
        self.cora("attribute", "new", "quoted", "--type", "boolean")
        self.cora("attribute", "new", "source", "--type", "link")
        self.assertEqual(self.cora("attribute").out, """certainty  enum     low | high  on claim  how sure
quoted     boolean
source     link
weight     integer  0 to 10
year       text
""")
        tag = ("tag", self.text, "cautious", "--label", "claim", "--json")
        made = self.gloss(*tag, "--attribute", "certainty=low", "--attribute", "weight=3", "--attribute", "year=2021", "--attribute", "quoted=yes", user="ana", status=0).json
        record = self.gloss("show", self.text, "--json", user="ana").json["annotations"][0]
        self.assertEqual(record["attributes"], {"certainty": "low", "weight": 3, "year": "2021", "quoted": True})
        for wrong in ("certainty=some", "weight=11", "quoted=perhaps", "source=no link"):
            done = self.refuse(*tag, "--attribute", wrong, user="ana", status=3, says="")
            self.assertEqual(done.json["error"]["name"], "invalid_attribute", wrong)
        self.gloss("edit", made["annotation"], "--attribute", "weight=", user="ana", status=0)
        self.cora("attribute", "edit", "weight", "--maximum", 20, "--minimum", "")
        weight = self.terms("attribute")["weight"]
        self.assertEqual((weight["maximum"], "minimum" in weight), (20, False))
        self.refuse("attribute", "new", "x", "--type", "inteeger", "--project", self.project, user="cora", status=2, says="did you mean `integer`?")
        self.refuse("attribute", "new", "x", "--minimum", "few", "--project", self.project, user="cora", status=2, says="a whole number")

    # ---- relations

    def test_relations_have_ends(self):
        for name in ("claim", "evidence"):
            self.cora("label", "new", name)
        self.cora("relation", "new", "supports", "--from", "evidence", "--to", "claim", "--definition", "makes it likelier")
        self.cora("relation", "new", "same as", "--symmetric", "yes")
        self.assertEqual(self.cora("relation").out, """same as   any       ↔  any
supports  evidence  →  claim  makes it likelier
""")
        claim = self.gloss("tag", self.text, "cautious", "--label", "claim", "--json", user="ana", status=0).json["annotation"]
        proof = self.gloss("tag", self.text, "closer ties", "--label", "evidence", "--json", user="ana", status=0).json["annotation"]
        self.gloss("link", proof, claim, "--relation", "supports", user="ana", status=0)
        error = self.gloss("link", claim, proof, "--relation", "supports", "--json", user="ana", status=3).json["error"]
        self.assertEqual(error["name"], "invalid_endpoint")
        self.gloss("link", claim, proof, "--relation", "same as", user="ana", status=0)
        self.assertIn("→ supports 2 “cautious”", self.gloss("show", self.text, user="ana", env={"COLUMNS": "80"}).out)

    # ---- policy

    def test_policy(self):
        self.assertIn("codebook  open: an unknown label makes a new one", self.gloss("project", "policy", self.project, user="ana", status=0).out)
        self.gloss("project", "policy", self.project, "--codebook", "closed", "--edits", "curators", user="cora", status=0)
        info = self.gloss("project", "show", self.project, "--json", user="ana", status=0).json
        self.assertEqual((info["open"], info["others_may_edit"], info["labels"], info["briefs"]), (False, False, 0, 1))
        self.refuse("tag", self.text, "cautious", "--label", "new one", user="ana", status=3, says="the codebook is closed")
        hers = self.gloss("note", self.text, "cautious", "hers", "--json", user="cora", status=0).json["annotation"]
        self.refuse("edit", hers, "--note", "mine", user="ana", status=3, says="your role does not allow it")
        self.refuse("project", "policy", self.project, "--edits", "everybody", user="ana", status=3, says="your role does not allow it")
        self.refuse("project", "policy", self.project, "--codebook", "ajar", user="cora", status=2, says="it must be open or closed")

    def test_a_project_is_renamed(self):
        self.gloss("project", "rename", self.project, "Another name", user="cora", status=0)
        self.assertIn("Another name", self.gloss("project", user="ana").out)
        self.gloss("project", "rename", "Another name", self.project, user="cora", status=0)

    # ---- what others wrote

    def test_hostile_words_at_every_width(self):
        self.cora("label", "new", NAME, "--definition", NOTE, "--example", NOTE)
        self.cora("label", "new", "child " * 30, "--parent", NAME, "--definition", "中国 " * 60)
        self.cora("attribute", "new", "a", "--value", NAME, "--value", NOTE[:60], "--on", NAME, "--definition", NOTE)
        self.cora("relation", "new", NAME, "--from", NAME, "--to", NAME, "--definition", "مرحبا " * 60)
        for width in (40, 60, 80, 120, 200):
            for args in (("label",), ("attribute",), ("relation",), ("ls",)):
                out = self.cora(*args, env={"COLUMNS": str(width)}).out
                self.assertEqual(left(out), [], args)
                for line in out.splitlines():
                    self.assertLessEqual(columns_of(line), width, args)
            out = self.gloss("project", "show", self.project, user="cora", env={"COLUMNS": str(width)}, status=0).out
            self.assertEqual(left(out), [])
        for kind in ("label", "attribute", "relation"):
            self.assertEqual(left(self.cora(kind, "list", "--json").out), [])


if __name__ == "__main__":
    main()
