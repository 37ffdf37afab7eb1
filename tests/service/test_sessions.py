#!/usr/bin/python3
"""Sessions that several people share: one order, one state, conflicts, labels, pages, resuming, and those who are slow or talk nonsense.

Every client here keeps a replica in Python (tests/support/replica.py), which proves each op, chain and state sum it is sent.
"""
import json
import random
import re
import socket
import subprocess
import time
import unicodedata

import case
import wire
from case import Client, Closed, Refused, ServiceCase, TEXT, create, delete, mode, new_id, restore, update
from client import relate, reply
from replica import chain_start, leaf_of, sha256
from server import wait_until

LONG_NOTE = "n" * 20000


class SessionCase(ServiceCase):
    users = {"ana": "annotator", "ben": "annotator", "cora": "curator", "vera": "viewer"}

    def joined(self, session, *names):
        clients = self.people(*names)
        for client in clients:
            client.join(session)
        return clients

    def settle(self, session, *clients):
        """Waits until all of them have the newest op of any of them; gives their replicas, which must be equal and what glossd check says."""
        newest = max(client.join(session, live=False)["seq"] if session not in client.replicas else client.replicas[session].seq for client in clients)
        replicas = [client.wait_seq(session, newest) for client in clients]
        self.assertSame(*replicas)
        self.assertChecks(*replicas)
        return replicas

    def made(self, client, session, label="claim", **more):
        """One annotation: its id and the seq that made it."""
        more = more or {"exact": "Nobody"}
        result = client.one(session, create(label, **more))
        return result["annotation"], result["seq"]


class Order(SessionCase):
    def some_op(self, rng, replica, own):
        """Anything that a busy person does, right or wrong."""
        what = rng.random()
        known = list(replica.records)
        if what < 0.5 or not known:
            start = rng.randrange(0, 20)
            if known and rng.random() < 0.4:
                return self.some_link(rng, replica)
            return create(f"label {rng.randrange(6)}", start=start, end=start + rng.randrange(1, 5), note=f"n{rng.random()}")
        identity = rng.choice(known)
        base = rng.choice([replica.seq, replica.seq, max(0, replica.seq - rng.randrange(5)), own[-1] if own else 0])
        if what < 0.8:
            return update(identity, base, **rng.choice([{"note": f"n{rng.random()}"}, {"label": f"label {rng.randrange(6)}"}, {"status": rng.choice(("accepted", "resolved", "active"))}, {"attributes": {rng.choice("ab"): rng.choice((rng.randrange(9), None))}}]))
        return (delete if what < 0.9 else restore)(identity, base)

    def some_link(self, rng, replica):
        """A reply or a relation; here and there into another session, or to what is not there."""
        known = [*replica.records, new_id()]
        if rng.random() < 0.5:
            return reply(rng.choice(known), f"n{rng.random()}")
        return rng.choice((relate(rng.choice(known), rng.choice(known), label="near"), relate(rng.choice(known), *self.far)))

    def test_two_to_ten_see_one_order(self):
        text = "abcdefghijklmnopqrstuvwxyz " * 4
        elsewhere = self.new_session()
        self.far = (self.made(self.connect("ana"), elsewhere)[0], elsewhere)
        for count in (2, 5, 10):
            with self.subTest(clients=count):
                rng = random.Random(count)
                session = self.new_session(text + new_id())
                clients = self.joined(session, *(("ana", "ben", "cora") * 4)[:count])
                accepted, refused = {}, 0
                for _ in range(12):
                    asked = []
                    for client in clients:
                        replica, own = client.replicas[session], []
                        for _ in range(2):
                            ops = [self.some_op(rng, replica, own) for _ in range(rng.randrange(1, 5))]
                            own += [op["id"] for op in ops]
                            asked.append((client, client.send("session.submit", {"session": session, "ops": ops}), ops))
                    for client, number, ops in asked:
                        results = client.answer(number)["results"]
                        self.assertEqual([result["id"] for result in results], [op["id"] for op in ops])
                        for result in results:
                            if "error" in result:
                                refused += 1
                                self.assertIn(result["error"]["data"]["name"], ("stale", "gone", "exists", "depends_on_refused", "not_found", "invalid_params"), result)
                            else:
                                accepted[result["id"]] = result["seq"]
                replicas = self.settle(session, *clients)
                self.assertEqual({op["op"]: op["seq"] for op in replicas[0].ops}, accepted)
                self.assertEqual(sorted(accepted.values()), list(range(1, len(accepted) + 1)))
                self.assertGreater(refused, 0, "the mix has conflicts in it")
                times = [op["at"] for op in replicas[0].ops]
                self.assertEqual(times, sorted(times))
                for client in clients:
                    self.assert_results_behind_ops(client, session)

    def assert_results_behind_ops(self, client, session):
        """Whoever has joined gets the op before the result, and results in the order of the requests."""
        seen, last = 0, 0
        for what, message in client.trace:
            if what == "session.ops" and message["session"] == session:
                seen = message["first"] + len(message["ops"]) - 1
            elif what == "answer" and "result" in message and "results" in message["result"]:
                self.assertGreater(message["id"], last)
                last = message["id"]
                for result in message["result"]["results"]:
                    self.assertLessEqual(result.get("seq", 0), seen)

    def test_one_commit_for_many_is_one_frame_for_everybody(self):
        """Group commit and group broadcast: a request with many ops does not become as many frames."""
        session = self.new_session()
        ana, ben = self.joined(session, "ana", "ben")
        results = ana.submit(session, [create("claim", exact="Nobody") for _ in range(200)])
        self.assertEqual([result["seq"] for result in results], list(range(1, 201)))
        self.settle(session, ana, ben)
        self.assertLessEqual(ben.replicas[session].frames, 20)

    def test_answers_come_without_waiting_for_each_other(self):
        """Pipelined submits of one connection: all are answered, in order, and it does not take a round trip to disk each."""
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        numbers = [ana.send("session.submit", {"session": session, "ops": [create("claim", exact="Nobody")]}) for _ in range(60)]
        seqs = [ana.answer(number)["results"][0]["seq"] for number in numbers]
        self.assertEqual(seqs, list(range(1, 61)))
        self.assert_results_behind_ops(ana, session)
        self.settle(session, ana)


