#!/usr/bin/python3
"""Completion in the real bash, zsh and fish: what the shell has made of a typed line when the TAB key was pressed."""
import os
import re
import shutil
import subprocess
import unittest

from case import CliCase, main
from terminal import Terminal
import server as support

TITLES = {"quiet.md": "Quiet Hours\n\nwords\n", "quoted.md": "It's $HOME; a `title`: \"all\" of it & more\n\nwords\n", "qing.md": "清净时间 一\n\nwords\n"}
AFTER = "\x01printf '\\001%s\\002' \x05\r"  # to the line's beginning, print what the shell takes for its words, to its end, go


class Words(CliCase):
    """What gloss itself answers, without a shell."""
    @classmethod
    def prepare(cls):
        prepare(cls.server)

    def words(self, *typed, user="ana", **more):
        done = self.gloss("completion", "words", "--", *typed, user=user, status=0, **more)
        self.assertEqual(done.err, "")
        return [line.split("\t")[0] for line in done.out.splitlines() if not line.startswith("\t")]

    def test_every_verb_is_offered_with_its_line(self):
        offered = dict(line.split("\t") for line in self.gloss("completion", "words", "--", "").out.splitlines())
        listed = re.findall(r"(?m)^  ([a-z]+) ", self.gloss("help").out)
        self.assertEqual(list(offered), listed)
        self.assertEqual(offered["ls"], "list briefs")

    def test_every_option_of_every_verb_is_offered(self):
        for verb in self.words(""):
            if self.words(verb, "") == re.findall(rf"(?m)^  {verb} ([a-z]+)", self.gloss("help", verb).out) != []:
                continue  # a group
            listed = re.findall(r"(?m)^  --([a-z-]+)", self.gloss("help", verb).out)
            self.assertEqual(sorted(self.words(verb, "--")), sorted(f"--{name}" for name in listed), verb)

    def test_an_option_that_is_there_is_not_offered_again(self):
        self.assertNotIn("--whole", self.words("tag", "--whole", "--"))
        self.assertIn("--whole", self.words("tag", "--"))

    def test_verbs_of_a_group(self):
        self.assertEqual(self.words("member", ""), ["list", "add", "set", "remove"])
        self.assertEqual(self.words("member", "add", "ana", ""), ["viewer", "annotator", "curator", "owner"])
        self.assertEqual(self.words("member", "remove", "an"), ["ana"])
        self.assertEqual(self.words("member", "nonsense", ""), [])

    def test_known_values(self):
        self.assertEqual(self.words("edit", "x", "--status", "a"), ["active", "accepted"])
        self.assertEqual(self.words("edit", "x", "--status=r"), ["--status=rejected", "--status=resolved"])
        self.assertEqual(self.words("export", "--format", ""), ["jsonld"])
        self.assertEqual(self.words("completion", ""), ["bash", "zsh", "fish"])
        self.assertIn("watch", self.words("help", "w"))
        self.assertEqual(self.words("help", "ex"), ["export", "exits"])

    def test_files(self):
        for typed in (["import", ""], ["import", "a.md", ""], ["ls", "--ca", ""], ["ls", "--ca="], ["login", "--password-file", "x"]):
            self.assertEqual(self.gloss("completion", "words", "--", *typed).out, "\tfiles\n", typed)

    def test_nothing_where_nothing_is_known(self):
        for typed in (["tag", "Quiet", ""], ["tag", "--nth", ""], ["unknown", ""], ["unknown", "--x=", ""], ["version", ""], ["show", "Quiet Hours", ""]):
            self.assertEqual(self.words(*typed), [], typed)

    def test_briefs(self):
        self.assertEqual(self.words("show", "qui"), ["Quiet Hours"])
        self.assertEqual(self.words("show", "quiet."), ["quiet.md"])
        self.assertEqual(self.words("edit", "x", "--brief", "清"), ["清净时间 一"])
        self.assertEqual(self.words("show", "", user="nobody"), [])
        self.assertEqual(self.words("show", "--", "Quiet"), ["Quiet Hours"])

    def test_what_is_harmful_is_not_offered(self):
        self.server.import_text("words of a trap\n", title="Trap \x1b[31m red", name="trap.md")
        self.assertEqual(self.words("show", "Trap"), [])
        self.assertEqual(self.words("show", "trap.md"), ["trap.md"])
        self.assertNotIn("\x1b", self.gloss("completion", "words", "--", "show", "trap.md").out)

    def test_what_would_be_an_option_is_not_offered_as_a_word(self):
        self.server.import_text("words of a lure\n", title="--url=https://example.org/", name="-lure.md")
        for typed in (["show", ""], ["show", "-"], ["show", "--url"], ["show", "--url=https://example.org"]):
            self.assertFalse([word for word in self.words(*typed) if word.startswith(("--url=", "-lure"))], typed)
        self.assertEqual(self.words("show", "--", "--url"), ["--url=https://example.org/"])
        self.assertEqual(self.words("edit", "x", "--brief=--u"), ["--brief=--url=https://example.org/"])

    def test_labels_projects_accounts_annotations(self):
        self.assertEqual(self.words("tag", "Quiet", "words", "--label", ""), ["claim", "evidence of it"])
        self.assertEqual(self.words("tag", "--label", "e"), ["evidence of it"])
        self.assertEqual(self.words("ls", "--project", ""), [support.PROJECT])
        self.assertEqual(self.words("login", "--account", "a"), ["admin", "ana"])
        record = self.gloss("show", "Quiet Hours", "--json").json["annotations"][0]["id"]
        self.assertEqual(self.words("edit", record[:6]), [record])
        self.assertEqual(self.words("edit", record, "--label", "cl"), ["claim"])
        self.assertEqual(self.words("edit", record[:3]), [])

    def test_relations_and_their_types(self):
        one, two = (record["id"] for record in self.gloss("show", "Quiet Hours", "--json").json["annotations"][:2])
        self.gloss("link", one, two, "--relation", "supports", user="ana", status=0)
        self.assertEqual(self.words("link", one, two, "--relation", "s"), ["supports"])
        self.assertEqual(self.words("link", one, two[:9]), [two])
        self.assertEqual(self.words("tag", "Quiet", "--label", "s"), [])
        self.assertEqual(self.words("help", "member", ""), ["list", "add", "set", "remove"])

    def test_no_server_is_no_trouble(self):
        self.assertEqual(self.words("show", "", env={"GLOSS_URL": "https://127.0.0.1:1/"}), [])
        self.assertEqual(self.words("show", "", env={"GLOSS_URL": "no address"}), [])
        self.assertEqual(self.words("show", "", env={"GLOSS_TOKEN_FILE": "/nowhere"}), [])

    def test_a_silent_server_is_waited_for_a_moment_only(self):
        import socket
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            self.assertEqual(self.words("show", "", env={"GLOSS_URL": f"https://127.0.0.1:{silent.getsockname()[1]}/"}), [])

    def test_another_shell_is_refused(self):
        self.refuse("completion", "csh", status=2, says="bash, zsh and fish")


