#!/usr/bin/python3
"""Every method of wire.def: its answer field by field, each wrong parameter, who may, and what is there to be read."""
import base64
import hashlib
import json
import time

import case
import wire
from case import Client, Refused, ServiceCase, TEXT, create, delete, new_id, support
from wiredef import Wire, wrong_values

WIRE = Wire(support.SOURCE)
PASSWORD = "three words of hers"


def sha256(data):
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


class MethodCase(ServiceCase):
    users = {"vera": "viewer", "ana": "annotator", "cora": "curator", "olga": "owner", "fay": None, "dora": None}

    @classmethod
    def prepare(cls):
        with Client(cls.server, "admin") as admin:
            info = admin.upload(cls.project, TEXT, title="Methods", filename="methods.txt")["document"]
            cls.document, cls.session = info["document"], info["session"]
            cls.annotation = admin.one(cls.session, create("claim", exact="Nobody"))["annotation"]
        with Client(cls.server, "fay") as fay:
            cls.foreign = fay.call("project.create", name="Fay's")["project"]["project"]
        cls.prepare_more()

    @classmethod
    def prepare_more(cls):
        pass

    def good(self, method, client=None):
        """Parameters that are right for a member with every right, and harm nobody."""
        fresh = f"{new_id()}\n".encode()
        params = {
            "hello": {"token": "gls_" + "x" * 50},
            "token.create": {"label": "for a test", "days": 1},
            "token.list": {}, "token.revoke": {"token": new_id()},
            "project.list": {"limit": 10}, "project.create": {"name": "P " + new_id()},
            "member.list": {"project": self.project, "limit": 10}, "project.quota": {"project": self.project},
            "member.set": {"project": self.project, "account": "dora", "role": "viewer"},
            "project.submit": {"project": self.project, "ops": [{"id": new_id(), "change": {"kind": "label.create", "name": f"label {new_id()}"}}]},
            "codebook.get": {"project": self.project}, "codebook.policy": {"project": self.project, "open": True},
            "document.list": {"project": self.project, "prefix": "Met", "limit": 10, "sort": "title", "descending": False},
            "document.get": {"document": self.document},
            "document.begin": {"project": self.project, "title": "T", "meta": {"tags": ["t"]}, "filename": "f", "bytes": len(fresh), "sha256": sha256(fresh)},
            "document.chunk": {"upload": new_id(), "offset": 0, "data": "AAAA"}, "document.commit": {"upload": new_id()},
            "document.text": {"document": self.document, "start": 0, "end": 10},
            "session.join": {"session": self.session, "since": 0, "chain": case.chain_start(self.session, sha256(TEXT)).hex(), "live": True},
            "session.page": {"session": self.session, "restart": True},
            "session.snapshot": {"session": self.session}, "session.log": {"session": self.session, "after": 0, "limit": 10},
            "session.submit": {"session": self.session, "ops": [create("claim", start=0, end=7)], "atomic": False},
            "inbox.list": {"limit": 10, "unread": True}, "inbox.read": {"through": 0},
            "annotation.locate": {"annotation": self.annotation}, "session.leave": {"session": self.session},
            "session.presence": {"session": self.session, "start": 0, "end": 10, "selection_start": 2, "selection_end": 5, "annotation": self.annotation, "away": False},
            "admin.account.list": {"limit": 10}, "admin.account.create": {"name": f"a {new_id()}", "admin": False},
            "admin.account.update": {"account": "dora", "admin": False, "disabled": False}, "admin.token.list": {"account": "dora"},
            "admin.token.create": {"account": "dora", "label": "for a test", "days": 1}, "admin.token.revoke": {"token": new_id()},
            "admin.project.list": {"limit": 10}, "admin.project.create": {"name": "P " + new_id(), "owner": "dora"},
            "admin.member.set": {"project": self.project, "account": "vera", "role": "viewer"},
            "admin.session.list": {"project": self.project, "limit": 10}, "admin.session.show": {"session": self.session},
            "admin.session.mode": {"session": self.session, "mode": "shared"},
            "admin.quota.list": {"project": self.project}, "admin.quota.set": {"project": self.project, "what": "ops_rate", "limit": 0},
            "admin.setting.list": {}, "admin.stats": {}, "admin.connection.list": {"account": "dora", "limit": 10},
            "admin.connection.end": {"connection": new_id(), "reason": "for a test"}, "admin.audit.list": {"account": "dora", "action": "user", "limit": 10},
        }[method]
        if client and method == "session.page":
            client.join(self.session, pages=False)
        if client and method in ("session.leave", "session.presence"):
            client.join(self.session, pages=False)
        return params


class Parameters(MethodCase):
    def test_every_method_has_good_parameters_here(self):
        for method, row in WIRE.methods.items():
            self.assertLessEqual(set(self.good(method)), {field.name for field in row.params}, method)

    def test_each_wrong_parameter_is_named(self):
        owner, admin = self.connect("olga"), self.connect("admin")
        tried = 0
        for method, row in WIRE.methods.items():
            if method == "hello":
                continue
            client = admin if row.role == "ADMIN" else owner
            for field in row.params:
                for what, value in wrong_values(field):
                    params = {**self.good(method, client), field.name: value}
                    with self.subTest(method=method, field=field.name, what=what):
                        error = client.error(method, **params)
                        self.assertError(error, "invalid_params")
                        self.assertRegex(error.data["path"], rf"^{field.name}(\[0\])?$")
                        tried += 1
        self.assertGreater(tried, 100)
        self.assertEqual(owner.call("project.list")["projects"][0]["name"], support.PROJECT)

    def test_null_counts_as_absent_and_unknown_members_are_ignored(self):
        ana = self.connect("ana")
        page = ana.call("document.list", project=None, prefix=None, cursor=None, limit=None, colour="blue", since={"a": [1]})
        self.assertIn(self.document, [info["document"] for info in page["documents"]])

    def test_params_may_be_left_out_but_must_be_an_object(self):
        ana = self.connect("ana")
        self.assertIn("result", ana.ask_text('{"jsonrpc":"2.0","id":"a","method":"project.list"}', "a"))
        answer = ana.ask_text('{"jsonrpc":"2.0","id":"b","method":"project.list","params":[]}', "b")
        self.assertIn(answer["error"]["data"]["name"], ("invalid_params", "invalid_request"))

    def test_an_id_comes_back_as_it_was_sent(self):
        ana = self.connect("ana")
        for number in (0, -7, 2**53 - 1, "", "x" * 64, "ünï"):
            answer = ana.ask_text(json.dumps({"jsonrpc": "2.0", "id": number, "method": "token.list", "params": {}}), number)
            self.assertIn("result", answer)
            self.assertIs(type(answer["id"]), type(number))

    def test_unknown_method(self):
        ana = self.connect("ana")
        for method in ("session.jion", "", "hello2", "rpc.discover", "session.ops", "x" * 300):
            self.assertError(ana.error(method), "unknown_method")
        ana.call("project.list")

    def test_before_hello_nothing_else_is_answered(self):
        nobody = self.connect("nobody", hello=False)
        for method in WIRE.methods:
            if method != "hello":
                self.assertError(nobody.error(method, **self.good(method)), "sign_in_first")
        for what in ("token", "account", "password", "client"):
            field = next(field for field in WIRE.methods["hello"].params if field.name == what)
            for _, value in wrong_values(field):
                params = {"token": "gls_x", "account": "ana", "password": "x", what: value}
                self.assertError(nobody.error("hello", **params), "invalid_params", what)
        self.assertError(nobody.error("hello"), "invalid_params")
        self.assertError(nobody.error("hello", account="ana"), "invalid_params")