class Conflicts(SessionCase):
    def setUp(self):
        self.session = self.new_session()
        self.ana, self.ben = self.joined(self.session, "ana", "ben")
        self.annotation, self.seq = self.made(self.ana, self.session)

    def tearDown(self):
        self.settle(self.session, self.ana, self.ben)

    def record(self, client=None):
        client = client or self.ana
        return client.replicas[self.session].records[self.annotation]

    def change(self, client, base=None, **fields):
        return client.one(self.session, update(self.annotation, self.seq if base is None else base, **fields))["seq"]

    def refuse(self, client, op, name, path=None, **data):
        before = self.head(client)
        error = client.refused(self.session, op)
        self.assertError(error, name, path, **data)
        self.assertEqual(self.head(client), before, "a refusal leaves no trace")
        return error

    def head(self, client):
        return client.call("document.get", document=client.replicas[self.session].document)["document"]["seq"]

    def test_stale_tells_what_is_there_now(self):
        changed = self.change(self.ben, label="evidence")
        self.ana.wait_seq(self.session, changed)
        error = self.refuse(self.ana, update(self.annotation, self.seq, label="threat"), "stale", "base", field="label", author=self.ben.account, seq=changed)
        self.assertEqual(error.data["current"], self.record())
        self.assertEqual(error.data["fields"], [{"field": "label", "author": self.ben.account, "seq": changed}])
        self.assertIn(str(changed), error.message)
        self.change(self.ana, base=changed, label="threat")

    def test_different_fields_merge(self):
        self.change(self.ben, label="evidence")
        self.change(self.ana, note="says who?")
        self.change(self.ben, attributes={"x": 1})
        self.change(self.ana, attributes={"y": True})
        last = self.change(self.ben, status="proposed")
        self.ana.wait_seq(self.session, last)
        record = self.record()
        self.assertEqual((record["note"], record["attributes"], record["status"]), ("says who?", {"x": 1, "y": True}, "proposed"))
        self.assertEqual(record["who"], {"label": self.ben.account, "attributes.x": self.ben.account, "status": self.ben.account})

    def test_two_at_the_same_time_one_wins(self):
        ops = [update(self.annotation, self.seq, note=f"by {client.user}") for client in (self.ana, self.ben)]
        numbers = [client.send("session.submit", {"session": self.session, "ops": [op]}) for client, op in zip((self.ana, self.ben), ops)]
        results = [client.answer(number)["results"][0] for client, number in zip((self.ana, self.ben), numbers)]
        names = sorted(result.get("error", {"data": {"name": "accepted"}})["data"]["name"] for result in results)
        self.assertEqual(names, ["accepted", "stale"])

    def test_several_fields_are_all_named(self):
        first = self.change(self.ben, label="evidence")
        second = self.change(self.ben, note="x")
        self.ana.wait_seq(self.session, second)
        error = self.refuse(self.ana, update(self.annotation, self.seq, label="threat", note="y", attributes={"a": 1}), "stale", "base")
        self.assertEqual(sorted((it["field"], it["seq"]) for it in error.data["fields"]), [("label", first), ("note", second)])

    def test_ones_own_changes_never_stand_in_the_way(self):
        for note in ("a", "b", "c"):
            self.change(self.ana, note=note)
        self.change(self.ana, status="accepted")
        self.ana.one(self.session, delete(self.annotation, self.seq))

    def test_a_base_can_be_an_own_op_that_has_no_answer_yet(self):
        first = create("claim", exact="café")
        made = case.derived_annotation(first["id"])
        second = update(made, first["id"], note="at once")
        third = update(made, second["id"], label="threat")
        results = self.ana.submit(self.session, [first, second, third])
        self.assertEqual([result.get("error") for result in results], [None] * 3)
        fourth = delete(made, third["id"])
        numbers = [self.ana.send("session.submit", {"session": self.session, "ops": [op]}) for op in (fourth, restore(made, fourth["id"]))]
        self.assertEqual([self.ana.answer(number)["results"][0].get("error") for number in numbers], [None] * 2)

    def test_bases_that_are_none(self):
        other = self.made(self.ben, self.session)
        op = create("claim", exact="Nobody")
        self.ben.one(self.session, op)
        self.refuse(self.ana, update(self.annotation, op["id"], note="x"), "invalid_params", "base")
        self.refuse(self.ana, update(self.annotation, new_id(), note="x"), "invalid_params", "base")
        self.refuse(self.ana, update(self.annotation, 10**6, note="x"), "resync", "base")
        for wrong in (-1, True, [], {}, "", "x"):
            with self.assertRaises((Refused, AssertionError)) as refused:
                self.ana.one(self.session, update(self.annotation, wrong, note="x"))
            self.assertError(refused.exception, "invalid_params")
        without = update(self.annotation, 0, note="x")
        del without["base"]
        self.refuse(self.ana, without, "invalid_params", "base")
        self.assertTrue(other)

    def test_depends_on_refused(self):
        changed = self.change(self.ben, note="x")
        self.ana.wait_seq(self.session, changed)
        first = update(self.annotation, self.seq, note="y")
        second = update(self.annotation, first["id"], label="threat")
        third = update(self.annotation, second["id"], label="evidence")
        results = self.ana.submit(self.session, [first, second, third])
        self.assertEqual([result["error"]["data"]["name"] for result in results], ["stale", "depends_on_refused", "depends_on_refused"])
        self.refuse(self.ana, update(self.annotation, first["id"], status="proposed"), "depends_on_refused", "base")

    def test_delete_restore_and_deciding_depend_on_everything(self):
        changed = self.change(self.ben, attributes={"cue": "x"})
        self.ana.wait_seq(self.session, changed)
        for op in (delete(self.annotation, self.seq), update(self.annotation, self.seq, status="accepted"), update(self.annotation, self.seq, status="rejected"),
                   update(self.annotation, self.seq, status="resolved")):
            self.refuse(self.ana, op, "stale", "base", field="attributes.cue", seq=changed)
        self.change(self.ana, status="proposed")
        gone = self.ana.one(self.session, delete(self.annotation, changed))["seq"]
        self.ben.wait_seq(self.session, gone)
        error = self.refuse(self.ben, restore(self.annotation, changed), "stale", "base")
        self.assertIn({"field": "deleted", "author": self.ana.account, "seq": gone}, error.data["fields"])
        self.ben.one(self.session, restore(self.annotation, gone))

    def test_gone(self):
        gone = self.ben.one(self.session, delete(self.annotation, self.seq))["seq"]
        self.ana.wait_seq(self.session, gone)
        for op in (update(self.annotation, gone, note="x"), update(self.annotation, self.seq, note="x"), delete(self.annotation, gone)):
            error = self.refuse(self.ana, op, "gone", "change.annotation")
            self.assertTrue(error.data["current"]["deleted"])
        back = self.ana.one(self.session, restore(self.annotation, gone))["seq"]
        self.refuse(self.ana, restore(self.annotation, back), "exists", "change.annotation")
        self.change(self.ana, base=back, note="x")
        self.ana.wait_seq(self.session, back + 1)
        self.assertNotIn("deleted", self.record())

    def test_the_same_id_again(self):
        op = create("claim", exact="Nobody", note="once")
        first = self.ana.one(self.session, op)
        for client in (self.ana, self.connect("ana")):
            self.assertEqual(client.submit(self.session, [op])[0], {**first, "repeated": True})
        self.assertEqual(self.ana.submit(self.session, [op, op])[1], {**first, "repeated": True})
        twice = create("claim", exact="Nobody")
        results = self.ana.submit(self.session, [twice, twice])
        self.assertEqual(results[1], {**results[0], "repeated": True})
        edit = update(self.annotation, self.seq, note="x")
        seq = self.ana.one(self.session, edit)["seq"]
        self.assertEqual(self.ana.one(self.session, edit), {"id": edit["id"], "seq": seq, "annotation": self.annotation, "repeated": True})

    def test_members_in_another_order_are_the_same_request(self):
        op = create("claim", exact="Nobody", note="once")
        seq = self.ana.one(self.session, op)["seq"]
        turned = {"change": dict(reversed(op["change"].items())), "id": op["id"]}
        self.assertEqual(self.ana.one(self.session, turned)["seq"], seq)

    def test_the_same_id_for_something_else(self):
        op = create("claim", exact="Nobody")
        self.ana.one(self.session, op)
        self.refuse(self.ana, create("threat", exact="Nobody", op=op["id"]), "id_reused", "id")
        self.refuse(self.ana, create("claim", start=0, end=7, op=op["id"]), "id_reused", "id")
        self.refuse(self.ben, op, "id_reused", "id")
        self.refuse(self.ana, {**op, "base": 1}, "id_reused", "id")
        self.refuse(self.ana, delete(self.annotation, 1, op=op["id"]), "id_reused", "id")

    def test_a_refused_id_may_be_sent_again(self):
        op = update(self.annotation, self.seq, note="x")
        changed = self.change(self.ben, note="y")
        self.ana.wait_seq(self.session, changed)
        self.refuse(self.ana, op, "stale")
        self.refuse(self.ana, op, "stale")
        self.ana.one(self.session, update(self.annotation, changed, note="x", op=op["id"]))

    def test_old_ids_are_known_for_ever(self):
        """Also when they are not in memory any more: another start of the server has read none of them."""
        op = create("claim", exact="Nobody")
        seq = self.ana.one(self.session, op)["seq"]
        self.server.restart()
        self.ana, self.ben = self.joined(self.session, "ana", "ben")
        self.assertEqual(self.ana.one(self.session, op), {"id": op["id"], "seq": seq, "annotation": case.derived_annotation(op["id"]), "repeated": True})
        self.refuse(self.ana, create("threat", exact="Nobody", op=op["id"]), "id_reused", "id")

    def test_atomic_all(self):
        ops = [create("claim", exact="Nobody"), update(self.annotation, self.seq, note="x"), create("threat", exact="café")]
        results = self.ana.submit(self.session, ops, atomic=True)
        seqs = [result["seq"] for result in results]
        self.assertEqual(seqs, [seqs[0], seqs[0] + 1, seqs[0] + 2])
        self.ana.wait_seq(self.session, seqs[2])
        self.assertEqual([op["step"] for op in self.ana.replicas[self.session].ops[-3:]], [ops[0]["id"]] * 3)
        again = self.ana.submit(self.session, ops, atomic=True)
        self.assertEqual(again, [{**result, "repeated": True} for result in results])
        one = create("claim", exact="Nobody")
        seq = self.ana.submit(self.session, [one], atomic=True)[0]["seq"]
        self.ana.wait_seq(self.session, seq)
        self.assertNotIn("step", self.ana.replicas[self.session].ops[-1])

    def test_atomic_none(self):
        changed = self.change(self.ben, note="y")
        self.ana.wait_seq(self.session, changed)
        before = self.ana.replicas[self.session].place()
        label = f"never made {new_id()}"
        for at in range(3):
            ops = [create(label, exact="Nobody"), create("threat", exact="café")]
            ops.insert(at, update(self.annotation, self.seq, note="x"))
            results = self.ana.submit(self.session, ops, atomic=True)
            names = [result["error"]["data"]["name"] for result in results]
            self.assertEqual(names, ["stale" if i == at else "atomic_refused" for i in range(3)])
        self.assertEqual(self.ana.replicas[self.session].place(), before)
        self.assertNotIn(label, [it["name"] for it in self.ana.call("codebook.get", project=self.project)["terms"]])
        self.change(self.ana, base=changed, note="x")

    def let_others_edit(self, may):
        with Client(self.server, "admin") as admin:
            done = admin.call("project.submit", project=self.project, ops=[{"id": new_id(), "change": {"kind": "project.update", "others_may_edit": may}}])
        self.assertNotIn("error", done["results"][0])

    def test_only_curators_change_what_others_made_when_the_project_says_so(self):
        self.let_others_edit(False)
        self.addCleanup(self.let_others_edit, True)
        self.refuse(self.ben, update(self.annotation, self.seq, note="x"), "forbidden")
        self.refuse(self.ben, delete(self.annotation, self.seq), "forbidden")
        self.change(self.ana, note="my own")
        (cora,) = self.joined(self.session, "cora")
        self.change(cora, base=self.seq + 1, note="by the curator")


