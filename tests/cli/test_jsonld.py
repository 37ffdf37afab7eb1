#!/usr/bin/python3
"""export: every MUST rule of the W3C model holds (support/server.py asks for that after every export), and what is exported is what is there."""
import copy
import json
import unittest

from case import CliCase, MIXED, PLAIN, main, support
from client import Client, create
import jsonld_rules


class Export(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")
        cls.brief = cls.server.import_text(PLAIN, name="plain.md")
        cls.mixed = cls.server.import_text(MIXED, name="mixed.txt")
        cls.empty = cls.server.import_text("Nothing on it\n", name="empty.md")
        tag = cls.server.gloss("tag", "plain.md", "closer ties", "--label", "claim", "--note", "a note", "--json", user="ana", status=0).json
        cls.tagged = tag["annotation"]
        cls.server.gloss("note", "plain.md", "cautious", "only a note", user="ana", status=0)
        cls.server.gloss("tag", "plain.md", "--whole", "--label", "read", user="ana", status=0)
        gone = cls.server.gloss("tag", "plain.md", "waited", "--label", "x", "--json", user="ana", status=0).json
        cls.server.gloss("rm", gone["annotation"], user="ana", status=0)
        cls.server.gloss("edit", cls.tagged, "--status", "accepted", user="ana", status=0)
        line = {"label": "claim", "exact": "China", "nth": 1, "attributes": {"sure": True, "n": 7, "who": "é"}, "confidence": 930}
        cls.server.gloss("post", "plain.md", "--run", "nightly", "--agent", "tagger/2.0", stdin=json.dumps(line), user="ana", status=0)
        for words in ("俄罗斯", "بالعالم", "👩‍👩‍👧‍👦", "e\u0301tude"):
            cls.server.gloss("tag", "mixed.txt", words, "--label", "بحث \u202e x", user="ana", status=0)

    def export(self, brief, *args):
        return self.gloss("export", brief, "--format", "jsonld", *args, user="ana", status=0)

    def items(self, brief="plain.md"):
        return json.loads(self.export(brief).out)["first"]["items"]

    def test_every_rule_holds(self):
        texts = {"urn:uuid:" + self.brief["document"]: PLAIN, "urn:uuid:" + self.mixed["document"]: MIXED}
        for brief in ("plain.md", "mixed.txt", "empty.md"):
            for form in ([], ["--lines"], ["--pages", "1"], ["--pages", "3"]):
                self.assertEqual(jsonld_rules.check_text(self.export(brief, *form).out, texts), [])
        self.assertIsInstance(json.loads(self.export("plain.md").out)["@context"], str)

    def test_pages(self):
        *pages, collection = self.export("plain.md", "--pages", "3").lines
        self.assertEqual([len(page["items"]) for page in pages], [3, 1])
        self.assertEqual([page.get("prev") for page in pages], [None, pages[0]["id"]])
        self.assertEqual([page["partOf"] for page in pages], [collection["id"]] * 2)
        self.assertEqual([item for page in pages for item in page["items"]], self.items())
        self.assertEqual((collection["total"], collection["first"], collection["last"]), (4, pages[0]["id"], pages[1]["id"]))
        self.assertEqual([line["total"] for line in self.export("empty.md", "--pages", "3").lines], [0])
        self.refuse("export", "plain.md", "--pages", "3", "--lines", status=2, says="two forms")

    def test_one_annotation_by_its_id(self):
        alone = {**self.items()[0], "@context": jsonld_rules.CONTEXT}
        for word in (self.tagged, self.tagged[:12]):
            self.assertEqual(self.export(word).json, alone)
        self.refuse("export", "00000000-0000-7000-8000-000000000000", status=2, says="no brief with the id")
        gone = self.gloss("log", "plain.md", "--json").lines[3]["annotation"]["id"]
        self.refuse("export", gone, status=2, says="was deleted")

    def test_everything_that_is_not_deleted_is_there(self):
        records = self.gloss("show", "plain.md", "--json").json["annotations"]
        items = self.items()
        self.assertEqual([item["id"] for item in items], ["urn:uuid:" + record["id"] for record in records])
        self.assertEqual(json.loads(self.export("plain.md").out)["total"], 4)
        self.assertEqual(len(self.export("plain.md", "--lines").lines), 4)
        self.assertNotIn("first", json.loads(self.export("empty.md").out))

    def test_one_annotation_field_by_field(self):
        item = {item["id"]: item for item in self.items()}["urn:uuid:" + self.tagged]
        start = PLAIN.index("closer ties")
        document = self.gloss("info", "plain.md", "--json").json
        log = self.gloss("log", "plain.md", "--json").lines
        self.assertEqual(item["target"], {
            "type": "SpecificResource", "source": "urn:uuid:" + self.brief["document"],
            "state": {"type": "TimeState", "sourceDate": document["created"], "cached": "urn:uuid:" + document["revision"]},
            "selector": [{"type": "TextPositionSelector", "start": start, "end": start + 11},
                         {"type": "TextQuoteSelector", "exact": "closer ties", "prefix": PLAIN[start - 32:start], "suffix": PLAIN[start + 11:start + 43]}]})
        tagging, commenting = item["body"]
        record = self.gloss("show", "plain.md", "--json").json["annotations"][0]
        self.assertEqual(tagging, {"type": "SpecificResource", "purpose": "tagging", "source": {
            "id": "urn:uuid:" + record["label"], "type": "TextualBody", "value": "claim", "format": "text/plain"}})
        self.assertEqual((commenting["type"], commenting["value"], commenting["purpose"]), ("TextualBody", "a note", "commenting"))
        self.assertEqual((item["creator"]["type"], item["creator"]["name"]), ("Person", "ana"))
        self.assertEqual(item["generator"]["type"], "Software")
        self.assertEqual((item["created"], item["modified"]), (log[0]["at"], log[5]["at"]))
        self.assertEqual((item["motivation"], item["urn:gloss:status"]), ("tagging", "accepted"))

    def test_where_it_came_from(self):
        item = self.items()[-1]
        self.assertEqual((item["creator"]["type"], item["creator"]["name"]), ("Software", "ana"))
        self.assertEqual(item["generator"][0], {"type": "Software", "name": "tagger/2.0", "http://schema.org/softwareVersion": "2.0"})
        self.assertRegex(item["generator"][1]["name"], r"^gloss \d")
        self.assertEqual((item["urn:gloss:run"], item["urn:gloss:confidence"], item["urn:gloss:status"]), ("nightly", 930, "proposed"))
        self.assertEqual({entry["urn:gloss:name"]: entry["urn:gloss:value"] for entry in item["urn:gloss:attributes"]}, {"sure": True, "n": 7, "who": "é"})

    def test_positions_are_code_points(self):
        for item in self.items("mixed.txt"):
            position, quote = item["target"]["selector"]
            self.assertEqual(MIXED[position["start"]:position["end"]], quote["exact"])

    def test_the_same_state_gives_the_same_bytes(self):
        self.assertEqual(self.export("plain.md").bytes, self.export("plain.md").bytes)


class Everything(CliCase):
    """Replies, relations, attributes, several places; and a whole project."""
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")
        cls.one = cls.server.import_text(PLAIN, name="one.md", title="One")
        cls.two = cls.server.import_text(MIXED, name="two.txt", title="Two")
        cls.server.import_text("Nothing on it\n", name="three.md", title="Three")
        tag = cls.server.gloss
        cls.claim = tag("tag", "One", "closer ties", "--label", "claim", "--json", user="ana", status=0).json["annotation"]
        cls.other = tag("tag", "Two", "俄罗斯", "--label", "evidence", "--json", user="ana", status=0).json["annotation"]
        with Client(cls.server, "admin") as admin:
            op = {"id": create()["id"], "change": {"kind": "attribute.create", "name": "weight", "type": "integer"}}
            project = cls.server.gloss("info", "One", "--json", status=0).json["project"]
            cls.weight = admin.call("project.submit", project=project, ops=[op])["results"][0]["made"]
        with Client(cls.server, "ana") as ana:
            ana.join(cls.one["session"])
            def made(**change):
                return ana.submit(cls.one["session"], [{"id": create()["id"], "change": {"kind": "annotation.create", **change}}])[0]["annotation"]
            cls.reply = made(target={"type": "annotation", "annotation": cls.claim}, note="Is it?")
            cls.answer = made(target={"type": "annotation", "annotation": cls.reply}, note="It is.", label="agreed")
            cls.relation = made(target={"type": "relation", "from": cls.claim, "to": {"session": cls.two["session"], "annotation": cls.other}}, label="supports", note="both",
                                attributes={"weight": 3})
            cls.pieces = made(target={"type": "spans", "spans": [{"exact": "China", "nth": 1}, {"exact": "Wang Yi"}]}, label="actor")

    def items(self, *args):
        lines = self.gloss("export", *args, "--lines", user="ana", status=0).lines
        return {line["id"].removeprefix("urn:uuid:"): line for line in lines}

    def test_a_reply_answers_an_annotation(self):
        items = self.items("One")
        reply, answer = items[self.reply], items[self.answer]
        self.assertEqual((reply["motivation"], reply["target"]), ("replying", "urn:uuid:" + self.claim))
        self.assertEqual((reply["body"]["value"], reply["body"]["purpose"]), ("Is it?", "replying"))
        self.assertEqual(answer["target"], "urn:uuid:" + self.reply)
        self.assertEqual([body["purpose"] for body in answer["body"]], ["tagging", "replying"])

    def test_a_relation_links_its_ends(self):
        relation = self.items("One")[self.relation]
        ends = ["urn:uuid:" + self.claim, "urn:uuid:" + self.other]
        self.assertEqual((relation["motivation"], relation["target"]), ("linking", ends))
        self.assertEqual([relation["urn:gloss:from"]["id"], relation["urn:gloss:to"]["id"]], ends)
        self.assertEqual(relation["urn:gloss:to-session"], {"id": "urn:uuid:" + self.two["session"]})
        self.assertEqual(relation["urn:gloss:session"], {"id": "urn:uuid:" + self.one["session"]})
        kind, note = relation["body"]
        self.assertEqual((kind["source"]["value"], note["value"]), ("supports", "both"))
        self.assertEqual(relation["urn:gloss:attributes"], [{"urn:gloss:name": "weight", "urn:gloss:value": 3, "urn:gloss:attribute": {"id": "urn:uuid:" + self.weight}}])

    def test_several_places_are_several_targets(self):
        targets = self.items("One")[self.pieces]["target"]
        self.assertEqual([target["selector"][1]["exact"] for target in targets], ["China", "Wang Yi"])

    def test_a_project_is_all_of_its_briefs(self):
        everything = json.loads(self.gloss("export", user="ana", status=0).out)
        info = self.gloss("info", "One", "--json").json
        self.assertEqual((everything["id"], everything["label"], everything["total"]), ("urn:uuid:" + info["project"], "briefs", 6))
        by_brief = [item for brief in ("One", "Three", "Two") for item in self.items(brief)]
        self.assertEqual([item["id"].removeprefix("urn:uuid:") for item in everything["first"]["items"]], by_brief)
        self.assertEqual(list(self.items("--project", "briefs")), by_brief)
        *pages, collection = self.gloss("export", "--pages", "4", user="ana", status=0).lines
        self.assertEqual([item["id"] for page in pages for item in page["items"]], [item["id"] for item in everything["first"]["items"]])
        self.assertEqual({name: collection[name] for name in ("id", "total", "modified")}, {name: everything[name] for name in ("id", "total", "modified")})

    def test_a_reader_that_goes_away_ends_it(self):
        import subprocess
        process = self.server.spawn("export", "--lines", user="ana")
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        self.assertEqual(process.wait(support.LIMIT_S), 2)




ONE = {"@context": jsonld_rules.CONTEXT, "id": "urn:uuid:1", "type": "Annotation", "created": "2026-11-21T18:43:15.123Z",
       "body": {"type": "TextualBody", "value": "v", "purpose": "tagging"},
       "target": {"type": "SpecificResource", "source": "urn:uuid:2", "state": {"type": "TimeState", "sourceDate": "2026-11-21T18:43:15Z"},
                  "selector": [{"type": "TextPositionSelector", "start": 1, "end": 4}, {"type": "TextQuoteSelector", "exact": "b😀d", "prefix": "a", "suffix": "e"}]}}
ITEM = {key: value for key, value in ONE.items() if key != "@context"}
PAGE = {"id": "urn:c#1", "type": "AnnotationPage", "partOf": "urn:c", "startIndex": 0, "items": [ITEM]}
ALL = {"@context": jsonld_rules.CONTEXT, "id": "urn:c", "type": "AnnotationCollection", "label": "l", "total": 1, "first": PAGE, "last": "urn:c#1"}
ALONE = {"@context": jsonld_rules.CONTEXT, **PAGE}
TEXTS = {"urn:uuid:2": "ab😀de"}
GONE = object()
TIME, RANGE = "2026-11-21T18:43:15Z", {"type": "RangeSelector", "startSelector": {"type": "XPathSelector", "value": "/a"}, "endSelector": {"type": "XPathSelector", "value": "/b"}}


def with_selector(**selector):
    return ("target", "selector"), selector


# Each rule and documents that break it: what is changed in which document (ONE unless another is named).
WRONG = {
    "3.1-1": [(("@context",), GONE), (("@context",), "http://example.org/")],
    "3.1-2": [(("@context",), [jsonld_rules.CONTEXT]), (ALL, ("@context",), [jsonld_rules.CONTEXT])],
    "3.1-3": [(("id",), GONE), (("id",), ["urn:a", "urn:b"]), (("id",), "no iri"), (ALL, ("first", "items", 0, "id"), GONE)],
    "3.1-4": [(("type",), "annotation"), (("type",), GONE), (("type",), ["Note"])],
    "3.1-5": [(("target",), GONE), (("target",), []), (("target",), None)],
    "3.2.1-1": [(("target",), "no iri"), (("body",), {"type": "Image"}), (("body",), {"id": ["urn:a", "urn:b"], "type": "Image"}), (("target", "source"), {"type": "Text"}),
                (("target", "state", "cached"), "no iri")],
    "3.2.1-2": [(("body", "textDirection"), "up"), (("body", "textDirection"), ["ltr", "rtl"])],
    "3.2.4-1": [(("body", "value"), GONE), (("body", "value"), ["a", "b"])],
    "3.2.5-1": [(("bodyValue",), "v")],
    "3.2.5-2": [(("bodyValue",), {"@value": "v", "@language": "en"}), (("bodyValue",), ["a", "b"])],
    "3.2.7-1": [(("body",), {"type": ["Choice", "Other"], "items": ["urn:a"]}), (("body",), {"items": ["urn:a"]})],
    "3.3.1-1": [(("created",), [TIME, TIME]), (("body", "created"), [TIME])],
    "3.3.1-2": [(("created",), "2026-11-21T18:43:15"), (("created",), "2026-11-21T18:43:15+00:00"), (("created",), "2026-11-21"), (("created",), "2026-13-21T18:43:15Z")],
    "3.3.1-3": [(("generated",), [TIME, TIME])],
    "3.3.1-4": [(("generated",), "now")],
    "3.3.1-5": [(("modified",), [TIME, TIME])],
    "3.3.1-6": [(("modified",), 7), (ALL, ("modified",), "2026-11-21T18:43Z")],
    "3.3.2-1": [(("creator",), {"id": ["urn:a", "urn:b"]}), (("generator",), "no iri"), (("creator",), {"id": "no iri"})],
    "3.3.3-1": [(("audience",), {"id": "urn:a", "type": "EducationalAudience"}), (("audience",), {"type": "schema:Audience", "educationalRole": "teacher"})],
    "3.3.6-1": [(("rights",), "free for all"), (("rights",), ["urn:a", "b"])],
    "4-1": [(("target", "source"), GONE), (("target", "source"), ["urn:a", "urn:b"])],
    "4.2-1": [(("target", "selector", 1, "type"), GONE), (("target", "selector", 0, "type"), "Position"), (("target", "selector", 0, "type"), ["TextPositionSelector", "Other"])],
    "4.2.1-1": [with_selector(type="FragmentSelector"), with_selector(type="FragmentSelector", value=["a", "b"])],
    "4.2.1-2": [with_selector(type="FragmentSelector", value="a", conformsTo=["urn:a", "urn:b"])],
    "4.2.2-1": [with_selector(type="CssSelector")],
    "4.2.3-1": [with_selector(type="XPathSelector", value=1), (("target", "selector", 0, "refinedBy"), {"type": "XPathSelector"})],
    "4.2.4-1": [(("target", "selector", 1, "exact"), GONE), (("target", "selector", 1, "exact"), ["a"])],
    "4.2.4-2": [(("target", "selector", 1, "prefix"), ["a", "b"])],
    "4.2.4-3": [(("target", "selector", 1, "suffix"), ["a", "b"])],
    "4.2.4-4": [(("target", "selector", 1, "exact"), "b\ud83d"), (("target", "selector", 1, "exact"), "d😀b")],
    "4.2.5-1": [(("target", "selector", 0, "start"), -1), (("target", "selector", 0, "start"), GONE), (("target", "selector", 0, "start"), True)],
    "4.2.5-2": [(("target", "selector", 0, "end"), "3"), (("target", "selector", 0, "end"), 3.5)],
    "4.2.5-3": [(("target", "selector", 0, "start"), 5), (("target", "selector", 0, "end"), 5), (("target", "selector", 0), {"type": "TextPositionSelector", "start": 2, "end": 5})],
    "4.2.6-1": [with_selector(type="DataPositionSelector", end=1)],
    "4.2.6-2": [with_selector(type="DataPositionSelector", start=1)],
    "4.2.7-1": [with_selector(type="SvgSelector", value="<svg>"), with_selector(type="SvgSelector", value=["<svg/>", "<svg/>"])],
    "4.2.8-1": [with_selector(**{**RANGE, "startSelector": [RANGE["startSelector"]] * 2})],
    "4.2.8-2": [with_selector(**{key: value for key, value in RANGE.items() if key != "endSelector"})],
    "4.3-1": [(("target", "state", "type"), GONE), (("target", "state", "type"), ["TimeState"])],
    "4.3.1-1": [(("target", "state", "sourceDate"), "today"), (("target", "state", "sourceDate"), [TIME, "2026"])],
    "4.3.1-2": [(("target", "state", "sourceDateStart"), TIME), (("target", "state", "sourceDateEnd"), TIME)],
    "4.3.1-3": [(("target", "state"), {"type": "TimeState", "sourceDateStart": "2026", "sourceDateEnd": TIME})],
    "4.3.1-4": [(("target", "state"), {"type": "TimeState", "sourceDateStart": TIME})],
    "4.3.1-5": [(("target", "state"), {"type": "TimeState", "sourceDateStart": TIME, "sourceDateEnd": [TIME]})],
    "4.3.1-6": [(("target", "state"), {"type": "TimeState", "sourceDateEnd": TIME})],
    "4.3.2-1": [(("target", "state"), {"type": "HttpRequestState"})],
    "4.4-1": [(("stylesheet",), {"id": "urn:a", "type": "Sheet"})],
    "5.1-1": [(ALL, ("@context",), GONE)],
    "5.1-2": [(ALL, ("id",), ["urn:a"])],
    "5.1-3": [(ALL, ("type",), ["AnnotationCollections", "AnnotationCollection2"])],
    "5.1-4": [(ALL, ("label",), 7), (ALL, ("label",), ["a", {}])],
    "5.1-5": [(ALL, ("total",), -1), (ALL, ("total",), "1")],
    "5.1-6": [(ALL, ("first",), GONE), (ALL, ("first",), [PAGE, PAGE])],
    "5.2-1": [(ALONE, ("@context",), GONE)],
    "5.2-2": [(ALONE, ("id",), GONE), (ALL, ("first", "id"), "page one")],
    "5.2-3": [(ALL, ("first", "type"), "Page")],
    "5.2-4": [(ALL, ("first", "items"), []), (ALONE, ("items",), GONE), (ALONE, ("items",), ITEM), (ALONE, ("items",), ["no iri"])],
    "5.2-5": [(ALL, ("last",), "urn:c#2"), (ALL, ("total",), 2), (ALONE, ("next",), "page two")],
    "5.2-6": [(ALL, ("first", "startIndex"), -1), (ALONE, ("startIndex",), [0, 1])],
}


class Rules(unittest.TestCase):
    """The checker itself: it passes what is right, and each rule finds what breaks it."""

    @staticmethod
    def changed(document, path, value):
        changed = owner = copy.deepcopy(document)
        for step in path[:-1]:
            owner = owner[step]
        if value is GONE:
            del owner[path[-1]]
        else:
            owner[path[-1]] = value
        return changed

    def numbers(self, document):
        checker = jsonld_rules.Checker(TEXTS)
        if document.get("items") is not None or document.get("type") == "AnnotationPage":
            checker.page(document)
        elif "total" in document:
            checker.collection(document)
        else:
            checker.annotation(document)
        return {problem.split(" ", 1)[0] for problem in checker.broken}

    def test_what_is_right_passes(self):
        right = [ONE, ALL, ALONE, {**ONE, "@context": [jsonld_rules.CONTEXT, {"x": "urn:x"}]}, {**ONE, "target": "urn:a"}, {**ONE, "target": ["urn:a", "urn:b"]},
                 {**ONE, "body": {"type": "Choice", "items": ["urn:a", {"type": "TextualBody", "value": ""}]}},
                 {**ONE, "audience": {"id": "urn:a", "type": "schema:Audience", "schema:role": "x"}, "rights": "urn:r", "creator": [{"name": "a"}, "urn:b"]},
                 {**ITEM, "@context": jsonld_rules.CONTEXT, "body": {"type": "SpecificResource", "purpose": "tagging", "source": {"id": "urn:l", "type": "TextualBody", "value": "l"}}},
                 self.changed(ONE, ("target", "selector"), RANGE), self.changed(ONE, ("target", "selector"), {"type": "SvgSelector", "value": "<svg/>"}),
                 self.changed(ONE, ("target", "state"), {"type": "TimeState", "sourceDateStart": TIME, "sourceDateEnd": TIME}),
                 {"@context": jsonld_rules.CONTEXT, "id": "urn:c", "type": "AnnotationCollection", "total": 0}, {**ALL, "first": "urn:c#1"},
                 {**ALL, "total": 2, "last": "urn:c#2", "first": {**PAGE, "next": "urn:c#2"}}]
        for document in right:
            self.assertEqual(jsonld_rules.check(document, TEXTS), [])

    def test_each_rule_refuses_a_wrong_document(self):
        for number, changes in WRONG.items():
            for change in changes:
                document, path, value = change if len(change) == 3 else (ONE, *change)
                with self.subTest(number, path=path, value=str(value)[:60]):
                    self.assertIn(number, self.numbers(self.changed(document, path, value)))

    def test_every_rule_is_tried(self):
        self.assertEqual(sorted(WRONG), sorted(jsonld_rules.RULES))

    def test_pages_must_fit_together(self):
        def pages(**more):
            first, second = {**ALONE, "next": "urn:c#2"}, {**ALONE, "id": "urn:c#2", "startIndex": 1, **more}
            return "\n".join(json.dumps(line) for line in (first, second, {**{key: value for key, value in ALL.items() if key != "first"}, "first": "urn:c#1", "total": 2, "last": "urn:c#2"}))
        self.assertEqual(jsonld_rules.check_text(pages()), [])
        for wrong in ({"startIndex": 2}, {"next": "urn:c#3"}, {"id": "urn:c#9"}, {"items": [ITEM, ITEM]}):
            self.assertNotEqual(jsonld_rules.check_text(pages(**wrong)), [], wrong)


if __name__ == "__main__":
    main()
