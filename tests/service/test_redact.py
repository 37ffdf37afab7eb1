#!/usr/bin/python3
"""A person's words are erased: from the log, the records, the archive and the snapshots, from workers and clients; and the chain still holds."""
import subprocess

import case
import replica as replicas
from case import Replica, ServiceCase, create, delete, mode, new_id, update, wait_until
from client import redact


class RedactCase(ServiceCase):
    users = {"ana": "annotator", "ben": "annotator", "cora": "curator", "vera": "viewer"}

    def dump(self):
        """Everything that a backup would hold."""
        return subprocess.run(["pg_dump", "--inserts", self.server.database()], capture_output=True, check=True).stdout.decode()

    def log(self, client, session, after=0):
        ops, chain = [], None
        while True:
            part = client.call("session.log", session=session, after=after)
            if chain is not None:
                self.assertEqual(part["chain_before"], chain.hex())
            chain = bytes.fromhex(part["chain_before"])
            for logged in part["ops"]:
                chain = replicas.sha256(chain + replicas.leaf_of(logged))
            ops += part["ops"]
            after += len(part["ops"])
            if not part["ops"]:
                return ops, chain.hex()

    def erased(self, client, session):
        """The client is joined without ops afterwards. The seqs that have only a leaf, and that the log's chain is the one that the server says."""
        ops, chain = self.log(client, session)
        self.assertEqual(chain, client.call("session.join", session=session, live=False)["chain"])
        return [seq for seq, logged in enumerate(ops, 1) if "leaf" in logged]

    def fresh(self, session):
        return self.connect("vera").join(session)

    def clean(self, session):
        """The helper has seen to the archive and the snapshots."""
        wait_until("the erasure is through", lambda: self.server.sql(f"select count(*) from erasing where stream = '{session}'")[0][0] == "0")


