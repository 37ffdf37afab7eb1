#!/usr/bin/python3
"""Annotations about annotations: replies, relations within a session and across the project, attributes and decisions, and what people are told of it."""
import case
from case import Client, ServiceCase, create, delete, new_id, restore, update
from client import relate, reply


class AnnotationCase(ServiceCase):
    users = {"ana": "annotator", "ben": "annotator", "cora": "curator", "vera": "viewer", "Ji Woo": "annotator"}

    def setUp(self):
        self.session = self.new_session()
        self.ana, self.ben = self.people("ana", "ben")
        for client in (self.ana, self.ben):
            client.join(self.session)
        self.one = self.made(self.ana, create("claim", exact="Nobody"))

    def made(self, client, op, session=None):
        return client.one(session or self.session, op)["annotation"]

    def refused(self, client, op, name, path=None, **data):
        self.assertError(client.refused(self.session, op), name, path, **data)

    def settle(self, *more):
        """Everybody has the same, it is what the log says, and glossd check finds nothing."""
        clients = (self.ana, self.ben) + more
        newest = max(client.replicas[self.session].seq for client in clients)
        replicas = [client.wait_seq(self.session, newest) for client in clients]
        self.assertSame(*replicas)
        self.assertChecks(*replicas)
        return replicas[0]


class Replies(AnnotationCase):
    def test_a_thread(self):
        first = self.made(self.ben, reply(self.one, "says who?"))
        second = self.made(self.ana, reply(first, "page 2", attributes={"page": 2}))
        seq = self.made_seq = self.ana.replicas[self.session].seq
        self.made(self.ben, update(self.one, seq, status="resolved"))
        self.made(self.ana, update(self.one, seq + 1, status="active"))
        self.made(self.ben, update(first, seq + 2, note="says who, and where?"))
        replica = self.settle()
        self.assertEqual(replica.records[second]["target"], {"annotation": first, "type": "annotation"})
        self.assertEqual(replica.records[self.one]["status"], "active")
        again = self.connect("cora")
        again.join(self.session)  # in pages
        self.settle(again)

    def test_what_is_refused(self):
        self.refused(self.ben, reply(new_id(), "to nothing"), "not_found", "change.target.annotation")
        gone = self.made(self.ana, create(exact="Moscow"))
        self.made(self.ana, delete(gone, self.ana.replicas[self.session].seq))
        error = self.ben.refused(self.session, reply(gone, "too late"))
        self.assertError(error, "gone", "change.target.annotation")
        self.assertEqual(error.data["current"]["id"], gone)
        answer = self.made(self.ben, reply(self.one, "says who?"))
        seq = self.ben.wait_seq(self.session, self.ana.wait_seq(self.session, 4).seq).seq
        self.refused(self.ben, update(answer, seq, target={"type": "document"}), "invalid_params", "change.target.type")
        self.refused(self.ben, update(self.one, seq, target={"type": "annotation", "annotation": answer}), "invalid_params", "change.target.type")
        self.settle()

    def test_deleting_what_somebody_answered_meanwhile(self):
        base = self.ana.replicas[self.session].seq
        answer = self.made(self.ben, reply(self.one, "says who?"))
        self.made(self.ana, reply(answer, "me"))
        self.refused(self.ana, delete(self.one, base), "stale", "base", field="replies", seq=base + 1)
        self.made(self.ana, delete(self.one, base + 1))
        replica = self.settle()
        self.assertIn(answer, replica.live(), "deleting does not cascade")
        self.made(self.ana, restore(self.one, replica.seq))
        self.settle()