class Changes(SessionCase):
    """What a change may be, row by row."""

    @classmethod
    def prepare(cls):
        with case.Client(cls.server, "admin") as admin:
            cls.session = admin.upload(cls.project, TEXT, title="Changes")["document"]["session"]
            cls.revision = admin.call("session.join", session=cls.session)["document"]["revision"]

    def setUp(self):
        (self.ana,) = self.joined(self.session, "ana")

    def test_what_is_refused(self):
        annotation, seq = self.made(self.ana, self.session)
        there, base = annotation, {"base": seq}
        span = {"type": "spans", "spans": [{"exact": "Nobody"}]}
        new = {"kind": "annotation.create", "target": span}
        edit = {"kind": "annotation.update", "annotation": there}
        rows = [
            ("no kind", {}, {}, "invalid_params", "change.kind"),
            ("another kind", {"kind": "annotation.merge"}, {}, "invalid_params", "change.kind"),
            ("a kind of projects", {"kind": "label.create", "name": "x"}, {}, "invalid_params", "change.kind"),
            ("a number", {"kind": 1}, {}, "invalid_params", "change.kind"),
            ("an unknown member", {**new, "colour": "blue"}, {}, "invalid_params", "change.colour"),
            ("an unknown member of an update", {**edit, "note": "x", "agent": "a/1"}, base, "invalid_params", "change.agent"),
            ("no target", {"kind": "annotation.create"}, {}, "invalid_params", "change.target"),
            ("target null", {"kind": "annotation.create", "target": None}, {}, "invalid_params", None),
            ("an id that is none", {**new, "annotation": "x"}, {}, "invalid_params", "change.annotation"),
            ("an id that is there", {**new, "annotation": there}, {}, "exists", "change.annotation"),
            ("label empty", {**new, "label": ""}, {}, "invalid_params", "change.label"),
            ("label too long", {**new, "label": "é" * 129}, {}, "invalid_params", "change.label"),
            ("label a number", {**new, "label": 7}, {}, "invalid_params", "change.label"),
            ("label null in a create", {**new, "label": None}, {}, "invalid_params", "change.label"),
            ("label an unknown id", {**new, "label": new_id()}, {}, "unknown_label", "change.label"),
            ("note a number", {**new, "note": 7}, {}, "invalid_params", "change.note"),
            ("note too long", {**new, "note": "n" * 65537}, {}, "too_large", "change.note"),
            ("status unknown", {**new, "status": "done"}, {}, "invalid_params", "change.status"),
            ("attributes a list", {**new, "attributes": []}, {}, "invalid_params", "change.attributes"),
            ("attribute name", {**new, "attributes": {"1st": 1}}, {}, "invalid_params", "change.attributes"),
            ("attribute name with a space", {**new, "attributes": {"a b": 1}}, {}, "invalid_params", "change.attributes"),
            ("attribute name too long", {**new, "attributes": {"a" * 65: 1}}, {}, "invalid_params", "change.attributes"),
            ("attribute a list", {**new, "attributes": {"a": [1]}}, {}, "invalid_params", "change.attributes.a"),
            ("attribute null in a create", {**new, "attributes": {"a": None}}, {}, "invalid_params", "change.attributes.a"),
            ("attribute too long", {**new, "attributes": {"a": "x" * 4097}}, {}, "invalid_params", "change.attributes.a"),
            ("attributes too many", {**new, "attributes": {f"a{i}": i for i in range(65)}}, {}, "too_large", "change.attributes"),
            ("agent empty", {**new, "agent": ""}, {}, "invalid_params", "change.agent"),
            ("run too long", {**new, "run": "r" * 257}, {}, "invalid_params", "change.run"),
            ("confidence too high", {**new, "confidence": 1001}, {}, "invalid_params", "change.confidence"),
            ("confidence negative", {**new, "confidence": -1}, {}, "invalid_params", "change.confidence"),
            ("confidence a text", {**new, "confidence": "high"}, {}, "invalid_params", "change.confidence"),
            ("an update of nothing", edit, base, "invalid_params", "change.kind"),
            ("an update of no attributes", {**edit, "attributes": {}}, base, "invalid_params", "change.kind"),
            ("no annotation", {"kind": "annotation.update", "note": "x"}, base, "invalid_params", "change.annotation"),
            ("an annotation that is not there", {"kind": "annotation.delete", "annotation": new_id()}, base, "not_found", "change.annotation"),
            ("a delete with more", {"kind": "annotation.delete", "annotation": there, "note": "x"}, base, "invalid_params", "change.note"),
            ("a mode by an annotator", {"kind": "session.mode", "mode": "closed"}, {}, "forbidden", None),
        ]
        before = self.ana.replicas[self.session].place()
        for what, change, more, name, path in rows:
            with self.subTest(what=what):
                self.assertError(self.ana.refused(self.session, {"id": new_id(), "change": change, **more}), name, path)
        self.assertEqual(self.ana.replicas[self.session].place(), before)
        self.settle(self.session, self.ana)

    def test_what_is_taken(self):
        everything = {"label": "é" * 128, "note": "n" * 65536, "status": "resolved", "agent": "a" * 256, "run": "r" * 256, "confidence": 1000,
                      "attributes": {"a" * 64: "x" * 4096, "_b.c-d": -(2**53) + 1, "yes": True, "no": False, "empty": "", "zero": 0}}
        made = self.ana.one(self.session, create(exact="Nobody", **everything))
        replica = self.ana.wait_seq(self.session, made["seq"])
        record = replica.records[made["annotation"]]
        for member, value in everything.items():
            if member != "label":
                self.assertEqual(record[member], value)
        many = create("claim", exact="Nobody", attributes={f"a{i}": i for i in range(64)})
        made = self.ana.one(self.session, many)
        gone = self.ana.one(self.session, update(made["annotation"], made["seq"], attributes={"a1": None, "b1": 1}))
        record = self.ana.wait_seq(self.session, gone["seq"]).records[made["annotation"]]
        self.assertEqual(len(record["attributes"]), 64)
        self.assertEqual(record["seqs"]["attributes.a1"], gone["seq"])
        error = self.ana.refused(self.session, update(made["annotation"], gone["seq"], attributes={"c1": 1}))
        self.assertError(error, "too_large", "change.attributes")
        self.settle(self.session, self.ana)

    def test_defaults_and_taking_away(self):
        plain = self.ana.one(self.session, create("claim", exact="Nobody"))
        by_program = self.ana.one(self.session, create("claim", exact="Nobody", agent="cuebot/1.2", note="x", attributes={"a": 1}))
        replica = self.ana.wait_seq(self.session, by_program["seq"])
        self.assertEqual((replica.records[plain["annotation"]]["status"], replica.records[by_program["annotation"]]["status"]), ("active", "proposed"))
        self.assertFalse({"note", "attributes", "confidence", "who", "deleted"} & set(replica.records[plain["annotation"]]))
        edit = self.ana.one(self.session, update(by_program["annotation"], by_program["seq"], note=None, label=None, attributes={"a": None}))
        record = self.ana.wait_seq(self.session, edit["seq"]).records[by_program["annotation"]]
        self.assertFalse({"note", "label", "attributes"} & set(record))
        self.assertEqual([record["seqs"][name] for name in ("note", "label", "attributes.a")], [edit["seq"]] * 3)
        self.ana.one(self.session, update(by_program["annotation"], edit["seq"], note=""))
        self.settle(self.session, self.ana)

    def test_the_stored_target_is_whole(self):
        made = self.ana.one(self.session, create("claim", start=8, end=23))
        target = self.ana.wait_seq(self.session, made["seq"]).records[made["annotation"]]["target"]
        self.assertEqual(target, {"type": "spans", "revision": self.revision, "spans": [
            {"start": 8, "end": 23, "exact": TEXT[8:23], "prefix": TEXT[:8], "suffix": TEXT[23:23 + 32]}]})

    def test_unicode_stays_as_it_is(self):
        for text in ("e\u0301", "é", "\u202e", "👩‍⚖️", "\ufffe", "a\tb\nc\rd\x01\x7f", "\\\"/", "\ufeff"):
            made = self.ana.one(self.session, create("claim", exact="Nobody", note=text, attributes={"a": text}))
            record = self.ana.wait_seq(self.session, made["seq"]).records[made["annotation"]]
            self.assertEqual((record["note"], record["attributes"]["a"]), (text, text))
        self.settle(self.session, self.ana)


