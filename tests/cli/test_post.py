#!/usr/bin/python3
"""post: any number of lines, each tag once, whatever dies."""
import json
import os
import subprocess
import uuid

from case import CliCase, main
from proxy import Proxy
import server as support

TEXT = "Posted\n\n" + " ".join(f"word{i:05}" for i in range(20000)) + "\n"


def line(**members):
    return json.dumps(members) + "\n"


def place(i, **members):
    start = 8 + i * 10
    return line(label=f"label {i % 5}", start=start, end=start + 9, **members)


class Post(CliCase):
    @classmethod
    def prepare(cls):
        cls.server.user("ana", role="annotator")

    def setUp(self):
        self.brief = self.server.import_text(TEXT + self.id(), name="posted.md", title=self.id())["document"]

    def post(self, lines, *args, **more):
        return self.gloss("post", self.brief, *args, stdin="".join(lines), user="ana", **more)

    def annotations(self):
        return self.gloss("show", self.brief, "--json", status=0).json["annotations"]

    def counts(self, done):
        return tuple(done.json[name] for name in ("accepted", "repeated", "refused", "seq"))

    # ---- lines

    def test_attributes_of_every_line_and_places_in_several_pieces(self):
        lines = [line(label="a", spans=[{"start": 8, "end": 17}, {"exact": "word00003"}]), place(5, attributes={"source": "its own"})]
        options = ("--attribute", "source=tagger", "--attribute", "weight=2")
        self.assertEqual(self.counts(self.post(lines, *options, status=0)), (2, 0, 0, 2))
        first, second = self.annotations()
        self.assertEqual([span["exact"] for span in first["target"]["spans"]], ["word00000", "word00003"])
        self.assertEqual((first["attributes"], second["attributes"]), ({"source": "tagger", "weight": 2}, {"source": "its own", "weight": 2}))
        self.assertEqual(self.counts(self.post(lines, *options, status=0)), (0, 2, 0, 2))
        self.assertEqual(self.counts(self.post(lines, "--attribute", "source=other", status=0)), (2, 0, 0, 4))
        done = self.post([line(label="a", start=8, end=17, spans=[])], status=1)
        self.assertIn("leave out", done.err)

    def test_lines_of_both_forms(self):
        done = self.post([place(0), line(label="a", exact="word00002"), line(label="b", exact="word0000", prefix="word00002 ", suffix="3"),
                          line(label="c", exact="word0001", nth=3), line(label="d", start=18, end=27, exact="word00001", note="n", status="proposed",
                                                                          attributes={"x": 1, "y": "z", "w": True}, confidence=930)], status=0)
        self.assertEqual(self.counts(done), (5, 0, 0, 5))
        self.assertEqual(done.err, "")
        records = self.annotations()
        self.assertEqual([record["exact"] for record in records], ["word00000", "word00002", "word0000", "word0001", "word00001"])
        self.assertEqual(records[2]["start"], 8 + 30)
        last = records[4]
        self.assertEqual((last["note"], last["status"], last["attributes"], last["confidence"]), ("n", "proposed", {"x": 1, "y": "z", "w": True}, 930))

    def test_bad_lines_are_told_and_the_others_go_on(self):
        lines = [place(0), '{"label":"x","start":\n', line(lable="x", start=0, end=3), place(1), line(label="x", exact="nowhere to be found"),
                 line(label="x", exact="word0001"), "\n", "[]\n", line(label="x", start=0, end=10 ** 9), place(2), '{"note":"' + "x" * 70000 + '","start":0,"end":1}\n',
                 line(label="x", start=3), place(3)]
        done = self.post(lines, status=1)
        numbers = [int(word.split()[2]) for word in done.err.splitlines() if word.startswith("gloss: line ")]
        self.assertEqual(sorted(numbers), [2, 3, 5, 6, 8, 9, 11, 12])
        self.assertEqual(self.counts(done)[:3], (4, 0, 8))
        for words in ("did you mean \"label\"?", "not in the text", "stand in 10", "must be a JSON object", "outside the text", "more than 65536 bytes", "belong together"):
            self.assertIn(words, done.err)
        self.assertEqual(len(self.annotations()), self.counts(done)[0])

    def test_refusals_as_json(self):
        done = self.post([place(0), line(label="x", exact="word0001")], "--json", status=1)
        refusal = json.loads(done.err)
        self.assertEqual((refusal["line"], refusal["error"]["name"]), (2, "quote_ambiguous"))

    def test_nothing(self):
        self.assertEqual(self.counts(self.post([], status=0)), (0, 0, 0, 0))

    def test_a_last_line_without_end_and_a_byte_order_mark(self):
        self.assertEqual(self.counts(self.post(["\ufeff" + place(0), place(1).rstrip("\n")], status=0))[:3], (2, 0, 0))

    # ---- ids

    def test_again_everything_is_repeated(self):
        lines = [place(i) for i in range(300)] + [place(7), place(7)]
        first, again = self.post(lines, "--run", "r", status=0), self.post(lines, "--run", "r", status=0)
        self.assertEqual(self.counts(first), (302, 0, 0, 302))
        self.assertEqual(self.counts(again), (0, 302, 0, 302))
        self.assertEqual(len(self.annotations()), 302)
        self.assertEqual(self.counts(self.post(lines[:10], "--run", "other", status=0))[:2], (10, 0))
        self.assertEqual({record.get("run") for record in self.annotations()}, {"r", "other"})

    def test_own_ids(self):
        ids = [str(uuid.uuid4()) for _ in range(3)]
        lines = [place(i, id=ids[i]) for i in range(3)]
        self.assertEqual(self.counts(self.post(lines, status=0))[:2], (3, 0))
        self.assertEqual(self.counts(self.post(lines, status=0))[:2], (0, 3))
        self.assertEqual({entry["op"] for entry in self.gloss("log", self.brief, "--json").lines}, set(ids))
        other = self.post([place(5, id=ids[0])], status=1)
        self.assertIn("used for another request", other.err)

    def test_agent_makes_proposals(self):
        self.post([place(0), place(1, status="active")], "--agent", "tagger/1.2", status=0)
        self.assertEqual([(record["agent"], record["status"]) for record in self.annotations()], [("tagger/1.2", "proposed"), ("tagger/1.2", "active")])

    # ---- all or none

    def test_atomic(self):
        self.assertEqual(self.counts(self.post([place(i) for i in range(200)], "--atomic", status=0)), (200, 0, 0, 200))
        steps = {entry.get("step") for entry in self.gloss("log", self.brief, "--json").lines}
        self.assertEqual(len(steps), 1)
        again = self.post([place(i) for i in range(200)], "--atomic", status=0)
        self.assertEqual(self.counts(again), (0, 200, 0, 200))

    def test_atomic_with_one_bad_line_does_nothing(self):
        for bad in (line(label="x", exact="word0001"), "{\n"):
            done = self.post([place(0), bad, place(1)], "--atomic", status=1)
            self.assertEqual(self.counts(done)[:3], (0, 0, 3))
            self.assertIn("line 2", done.err)
            self.assertIn("all or none", done.err)
        self.assertEqual(self.annotations(), [])

    def test_atomic_has_a_limit(self):
        done = self.post([place(i) for i in range(1500)], "--atomic", status=2)
        self.assertIn("--atomic takes at most", done.err)
        self.assertEqual(self.annotations(), [])

    # ---- what dies

    def start(self, lines, url=None):
        path = f"{self.server.folder}/input.ndjson"
        with open(path, "w") as file:
            file.writelines(lines)
        with open(path) as stdin:
            return self.server.spawn("post", self.brief, "--run", "r", user="ana", stdin=stdin, env={"GLOSS_URL": url} if url else {})

    def seq(self):
        return self.gloss("info", self.brief, "--json").json["seq"]

    def test_killed_and_started_again(self):
        lines = [place(i) for i in range(6000)]
        for part in (500, 2500):
            process = self.start(lines)
            support.wait_until("some are there", lambda: self.seq() > part or process.poll() is not None)
            process.kill()
            process.communicate()
        had = self.seq()
        done = self.post(lines, "--run", "r", status=0, timeout=500)
        self.assertEqual(self.counts(done), (6000 - had, had, 0, 6000))
        starts = [record["start"] for record in self.annotations()]
        self.assertEqual((len(starts), len(set(starts))), (6000, 6000))

    def test_cut_off_and_the_server_killed_in_the_middle(self):
        lines = [place(i) for i in range(8000)]
        with Proxy(self.server.port) as proxy:
            process = self.start(lines, proxy.url)
            for part in (200, 1000, 2000):
                support.wait_until(f"{part} are there", lambda: self.seq() > part or process.poll() is not None)
                proxy.cut()
            support.wait_until("more are there", lambda: self.seq() > 3000 or process.poll() is not None)
            self.server.kill_worker()
            support.wait_until("more are there", lambda: self.seq() > 4000 or process.poll() is not None)
            self.server.kill()
            self.server.start()
            out, err = process.communicate(timeout=500)
        self.assertEqual(process.returncode, 0, err)
        result = json.loads(out)
        self.assertEqual((result["accepted"] + result["repeated"], result["refused"], result["seq"]), (8000, 0, 8000))
        self.assertEqual(len({record["start"] for record in self.annotations()}), 8000)
        self.assertIs(self.gloss("verify", self.brief, "--json", status=0).json["ok"], True)

    def test_memory_does_not_grow_with_the_input(self):
        def peak(count):
            lines = "".join(line(lable="x", start=i, end=i) for i in range(count))
            path = f"{self.server.folder}/many.ndjson"
            with open(path, "w") as file:
                file.write(lines)
            with open(path) as stdin:
                process = self.server.spawn("post", self.brief, user="ana", stdin=stdin, stderr=subprocess.DEVNULL)
                _, status, usage = os.wait4(process.pid, 0)
            process.stdout.close()
            self.assertEqual(os.waitstatus_to_exitcode(status), 1)
            return usage.ru_maxrss
        small, large = peak(2000), peak(60000)
        self.assertLess(large, small * 2 + 64 * 1024, "kB")


if __name__ == "__main__":
    main()
