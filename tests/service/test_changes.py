#!/usr/bin/python3
"""One change at a time: what is taken and what is refused, and where in the text it lies."""
import unicodedata

import case
from case import TEXT, create, new_id, update
from session_case import SessionCase


class Changes(SessionCase):
    """What a change may be, row by row."""

    @classmethod
    def prepare(cls):
        with case.Client(cls.server, "admin") as admin:
            cls.session = admin.upload(cls.project, TEXT, title="Changes")["document"]["session"]
            cls.revision = admin.call("session.join", session=cls.session)["document"]["revision"]

    def setUp(self):
        (self.ana,) = self.joined(self.session, "ana")

    def test_what_is_refused(self):
        annotation, seq = self.made(self.ana, self.session)
        there, base = annotation, {"base": seq}
        span = {"type": "spans", "spans": [{"exact": "Nobody"}]}
        new = {"kind": "annotation.create", "target": span}
        edit = {"kind": "annotation.update", "annotation": there}
        rows = [
            ("no kind", {}, {}, "invalid_params", "change.kind"),
            ("another kind", {"kind": "annotation.merge"}, {}, "invalid_params", "change.kind"),
            ("a kind of projects", {"kind": "label.create", "name": "x"}, {}, "invalid_params", "change.kind"),
            ("a number", {"kind": 1}, {}, "invalid_params", "change.kind"),
            ("an unknown member", {**new, "colour": "blue"}, {}, "invalid_params", "change.colour"),
            ("an unknown member of an update", {**edit, "note": "x", "agent": "a/1"}, base, "invalid_params", "change.agent"),
            ("no target", {"kind": "annotation.create"}, {}, "invalid_params", "change.target"),
            ("target null", {"kind": "annotation.create", "target": None}, {}, "invalid_params", None),
            ("an id that is none", {**new, "annotation": "x"}, {}, "invalid_params", "change.annotation"),
            ("an id that is there", {**new, "annotation": there}, {}, "exists", "change.annotation"),
            ("label empty", {**new, "label": ""}, {}, "invalid_params", "change.label"),
            ("label too long", {**new, "label": "é" * 129}, {}, "invalid_params", "change.label"),
            ("label a number", {**new, "label": 7}, {}, "invalid_params", "change.label"),
            ("label null in a create", {**new, "label": None}, {}, "invalid_params", "change.label"),
            ("label an unknown id", {**new, "label": new_id()}, {}, "unknown_label", "change.label"),
            ("note a number", {**new, "note": 7}, {}, "invalid_params", "change.note"),
            ("note too long", {**new, "note": "n" * 65537}, {}, "too_large", "change.note"),
            ("status unknown", {**new, "status": "done"}, {}, "invalid_params", "change.status"),
            ("attributes a list", {**new, "attributes": []}, {}, "invalid_params", "change.attributes"),
            ("attribute name", {**new, "attributes": {"1st": 1}}, {}, "invalid_params", "change.attributes"),
            ("attribute name with a space", {**new, "attributes": {"a b": 1}}, {}, "invalid_params", "change.attributes"),
            ("attribute name too long", {**new, "attributes": {"a" * 65: 1}}, {}, "invalid_params", "change.attributes"),
            ("attribute a list", {**new, "attributes": {"a": [1]}}, {}, "invalid_params", "change.attributes.a"),
            ("attribute null in a create", {**new, "attributes": {"a": None}}, {}, "invalid_params", "change.attributes.a"),
            ("attribute too long", {**new, "attributes": {"a": "x" * 4097}}, {}, "invalid_params", "change.attributes.a"),
            ("attributes too many", {**new, "attributes": {f"a{i}": i for i in range(65)}}, {}, "too_large", "change.attributes"),
            ("agent empty", {**new, "agent": ""}, {}, "invalid_params", "change.agent"),
            ("run too long", {**new, "run": "r" * 257}, {}, "invalid_params", "change.run"),
            ("confidence too high", {**new, "confidence": 1001}, {}, "invalid_params", "change.confidence"),
            ("confidence negative", {**new, "confidence": -1}, {}, "invalid_params", "change.confidence"),
            ("confidence a text", {**new, "confidence": "high"}, {}, "invalid_params", "change.confidence"),
            ("an update of nothing", edit, base, "invalid_params", "change.kind"),
            ("an update of no attributes", {**edit, "attributes": {}}, base, "invalid_params", "change.kind"),
            ("no annotation", {"kind": "annotation.update", "note": "x"}, base, "invalid_params", "change.annotation"),
            ("an annotation that is not there", {"kind": "annotation.delete", "annotation": new_id()}, base, "not_found", "change.annotation"),
            ("a delete with more", {"kind": "annotation.delete", "annotation": there, "note": "x"}, base, "invalid_params", "change.note"),
            ("a mode by an annotator", {"kind": "session.mode", "mode": "closed"}, {}, "forbidden", None),
        ]
        before = self.ana.replicas[self.session].place()
        for what, change, more, name, path in rows:
            with self.subTest(what=what):
                self.assertError(self.ana.refused(self.session, {"id": new_id(), "change": change, **more}), name, path)
        self.assertEqual(self.ana.replicas[self.session].place(), before)
        self.settle(self.session, self.ana)

    def test_what_is_taken(self):
        everything = {"label": "é" * 128, "note": "n" * 65536, "status": "resolved", "agent": "a" * 256, "run": "r" * 256, "confidence": 1000,
                      "attributes": {"a" * 64: "x" * 4096, "_b.c-d": -(2**53) + 1, "yes": True, "no": False, "empty": "", "zero": 0}}
        made = self.ana.one(self.session, create(exact="Nobody", **everything))
        replica = self.ana.wait_seq(self.session, made["seq"])
        record = replica.records[made["annotation"]]
        for member, value in everything.items():
            if member != "label":
                self.assertEqual(record[member], value)
        many = create("claim", exact="Nobody", attributes={f"a{i}": i for i in range(64)})
        made = self.ana.one(self.session, many)
        gone = self.ana.one(self.session, update(made["annotation"], made["seq"], attributes={"a1": None, "b1": 1}))
        record = self.ana.wait_seq(self.session, gone["seq"]).records[made["annotation"]]
        self.assertEqual(len(record["attributes"]), 64)
        self.assertEqual(record["seqs"]["attributes.a1"], gone["seq"])
        error = self.ana.refused(self.session, update(made["annotation"], gone["seq"], attributes={"c1": 1}))
        self.assertError(error, "too_large", "change.attributes")
        self.settle(self.session, self.ana)

    def test_defaults_and_taking_away(self):
        plain = self.ana.one(self.session, create("claim", exact="Nobody"))
        by_program = self.ana.one(self.session, create("claim", exact="Nobody", agent="cuebot/1.2", note="x", attributes={"a": 1}))
        replica = self.ana.wait_seq(self.session, by_program["seq"])
        self.assertEqual((replica.records[plain["annotation"]]["status"], replica.records[by_program["annotation"]]["status"]), ("active", "proposed"))
        self.assertFalse({"note", "attributes", "confidence", "who", "deleted"} & set(replica.records[plain["annotation"]]))
        edit = self.ana.one(self.session, update(by_program["annotation"], by_program["seq"], note=None, label=None, attributes={"a": None}))
        record = self.ana.wait_seq(self.session, edit["seq"]).records[by_program["annotation"]]
        self.assertFalse({"note", "label", "attributes"} & set(record))
        self.assertEqual([record["seqs"][name] for name in ("note", "label", "attributes.a")], [edit["seq"]] * 3)
        self.ana.one(self.session, update(by_program["annotation"], edit["seq"], note=""))
        self.settle(self.session, self.ana)

    def test_the_stored_target_is_whole(self):
        made = self.ana.one(self.session, create("claim", start=8, end=23))
        target = self.ana.wait_seq(self.session, made["seq"]).records[made["annotation"]]["target"]
        self.assertEqual(target, {"type": "spans", "revision": self.revision, "spans": [
            {"start": 8, "end": 23, "exact": TEXT[8:23], "prefix": TEXT[:8], "suffix": TEXT[23:23 + 32]}]})

    def test_unicode_stays_as_it_is(self):
        for text in ("e\u0301", "é", "\u202e", "👩‍⚖️", "\ufffe", "a\tb\nc\rd\x01\x7f", "\\\"/", "\ufeff"):
            made = self.ana.one(self.session, create("claim", exact="Nobody", note=text, attributes={"a": text}))
            record = self.ana.wait_seq(self.session, made["seq"]).records[made["annotation"]]
            self.assertEqual((record["note"], record["attributes"]["a"]), (text, text))
        self.settle(self.session, self.ana)


