#!/usr/bin/python3
"""What others did that is for oneself."""
from case import CliCase, PLAIN, main
from hostile import NAME, NOTE, left
from test_show import columns_of


class Inbox(CliCase):
    @classmethod
    def prepare(cls):
        for name in ("ana", "ben", "cy"):
            cls.server.user(name, role="annotator")
        cls.brief = cls.server.import_text(PLAIN, name="plain.md")["document"]

    def tag(self, user, *more):
        return self.gloss("tag", self.brief, "closer ties", "--label", "claim", *more, "--json", user=user, status=0).json["annotation"]

    def items(self, user, *args):
        return self.gloss("inbox", "--json", *args, user=user, status=0).lines

    def test_mentions_replies_and_verdicts(self):
        made = self.tag("ana")
        self.gloss("reply", made, "is it so?", user="ben", status=0)
        self.gloss("accept", made, user="ben", status=0)
        self.gloss("reply", made, "yes @ana, it is", user="ana", status=0)  # one's own deeds are no news
        self.gloss("note", self.brief, "cautious", "what does @ana say?", user="ben", status=0)
        items = self.items("ana")
        self.assertEqual([(item["why"], item["name"]) for item in items], [("mention", "ben"), ("accepted", "ben"), ("reply", "ben")])
        self.assertEqual((items[2]["text"], items[2]["title"]), ("is it so?", "Taliban and neighbours"))
        out = self.gloss("inbox", user="ana", status=0).out
        self.assertIn("* ben mentioned you\n    what does @ana say?\n", out)
        self.assertIn("* ben accepted what you wrote\n", out)
        self.assertRegex(out, r"\* ben replied to you\n    is it so\?\n    \d{4}-\d\d-\d\d \d\d:\d\d · [0-9a-f]{8} · Taliban and neighbours\n")
        self.gloss("inbox", "--read", user="ana", status=0)
        done = self.gloss("inbox", user="ana", status=0)
        self.assertEqual((done.out, "nothing new" in done.err), ("", True))
        self.gloss("reply", made, "one more", user="ben", status=0)
        self.assertEqual([item.get("read", False) for item in self.items("ana", "--all")], [False, True, True, True])
        self.assertEqual(len(self.items("ana")), 1)

    def test_more_than_the_server_marks_at_once_is_read_whole(self):
        self.gloss("reply", self.tag("cy"), "is it so?", user="ben", status=0)
        self.server.sql("insert into inbox (account, project, stream, seq, annotation, why, by, at) "
                        "select account, project, stream, seq, annotation, why, by, at from inbox, generate_series(1, 1200) where read_at is null and why = 'reply'")
        self.assertGreater(len(self.items("cy", "--read")), 1200)
        self.assertEqual(self.items("cy"), [])

    def test_an_empty_inbox_says_so(self):
        done = self.gloss("inbox", "--all", "--read", user="admin", status=0)
        self.assertEqual((done.out, "your inbox is empty" in done.err), ("", True))

    def test_hostile_words_at_every_width(self):
        brief = self.server.import_text(f"{NAME}\n\nwords\n", name="hostile.md")["document"]
        made = self.gloss("tag", brief, "words", "--label", "x", "--json", user="cy", status=0).json["annotation"]
        self.gloss("reply", made, NOTE, user="ben", status=0)
        self.gloss("reply", made, "شكرا مرحبا " * 30, user="ben", status=0)
        for width in ("40", "80", "200"):
            out = self.gloss("inbox", user="cy", status=0, env={"COLUMNS": width}).out
            self.assertEqual(left(out), [])
            for line in out.splitlines():
                self.assertLessEqual(columns_of(line), int(width))
        self.assertEqual(left(self.gloss("inbox", "--json", user="cy").out), [])


if __name__ == "__main__":
    main()
