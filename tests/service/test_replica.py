#!/usr/bin/python3
"""The tests' own replica (tests/support/replica.py) against proto/vectors, and that it notices what is not right: other tests rely on it."""
import copy
import json
import os
import unittest

import case
from case import Diverged, support
from replica import Replica, canonical, chain_start, derived_annotation, leaf_of


def vectors(name):
    with open(os.path.join(support.SOURCE, "proto/vectors", name), encoding="utf-8") as file:
        return json.load(file)


class Vectors(unittest.TestCase):
    def setUp(self):
        self.log = vectors("log.json")

    def replica(self):
        document = {"session": self.log["stream"], "document": "d", "revision": "r", "project": "p", "sha256": self.log["revision"]}
        return Replica({"seq": 0, "chain": "", "mode": "shared", "mode_seq": 0, "document": document}, since=0)

    def frame(self, index, **changes):
        op = copy.deepcopy(self.log["ops"][index])
        logged = {"payload": op["payload"], "salt": op["salt"]}
        return {"first": index + 1, "chain": op["chain"], "state": op["state"], "ops": [logged], **changes}

    def test_a_log(self):
        replica = self.replica()
        for index, op in enumerate(self.log["ops"]):
            replica.take_ops(self.frame(index))
            self.assertEqual(len(replica.live()), op["annotations"])
        self.assertEqual(replica.recount(), replica.state)
        self.assertEqual(sorted(canonical(record).decode() for record in replica.records.values()), sorted(self.log["records"]))

    def test_what_is_not_right_is_noticed(self):
        for what, spoil in {
                "a frame again": lambda frame: frame.update(first=frame["first"] - 1), "a gap": lambda frame: frame.update(first=frame["first"] + 1),
                "another chain": lambda frame: frame.update(chain="00" * 32), "another sum": lambda frame: frame.update(state="00" * 32),
                "another salt": lambda frame: frame["ops"][0].update(salt="00" * 16), "an empty frame": lambda frame: frame.update(ops=[]),
                "another payload": lambda frame: frame["ops"][0]["payload"].update(at="2026-01-01T00:00:00.000Z"),
                "another seq": lambda frame: frame["ops"][0]["payload"].update(seq=99),
                "a member more": lambda frame: frame["ops"][0]["payload"].update(more=1)}.items():
            replica, frame = self.replica(), self.frame(1)
            replica.take_ops(self.frame(0))
            spoil(frame)
            with self.assertRaises(Diverged, msg=what):
                replica.take_ops(frame)

    def test_hashes(self):
        found = vectors("hash.json")
        for it in found["chain_start"]:
            self.assertEqual(chain_start(it["stream"], it["revision"]).hex(), it["chain"])
        for it in found["annotation_id"]:
            self.assertEqual(derived_annotation(it["op"]), it["annotation"])
        for it in vectors("canon.json")["canonical"]:
            self.assertEqual(canonical(json.loads(it["json"])).decode(), it["canonical"])
        self.assertEqual(leaf_of({"leaf": "ab" * 32}), b"\xab" * 32)


if __name__ == "__main__":
    case.main()