class Places(SessionCase):
    @classmethod
    def prepare(cls):
        with case.Client(cls.server, "admin") as admin:
            cls.session = admin.upload(cls.project, TEXT, title="Places")["document"]["session"]
            many = "".join(f"line {i} says the same words\n" for i in range(30))
            cls.long = many + "x" * 40000
            cls.long_session = admin.upload(cls.project, cls.long, title="Long")["document"]["session"]

    def setUp(self):
        (self.ana,) = self.joined(self.session, "ana")

    def place(self, *spans, session=None, **more):
        session = session or self.session
        op = {"id": new_id(), "change": {"kind": "annotation.create", "target": {"type": "spans", "spans": list(spans), **more}}}
        made = self.ana.one(session, op)
        if session not in self.ana.replicas:
            self.ana.join(session)
        record = self.ana.wait_seq(session, made["seq"]).records[made["annotation"]]
        return [(span["start"], span["end"]) for span in record["target"]["spans"]]

    def refuse(self, name, path, *spans, session=None, **more):
        op = {"id": new_id(), "change": {"kind": "annotation.create", "target": {"type": "spans", "spans": list(spans), **more}}}
        error = self.ana.refused(session or self.session, op)
        self.assertError(error, name, path and "change.target" + path)
        return error

    def find(self, words, nth=1):
        at = -1
        for _ in range(nth):
            at = TEXT.index(words, at + 1)
        return at, at + len(words)

    def test_quotes(self):
        self.assertEqual(self.place({"exact": "Nobody"}), [self.find("Nobody")])
        self.assertEqual(self.place({"exact": "edits", "prefix": "Nobody "}), [self.find("edits", 2)])
        self.assertEqual(self.place({"exact": "edits", "suffix": " last wins"}), [self.find("edits")])
        self.assertEqual(self.place({"exact": "edits", "nth": 2}), [self.find("edits", 2)])
        self.assertEqual(self.place({"exact": "edits", "nth": 1}), [self.find("edits")])
        self.assertEqual(self.place({"exact": "“last”"}), [self.find("“last”")])
        self.assertEqual(self.place({"exact": "喀布尔的塔利班"}), [self.find("喀布尔的塔利班")])
        start, end = self.find("Nobody")
        self.assertEqual(self.place({"start": start, "end": end, "exact": "Nobody"}), [(start, end)])
        self.assertEqual(self.place({"start": start, "end": end, "prefix": "\n\n", "suffix": " edits"}), [(start, end)])
        self.assertEqual(self.place({"exact": "👩‍⚖️"}), [self.find("👩‍⚖️")])

    def test_composed_and_decomposed(self):
        for words in ("café", "cafe\u0301"):
            self.assertEqual(self.place({"exact": words}), [self.find(words)], "what stands there exactly wins")
        loud = unicodedata.normalize("NFC", "cafe\u0301 was loud")
        self.assertEqual(self.place({"exact": loud}), [self.find("cafe\u0301 was loud")])

    def test_not_found_shows_what_comes_near(self):
        for words, near in (("Nobdy edits", "Nobody"), ("Moskow and Beijing stood together", "Moscow and Beijing stood together"), ("edits “last” on porpose", "“last” on purpose")):
            error = self.refuse("quote_not_found", ".spans[0].exact", {"exact": words})
            self.assertIn(words, error.message)
            candidates = error.data["candidates"]
            self.assertTrue(candidates, error)
            for it in candidates:
                self.assertEqual(TEXT[it["start"]:it["end"]], it["exact"])
                self.assertTrue(0 < it["score"] <= 1000)
            self.assertEqual([it["score"] for it in candidates], sorted((it["score"] for it in candidates), reverse=True))
            self.assertIn(near, candidates[0]["exact"])
        error = self.refuse("quote_not_found", ".spans[0].exact", {"exact": "zzzzqqqq xxxxxx wwwww"})
        self.assertEqual(error.data.get("candidates", []), [])

    def test_found_but_not_there(self):
        error = self.refuse("quote_not_found", ".spans[0].prefix", {"exact": "Nobody", "prefix": "somewhere "})
        self.assertEqual([(it["start"], it["end"]) for it in error.data["candidates"]], [self.find("Nobody")])
        error = self.refuse("quote_not_found", ".spans[0].nth", {"exact": "edits", "nth": 3})
        self.assertEqual(error.data["count"], 2)

    def test_ambiguous(self):
        error = self.refuse("quote_ambiguous", ".spans[0].exact", {"exact": "edits"})
        self.assertEqual(error.data["count"], 2)
        for nth, it in enumerate(error.data["candidates"], 1):
            start, end = self.find("edits", nth)
            self.assertEqual(it, {"start": start, "end": end, "prefix": TEXT[max(0, start - 32):start], "suffix": TEXT[end:end + 32]})
        self.assertEqual(len(error.data["candidates"]), 2)
        error = self.refuse("quote_ambiguous", ".spans[0].exact", {"exact": "the same words"}, session=self.long_session)
        self.assertEqual((error.data["count"], len(error.data["candidates"])), (30, 20))

    def test_position_and_quote_disagree(self):
        error = self.refuse("quote_mismatch", ".spans[0].exact", {"start": 0, "end": 7, "exact": "Nobody"})
        self.assertEqual(error.data["found"], "Whoever")
        self.refuse("quote_mismatch", ".spans[0].prefix", {"start": 8, "end": 13, "prefix": "Nobody "})
        self.refuse("quote_mismatch", ".spans[0].suffix", {"start": 8, "end": 13, "suffix": " first"})

    def test_outside(self):
        length = len(TEXT)
        self.assertEqual(self.place({"start": length - 1, "end": length}), [(length - 1, length)])
        error = self.refuse("out_of_range", ".spans[0].end", {"start": 0, "end": length + 1})
        self.assertEqual(error.data["length"], length)
        self.assertIn(str(length), error.message)
        self.refuse("out_of_range", ".spans[0].start", {"start": length + 1, "end": length + 2})
        self.refuse("out_of_range", None, {"start": 2**53 - 1, "end": 2**53 - 1})
        self.refuse("invalid_params", None, {"start": 5, "end": 4})

    def test_graphemes_are_not_cut(self):
        judge, _ = self.find("👩‍⚖️")
        flags, _ = self.find("🇦🇫🇺🇸")
        accent, _ = self.find("e\u0301")
        line_end, _ = self.find("\r\n")
        for at, nearest in ((judge + 1, [judge, judge + 4]), (judge + 3, [judge, judge + 4]), (flags + 1, [flags, flags + 2]), (flags + 3, [flags + 2, flags + 4]),
                            (accent + 1, [accent, accent + 2]), (line_end + 1, [line_end, line_end + 2])):
            error = self.refuse("splits_grapheme", ".spans[0].start", {"start": at, "end": at + 8})
            self.assertEqual(error.data["nearest"], nearest)
            error = self.refuse("splits_grapheme", ".spans[0].end", {"start": judge - 5, "end": at}) if at > judge else None
            self.assertTrue(error is None or error.data["nearest"] == nearest)
        self.assertEqual(self.place({"start": flags + 2, "end": flags + 4}), [(flags + 2, flags + 4)])

    def test_spans(self):
        self.assertEqual(self.place({"start": 0, "end": 2}, {"start": 2, "end": 4}, {"exact": "Nobody"}), [(0, 2), (2, 4), self.find("Nobody")])
        self.assertEqual(self.place({"start": 5, "end": 5}), [(5, 5)])
        ones = [{"start": i * 2, "end": i * 2 + 1} for i in range(64)]
        self.assertEqual(len(self.place(*ones, session=self.long_session)), 64)
        self.refuse("invalid_params", ".spans", *ones, {"start": 200, "end": 201}, session=self.long_session)
        self.refuse("invalid_params", ".spans")
        self.refuse("invalid_params", ".spans[1]", {"start": 0, "end": 3}, {"start": 2, "end": 5})
        self.refuse("invalid_params", ".spans[1]", {"start": 4, "end": 5}, {"start": 0, "end": 2})
        self.refuse("invalid_params", ".spans[0]", {"start": 4, "end": 4}, {"start": 6, "end": 8})
        self.refuse("invalid_params", ".spans[0].exact", {"exact": ""})
        self.refuse("invalid_params", ".spans[0]", {})
        self.refuse("invalid_params", ".spans[0].end", {"start": 1})
        self.refuse("invalid_params", ".spans[0].start", {"end": 1})
        self.refuse("invalid_params", ".spans[0].colour", {"start": 0, "end": 1, "colour": 1})
        self.refuse("invalid_params", ".spans[0].nth", {"start": 0, "end": 1, "nth": 1})
        self.refuse("invalid_params", ".spans[0].nth", {"exact": "edits", "nth": 0})
        self.assertEqual(self.place({"start": 1000, "end": 17384}, session=self.long_session), [(1000, 17384)])
        self.refuse("too_large", ".spans[0]", {"start": 1000, "end": 17385}, session=self.long_session)
        self.refuse("too_large", ".spans[1]", {"start": 1000, "end": 9192}, {"start": 10000, "end": 18193}, session=self.long_session)

    def test_targets(self):
        self.refuse("wrong_revision", ".revision", {"start": 0, "end": 1}, revision=new_id())
        revision = self.ana.replicas[self.session].revision
        self.assertEqual(self.place({"start": 0, "end": 1}, revision=revision), [(0, 1)])
        for target, path in (({"type": "words"}, ".type"), ({}, ".type"), ({"type": "document", "spans": []}, ".spans"), ({"type": "spans", "spans": {}}, ".spans"),
                             ({"type": "spans", "spans": [7]}, ".spans[0]"), ({"type": "spans", "spans": [{"start": "0", "end": 1}]}, ".spans[0].start")):
            error = self.ana.refused(self.session, {"id": new_id(), "change": {"kind": "annotation.create", "target": target}})
            self.assertError(error, "invalid_params", "change.target" + path)

    def test_a_new_target(self):
        annotation, seq = self.made(self.ana, self.session)
        moved = self.ana.one(self.session, update(annotation, seq, target={"type": "spans", "spans": [{"exact": "Whoever"}]}))
        record = self.ana.wait_seq(self.session, moved["seq"]).records[annotation]
        self.assertEqual(record["target"]["spans"][0]["exact"], "Whoever")
        error = self.ana.refused(self.session, update(annotation, moved["seq"], target={"type": "spans", "spans": [{"exact": "edits"}]}))
        self.assertError(error, "quote_ambiguous", "change.target.spans[0].exact")
        self.settle(self.session, self.ana)


