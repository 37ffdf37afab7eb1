#!/usr/bin/python3
"""What the server puts off, and answers that do not come: each verb waits as long as it says, so this is long."""
import re
import subprocess

from case import CliCase, PLAIN, main
from proxy import Proxy
from server import LIMIT_S, wait_until


class Held:
    """What somebody else holds: the row of a stream, to which nothing can be written then, or what the statement says."""

    STREAM = "select from stream where id = '{}' for update"

    def __init__(self, server, stream, statement=STREAM):
        self.psql = subprocess.Popen(["psql", "-Xqtd", server.database()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(f"begin; {statement.format(stream)}; select 'held';", file=self.psql.stdin, flush=True)
        assert any("held" in line for line in self.psql.stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.psql.communicate("")


class PutOff(CliCase):
    settings = {"append_timeout_ms": 2000, "statement_timeout_ms": 2000}

    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")

    def ana(self, *args, **more):
        return self.gloss(*args, user="ana", **more)

    def test_who_waits_is_told_why_and_how_to_ask_again(self):
        """Somebody else holds the stream's row: nothing can be written, and the server says "later" each time."""
        brief = self.server.import_text(PLAIN, name="put-off.md")
        edited, resolved, kept = [self.ana("tag", brief["document"], words, "--label", "claim", "--json", status=0).json["annotation"]
                                  for words in ("closer ties", "are cautious", "neighbours")]
        self.ana("edit", kept, "--note", "kept", "--offline", status=0)
        verbs = {"edit": ("edit", edited, "--note", "new"), "resolve": ("resolve", resolved), "sync": ("sync",)}
        with Held(self.server, brief["session"]):
            processes = {verb: self.server.spawn(*args, user="ana") for verb, args in verbs.items()}
            said = {verb: process.communicate(timeout=LIMIT_S)[1].decode() for verb, process in processes.items()}
        self.assertEqual({verb: process.returncode for verb, process in processes.items()}, dict.fromkeys(verbs, 5), said)
        for verb in ("resolve", "sync"):
            self.assertEqual(said[verb].count("the server puts it off"), 1, said[verb])
        self.assertIn("what waits is kept", said["sync"])
        for verb in ("edit", "resolve"):
            again = re.search(r"the same\s+again\s+with\s+--op\s+(\S+)\s+--base\s+3\s", said[verb])
            self.assertTrue(again, said[verb])
            seqs = {self.ana(*verbs[verb], "--op", again[1], "--base", 3, "--json", status=0).json["seq"] for _ in range(2)}
            self.assertEqual(len(seqs), 1)
        self.assertEqual(len(self.ana("sync", "--json", status=0).lines), 1)
        self.assertEqual(self.ana("info", brief["document"], "--json", status=0).json["seq"], 6)

    def test_whose_right_to_be_here_ends_is_not_told_that_nothing_was_done(self):
        """While what he asked for has no answer: it may have been done."""
        self.server.user("pia", role="owner")
        self.server.user("carl", role="annotator")
        brief = self.server.import_text(PLAIN, name="put-out.md")
        made = self.gloss("tag", brief["document"], "closer ties", "--label", "claim", "--json", user="carl", status=0).json["annotation"]
        with Held(self.server, brief["session"]):
            edit, resolve = [self.server.spawn(*words, user="carl") for words in (("edit", made, "--note", "new"), ("resolve", made))]
            said = b""
            while b"puts it off" not in said:
                line = resolve.stderr.readline()
                self.assertTrue(line, said)
                said += line
            self.gloss("member", "remove", "carl", user="pia", status=0)
            for process in (edit, resolve):
                out, err = process.communicate(timeout=LIMIT_S)
                self.assertEqual((process.returncode, out), (5, b""), err)
                self.assertIn("not known whether this was done", " ".join(err.decode().split()))

    def test_what_may_have_been_done_is_not_denied(self):
        """The connection ends while the server writes, and does not come back."""
        self.server.user("olga", role="owner")
        self.server.user("ben", role="annotator")
        self.server.user("root", admin=True)
        project = self.gloss("project", "list", "--json", user="olga", status=0).json["project"]
        row, account = Held.STREAM, "lock table account in share mode"
        for user, says, statement, *words in (
                ("olga", "it is not known whether this was changed", row, "project", "rename", project, "renamed"),
                ("olga", "it is not known whether this was changed (`gloss member list` tells)", row, "member", "set", "ben", "viewer"),
                ("root", "it is not known whether this was done (`gloss admin audit` tells)", account, "admin", "add", "zoe")):
            with self.subTest(" ".join(words)), Proxy(self.server.port) as proxy, Held(self.server, project, statement):
                process = self.server.spawn(*words, user=user, env={"GLOSS_URL": proxy.url})
                waiting = f"select 1 from pg_stat_activity where datname = '{self.server.name}' and wait_event_type = 'Lock'"
                wait_until("it is being written", lambda: self.server.sql(waiting))
                proxy.is_open = False
                proxy.cut()
                out, err = process.communicate(timeout=LIMIT_S)
                self.assertEqual((process.returncode, out), (5, b""), err)
                self.assertIn(says, " ".join(err.decode().split()))


if __name__ == "__main__":
    main()
