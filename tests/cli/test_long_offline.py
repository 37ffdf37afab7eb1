#!/usr/bin/python3
"""A day without a connection: others write hundreds of ops, retire labels, delete, close the session, take rights away, and the log is archived past
what was seen. Then the queue is sent: each op is accepted or told, by name, with what stands there now; nothing is dropped, nothing comes twice."""
import json
import os
import signal
import sys

from case import CliCase, main, support

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from client import Client, mode  # noqa: E402

FOREIGN = int(os.environ.get("GLOSS_TEST_FOREIGN", "400"))  # ops of others meanwhile
MANY = int(os.environ.get("GLOSS_TEST_QUEUE", "120"))  # changes in one queue
LINES = 60
TEXT = "A brief of many lines\n\n" + "".join(f"Line {i}: the harbour of Velsund has berth number {i} and a quay.\n" for i in range(LINES))


class LongOffline(CliCase):
    settings = {"ops_in_flight": 48}  # so that a queue takes several messages

    @classmethod
    def prepare(cls):
        for name, role in (("ana", "annotator"), ("ben", "annotator"), ("cora", "curator")):
            cls.server.user(name, role=role)

    def setUp(self):
        self.title = f"{self._testMethodName}"
        self.brief = self.server.import_text(f"{self.title}\n{TEXT}", name=f"{self.title}.md")["document"]

    def ana(self, *args, status=0, **more):
        return self.gloss(*args, user="ana", status=status, **more)

    def post(self, user, lines, status=0):
        return self.gloss("post", self.brief, "--run", f"{user} {len(lines)}", "--agent", "hand/1", "--json", user=user, status=status,
                          stdin="".join(json.dumps(line) + "\n" for line in lines))

    def tag(self, line, label="claim", user="ana"):
        return self.gloss("tag", self.brief, f"berth number {line} and", "--label", label, "--json", user=user, status=0).json["annotation"]

    def records(self):
        return {record["id"]: record for record in self.gloss("show", self.brief, "--json", user="cora", status=0).json["annotations"]}

    def session(self):
        return self.gloss("info", self.brief, "--json", user="cora", status=0).json["session"]

    def set_mode(self, wanted):
        with Client(self.server, "cora") as cora:
            cora.one(self.session(), mode(wanted))

    def keep(self, *args):
        return self.ana(*args, "--offline", "--json").lines

    def sync(self, *args, status=None):
        """What gloss sync says of each op: {op: line}."""
        done = self.ana("sync", "--json", *args, status=status)
        lines = {line["op"]: line for line in done.lines if "op" in line}
        self.assertEqual(len(lines), len([line for line in done.lines if "op" in line]), "each is told once")
        self.last = done
        return lines

    def waiting(self):
        return {line["op"]: line for line in self.ana("sync", "--list", "--json").lines}

    def times_in_log(self):
        """How often each op stands in the whole log, archive included."""
        count = {}
        for line in self.gloss("log", self.brief, "--json", user="cora", status=0).lines:
            count[line["op"]] = count.get(line["op"], 0) + 1
        return count

    def test_a_day(self):
        own = [self.tag(i) for i in range(8)]
        bens = [self.tag(i, user="ben") for i in range(8, 14)]
        for name in ("doomed", "renamed"):
            self.tag(14, label=name)
        self.ana("show", self.brief)  # as she leaves
        queue = {}

        def keep(what, *args):
            queue[what] = self.keep(*args)[0]["op"]
        keep("edit mine", "edit", own[0], "--note", "anas words 0")
        keep("edit mine, which ben edited", "edit", own[1], "--note", "anas words 1")
        keep("and again", "edit", own[1], "--note", "anas second words 1")
        keep("another field", "edit", own[2], "--note", "anas words 2")
        keep("edit what was deleted", "edit", bens[0], "--note", "anas words 3")
        keep("reply to what was deleted", "reply", bens[0], "anas answer")
        keep("reply", "reply", bens[1], "anas answer 2")
        keep("delete what was changed", "rm", own[3])
        keep("delete what was answered", "rm", own[4])
        keep("with a retired label", "tag", self.brief, "berth number 20 and", "--label", "doomed", "--note", "many words of hers")
        keep("with a renamed label", "tag", self.brief, "berth number 21 and", "--label", "renamed")
        keep("new", "tag", self.brief, "berth number 22 and", "--label", "claim")
        new = self.waiting()[queue["new"]]["annotation"]
        keep("edit of the new one", "edit", new, "--note", "of the new one")
        keep("link", "link", own[5], bens[2], "--relation", "supports")
        keep("accept", "accept", bens[3])
        steps = [line["op"] for line in self.keep("reject", own[6], own[7])]
        everything = [*queue.values(), *steps]
        self.assertEqual(set(self.waiting()), set(everything))
        # ... and what the others do that day
        self.gloss("edit", own[1], "--note", "bens words", user="ben", status=0)
        self.gloss("edit", own[2], "--label", "bens", user="ben", status=0)
        self.gloss("rm", bens[0], user="ben", status=0)
        self.gloss("edit", own[3], "--note", "bens words", user="ben", status=0)
        self.gloss("reply", own[4], "a question", user="ben", status=0)
        self.gloss("edit", own[7], "--note", "bens words", user="ben", status=0)
        self.gloss("label", "retire", "doomed", user="cora", status=0)
        self.gloss("label", "rename", "renamed", "of another name", user="cora", status=0)
        self.post("ben", [{"label": "foreign", "start": 30 + i % 900, "end": 40 + i % 900} for i in range(FOREIGN)])
        self.server.glossd("retention", self.session(), "--now", "--keep", "0")
        self.gloss("edit", bens[4], "--note", "behind the cut", user="ben", status=0)
        # first her right is gone
        self.gloss("member", "set", "ana", "viewer", user="admin", status=0)
        lines = self.sync(status=1)
        self.assertEqual(set(lines), set(everything))
        for line in lines.values():
            self.assertTrue(line["kept"], line)
            self.assertIn(line["error"]["name"], ("forbidden", "depends_on_refused", "atomic_refused"))
        self.assertEqual(set(self.waiting()), set(everything))
        # then the session is closed
        self.gloss("member", "set", "ana", "annotator", user="admin", status=0)
        self.set_mode("closed")
        lines = self.sync("--send", "all", status=1)
        self.assertEqual(set(lines), set(everything))
        self.assertIn("session_closed", {line["error"]["name"] for line in lines.values()})
        self.assertEqual(set(self.waiting()), set(everything))
        self.set_mode("shared")
        # nothing of all that has changed what she had seen: bases are as they were
        lines = self.sync("--send", "all", status=1)
        self.assertEqual(set(lines), set(everything))
        refused = {op: line["error"] for op, line in lines.items() if "error" in line}
        wanted = {"edit mine, which ben edited": "stale", "and again": ("stale", "depends_on_refused"), "edit what was deleted": "gone", "reply to what was deleted": "gone",
                  "delete what was changed": "stale", "delete what was answered": "stale", "with a retired label": "unknown_label"}
        for what, op in queue.items():
            name = refused.get(op, {}).get("name")
            self.assertIn(name, wanted[what] if isinstance(wanted.get(what), tuple) else (wanted.get(what),), what)
        self.assertEqual(sorted(refused[op]["name"] for op in steps), ["atomic_refused", "stale"])
        self.expect_told(refused, queue, bens)
        for op, line in lines.items():
            if op in refused:
                self.assertTrue(line["kept"], line)
        self.assertEqual(set(self.waiting()), set(refused))
        # nothing that others wrote was overwritten, and what merges was merged
        records = self.records()
        self.assertEqual([records[own[i]].get("note") for i in range(4)], ["anas words 0", "bens words", "anas words 2", "bens words"])
        self.assertEqual(records[own[2]]["label_name"], "bens")
        self.assertEqual((records[new]["note"], records[bens[3]]["status"], records[own[6]]["status"]), ("of the new one", "accepted", "active"))
        # she decides, one by one: over what she was told, and no further
        self.gloss("edit", own[3], "--note", "bens later words", user="ben", status=0)
        again = self.sync("--send", queue["edit mine, which ben edited"], "--send", queue["delete what was changed"], status=1)
        self.assertIn("seq", again[queue["edit mine, which ben edited"]])
        self.assertEqual(again[queue["delete what was changed"]]["error"]["current"]["note"], "bens later words")
        self.gloss("label", "revive", "doomed", user="cora", status=0)
        self.gloss("restore", bens[0], user="ben", status=0)
        for what in ("with a retired label", "edit what was deleted", "reply to what was deleted", "and again"):
            self.sync("--send", queue[what], status=1)
        self.ana("sync", "--drop", "all")
        self.assertEqual(self.waiting(), {})
        records = self.records()
        self.assertEqual([records[it].get("note") for it in (own[1], own[3], bens[0])], ["anas second words 1", "bens later words", "anas words 3"])
        log = self.times_in_log()
        self.assertEqual({times for times in log.values()}, {1})
        dropped = {queue["delete what was changed"], queue["delete what was answered"], *steps}
        self.assertEqual({op: log.get(op, 0) for op in everything}, {op: int(op not in dropped) for op in everything})
        self.assertEqual(self.server.check()[0], 0)

    def expect_told(self, refused, queue, bens):
        """Each conflict with the current value, its author and the op that did it; for people in words, with what to do."""
        for what, op in queue.items():
            error = refused.get(op)
            if error and error["name"] in ("stale", "gone"):
                self.assertEqual(error["author_name"], "ben", what)
                self.assertGreater(error["seq"], 0, what)
                self.assertEqual(error["current"].get("deleted", False), error["name"] == "gone", what)
        for words in ("ben changed its note since you looked", "* note:   bens words", "ben changed its replies since you looked", f"`gloss restore {bens[0]}` brings it back",
                      "was deleted by ben (op ", "once it was restored: gloss sync --send", "doomed is retired", "once the codebook allows it: gloss sync --send"):
            self.assertIn(words, self.last.err)

    def keep_many(self, count):
        """A queue of that many changes, made by the library as a program makes it: several steps of several ops."""
        ids = list(self.records())
        for start in range(0, count, 40):
            self.keep("accept", *[ids[i % len(ids)] for i in range(start, min(start + 40, count))])
        return list(self.waiting())

    def test_interrupted_in_the_middle_it_goes_on(self):
        self.post("ben", [{"label": "claim", "start": 30 + i, "end": 40 + i} for i in range(MANY)])
        self.ana("show", self.brief)
        for line in range(20):
            self.keep("tag", self.brief, f"berth number {line} and", "--label", "claim")
        ops = self.keep_many(MANY)
        process = self.server.spawn("sync", "--json", user="ana", text=True)
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, said = process.stdout.read(), process.stderr.read()  # communicate() would lose what readline() has read beyond the line
        process.wait(support.LIMIT_S)
        process.stdout.close(), process.stderr.close()
        told = [json.loads(line) for line in [first, *rest.splitlines()] if line.strip()]
        if process.returncode == 0:  # all was there before the signal
            self.assertEqual(len(told), len(ops))
            return
        self.assertEqual(process.returncode, -signal.SIGINT, said)
        self.assertIn("`gloss sync` goes on with it", said)
        more = self.sync()
        self.assertEqual(set(more) & {line["op"] for line in told}, set(), "told once")
        self.assertEqual({line["op"] for line in told} | set(more), set(ops))
        self.assertEqual(self.waiting(), {})
        log = self.times_in_log()
        self.assertEqual({log.get(op, 0) for op in ops}, {1})


if __name__ == "__main__":
    main()