class Answers(MethodCase):
    """What each method says, field by field; the form of everything that comes is compared with wire.def."""

    def setUp(self):
        self.ana = self.connect("ana")
        self.olga = self.connect("olga")

    def ask(self, client, method, **params):
        result = client.call(method, **params)
        self.assertEqual(WIRE.complaints(WIRE.methods[method].results, result), [], f"{method} -> {result}")
        return result

    def test_every_answer_and_notice_has_the_form_of_the_table(self):
        for method, row in WIRE.methods.items():
            if method in ("hello", "token.revoke", "document.chunk", "document.commit") or row.role == "ADMIN":  # test_admin_methods.py has those
                continue
            with self.subTest(method=method):
                self.ask(self.olga, method, **self.good(method, self.olga))
        fresh = self.new_session()
        self.olga.join(fresh)
        seq = self.olga.one(fresh, create("form", exact="Nobody", agent="a/1", run="r", confidence=7, attributes={"a": 1}))["seq"]
        self.olga.wait_seq(fresh, seq)
        self.olga.wait_notice("session.presence")
        for name, params in self.olga.notices:
            self.assertEqual(WIRE.complaints(WIRE.notices[name].params, params), [], params)
        self.assertEqual({name for name, _ in self.olga.notices}, {"session.ops", "project.ops", "session.presence"})

    def test_hello(self):
        welcome = self.ana.welcome
        self.assertEqual(WIRE.complaints(WIRE.methods["hello"].results, welcome), [])
        self.assertEqual(welcome["account"]["name"], "ana")
        self.assertFalse(welcome["account"].get("admin", False))
        self.assertTrue(self.connect("admin").welcome["account"]["admin"])
        self.assertEqual(welcome["protocol"], "gloss.v1")
        self.assertRegex(welcome["server"], r"^glossd/\d")
        self.assertEqual(welcome["limits"], {"frame_bytes": 262144, "ops_in_flight": 256, "bytes_in_flight": 2097152, "pages_in_flight": 16, "page_bytes": 65536,
                                             "document_bytes": 8 << 20, "chunk_bytes": 131072})
        now = time.strftime("%Y-%m-%dT%H:%M", time.gmtime())
        self.assertEqual(welcome["time"][:13], now[:13])

    def test_tokens(self):
        made = self.ask(self.ana, "token.create", label="notebook", days=90)
        self.assertRegex(made["secret"], r"^gls_[A-Za-z0-9_-]{43}_[0-9a-f]{6}$")
        listed = self.ask(self.ana, "token.list")["tokens"]
        newest = listed[0]
        self.assertEqual((newest["token"], newest["label"], newest["expires"]), (made["token"], "notebook", made["expires"]))
        self.assertNotIn(made["secret"], json.dumps(listed))
        self.assertFalse(newest.get("revoked", False))
        with Client(self.server, "ana", token=made["secret"]) as other:
            self.assertEqual(other.account, self.ana.account)
        self.assertEqual(self.ask(self.ana, "token.revoke", token=made["token"]), {})
        listed = {token["token"]: token for token in self.ask(self.ana, "token.list")["tokens"]}
        self.assertIs(listed[made["token"]]["revoked"], True)
        self.assertError(self.ana.error("token.revoke", token=new_id()), "not_found", "token")
        self.assertError(self.olga.error("token.revoke", token=made["token"]), "not_found", "token")
        forever = self.ask(self.ana, "token.create")
        self.assertNotIn("expires", forever)
        self.ask(self.ana, "token.revoke", token=forever["token"])

    def test_projects_and_members(self):
        name = "Answers " + new_id()
        made = self.ask(self.ana, "project.create", name=name)["project"]
        self.assertEqual(made, {"project": made["project"], "name": name, "role": "owner", "open": True, "others_may_edit": True, "seq": 2})
        self.assertIn(made, self.ask(self.ana, "project.list")["projects"])
        self.assertNotIn(name, [found["name"] for found in self.ask(self.olga, "project.list")["projects"]])
        self.assertError(self.ana.error("project.create", name=name), "exists", "name")
        self.assertError(self.ana.error("project.create", name=""), "invalid_params", "name")
        project = made["project"]
        self.assertEqual(self.ask(self.ana, "member.list", project=project)["members"], [{"account": self.ana.account, "name": "ana", "role": "owner"}])
        self.assertEqual(self.ask(self.ana, "member.set", project=project, account="olga", role="viewer"), {})
        self.assertEqual([(m["name"], m["role"]) for m in self.ask(self.olga, "member.list", project=project)["members"]], [("ana", "owner"), ("olga", "viewer")])
        self.ask(self.ana, "member.set", project=project, account="olga")
        former = self.ask(self.ana, "member.list", project=project)["members"][1]
        self.assertEqual(former, {"account": self.olga.account, "name": "olga"})
        self.assertError(self.olga.error("member.list", project=project), "not_found", "project")
        self.assertError(self.ana.error("member.set", project=project, account="nobody at all", role="viewer"), "not_found", "account")
        self.assertError(self.ana.error("member.set", project=project, account="olga", role="king"), "invalid_params", "role")
        self.assertError(self.ana.error("member.set", project=project, account="olga", role=""), "invalid_params", "role")
        for role in ("viewer", None):  # somebody must own it
            self.assertError(self.ana.error("member.set", project=project, account="ana", role=role), "forbidden", "role")

    def test_members_come_in_pages_former_ones_behind_the_others(self):
        project = self.ask(self.ana, "project.create", name="Pages " + new_id())["project"]["project"]
        for name in ("vera", "cora", "olga", "dora"):
            self.ask(self.ana, "member.set", project=project, account=name, role="viewer")
        for name in ("cora", "vera"):
            self.ask(self.ana, "member.set", project=project, account=name)
        listed = [(m["name"], m.get("role")) for m in self.ask(self.ana, "member.list", project=project)["members"]]
        self.assertEqual(listed, [("ana", "owner"), ("dora", "viewer"), ("olga", "viewer"), ("cora", None), ("vera", None)])
        for limit in range(1, 6):
            paged, cursor = [], None
            while cursor or not paged:
                page = self.ask(self.ana, "member.list", project=project, limit=limit, cursor=cursor)
                paged += [(m["name"], m.get("role")) for m in page["members"]]
                self.assertEqual(len(page["members"]), min(limit, 5 - len(paged) + len(page["members"])))
                cursor = page.get("next")
            self.assertEqual(paged, listed, f"{limit} a page")
        other = self.ask(self.ana, "project.list", limit=1)["next"]
        for wrong in ("", "x", "AAAA", other):
            self.assertError(self.ana.error("member.list", project=project, cursor=wrong), "invalid_params", "cursor")

    def test_codebook(self):
        project = self.ask(self.ana, "project.create", name="Codebook " + new_id())["project"]["project"]
        self.assertEqual(self.ask(self.ana, "codebook.get", project=project)["terms"], [])
        session = self.ana.upload(project, f"Words {new_id()}\n")["document"]["session"]
        for name in ("threat", "claim", "évidence", "Claim"):
            self.ana.one(session, create(name, exact="Words"))
        book = self.ask(self.ana, "codebook.get", project=project)
        self.assertEqual([label["name"] for label in book["terms"]], sorted(["threat", "claim", "évidence", "Claim"], key=str.encode))
        self.assertTrue(book["open"])
        self.assertEqual(self.ask(self.ana, "codebook.policy", project=project, open=False), {})
        after = self.ask(self.ana, "codebook.get", project=project)
        self.assertEqual((after["open"], after["terms"]), (False, book["terms"]))
        self.assertGreater(after["version"], book["version"])
        self.assertError(self.ana.refused(session, create("new", exact="Words")), "unknown_label", "change.label")
        by_id = self.ana.one(session, create(book["terms"][0]["id"], exact="Words"))
        self.assertIn("seq", by_id)

    def test_documents(self):
        info = self.ask(self.ana, "document.get", document=self.document)["document"]
        self.assertEqual((info["title"], info["filename"], info["sha256"], info["bytes"], info["codepoints"]),
                         ("Methods", "methods.txt", sha256(TEXT), len(TEXT.encode()), len(TEXT)))
        self.assertEqual((info["document"], info["session"], info["project"], info["role"]), (self.document, self.session, self.project, "annotator"))
        listed = [it for it in self.ask(self.ana, "document.list")["documents"] if it["document"] == self.document][0]
        for member in ("seq", "annotations"):  # others work on it
            info.pop(member), listed.pop(member)
        self.assertEqual(info, listed)
        for prefix, is_found in (("meth", True), ("METHODS.T", True), ("ethods", False), ("%", False), ("_ethods", False), ("", True)):
            found = self.ask(self.ana, "document.list", prefix=prefix)["documents"]
            self.assertEqual(self.document in [it["document"] for it in found], is_found, prefix)
        self.assertEqual(self.ask(self.ana, "document.list", project=self.foreign)["documents"], [])
        before = info
        session = self.new_session()
        document = self.ana.join(session)
        self.ana.one(session, create("claim", exact="Nobody"))
        gone = self.ana.one(session, create("claim", exact="Nobody"))
        self.ana.one(session, delete(gone["annotation"], gone["seq"]))
        del document, before
        it = next(it for it in self.ask(self.ana, "document.list", prefix=self.id())["documents"])
        self.assertEqual((it["seq"], it["annotations"]), (3, 1))

    def test_locate(self):
        found = self.ask(self.ana, "annotation.locate", annotation=self.annotation)["found"]
        self.assertEqual([(it["annotation"], it["session"], it["document"], it.get("deleted", False)) for it in found],
                         [(self.annotation, self.session, self.document, False)])
        for length in (4, 7, 8, 9, 20, 35):
            ids = [it["annotation"] for it in self.ask(self.ana, "annotation.locate", annotation=self.annotation[:length])["found"]]
            self.assertIn(self.annotation, ids)
            self.assertTrue(all(it.startswith(self.annotation[:length]) for it in ids))
        self.assertEqual(self.connect("fay").call("annotation.locate", annotation=self.annotation)["found"], [])
        self.assertEqual(self.ask(self.ana, "annotation.locate", annotation=new_id())["found"], [])
        for wrong in ("", "abc", "zzzz", self.annotation.upper(), "0193%", "----"):
            self.assertError(self.ana.error("annotation.locate", annotation=wrong), "invalid_params", "annotation")

    def test_join_page_and_leave(self):
        session = self.new_session()
        made = self.ana.one(session, create("claim", exact="Nobody"))
        joined = self.ask(self.ana, "session.join", session=session)
        self.assertEqual((joined["seq"], joined["mode"], joined["mode_seq"], joined["role"], joined["annotations"], joined["records"]), (1, "shared", 0, "annotator", 1, 1))
        self.assertEqual((joined["document"]["session"], joined["document"]["seq"], joined["document"]["annotations"]), (session, 1, 1))
        page = self.ask(self.ana, "session.page", session=session)
        self.assertEqual((page["as_of"], page["done"], [record["id"] for record in page["records"]]), (1, True, [made["annotation"]]))
        again = self.ask(self.ana, "session.page", session=session)
        self.assertEqual((again["records"], again["done"]), ([], True))
        self.assertEqual(self.ask(self.ana, "session.page", session=session, restart=True)["records"], page["records"])
        self.assertEqual(page["next"], 1)
        for begin, count in ((0, 1), (1, 0), (2 ** 53 - 1, 0)):
            behind = self.ask(self.ana, "session.page", session=session, **{"from": begin})
            self.assertEqual((len(behind["records"]), behind["next"], behind["done"]), (count, 1, True))
        self.assertNotIn("next", self.ask(self.ana, "session.page", session=session, start=0, end=9))
        begin, end = (page["records"][0]["target"]["spans"][0][name] for name in ("start", "end"))
        for around, expected in (((end - 1, end + 5), page["records"]), ((0, begin), []), ((end, end + 1), []), ((begin, begin + 1), page["records"])):
            some = self.ask(self.ana, "session.page", session=session, start=around[0], end=around[1])
            self.assertEqual((some["records"], some["done"]), (expected, True), around)
        for wrong in ({"start": 5}, {"end": 5}, {"start": 5, "end": 5}):
            self.assertError(self.ana.error("session.page", session=session, **wrong), "invalid_params", "end")
        self.assertEqual(joined["retained_from"], 1)
        snapshot = self.ask(self.ana, "session.snapshot", session=session)
        self.assertEqual((snapshot["seq"], snapshot["records"], snapshot["state"]), (0, [], "00" * 32))
        log = self.ask(self.ana, "session.log", session=session, after=0)
        self.assertEqual((log["first"], log["head"], len(log["ops"]), log["chain_before"]), (1, joined["seq"], joined["seq"], snapshot["chain"]))
        self.assertEqual(self.ask(self.ana, "session.leave", session=session), {})
        self.assertError(self.ana.error("session.leave", session=session), "not_found", "session")
        self.assertError(self.ana.error("session.page", session=session), "invalid_params", "session")
        self.ask(self.ana, "session.join", session=session, live=False)
        self.ana.one(session, create("claim", exact="café"))
        self.ana.call("token.list")
        self.assertEqual([params for name, params in self.ana.notices if name == "session.ops"], [])

    def test_presence(self):
        session = self.new_session()
        olga = self.connect("olga")
        olga.join(session)
        self.assertError(self.ana.error("session.presence", session=session), "invalid_params", "session")
        self.ana.join(session)
        peer = self.ask(self.ana, "session.presence", session=session, start=0, end=30, selection_start=3, selection_end=9)["peer"]
        here = {"peer": peer, "account": self.ana.welcome["account"]["account"], "name": "ana", "start": 0, "end": 30, "selection_start": 3, "selection_end": 9}
        olga.wait_notice("session.presence", lambda params: here in params["people"])
        for wrong in ({"start": 3}, {"end": 3}, {"start": 4, "end": 3}, {"start": 0, "end": 1 << 30}):
            self.assertError(self.ana.error("session.presence", session=session, **wrong), "invalid_params", "start")
        self.assertError(self.ana.error("session.presence", session=session, selection_end=3), "invalid_params", "selection_start")
        late = self.connect("vera")
        late.join(session)
        late.wait_notice("session.presence", lambda params: here in params["people"])
        error = case.wait_until("a refusal", lambda: self.refused_of([self.ana.send("session.presence", {"session": session, "start": i, "end": 40}) for i in range(31)]))
        self.assertError(error, "rate_limited")
        self.assertTrue(1 <= error.data["retry_after_ms"] <= 1000, error)
        self.ana.close()
        for client in (olga, late):
            client.wait_notice("session.presence", lambda params: any(it["peer"] == peer and it.get("gone") for it in params["people"]))

    def refused_of(self, numbers):
        """The first refusal among the answers to so many requests at once; None: this machine was too slow to be refused any."""
        refused = None
        for number in numbers:
            try:
                self.ana.answer(number)
            except Refused as error:
                refused = refused or error
        return refused

    def test_submit(self):
        session = self.new_session()
        op = create("claim", exact="Nobody")
        result = self.ask(self.ana, "session.submit", session=session, ops=[op])["results"]
        self.assertEqual(result, [{"id": op["id"], "seq": 1, "annotation": case.derived_annotation(op["id"])}])
        again = self.ask(self.ana, "session.submit", session=session, ops=[op])["results"]
        self.assertEqual(again, [{**result[0], "repeated": True}])
        named = create("claim", exact="Nobody", annotation=new_id())
        self.assertEqual(self.ana.one(session, named)["annotation"], named["change"]["annotation"])
        self.assertEqual(self.ask(self.ana, "session.submit", session=session, ops=[]), {"results": []})
        document = create(None)
        replica = self.ana.join(session)
        self.ana.one(session, document)
        self.ana.wait_seq(session, 3)
        self.assertEqual(replica.records[case.derived_annotation(document["id"])]["target"], {"revision": replica.revision, "type": "document"})