class Words(RedactCase):
    def test_a_note_is_gone_from_everywhere(self):
        session, canary = self.new_session(), "canary" + new_id().replace("-", "")
        ana, ben, cora = self.people("ana", "ben", "cora")
        live, mine = ben.join(session), ana.join(session)
        made = ana.one(session, create("claim", exact="Nobody", note=f"{canary} one", attributes={"why": f"{canary} two", "page": 3}))["annotation"]
        other = ben.one(session, create("claim", exact="Nobody", note="stays"))["annotation"]
        first = ana.one(session, update(made, 2, note=f"{canary} three", label="evidence"))
        self.assertEqual(first["seq"], 3)
        cora.one(session, update(made, 3, status="accepted"))
        self.assertIn(canary, self.dump())
        done = ana.one(session, redact(4, annotations=[made], reason="asked for it"))
        self.assertEqual(done["seq"], 5)
        for client, replica in ((ben, live), (ana, mine)):
            client.wait_seq(session, 5)
            self.assertNotIn(canary, str(replica.records) + str(replica.ops))
            record = replica.records[made]
            self.assertEqual((record.get("note"), record["attributes"], record["redacted"], record["seqs"]["redacted"]), (None, {"page": 3}, True, 5))
            self.assertEqual((record["status"], replica.records[other]["note"]), ("accepted", "stays"))
            effects = replica.ops[-1]["effects"]
            self.assertEqual(effects[0], {"ids": [], "prev": {}, "set": {"ops": [1, 3]}})
            self.assertEqual(effects[1], {"ids": [made], "prev": {"note": 3, "attributes.why": 1},
                                          "set": {"note": None, "attributes": {"why": None}, "redacted": True}})
        self.assertEqual(self.erased(ben, session), [1, 3])
        self.assertSame(live, mine, self.fresh(session))
        self.assertNotIn(canary, self.dump())
        self.assertChecks(live)
        self.server.restart()
        self.assertSame(live, self.fresh(session))
        ana = self.connect("ana")
        again = ana.one(session, update(made, 5, note="new words"))
        self.assertEqual(again["seq"], 6)
        self.assertEqual(self.fresh(session).records[made]["note"], "new words")

    def test_nothing_is_left_in_the_tables_files(self):
        """What the database keeps of rows that are gone goes when it tidies up: nothing else has the words."""
        session, canary = self.new_session(), "canary" + new_id().replace("-", "")
        ana = self.connect("ana")
        made = ana.one(session, create("claim", exact="Nobody", note=canary * 200))["annotation"]
        ana.one(session, redact(1, annotations=[made]))
        self.clean(session)
        folder = self.server.sql("show data_directory")[0][0]
        number = self.server.sql("select oid from pg_database where datname = current_database()")[0][0]
        self.assertTrue(number.isdigit() and folder)

        def is_tidy():
            """Rows that somebody's transaction may still see stay for that time, and files come and go while grep reads them."""
            self.server.sql("vacuum full")
            self.server.sql("checkpoint")
            return subprocess.run(["grep", "-rlaF", canary, f"{folder}/base/{number}"], capture_output=True).returncode == 1
        wait_until("nothing is left", is_tidy)

    def test_who_may(self):
        session = self.new_session()
        ana, ben, cora, vera = self.people("ana", "ben", "cora", "vera")
        one = ana.one(session, create("claim", exact="Nobody", note="ana's"))["annotation"]
        two = ben.one(session, create("claim", exact="Nobody", note="ben's"))["annotation"]
        bare = ben.one(session, create("claim", exact="Nobody"))["annotation"]
        refused = [
            ("another's words", ben, dict(annotations=[one]), "forbidden", None),
            ("another's account", ben, dict(account=ana.account), "forbidden", None),
            ("no words", ben, dict(annotations=[bare]), "not_found", "change.annotations"),
            ("one's own on another's", ben, dict(annotations=[one], account=ben.account), "not_found", "change.annotations"),
            ("nothing", cora, dict(reason="why"), "invalid_params", "change.annotations"),
            ("an empty list", cora, dict(annotations=[]), "invalid_params", "change.annotations"),
            ("one twice", cora, dict(annotations=[one, one]), "invalid_params", "change.annotations"),
            ("no id", cora, dict(annotations=["x"]), "invalid_params", "change.annotations"),
            ("what is not there", cora, dict(annotations=[new_id()]), "not_found", "change.annotations"),
            ("too many", cora, dict(annotations=[new_id() for _ in range(1001)]), "invalid_params", "change.annotations"),
            ("an account by its name", cora, dict(account="ana"), "invalid_params", "change.account"),
            ("a reason that is none", cora, dict(annotations=[one], reason=3), "invalid_params", "change.reason"),
            ("a long reason", cora, dict(annotations=[one], reason="r" * 1025), "invalid_params", "change.reason"),
            ("an unknown member", cora, dict(annotations=[one], note="x"), "invalid_params", "change.note"),
        ]
        for what, client, change, name, path in refused:
            with self.subTest(what):
                self.assertError(client.refused(session, redact(3, **change)), name, path)
        self.assertError(vera.error("session.submit", session=session, ops=[redact(3, annotations=[one])]), "forbidden")
        self.assertError(cora.refused(session, redact(None, annotations=[one])), "invalid_params", "base")
        self.assertEqual(ana.one(session, redact(3, annotations=[one], account=ana.account))["seq"], 4)
        self.assertEqual(cora.one(session, redact(3, annotations=[two]))["seq"], 5)
        self.assertError(cora.refused(session, redact(5, annotations=[two])), "not_found", "change.annotations")
        self.assertEqual(self.erased(ana, session), [1, 2])

    def test_what_somebody_changed_meanwhile_is_not_erased_unseen(self):
        session = self.new_session()
        ana, cora = self.people("ana", "cora")
        one = ana.one(session, create("claim", exact="Nobody", note="first"))["annotation"]
        ana.one(session, update(one, 1, note="second"))
        error = cora.refused(session, redact(1, annotations=[one]))
        self.assertError(error, "stale", "base", field="note", seq=2)
        self.assertEqual(error.data["current"]["note"], "second")
        self.assertEqual(cora.one(session, redact(2, annotations=[one]))["seq"], 3)

    def test_once_however_often_it_is_sent(self):
        session = self.new_session()
        ana = self.connect("ana")
        made = create("claim", exact="Nobody", note="mine")
        one = ana.one(session, made)["annotation"]
        op = redact(1, annotations=[one])
        self.assertEqual(ana.one(session, op)["seq"], 2)
        self.assertEqual(ana.one(session, op), {"id": op["id"], "seq": 2, "repeated": True})
        self.server.restart()
        ana = self.connect("ana")
        self.assertEqual((ana.one(session, op)["seq"], ana.one(session, made)["seq"]), (2, 1), "what lost its words is known by its id")
        other = {"id": made["id"], "change": create("claim", exact="Nobody", note="other")["change"]}
        self.assertError(ana.refused(session, other), "id_reused")

    def test_a_tombstone_a_closed_session_and_a_step(self):
        session = self.new_session()
        ana, cora = self.people("ana", "cora")
        live = ana.join(session)
        one = ana.one(session, create("claim", exact="Nobody", note="one"))["annotation"]
        two = ana.one(session, create("claim", exact="Nobody", note="two"))["annotation"]
        ana.one(session, delete(one, 2))
        cora.one(session, mode("closed"))
        results = cora.submit(session, [redact(4, annotations=[one]), redact(4, annotations=[two])], atomic=True)
        self.assertEqual([result["seq"] for result in results], [5, 6])
        ana.wait_seq(session, 6)
        self.assertEqual([(record.get("note"), record["redacted"]) for record in live.records.values()], [(None, True)] * 2)
        self.assertEqual(self.erased(cora, session), [1, 2])
        cora.one(session, mode("shared"))
        mixed = cora.submit(session, [create("claim", exact="Nobody", note="three"), redact(7, annotations=[two])], atomic=True)
        self.assertEqual([result["error"]["data"]["name"] for result in mixed], ["atomic_refused", "invalid_params"])
        self.assertChecks(ana.wait_seq(session, 7))

    def test_what_one_erasure_takes_the_next_does_not_find(self):
        """Also when they are judged together."""
        session = self.new_session()
        ana, cora = self.people("ana", "cora")
        one = ana.one(session, create("claim", exact="Nobody", note="one"))["annotation"]
        first, second = cora.submit(session, [redact(1, annotations=[one]), redact(1, annotations=[one])])
        self.assertEqual((first["seq"], second["error"]["data"]["name"]), (2, "not_found"))
        two = ana.one(session, create("claim", exact="Nobody", note="two"))["annotation"]
        step = cora.submit(session, [redact(3, annotations=[two]), redact(account=ana.account)], atomic=True)
        self.assertEqual([result["error"]["data"]["name"] for result in step], ["atomic_refused", "not_found"])
        self.assertEqual(self.erased(cora, session), [1])

    def test_erasures_behind_each_other_are_judged_as_if_each_were_alone(self):
        """Whatever stands between them, and though both wait for the log to be looked through."""
        session = self.new_session()
        ana = self.connect("ana")
        one, two = (ana.one(session, create("claim", exact="Nobody", note=note))["annotation"] for note in ("one", "two"))
        between = create("claim", exact="Nobody", note="between")
        results = ana.submit(session, [redact(2, annotations=[one]), between, redact(2, annotations=[two]), redact(2, annotations=[one])])
        self.assertEqual([result.get("seq") for result in results], [3, 4, 5, None])
        self.assertEqual(results[3]["error"]["data"]["name"], "not_found")
        self.assertEqual(self.erased(ana, session), [1, 2])

    def test_everything_of_an_account(self):
        """Also what others have written over since; asked again until nothing is left."""
        session = self.new_session()
        ana, ben, cora = self.people("ana", "ben", "cora")
        live = ben.join(session)
        ids = [result["annotation"] for at in range(0, 120, 40)
               for result in ana.submit(session, [create("claim", exact="Nobody", note=f"anaword{i}", attributes={f"a{k}": "anaword" for k in range(12)})
                                                  for i in range(at, at + 40)])]
        ben.one(session, update(ids[0], 120, note="ben's own"))
        ben.one(session, create("claim", exact="Nobody", note="ben's"))
        rounds = 0
        while True:
            result = cora.submit(session, [redact(account=ana.account, reason="left the project")])[0]
            if "error" in result:
                self.assertEqual(result["error"]["data"]["name"], "not_found")
                break
            rounds += 1
        self.assertGreater(rounds, 1, "one op has at most so much in it")
        ben.wait_seq(session, 122 + rounds)
        self.assertNotIn("anaword", str(live.records) + str(live.ops))
        self.assertEqual(live.records[ids[0]]["note"], "ben's own")
        self.assertEqual(self.erased(ben, session), list(range(1, 121)))
        self.assertNotIn("anaword", self.dump())
        self.assertChecks(live)

    def test_a_choice_of_the_codebook_is_no_word(self):
        session = self.new_session()
        ana, cora = self.people("ana", "cora")
        cora.call("project.submit", project=self.project, ops=[{"id": new_id(), "change": {"kind": "attribute.create", "name": "mood", "type": "enum", "values": ["good", "bad"]}}])
        one = ana.one(session, create("claim", exact="Nobody", note="words", attributes={"mood": "bad", "why": "words"}))["annotation"]
        ana.one(session, update(one, 1, attributes={"mood": "good"}))
        ana.one(session, redact(2, annotations=[one]))
        self.assertEqual(self.fresh(session).records[one]["attributes"], {"mood": "good"})
        self.assertEqual(self.erased(ana, session), [1])

    def test_a_choice_that_is_not_offered_is_a_word(self):
        """What somebody wrote before there was a list of choices is theirs, though there is one today."""
        session = self.new_session()
        ana, cora = self.people("ana", "cora")
        one = ana.one(session, create("claim", exact="Nobody", attributes={"tone": "my own words"}))["annotation"]
        two = ana.one(session, create("claim", exact="Nobody", attributes={"tone": "calm"}))["annotation"]
        cora.call("project.submit", project=self.project, ops=[{"id": new_id(), "change": {"kind": "attribute.create", "name": "tone", "type": "enum", "values": ["calm", "loud"]}}])
        ana.one(session, redact(2, annotations=[one]))
        self.assertEqual(self.erased(ana, session), [1])
        self.assertFalse(self.fresh(session).records[one].get("attributes"))
        self.assertError(ana.refused(session, redact(3, annotations=[two])), "not_found", "change.annotations")

    def test_who_was_away_gets_the_state(self):
        """What lies below an erased op cannot be gone on from."""
        session = self.new_session()
        ana, ben = self.people("ana", "ben")
        live = ana.join(session, since=0)
        chains = {0: replicas.chain_start(session, live.sha256).hex()}
        one = None
        for seq in range(1, 5):
            result = ana.one(session, create("claim", exact="Nobody", note=f"n{seq}"))
            one = result["annotation"] if seq == 3 else one
            chains[seq] = ana.wait_seq(session, seq).chain.hex()
        ana.one(session, redact(4, annotations=[one]))
        for since in (0, 2):
            error = ben.error("session.join", session=session, since=since, **({"chain": chains[since]} if since else {}))
            self.assertError(error, "archived", "since", retained_from=4, seq=5)
        joined = ben.call("session.join", session=session, since=3, chain=chains[3])
        self.assertEqual(joined["seq"], 5)
        self.assertSame(ana.wait_seq(session, 5), self.fresh(session))

    def test_the_inbox_says_nothing_of_it(self):
        session, canary = self.new_session(), "canary" + new_id()
        ana, ben = self.people("ana", "ben")
        one = ana.one(session, create("claim", exact="Nobody", note=f"@ben {canary}"))["annotation"]
        said = lambda: [item for item in ben.call("inbox.list")["items"] if item["session"] == session]
        self.assertIn(canary, str(said()))
        ana.one(session, redact(1, annotations=[one]))
        self.assertEqual((len(said()), canary in str(said())), (1, False))


