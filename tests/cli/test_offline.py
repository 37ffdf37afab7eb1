#!/usr/bin/python3
"""Work without a server: kept on disk, listed, sent once, conflicts told and decided."""
import fcntl
import json
import os
import shutil
import struct

from case import CliCase, PLAIN, UUID, main
from hostile import NAME, NOTE, left

F_OFD_SETLK = 37  # Linux; Python has no name for it before 3.13


class Held:
    """The queue that has this op, locked as by a process that works with it."""

    def __init__(self, folder, op):
        self.paths = [f"{where}/{name}" for where, _, names in os.walk(folder) for name in names if name.endswith(".queue") and self.has(f"{where}/{name}", op)]

    @staticmethod
    def has(path, op):
        with open(path, "rb") as file:
            return op.encode() in file.read()

    def __enter__(self):
        self.files = [open(f"{path}.lock" if os.path.exists(f"{path}.lock") else path, "r+b") for path in self.paths]
        for file in self.files:
            fcntl.fcntl(file, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        return self

    def __exit__(self, *_):
        for file in self.files:
            file.close()


class Offline(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")
        cls.server.user("ben", role="annotator")
        cls.server.user("new", role="annotator")
        cls.server.user("oda")

    def setUp(self):
        for kind in (".cache", ".local"):
            shutil.rmtree(f"{self.server.folder}/home-ana/{kind}", ignore_errors=True)
        self.brief = self.server.import_text(f"{self._testMethodName}\n\n{PLAIN}", name=f"{self._testMethodName}.md")["document"]
        self.gloss("ls", user="ana", status=0)

    def ana(self, *args, status=0, **more):
        return self.gloss(*args, user="ana", status=status, **more)

    def tag(self, words, label="claim", user="ana"):
        return self.gloss("tag", self.brief, words, "--label", label, "--json", user=user, status=0).json["annotation"]

    def keep(self, *args):
        done = self.ana(*args, "--offline", "--json").json
        self.assertIs(done["queued"], True)
        self.assertRegex(done["op"], UUID)
        return done

    def records(self):
        return {record["id"]: record for record in self.gloss("show", self.brief, "--json", user="ben", status=0).json["annotations"]}

    def seq(self):
        return self.gloss("info", self.brief, "--json", user="ben", status=0).json["seq"]

    def test_everything_is_kept_and_sent_once(self):
        old = self.tag("closer ties")
        made = self.keep("tag", self.brief, "are cautious", "--label", "claim", "--attribute", "weight=2")
        note = self.keep("note", self._testMethodName, "Wang Yi", "who is this?")
        reply = self.keep("reply", note["annotation"], "nobody knows")
        self.keep("edit", made["annotation"], "--note", "a note of its own")
        self.keep("link", made["annotation"], old, "--relation", "supports")
        self.keep("resolve", note["annotation"][:13])
        self.assertEqual(self.seq(), 1)
        listed = self.ana("sync", "--list", "--json").lines
        self.assertEqual([line["kept"] for line in listed], [False] * 6)
        sent = self.ana("sync", "--json").lines
        self.assertEqual([line["op"] for line in sent], [line["op"] for line in listed])
        self.assertEqual([line["seq"] for line in sent], [2, 3, 4, 5, 6, 7])
        records = self.records()
        self.assertEqual(records[made["annotation"]]["note"], "a note of its own")
        self.assertEqual(records[note["annotation"]]["status"], "resolved")
        self.assertEqual(records[reply["annotation"]]["target"]["annotation"], note["annotation"])
        again = self.ana("sync")
        self.assertEqual((again.out, self.seq()), ("", 7))
        self.assertIn("nothing waits", again.err)

    def test_no_server_is_needed(self):
        old = self.tag("closer ties")
        dead = {"GLOSS_URL": f"https://127.0.0.1:{self.server.port}/"}
        self.server.stop()
        try:
            done = self.refuse("tag", self.brief, "are cautious", "--label", "x", user="ana", status=5, says=["cannot be reached", "--offline"])
            self.assertEqual(done.out, "")
            self.keep("tag", self.brief, "are cautious", "--label", "claim")
            self.keep("accept", old)
            self.refuse("sync", user="ana", status=5, says="cannot be reached")
            self.assertEqual(len(self.ana("sync", "--list", "--json", env=dead).lines), 2)
        finally:
            self.server.start()
        self.ana("sync")
        self.assertEqual(self.records()[old]["status"], "accepted")

    def test_what_others_changed_is_not_overwritten(self):
        mine, other, gone = self.tag("closer ties"), self.tag("are cautious"), self.tag("neighbours")
        self.ana("show", self.brief)
        self.gloss("edit", mine, "--label", "theirs", user="ben", status=0)
        self.gloss("rm", gone, user="ben", status=0)
        refused = self.keep("edit", mine, "--label", "mine")
        self.keep("edit", mine, "--note", "this one merges")
        self.keep("edit", other, "--label", "mine")
        late = self.keep("edit", gone, "--note", "too late")
        done = self.ana("sync", status=1)
        for words in ("not done: change", "ben changed its label since you looked", "* label:  theirs", f"gloss sync --send {refused['op']}", "was deleted"):
            self.assertIn(words, done.err)
        records = self.records()
        self.assertEqual((records[mine]["label_name"], records[mine]["note"], records[other]["label_name"]), ("theirs", "this one merges", "mine"))
        lines = {line["op"]: line for line in self.ana("sync", "--json", status=1).lines}
        self.assertEqual(set(lines), {refused["op"], late["op"]})
        self.assertEqual((lines[refused["op"]]["kept"], lines[refused["op"]]["error"]["name"]), (True, "stale"))
        self.ana("sync", "--send", refused["op"], "--drop", late["op"])
        self.assertEqual(self.records()[mine]["label_name"], "mine")
        self.assertEqual(self.ana("sync", "--list", "--json").lines, [])

    def test_ones_own_newer_changes_are_not_overwritten(self):
        mine, gone, other = self.tag("closer ties"), self.tag("are cautious"), self.tag("neighbours")
        self.ana("show", self.brief)
        older = self.keep("edit", mine, "--note", "older")
        self.keep("edit", mine, "--label", "merged")
        deleted = self.keep("rm", gone)
        self.keep("edit", other, "--note", "first of two")
        self.keep("edit", other, "--note", "second of two")
        self.ana("edit", mine, "--note", "newer")
        self.ana("edit", gone, "--note", "still of use")
        done = self.ana("sync", status=1)
        for words in ("not done: change", "you changed its note yourself since this was asked for (op 4)", "* note:   newer", f"gloss sync --send {older['op']}"):
            self.assertIn(words, done.err)
        records = self.records()
        self.assertEqual((records[mine]["note"], records[mine]["label_name"]), ("newer", "merged"))
        self.assertEqual((records[gone]["note"], records[other]["note"]), ("still of use", "second of two"))
        lines = {line["op"]: line for line in self.ana("sync", "--json", status=1).lines}
        self.assertEqual({op: (line["kept"], line["error"]["name"]) for op, line in lines.items()}, {older["op"]: (True, "stale"), deleted["op"]: (True, "stale")})
        self.ana("sync", "--send", older["op"], "--drop", deleted["op"])
        self.assertEqual(self.records()[mine]["note"], "older")
        self.assertEqual(self.ana("sync", "--list", "--json").lines, [])

    def test_of_a_step_that_ones_own_change_stands_against_nothing_is_done(self):
        one, two = self.tag("closer ties"), self.tag("are cautious")
        self.ana("show", self.brief)
        self.ana("accept", one, two, "--offline")
        self.ana("reject", two)
        self.ana("sync", status=1)
        self.assertEqual({id: self.records()[id]["status"] for id in (one, two)}, {one: "active", two: "rejected"})
        self.ana("sync", "--send", "all")
        self.assertEqual({self.records()[id]["status"] for id in (one, two)}, {"accepted"})

    def test_what_was_accepted_without_a_word_is_no_newer_change(self):
        mine = self.tag("closer ties")
        self.ana("show", self.brief)
        sent = self.keep("edit", mine, "--note", "one", "--base", "1")["op"]
        self.keep("edit", mine, "--note", "two")
        self.ana("edit", mine, "--note", "one", "--base", "1", "--op", sent)
        self.assertEqual([line["seq"] for line in self.ana("sync", "--json").lines], [2, 3])
        again = self.keep("edit", mine, "--note", "three", "--base", "3")["op"]
        self.ana("edit", mine, "--note", "three", "--base", "3", "--op", again)
        self.ana("edit", mine, "--note", "four")
        self.assertEqual([(line["op"], line["seq"]) for line in self.ana("sync", "--json").lines], [(again, 4)])
        self.assertEqual((self.records()[mine]["note"], self.seq()), ("four", 5))

    def test_all_may_be_given_up_or_sent(self):
        mine = self.tag("closer ties")
        self.ana("show", self.brief)
        for choice, label in (("--drop", "theirs"), ("--send", "mine")):
            self.gloss("edit", mine, "--label", "theirs", user="ben", status=0)
            self.keep("edit", mine, "--label", "mine")
            self.ana("sync", status=1)
            self.ana("sync", choice, "all")
            self.assertEqual(self.records()[mine]["label_name"], label)
            self.assertEqual(self.ana("sync", "--list", "--json").lines, [])

    def test_what_was_never_refused_is_given_up_only_by_name(self):
        ops = [self.keep("tag", self.brief, words, "--label", "claim")["op"] for words in ("closer ties", "are cautious", "waited")]
        self.assertEqual([line["op"] for line in self.ana("sync", "--drop", ops[1], "--json").lines], [ops[0], ops[2]])
        self.assertEqual(len(self.records()), 2)
        kept = self.keep("tag", self.brief, "Wang Yi", "--label", "claim")["op"]
        self.assertEqual([line["op"] for line in self.ana("sync", "--drop", "all", "--json").lines], [kept])
        self.assertEqual(self.ana("sync", "--list", "--json").lines, [])

    def test_what_is_refused_only_now_is_not_sent_over_it(self):
        mine = self.tag("closer ties")
        self.ana("show", self.brief)
        self.gloss("edit", mine, "--label", "theirs", user="ben", status=0)
        self.keep("edit", mine, "--label", "mine")
        self.ana("sync", "--send", "all", status=1)
        self.assertEqual(self.records()[mine]["label_name"], "theirs")

    def test_a_name_that_is_not_of_one_op_does_nothing(self):
        other = self.server.import_text("Another of one name\n\nwords\n", name="one-name.md")["document"]
        self.ana("ls")
        ops = [self.keep("tag", *words, "--label", "claim")["op"] for words in ((self.brief, "closer ties"), (other, "words"))]
        common = os.path.commonprefix(ops)
        for option in ("--drop", "--send"):
            self.refuse("sync", option, common, user="ana", status=2, says=["ambiguous", *ops])
            self.refuse("sync", option, ops[0], option, "ffffffff", user="ana", status=2, says=["not found", "ffffffff"])
        self.refuse("sync", "--drop", "", user="ana", status=2, says="not found")
        self.assertEqual(len(self.ana("sync", "--list", "--json").lines), 2)
        sent = self.ana("sync", "--drop", ops[0][:len(common) + 1], "--json").lines
        self.assertEqual([line["op"] for line in sent], ops[1:])
        self.assertEqual(self.records(), {})

    def test_a_queue_that_another_process_works_with_does_not_hide_the_others(self):
        other = self.server.import_text("Another that is busy\n\nwords\n", name="busy.md")["document"]
        self.ana("ls")
        busy = self.keep("tag", other, "words", "--label", "claim")["op"]
        mine = self.keep("tag", self.brief, "closer ties", "--label", "claim")["op"]
        with Held(f"{self.server.folder}/home-ana/.local/state/gloss/queue", busy) as held:
            self.assertTrue(held.paths)
            done = self.gloss("sync", "--drop", mine, user="ana")
            self.assertNotEqual(done.status, 0, done)
            self.assertIn("the queue cannot be opened", done.err)
            self.refuse("sync", "--drop", busy, user="ana", status=2, says="not found")
            self.refuse("tag", other, "words", "--label", "claim", "--offline", user="ana", status=2, says="the queue cannot be opened")
        self.assertEqual([line["op"] for line in self.ana("sync", "--list", "--json").lines], [busy])
        self.ana("sync", "--drop", busy)

    def test_a_brief_that_is_closed_to_one_does_not_hold_up_the_others(self):
        ops = []
        for number in (1, 2):
            project = f"{self._testMethodName} {number}"
            self.gloss("project", "new", project, user="oda", status=0)
            self.gloss("member", "--project", project, "add", "ana", "annotator", user="oda", status=0)
            path = f"{self.server.folder}/closed{number}.md"
            with open(path, "w") as file:
                file.write(f"Closed to one {number}\n\nwords\n")
            brief = self.gloss("import", "--json", "--project", project, path, user="oda", status=0).json["document"]
            self.ana("ls", "--project", project)
            ops.append(self.keep("tag", brief, "words", "--label", "claim")["op"])
            self.gloss("member", "--project", project, "remove", "ana", user="oda", status=0)
        kept = self.keep("tag", self.brief, "closer ties", "--label", "claim")["annotation"]
        done = self.gloss("sync", user="ana")
        self.assertNotIn(done.status, (0, 5), str(done))
        for number in (1, 2):
            self.assertIn(f"1 op for `Closed to one {number}` is kept here", done.err)
        self.assertIn("gloss sync --drop OP", done.err)
        self.assertNotIn("it waits no longer", done.err)
        self.assertEqual(list(self.records()), [kept])
        self.assertEqual({line["op"] for line in self.ana("sync", "--list", "--json").lines}, set(ops))
        self.ana("sync", "--drop", ops[0], "--drop", ops[1])
        self.assertEqual(self.ana("sync", "--list", "--json").lines, [])

    def test_what_can_never_be_done_is_told_and_stays_until_it_is_given_up(self):
        kept = self.keep("tag", self.brief, "words that stand nowhere", "--label", "claim")
        done = self.ana("sync", "--json", status=1)
        self.assertEqual((done.json["op"], done.json["kept"], done.json["error"]["name"]), (kept["op"], True, "quote_not_found"))
        self.assertEqual(done.json["change"]["label"], "claim")
        self.assertIn("are not in the text", done.err)
        self.assertEqual([line["op"] for line in self.ana("sync", "--list", "--json").lines], [kept["op"]])
        self.ana("sync", "--drop", "all")
        self.assertEqual(self.ana("sync", "--list", "--json").lines, [])

    def test_many_in_several_briefs(self):
        other = self.server.import_text("Another of many\n\nwords\n", name="many.md")["document"]
        self.ana("ls")
        for i in range(20):
            self.keep("tag", self.brief if i % 2 else other, "words" if i % 2 == 0 else "closer ties", "--label", f"l{i}")
        listed = self.ana("sync", "--list").out
        self.assertIn("Another of many\n", listed)
        self.assertEqual(listed.count("  tag “"), 20)
        self.assertEqual(len(self.ana("sync", "--json").lines), 20)
        self.assertEqual(len(self.records()), 10)

    def test_a_queue_that_is_damaged_is_told(self):
        self.keep("tag", self.brief, "closer ties", "--label", "claim")
        for folder, _, names in os.walk(f"{self.server.folder}/home-ana/.local/state/gloss/queue"):
            for name in names:
                with open(f"{folder}/{name}", "r+b") as file:
                    file.write(b"not what it was")
        for args in (("sync",), ("sync", "--list")):
            done = self.refuse(*args, user="ana", status=2, says="not every queue in")
            self.assertNotIn("nothing waits", done.err)

    def test_what_nobody_saw_cannot_be_named(self):
        unseen = self.tag("closer ties", user="ben")
        self.refuse("edit", unseen, "--note", "x", "--offline", user="ana", status=2, says=["no annotation that was seen here", "gloss show"])
        self.refuse("tag", "Unheard of", "x", "--label", "x", "--offline", user="ana", status=2, says=["no brief that was seen here", "gloss ls"])
        self.refuse("tag", self.brief, "x", "--label", "x", "--offline", user="new", status=2, says=["nobody was signed in", "gloss ls"])
        self.refuse("accept", "--brief", self.brief, "--label", "x", "--offline", user="ana", status=2, says="need the server")

    def test_several_kept_as_one_step_stand_or_fall_together(self):
        one, two = self.tag("closer ties"), self.tag("are cautious")
        self.ana("show", self.brief)
        self.gloss("edit", two, "--note", "changed meanwhile", user="ben", status=0)
        lines = self.ana("accept", one, two, "--offline", "--json").lines
        self.assertEqual(len(lines), 2)
        self.ana("sync", status=1)
        self.assertEqual({self.records()[id]["status"] for id in (one, two)}, {"active"})
        self.ana("sync", "--send", "all")
        self.assertEqual({self.records()[id]["status"] for id in (one, two)}, {"accepted"})

    def test_more_than_a_step_holds_are_kept_as_several(self):
        lines = "".join(json.dumps({"label": "claim", "start": i % 20, "end": i % 20 + 4}) + "\n" for i in range(260))
        self.ana("post", self.brief, "--run", "nightly", "--agent", "bot/1", stdin=lines)
        self.ana("show", self.brief)
        self.assertEqual(len(self.ana("accept", *self.records(), "--offline", "--json").lines), 260)
        self.assertEqual(len(self.ana("sync", "--json").lines), 260)
        self.assertEqual({record["status"] for record in self.records().values()}, {"accepted"})

    def test_hostile_words_are_harmless(self):
        old = self.tag("closer ties")
        self.keep("edit", old, "--note", NOTE, "--label", NAME, "--attribute", f"a={NOTE}")
        self.keep("tag", self.brief, NAME, "--label", NAME)
        self.assertEqual(left(self.ana("sync", "--list").out), [])
        self.assertEqual(left(self.ana("sync", "--list", "--json").out), [])
        done = self.ana("sync", status=1)
        self.assertEqual((left(done.out), left(done.err)), ([], []))

    def test_the_files_are_private(self):
        self.keep("tag", self.brief, "closer ties", "--label", "claim")
        found = 0
        for folder, _, names in os.walk(f"{self.server.folder}/home-ana"):
            for name in names:
                found += 1
                self.assertEqual(os.stat(f"{folder}/{name}").st_mode & 0o077, 0, name)
                with open(f"{folder}/{name}", errors="replace") as file:
                    self.assertNotIn("gls_", file.read())
        self.assertGreaterEqual(found, 2)

    def test_a_cache_that_is_broken_is_only_forgotten(self):
        folder = f"{self.server.folder}/home-ana/.cache/gloss"
        for name in os.listdir(folder):
            with open(f"{folder}/{name}", "w") as file:
                file.write('["not what it was"')
        self.refuse("tag", self.brief, "x", "--label", "x", "--offline", user="ana", status=2, says="nobody was signed in")
        self.ana("ls")
        with open(f"{folder}/{os.listdir(folder)[0]}") as file:
            self.assertIn(self.brief, json.load(file)["briefs"])


if __name__ == "__main__":
    main()