class Rights(MethodCase):
    """Every method by every role. What is foreign is answered exactly like what does not exist."""
    ORDER = {"fay": "SIGNED_IN", "vera": "VIEWER", "ana": "ANNOTATOR", "cora": "CURATOR", "olga": "OWNER"}

    def outcome(self, client, method, params):
        try:
            return client.call(method, **params)
        except Refused as refused:
            return refused

    def test_who_may(self):
        ranks = ["NOBODY", "SIGNED_IN", "VIEWER", "ANNOTATOR", "CURATOR", "OWNER", "ADMIN"]
        for name, role in self.ORDER.items():
            client = self.connect(name)
            for method, row in WIRE.methods.items():
                if row.scope == "NONE":
                    continue
                params = self.good(method, client if name != "fay" else None)
                with self.subTest(who=name, method=method):
                    got = self.outcome(client, method, params)
                    if name == "fay":
                        self.assertError(got, "not_found", row.scope_param)
                    elif ranks.index(role) < ranks.index(row.role):
                        self.assertError(got, "forbidden")
                        self.assertIn(row.role.lower(), got.message)
                    else:
                        self.assertNotIsInstance(got, Refused, got)
            client.close()

    def test_foreign_is_like_not_there(self):
        fay = self.connect("fay")
        for method, row in WIRE.methods.items():
            if row.scope == "NONE":
                continue
            with self.subTest(method=method):
                foreign = fay.error(method, **self.good(method))
                nowhere = fay.error(method, **{**self.good(method), row.scope_param: new_id()})
                self.assertEqual(foreign.error, nowhere.error)
                self.assertError(foreign, "not_found", row.scope_param)

    def test_a_former_member_sees_nothing(self):
        olga, dora = self.connect("olga"), self.connect("dora")
        olga.call("member.set", project=self.project, account="dora", role="annotator")
        dora.join(self.session)
        olga.call("member.set", project=self.project, account="dora")
        notice = dora.wait_notice("session.notice")
        self.assertEqual(notice, {"session": self.session, "what": "rights"})
        for method, row in WIRE.methods.items():
            if row.scope != "NONE":
                self.assertError(dora.error(method, **self.good(method)), "not_found", row.scope_param)
        olga.join(self.session)
        before = len(dora.notices)
        olga.one(self.session, create("claim", exact="Nobody"))
        dora.call("token.list")
        self.assertEqual(len(dora.notices), before)

    def test_a_changed_role_counts_at_once_for_who_has_joined(self):
        olga, dora = self.connect("olga"), self.connect("dora")
        olga.call("member.set", project=self.project, account="dora", role="viewer")
        dora.join(self.session)
        self.assertError(dora.error("session.submit", session=self.session, ops=[create("claim", exact="Nobody")]), "forbidden")
        olga.call("member.set", project=self.project, account="dora", role="annotator")
        self.assertEqual(dora.wait_notice("session.notice", lambda it: it.get("role") == "annotator"), {"session": self.session, "what": "rights", "role": "annotator"})
        dora.one(self.session, create("claim", exact="Nobody"))
        olga.call("member.set", project=self.project, account="dora", role="viewer")
        dora.wait_notice("session.notice", lambda it: it.get("role") == "viewer")
        self.assertError(dora.error("session.submit", session=self.session, ops=[create("claim", exact="Nobody")]), "forbidden")

    def test_what_is_for_administrators_is_refused_to_everybody_else(self):
        methods = [method for method, row in WIRE.methods.items() if row.role == "ADMIN"]
        self.assertGreater(len(methods), 10)
        for name in self.ORDER:
            client = self.connect(name)
            for method in methods:
                error = client.error(method, **self.good(method))
                self.assertError(error, "forbidden")
                self.assertIn("admin", error.message)
        self.assertEqual(self.server.sql("select count(*) from audit where action like 'connection.%'"), [["0"]])

    def test_admins_have_no_rights_in_projects_of_others(self):
        admin = self.connect("admin")
        self.assertError(admin.error("member.list", project=self.foreign), "not_found", "project")