def prepare(server):
    server.user("ana", role="annotator")
    for name, text in TITLES.items():
        server.import_text(text, name=name)
    server.gloss("tag", "Quiet", "words", "--label", "claim", user="ana", status=0)
    server.gloss("tag", "Quiet", "Hours", "--label", "evidence of it", user="ana", status=0)


class Shell:
    """What each shell has in common; the classes below say how it is started."""
    shell, command, ready = None, None, "set up>"

    @classmethod
    def prepare(cls):
        prepare(cls.server)

    def setUp(self):
        if not shutil.which(self.shell):
            self.skipTest(f"{self.shell} is not installed (service/deps/install.sh test)")

    def env(self, **more):
        env = self.server.env("ana", PATH=f"{os.path.dirname(support.GLOSS)}:{os.environ['PATH']}", LC_ALL="C.UTF-8", TERM="dumb", PS1="$ ", **more)
        folder = env["HOME"] + "/files"
        os.makedirs(folder + "/briefs", exist_ok=True)
        with open(folder + "/brief with spaces.md", "w", encoding="utf-8") as file:
            file.write("x\n")
        return {**env, "PWD": folder}, folder

    def typed(self, keys):
        """The words of the line as the shell takes them when the keys (with \\t) were pressed."""
        env, folder = self.env()
        with Terminal(self.command, env) as terminal:
            terminal.send(f"cd {folder}; {self.start}; PS1='set up'\> \r")
            terminal.wait_for(self.ready)
            terminal.send(keys)
            terminal.send(AFTER + "echo; echo at'' end\r")
            text = terminal.wait_for("at end\r\n")
        return re.findall(r"\x01([^\x01\x02]*)\x02", text)

    def listed(self, keys):
        """What the terminal shows when the keys were pressed."""
        env, folder = self.env()
        with Terminal(self.command, env) as terminal:
            terminal.send(f"cd {folder}; {self.start}; PS1='set up'\> \r")
            terminal.wait_for(self.ready)
            terminal.send(keys)
            terminal.send("\x15echo at'' end\r")
            return terminal.wait_for("at end\r\n")

    def test_verbs(self):
        self.assertEqual(self.typed("gloss sho\t"), ["gloss", "show"])
        self.assertEqual(self.typed("gloss expo\t"), ["gloss", "export"])

    def test_options_and_their_values(self):
        self.assertEqual(self.typed("gloss tag --lab\t"), ["gloss", "tag", "--label"])
        self.assertEqual(self.typed("gloss edit x --status acc\t"), ["gloss", "edit", "x", "--status", "accepted"])
        self.assertEqual(self.typed("gloss edit x --status=acc\t"), ["gloss", "edit", "x", "--status=accepted"])

    def test_titles_are_quoted(self):
        self.assertEqual(self.typed("gloss show Qui\t"), ["gloss", "show", "Quiet Hours"])
        self.assertEqual(self.typed("gloss show 'Qui\t"), ["gloss", "show", "Quiet Hours"])
        self.assertEqual(self.typed("gloss show \"Quiet H\t"), ["gloss", "show", "Quiet Hours"])
        self.assertEqual(self.typed("gloss show Quiet\\ H\t"), ["gloss", "show", "Quiet Hours"])
        self.assertEqual(self.typed("gloss show It\t"), ["gloss", "show", TITLES["quoted.md"].split("\n", 1)[0]])
        self.assertEqual(self.typed("gloss show 清\t"), ["gloss", "show", "清净时间 一"])

    def test_labels(self):
        self.assertEqual(self.typed("gloss tag Qui\t x --label ev\t"), ["gloss", "tag", "Quiet Hours", "x", "--label", "evidence of it"])
        self.assertEqual(self.typed("gloss tag Quiet x --label=ev\t"), ["gloss", "tag", "Quiet", "x", "--label=evidence of it"])

    def test_files(self):
        self.assertEqual(self.typed("gloss import brief\\ w\t"), ["gloss", "import", "brief with spaces.md"])
        self.assertEqual(self.typed("gloss ls --ca ./brief\\ w\t"), ["gloss", "ls", "--ca", "./brief with spaces.md"])
        self.assertEqual(self.typed("gloss ls --ca=brief\\ w\t"), ["gloss", "ls", "--ca=brief with spaces.md"])

    def test_the_choice_is_shown(self):
        text = self.listed("gloss edit x --status \t\t")
        for status in ("proposed", "active", "accepted", "rejected", "resolved"):
            self.assertIn(status, text)