class Labels(SessionCase):
    def setUp(self):
        self.name = f"label {new_id()}"
        self.session = self.new_session()

    def test_a_new_label_is_told_before_the_op_that_has_it(self):
        ana, ben = self.joined(self.session, "ana", "ben")
        seq = ana.one(self.session, create(self.name, exact="Nobody"))["seq"]
        ben.wait_seq(self.session, seq)
        notices = [(name, op["payload"]) for name, params in ben.notices for op in params["ops"]]
        made = [i for i, (name, op) in enumerate(notices) if name == "project.ops" and op["kind"] == "label.create" and op["effects"][0]["set"]["name"] == self.name]
        used = [i for i, (name, op) in enumerate(notices) if name == "session.ops" and op["seq"] == seq]
        self.assertEqual(len(made), 1)
        self.assertLess(made[0], used[0])
        label = notices[made[0]][1]["effects"][0]["ids"][0]
        self.assertEqual(notices[used[0]][1]["effects"][0]["set"]["label"], label)
        self.assertEqual(notices[used[0]][1]["codebook"], notices[made[0]][1]["seq"])
        self.assertEqual(notices[used[0]][1]["intent"]["change"]["label"], self.name)

    def test_two_who_want_the_same_label_at_once_get_one(self):
        clients = self.joined(self.session, "ana", "ben", "cora")
        for i in range(5):
            name = f"{self.name} {i}"
            numbers = [client.send("session.submit", {"session": self.session, "ops": [create(name, exact="Nobody")] * 1}) for client in clients]
            for client, number in zip(clients, numbers):
                self.assertNotIn("error", client.answer(number)["results"][0])
        self.settle(self.session, *clients)
        names = [label["name"] for label in clients[0].call("codebook.get", project=self.project)["terms"]]
        self.assertEqual([names.count(f"{self.name} {i}") for i in range(5)], [1] * 5)
        records = clients[0].replicas[self.session].records.values()
        self.assertEqual(len({record["label"] for record in records}), 5)

    def test_a_closed_codebook(self):
        ana, cora = self.joined(self.session, "ana", "cora")
        made = ana.one(self.session, create(self.name, exact="Nobody"))
        cora.call("codebook.policy", project=self.project, open=False)
        self.addCleanup(lambda: self.connect("cora").call("codebook.policy", project=self.project, open=True))
        self.assertError(ana.refused(self.session, create(self.name + "?", exact="Nobody")), "unknown_label", "change.label")
        self.assertError(ana.refused(self.session, update(made["annotation"], made["seq"], label=self.name + "?")), "unknown_label", "change.label")
        self.assertError(cora.refused(self.session, create(self.name + "?", exact="Nobody")), "unknown_label", "change.label")
        ana.one(self.session, create(self.name, exact="Nobody"))
        label = next(it["id"] for it in ana.call("codebook.get", project=self.project)["terms"] if it["name"] == self.name)
        ana.one(self.session, update(made["annotation"], made["seq"], label=label))
        policy = ana.wait_notice("project.ops", lambda it: it["ops"][-1]["payload"]["kind"] == "codebook.policy")
        self.assertEqual(policy["ops"][-1]["payload"]["effects"], [{"ids": [], "prev": {}, "set": {"open": False}}])
        cora.call("codebook.policy", project=self.project, open=True)
        ana.one(self.session, create(self.name + "?", exact="Nobody"))

    def test_the_project_has_a_chain_too(self):
        (cora,) = self.joined(self.session, "cora")
        for i in range(4):
            cora.one(self.session, create(f"{self.name} {i}", exact="Nobody"))
            cora.call("codebook.policy", project=self.project, open=True)
        frames = [params for name, params in cora.notices if name == "project.ops"]
        seq, chain = None, None
        for frame in frames:
            self.assertEqual(frame["project"], self.project)
            if seq is not None:
                self.assertEqual(frame["first"], seq + 1)
                for logged in frame["ops"]:
                    chain = sha256(chain + leaf_of(logged))
                self.assertEqual(chain.hex(), frame["chain"])
            seq, chain = frame["first"] + len(frame["ops"]) - 1, bytes.fromhex(frame["chain"])
            self.assertEqual([op["payload"]["seq"] for op in frame["ops"]], list(range(frame["first"], seq + 1)))
        self.assertGreaterEqual(len(frames), 4)