class Archived(RedactCase):
    """Words that are in the archive and in snapshots already."""

    def archive(self, session, keep=0):
        return self.server.glossd("retention", session, "--now", "--keep", str(keep), "--json").json

    def test_archive_and_snapshot_lose_them(self):
        session, canary = self.new_session(), "canary" + new_id().replace("-", "")
        ana, ben, cora = self.people("ana", "ben", "cora")
        live = ben.join(session)
        ids = [ana.one(session, create("claim", exact="Nobody", note=f"{canary}{i}" if i % 3 == 0 else "plain"))["annotation"] for i in range(30)]
        ben.one(session, delete(ids[3], 30))
        self.archive(session)
        ana.one(session, update(ids[0], 31, note=f"{canary} again"))
        ana.one(session, create("claim", exact="Nobody", note="later"))
        self.assertEqual(self.dump().count(canary), 20 + 10 + 2 + 10, "in the archive (asked and done), in the snapshot, in the log and in the rows")
        wanted = [ids[i] for i in range(0, 30, 3)]
        done = cora.one(session, redact(33, annotations=wanted))
        self.assertEqual(done["seq"], 34)
        ben.wait_seq(session, 34)
        self.assertEqual(self.erased(ben, session), list(range(1, 31, 3)) + [32])
        self.clean(session)
        self.assertNotIn(canary, self.dump())
        page = ben.call("session.snapshot", session=session)
        begin = ben.call("session.join", session=session, live=False)
        replica = Replica({**begin, "seq": page["seq"], "chain": page["chain"], "mode": page["mode"], "mode_seq": page["mode_seq"]})
        replica.take_page({"as_of": page["seq"], "records": page["records"], "done": True})
        self.assertEqual(replica.state, page["state"], "the snapshot says what it holds")
        self.assertEqual(page["seq"], 31)
        self.assertSame(live, self.fresh(session))
        self.assertChecks(live)
        self.archive(session)
        self.assertEqual(self.erased(ben, session), list(range(1, 31, 3)) + [32])
        self.assertNotIn(canary, self.dump())
        self.assertChecks(live)
        self.server.restart()
        self.assertSame(live, self.fresh(session))

    def test_snapshots_between_two_erasures(self):
        """A snapshot from before an erasure says less than it did, and everything still fits."""
        session = self.new_session()
        ana = self.connect("ana")
        live = ana.join(session)
        one = ana.one(session, create("claim", exact="Nobody", note="first words"))["annotation"]
        ana.one(session, create("claim", exact="Nobody", note="others"))
        self.archive(session, keep=1)
        ana.one(session, redact(2, annotations=[one]))
        ana.one(session, update(one, 3, note="second words"))
        self.archive(session, keep=1)
        ana.one(session, update(one, 4, status="resolved"))
        ana.one(session, redact(5, annotations=[one]))
        ana.one(session, update(one, 6, note="third words"))
        ana.wait_seq(session, 7)
        self.clean(session)
        dump = self.dump()
        self.assertEqual([words in dump for words in ("first words", "second words", "third words")], [False, False, True])
        self.assertSame(live, self.fresh(session))
        self.assertChecks(live)

    def test_words_that_are_younger_than_their_snapshot(self):
        """The first erasure puts the record of today into the snapshot; the second one takes what this said from there, too."""
        session = self.new_session()
        ana, cora = self.people("ana", "cora")
        live = cora.join(session)
        one = ana.one(session, create("claim", exact="Nobody", note="first words"))["annotation"]
        ana.one(session, create("claim", exact="Nobody", note="others"))
        self.archive(session)
        cora.one(session, update(one, 2, attributes={"why": "second words"}))
        self.assertEqual(cora.one(session, redact(3, annotations=[one], account=ana.account))["seq"], 4)
        self.clean(session)
        self.assertIn("second words", str(cora.call("session.snapshot", session=session)["records"]))
        self.assertEqual(cora.one(session, redact(4, annotations=[one]))["seq"], 5)
        self.clean(session)
        cora.wait_seq(session, 5)
        dump = self.dump()
        self.assertEqual([words in dump for words in ("first words", "second words", "others")], [False, False, True])
        self.assertSame(live, self.fresh(session))
        self.assertChecks(live)

    def failing(self, session, table, work, then=lambda: None):
        """The job of an erasure fails at this table, meanwhile work is done; and something else, when it has failed and before it could succeed."""
        self.server.sql(f"""create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
                            create trigger refuse before update on {table} for each row when (new.stream = '{session}') execute function refuse()""")
        work()
        failed = f"select count(*) from job where stream = '{session}' and kind = 'erase' and failure is not null"
        wait_until("the job has failed", lambda: self.server.sql(failed)[0][0] == "1")
        then()
        self.server.sql(f"drop trigger refuse on {table}; drop function refuse()")

    def test_a_snapshot_that_was_made_before_an_erasure_was_through(self):
        session, canary = self.new_session(), "canary" + new_id().replace("-", "")
        ana = self.connect("ana")
        live = ana.join(session)
        one = ana.one(session, create("claim", exact="Nobody", note=canary))["annotation"]
        ana.one(session, create("claim", exact="Nobody", note="stays"))
        self.server.sql(f"select gloss_snapshot_make('{session}', 1)")

        def work():
            ana.one(session, redact(2, annotations=[one]))
            ana.one(session, update(one, 3, status="resolved"))
            self.server.sql(f"select gloss_snapshot_make('{session}', 1)")
            ana.one(session, update(one, 4, note="new"))

        self.failing(session, "snapshot_part", work)
        self.assertEqual(self.server.sql(f"select seq from snapshot where stream = '{session}' order by seq"), [["2"], ["4"]])
        self.clean(session)
        ana.wait_seq(session, 5)
        self.assertNotIn(canary, self.dump())
        self.assertSame(live, self.fresh(session))
        self.assertChecks(live)

    def give_up(self, session):
        """Its job was tried too often, a day ago."""
        job = f"where stream = '{session}' and kind = 'erase'"
        self.server.sql(f"update job set due_at = clock_timestamp() + interval '1 hour' {job}")
        at_it = f"select count(*) from pg_locks l join job on l.objid = job.id where l.locktype = 'advisory' and l.classid = 7827314 and l.database = (select oid from pg_database where datname = current_database()) and {job[6:]}"
        wait_until("nobody is at it any more", lambda: self.server.sql(at_it) == [["0"]])
        self.server.sql(f"update job set attempts = 20, done_at = clock_timestamp() - interval '25 hours' {job}")

    def test_words_in_a_snapshot_are_not_forgotten_while_a_row_is_missing(self):
        session, canary = self.new_session(), "canary" + new_id().replace("-", "")
        ana = self.connect("ana")
        one = ana.one(session, create("claim", exact="Nobody", note=canary))["annotation"]
        ana.one(session, create("claim", exact="Nobody", note="stays"))
        self.server.sql(f"select gloss_snapshot_make('{session}', 1)")

        def work():
            ana.one(session, redact(2, annotations=[one]))
            self.server.sql(f"delete from annotation where stream = '{session}' and id = '{one}'")

        self.failing(session, "snapshot_part", work)
        with self.assertRaisesRegex(AssertionError, "glossd check --repair"):
            self.server.sql(f"select gloss_erase_more('{session}')")
        self.assertIn(canary, self.dump())
        self.server.glossd("check", "--repair", check=False)
        self.server.sql(f"update job set due_at = clock_timestamp() where stream = '{session}' and kind = 'erase'")
        self.clean(session)
        self.assertNotIn(canary, self.dump())

    def test_an_erasure_whose_job_was_given_up_is_taken_up_again(self):
        session, canary = self.new_session(), "canary" + new_id().replace("-", "")
        ana = self.connect("ana")
        one = ana.one(session, create("claim", exact="Nobody", note=canary))["annotation"]
        self.archive(session)
        self.failing(session, "archive", lambda: ana.one(session, redact(1, annotations=[one])), lambda: self.give_up(session))
        self.assertIn(canary, self.dump())
        self.server.sql("update job set due_at = clock_timestamp() where kind = 'retention.scan'")
        self.clean(session)
        self.assertNotIn(canary, self.dump())


if __name__ == "__main__":
    case.main()