class Bash(Shell, CliCase):
    shell, command = "bash", ["bash", "--norc", "--noprofile", "-i"]
    start = "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; source <(gloss completion bash)"

    def test_behind_other_commands(self):
        self.assertIn("`gloss show` needs", self.listed("true; gloss sho\t\r"))


class Zsh(Shell, CliCase):
    shell, command = "zsh", ["zsh", "-f", "-i"]
    start = "autoload -U compinit; compinit -D -u; unset zle_bracketed_paste; unsetopt beep; bindkey -e; PROMPT_EOL_MARK=; source <(gloss completion zsh)"

    def test_help_is_shown(self):
        text = self.listed("gloss \t\t")
        self.assertIn("list briefs", text)

    def test_the_script_can_be_installed(self):
        env, folder = self.env()
        path = folder + "/functions"
        os.makedirs(path, exist_ok=True)
        with open(path + "/_gloss", "w", encoding="utf-8") as file:
            file.write(self.gloss("completion", "zsh").out)
        start, type(self).start = self.start, f"fpath=({path} $fpath); " + self.start.replace("; source <(gloss completion zsh)", "")
        try:
            self.assertEqual(self.typed("gloss sho\t"), ["gloss", "show"])
        finally:
            type(self).start = start


class Fish(CliCase):
    """fish tells by itself what it would offer."""
    @classmethod
    def prepare(cls):
        prepare(cls.server)

    def setUp(self):
        if not shutil.which("fish"):
            self.skipTest("fish is not installed (service/deps/install.sh test)")

    def offered(self, line, *options):
        env = self.server.env("ana", PATH=f"{os.path.dirname(support.GLOSS)}:{os.environ['PATH']}", LC_ALL="C.UTF-8")
        folder = env["HOME"] + "/files"
        os.makedirs(folder + "/briefs", exist_ok=True)
        done = subprocess.run(["fish", "--no-config", "-c", 'gloss completion fish | source; complete -C "$argv[1]"', line, *options], env=env, cwd=folder,
                              capture_output=True, text=True, timeout=support.LIMIT_S, check=True)
        self.assertEqual(done.stderr, "")
        return dict((line + "\t").split("\t")[:2] for line in done.stdout.splitlines())

    def test_verbs_and_options(self):
        self.assertEqual(self.offered("gloss sho"), {"show": "show a brief with its highlights and notes"})
        self.assertEqual(list(self.offered("gloss tag --lab")), ["--label"])
        self.assertEqual(list(self.offered("gloss edit x --status ")), ["proposed", "active", "accepted", "rejected", "resolved"])
        self.assertEqual(list(self.offered("gloss edit x --status=acc")), ["--status=accepted"])

    def test_titles_and_labels(self):
        for typed in ("Qui", "'Qui", "Quiet\\ H"):
            self.assertEqual(self.offered(f"gloss show {typed}"), {"Quiet Hours": "quiet.md"}, typed)
        self.assertEqual(list(self.offered("gloss show It")), [TITLES["quoted.md"].split("\n", 1)[0]])
        self.assertEqual(list(self.offered("gloss tag 'Quiet Hours' x --label ev")), ["evidence of it"])

    def test_files(self):
        self.assertEqual(list(self.offered("gloss import bri")), ["briefs/"])
        self.assertEqual(list(self.offered("gloss ls --ca=bri")), ["--ca=briefs/"])


if __name__ == "__main__":
    main()