class Joining(SessionCase):
    settings = {"recent_ops": 100, "recent_bytes": "64KiB"}

    def fill(self, client, session, count, note="x" * 200):
        for at in range(0, count, 100):
            ops = [create("claim", start=i % 20, end=i % 20 + 3, note=note) for i in range(at, min(count, at + 100))]
            for result in client.submit(session, ops):
                self.assertNotIn("error", result)

    def test_pages_while_others_write(self):
        session = self.new_session("abcdefghijklmnopqrstuvwxyz " * 3 + new_id())
        ana, ben = self.joined(session, "ana", "ben")
        self.fill(ana, session, 700)
        late = self.connect("cora")
        replica = late.join(session, pages=False)
        rng, done = random.Random(7), False
        while not done:
            page = late.call("session.page", session=session)
            done = page.get("done", False)
            known = list(ben.replicas[session].records)
            ops = [update(identity, ben.replicas[session].seq, note=f"while paging {i}") for i, identity in enumerate(rng.sample(known, 5))]
            ops += [create("claim", start=0, end=3), delete(rng.choice(known), ben.replicas[session].seq)]
            numbers = [writer.send("session.submit", {"session": session, "ops": part}) for writer, part in ((ana, [create("threat", start=1, end=4)]), (ben, ops))]
            for writer, number in zip((ana, ben), numbers):
                writer.answer(number)
        self.assertGreater(replica.pages, 3)
        last = ben.submit(session, [create("claim", start=2, end=5)])[0]["seq"]
        replicas = [client.wait_seq(session, last) for client in (ana, ben, late)]
        self.assertSame(*replicas)
        self.assertChecks(*replicas)
        self.assertGreater(replica.seq, replica.as_of)

    def test_resume(self):
        session = self.new_session()
        ana, ben = self.joined(session, "ana", "ben")
        self.fill(ben, session, 30)
        ana.wait_seq(session, 30)
        ana.drop()
        self.fill(ben, session, 40)
        again = self.connect("ana")
        again.join(session, before=ana.replicas[session])
        self.fill(ben, session, 5)
        replicas = [client.wait_seq(session, 75) for client in (again, ben)]
        self.assertSame(*replicas)
        self.assertEqual(len(replicas[0].ops), 75)

    def test_resume_from_the_archive(self):
        """From before what the server keeps in memory."""
        session = self.new_session()
        ana, ben = self.joined(session, "ana", "ben")
        self.fill(ben, session, 10)
        ana.wait_seq(session, 10)
        ana.drop()
        self.fill(ben, session, 900)
        again, whole = self.connect("ana"), self.connect("cora")
        again.join(session, before=ana.replicas[session])
        whole.join(session, since=0)
        self.fill(ben, session, 20)
        replicas = [client.wait_seq(session, 930) for client in (again, whole, ben)]
        self.assertSame(*replicas)
        self.assertEqual([op["seq"] for op in replicas[1].ops], list(range(1, 931)))
        self.assertChecks(*replicas)

    def test_an_id_that_only_the_log_knows(self):
        """Sent again when the server's memory has forgotten it: neither a new op nor refused for what came after it."""
        session = self.new_session()
        ana, ben = self.joined(session, "ana", "ben")
        first = create("claim", exact="Nobody")
        annotation = ana.one(session, first)["annotation"]
        edit = update(annotation, 1, note="by ana")
        ana.one(session, edit)
        ben.wait_seq(session, 2)
        ben.one(session, update(annotation, 2, note="by ben"))
        self.fill(ben, session, 300)
        self.server.restart()
        ana, ben = self.joined(session, "ana", "ben")
        results = ana.submit(session, [first, edit])
        self.assertEqual([(result.get("seq"), result.get("repeated")) for result in results], [(1, True), (2, True)], results)
        self.assertError(ben.refused(session, first), "id_reused", "id")
        self.assertError(ana.refused(session, create("threat", exact="Nobody", op=edit["id"])), "id_reused", "id")
        self.settle(session, ana, ben)

    def test_resume_at_the_end(self):
        session = self.new_session()
        for since in (0, 3):
            (ana,) = self.joined(session, "ana")
            self.fill(ana, session, 3)
            again = self.connect("ana")
            again.join(session, before=ana.replicas[session])
            self.fill(ana, session, 3)
            self.assertSame(again.wait_seq(session, ana.replicas[session].seq), ana.replicas[session])
            del since

    def test_a_log_that_is_not_the_one_here(self):
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        self.fill(ana, session, 300)
        replica = ana.wait_seq(session, 300)
        other = self.connect("ben")
        for since in (5, 150, 299, 300):  # in the archive, at its edge, in memory, the newest
            error = other.error("session.join", session=session, since=since, chain="ab" * 32)
            self.assertError(error, "resync", seq=300)
        self.assertError(other.error("session.join", session=session, since=0, chain="ab" * 32), "resync")
        self.assertError(other.error("session.join", session=session, since=301, chain=replica.chain.hex()), "resync", "since", seq=300)
        self.assertError(other.error("session.join", session=session, since=299, chain=replica.chain.hex()), "resync")
        self.assertError(other.error("session.join", session=session, since=300), "invalid_params", "chain")
        other.join(session, since=0)
        self.assertSame(other.wait_seq(session, 300), replica)
        self.assertEqual(chain_start(session, replica.sha256).hex(), self.server.sql(f"select encode(chain_start, 'hex') from stream where id = '{session}'")[0][0])

    def test_joining_again_begins_anew(self):
        session = self.new_session()
        ana, ben = self.joined(session, "ana", "ben")
        self.fill(ben, session, 5)
        ana.wait_seq(session, 5)
        for _ in range(3):
            ana.join(session)
            self.fill(ben, session, 2)
            ana.join(session, since=0)
            self.fill(ben, session, 2)
        replicas = [client.wait_seq(session, 17) for client in (ana, ben)]
        self.assertSame(*replicas)

    def test_leaving_ends_what_comes(self):
        session = self.new_session()
        ana, ben = self.joined(session, "ana", "ben")
        self.fill(ben, session, 2)
        ana.wait_seq(session, 2)
        ana.call("session.leave", session=session)
        self.fill(ben, session, 2)
        ana.call("project.list")
        self.assertEqual(ana.replicas[session].seq, 2)

    def test_many_sessions_on_one_connection(self):
        sessions = [self.new_session() for _ in range(6)]
        ana, ben = self.connect("ana"), self.connect("ben")
        for session in sessions:
            ana.join(session)
            ben.join(session, since=0)
        for i in range(18):
            ana.one(sessions[i % 6], create("claim", exact="Nobody"))
        for session in sessions:
            self.assertSame(ben.wait_seq(session, 3), ana.wait_seq(session, 3))