class SigningIn(MethodCase):
    @classmethod
    def prepare_more(cls):
        cls.server.user("pia", role="annotator", password=PASSWORD)

    def hello(self, **params):
        client = self.connect("somebody", hello=False)
        try:
            return client.call("hello", **params), client
        except Refused as refused:
            return refused, client

    def refuse(self, **params):
        error, client = self.hello(**params)
        self.assertError(error, "bad_credentials")
        closed = client.wait_closed()
        self.assertEqual((closed.code, closed.reason), (1008, "bad_credentials"))
        return error.error

    def secret(self, name):
        with open(self.server.tokens[name]) as file:
            return file.read().strip()

    def sum_of(self, token):
        import zlib
        return token[:-6] + format(zlib.crc32(token[4:-7].encode()), "06x")

    def test_tokens_that_are_not_right(self):
        right = self.secret("ana")
        other = "A" if right[10] != "A" else "B"
        wrong = right[:10] + other + right[11:]
        answers = [self.refuse(token=token) for token in
                   ("", "x", "gls_", right[:-1], right + "x", right.upper(), wrong, self.sum_of(wrong), " " + right, self.server.folder)]
        self.assertEqual([answers[0]] * len(answers), answers)

    def test_an_expired_token(self):
        made = self.server.glossd("token", "add", "ana", "--expires", "1", "--json").json
        Client(self.server, "ana", token=made["secret"]).close()
        self.server.sql(f"update token set expires_at = clock_timestamp() - interval '1 second' where id = '{made['token']}'")
        self.refuse(token=made["secret"])

    def test_a_token_that_expires_while_connected(self):
        made = self.server.glossd("token", "add", "ana", "--expires", "1", "--json").json
        client = self.connect("ana", token=made["secret"])
        self.server.sql(f"update token set expires_at = clock_timestamp() where id = '{made['token']}'")
        self.assertEqual(client.wait_closed().code, 1008)

    def test_a_token_revoked_by_glossd_while_connected(self):
        made = self.server.glossd("token", "add", "ana", "--json").json
        client, other = self.connect("ana", token=made["secret"]), self.connect("ana")
        client.join(self.session)
        self.server.glossd("token", "revoke", made["token"], "--yes")
        closed = client.wait_closed()
        self.assertEqual((closed.code, closed.reason), (1008, "the token was revoked"))
        self.refuse(token=made["secret"])
        other.call("token.list")  # the others of this account stay

    def test_a_token_revoked_by_oneself_ends_its_connections_at_once(self):
        ana = self.connect("ana")
        made = ana.call("token.create", label="x")
        client = self.connect("ana", token=made["secret"])
        ana.call("token.revoke", token=made["token"])
        self.assertEqual(client.wait_closed().code, 1008)
        self.refuse(token=made["secret"])

    def test_a_disabled_account(self):
        self.server.user("dan", role="viewer", password=PASSWORD)
        by_token, (_, by_password) = self.connect("dan"), self.hello(account="dan", password=PASSWORD)
        self.server.glossd("user", "disable", "dan", "--yes")
        self.assertEqual(by_token.wait_closed().code, 1008)
        self.assertEqual(by_password.wait_closed().code, 1008)
        self.refuse(token=self.secret("dan"))
        self.refuse(account="dan", password=PASSWORD)
        self.server.glossd("user", "enable", "dan")
        Client(self.server, "dan").close()

    def test_a_password_is_checked_by_a_helper(self):
        welcome, client = self.hello(account="pia", password=PASSWORD)
        self.assertEqual(welcome["account"]["name"], "pia")
        client.join(self.session)
        wrong = [self.refuse(account="pia", password=text) for text in ("", PASSWORD + " ", PASSWORD.upper(), "x" * 1000)]
        wrong += [self.refuse(account=name, password=PASSWORD) for name in ("ana", "nobody at all", "PIA", "")]
        self.assertEqual([wrong[0]] * len(wrong), wrong)

    def test_a_wrong_name_takes_as_long_as_a_wrong_password(self):
        """What is compared is the helper's own time: a clock on the wall would count what else this machine does."""
        def spent():
            return sum(int(part) for helper in self.server.helpers() for part in support.stat_of(helper)[11:13])

        def ticks(**params):
            before = spent()
            for _ in range(6):
                client = self.connect("somebody", hello=False)
                self.assertError(client.error("hello", **params), "bad_credentials")
            return spent() - before

        for _ in range(6):  # the processor's time depends on who else uses it; what depends on the name shows every time
            known = ticks(account="pia", password="not hers")
            others = [ticks(account="nobody at all", password="not hers"), ticks(account="ana", password="has none")]
            if known > 6 and all(known * 0.5 - 2 < other < known * 1.8 + 2 for other in others):
                return
        self.fail(f"ticks for a wrong password: {known}; for a wrong name and for one without a password: {others}")

    def test_hello_is_said_once(self):
        ana = self.connect("ana")
        self.assertError(ana.error("hello", token=self.secret("ana")), "invalid_request")
        self.assertEqual(ana.wait_closed().code, 1008)

    def behind(self, params, *requests):
        """Says hello and these behind it, without waiting for an answer: the client, and the numbers of all of them."""
        client = self.connect("somebody", hello=False)
        return client, client.send_all(("hello", params), *requests)

    def test_what_is_sent_behind_hello_waits_for_its_answer(self):
        for params in ({"token": self.secret("ana")}, {"account": "pia", "password": PASSWORD}):
            client, (hello, joined, projects) = self.behind(params, ("session.join", {"session": self.session}), ("project.list", {}))
            answers = client.answer(hello), client.answer(joined), client.answer(projects)
            self.assertEqual(answers[1]["document"]["session"], self.session)
            self.assertIn(self.project, [row["project"] for row in answers[2]["projects"]])
            order = [message["id"] for kind, message in client.trace if kind == "answer"]
            self.assertEqual(order[0], hello)
            client.one(self.session, create("claim", exact="Nobody"))

    def test_what_is_sent_behind_a_hello_that_is_refused(self):
        client, (hello, joined) = self.behind({"token": "gls_" + "x" * 50}, ("session.join", {"session": self.session}))
        with self.assertRaises(Refused) as refused:
            client.answer(hello)
        self.assertError(refused.exception, "bad_credentials")
        self.assertEqual(client.wait_closed().code, 1008)
        self.assertNotIn("answer", client.answers[joined])
        client, (hello, joined) = self.behind({}, ("session.join", {"session": self.session}))
        for number, name in ((hello, "invalid_params"), (joined, "sign_in_first")):
            with self.assertRaises(Refused) as refused:
                client.answer(number)
            self.assertError(refused.exception, name)

    def test_a_session_of_others_behind_hello(self):
        with Client(self.server, "fay") as fay:
            session = fay.upload(self.foreign, f"Hers {new_id()}\n")["document"]["session"]
        client, (hello, joined) = self.behind({"token": self.secret("ana")}, ("session.join", {"session": session}))
        client.answer(hello)
        with self.assertRaises(Refused) as refused:
            client.answer(joined)
        self.assertError(refused.exception, "not_found", "session")
        client.join(self.session)

    def restart_with(self, **settings):
        self.server.extra = support.patient(settings, False)
        self.server.write_settings()
        self.server.restart()

    def test_nobody_says_hello(self):
        """With little time for it; and this machine may be too slow for whoever wants to be in time."""
        self.addCleanup(self.restart_with)
        self.restart_with(hello_timeout_ms=1500)
        begun = time.monotonic()
        closed = self.connect("somebody", hello=False).wait_closed()
        self.assertEqual((closed.code, closed.reason), (1008, "sign_in_timeout"))
        self.assertGreater(time.monotonic() - begun, 1)

    def silence(self):
        """What comes to somebody who says hello and then nothing at all, and how long after hello the connection is closed."""
        host = wire.Server(self.server.port, self.server.ca)
        with wire.open_ws(host) as conn:
            begun = time.monotonic()
            conn.text(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"token": self.secret("ana"), "client": "silent"}}))
            frames = []
            with self.assertRaises(wire.Closed):
                while True:
                    frames.append(conn.recv_frame())
            took = time.monotonic() - begun
        print(f"silent since hello: closed after {took:.2f} s")
        return [first & 0xF for first, _ in frames], took

    def test_nobody_answers_pings(self):
        """A peer that is there no more, as when its machine lost its current: nothing says so. Others, who answer, see that it is gone.
        Where hello itself takes as long, or everything stands still when the ping is due, nothing is shown: then again, with more time for it."""
        self.addCleanup(self.restart_with)
        seen = []
        for seconds in (1, 1, 1, 2, 4, 8, 16):
            self.restart_with(ping_interval_ms=1000 * seconds)
            seen.append((seconds, *self.silence()))
            _, frames, took = seen[-1]
            if frames == [wire.TEXT, wire.PING] and 1.7 * seconds < took < 40:  # with the usual interval it is 52 s
                return
        self.fail(f"interval, frames, closed after: {seen}")

    def test_secrets_are_not_in_the_log(self):
        self.hello(account="pia", password=PASSWORD)
        said = self.server.log()
        for secret in (PASSWORD, self.secret("ana")):
            self.assertNotIn(secret, said)


