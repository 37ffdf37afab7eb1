#!/usr/bin/python3
"""The brief on paper and on a terminal: widths, colours, scripts, notes."""
import re
import unicodedata

from case import CliCase, MIXED, PLAIN, main
from terminal import run_on_terminal
import server as support

SGR = re.compile(r"\x1b\[[0-9;]*[mK]")
ISOLATES = re.compile("[\u2068\u2069]")


def columns_of(line):
    """As a terminal counts them, by a second hand: East Asian wide two, marks and joiners none, what follows a ZWJ none."""
    line, columns, joined, flags = ISOLATES.sub("", SGR.sub("", line)), 0, False, 0
    for char in line:
        if char == "\u200d":
            joined = True
        elif 0x1f1e6 <= ord(char) <= 0x1f1ff:
            columns, flags = columns + 1, flags + 1
        elif unicodedata.category(char) in ("Mn", "Me", "Cf") or joined:
            joined = False
        else:
            columns += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return columns


class Show(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")
        cls.server.import_text(PLAIN, name="plain.md")
        cls.server.import_text(MIXED, name="mixed.txt")
        for args in (("plain.md", "China and Russia both", "--label", "claim", "--note", "A note about both of them that is long enough for two lines of the margin."),
                     ("plain.md", "Russia both seek", "--label", "evidence"), ("plain.md", "neighbours", "--label", "claim"),
                     ("plain.md", "--whole", "--label", "read", "--note", "all of it"),
                     ("mixed.txt", "俄罗斯", "--label", "行为者", "--note", "笔记：重要"), ("mixed.txt", "بالعالم", "--label", "وسم", "--note", "ملاحظة"),
                     ("mixed.txt", "👩‍👩‍👧‍👦", "--label", "emoji")):
            cls.server.gloss("tag", *args, user="ana", status=0)

    def sheet(self, brief, *args, **env):
        """Without the ids, which differ each time."""
        out = self.gloss("show", brief, *args, user="ana", status=0, env=env).out
        return re.sub(r"· [0-9a-f]{8}\b", "· ########", out)

    def test_plain_narrow(self):
        self.assertEqual(self.sheet("plain.md", COLUMNS="60"), """Taliban and neighbours
4 annotations, op 4

      1 read · ana · ########
        all of it

 1  Taliban and [2|neighbours|2]
      2 claim · ana · ########

 2  [3|China and [4|Russia both|3] seek|4] closer ties with
    the Taliban. China and Russia are cautious.
      3 claim · ana · ########
        A note about both of them that is long enough for
        two lines of the margin.
      4 evidence · ana · ########

 3  “We will wait,” said Wang Yi — and waited.
""")

    def test_plain_wide(self):
        self.assertEqual(self.sheet("plain.md", COLUMNS="120"), """Taliban and neighbours
4 annotations, op 4

      1 read · ana · ########
        all of it

 1  Taliban and [2|neighbours|2]                                                    │ 2 claim · ana · ########

 2  [3|China and [4|Russia both|3] seek|4] closer ties with the Taliban. China and  │ 3 claim · ana · ########
    Russia are cautious.                                                            │   A note about both of them that
                                                                                    │   is long enough for two lines of
                                                                                    │   the margin.
                                                                                    │ 4 evidence · ana · ########
 3  “We will wait,” said Wang Yi — and waited.
""")

    def test_mixed_scripts_wide(self):
        self.assertEqual(self.sheet("mixed.txt", "--width", "110"), """Mixed scripts
3 annotations, op 3

 1  Mixed scripts

 2  中国和[1|俄罗斯|1]都寻求与喀布尔的塔利班建立更密切的联系。               │ 1 行为者 · ana · ########
                                                                             │   笔记：重要
 3  مرحبا [2|بالعالم|2] هذا نص طويل                                          │ 2 وسم · ana · ########
                                                                             │   ملاحظة
 4  שלום עולם
 5  Family [3|👩‍👩‍👧‍👦|3] flag 🇦🇫 e\u0301tude                                            │ 3 emoji · ana · ########
""")

    def test_whatever_the_width_the_columns_are_right(self):
        for width in (40, 59, 80, 99, 100, 133, 200):
            for brief in ("plain.md", "mixed.txt"):
                bars = set()
                for line in self.sheet(brief, "--width", width).splitlines():
                    self.assertLessEqual(columns_of(line), width, line)
                    if " │ " in line:
                        bars.add(columns_of(line[:line.index(" │ ")]))
                self.assertLessEqual(len(bars), 1, f"{brief} at {width}")

    def on_terminal(self, *args, columns=80, rows=60, **env):
        status, out = run_on_terminal([support.GLOSS, *args], self.server.env("ana", **env), columns=columns, rows=rows)
        self.assertEqual(status, 0, out)
        return out.decode().replace("\r\n", "\n")

    def test_a_terminal_has_colours(self):
        out = self.on_terminal("show", "plain.md", columns=110)
        self.assertIn("\x1b[0;38;5;16;48;5;", out)
        self.assertRegex(out, r"\x1b\[0;38;5;16;48;5;\d+;4mRussia both")  # where two overlap
        for line in out.splitlines():
            self.assertLessEqual(columns_of(line), 110)

    def test_no_color_leaves_bold_and_underline(self):
        out = self.on_terminal("show", "plain.md", NO_COLOR="1")
        self.assertNotRegex(out, r"\x1b\[[0-9;]*[34]\d[;m]")
        self.assertIn("\x1b[0;4m", out)

    def test_a_dumb_terminal_gets_plain_text(self):
        self.assertNotIn("\x1b", self.on_terminal("show", "plain.md", TERM="dumb"))

    def test_right_to_left_is_isolated_on_a_terminal_only(self):
        self.assertRegex(self.on_terminal("show", "mixed.txt", columns=110), "\u2068[^\n]*بالعالم[^\n]*\u2069")
        self.assertNotRegex(self.sheet("mixed.txt"), ISOLATES)

    def test_a_long_sheet_goes_through_the_pager(self):
        out = self.on_terminal("show", "plain.md", rows=5, PAGER="sed 's/^/P:/'")
        self.assertTrue(all(line.startswith("P:") for line in out.splitlines()), out)
        self.assertNotIn("P:", self.on_terminal("show", "plain.md", rows=60, PAGER="sed 's/^/P:/'"))
        self.assertIn("neighbours", self.on_terminal("show", "plain.md", rows=5, PAGER="/nowhere/pager"))

    def test_numbers_stay_when_annotations_come(self):
        def numbers():
            return re.findall(r"(?m)^ {0,3}(\d+)  ", self.sheet("plain.md", "--at", "1")), re.findall(r"(?m)^ {0,3}(\d+)  ", self.sheet("plain.md"))
        before, now = numbers()
        self.assertEqual(before, now)

    def test_ids_of_the_sheet_can_be_used(self):
        brief = self.server.import_text("Short ids\n", name="short.md")["document"]
        self.gloss("tag", brief, "ids", "--label", "claim", user="ana", status=0)
        short = re.search(r"claim · ana · ([0-9a-f]{8})", self.gloss("show", brief, user="ana").out).group(1)
        done = self.gloss("edit", short, "--status", "accepted", "--json", user="ana", status=0).json
        self.assertTrue(done["annotation"].startswith(short))
        self.assertEqual(done["seq"], 2)

    def test_an_empty_brief(self):
        self.server.import_text("\n", name="blank.md", title="Blank")
        self.assertEqual(self.sheet("Blank"), "Blank\n0 annotations, op 0\n\n\n")


if __name__ == "__main__":
    main()
