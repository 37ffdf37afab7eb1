"""test_projects.py - a project's own stream: the codebook, members, policy and documents, changed by project.submit and told to everybody."""
import json

import case
from case import Client, create, new_id, update
from replica import ProjectReplica, canonical


def op(kind, base=None, op_id=None, **members):
    """An op_request."""
    request = {"id": op_id or new_id(), "change": {"kind": kind, **members}}
    return request if base is None else {**request, "base": base}


class ProjectCase(case.ServiceCase):
    users = {"ana": "annotator", "ben": "annotator", "cora": "curator", "dan": "curator", "olga": "owner", "vera": "viewer"}

    def setUp(self):
        with Client(self.server, "admin") as admin:
            self.project = admin.call("project.create", name=f"{self.id()} {new_id()}")["project"]["project"]
            for name, role in self.users.items():
                admin.call("member.set", project=self.project, account=name, role=role)
            text = f"Words of {new_id()}\n"
            self.document = admin.upload(self.project, text, title="Words")["document"]
            self.session = self.document["session"]

    def ask(self, client, *ops):
        return client.call("project.submit", project=self.project, ops=list(ops))["results"]

    def do(self, client, *ops):
        """Accepted; what they made, or the one."""
        results = self.ask(client, *ops)
        for result in results:
            self.assertNotIn("error", result)
        return results if len(results) > 1 else results[0]

    def refuse(self, client, request, name, path=None):
        result = self.ask(client, request)[0]
        self.assertIn("error", result)
        self.assertEqual(result["error"]["data"]["name"], name, result)
        if path is not None:
            self.assertEqual(result["error"]["data"].get("path"), path, result)
        return result["error"]["data"]

    def terms(self, client):
        found, cursor = [], {}
        while True:
            page = client.call("codebook.get", project=self.project, **cursor)
            found += page["terms"]
            if "next" not in page:
                return {term["id"]: term for term in found}
            cursor = {"cursor": page["next"]}

    def named(self, client, name):
        return next(term for term in self.terms(client).values() if term["name"] == name)