class Cursors(MethodCase):
    @classmethod
    def prepare_more(cls):
        with Client(cls.server, "fay") as fay:
            cls.names = sorted({f"{chr(65 + i % 26)} project {i}" for i in range(30)} | {"Ärger", "zz", "Fay's"}, key=str.encode)
            for name in cls.names:
                if name != "Fay's":
                    fay.call("project.create", name=name)
            cls.titles = sorted([f"Title {i // 2} of {i}" for i in range(23)] + ["Same title"] * 4, key=str.encode)
            for i, title in enumerate(cls.titles):
                fay.upload(cls.foreign, f"{i} {new_id()}\n", title=title)

    def pages(self, client, method, member, **params):
        """All pages of a list, put together."""
        found, cursor, pages = [], None, 0
        while True:
            result = client.call(method, **params, **({"cursor": cursor} if cursor else {}))
            found += result[member]
            pages += 1
            self.assertLessEqual(len(result[member]), params.get("limit", 1000))
            cursor = result.get("next")
            if cursor is None:
                return found, pages
            self.assertEqual(len(result[member]), params.get("limit", len(result[member])))

    def test_projects(self):
        fay = self.connect("fay")
        for limit in (1, 7, 32, 33, 34, 500):
            found, pages = self.pages(fay, "project.list", "projects", limit=limit)
            self.assertEqual([it["name"] for it in found], self.names)
            self.assertEqual(pages, -(-len(self.names) // limit))

    def test_documents(self):
        fay = self.connect("fay")
        for limit in (1, 2, 5, 27, 200):
            found, _ = self.pages(fay, "document.list", "documents", limit=limit)
            self.assertEqual([it["title"] for it in found], self.titles)
            self.assertEqual(len({it["document"] for it in found}), len(self.titles))
        found, _ = self.pages(fay, "document.list", "documents", limit=3, prefix="title 1", project=self.foreign)
        self.assertEqual([it["title"] for it in found], [title for title in self.titles if title.startswith("Title 1")])

    def test_labels(self):
        fay = self.connect("fay")
        session = fay.upload(self.foreign, f"Words {new_id()}\n")["document"]["session"]
        names = sorted((f"label {i}" for i in range(1100)), key=str.encode)
        for i in range(0, len(names), 250):
            results = fay.submit(session, [create(name, start=0, end=5) for name in names[i:i + 250]])
            self.assertEqual([result for result in results if "error" in result], [])
        found, pages = self.pages(fay, "codebook.get", "terms", project=self.foreign)
        self.assertEqual(pages, 2)
        self.assertEqual([it["name"] for it in found if it["name"].startswith("label ")], names)

    def test_what_is_no_cursor(self):
        fay = self.connect("fay")
        right = fay.call("project.list", limit=1)["next"]
        for wrong in ("", "x", right[:-4], "AAAA", base64.b64encode(b"\xff\xfe\0" + bytes(16)).decode()):
            for method, params in (("project.list", {}), ("document.list", {}), ("codebook.get", {"project": self.foreign})):
                self.assertError(fay.error(method, cursor=wrong, **params), "invalid_params", "cursor")


class Uploads(MethodCase):
    settings = {"max_document_bytes": "1MiB", "max_uploads_bytes": "3MiB"}

    def setUp(self):
        self.ana = self.connect("ana")

    def begin(self, data, client=None, **more):
        data = data if isinstance(data, bytes) else data.encode()
        params = {"project": self.project, "bytes": len(data), "sha256": sha256(data), **more}
        return (client or self.ana).call("document.begin", **params)["upload"]

    def chunk(self, upload, offset, data, client=None):
        data = data if isinstance(data, bytes) else data.encode()
        return (client or self.ana).call("document.chunk", upload=upload, offset=offset, data=base64.b64encode(data).decode())["offset"]

    def refuse(self, name, data, path=None, **more):
        """Sent whole, refused at the end: nothing is made."""
        upload = self.begin(data, **more)
        data = data if isinstance(data, bytes) else data.encode()
        for at in range(0, len(data), 131072):
            self.chunk(upload, at, data[at:at + 131072])
        error = self.ana.error("document.commit", upload=upload)
        self.assertError(error, name, path)
        self.assertError(self.ana.error("document.commit", upload=upload), "not_found", "upload")
        return error

    def count(self):
        return int(self.server.sql("select count(*) from document")[0][0])

    def text_of(self, document, client=None):
        client, text, end = client or self.ana, "", 0
        while True:
            part = client.call("document.text", document=document, start=end, end=10**9)
            text += part["text"]
            end = part["end"]
            if end == part["codepoints"]:
                return text

    def test_any_text_comes_out_as_it_went_in(self):
        for what, data in {
                "one byte": "x", "carriage returns": "a\r\nb\rc\n\r", "byte order mark": "\ufeffbegin\n", "no line end": "end", "only white space": " \n\t\n ",
                "noncharacters": "\ufffe\uffff\U0010ffff\x01\x7f", "many": "中國👩‍⚖️🇦🇫e\u0301" * 20000}.items():
            with self.subTest(what=what):
                data = data if what != "one byte" else data
                done = self.ana.upload(self.project, data, chunk=50000)
                info = done.get("document") or done["existing"]
                self.assertEqual(self.text_of(info["document"]), data)
                self.assertEqual((info["sha256"], info["bytes"], info["codepoints"]), (sha256(data), len(data.encode()), len(data)))

    def test_its_title(self):
        for text, title in (("# Head line #\nmore", "Head line"), ("\n\n  second line\r\n", "second line"), ("\ufeffMarked\n", "Marked"), ("***\n===\n", "name.txt")):
            info = self.ana.upload(self.project, text + new_id() if "name" not in title else text, filename="name.txt")["document"]
            self.assertEqual(info["title"].replace(info["title"][len(title):], ""), title)
        long = self.ana.upload(self.project, "é" * 700)["document"]["title"]
        self.assertTrue(0 < len(long.encode()) <= 512 and set(long) == {"é"})

    def test_the_same_bytes_again(self):
        data = f"again {new_id()}\n"
        first = self.ana.upload(self.project, data, title="first")["document"]
        before = self.count()
        again = self.ana.call("document.begin", project=self.project, bytes=len(data), sha256=sha256(data), title="other", filename="other.txt")
        self.assertEqual(again["existing"]["document"], first["document"])
        self.assertEqual(again["existing"]["title"], "first")
        self.assertNotIn("upload", again)
        self.assertEqual(self.count(), before)

    def test_the_same_bytes_at_the_same_time(self):
        data = f"at once {new_id()}\n"
        both = [self.ana, self.connect("cora")]
        uploads = [self.begin(data, client) for client in both]
        for client, upload in zip(both, uploads):
            self.chunk(upload, 0, data, client)
        asked = [client.send("document.commit", {"upload": upload}) for client, upload in zip(both, uploads)]
        done = [client.answer(number) for client, number in zip(both, asked)]
        self.assertEqual(done[0]["document"]["document"], done[1]["document"]["document"])
        self.assertEqual(sorted(it.get("existing", False) for it in done), [False, True])

    def test_the_same_bytes_in_another_project(self):
        data = f"shared {new_id()}\n"
        first = self.ana.upload(self.project, data)["document"]
        fay = self.connect("fay")
        other = fay.upload(self.foreign, data)["document"]
        self.assertNotEqual(first["document"], other["document"])

    def test_offsets(self):
        data = b"0123456789" + new_id().encode()
        upload = self.begin(data)
        self.assertEqual(self.chunk(upload, 0, data[:4]), 4)
        for wrong in (0, 3, 5, len(data), 2**53 - 1):
            with self.assertRaises(Refused) as refused:
                self.chunk(upload, wrong, data[4:8])
            self.assertError(refused.exception, "invalid_params", "offset")
            self.assertIn("4 bytes are there", refused.exception.message)
        self.assertEqual(self.chunk(upload, 4, b""), 4)
        self.assertEqual(self.chunk(upload, 4, data[4:]), len(data))
        self.assertEqual(self.ana.call("document.commit", upload=upload)["document"]["bytes"], len(data))

    def test_too_few_bytes(self):
        upload = self.begin(b"x" * 100 + new_id().encode())
        self.chunk(upload, 0, b"x" * 100)
        self.assertError(self.ana.error("document.commit", upload=upload), "invalid_params", "upload")

    def test_too_many_bytes(self):
        upload = self.begin(b"12345")
        with self.assertRaises(Refused) as refused:
            self.chunk(upload, 0, b"123456")
        self.assertError(refused.exception, "too_large", "data")
        self.assertError(self.ana.error("document.commit", upload=upload), "not_found", "upload")

    def test_what_is_no_base64(self):
        for wrong in ("x", "====", "AA=A", "AAA*", "AAAA\n", "AA__"):
            upload = self.begin(b"12345")
            error = self.ana.error("document.chunk", upload=upload, offset=0, data=wrong)
            self.assertError(error, "invalid_params", "data")

    def test_wrong_checksum(self):
        before = self.count()
        self.refuse("checksum", f"sum {new_id()}\n", "upload", sha256=sha256("another"))
        self.assertEqual(self.count(), before)

    def test_what_is_no_text(self):
        before = self.count()
        for name, data, offset in (("invalid_utf8", b"caf\xe9 and more", 3), ("invalid_utf8", b"ok\xff", 2), ("invalid_utf8", b"\xed\xa0\x80", 0),
                                   ("invalid_utf8", b"cut \xf0\x9f\x91", 4), ("invalid_utf8", b"\xc0\xaf", 0), ("invalid_utf8", b"x" * 300000 + b"\x80", 300000),
                                   ("contains_nul", b"a\0b", 1), ("contains_nul", "中国\0".encode(), 6)):
            with self.subTest(data=data[-12:]):
                self.assertIn(f"byte {offset} ", self.refuse(name, data).message)
        self.assertEqual(self.count(), before)

    def test_too_large(self):
        limit = 1 << 20
        self.assertEqual(self.ana.welcome["limits"]["document_bytes"], limit)
        error = self.ana.error("document.begin", project=self.project, bytes=limit + 1, sha256=sha256("x"))
        self.assertError(error, "too_large", "bytes", limit=limit)
        self.assertIn(str(limit), error.message)
        self.assertError(self.ana.error("document.begin", project=self.project, bytes=0, sha256=sha256("")), "invalid_params", "bytes")
        data = (new_id() + "y" * limit)[:limit]
        done = self.ana.upload(self.project, data)["document"]
        self.assertEqual(done["bytes"], limit)
        self.assertEqual(self.text_of(done["document"]), data)

    def refused_of_four(self):
        clients = [self.beside(self.ana, "ana") for _ in range(4)]
        begun = [client.send("document.begin", {"project": self.project, "bytes": 1 << 20, "sha256": sha256(new_id())}) for client in clients]
        refused = 0
        for client, number in zip(clients, begun):
            try:
                client.answer(number)
            except Refused as error:
                self.assertError(error, "busy")
                refused += 1
        for client in clients:
            client.close()
        self.assertGreater(refused, 0)
        return refused

    def test_many_uploads_at_once_have_a_limit(self):
        case.wait_until("one too many, when those of earlier tests are forgotten", lambda: self.refused_of_four() == 1)
        case.wait_until("the uploads of those who left are forgotten", lambda: self.ana.call(
            "document.begin", project=self.project, bytes=1 << 20, sha256=sha256(new_id())).get("upload"))

    def test_an_upload_belongs_to_its_connection(self):
        data = f"mine {new_id()}\n"
        upload, other = self.begin(data), self.connect("ana")
        self.assertError(other.error("document.chunk", upload=upload, offset=0, data="AAAA"), "not_found", "upload")
        self.assertError(other.error("document.commit", upload=upload), "not_found", "upload")
        newer = self.begin(f"newer {new_id()}\n")
        self.assertNotEqual(upload, newer)
        self.assertError(self.ana.error("document.chunk", upload=upload, offset=0, data="AAAA"), "not_found", "upload")

    def test_one_that_breaks_off_leaves_nothing(self):
        data = f"broken off {new_id()}\n" * 100
        before = self.count()
        client = self.connect("ana")
        self.chunk(self.begin(data, client), 0, data[:500], client)
        client.drop()
        done = self.ana.upload(self.project, data)
        self.assertNotIn("existing", done)
        self.assertEqual(self.count(), before + 1)


class Texts(MethodCase):
    def test_windows_are_exact(self):
        text = "".join(f"{i} 中国 é e\u0301 👩‍⚖️ 🇦🇫 مرحبا\r\n" for i in range(2000)) + new_id()
        ana = self.connect("ana")
        document = ana.upload(self.project, text)["document"]["document"]
        length = len(text)
        self.assertGreater(length, 32768)
        for start, end in ((0, 0), (0, 1), (0, 100), (3, 4), (17, 5000), (32767, 32769), (length - 1, length), (length, length), (length, length + 9),
                           (length - 5, 10**9), (0, 32768), (100, 32868), (40, 40)):
            part = ana.call("document.text", document=document, start=start, end=end)
            stop = min(end, length)
            self.assertEqual(part, {"text": text[start:stop], "end": stop, "codepoints": length}, (start, end))
        part = ana.call("document.text", document=document, start=7, end=10**9)
        self.assertEqual((part["text"], part["end"]), (text[7:7 + 32768], 7 + 32768))
        backwards = ana.call("document.text", document=document, start=9, end=3)
        self.assertEqual((backwards["text"], backwards["end"]), ("", 9))
        self.assertError(ana.error("document.text", document=document, start=length + 1, end=length + 2), "out_of_range", "start", length=length)
        joined = self.connect("ana")
        joined.join(ana.call("document.get", document=document)["document"]["session"])
        self.assertEqual(joined.call("document.text", document=document, start=5, end=50)["text"], text[5:50])


if __name__ == "__main__":
    case.main()