class Relations(AnnotationCase):
    def test_within_a_session(self):
        two = self.made(self.ben, create("evidence", exact="Moscow"))
        link = self.made(self.ana, relate(self.one, two, label="contradicts"))
        replica = self.settle()
        self.assertEqual(replica.records[link]["target"], {"from": self.one, "to": {"annotation": two, "session": self.session}, "type": "relation"})
        self.made(self.ben, update(link, replica.seq, target={"type": "relation", "from": two, "to": {"annotation": self.one}}))
        self.made(self.ben, delete(two, self.ben.replicas[self.session].seq))
        self.made(self.ana, update(link, self.ana.wait_seq(self.session, 5).seq, note="it dangles"))
        self.refused(self.ana, relate(self.one, two), "gone", "change.target.to")
        self.refused(self.ana, relate(two, self.one), "gone", "change.target.from")
        self.refused(self.ana, relate(self.one, self.one), "invalid_params")
        self.settle()

    def test_across_sessions(self):
        other = self.new_session()
        far = self.made(self.ben, create("evidence", exact="Moscow"), other)
        ops = [relate(self.one, far, other, label="supports"), create("claim", exact="Moscow"), relate(self.one, far, other)]
        results = self.ana.submit(self.session, ops)
        self.assertEqual([result["seq"] for result in results], [2, 3, 4])
        replica = self.settle()
        self.assertEqual(replica.records[results[0]["annotation"]]["target"]["to"], {"annotation": far, "session": other})
        self.refused(self.ana, relate(self.one, new_id(), other), "not_found", "change.target.to")
        self.refused(self.ana, relate(self.one, far, new_id()), "not_found", "change.target.to")
        self.made(self.ben, delete(far, 1), other)
        self.refused(self.ana, relate(self.one, far, other), "gone", "change.target.to")
        self.assertTrue(self.ana.submit(self.session, ops[:1])[0]["repeated"])  # sent again, it is known: nobody asks whether it would be accepted now
        self.made(self.ana, update(results[0]["annotation"], 4, note="it dangles"))
        self.settle()

    def test_nothing_of_another_project_exists(self):
        with Client(self.server, "ana") as ana:
            project = ana.call("project.create", name="Ana's own")["project"]["project"]
            document = ana.upload(project, f"Elsewhere {new_id()}\n", title="Elsewhere")["document"]
            far = ana.one(document["session"], create("claim", exact="Elsewhere"))["annotation"]
        for client in (self.ana, self.ben):
            self.refused(client, relate(self.one, far, document["session"]), "not_found", "change.target.to")