class Modes(SessionCase):
    def test_closed_and_open_again(self):
        session = self.new_session()
        ana, cora = self.joined(session, "ana", "cora")
        annotation, seq = self.made(ana, session)
        closed = cora.one(session, mode("closed"))["seq"]
        ana.wait_seq(session, closed)
        for client in (ana, cora):
            for op in (create("claim", exact="Nobody"), update(annotation, seq, note="x"), delete(annotation, seq)):
                self.assertError(client.refused(session, op), "session_closed")
        late, resumed = self.connect("vera"), self.connect("ben")
        begin = late.call("session.join", session=session)
        self.assertEqual((begin["mode"], begin["mode_seq"]), ("closed", closed))
        late.join(session)
        resumed.join(session, since=0)
        self.settle(session, ana, cora, late, resumed)
        self.assertEqual(late.replicas[session].mode, "closed")
        closed = cora.one(session, mode("closed"))["seq"]
        opened = cora.one(session, mode("shared"))["seq"]
        ana.wait_seq(session, opened)
        ana.one(session, create("claim", exact="Nobody"))
        self.settle(session, ana, cora, late, resumed)
        self.assertEqual(ana.replicas[session].ops[-2]["effects"], [{"ids": [], "prev": {"mode": closed}, "set": {"mode": "shared"}}])
        for wrong in ({"mode": "locked"}, {"mode": 1}, {}, {"mode": "closed", "note": "x"}):
            error = cora.refused(session, {"id": new_id(), "base": 0, "change": {"kind": "session.mode", **wrong}})
            self.assertError(error, "invalid_params")


