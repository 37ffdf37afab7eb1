#!/usr/bin/python3
"""What gloss does on a terminal: pager, colours, widths, progress; and the statuses it ends with."""
import json
import os
import re

from case import CliCase, MIXED, PLAIN, main
from proxy import Proxy
from terminal import run_on_terminal
from test_show import SGR, columns_of
import server as support

MARK = "sed 's/^/P:/'"
TOKEN = re.compile(r"^\S+$")


class Screen(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator", password="pa ss")
        cls.server.user("olga", role="owner")
        cls.server.import_text(PLAIN, name="plain.md")
        cls.server.import_text(MIXED, name="mixed.txt", title="Mixed scripts: a title that is rather longer than what a narrow terminal has room for, 中国和俄罗斯")
        line = {"label": "claim", "exact": "China", "nth": 1, "note": "A note that goes on and on, so that a line of the log has to be broken somewhere."}
        cls.server.gloss("post", "plain.md", stdin="\n".join(json.dumps({**line, "confidence": i}) for i in range(30)), user="ana", status=0)
        cls.server.gloss("tag", "mixed.txt", "俄罗斯", "--label", "行为者", "--note", "笔记：重要", user="ana", status=0)

    def terminal(self, *args, user="ana", columns=80, rows=60, status=0, more=(), **env):
        env = self.server.env(user, **{"PAGER": None, "GLOSS_PAGER": None, "LESS": None, **env})
        ended, out = run_on_terminal([support.GLOSS, *args], {key: value for key, value in env.items() if value is not None}, columns=columns, rows=rows, **dict(more))
        self.assertEqual(ended, status, out)
        return out.decode().replace("\r\n", "\n")

    def ops(self):
        return len(self.gloss("log", "plain.md", "--json", user="ana", status=0).lines)

    # ---- the pager

    def test_what_is_longer_than_the_terminal_is_paged(self):
        for verb in (["show", "plain.md"], ["log", "plain.md"], ["help", "post"], ["ls"]):
            self.assertTrue(all(line.startswith("P:") for line in self.terminal(*verb, rows=3, GLOSS_PAGER=MARK).splitlines()), verb)
            self.assertNotIn("P:", self.terminal(*verb, rows=500, GLOSS_PAGER=MARK), verb)

    def test_which_pager(self):
        self.assertIn("own:", self.terminal("log", "plain.md", rows=5, GLOSS_PAGER="sed 's/^/own:/'", PAGER="sed 's/^/all:/'"))
        self.assertIn("all:", self.terminal("log", "plain.md", rows=5, PAGER="sed 's/^/all:/'"))
        for none in ("", "cat"):
            self.assertNotIn("all:", self.terminal("log", "plain.md", rows=5, GLOSS_PAGER=none, PAGER="sed 's/^/all:/'"))

    def test_never_for_scripts(self):
        for args in (["log", "plain.md", "--json"], ["show", "plain.md", "--plain"], ["log", "plain.md", "--plain"]):
            self.assertNotIn("P:", self.terminal(*args, rows=3, GLOSS_PAGER=MARK))
        done = self.gloss("log", "plain.md", user="ana", env={"GLOSS_PAGER": MARK}, status=0)
        self.assertNotIn("P:", done.out)

    def test_less_keeps_colours_and_ends_by_itself(self):
        out = self.terminal("log", "plain.md", rows=40, columns=200)  # a page: nothing has to be typed
        self.assertEqual(out.count("tagged "), self.ops())
        told = self.terminal("log", "plain.md", rows=5, GLOSS_PAGER='echo "LESS=$LESS"; cat')
        self.assertIn("LESS=FRX\n", told)
        self.assertIn("\x1b[", told)
        self.assertIn("LESS=i\n", self.terminal("log", "plain.md", rows=5, GLOSS_PAGER='echo "LESS=$LESS"; cat', LESS="i"))

    def test_less_that_is_left_early(self):
        self.assertIn("tagged", self.terminal("log", "plain.md", rows=10, more={"typed": b"q", "wait_for": b"tagged"}))
        out = self.terminal("log", "plain.md", rows=5, GLOSS_PAGER="head -n 1 >/dev/null; echo enough")
        self.assertEqual(out, "enough\n")

    def test_a_pager_that_is_not_there_is_said_once(self):
        for pager in ("/nowhere/pager", "no-such-pager -x"):
            out = self.terminal("log", "plain.md", rows=5, columns=200, GLOSS_PAGER=pager)
            self.assertEqual(out.count("is not there"), 1)
            self.assertEqual(out.count("tagged "), self.ops())

    def test_ctrl_c_is_the_pagers(self):
        pager = "trap 'echo caught' INT; echo asking; read -r line </dev/tty; tail -n 1 | grep -c tagged; echo shown"
        out = self.terminal("log", "plain.md", "--until", "5", rows=4, columns=200, GLOSS_PAGER=pager, more={"typed": b"\x03\n", "wait_for": b"asking"})
        self.assertRegex(out, r"caught\n[^$]*1\nshown\n$")

    # ---- colours

    def test_colours(self):
        def has(text):
            return bool(re.search(r"\x1b\[[0-9;]*[34]\d[;m]", text)), "\x1b[" in text
        self.assertEqual(has(self.terminal("show", "plain.md", rows=900)), (True, True))
        self.assertEqual(has(self.terminal("show", "plain.md", rows=900, NO_COLOR="1")), (False, True))
        self.assertEqual(has(self.terminal("show", "plain.md", rows=900, NO_COLOR="")), (True, True))
        self.assertEqual(has(self.terminal("show", "plain.md", rows=900, CLICOLOR="0")), (False, True))
        self.assertEqual(has(self.terminal("show", "plain.md", rows=900, TERM="dumb")), (False, False))
        for args in (["show", "plain.md"], ["log", "plain.md"]):
            self.assertEqual(has(self.terminal(*args, "--plain", rows=900)), (False, False))

    def test_colours_that_are_forced(self):
        def out(**env):
            return self.gloss("show", "plain.md", user="ana", env=env, status=0).out
        self.assertNotIn("\x1b", out())
        self.assertIn("\x1b[0;38;5;", out(CLICOLOR_FORCE="1"))
        self.assertIn("\x1b[0;30;4", out(CLICOLOR_FORCE="1", TERM="dumb"))
        self.assertNotIn("\x1b", out(CLICOLOR_FORCE="0"))
        self.assertNotIn("\x1b", out(CLICOLOR_FORCE="1", NO_COLOR="1"))
        self.assertNotIn("\x1b", self.gloss("show", "plain.md", "--plain", user="ana", env={"CLICOLOR_FORCE": "1"}).out)

    # ---- widths

    def test_every_verb_fits_every_width(self):
        home = self.server.env("ana")["HOME"]
        os.makedirs(home + "/.config/gloss", mode=0o700, exist_ok=True)
        with open(home + "/.config/gloss/servers.json", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            servers = [{"name": f"server number {i}", "url": f"https://host-{i}.example.org:7443/", "account": "ana", "token": "x"} for i in range(3)]
            json.dump({"servers": servers, "current": servers[0]["url"]}, file)
        verbs = self.gloss("completion", "words", "--", "").out.splitlines()
        runs = [["help", verb.split("\t")[0]] for verb in verbs] + [
            ["help"], ["help", "exits"], ["help", "member", "add"], ["version"], ["servers"], ["ls"], ["info", "plain.md"], ["show", "plain.md"], ["show", "mixed.txt"],
            ["log", "plain.md"], ["log", "mixed.txt"], ["verify", "plain.md"], ["inbox"], ["sync"],
            ["tag", "plain.md", "cautious", "--label", "claim", "--note", "n"],
            *(["admin", what] for what in ("projects", "sessions", "settings", "connections", "stats", "audit"))]
        for verb in verbs:  # those of a group that need no words
            verb = verb.split("\t")[0]
            if self.gloss("completion", "words", "--", verb, "list").out.startswith("list\t"):
                runs += [[verb], ["help", verb, "list"]]
        failing = [(["tag", "plain.md", "China", "--label", "claim"], 3), (["tag", "plain.md", "no such words there", "--label", "claim"], 3), (["show", "plein.md"], 2),
                   (["shwo"], 2), (["ls", "--projcet", "x"], 2), (["ls", "--project", "brief"], 0), (["edit", "00000000"], 2), (["ls", "--server", "server"], 2)]
        for columns in (40, 79, 200):
            for args, status in [(args, 0) for args in runs] + failing:
                user = "admin" if args[0] == "admin" else "ana"
                for line in self.terminal(*args, user=user, columns=columns, rows=9000, status=status).splitlines():
                    words = SGR.sub("", line).strip()
                    fits = columns_of(line) <= columns or TOKEN.match(words) or TOKEN.match(words.partition(" ")[2].strip())  # a hash or an id stays whole
                    self.assertTrue(fits, f"{args} at {columns}: {columns_of(line)} {line!r}")

    def test_a_listing_with_more_columns_than_fit_says_all_of_it(self):
        def sessions(columns):
            return SGR.sub("", self.terminal("admin", "sessions", user="admin", columns=columns, rows=9000)).splitlines()
        wide, narrow = sessions(200), sessions(40)
        heads = wide[0].split()
        self.assertEqual(heads[0], "session")
        self.assertEqual([line.split()[0] for line in wide[1:]], [line for line in narrow if not line.startswith(" ")])
        self.assertEqual({line.split()[0] for line in narrow if line.startswith(" ")}, set(heads[1:]))

    def test_a_broken_line_says_the_same(self):
        def words(columns):
            return SGR.sub("", self.terminal("log", "plain.md", columns=columns, rows=9000)).split()
        self.assertEqual(words(40), words(200))

    # ---- progress

    def on_stderr(self, command, columns=80, **more):
        """What a program says on a terminal while its output goes elsewhere."""
        status, out = run_on_terminal(["sh", "-c", f"{command} >/dev/null"], self.server.env("ana", **more), columns=columns)
        self.assertEqual(status, 0, out)
        return out.decode()

    def test_progress_of_what_takes_long(self):
        text = ("A long line of words to be sent, slowly. " * 60 + "\n") * 300
        path = f"{self.server.folder}/long.md"
        with open(path, "w") as file:
            file.write(text)
        lines = "\n".join(json.dumps({"label": "claim", "start": i, "end": i + 5, "note": "n" * 200}) for i in range(1200))
        with open(path + ".ndjson", "w") as file:
            file.write(lines)
        with Proxy(self.server.port) as proxy:
            proxy.delay, slow = 0.1, {"GLOSS_URL": proxy.url}
            for command, shows in (("import " + path, r"long\.md \[#"), ("cat long.md", r"reading the text \d s"), (f"post long.md < {path}.ndjson", r"posting \[#.*\d+ posted"),
                                   ("log long.md --json", r"reading the log \[[# ]+\] \d+ %"), ("export long.md", r"exporting \[[# ]+\] \d+ %"), ("verify long.md", r"verifying \[[# ]+\] \d+ %")):
                out = self.on_stderr(f"{support.GLOSS} {command}", **slow)
                self.assertRegex(out, "\r" + shows, command)
                self.assertTrue(out.endswith("\r\x1b[K"), f"{command}: {out[-40:]!r}")
        self.assertEqual(self.gloss("log", "long.md", "--json", user="ana", status=0).err, "")  # not on a terminal

    def test_progress_fits_a_narrow_terminal(self):
        for line in self.narrow().split("\r"):
            self.assertLessEqual(columns_of(line.replace("\x1b[K", "").strip("\n")), 40, repr(line))

    def narrow(self):
        path = f"{self.server.folder}/a rather long name of a file that is sent.md"
        with open(path, "w") as file:
            file.write("Some other words that are sent slowly. " * 60000)
        with Proxy(self.server.port) as proxy:
            proxy.delay = 0.1
            return self.on_stderr(f"{support.GLOSS} import '{path}'", columns=40, GLOSS_URL=proxy.url)

    # ---- exit statuses

    def test_statuses_are_one_table(self):
        listed = re.findall(r"(?m)^  (\d)  ", self.gloss("help", "exits").out)
        page = self.gloss("help", "--man").out
        self.assertEqual(re.findall(r"(?m)^\.TP\n\.B (\d)$", page), listed)
        self.gloss("ls", user="ana", status=0)
        self.gloss("import", f"{self.server.folder}/glossd.log", "/nowhere", status=1)
        self.gloss("show", "nothing of that name", status=2)
        self.gloss("tag", "plain.md", "no such words", "--label", "x", user="ana", status=3)
        self.gloss("ls", user="nobody", status=4)
        self.gloss("ls", env={"GLOSS_URL": "https://127.0.0.1:1/"}, status=5)

    # ---- did you mean

    def test_did_you_mean(self):
        self.refuse("shwo", status=2, says="did you mean `show`?")
        self.refuse("member", "ad", status=2, says="did you mean `member add`?")
        self.refuse("ls", "--projct", "x", status=2, says="did you mean `--project`?")
        self.refuse("show", "Talibn", status=2, says="Taliban and neighbours")
        self.refuse("ls", "--project", "breifs", status=2, says="did you mean `briefs`?")
        self.refuse("member", "set", "anna", "viewer", user="olga", status=3, says="did you mean `ana`?")
        self.refuse("edit", "00000000", "--status", "accept", user="ana", status=2, says="did you mean `accepted`?")


if __name__ == "__main__":
    main()