class Places(SessionCase):
    @classmethod
    def prepare(cls):
        with case.Client(cls.server, "admin") as admin:
            cls.session = admin.upload(cls.project, TEXT, title="Places")["document"]["session"]
            many = "".join(f"line {i} says the same words\n" for i in range(30))
            cls.long = many + "x" * 40000
            cls.long_session = admin.upload(cls.project, cls.long, title="Long")["document"]["session"]

    def setUp(self):
        (self.ana,) = self.joined(self.session, "ana")

    def place(self, *spans, session=None, **more):
        session = session or self.session
        op = {"id": new_id(), "change": {"kind": "annotation.create", "target": {"type": "spans", "spans": list(spans), **more}}}
        made = self.ana.one(session, op)
        if session not in self.ana.replicas:
            self.ana.join(session)
        record = self.ana.wait_seq(session, made["seq"]).records[made["annotation"]]
        return [(span["start"], span["end"]) for span in record["target"]["spans"]]

    def refuse(self, name, path, *spans, session=None, **more):
        op = {"id": new_id(), "change": {"kind": "annotation.create", "target": {"type": "spans", "spans": list(spans), **more}}}
        error = self.ana.refused(session or self.session, op)
        self.assertError(error, name, path and "change.target" + path)
        return error

    def find(self, words, nth=1):
        at = -1
        for _ in range(nth):
            at = TEXT.index(words, at + 1)
        return at, at + len(words)

    def test_quotes(self):
        self.assertEqual(self.place({"exact": "Nobody"}), [self.find("Nobody")])
        self.assertEqual(self.place({"exact": "edits", "prefix": "Nobody "}), [self.find("edits", 2)])
        self.assertEqual(self.place({"exact": "edits", "suffix": " last wins"}), [self.find("edits")])
        self.assertEqual(self.place({"exact": "edits", "nth": 2}), [self.find("edits", 2)])
        self.assertEqual(self.place({"exact": "edits", "nth": 1}), [self.find("edits")])
        self.assertEqual(self.place({"exact": "“last”"}), [self.find("“last”")])
        self.assertEqual(self.place({"exact": "喀布尔的塔利班"}), [self.find("喀布尔的塔利班")])
        start, end = self.find("Nobody")
        self.assertEqual(self.place({"start": start, "end": end, "exact": "Nobody"}), [(start, end)])
        self.assertEqual(self.place({"start": start, "end": end, "prefix": "\n\n", "suffix": " edits"}), [(start, end)])
        self.assertEqual(self.place({"exact": "👩‍⚖️"}), [self.find("👩‍⚖️")])

    def test_composed_and_decomposed(self):
        for words in ("café", "cafe\u0301"):
            self.assertEqual(self.place({"exact": words}), [self.find(words)], "what stands there exactly wins")
        loud = unicodedata.normalize("NFC", "cafe\u0301 was loud")
        self.assertEqual(self.place({"exact": loud}), [self.find("cafe\u0301 was loud")])

    def test_not_found_shows_what_comes_near(self):
        for words, near in (("Nobdy edits", "Nobody"), ("Moskow and Beijing stood together", "Moscow and Beijing stood together"), ("edits “last” on porpose", "“last” on purpose")):
            error = self.refuse("quote_not_found", ".spans[0].exact", {"exact": words})
            self.assertIn(words, error.message)
            candidates = error.data["candidates"]
            self.assertTrue(candidates, error)
            for it in candidates:
                self.assertEqual(TEXT[it["start"]:it["end"]], it["exact"])
                self.assertTrue(0 < it["score"] <= 1000)
            self.assertEqual([it["score"] for it in candidates], sorted((it["score"] for it in candidates), reverse=True))
            self.assertIn(near, candidates[0]["exact"])
        error = self.refuse("quote_not_found", ".spans[0].exact", {"exact": "zzzzqqqq xxxxxx wwwww"})
        self.assertEqual(error.data.get("candidates", []), [])

    def test_found_but_not_there(self):
        error = self.refuse("quote_not_found", ".spans[0].prefix", {"exact": "Nobody", "prefix": "somewhere "})
        self.assertEqual([(it["start"], it["end"]) for it in error.data["candidates"]], [self.find("Nobody")])
        error = self.refuse("quote_not_found", ".spans[0].nth", {"exact": "edits", "nth": 3})
        self.assertEqual(error.data["count"], 2)

    def test_ambiguous(self):
        error = self.refuse("quote_ambiguous", ".spans[0].exact", {"exact": "edits"})
        self.assertEqual(error.data["count"], 2)
        for nth, it in enumerate(error.data["candidates"], 1):
            start, end = self.find("edits", nth)
            self.assertEqual(it, {"start": start, "end": end, "prefix": TEXT[max(0, start - 32):start], "suffix": TEXT[end:end + 32]})
        self.assertEqual(len(error.data["candidates"]), 2)
        error = self.refuse("quote_ambiguous", ".spans[0].exact", {"exact": "the same words"}, session=self.long_session)
        self.assertEqual((error.data["count"], len(error.data["candidates"])), (30, 20))

    def test_position_and_quote_disagree(self):
        error = self.refuse("quote_mismatch", ".spans[0].exact", {"start": 0, "end": 7, "exact": "Nobody"})
        self.assertEqual(error.data["found"], "Whoever")
        self.refuse("quote_mismatch", ".spans[0].prefix", {"start": 8, "end": 13, "prefix": "Nobody "})
        self.refuse("quote_mismatch", ".spans[0].suffix", {"start": 8, "end": 13, "suffix": " first"})

    def test_outside(self):
        length = len(TEXT)
        self.assertEqual(self.place({"start": length - 1, "end": length}), [(length - 1, length)])
        error = self.refuse("out_of_range", ".spans[0].end", {"start": 0, "end": length + 1})
        self.assertEqual(error.data["length"], length)
        self.assertIn(str(length), error.message)
        self.refuse("out_of_range", ".spans[0].start", {"start": length + 1, "end": length + 2})
        self.refuse("out_of_range", None, {"start": 2**53 - 1, "end": 2**53 - 1})
        self.refuse("invalid_params", None, {"start": 5, "end": 4})

    def test_graphemes_are_not_cut(self):
        judge, _ = self.find("👩‍⚖️")
        flags, _ = self.find("🇦🇫🇺🇸")
        accent, _ = self.find("e\u0301")
        line_end, _ = self.find("\r\n")
        for at, nearest in ((judge + 1, [judge, judge + 4]), (judge + 3, [judge, judge + 4]), (flags + 1, [flags, flags + 2]), (flags + 3, [flags + 2, flags + 4]),
                            (accent + 1, [accent, accent + 2]), (line_end + 1, [line_end, line_end + 2])):
            error = self.refuse("splits_grapheme", ".spans[0].start", {"start": at, "end": at + 8})
            self.assertEqual(error.data["nearest"], nearest)
            error = self.refuse("splits_grapheme", ".spans[0].end", {"start": judge - 5, "end": at}) if at > judge else None
            self.assertTrue(error is None or error.data["nearest"] == nearest)
        self.assertEqual(self.place({"start": flags + 2, "end": flags + 4}), [(flags + 2, flags + 4)])

    def test_spans(self):
        self.assertEqual(self.place({"start": 0, "end": 2}, {"start": 2, "end": 4}, {"exact": "Nobody"}), [(0, 2), (2, 4), self.find("Nobody")])
        self.assertEqual(self.place({"start": 5, "end": 5}), [(5, 5)])
        ones = [{"start": i * 2, "end": i * 2 + 1} for i in range(64)]
        self.assertEqual(len(self.place(*ones, session=self.long_session)), 64)
        self.refuse("invalid_params", ".spans", *ones, {"start": 200, "end": 201}, session=self.long_session)
        self.refuse("invalid_params", ".spans")
        self.refuse("invalid_params", ".spans[1]", {"start": 0, "end": 3}, {"start": 2, "end": 5})
        self.refuse("invalid_params", ".spans[1]", {"start": 4, "end": 5}, {"start": 0, "end": 2})
        self.refuse("invalid_params", ".spans[0]", {"start": 4, "end": 4}, {"start": 6, "end": 8})
        self.refuse("invalid_params", ".spans[0].exact", {"exact": ""})
        self.refuse("invalid_params", ".spans[0]", {})
        self.refuse("invalid_params", ".spans[0].end", {"start": 1})
        self.refuse("invalid_params", ".spans[0].start", {"end": 1})
        self.refuse("invalid_params", ".spans[0].colour", {"start": 0, "end": 1, "colour": 1})
        self.refuse("invalid_params", ".spans[0].nth", {"start": 0, "end": 1, "nth": 1})
        self.refuse("invalid_params", ".spans[0].nth", {"exact": "edits", "nth": 0})
        self.assertEqual(self.place({"start": 1000, "end": 17384}, session=self.long_session), [(1000, 17384)])
        self.refuse("too_large", ".spans[0]", {"start": 1000, "end": 17385}, session=self.long_session)
        self.refuse("too_large", ".spans[1]", {"start": 1000, "end": 9192}, {"start": 10000, "end": 18193}, session=self.long_session)

    def test_targets(self):
        self.refuse("wrong_revision", ".revision", {"start": 0, "end": 1}, revision=new_id())
        revision = self.ana.replicas[self.session].revision
        self.assertEqual(self.place({"start": 0, "end": 1}, revision=revision), [(0, 1)])
        for target, path in (({"type": "words"}, ".type"), ({}, ".type"), ({"type": "document", "spans": []}, ".spans"), ({"type": "spans", "spans": {}}, ".spans"),
                             ({"type": "spans", "spans": [7]}, ".spans[0]"), ({"type": "spans", "spans": [{"start": "0", "end": 1}]}, ".spans[0].start")):
            error = self.ana.refused(self.session, {"id": new_id(), "change": {"kind": "annotation.create", "target": target}})
            self.assertError(error, "invalid_params", "change.target" + path)

    def test_a_new_target(self):
        annotation, seq = self.made(self.ana, self.session)
        moved = self.ana.one(self.session, update(annotation, seq, target={"type": "spans", "spans": [{"exact": "Whoever"}]}))
        record = self.ana.wait_seq(self.session, moved["seq"]).records[annotation]
        self.assertEqual(record["target"]["spans"][0]["exact"], "Whoever")
        error = self.ana.refused(self.session, update(annotation, moved["seq"], target={"type": "spans", "spans": [{"exact": "edits"}]}))
        self.assertError(error, "quote_ambiguous", "change.target.spans[0].exact")
        self.settle(self.session, self.ana)


if __name__ == "__main__":
    case.main()
