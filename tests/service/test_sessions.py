#!/usr/bin/python3
"""Sessions that several people share: one order, one state, conflicts, labels, joining and resuming, open and closed."""
import random

import case
from case import Client, Refused, create, delete, mode, new_id, restore, update
from client import relate, reply
from replica import chain_start, leaf_of, sha256
from session_case import SessionCase


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

    def test_submits_of_who_has_not_joined_keep_their_order(self):
        """Each builds on the one before, none waits for an answer: of a session that must be read first, and of one that is in memory."""
        (ana,) = self.people("ana")
        for _ in range(10):
            session, ops = self.new_session(), [create("claim", exact="Nobody")]
            made = case.derived_annotation(ops[0]["id"])
            ops += [update(made, "", note=f"n{i}") for i in range(15)]
            for before, op in zip(ops, ops[1:]):
                op["base"] = before["id"]
            for some in (ops[:8], ops[8:]):
                numbers = [ana.send("session.submit", {"session": session, "ops": [op]}) for op in some]
                results = [ana.answer(number)["results"][0] for number in numbers]
                self.assertEqual([result.get("seq") for result in results], [ops.index(op) + 1 for op in some], results)


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


if __name__ == "__main__":
    case.main()