class Codebook(ProjectCase):
    def test_terms_are_made_changed_and_read(self):
        cora, ana = self.people("cora", "ana")
        claim = self.do(cora, op("label.create", name="claim", colour="#aa3300", hotkey="c", definition="Says so.", examples=["It is."]))["made"]
        rebuttal = self.do(ana, op("label.create", label=new_id(), name="rebuttal", parent=claim))["made"]
        strength = self.do(cora, op("attribute.create", name="strength", type="integer", minimum=1, maximum=5, labels=[claim]))["made"]
        supports = self.do(cora, op("relation.create", name="supports", **{"from": [rebuttal], "to": [claim]}))["made"]
        self.do(cora, op("label.update", label=claim, name="thesis", colour=None, examples=["It is.", "So be it."]),
                op("attribute.update", attribute=strength, maximum=None), op("relation.update", relation=supports, symmetric=True, retired=True))
        terms = self.terms(ana)
        self.assertEqual((terms[claim]["name"], terms[claim].get("colour"), len(terms[claim]["examples"])), ("thesis", None, 2))
        self.assertEqual((terms[rebuttal]["parent"], terms[strength].get("maximum"), terms[strength]["minimum"]), (claim, None, 1))
        self.assertEqual((terms[supports]["symmetric"], terms[supports]["retired"]), (True, True))

    def test_a_label_keeps_its_id_when_it_is_renamed(self):
        ana, cora = self.people("ana", "cora")
        ana.one(self.session, create("claim", start=0, end=5))
        claim = self.named(ana, "claim")["id"]
        self.do(cora, op("label.update", label=claim, name="thesis"))
        ana.one(self.session, create("thesis", start=0, end=5))
        self.assertEqual({record["label"] for record in ana.join(self.session).live().values()}, {claim})
        ana.one(self.session, create("claim", start=0, end=5))  # the name is free again, so it is a new one
        self.assertEqual({term["name"] for term in self.terms(ana).values()}, {"claim", "thesis"})

    def test_what_is_refused(self):
        cora, ana = self.people("cora", "ana")
        a, b, c = [self.do(cora, op("label.create", name=name))["made"] for name in "abc"]
        self.do(cora, op("label.update", label=b, parent=a), op("label.update", label=c, parent=b, hotkey="c"))
        for request, name, path in (
                (op("label.create", name="a"), "exists", "change.name"),
                (op("label.create", label=a, name="other"), "exists", "change.label"),
                (op("label.update", label=b, name="a"), "exists", "change.name"),
                (op("label.update", label=a, hotkey="c"), "exists", "change.hotkey"),
                (op("label.update", label=a, parent=c), "invalid_params", "change.parent"),
                (op("label.update", label=a, parent=a), "invalid_params", "change.parent"),
                (op("label.update", label=a, parent=new_id()), "unknown_label", "change.parent"),
                (op("label.update", label=new_id(), name="x"), "not_found", "change.label"),
                (op("label.update", label=a), "invalid_params", "change.kind"),
                (op("label.update", label=a, weight=1), "invalid_params", "change.weight"),
                (op("label.update", label=a, colour="red"), "invalid_params", "change.colour"),
                (op("label.create"), "invalid_params", "change.name"),
                (op("label.create", name="x", definition="\u0001" * 8000), "too_large", "change"),
                (op("attribute.create", name="no name", type="text"), "invalid_params", "change.name"),
                (op("attribute.create", name="n", type="enum"), "invalid_params", "change.values"),
                (op("attribute.create", name="n", type="text", labels=[new_id()]), "unknown_label", "change.labels[0]"),
                (op("attribute.update", attribute=a, name="n"), "not_found", "change.attribute"),
                (op("relation.create", name="r", to=["a"]), "invalid_params", "change.to"),
                (op("document.create", document=new_id()), "invalid_params", "change.kind"),
                (op("project.create", name="x"), "invalid_params", "change.kind"),
                (op("annotation.create", target={"type": "document"}), "invalid_params", "change.kind"),
                (op("codebook.policy", open="yes"), "invalid_params", "change.open"),
                ({"id": new_id(), "base": 10 ** 6, "change": {"kind": "label.update", "label": a, "name": "x"}}, "resync", "base"),
                ({"id": new_id(), "base": new_id(), "change": {"kind": "label.update", "label": a, "name": "x"}}, "invalid_params", "base")):
            with self.subTest(change=request["change"]):
                self.refuse(cora, request, name, path)
        self.refuse(ana, op("label.update", label=a, name="x"), "forbidden")

    def test_a_tree_has_sixteen_levels_at_most(self):
        cora = self.connect("cora")
        above = self.do(cora, op("label.create", name="0"))["made"]
        lowest = self.do(cora, op("label.create", name="below"))["made"]
        for level in range(1, 15):
            above = self.do(cora, op("label.create", name=str(level), parent=above))["made"]
        self.do(cora, op("label.update", label=lowest, parent=above))
        self.refuse(cora, op("label.create", name="too deep", parent=lowest), "invalid_params", "change.parent")

    def test_a_retired_label_is_not_for_new_use(self):
        ana, cora = self.people("ana", "cora")
        ana.one(self.session, create("claim", start=0, end=5))
        claim = self.named(ana, "claim")["id"]
        self.do(cora, op("label.update", label=claim, retired=True))
        for label in ("claim", claim):
            self.assertError(ana.refused(self.session, create(label, start=0, end=5)), "unknown_label", "change.label")
        self.refuse(cora, op("label.create", name="claim"), "exists", "change.name")
        self.do(cora, op("label.update", label=claim, retired=False))
        ana.one(self.session, create("claim", start=0, end=5))

    def test_somebody_elses_change_in_between_is_no_silent_overwrite(self):
        cora, dan = self.people("cora", "dan")
        claim = self.do(cora, op("label.create", name="claim"))
        changed = self.do(dan, op("label.update", base=claim["seq"], label=claim["made"], colour="#000000"))
        data = self.refuse(cora, op("label.update", base=claim["seq"], label=claim["made"], colour="#ffffff"), "stale", "base")
        self.assertEqual((data["current"]["colour"], data["seq"]), ("#000000", changed["seq"]))
        self.assertEqual(data["author"], self.terms(cora)[claim["made"]]["by"])
        again = op("label.update", base=changed["seq"], label=claim["made"], colour="#ffffff")
        self.do(cora, again)
        self.do(cora, op("label.update", base=again["id"], label=claim["made"], colour="#fffff0"))  # one's own earlier op
        self.do(cora, op("label.update", base=changed["seq"], label=claim["made"], hotkey="c"))  # one's own change is no conflict
        self.do(dan, op("label.update", label=claim["made"], hotkey="d"))  # without a base what is there now counts

    def test_a_closed_codebook(self):
        cora, ana = self.people("cora", "ana")
        self.do(cora, op("label.create", name="claim"), op("attribute.create", name="sure", type="boolean"), op("codebook.policy", open=False))
        self.assertError(ana.refused(self.session, create("new", start=0, end=5)), "unknown_label", "change.label")
        self.refuse(ana, op("label.create", name="new"), "forbidden")
        self.do(cora, op("label.create", name="new"))
        ana.one(self.session, create("new", start=0, end=5, attributes={"sure": True}))
        self.assertError(ana.refused(self.session, create("new", start=0, end=5, attributes={"sure": 1})), "invalid_attribute")
        self.assertError(ana.refused(self.session, create("new", start=0, end=5, attributes={"other": 1})), "unknown_attribute")


