#!/usr/bin/python3
"""glossd check: a database with everything that Gloss stores, damage of every kind by SQL, each found by its own name at its own place, and nothing else."""
import collections
import json
import unittest

import case
from case import Client, Server, canonical, create, delete, mode, new_id, update
from client import relate, reply, restore
from replica import apply, derived_annotation, leaf_of, number, sha256

TABLES = ("account", "project", "member", "stream", "document", "revision", "session", "op", "annotation", "term", "snapshot", "snapshot_part", "archive", "inbox", "job")
QUIET = "set session_replication_role = replica; "


def op(kind, **fields):
    return {"id": new_id(), "change": {"kind": kind, **fields}}


class Found(collections.namedtuple("Found", "stream kind place")):
    """A problem: in which stream ("database": none), of which kind, and where (a seq, an id, or None: the stream as a whole)."""


def problems(lines):
    """Of glossd check --json, as a sorted list."""
    found = []
    for line in lines:
        for problem in line["problems"]:
            id_ = next((problem[what] for what in ("annotation", "term", "account", "document", "revision", "stream") if what in problem), None)
            place = (problem["seq"], id_) if "seq" in problem and id_ else problem.get("seq", id_)
            found.append(Found(line.get("stream", line["kind"]), problem["kind"], place))
            assert problem["says"] and problem["do"], problem
    return sorted(found, key=repr)


