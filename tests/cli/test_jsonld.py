#!/usr/bin/python3
"""export: every MUST rule of the W3C model holds, and what is exported is what is there."""
import copy
import json
import unittest

from case import CliCase, MIXED, PLAIN, main
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
        for brief in ("plain.md", "mixed.txt", "empty.md"):
            document = json.loads(self.export(brief).out)
            self.assertEqual(jsonld_rules.check(document), [])
            self.assertIsInstance(document["@context"], str)
            for line in self.export(brief, "--lines").lines:
                self.assertEqual(jsonld_rules.check(line), [])

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
        self.assertEqual((tagging["type"], tagging["value"], tagging["purpose"]), ("TextualBody", "claim", "tagging"))
        self.assertEqual((commenting["type"], commenting["value"], commenting["purpose"]), ("TextualBody", "a note", "commenting"))
        self.assertEqual((item["creator"]["type"], item["creator"]["name"]), ("Person", "ana"))
        self.assertEqual(item["generator"]["type"], "Software")
        self.assertEqual((item["created"], item["modified"]), (log[0]["at"], log[5]["at"]))
        self.assertEqual((item["motivation"], item["urn:gloss:status"]), ("tagging", "accepted"))

    def test_where_it_came_from(self):
        item = self.items()[-1]
        self.assertEqual((item["creator"]["type"], item["creator"]["name"], item["creator"]["nickname"]), ("Software", "tagger/2.0", "ana"))
        self.assertEqual((item["urn:gloss:run"], item["urn:gloss:confidence"], item["urn:gloss:status"]), ("nightly", 930, "proposed"))
        self.assertEqual({entry["urn:gloss:name"]: entry["urn:gloss:value"] for entry in item["urn:gloss:attributes"]}, {"sure": True, "n": 7, "who": "é"})

    def test_positions_are_code_points(self):
        for item in self.items("mixed.txt"):
            position, quote = item["target"]["selector"]
            self.assertEqual(MIXED[position["start"]:position["end"]], quote["exact"])

    def test_the_same_state_gives_the_same_bytes(self):
        self.assertEqual(self.export("plain.md").bytes, self.export("plain.md").bytes)


class Rules(unittest.TestCase):
    """The checker itself finds what is wrong."""
    good = {"@context": jsonld_rules.CONTEXT, "id": "urn:uuid:1", "type": "Annotation", "body": {"type": "TextualBody", "value": "v", "purpose": "tagging"},
            "created": "2026-11-21T18:43:15.123Z",
            "target": {"type": "SpecificResource", "source": "urn:uuid:2", "state": {"type": "TimeState", "sourceDate": "2026-11-21T18:43:15Z"},
                       "selector": [{"type": "TextPositionSelector", "start": 0, "end": 3}, {"type": "TextQuoteSelector", "exact": "abc"}]}}

    def test_good(self):
        self.assertEqual(jsonld_rules.check(self.good), [])
        self.assertEqual(jsonld_rules.check({**self.good, "@context": [jsonld_rules.CONTEXT, {"x": "urn:x"}]}), [])

    def test_each_mistake_is_found(self):
        def change(path, value):
            changed = copy.deepcopy(self.good)
            owner = changed
            for step in path[:-1]:
                owner = owner[step]
            if value is None:
                del owner[path[-1]]
            else:
                owner[path[-1]] = value
            return changed
        mistakes = [(("@context",), None), (("@context",), [jsonld_rules.CONTEXT]), (("@context",), "http://example.org/"), (("id",), None), (("id",), ["urn:a", "urn:b"]),
                    (("id",), "no iri"), (("type",), "annotation"), (("target",), None), (("target",), []), (("bodyValue",), "v"), (("body", "value"), None),
                    (("body", "value"), ["a", "b"]), (("created",), "2026-11-21T18:43:15"), (("created",), "2026-11-21T18:43:15+00:00"), (("created",), ["a"]),
                    (("target", "source"), None), (("target", "source"), ["urn:a", "urn:b"]), (("target", "selector", 0, "start"), -1),
                    (("target", "selector", 0, "end"), "3"), (("target", "selector", 0, "start"), 4), (("target", "selector", 1, "exact"), None),
                    (("target", "selector", 1, "prefix"), ["a", "b"]), (("target", "selector", 1, "type"), None), (("target", "state", "sourceDate"), "today"),
                    (("target", "state", "sourceDateStart"), "2026-11-21T18:43:15Z"), (("target", "state", "cached"), "no iri")]
        for path, value in mistakes:
            self.assertNotEqual(jsonld_rules.check(change(path, value)), [], f"{path} = {value!r}")
        collection = {"@context": jsonld_rules.CONTEXT, "id": "urn:c", "type": "AnnotationCollection", "total": 1}
        item = {key: value for key, value in self.good.items() if key != "@context"}
        page = {"id": "urn:p", "type": "AnnotationPage", "items": [item]}
        self.assertEqual(jsonld_rules.check({**collection, "first": page}), [])
        for wrong in ({}, {"first": {**page, "items": []}}, {"first": {**page, "@context": jsonld_rules.CONTEXT}}, {"first": page, "total": -1},
                      {"first": {**page, "items": [self.good]}}, {"first": page, "label": 7}):
            self.assertNotEqual(jsonld_rules.check({**collection, **wrong}), [], str(wrong)[:80])


if __name__ == "__main__":
    main()
