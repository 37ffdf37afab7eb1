#!/usr/bin/python3
"""What one account and one project may use: set with `glossd quota` or for all by settings, in force within a second, told to who is beyond, and nothing lost."""
import json

import case
from case import Client, ServiceCase, create, delete, new_id, support, wait_until

LATER = range(1, 3600001)


class Quotas(ServiceCase):
    workers = 1
    settings = {"max_account_connections": "100"}
    users = {"ana": "annotator", "ben": "annotator", "bot": "annotator", "caro": "annotator", "sam": "annotator", "dora": "annotator"}

    @classmethod
    def prepare(cls):
        """All that the tests need is set at once: each change takes up to a second until it is read."""
        with Client(cls.server, "ana") as ana:
            cls.slow, cls.full, cls.small = (ana.call("project.create", name=name)["project"]["project"] for name in ("slow", "full", "small"))
            ana.call("member.set", project=cls.slow, account="ben", role="annotator")
        for whose, name, *quotas in (("--user", "bot", "ops_rate=1", "ops_burst=10"), ("--user", "caro", "connections=1"), ("--user", "sam", "sessions=1"),
                                     ("--user", "dora", "ops_rate=60", "ops_burst=1"), ("--project", "slow", "ops_rate=1", "ops_burst=1"),
                                     ("--project", "full", "annotations=4"), ("--project", cls.small, "documents=2", "bytes=40")):
            cls.server.glossd("quota", "set", whose, name, *quotas)
        wait_until("the worker has read it", lambda: "quota.read" in cls.server.log() and "number=7 " in cls.server.log())

    def glossd(self, *args, status=0):
        done = self.server.glossd(*args, check=False)
        self.assertEqual(done.status, status, done)
        return done

    def quota(self, *args, status=0):
        return self.glossd("quota", *args, status=status)

    def until_heard(self, what, call):
        """The answer, once a quota lets it through."""
        def once():
            try:
                return call()
            except case.Refused as error:
                self.assertError(error, "rate_limited")
                self.assertIn(error.data["retry_after_ms"], LATER)
                return None
        return wait_until(what, once)

    # ---- ops a second

    def test_an_account_that_is_too_fast_is_told_to_wait_and_then_heard(self):
        session, other, bot = self.new_session(), self.connect("ben"), self.connect("bot")
        limits = bot.welcome["limits"]
        self.assertEqual({name: limits[name] for name in ("ops_rate", "ops_burst")}, {"ops_rate": 1, "ops_burst": 10})
        self.assertNotIn("ops_rate", other.welcome["limits"])
        most = limits["ops_in_flight"]
        self.assertEqual(len(bot.submit(session, [create("claim", start=0, end=7) for _ in range(most)])), most)  # taken whole, however large
        op = create("claim", start=0, end=7)
        for method, params in (("session.submit", {"session": session, "ops": [op]}), ("session.submit", {"session": session, "ops": [op, op], "atomic": True}),
                               ("project.submit", {"project": self.project, "ops": [{"id": new_id(), "change": {"kind": "label.create", "name": new_id()}}]})):
            error = bot.error(method, **params)
            self.assertError(error, "rate_limited", of="account", what="ops_rate", limit=1)
            self.assertIn(error.data["retry_after_ms"], LATER)
        self.assertEqual(other.one(session, create("claim", start=0, end=7))["seq"], most + 1)  # nobody else waits
        self.assertEqual(bot.call("session.log", session=session, after=most + 1)["ops"], [])
        self.assertEqual(self.server.log().count(f"account={bot.account} what=ops_rate"), 1, "once a minute")
        self.assertIn('gloss_requests_refused_total{reason="rate_limited"}', self.glossd("metrics").out)
        self.quota("clear", "--user", "bot")
        self.assertEqual(self.until_heard("it is read that there is no quota", lambda: bot.one(session, op))["seq"], most + 2)
        self.assertNotIn("ops_rate", self.connect("bot").welcome["limits"])

    def test_a_project_that_is_too_fast_holds_all_its_members(self):
        ana, ben = self.connect("ana"), self.connect("ben")
        session = self.until_heard("there is an op left", lambda: ana.upload(self.slow, "one text\n"))["document"]["session"]
        ops = [create("claim", start=0, end=3) for _ in range(ana.welcome["limits"]["ops_in_flight"])]
        self.until_heard("there is one once more", lambda: ana.submit(session, ops))
        for client, method, params in ((ben, "session.submit", {"session": session, "ops": [create("claim", start=0, end=3)]}),
                                       (ana, "member.set", {"project": self.slow, "account": "dora", "role": "viewer"}),
                                       (ana, "codebook.policy", {"project": self.slow, "open": True})):
            self.assertError(client.error(method, **params), "rate_limited", of="project", what="ops_rate", limit=1)

    def test_gloss_post_waits_as_it_is_told(self):
        brief = self.server.import_text(f"Quick brown foxes. {new_id()}\n", name=f"{new_id()}.md")["document"]
        lines = "".join(json.dumps({"start": 0, "end": 5, "label": "fox"}) + "\n" for _ in range(128))  # two messages: the second waits for the first to be paid for
        done = self.server.gloss("post", brief, "--json", user="dora", stdin=lines.encode(), status=0)
        told = done.lines[-1]
        self.assertEqual((told["accepted"], told["repeated"], told["refused"]), (128, 0, 0), done)

    # ---- connections and sessions

    def test_connections_of_one_account(self):
        first, second = Client(self.server, "caro"), self.connect("caro", hello=False)
        with open(self.server.tokens["caro"]) as file:
            hello = {"token": file.read().strip()}
        error = second.error("hello", **hello)
        self.assertError(error, "rate_limited", of="account", what="connections", limit=1)
        self.connect("ana").call("project.list")
        self.assertError(second.error("project.list"), "sign_in_first")
        first.close()
        self.until_heard("the first has gone", lambda: second.call("hello", **hello))
        second.call("project.list")

    def test_sessions_of_one_account(self):
        sessions = [self.new_session() for _ in range(2)]
        sam = self.connect("sam")
        sam.join(sessions[0])
        self.assertError(sam.error("session.join", session=sessions[1]), "limit", of="account", what="sessions", limit=1)
        sam.call("session.leave", session=sessions[0])
        sam.join(sessions[1])

    # ---- what a project has

    def test_annotations_of_one_project(self):
        ana = self.connect("ana")
        sessions = [ana.upload(self.full, f"text {n}\n")["document"]["session"] for n in range(2)]
        first = ana.one(sessions[0], create("claim", start=0, end=4))
        results = ana.submit(sessions[1], [create("claim", start=0, end=4) for _ in range(5)])
        self.assertEqual([result.get("seq") for result in results], [1, 2, 3, None, None])
        for result in results[3:]:
            self.assertEqual({**result["error"]["data"], "detail": None},
                             {"name": "limit", "detail": None, "of": "project", "what": "annotations", "limit": 4, "used": 4})
        self.assertIn("the project may have 4 annotations and has 4", results[4]["error"]["message"])
        atomic = ana.submit(sessions[1], [delete(results[0]["annotation"], 3), create("claim", start=0, end=4), create("claim", start=0, end=4)], atomic=True)
        self.assertEqual([result["error"]["data"]["name"] for result in atomic], ["atomic_refused", "atomic_refused", "limit"])
        gone = ana.one(sessions[0], delete(first["annotation"], first["seq"]))
        again = create("claim", start=0, end=4, op=results[3]["id"])
        self.assertEqual(ana.one(sessions[1], again)["seq"], 4)  # a refusal leaves no trace
        restored = ana.submit(sessions[0], [case.restore(first["annotation"], gone["seq"])])
        self.assertEqual(restored[0]["error"]["data"]["name"], "limit")
        brief = ana.call("document.list", project=self.full)["documents"][0]["document"]
        posted = self.server.gloss("post", brief, user="ana", stdin=b'{"start":0,"end":4,"label":"claim"}\n', status=2)
        self.assertIn("the project may have 4 annotations", posted.err)

    def test_documents_and_bytes_of_one_project(self):
        ana = self.connect("ana")
        text = "x" * 20 + "\n"
        ana.upload(self.small, text)
        self.assertRefusedUpload(ana, "y" * 20, what="bytes", limit=40, used=21)
        ana.upload(self.small, "y" * 19)
        self.assertRefusedUpload(ana, "z", what="documents", limit=2, used=2)
        self.assertEqual(ana.upload(self.small, text)["existing"]["bytes"], 21)  # that one is there
        used = {line["what"]: line.get("used") for line in self.quota("show", "--project", "small", "--json").lines}
        self.assertEqual((used["documents"], used["bytes"], used["annotations"]), (2, 40, 0))

    def assertRefusedUpload(self, client, text, **data):
        with self.assertRaises(case.Refused) as caught:
            client.upload(self.small, text)
        self.assertError(caught.exception, "limit", of="project", **data)

    # ---- the same through the protocol

    def test_administrators_set_quotas_through_the_protocol(self):
        admin, ana, ben = self.people("admin", "ana", "ben")
        project = ana.call("project.create", name="seen")["project"]["project"]
        def told(client, method, **params):
            return {quota["what"]: {name: value for name, value in quota.items() if name != "what"} for quota in client.call(method, **params)["quotas"]}
        none = {"ops_rate": {"limit": 0}, "ops_burst": {"limit": 0}, "annotations": {"limit": 0, "used": 0}, "documents": {"limit": 0, "used": 0}, "bytes": {"limit": 0, "used": 0}}
        self.assertEqual(told(ana, "project.quota", project=project), none)
        self.assertError(ben.error("project.quota", project=project), "not_found", "project")
        self.assertEqual(admin.call("admin.quota.set", project=project, what="documents", limit=1), {})
        self.assertEqual(admin.call("admin.quota.set", account="sam", what="ops_burst", limit=70), {})
        there = {**none, "documents": {"limit": 1, "used": 0, "own": True}}
        wait_until("it is read", lambda: told(ana, "project.quota", project=project) == there)
        self.assertEqual(told(admin, "admin.quota.list", project=project), there)
        self.assertEqual(told(admin, "admin.quota.list", account="sam")["ops_burst"], {"limit": 70, "own": True})
        self.assertEqual(told(admin, "admin.quota.list", account="ben")["connections"], {"limit": 100})
        (row,) = self.glossd("audit", "--action", "quota.set", "--user", "admin", "--limit", "1", "--json").lines
        self.assertEqual((row["subject_name"], row["detail"], row["address"].split(":")[0]), ("sam", {"ops_burst": 70}, "127.0.0.1"))
        admin.call("admin.quota.set", project=project, what="documents")
        wait_until("it is read", lambda: told(ana, "project.quota", project=project) == none)
        for name, path, params in (("invalid_params", "project", {"what": "bytes"}), ("invalid_params", "project", {"project": project, "account": "ben", "what": "ops_rate"}),
                                   ("invalid_params", "what", {"project": project, "what": "sessions"}), ("invalid_params", "what", {"account": "ben", "what": "bytes"}),
                                   ("not_found", "account", {"account": "nobody", "what": "ops_rate"}), ("not_found", "project", {"project": new_id(), "what": "bytes"})):
            self.assertError(admin.error("admin.quota.set", **params), name, path)
        self.assertError(admin.error("admin.quota.list", project=new_id()), "not_found", "project")
        self.assertError(admin.error("admin.quota.list"), "invalid_params", "project")
        for method in ("admin.quota.list", "admin.quota.set"):
            self.assertError(ana.error(method, project=project, what="bytes"), "forbidden")
        self.server.user("eve", admin=True)
        eve = self.connect("eve")
        eve.call("admin.quota.list", project=project)
        self.glossd("user", "demote", "eve", "--yes")
        self.assertError(eve.error("admin.quota.list", project=project), "forbidden")
        self.assertError(eve.error("admin.quota.list", account="ben"), "forbidden")

    # ---- glossd quota

    def test_what_was_set_is_shown(self):
        with Client(self.server, "ana") as ana:
            project = ana.call("project.create", name="shown")["project"]["project"]
        self.quota("set", "--project", "shown", "ops_rate=7", "bytes=2GiB")
        self.quota("set", "--user", "ben", "sessions=3", "ops_burst=0")
        shown = {(line.get("account") or line.get("project"), line["what"]): line["limit"] for line in self.quota("show", "--json").lines}
        ben = self.connect("ben").account
        self.assertEqual({key: limit for key, limit in shown.items() if key[0] in (ben, project)},
                         {(ben, "sessions"): 3, (ben, "ops_burst"): 0, (project, "ops_rate"): 7, (project, "bytes"): 2 << 30})
        own = {line["what"]: (line["limit"], line["own"], line["setting"]) for line in self.quota("show", "--user", "ben", "--json").lines}
        self.assertEqual(own, {"ops_rate": (0, False, "account_ops_rate"), "ops_burst": (0, True, "account_ops_burst"),
                               "connections": (100, False, "max_account_connections"), "sessions": (3, True, "max_account_sessions")})
        self.assertIn("sessions    3 sessions  (set for this one)\n", self.quota("show", "--user", "ben").out)
        self.assertIn("annotations as much as there is, 0 used  (setting max_project_annotations)\n", self.quota("show", "--project", project).out)
        self.assertIn("user ben  sessions  3 sessions\n", self.quota("show").out)
        self.quota("clear", "--user", "ben", "sessions")
        self.assertNotIn("user ben  sessions", self.quota("show").out)
        (row,) = self.glossd("audit", "--action", "quota.set", "--limit", "1", "--json").lines
        self.assertEqual((row["subject_name"], row["detail"]), ("ben", {"sessions": None}))
        self.quota("clear", "--user", "ben")

    def test_what_cannot_be_set_is_refused(self):
        for status, words, args in ((2, "whose?", ("set", "ops_rate=1")), (2, "not both", ("set", "--user", "ana", "--project", "x", "ops_rate=1")),
                                    (2, "say how much", ("set", "--user", "ana", "ops_rate")), (2, "no quota of a user; there are ops_rate", ("set", "--user", "ana", "bytes=1")),
                                    (2, "takes a whole number of ops a second", ("set", "--user", "ana", "ops_rate=fast")),
                                    (2, "takes a whole number", ("set", "--user", "ana", "ops_rate=-1")), (2, "takes a whole number", ("set", "--user", "ana", "ops_rate=1KiB")),
                                    (2, "takes a whole number", ("set", "--project", support.PROJECT, "bytes=9007199254740992")),
                                    (1, 'no user "nobody"', ("set", "--user", "nobody", "ops_rate=1")), (1, "no project", ("clear", "--project", "none"))):
            done = self.quota(*args, status=status)
            self.assertIn(words, done.err)
            self.assertEqual(done.out, "", done)
        self.assertEqual(self.server.sql("select count(*) from audit where action = 'quota.set' and subject is null"), [["0"]])

    def test_settings_hold_for_all_and_a_reload_takes_them_up(self):
        session, ana = self.new_session(), self.connect("ana")
        behind = len(self.server.log())
        self.server.extra["account_ops_rate"] = "5"
        self.server.write_settings()
        self.glossd("reload")
        self.server.wait_log("service.reloaded", behind=behind)
        self.assertEqual(self.connect("ben").welcome["limits"]["ops_rate"], 5)
        self.assertEqual(self.connect("ben").welcome["limits"]["ops_burst"], 50)
        most = ana.welcome["limits"]["ops_in_flight"]
        ana.submit(session, [create("claim", start=0, end=7) for _ in range(most)])
        self.assertError(ana.error("session.submit", session=session, ops=[create("claim", start=0, end=7)]), "rate_limited", of="account", limit=5)
        behind = len(self.server.log())
        self.server.extra["account_ops_rate"] = "0"
        self.server.write_settings()
        self.glossd("reload")
        self.server.wait_log("service.reloaded", behind=behind)
        ana.one(session, create("claim", start=0, end=7))


if __name__ == "__main__":
    case.main()