class Limits(SessionCase):
    def test_more_ops_than_one_request_may_have(self):
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        limit = ana.welcome["limits"]["ops_in_flight"]
        error = ana.error("session.submit", session=session, ops=[create("claim", exact="Nobody") for _ in range(limit + 1)])
        self.assertError(error, "too_large", "ops")
        self.assertEqual(ana.replicas[session].seq, 0)

    def test_busy_means_that_nothing_was_judged(self):
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        requests = [[create("claim", exact="Nobody") for _ in range(100)] for _ in range(6)]
        # Somebody holds the session's row until one was refused: what is sent waits for its commit, however fast the machine is.
        with subprocess.Popen(["psql", "-Xqd", self.server.database()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stranger:
            print(f"begin; select 1 from stream where id = '{session}' for update;", file=stranger.stdin, flush=True)
            self.assertIn("?column?", stranger.stdout.readline())
            numbers = [ana.send("session.submit", {"session": session, "ops": ops}) for ops in requests]
            ana.wait(lambda: any("error" in ana.answers[number].get("answer", {}) for number in numbers), "a refusal")
            stranger.stdin.close()
        accepted, again = 0, []
        for ops, number in zip(requests, numbers):
            try:
                accepted += len([result for result in ana.answer(number)["results"] if "seq" in result])
            except Refused as refused:
                self.assertError(refused, "busy", limit=256)
                self.assertGreater(refused.data["retry_after_ms"], 0)
                again.append(ops)
        self.assertTrue(again, "six hundred at once are too many")
        for ops in again:
            for result in ana.submit(session, ops):
                self.assertNotIn("repeated", result)
                accepted += 1
        self.assertEqual(accepted, 600)
        self.assertEqual(self.settle(session, ana)[0].seq, 600)

    def test_too_many_requests(self):
        ana = self.connect("ana")
        numbers = [ana.send("document.list", {}) for _ in range(200)]
        busy = 0
        for number in numbers:
            try:
                ana.answer(number)
            except Refused as refused:
                self.assertError(refused, "busy")
                self.assertGreater(refused.data["retry_after_ms"], 0)
                busy += 1
        self.assertLess(busy, 200)
        ana.call("document.list")

    def test_too_many_pages(self):
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        numbers = [ana.send("session.page", {"session": session}) for _ in range(60)]
        for number in numbers:
            try:
                ana.answer(number)
            except Refused as refused:
                self.assertError(refused, "busy")
        ana.call("session.page", session=session, restart=True)

    def test_too_many_sessions(self):
        session = [self.new_session() for _ in range(65)]
        ana = self.connect("ana")
        for it in session[:64]:
            ana.call("session.join", session=it)
        self.assertError(ana.error("session.join", session=session[64]), "limit", limit=64)
        ana.call("session.leave", session=session[0])
        ana.call("session.join", session=session[64])

    def test_an_op_that_is_too_large_to_store(self):
        """An op holds what was asked and what it did; a record grows from op to op."""
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        annotation, seq = self.made(ana, session)
        self.assertError(ana.refused(session, update(annotation, seq, attributes={f"a{i}": "x" * 4096 for i in range(30)})), "too_large", "change")
        for name in "ab":
            seq = ana.one(session, update(annotation, seq, attributes={f"{name}{i}": "x" * 4096 for i in range(20)}))["seq"]
        self.assertError(ana.refused(session, update(annotation, seq, attributes={f"c{i}": "x" * 4096 for i in range(20)})), "too_large", "change")
        self.settle(session, ana)


class Nonsense(SessionCase):
    """What ends a connection, with its close code; and that everybody else goes on."""

    def close_code(self, text, client=None):
        client = client or self.connect("ana")
        try:
            client.send_text(text)
        except Closed:
            pass
        closed = client.wait_closed()
        answer = next((message for what, message in reversed(client.trace) if what == "answer" and message["id"] is None), None)
        return closed, answer

    def test_malformed(self):
        deep = "[" * 17 + "]" * 17
        whole = '{"jsonrpc":"2.0","id":1,"method":"token.list","params":{%s}}'
        for text in ("", "x", "{", '{"a":1,}', whole % '"a":1.5', whole % '"a":1e3', whole % '"a":9007199254740992', whole % '"a":1,"a":2', whole % '"a":"\\u0000"',
                     whole % f'"a":{deep}', (whole % "") + "x", whole % '"a":"\\ud800"', whole % '"a":"\x01"', "NaN", "\ufeff{}"):
            with self.subTest(text=text):
                closed, answer = self.close_code(text)
                self.assertEqual((closed.code, closed.reason), (1008, "malformed"))
                self.assertEqual((answer["error"]["code"], answer["error"]["data"]["name"]), (-32700, "malformed"))

    def test_no_request(self):
        for text in ("[]", "1", "null", '"x"', "{}", '[{"jsonrpc":"2.0","id":1,"method":"token.list"}]', '{"id":1,"method":"token.list"}',
                     '{"jsonrpc":"1.0","id":1,"method":"token.list"}', '{"jsonrpc":"2.0","method":"token.list"}', '{"jsonrpc":"2.0","id":1}',
                     '{"jsonrpc":"2.0","id":[1],"method":"token.list"}', '{"jsonrpc":"2.0","id":true,"method":"token.list"}',
                     '{"jsonrpc":"2.0","id":null,"method":"token.list"}', '{"jsonrpc":"2.0","id":"%s","method":"token.list"}' % ("x" * 65),
                     '{"jsonrpc":"2.0","id":1,"method":7}', '{"jsonrpc":"2.0","id":1,"result":{}}'):
            with self.subTest(text=text):
                client = self.connect("ana")
                with client.condition:
                    client.answers[1] = {"method": "(by hand)", "params": {}, "replica": None}
                closed, _ = self.close_code(text, client)
                self.assertEqual((closed.code, closed.reason), (1008, "invalid_request"))

    def test_frames(self):
        limit = self.connect("ana").welcome["limits"]["frame_bytes"]
        fits = {"jsonrpc": "2.0", "id": "x", "method": "token.list", "params": {"pad": ""}}
        fits["params"]["pad"] = "p" * (limit - len(json.dumps(fits)))
        ana = self.connect("ana")
        self.assertIn("result", ana.ask_text(json.dumps(fits), "x"))
        closed, _ = self.close_code(json.dumps(fits) + " ")
        self.assertEqual(closed.code, 1009)
        closed, _ = self.close_code(b"{}")
        self.assertEqual(closed.code, 1003)

    def test_others_do_not_notice(self):
        session = self.new_session()
        ana, ben = self.joined(session, "ana", "ben")
        for text in ("x", "[]", b"\0", "y" * 300000):
            self.close_code(text)
            self.made(ana, session)
        self.settle(session, ana, ben)


class SlowCase(SessionCase):
    """One that stops reading: the others go on, the server's memory does not grow, and it is cut off or catches up."""

    def deaf(self, session, user="vera"):
        """Signed in and joined, on a socket that takes little on credit and is not read from any more."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.settimeout(wire.DEADLINE_S)
        sock.connect(("127.0.0.1", self.server.port))
        target = wire.Server(self.server.port, self.server.ca)
        conn = wire.Conn(target, target.tls(sock=sock)).open()
        self.addCleanup(conn.close)
        with open(self.server.tokens[user]) as file:
            token = file.read().strip()
        conn.ask(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"token": token}}))
        begin = json.loads(conn.ask(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "session.join", "params": {"session": session, "since": 0}})))
        return conn, begin["result"]

    def write(self, client, session, requests, each=8):
        """So many requests of about 160 KiB."""
        for _ in range(requests):
            for result in client.submit(session, [create("claim", exact="Nobody", note=LONG_NOTE) for _ in range(each)]):
                self.assertNotIn("error", result)

    def memory_kib(self):
        with open(f"/proc/{self.server.workers()[0]}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

    def read_ops(self, conn, replica):
        """Frames until the connection ends or the log's end is reached: the close code, or None."""
        notices = []
        try:
            while True:
                first, payload = conn.recv_frame()
                if first & 0xF == wire.CLOSE:
                    return int.from_bytes(payload[:2], "big") if payload else 1005, notices
                if first & 0xF == wire.TEXT:
                    message = json.loads(payload)
                    notices.append(message)
                    if message.get("method") == "session.ops":
                        replica.take_ops(message["params"])
        except wire.Closed:
            return 1006, notices


class Slow(SlowCase):
    """However long this machine stands still, nobody is cut off here."""
    settings = {"stall_timeout_ms": 60000, "recent_ops": 300, "recent_bytes": "1MiB"}

    def test_the_result_waits_for_the_op_also_in_a_full_socket(self):
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        conn, begin = self.deaf(session, "ben")
        replica = case.replicas.Replica(begin, since=0)
        self.write(ana, session, 6)
        for number in range(3):
            conn.text(json.dumps({"jsonrpc": "2.0", "id": 100 + number, "method": "session.submit", "params": {"session": session, "ops": [create("claim", exact="Nobody")]}}))
        answered = []
        while len(answered) < 3:
            first, payload = conn.recv_frame()
            message = json.loads(payload) if first & 0xF == wire.TEXT else {}
            if message.get("method") == "session.ops":
                replica.take_ops(message["params"])
            if message.get("id", 0) >= 100:
                answered.append(message["id"])
                self.assertGreaterEqual(replica.seq, message["result"]["results"][0]["seq"])
        self.assertEqual(answered, [100, 101, 102])
        self.assertSame(replica, ana.wait_seq(session, 51))

    def test_one_that_reads_again_in_time_catches_up(self):
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        conn, begin = self.deaf(session)
        replica = case.replicas.Replica(begin, since=0)
        end = time.monotonic() + 1
        count = 0
        while time.monotonic() < end or count < 5:
            self.write(ana, session, 1)
            count += 1
        wanted = count * 8
        while replica.seq < wanted:
            first, payload = conn.recv_frame()
            self.assertEqual(first & 0xF, wire.TEXT, payload[:100])
            message = json.loads(payload)
            if message.get("method") == "session.ops":
                replica.take_ops(message["params"])
        self.assertSame(replica, ana.wait_seq(session, wanted))


class Deaf(SlowCase):
    settings = {"stall_timeout_ms": 4000, "recent_ops": 300, "recent_bytes": "1MiB"}

    def test_one_that_does_not_read_is_cut_off(self):
        session = self.new_session()
        ana, ben = self.joined(session, "ana", "ben")
        conn, begin = self.deaf(session)
        replica = case.replicas.Replica(begin, since=0)
        behind = len(self.server.log())
        self.write(ana, session, 25)
        self.server.wait_log("peer.stalled", behind=behind)
        self.write(ana, session, 1)
        self.assertSame(*(client.wait_seq(session, 26 * 8) for client in (ana, ben)))
        code, _ = self.read_ops(conn, replica)
        self.assertIn(code, (1013, 1006))
        self.assertLess(replica.seq, 26 * 8)
        again = self.connect("vera")
        again.join(session, before=replica)
        self.assertSame(again.wait_seq(session, 26 * 8), ben.replicas[session])


del SlowCase

if __name__ == "__main__":
    case.main()