class ByTheCodebook(AnnotationCase):
    def tearDown(self):
        self.policy(True)

    def policy(self, is_open):
        with Client(self.server, "cora") as cora:
            cora.call("codebook.policy", project=self.project, open=is_open)

    def test_a_relation_has_a_type_and_no_label(self):
        two = self.made(self.ben, create("evidence", exact="Moscow"))
        name = "type " + new_id()
        link = self.made(self.ana, relate(self.one, two, label=name))  # open: the type is made
        replica = self.settle()
        kind = replica.records[link]["label"]
        back = self.made(self.ben, relate(two, self.one, label=kind))
        self.assertEqual(self.settle().records[back]["label"], kind)
        self.refused(self.ben, relate(two, self.one, label=replica.records[self.one]["label"]), "unknown_label", "change.label")
        self.refused(self.ben, create(kind, exact="Moscow"), "unknown_label", "change.label")
        self.refused(self.ben, update(self.one, self.ben.replicas[self.session].seq, label=kind), "unknown_label", "change.label")
        label = self.made(self.ben, create(name, exact="Moscow"))  # the same name, a label
        self.assertNotEqual(self.settle().records[label]["label"], kind)

    def term(self, kind, **fields):
        """A curator makes a term of a name of its own: the name and the id."""
        name = f"{kind}_{new_id()[:8]}"
        with Client(self.server, "cora") as cora:
            op = {"id": new_id(), "change": {"kind": kind + ".create", "name": name, **fields}}
            (result,) = cora.call("project.submit", project=self.project, ops=[op])["results"]
        self.assertNotIn("error", result)
        return name, result["made"]

    def test_attributes_and_labels_that_belong_together(self):
        (claim, claim_id), (place, _) = self.term("label"), self.term("label")
        tone, _ = self.term("attribute", type="enum", values=["calm", "loud"], labels=[claim_id])
        page, _ = self.term("attribute", type="integer", minimum=1, maximum=99)
        self.refused(self.ana, create(place, exact="Moscow", attributes={tone: "loud"}), "invalid_attribute", "change.attributes." + tone)
        self.refused(self.ana, create(claim, exact="Moscow", attributes={tone: "shrill"}), "invalid_attribute", "change.attributes." + tone)
        self.refused(self.ana, create(claim, exact="Moscow", attributes={page: 100}), "invalid_attribute", "change.attributes." + page)
        one = self.made(self.ana, create(claim, exact="Moscow", attributes={page: 7}))
        base = self.ana.replicas[self.session].seq
        self.made(self.ben, update(one, base, attributes={tone: "loud"}))
        error = self.ana.refused(self.session, update(one, base, label=place))
        self.assertError(error, "conflict", "base", field="attributes." + tone, seq=base + 1)
        self.assertEqual(error.data["current"]["attributes"], {page: 7, tone: "loud"})
        self.refused(self.ana, update(one, base + 1, label=place), "invalid_attribute", "change.label")
        self.made(self.ana, update(one, base + 1, label=place, attributes={tone: None}))
        self.refused(self.ben, update(one, base + 1, attributes={tone: "calm"}), "stale")  # she has just taken it away
        self.settle()

    def test_ends_of_a_relation(self):
        (claim, claim_id), (evidence, evidence_id) = self.term("label"), self.term("label")
        supports, _ = self.term("relation", **{"from": [evidence_id], "to": [claim_id]})
        other = self.new_session()
        near, far = self.made(self.ana, create(evidence, exact="Moscow")), self.made(self.ben, create(claim, exact="Moscow"), other)
        here = self.made(self.ana, create(claim, exact="Nobody"))
        self.made(self.ana, relate(near, here, label=supports))
        self.made(self.ana, relate(near, far, other, label=supports))
        self.refused(self.ana, relate(here, near, label=supports), "invalid_endpoint", "change.label")
        self.refused(self.ana, relate(here, far, other, label=supports), "invalid_endpoint", "change.label")
        free = self.made(self.ana, relate(here, far, other))
        seq = self.ana.replicas[self.session].seq
        self.refused(self.ana, update(free, seq, label=supports), "invalid_endpoint", "change.label")
        self.made(self.ana, update(free, seq, label=supports, target={"type": "relation", "from": near, "to": {"annotation": far, "session": other}}))
        self.settle()

    def test_closed(self):
        two = self.made(self.ben, create("evidence", exact="Moscow", attributes={"free": 1}))
        self.made(self.ana, relate(self.one, two, label="near"))
        self.policy(False)
        self.refused(self.ana, relate(self.one, two, label="far " + new_id()), "unknown_label", "change.label")
        self.refused(self.ana, create("claim", exact="Moscow", attributes={"free": 1}), "unknown_attribute", "change.attributes.free")
        self.refused(self.ana, reply(self.one, "hm", attributes={"free": 1}), "unknown_attribute", "change.attributes.free")
        seq = self.ana.wait_seq(self.session, self.ben.replicas[self.session].seq).seq
        self.refused(self.ana, update(two, seq, attributes={"free": 2}), "unknown_attribute", "change.attributes.free")
        self.made(self.ana, update(two, seq, note="what is there stays"))
        self.made(self.ana, update(two, seq + 1, attributes={"free": None}))
        self.made(self.ana, relate(self.one, two, label="near"))
        self.settle()


class ByTheCodebookOfFour(ByTheCodebook):
    workers = 4


