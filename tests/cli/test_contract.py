#!/usr/bin/python3
"""The forms that scripts rely on, field by field (issue: contract from outside)."""
import hashlib
import json
import os
import re
import uuid

from case import CliCase, MIXED, PLAIN, SHA256, TIME, UUID, main


class Contract(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")
        cls.server.user("ben", role="annotator")
        cls.brief = cls.server.import_text(PLAIN, name="plain.md")
        cls.mixed = cls.server.import_text(MIXED, name="mixed.txt")

    def tag(self, *args, user="ana"):
        return self.gloss("tag", "Taliban and", *args, "--json", user=user, status=0).json

    # ---- import, cat, ls, info

    def test_import_tells_what_it_made(self):
        for text, brief in ((PLAIN, self.brief), (MIXED, self.mixed)):
            data = text.encode()
            self.assertRegex(brief["document"], UUID)
            self.assertRegex(brief["session"], UUID)
            self.assertEqual(brief["sha256"], hashlib.sha256(data).hexdigest())
            self.assertEqual((brief["bytes"], brief["codepoints"]), (len(data), len(text)))
            self.assertNotIn("existing", brief)
        self.assertEqual(self.brief["title"], "Taliban and neighbours")

    def test_the_same_bytes_again_make_nothing_new(self):
        before = len(self.gloss("ls", "--json").lines)
        again = self.server.import_text(PLAIN, name="other-name.md")
        self.assertIs(again["existing"], True)
        self.assertEqual(again["document"], self.brief["document"])
        self.assertEqual(len(self.gloss("ls", "--json").lines), before)

    def test_import_of_several_files_gives_a_line_each(self):
        paths = []
        for i in range(3):
            paths.append(f"{self.server.folder}/several-{i}.md")
            with open(paths[-1], "w") as file:
                file.write(f"Several {i}\n\nwords\n")
        lines = self.gloss("import", "--json", *paths, status=0).lines
        self.assertEqual([line["title"] for line in lines], ["Several 0", "Several 1", "Several 2"])
        self.assertEqual(lines[2]["filename"], "several-2.md")

    def test_import_from_standard_input(self):
        done = self.gloss("import", "--json", "-", "--title", "By hand", stdin="words from a pipe\n", status=0)
        self.assertEqual(done.json["title"], "By hand")
        self.assertEqual(self.gloss("cat", "By hand").bytes, b"words from a pipe\n")

    def test_cat_gives_the_exact_bytes(self):
        for text, brief in ((PLAIN, self.brief), (MIXED, self.mixed)):
            for name in (brief["document"], brief["title"][:5], brief["title"]):
                self.assertEqual(self.gloss("cat", name, status=0).bytes, text.encode())

    def test_bytes_out_are_bytes_in(self):
        texts = {
            "bom": b"\xef\xbb\xbfWith a mark\r\nand CR LF\r\n",
            "forms": "NFC \u00e9 and NFD e\u0301, \U0001d11e \U0010fffd \u2028 line\n".encode(),
            "no end": b"no line end",
            "odd": b"\x01\x02\x1b[31m\x7f\xc2\x85 controls\r\rlone CR\n",
            "long": ("A long line of words. " * 40000 + "\n").encode(),
        }
        for name, data in texts.items():
            with self.subTest(name):
                brief = self.server.import_text(data, title=f"Exact {name}", name="exact.txt")
                self.assertEqual(brief["sha256"], hashlib.sha256(data).hexdigest())
                self.assertEqual(self.gloss("cat", f"Exact {name}", status=0).bytes, data)

    def test_ls_gives_a_line_for_each_brief(self):
        lines = {line["document"]: line for line in self.gloss("ls", "--json", user="ana", status=0).lines}
        line = lines[self.brief["document"]]
        for name in ("title", "session", "sha256", "bytes", "codepoints"):
            self.assertEqual(line[name], self.brief[name])
        self.assertRegex(line["created"], TIME)
        self.assertEqual([line["title"] for line in self.gloss("ls", "mixed", "--json").lines], ["Mixed scripts"])

    def test_info_tells_where_the_session_stands(self):
        info = self.gloss("info", "Mixed", "--json", user="ana", status=0).json
        for name in ("document", "session", "title", "sha256", "bytes", "codepoints"):
            self.assertEqual(info[name], self.mixed[name])
        self.assertRegex(info["chain"], SHA256)
        self.assertRegex(info["state"], SHA256)
        self.assertEqual((info["role"], info["mode"], info["project_name"]), ("annotator", "shared", "briefs"))

    # ---- tag, note, edit, rm, restore

    def test_tag_by_quote(self):
        done = self.tag("closer ties", "--label", "claim")
        self.assertRegex(done["op"], UUID)
        self.assertRegex(done["annotation"], UUID)
        self.assertIsInstance(done["seq"], int)
        start = PLAIN.index("closer ties")
        self.assertEqual((done["start"], done["end"], done["exact"]), (start, start + 11, "closer ties"))

    def test_tag_with_nth_and_note(self):
        done = self.tag("China and Russia", "--label", "actor", "--nth", "2", "--note", "twice")
        self.assertEqual(done["start"], PLAIN.rindex("China and Russia"))
        self.assertEqual(self.record(done["annotation"])["note"], "twice")

    def test_tag_by_position_with_and_without_the_words(self):
        start = PLAIN.index("Wang Yi")
        alone = self.tag("--start", start, "--end", start + 7, "--label", "person")
        both = self.tag("Wang Yi", "--start", start, "--end", start + 7, "--label", "person")
        self.assertEqual(alone["exact"], "Wang Yi")
        self.assertEqual(both["start"], start)

    def test_tag_by_context(self):
        done = self.tag("China", "--prefix", "Taliban. ", "--label", "actor")
        self.assertEqual(done["start"], PLAIN.index("China and Russia are"))

    def test_positions_are_code_points(self):
        text = MIXED
        for words in ("俄罗斯", "بالعالم", "עולם", "👩‍👩‍👧‍👦", "🇦🇫", "e\u0301tude"):
            done = self.gloss("tag", "Mixed", words, "--label", "script", "--json", user="ana", status=0).json
            self.assertEqual((done["start"], done["end"], done["exact"]), (text.index(words), text.index(words) + len(words), words))

    def test_tag_the_whole_brief(self):
        done = self.tag("--whole", "--label", "read")
        self.assertNotIn("start", done)
        self.assertEqual(self.record(done["annotation"])["target"]["type"], "document")

    def test_note(self):
        done = self.gloss("note", "Taliban", "both seek", "Is that so?", "--json", user="ana", status=0).json
        self.assertEqual(done["exact"], "both seek")
        record = self.record(done["annotation"])
        self.assertEqual(record["note"], "Is that so?")
        self.assertNotIn("label", record)

    def record(self, annotation, brief="Taliban and"):
        records = {record["id"]: record for record in self.gloss("show", brief, "--json", user="ana", status=0).json["annotations"]}
        return records.get(annotation)

    def test_edit_each_field(self):
        made = self.tag("are cautious", "--label", "claim", "--note", "first")
        start = PLAIN.index("cautious")
        for options, name, value in ((["--label", "stance"], "label_name", "stance"), (["--note", "second"], "note", "second"),
                                     (["--status", "accepted"], "status", "accepted"), (["--start", start, "--end", start + 8], "exact", "cautious")):
            done = self.gloss("edit", made["annotation"], *options, "--json", user="ana", status=0).json
            self.assertEqual(done["annotation"], made["annotation"])
            self.assertGreater(done["seq"], made["seq"])
            self.assertEqual(self.record(made["annotation"])[name], value)
        self.assertEqual((done["start"], done["end"], done["exact"]), (start, start + 8, "cautious"))
        self.gloss("edit", made["annotation"], "--label", "", "--note", "", "--json", user="ana", status=0)
        record = self.record(made["annotation"])
        self.assertNotIn("label", record)
        self.assertNotIn("note", record)

    def test_edit_takes_the_beginning_of_an_id(self):
        made = self.tag("neighbours", "--label", "who")
        for length in (12, 20, 36):
            done = self.gloss("edit", made["annotation"][:length], "--note", f"by {length}", "--json", user="ana", status=0).json
            self.assertEqual(done["annotation"], made["annotation"])
        self.gloss("edit", made["annotation"], "--brief", "Taliban", "--note", "by brief", "--json", user="ana", status=0)

    def test_rm_and_restore(self):
        made = self.tag("said", "--label", "verb")
        gone = self.gloss("rm", made["annotation"], "--json", user="ana", status=0).json
        self.assertEqual((gone["annotation"], gone["start"], gone["deleted"]), (made["annotation"], made["start"], True))
        self.assertIsNone(self.record(made["annotation"]))
        back = self.gloss("restore", made["annotation"], "--json", user="ana", status=0).json
        self.assertEqual(back["exact"], "said")
        self.assertEqual(self.record(made["annotation"])["label_name"], "verb")

    def test_the_same_op_again_changes_nothing(self):
        op = str(uuid.uuid4())
        first = self.tag("Wang", "--label", "person", "--op", op)
        again = self.tag("Wang", "--label", "person", "--op", op)
        self.assertEqual((first["op"], first["seq"], first["annotation"]), (again["op"], again["seq"], again["annotation"]))

    def test_a_stale_edit_exits_3_and_gives_the_current_value(self):
        made = self.tag("with the Taliban", "--label", "one")
        changed = self.gloss("edit", made["annotation"], "--label", "two", "--json", user="ben", status=0).json
        done = self.gloss("edit", made["annotation"], "--label", "three", "--base", made["seq"], "--json", user="ana", status=3)
        error = done.json["error"]
        self.assertEqual((error["name"], error["field"], error["seq"]), ("stale", "label", changed["seq"]))
        self.assertEqual((error["current"]["id"], error["author_name"]), (made["annotation"], "ben"))
        self.assertEqual(self.record(made["annotation"])["label_name"], "two")
        other = self.gloss("edit", made["annotation"], "--note", "another field merges", "--base", made["seq"], "--json", user="ana", status=0)
        self.assertEqual(other.json["annotation"], made["annotation"])

    def test_a_refused_op_exits_3_with_its_name(self):
        for args, name in ((("China", "--label", "x"), "quote_ambiguous"), (("Kabull", "--label", "x"), "quote_not_found"),
                           (("--start", "0", "--end", "99999", "--label", "x"), "out_of_range"),
                           (("China", "--start", "0", "--end", "5", "--label", "x"), "quote_mismatch")):
            error = self.gloss("tag", "Taliban", *args, "--json", user="ana", status=3).json["error"]
            self.assertEqual(error["name"], name)
            self.assertTrue(error["message"])
        error = self.gloss("tag", "Taliban", "China", "--label", "x", "--json", user="ana", status=3).json["error"]
        self.assertEqual([place["start"] for place in error["candidates"]], [m.start() for m in re.finditer("China", PLAIN)])

    # ---- watch, log, show, verify

    def test_watch_gives_every_op_in_order(self):
        head = self.gloss("info", "Mixed", "--json").json["seq"]
        if head == 0:
            self.test_positions_are_code_points()
            head = self.gloss("info", "Mixed", "--json").json["seq"]
        lines = self.gloss("watch", "Mixed", "--json", "--until", head, user="ben", status=0).lines
        self.assertEqual([line["seq"] for line in lines], list(range(1, head + 1)))
        for line in lines:
            self.assertRegex(line["op"], UUID)
            self.assertRegex(line["author"], UUID)
            self.assertRegex(line["at"], TIME)
            self.assertEqual((line["kind"], line["author_name"]), ("annotation.create", "ana"))
            self.assertEqual(line["annotation"]["label_name"], "script")
            self.assertEqual(line["annotation"]["created"], line["seq"])
        some = self.gloss("watch", "Mixed", "--json", "--since", 2, "--until", 4, user="ben", status=0).lines
        self.assertEqual(some, lines[2:4])

    def test_log_gives_the_same_lines(self):
        self.tag("Taliban and neighbours", "--label", "title")
        head = self.gloss("info", "Taliban", "--json").json["seq"]
        watched = self.gloss("watch", "Taliban", "--json", "--since", 0, "--until", head, status=0).lines
        self.assertEqual(self.gloss("log", "Taliban", "--json", status=0).lines, watched)

    def test_the_raw_log_makes_the_chain(self):
        self.tag("both", "--label", "word")
        lines = self.gloss("log", "Taliban", "--raw", "--json", status=0).lines
        verified = self.gloss("verify", "Taliban", "--json", status=0).json
        chain = hashlib.sha256(b"gloss.v1" + uuid.UUID(self.brief["session"]).bytes + bytes.fromhex(self.brief["sha256"])).digest()
        for line in lines:
            payload = json.dumps(line["payload"], ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
            chain = hashlib.sha256(chain + hashlib.sha256(bytes.fromhex(line["salt"]) + payload).digest()).digest()
        self.assertEqual((verified["seq"], verified["chain"]), (len(lines), chain.hex()))

    def test_verify(self):
        self.tag("waited", "--label", "word")
        done = self.gloss("verify", "Taliban", "--json", user="ben", status=0).json
        info = self.gloss("info", "Taliban", "--json").json
        self.assertEqual({name: done[name] for name in ("seq", "chain", "state", "annotations")}, {name: info[name] for name in ("seq", "chain", "state", "annotations")})
        self.assertIs(done["ok"], True)
        empty = self.server.import_text("Nothing on it\n", name="empty.md")
        done = self.gloss("verify", empty["document"], "--json", status=0).json
        self.assertEqual((done["seq"], done["state"], done["annotations"], done["ok"]), (0, "0" * 64, 0, True))

    def test_show_at_an_earlier_op(self):
        brief = self.server.import_text("History\n\nold words here\n", name="history.md")["document"]
        made = self.gloss("tag", brief, "old", "--label", "one", "--json", status=0).json
        self.gloss("edit", made["annotation"], "--label", "two", status=0)
        self.gloss("tag", brief, "words", "--label", "three", status=0)
        self.gloss("rm", made["annotation"], status=0)
        expected = {0: [], 1: ["one"], 2: ["two"], 3: ["two", "three"], 4: ["three"]}
        for seq, labels in expected.items():
            shown = self.gloss("show", brief, "--at", seq, "--json", status=0).json
            self.assertEqual((shown["seq"], [record["label_name"] for record in shown["annotations"]]), (seq, labels))
        self.assertEqual(self.gloss("show", brief, "--json", status=0).json, self.gloss("show", brief, "--at", 4, "--json", status=0).json)

    # ---- codebook

    def test_an_unknown_label_in_an_open_codebook_makes_a_new_one(self):
        name = "new " + uuid.uuid4().hex
        done = self.tag("will wait", "--label", name)
        self.assertEqual(self.record(done["annotation"])["label_name"], name)

    # ---- JSON

    def test_output_is_one_harmless_object_a_line(self):
        brief = self.server.import_text("Bad \x1b]0;title\x07 \u202e \u009b title\n\nwords\n", name="bad.md")
        self.gloss("note", brief["document"], "words", "esc \x1b[31m csi \u009b31m rlo \u202e del \x7f tab\t line\nend", status=0)
        for args in (("ls",), ("show", brief["document"]), ("log", brief["document"]), ("info", brief["document"])):
            out = self.gloss(*args, "--json", status=0).out
            self.assertNotRegex(out, r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
            plain = self.gloss(*args, status=0).out
            self.assertNotRegex(plain, r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
        note = self.gloss("show", brief["document"], "--json").json["annotations"][0]["note"]
        self.assertEqual(note, "esc \x1b[31m csi \u009b31m rlo \u202e del \x7f tab\t line\nend")

    def test_settings_may_come_as_options(self):
        empty = {"GLOSS_URL": None, "GLOSS_TOKEN_FILE": None, "GLOSS_CA": None}
        options = ("--url", self.server.url, "--token-file", self.server.tokens["ana"], "--ca", self.server.ca)
        done = self.gloss(*options, "ls", "--json", env=empty, status=0)
        self.assertEqual(done.lines, self.gloss("ls", "--json", *options, env=empty, status=0).lines)
        self.assertTrue(os.path.exists(self.server.ca))


class Tampered(CliCase):
    """verify finds what somebody changed in the database."""

    def test_a_changed_op(self):
        brief = self.server.import_text(PLAIN, name="plain.md")
        for words in ("closer ties", "cautious", "neighbours"):
            self.gloss("tag", "plain.md", words, "--label", "claim", "--note", "true", status=0)
        self.assertIs(self.gloss("verify", "plain.md", "--json", status=0).json["ok"], True)
        self.server.sql(f"update op set payload = replace(payload, '\"true\"', '\"lies\"') where stream = '{brief['session']}' and seq = 2")
        self.server.restart()
        done = self.gloss("verify", "plain.md", "--json", status=1)
        self.assertIs(done.json["ok"], False)
        self.assertIn("the log does not verify: the hash chain", done.err)


if __name__ == "__main__":
    main()