class Once(ProjectCase):
    def test_the_same_op_again_is_answered_and_not_applied(self):
        cora = self.connect("cora")
        request = op("label.create", name="claim")
        first = self.do(cora, request)
        again = self.do(cora, request)
        self.assertEqual((again["seq"], again["made"], again["repeated"]), (first["seq"], first["made"], True))
        self.refuse(cora, {**request, "change": {"kind": "label.create", "name": "other"}}, "id_reused")
        self.refuse(self.connect("dan"), request, "id_reused")

    def test_also_by_a_worker_that_does_not_remember(self):
        cora = self.connect("cora")
        request = op("label.create", name="claim")
        first = self.do(cora, request)
        update_it = op("label.update", base=request["id"], label=first["made"], name="thesis")
        second = self.do(cora, update_it)
        cora.close()
        self.server.restart()
        cora = self.connect("cora")
        for there, result in zip((first, second), self.ask(cora, request, update_it)):
            self.assertEqual((result.get("seq"), result.get("repeated")), (there["seq"], True), result)
        self.do(cora, op("label.update", base=update_it["id"], label=first["made"], name="claim"))  # the log knows the base

    def test_one_that_builds_on_a_refused_one(self):
        cora = self.connect("cora")
        wrong = op("label.create")
        self.refuse(cora, wrong, "invalid_params")
        self.refuse(cora, op("label.create", base=wrong["id"], name="claim"), "depends_on_refused", "base")

    def test_many_at_once(self):
        cora = self.connect("cora")
        made = self.do(cora, *[op("label.create", name=f"label {i}") for i in range(200)], op("label.create", name="x", hotkey="x"))
        self.assertEqual([result["seq"] for result in made], list(range(made[0]["seq"], made[0]["seq"] + 201)))
        results = self.ask(cora, *[op("label.create", name=name) for name in ("y", "y", "label 3", "z")])
        self.assertEqual([result.get("error", {}).get("data", {}).get("name") for result in results], [None, "exists", "exists", None])


class Members(ProjectCase):
    def test_who_may(self):
        vera, ana, cora, olga = self.people("vera", "ana", "cora", "olga")
        self.assertError(vera.error("project.submit", project=self.project, ops=[op("label.create", name="x")]), "forbidden")
        for request in (op("member.set", account=new_id(), role="viewer"), op("project.update", name="x")):
            self.refuse(cora, request, "forbidden")
        for request in (op("attribute.create", name="x", type="text"), op("relation.create", name="x"), op("codebook.policy", open=True),
                        op("document.update", document=self.document["document"], title="x")):
            self.refuse(ana, request, "forbidden")
        self.do(olga, op("attribute.create", name="x", type="text"), op("project.update", name=f"Renamed {new_id()}"))

    def test_roles_by_account(self):
        olga, ana = self.people("olga", "ana")
        accounts = {member["name"]: member["account"] for member in olga.call("member.list", project=self.project)["members"]}
        self.do(olga, op("member.set", account=accounts["ana"], role=None))
        self.assertError(ana.error("project.submit", project=self.project, ops=[op("label.create", name="x")]), "not_found")
        self.do(olga, op("member.set", account=accounts["ana"], role="curator"))
        self.do(ana, op("attribute.create", name="x", type="text"))
        self.refuse(olga, op("member.set", account=new_id(), role="viewer"), "not_found", "change.account")
        self.do(olga, op("member.set", account=accounts["admin"], role=None))
        self.refuse(olga, op("member.set", account=accounts["olga"], role="viewer"), "forbidden", "change.role")
        self.refuse(olga, op("member.set", account=accounts["ana"], role="king"), "invalid_params", "change.role")

    def test_others_may_edit_is_live(self):
        olga, ana, ben = self.people("olga", "ana", "ben")
        made = ana.one(self.session, create("claim", start=0, end=5))
        ben.join(self.session)
        ben.one(self.session, update(made["annotation"], made["seq"], note="ben's"))
        self.do(olga, op("project.update", others_may_edit=False))
        self.assertError(ben.refused(self.session, update(made["annotation"], made["seq"] + 1, note="again")), "forbidden")
        self.do(olga, op("project.update", others_may_edit=True))
        ben.one(self.session, update(made["annotation"], made["seq"] + 1, note="again"))


