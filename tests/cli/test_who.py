#!/usr/bin/python3
"""gloss who: who is in a brief, where they read and what they have selected."""
from case import PLAIN, CliCase, main, support
from client import Client


class Who(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")
        cls.server.user("ben", role="viewer")
        cls.session = cls.server.import_text(PLAIN, title="Taliban and neighbours")["session"]

    def who(self):
        return self.gloss("who", "Taliban", "--json", user="ben", status=0).lines

    def until(self, what, is_it):
        return support.wait_until(what, lambda: (lambda lines: (lines,) if is_it(lines) else None)(self.who()))[0]

    def test_people_come_move_and_go(self):
        self.assertEqual(self.who(), [])
        self.assertIn("nobody", self.gloss("who", "Taliban", user="ben", status=0).err)
        with Client(self.server, "ana") as ana:
            ana.join(self.session)
            mine = ana.call("session.presence", session=self.session, start=10, end=100, selection_start=12, selection_end=20)["peer"]
            (it,) = self.until("ana is there", len)
            self.assertEqual(it, {"peer": mine, "account": it["account"], "name": "ana", "start": 10, "end": 100, "selection_start": 12, "selection_end": 20})
            self.assertEqual(self.gloss("who", "Taliban", user="ben", status=0).out, "ana  reads 10-100  selects 12-20\n")
            ana.call("session.presence", session=self.session, start=50, end=90)
            self.until("ana has moved", lambda lines: [it.get("start") for it in lines] == [50] and "selection_start" not in lines[0])
        self.until("ana is gone", lambda lines: not lines)

    def test_what_is_not_there(self):
        self.refuse("who", "No such brief", user="ben", status=2, says=["No such brief"])


if __name__ == "__main__":
    main()