class Spans(AnnotationCase):
    def test_many_and_none(self):
        text = "word " * 70 + new_id()
        session = self.new_session(text)
        self.ana.join(session)
        spans = [{"start": 5 * n, "end": 5 * n + 4} for n in range(64)]
        done = self.made(self.ana, {"id": new_id(), "change": {"kind": "annotation.create", "target": {"type": "spans", "spans": spans}}}, session)
        self.made(self.ana, {"id": new_id(), "change": {"kind": "annotation.create", "target": {"type": "document"}, "note": "all of it"}}, session)
        spans.append({"start": 325, "end": 329})
        error = self.ana.refused(session, {"id": new_id(), "change": {"kind": "annotation.create", "target": {"type": "spans", "spans": spans}}})
        self.assertError(error, "invalid_params")
        replica = self.ana.wait_seq(session, 2)
        self.assertEqual(len(replica.records[done]["target"]["spans"]), 64)
        self.assertChecks(replica)


class Inbox(AnnotationCase):
    def inbox(self, client, **more):
        return client.call("inbox.list", **more)

    def clear(self, *clients):
        for client in clients:
            newest = self.inbox(client, limit=1)["items"]
            client.call("inbox.read", through=newest[0]["item"] if newest else 0)

    def setUp(self):
        super().setUp()
        self.clear(self.ana, self.ben)

    def told(self, client):
        return [(item["why"], item["annotation"]) for item in self.inbox(client, unread=True)["items"]]

    def test_an_answer(self):
        op = reply(self.one, "says who? " + "ü" * 200)
        answer = self.made(self.ben, op)
        page = self.inbox(self.ana, unread=True)
        self.assertEqual(page["unread"], 1)
        (item,) = page["items"]
        self.assertEqual({name: item.get(name) for name in ("why", "annotation", "session", "project", "name", "seq", "read")},
                         {"why": "reply", "annotation": answer, "session": self.session, "project": self.project, "name": "ben", "seq": 2, "read": None})
        self.assertTrue(item["text"].startswith("says who?") and len(item["text"].encode()) == 280, item)
        self.assertEqual(item["title"], self.id())
        self.assertTrue(self.ben.submit(self.session, [op])[0]["repeated"])
        self.assertEqual(self.told(self.ana), [("reply", answer)])
        self.assertEqual(self.told(self.ben), [])
        self.assertEqual(self.ana.call("inbox.read", through=item["item"]), {"marked": 1})
        self.assertEqual(self.told(self.ana), [])
        self.assertEqual(self.inbox(self.ana)["items"][0]["annotation"], answer)
        self.assertTrue(self.inbox(self.ana)["items"][0]["read"])

    def test_who_is_named(self):
        named = {"@ben, look": ["ben"], "see (@ben).": ["ben"], "@{Ji Woo} and @ben": ["Ji Woo", "ben"], "mail x@ben or @benn": [], "@ana herself": [],
                 "@ben and @ben": ["ben"], "看@ben，好": ["ben"], "@nobody @{": [], "@vera": ["vera"]}
        people = {name: self.connect(name) for name in ("ben", "Ji Woo", "vera")}
        for note, names in named.items():
            with self.subTest(note):
                self.clear(*people.values())
                made = self.made(self.ana, create(exact="Moscow", note=note))
                for name, client in people.items():
                    self.assertEqual(self.told(client), [("mention", made)] if name in names else [], name)
        self.clear(self.ben)
        made = self.made(self.ana, create(exact="Moscow", note="@ben"))
        self.made(self.ana, update(made, self.ana.replicas[self.session].seq, note="@ben, and again @ben"))
        self.assertEqual(self.told(self.ben), [("mention", made)], "who was named already is not told again")

    def test_decisions(self):
        seq = 1
        for status, why in (("accepted", "accepted"), ("active", "reopened"), ("rejected", "rejected"), ("proposed", None), ("active", None),
                            ("resolved", "resolved"), ("resolved", None), ("active", "reopened")):
            self.clear(self.ana)
            self.made(self.ben, update(self.one, seq, status=status))
            seq += 1
            self.assertEqual(self.told(self.ana), [(why, self.one)] if why else [], status)
        self.made(self.ana, update(self.one, seq, status="accepted"))
        self.assertEqual(self.told(self.ana), [("reopened", self.one)], "one's own deeds are no news")

    def test_one_op_tells_each_once(self):
        answer = self.made(self.ben, reply(self.one, "@ana @ana @{ana}"))
        self.assertEqual(self.told(self.ana), [("reply", answer)])

    def test_what_is_refused_tells_nobody(self):
        self.ben.refused(self.session, reply(new_id(), "@ana"))
        results = self.ben.submit(self.session, [reply(self.one, "@ana"), reply(new_id(), "hm")], atomic=True)
        self.assertEqual([result["error"]["data"]["name"] for result in results], ["atomic_refused", "not_found"])
        self.assertEqual(self.told(self.ana), [])

    def test_it_is_ones_own(self):
        self.made(self.ben, reply(self.one, "says who?"))
        (item,) = self.inbox(self.ana, unread=True)["items"]
        cora = self.connect("cora")
        self.assertEqual(self.inbox(cora)["items"], [])
        self.assertEqual(cora.call("inbox.read", through=item["item"] + 1000), {"marked": 0})
        self.assertEqual(self.inbox(self.ana)["unread"], 1)

    def test_pages(self):
        made = [result["annotation"] for result in self.ben.submit(self.session, [reply(self.one, f"{n}") for n in range(7)])]
        found, cursor = [], {}
        while True:
            page = self.inbox(self.ana, limit=3, unread=True, **cursor)
            found += [item["annotation"] for item in page["items"]]
            self.assertEqual(page["unread"], 7)
            if "next" not in page:
                break
            cursor = {"cursor": page["next"]}
        self.assertEqual(found, made[::-1])
        self.assertError(self.ana.error("inbox.list", cursor="12x"), "invalid_params", "cursor")

    def test_a_very_full_one_is_read_in_parts(self):
        self.made(self.ben, reply(self.one, "says who?"))
        self.server.sql("insert into inbox (account, project, stream, seq, annotation, why, by, at) "
                        "select account, project, stream, seq, annotation, why, by, at from inbox, generate_series(1, 2499) where read_at is null")
        newest = self.inbox(self.ana, limit=1)
        self.assertEqual(newest["unread"], 1000, "it is counted so far and no further")
        through = newest["items"][0]["item"]
        for left in (1500, 500):
            self.assertEqual(self.ana.call("inbox.read", through=through), {"marked": 1000, "more": True})
            rows = self.server.sql("select count(*), min(item) from inbox where read_at is null")
            self.assertEqual(rows, [[str(left), str(through - left + 1)]], "the oldest first")
        self.assertEqual(self.inbox(self.ana)["unread"], 500)
        self.assertEqual(self.ana.call("inbox.read", through=through), {"marked": 500})
        self.assertEqual(self.inbox(self.ana)["unread"], 0)

    def test_who_leaves_sees_it_no_more(self):
        self.server.user("leo", role="annotator")
        leo = self.connect("leo")
        mine = self.made(leo, create(exact="Moscow"))
        self.made(self.ben, reply(mine, "says who?"))
        self.assertEqual(self.inbox(leo)["unread"], 1)
        self.server.glossd("project", "member", case.support.PROJECT, "leo", "none", "--yes")
        self.assertEqual(self.inbox(leo), {"items": [], "unread": 0})
        self.made(self.ben, reply(mine, "and @leo"))
        self.server.glossd("project", "member", case.support.PROJECT, "leo", "viewer")
        self.assertEqual([item["text"] for item in self.inbox(leo)["items"]], ["says who?"], "what came while one was away is not kept for one")


class InboxOfFour(Inbox):
    """The same with four workers: people meet on any of them."""
    workers = 4


if __name__ == "__main__":
    case.main()