class Documents(ProjectCase):
    META = {"authors": ["A. Tal", "Béatrice Aar"], "publisher": "The Harbour", "date": "2026-11-21", "source": "https://example.org/1?a=b",
            "language": "en-GB", "folder": "briefs/water", "tags": ["water", "wells"]}

    def info(self, client, document):
        return client.call("document.get", document=document)["document"]

    def test_metadata_comes_with_the_import_and_is_changed(self):
        ana, cora = self.people("ana", "cora")
        document = ana.upload(self.project, f"Wells {new_id()}\n", title="Wells", meta=self.META)["document"]
        self.assertEqual({name: document[name] for name in self.META}, self.META)
        made = self.do(cora, op("document.update", document=document["document"], title="Wells of Tal", authors=None, tags=["wells"], date="2025"))
        self.assertEqual(made["made"], document["document"])
        info = self.info(ana, document["document"])
        self.assertEqual((info["title"], info.get("authors"), info["tags"], info["date"], info["publisher"]),
                         ("Wells of Tal", None, ["wells"], "2025", "The Harbour"))
        self.assertEqual(self.server.check()[0], 0)

    def test_what_is_refused(self):
        cora, ana = self.people("cora", "ana")
        document = self.document["document"]
        for member, value in (("title", None), ("title", ""), ("authors", []), ("authors", "A"), ("authors", ["a", "a"]), ("publisher", 1),
                              ("date", "2026-13"), ("date", "2025-02-29"), ("date", "yesterday"), ("date", "20261121"), ("source", "javascript:x"),
                              ("source", "example.org"), ("language", "english language"), ("language", "e"), ("folder", ""), ("tags", [1]),
                              ("colour", "red")):
            with self.subTest(member=member, value=value):
                self.refuse(cora, op("document.update", document=document, **{member: value}), "invalid_params", f"change.{member}")
                if member != "title":
                    error = ana.error("document.begin", project=self.project, bytes=3, sha256="0" * 64, meta={member: value})
                    self.assertError(error, "invalid_params", f"meta.{member}")
        self.refuse(cora, op("document.update", document=document), "invalid_params", "change.kind")
        self.refuse(cora, op("document.update", document=new_id(), title="x"), "not_found", "change.document")
        for good in ("2024-02-29", "1999", "2026-11"):
            self.do(cora, op("document.update", document=document, date=good))

    def test_somebody_elses_change_in_between(self):
        cora, dan = self.people("cora", "dan")
        document = self.document["document"]
        first = self.do(cora, op("document.update", document=document, folder="a"))
        self.do(dan, op("document.update", base=first["seq"], document=document, folder="b"))
        data = self.refuse(cora, op("document.update", base=first["seq"], document=document, folder="c"), "stale", "base")
        self.assertEqual(data["current"]["folder"], "b")

    def test_lists_are_filtered_and_sorted(self):
        ana = self.connect("ana")
        rows = (("Alpha", {"date": "2024", "folder": "a", "tags": ["x"], "language": "en", "authors": ["Ann Lee"]}),
                ("beta", {"date": "2026-01", "folder": "a/b", "tags": ["x", "y"], "language": "en-GB", "authors": ["Bo Ann", "Ces"]}),
                ("Gamma", {"date": "2025", "folder": "ab", "language": "de"}), ("Delta", {}))
        for title, meta in rows:
            ana.upload(self.project, f"{title} {new_id()}\n", title=title, meta=meta)

        def titles(**asked):
            found, cursor = [], {}
            while True:
                page = ana.call("document.list", project=self.project, limit=2, **asked, **cursor)
                found += [it["title"] for it in page["documents"]]
                if "next" not in page:
                    return found
                cursor = {"cursor": page["next"]}

        self.assertEqual(titles(), ["Alpha", "Delta", "Gamma", "Words", "beta"])
        self.assertEqual(titles(descending=True), ["beta", "Words", "Gamma", "Delta", "Alpha"])
        self.assertEqual(titles(sort="date")[2:], ["Alpha", "Gamma", "beta"])
        self.assertEqual(titles(sort="date", descending=True)[:3], ["beta", "Gamma", "Alpha"])
        self.assertEqual(titles(sort="created"), ["Words", "Alpha", "beta", "Gamma", "Delta"])
        for asked, expected in (({"folder": "a"}, ["Alpha", "beta"]), ({"folder": "a/b"}, ["beta"]), ({"tag": "y"}, ["beta"]), ({"tag": "z"}, []),
                                ({"language": "EN"}, ["Alpha", "beta"]), ({"language": "en-GB"}, ["beta"]), ({"author": "ann"}, ["Alpha", "beta"]),
                                ({"author": "ces", "tag": "x"}, ["beta"]), ({"text": "LT"}, ["Delta"]), ({"prefix": "b", "text": "a"}, ["beta"])):
            with self.subTest(asked=asked):
                self.assertEqual(titles(**asked), expected)
        cursor = ana.call("document.list", project=self.project, limit=1)["next"]
        self.assertError(ana.error("document.list", project=self.project, sort="date", cursor=cursor), "invalid_params", "cursor")
        self.assertError(ana.error("document.list", sort="size"), "invalid_params", "sort")

    def test_long_metadata_is_listed_in_pages_that_fit(self):
        ana = self.connect("ana")
        words = [chr(34) * 250 + f"{n:02}" for n in range(64)]  # each byte is two when it goes out
        made = {ana.upload(self.project, f"{n} {new_id()}\n", title=f"{n:03}", meta={"authors": words, "tags": words})["document"]["document"]
                for n in range(30)}
        found, cursor, pages = [], {}, 0
        while True:
            page = ana.call("document.list", project=self.project, limit=200, text="0", **cursor)
            found += [it["document"] for it in page["documents"]]
            pages += 1
            self.assertLess(len(json.dumps(page)), 512 * 1024)
            if "next" not in page:
                break
            cursor = {"cursor": page["next"]}
        self.assertEqual((len(found), set(found)), (30, made))
        self.assertGreater(pages, 5)

    def test_a_project_tells_its_policy_and_seq(self):
        olga = self.connect("olga")
        made = self.do(olga, op("project.update", name=f"Policy {new_id()}", others_may_edit=False))
        found = next(it for it in olga.call("project.list", limit=500)["projects"] if it["project"] == self.project)
        self.assertEqual((found["others_may_edit"], found["seq"], found["name"][:6]), (False, made["seq"], "Policy"))


class Replicas(ProjectCase):
    def test_everybody_is_told_and_has_the_same(self):
        cora, ana, olga = self.people("cora", "ana", "olga")
        ana.join(self.session)
        before = ana.call("codebook.get", project=self.project)["version"]
        claim = self.do(cora, op("label.create", name="claim"))["made"]
        self.do(cora, op("attribute.create", name="sure", type="boolean", labels=[claim]), op("label.update", label=claim, colour="#010203"))
        last = self.do(olga, op("project.update", name=f"Told {new_id()}"))["seq"]
        ana.wait_notice("project.ops", lambda frame: frame["first"] + len(frame["ops"]) - 1 >= last)
        replica = ProjectReplica(self.project)
        replica.seq = before
        for name, frame in ana.notices:
            if name == "project.ops":
                for logged in frame["ops"]:
                    replica.take_op(logged)
        self.assertEqual(canonical(replica.terms), canonical(self.terms(ana)))
        self.assertEqual(self.server.check()[0], 0)


if __name__ == "__main__":
    case.main()