class CheckCase(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = Server(workers=1, settings={"retention_ops": 10, "snapshot_every": 5, "retention_every_ms": 3600000})
        cls.server.__enter__()
        try:
            for name, role in (("ana", "annotator"), ("ben", "annotator"), ("cora", "curator"), ("dora", "viewer"), ("gone", "annotator"), ("emil", None)):
                cls.server.user(name, role=role)
            cls.server.glossd("project", "member", "briefs", "gone", "none", "--yes")
            cls.fill()
        except BaseException:
            cls.server.end(check=False)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    @classmethod
    def document(cls, client, title, **meta):
        return client.upload(cls.project, f"Nobody edits last. The café was full of “{title}”.\n{new_id()}\n", title=title, **meta)["document"]

    @classmethod
    def fill(cls):
        """One of everything: terms and retired ones, attributes, replies, relations between documents, tombstones, decisions, mentions, archived ops, snapshots."""
        with Client(cls.server, "admin") as admin, Client(cls.server, "ana") as ana, Client(cls.server, "ben") as ben, Client(cls.server, "cora") as cora:
            cls.project = admin.call("project.list")["projects"][0]["project"]
            cls.accounts = {client.user: client.account for client in (admin, ana, ben, cora)}
            wanted = [op("label.create", name="claim"), op("label.create", name="old"), op("relation.create", name="supports"),
                      op("attribute.create", name="sure", type="boolean"), op("attribute.create", name="strength", type="integer", minimum=1, maximum=5)]
            cls.terms = [result["made"] for result in cora.call("project.submit", project=cls.project, ops=wanted)["results"]]
            first = cls.document(admin, "First", filename="first.txt", meta={"authors": ["A. Author"], "tags": ["one"], "folder": "a/b", "publisher": "P", "date": "2024-05",
                                                                             "source": "https://example.org/"})
            second = cls.document(admin, "Second")
            cls.documents, cls.first, cls.second = [first["document"], second["document"]], first["session"], second["session"]
            cora.call("project.submit", project=cls.project, ops=[op("document.update", document=first["document"], title="First!", language="en")])
            claim = ana.one(cls.first, create("claim", exact="Nobody", note="look, @ben and @{cora}", attributes={"sure": True, "strength": 3}))
            answer = ben.one(cls.first, reply(claim["annotation"], "why? @ana"))
            far = ben.one(cls.second, create("old", exact="edits"))
            link = ana.one(cls.first, relate(claim["annotation"], far["annotation"], session=cls.second, label="supports"))
            near = ana.one(cls.first, relate(claim["annotation"], answer["annotation"], label="supports"))
            cls.first_ids = [made["annotation"] for made in (claim, answer, link, near)]
            for i in range(6):
                made = ana.one(cls.first, create("old", exact="last", note=f"n{i}"))
                cls.first_ids.append(made["annotation"])
            cora.one(cls.first, update(claim["annotation"], claim["seq"], status="accepted", attributes={"strength": 5, "sure": None}))
            cora.one(cls.first, update(cls.first_ids[5], made["seq"], note="changed, @ana"))
            ana.one(cls.first, delete(made["annotation"], made["seq"]))
            gone = ana.one(cls.first, delete(cls.first_ids[8], made["seq"] + 3))
            ana.one(cls.first, restore(cls.first_ids[8], gone["seq"]))
            admin.one(cls.first, mode("closed"))
            admin.one(cls.first, mode("shared"))
            cora.call("project.submit", project=cls.project, ops=[op("label.update", label=cls.terms[1], retired=True)])
            ben.submit(cls.second, [create("claim", exact="last", note=f"m{i}") for i in range(40)])
            cls.small, cls.old = [], []
            for i in range(16):
                session = cls.document(admin, f"Small {i}")["session"]
                ana.submit(session, [create("claim", exact="Nobody", note=f"s{j}") for j in range(4)])
                (cls.small if i < 8 else cls.old).append(session)
            cls.server.glossd("retention", cls.second, *cls.old, "--now", "--keep", "0")
            ben.submit(cls.second, [create("claim", exact="Nobody", note="behind the cut") for _ in range(8)])
            for session in cls.old:
                ana.one(session, create("claim", exact="Nobody", note="behind the cut"))
            cls.server.glossd("retention", cls.second, "--now", "--keep", "3")
        cls.columns = {table: ", ".join(name for (name,) in cls.server.sql(f"select attname from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped"))
                       for table in TABLES}

    # ---- damage, and the end of it

    def damaged(self, statements, then):
        """Does the statements, then calls, and puts all rows back as they were."""
        self.server.sql(QUIET + "".join(f"create table kept_{table} as select * from {table}; " for table in TABLES) + "; ".join(statements))
        try:
            return then()
        finally:
            self.undo()

    def undo(self):
        self.server.sql(QUIET + "".join(f"delete from {table}; insert into {table} ({columns}) overriding system value select {columns} from kept_{table}; drop table kept_{table}; "
                                        for table, columns in self.columns.items()))

    def annotation(self, session, number_):
        """The id of the annotation that this op made."""
        return self.server.sql(f"select id from annotation where stream = '{session}' and created_seq = {number_}")[0][0]

    def forge(self, session, kind="annotation.create", ids=None, repeat=None, earlier=False, **changed):
        """SQL that appends an op nobody asked for, so that the log holds together: what a faulty judge would have written."""
        head, chain, payload, state, live, account, project = self.server.sql(
            "select s.head, encode(s.chain, 'hex'), o.payload, encode(s.sum, 'hex'), s.live, o.account, s.project "
            f"from stream s join op o on o.stream = s.id and o.seq = 2 where s.id = '{session}'")[0]
        base, seq = json.loads(payload), int(head) + 1
        identity = repeat or new_id()
        annotation = (ids or [derived_annotation(identity)])[0]
        effect = base["effects"][0]
        made = {**effect["set"], "created": seq, **changed} if kind == "annotation.create" else changed
        change = {"kind": kind, "forged": seq}
        forged = {**base, "op": identity, "seq": seq, "kind": kind, "intent": {"base": 1, "change": change}, "effects": [{"ids": [annotation], "prev": {}, "set": made}]}
        at = self.server.sql(f"select to_char((last_at {'- ' if earlier else '+ '} interval '1 hour') at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') from stream where id = '{session}'")[0][0]
        forged["at"] = at
        salt = bytes(16)
        text = canonical(forged)
        leaf = leaf_of({"payload": forged, "salt": salt.hex()})
        new = sha256(bytes.fromhex(chain) + leaf)
        asked = sha256(canonical({"account": account, "base": 1, "change": change}))
        quoted = text.decode().replace("'", "''")
        statements = [f"insert into op (stream, project, seq, op_id, account, kind, request_hash, payload, salt, chain) values ('{session}', '{project}', {seq}, '{identity}', "
                      f"'{account}', '{kind}', '\\x{asked.hex()}', '{quoted}', '\\x{salt.hex()}', '\\x{new.hex()}')"]
        total = int(state, 16)
        if kind == "annotation.create":
            record = apply(None, annotation, made, account, seq)
            total = (total + number(sha256(canonical(record)))) % (1 << 256)
            spans = record["target"].get("spans", [{"start": 0, "end": 0}])
            row = canonical(record).decode().replace("'", "''")
            label = f"'{record['label']}'" if "label" in record else "null"
            statements.append("insert into annotation (stream, project, id, creator, created_seq, label, status, start_cp, end_cp, deleted, record) values "
                              f"('{session}', '{project}', '{annotation}', '{account}', {seq}, {label}, '{record['status']}', {spans[0]['start']}, {spans[-1]['end']}, false, '{row}')")
        statements.append(f"update stream set head = {seq}, chain = '\\x{new.hex()}', sum = '\\x{total:064x}', live = {int(live) + (kind == 'annotation.create')}, last_at = '{at}' "
                          f"where id = '{session}'")
        return "; ".join(statements), seq, annotation

    def spans(self, session, **changed):
        """The target of the session's first annotation, changed."""
        target = json.loads(self.server.sql(f"select record from annotation where stream = '{session}' and created_seq = 1")[0][0])["target"]
        return {**target, "spans": [{**target["spans"][0], **changed}]}

    def expect(self, damage):
        """All of it at once: (SQL, stream, kind, place)."""
        def then():
            status, lines = self.server.check()
            self.assertEqual(problems(lines), sorted((Found(*what) for _, *what in damage), key=repr))
            self.assertEqual(status, 1)
            counted = collections.Counter()
            for line in lines:
                self.assertEqual(line["ok"], not line["problems"])
                counted.update(line.get("counts", {}))
            self.assertEqual(counted, collections.Counter(kind for _, _, kind, _ in damage))
        self.damaged([statement for statement, *_ in damage], then)

    def rows_of(self, session):
        return f"stream = '{session}'"

    # ---- what can be made again

    def repairable(self):
        first, second, project = self.first, self.second, self.project
        here, there = self.rows_of(first), self.rows_of(second)
        ids, small = self.first_ids, self.small
        ben, cora = self.accounts["ben"], self.accounts["cora"]
        emil = self.server.sql("select id from account where name = 'emil'")[0][0]
        item, account, seq = self.server.sql(f"select item, account, seq from inbox where {here} and why = 'reply'")[0]
        unknown = new_id()
        return [
            ("update annotation set record = replace(record, '\"n2\"', '\"n3\"') where " + here, first, "annotation.record", ids[6]),
            (f"update annotation set status = 'rejected' where id = '{ids[4]}'", first, "annotation.columns", ids[4]),
            (f"delete from annotation where id = '{ids[1]}'", first, "annotation.missing", ids[1]),
            (f"insert into annotation select stream, project, '{unknown}', creator, 99, label, status, start_cp, end_cp, deleted, record from annotation where id = '{ids[7]}'",
             first, "annotation.unknown", unknown),
            (f"update inbox set why = 'mention' where account = '{account}' and item = {item}", first, "inbox.columns", (int(seq), account)),
            (f"insert into inbox (account, project, stream, seq, annotation, why, by, at) select '{cora}', project, stream, 4, annotation, 'reply', by, at from inbox where item = {item}",
             first, "inbox.unknown", (4, cora)),
            (f"delete from inbox where {here} and seq = 1 and account = '{ben}'", first, "inbox.missing", (1, ben)),
            (f"update stream set sum = sha256(sum) where id = '{small[0]}'", small[0], "stream.sum", None),
            (f"update stream set live = live + 1 where id = '{small[1]}'", small[1], "stream.live", None),
            (f"update stream set head = head - 1 where id = '{small[2]}'", small[2], "stream.head", None),
            (f"update stream set chain = sha256(chain) where id = '{small[3]}'", small[3], "stream.chain", None),
            (f"update stream set mode = 'closed', mode_seq = 2 where id = '{small[4]}'", small[4], "stream.mode", None),
            (f"update stream set last_at = last_at + interval '1 s' where id = '{small[5]}'", small[5], "stream.time", None),
            (f"update stream set chain_start = sha256(chain_start) where id = '{small[6]}'", small[6], "stream.start", None),
            (f"update revision set codepoints = codepoints - 1 where id = (select revision from session where id = '{small[7]}')", small[7], "revision.columns",
             self.server.sql(f"select revision from session where id = '{small[7]}'")[0][0]),
            (f"update snapshot_part set records = replace(records, '\"m7\"', '\"m8\"') where {there} and seq = 41", second, "snapshot.state", 41),
            (f"update snapshot set codebook = codebook + 1 where {there} and seq = 49", second, "snapshot.columns", 49),
            (f"update term set record = replace(record, '\"claim\"', '\"clame\"') where id = '{self.terms[0]}'", project, "term.record", self.terms[0]),
            (f"delete from term where id = '{self.terms[1]}'", project, "term.missing", self.terms[1]),
            (f"insert into term select '{unknown}', project, kind, 'nobody made me', seq, record from term where id = '{self.terms[2]}'", project, "term.unknown", unknown),
            (f"update member set role = 'owner' where account = '{ben}'", project, "member.role", ben),
            (f"delete from member where account = '{cora}'", project, "member.missing", cora),
            (f"insert into member values ('{project}', '{emil}', 'curator')", project, "member.unknown", emil),
            (f"update document set title = 'Another', tags = null where id = '{self.documents[0]}'", project, "document.columns", self.documents[0]),
            ("update project set is_open = not is_open", project, "project.columns", None),
        ]

    # ---- tests

    def test_a_hash_of_another_length_is_none(self):
        small = self.small
        longer = "|| '\\x00'"
        self.expect([(f"update stream set sum = sum {longer} where id = '{small[0]}'", small[0], "stream.sum", None),
                     (f"update stream set chain = chain {longer} where id = '{small[1]}'", small[1], "stream.chain", None),
                     (f"update stream set chain_start = chain_start {longer} where id = '{small[2]}'", small[2], "stream.start", None),
                     (f"update op set request_hash = request_hash {longer} where stream = '{small[3]}' and seq = 2", small[3], "log.request", 2),
                     (f"update op set chain = chain {longer} where stream = '{small[4]}' and seq = 3", small[4], "log.chain", 3)])

    def test_a_sound_one(self):
        status, lines = self.server.check()
        self.assertEqual(problems(lines), [])
        self.assertEqual(status, 0)
        self.assertEqual(len(lines), 19)
        said = self.server.glossd("check")
        self.assertIn("19 streams, 0 findings", said.out)
        self.assertEqual(said.err, "")
        self.assertEqual(self.server.check(self.second)[1], [line for line in lines if line["stream"] == self.second])

    def test_what_follows_from_the_log(self):
        self.expect(self.repairable())

    def test_the_log(self):
        """What is broken in the log is told where it broke, once, and nothing that only follows from it."""
        small = self.small
        session = [self.rows_of(one) for one in small]
        self.expect([
            (f"update op set payload = replace(payload, '\"s2\"', '\"s3\"') where {session[0]} and seq = 3", small[0], "log.payload", 3),
            (f"update op set chain = sha256(chain) where {session[1]} and seq = 2", small[1], "log.chain", 2),
            (f"delete from op where {session[2]} and seq = 2", small[2], "log.gap", 2),
            (f"delete from op where {session[3]} and seq = 4", small[3], "log.gap", 4),
            (f"update op set account = '{self.accounts['ben']}' where {session[4]} and seq = 1", small[4], "log.columns", 1),
            (f"update op set request_hash = sha256(request_hash) where {session[5]} and seq = 4", small[5], "log.request", 4),
            (f"update op set salt = decode(repeat('00', 16), 'hex') where {session[6]} and seq = 4", small[6], "log.payload", 4),
            (f"update op set payload = payload || ' ' where {session[7]} and seq = 1", small[7], "log.payload", 1),
            (f"update op set payload = replace(payload, 'annotator', 'curator') where stream = '{self.project}' and seq = 3", self.project, "log.payload", 3),
        ])

    def test_the_archive(self):
        old, rows = self.old, [self.rows_of(one) for one in self.old]
        self.expect([
            (f"update archive set ops = replace(ops, '\"s2\"', '\"s3\"') where {rows[0]}", old[0], "archive.payload", 3),
            (f"delete from archive where {rows[1]}", old[1], "log.lost", 1),
            (f"update archive set ops = substr(ops, strpos(ops, E'\\n') + 1) where {rows[2]}", old[2], "archive.count", 1),
            (f"insert into archive select stream, project, 2, 2, split_part(ops, E'\\n', 2) from archive where {rows[3]}", old[3], "archive.order", 1),
            (f"delete from snapshot where {rows[4]}; delete from snapshot_part where {rows[4]}", old[4], "snapshot.missing", 4),
            (f"update op set leaf = sha256(leaf) where {rows[5]} and seq = 2", old[5], "log.leaf", 2),
            (f"update stream set retained_from = 3 where id = '{old[6]}'", old[6], "stream.cut", None),
            (f"delete from op where {rows[7]} and seq = 3", old[7], "log.gap", 3),
            (f"update snapshot_part set records = replace(records, '\"m7\"', '\"m8\"') where {self.rows_of(self.second)} and seq = 41", self.second, "snapshot.state", 41),
        ])

    def test_what_a_log_should_not_say(self):
        """The chain holds, the rows are what the log says; yet it names what is not there."""
        small = self.small
        unknown = new_id()
        label, seq, labelled = self.forge(small[0], label=unknown)
        quote, _, quoted = self.forge(small[1], target=self.spans(small[1], exact="nobody"))
        parent, _, answered = self.forge(small[2], target={"type": "annotation", "annotation": unknown})
        far, _, linked = self.forge(small[3], target={"type": "relation", "from": self.annotation(small[3], 1), "to": {"annotation": self.annotation(small[3], 2), "session": self.second}},
                                     label=self.terms[2])
        effects, wrong, _ = self.forge(small[4], kind="annotation.update", ids=[unknown], note="of nothing")
        early, before, _ = self.forge(small[5], earlier=True)
        outside, _, beyond = self.forge(small[6], target=self.spans(small[6], start=5000, end=5006))
        revision, _, revised = self.forge(small[7], target={**self.spans(small[7]), "revision": unknown})
        self.assertEqual(seq, 5)
        self.expect([
            (label, small[0], "annotation.label", labelled),
            (quote, small[1], "annotation.text", quoted),
            (parent, small[2], "annotation.parent", answered),
            (far, "database", "annotation.far", linked),
            (effects, small[4], "log.effects", wrong),
            (early, small[5], "log.time", before),
            (outside, small[6], "annotation.text", beyond),
            (revision, small[7], "annotation.revision", revised),
        ])

    def test_texts_accounts_and_what_belongs_to_nothing(self):
        small = self.small
        lost, dora = new_id(), self.server.sql("select id from account where name = 'gone'")[0][0]
        revision = self.server.sql(f"select revision from session where id = '{small[0]}'")[0][0]
        document = self.server.sql(f"select document from session where id = '{small[2]}'")[0][0]
        self.expect([
            (f"update revision set bytes = overlay(bytes placing '\\x78'::bytea from 5) where id = '{revision}'", small[0], "revision.bytes", revision),
            (f"delete from account where id = '{dora}'", "database", "account.missing", dora),
            (f"insert into annotation select '{lost}', project, id, creator, created_seq, label, status, start_cp, end_cp, deleted, record from annotation where id = '{self.first_ids[0]}'",
             "database", "stream.missing", lost),
            (f"insert into job (kind, stream, project, due_at) values ('retention', '{lost}', '{self.project}', clock_timestamp() + interval '1 day')", "database", "job.stream", lost),
            (f"update session set name = 'other' where id = '{small[2]}'", self.project, "document.session", document),
        ])

    def test_many_of_a_kind_are_counted(self):
        def then():
            status, lines = self.server.check(self.second)
            self.assertEqual((status, len(lines)), (1, 1))
            self.assertEqual(lines[0]["counts"], {"annotation.record": 48})
            self.assertEqual(len(lines[0]["problems"]), 20)
            said = self.server.glossd("check", self.second, check=False)
            self.assertIn("annotation.record: and 28 more of these", said.err)
            self.assertIn("1 streams, 48 findings", said.out)
        self.damaged([f"update annotation set record = replace(record, '\"note\"', '\"mote\"') where stream = '{self.second}'"], then)

    # ---- and made again

    def differences(self):
        """Rows that are not as they were before the damage, of all tables that follow from the log."""
        found = {}
        for table, columns in self.columns.items():
            columns = ", ".join(name for name in columns.split(", ") if (table, name) not in (("project", "epoch"), ("project", "repaired"), ("inbox", "item"), ("snapshot", "created_at")))
            rows = self.server.sql(f"(select {columns} from {table} except select {columns} from kept_{table}) union all (select {columns} from kept_{table} except select {columns} from {table})")
            if rows and table != "snapshot_part":
                found[table] = rows
        return found

    def test_repair(self):
        """While people work: everything that follows from the log is as it was, the log was not touched, and nobody who holds the right state is disturbed."""
        damage = self.repairable()
        before = self.server.check()[1]
        with Client(self.server, "ana") as ana, Client(self.server, "cora") as cora:
            replicas = [ana.join(self.first), cora.join(self.first), cora.join(self.second)]
            places = [replica.place() for replica in replicas]

            def then():
                dry = self.server.glossd("check", "--repair", "--dry-run", check=False)
                self.assertEqual(dry.status, 1, dry)
                self.assertIn(f"{len(damage)} would be repaired, 0 left", dry.out)
                status, lines = self.server.check("--repair", "--dry-run")
                self.assertEqual((status, problems([line for line in lines if "problems" in line])), (1, sorted((Found(*what) for _, *what in damage), key=repr)))
                self.assertEqual(collections.Counter({kind: sum(line["repaired"].get(kind, 0) for line in lines if "repaired" in line) for _, _, kind, _ in damage}),
                                 collections.Counter(kind for _, _, kind, _ in damage))
                self.assertTrue(all(line["dry_run"] and not line["left"] for line in lines if "repaired" in line), lines)
                done = self.server.glossd("check", "--repair", check=False)
                self.assertEqual(done.status, 0, done)
                self.assertIn(f"{len(damage)} repaired, 0 left", done.out)
                self.assertEqual(self.server.check(), (0, before))
                self.assertEqual(self.differences(), {})
                self.assertIn("0 repaired, 0 left", self.server.glossd("check", "--repair").out)
                self.assertEqual([replica.place() for replica in replicas], places)
                self.assertEqual(self.server.sql("select count(*) from audit where action = 'check.repair'"), [["11"]], "one for each stream")
                made = ana.one(self.first, create("claim", exact="Nobody", note="behind it all"))
                self.assertSame(*[client.wait_seq(self.first, made["seq"]) for client in (ana, cora)])
                with Client(self.server, "ben") as ben:
                    self.assertSame(ben.join(self.first), ana.replicas[self.first])
                self.assertFalse([params for client in (ana, cora) for name, params in client.notices if params.get("what") == "rejoin"])
                self.assertEqual(self.server.check()[0], 0)

            self.damaged([statement for statement, *_ in damage], then)
        self.restart()

    def assertSame(self, *replicas):
        self.assertEqual([replica.place() for replica in replicas], [replicas[0].place()] * len(replicas))

    def restart(self):
        """The rows were put back as they were: what workers hold is of another time."""
        self.assertEqual(self.server.stop(), 0)
        self.server.start()

    def test_workers_notice(self):
        """A worker that has read wrong rows before they were repaired: its people join again, and what it knew of the codebook is read anew."""
        session, note = self.small[0], "s1"
        identity, record, state = self.server.sql(f"select a.id, a.record, encode(s.sum, 'hex') from annotation a join stream s on s.id = a.stream "
                                                  f"where a.stream = '{session}' and a.created_seq = 2")[0]
        wrong = {**json.loads(record), "note": "not this"}
        total = (int(state, 16) - number(sha256(record.encode())) + number(sha256(canonical(wrong)))) % (1 << 256)
        row = canonical(wrong).decode().replace("'", "''")
        self.assertEqual(self.server.stop(), 0)

        def then():
            self.server.start()
            with Client(self.server, "ana") as ana, Client(self.server, "ben") as ben:
                self.assertEqual(ana.join(session).records[identity]["note"], "not this", "the rows hold together by themselves")
                same = ana.one(session, create("clame", exact="Nobody"))
                self.assertEqual(ana.wait_seq(session, same["seq"]).records[same["annotation"]]["label"], self.terms[0])
                self.assertEqual(sorted({found.kind for found in problems(self.server.check()[1])}), ["annotation.record", "stream.sum", "term.record"])
                self.assertEqual(self.server.glossd("check", "--repair").status, 0)
                ana.wait_notice("session.notice", lambda params: params.get("what") == "rejoin" and params["session"] == session)
                self.assertEqual(ben.join(session).records[identity]["note"], note)
                self.assertEqual(ana.join(session).place(), ben.replicas[session].place())
                made = ana.one(session, create("claim", exact="Nobody"))
                self.assertEqual(ana.wait_seq(session, made["seq"]).records[made["annotation"]]["label"], self.terms[0])
                self.assertEqual(self.server.check()[0], 0)

        try:
            self.damaged([f"update annotation set record = '{row}' where id = '{identity}'", f"update stream set sum = '\\x{total:064x}' where id = '{session}'",
                          f"update term set name = 'clame', record = replace(record, '\"claim\"', '\"clame\"') where id = '{self.terms[0]}'"], then)
        finally:
            self.restart()

    def test_what_cannot_be_repaired(self):
        """A broken log stays as it is, and so does what only it could tell; what stands behind a snapshot is made again."""
        small, old = self.small[0], self.old[0]
        statements = [f"update op set payload = replace(payload, '\"s2\"', '\"s3\"') where {self.rows_of(small)} and seq = 3",
                      f"update stream set live = live + 1 where id = '{small}'",
                      f"delete from archive where {self.rows_of(old)}", f"delete from annotation where {self.rows_of(old)} and created_seq = 5"]

        def then():
            log = self.server.sql("select * from op order by stream, seq")
            done = self.server.glossd("check", "--repair", check=False)
            self.assertEqual(done.status, 1, done)
            self.assertIn("1 repaired, 3 left", done.out)
            self.assertIn("take it from a backup", done.err)
            self.assertEqual(problems(self.server.check()[1]), sorted([Found(small, "log.payload", 3), Found(small, "annotation.sum", None), Found(old, "log.lost", 1)], key=repr))
            self.assertEqual(self.server.sql("select * from op order by stream, seq"), log)

        self.damaged(statements, then)
        self.restart()

    def test_while_people_write(self):
        """Nothing is locked, and all streams are looked at as of one moment."""
        session = self.small[7]
        with Client(self.server, "ana") as ana:
            head = int(self.server.sql(f"select head from stream where id = '{session}'")[0][0])
            for _ in range(3):
                number_ = ana.send("session.submit", {"session": session, "ops": [create("claim", exact="Nobody", note="meanwhile") for _ in range(20)]})
                status, lines = self.server.check()
                self.assertEqual((status, problems(lines)), (0, []))
                self.assertEqual(len(ana.answer(number_)["results"]), 20)
            self.assertEqual(int(self.server.sql(f"select head from stream where id = '{session}'")[0][0]), head + 60)


class EveryColumn(CheckCase):
    """For --all: one value after the other, of every column that follows from the log or is part of it."""
    CHANGES = {"uuid": "gen_random_uuid()", "text": "{0} || 'x'", "bytea": "sha256({0})", "bigint": "{0} + 1", "integer": "{0} + 1", "boolean": "not {0}",
               "timestamp with time zone": "{0} + interval '1 second'", "text[]": "{0} || array['x']"}
    # What no log has: names and secrets of accounts, when rows were made, what was read, how often things were tried.
    FREE = {"account", "job", "project.created_at", "project.epoch", "project.repaired", "revision.created_at", "revision.number", "snapshot.created_at", "inbox.item", "inbox.read_at",
            "document.created_at", "op.archived", "op.erased_by", "stream.erased_to", "session.name",
            "snapshot_part.part"}

    def test_every_column(self):
        found, unseen, refused = 0, [], []
        columns = self.server.sql("select c.relname, a.attname, format_type(a.atttypid, null) from pg_attribute a join pg_class c on c.oid = a.attrelid "
                                  f"where c.relnamespace = 'public'::regnamespace and c.relname in ({', '.join(repr(table) for table in TABLES)}) "
                                  "and a.attnum > 0 and not a.attisdropped order by 1, 2")
        for table, column, kind in columns:
            if table in self.FREE or f"{table}.{column}" in self.FREE:
                continue
            change = self.CHANGES[kind].format(column)
            statement = (f"update {table} set {column} = {change} where ctid = (select ctid from {table} where {column} is not null "
                         f"{'and payload is not null' if (table, column) == ('op', 'salt') else ''} order by random() limit 1)")
            try:
                status, lines = self.damaged([statement], self.server.check)
            except AssertionError as error:
                self.assertTrue(any(word in str(error) for word in ("violates check", "violates unique", "value too long")), error)
                self.server.sql("drop table if exists " + ", ".join(f"kept_{name}" for name in TABLES))
                refused.append(f"{table}.{column}")
                continue
            found += status == 1
            if status == 0:
                unseen.append(f"{table}.{column}")
            self.assertIn(status, (0, 1), lines)
        print(f"{self.id()}: {found} columns seen, the database refuses {', '.join(refused)}")
        self.assertEqual(unseen, [])
        self.assertEqual(self.server.check()[0], 0, "everything is as it was")


for name in [name for name in dir(CheckCase) if name.startswith("test_")]:
    setattr(EveryColumn, name, None)


if __name__ == "__main__":
    case.main()
