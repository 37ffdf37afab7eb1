#!/usr/bin/python3
"""glossd backup and restore: as of one moment while people work; all of it or nothing; and clients notice that time went back."""
import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import tarfile
import time

import case
from case import Client, Server, ServiceCase, create, delete, new_id, support, update, wait_until
from schema import TABLES, Database
from writer import Writer


class Copy(Database):
    """A second database of the server's cluster, with the same roles; glossd's verbs run on it."""

    def is_untouched(self):
        return self.psql("select count(*) from pg_class where relnamespace = 'public'::regnamespace") == "0"


class BackupCase(ServiceCase):
    users = {"ana": "annotator", "ben": "annotator"}

    def copy(self):
        made = Copy(self.server)
        self.addCleanup(made.drop)
        return made

    def new_path(self):
        return f"{self.server.folder}/{new_id()}.tar"

    def backup(self):
        """A backup of what stands now: its path, and its bytes."""
        path = self.new_path()
        self.server.glossd("backup", path)
        with open(path, "rb") as file:
            return path, file.read()

    @staticmethod
    def tables_in(path):
        with tarfile.open(path) as tar:
            return {table["name"] for table in json.load(tar.extractfile("gloss-backup/manifest.json"))["tables"]}

    def refuse(self, copy, status, words, *args, **more):
        done = copy.glossd("restore", *args, status=status, **more)
        self.assertEqual(done.out, "")
        for word in words if isinstance(words, tuple) else (words,):
            self.assertIn(word, done.err)

    def fill(self, session, count=3):
        """Something of everything: notes, answers, deletions, an item in an inbox, a code."""
        ana, ben = self.people("ana", "ben")
        notes = [ana.one(session, create("claim", exact="Nobody", note=f"tab\t, line\n, \\ and {i} @ben")) for i in range(count)]
        ana.one(session, update(notes[0]["annotation"], notes[0]["seq"], note="anew"))
        ben.one(session, delete(notes[1]["annotation"], notes[1]["seq"]))
        return notes


class Backup(BackupCase):
    def write(self, count):
        """Two people who write on in a session of their own."""
        session = self.new_session()
        writers = [Writer(self.server, user, session, [create("claim", exact="Nobody", note=f"{i} " + "x" * 300) for i in range(count)]) for user in ("ana", "ben")]
        return session, writers

    def slow_backup(self, while_it_stands):
        """A backup whose reader stops at its first byte until something has been done: what is read of the tables later must be as of before that."""
        with subprocess.Popen([support.GLOSSD, "backup", "--config", self.server.folder + "/gloss.conf", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              bufsize=0, env=support.Server.bare_env()) as process:
            first = process.stdout.read(1)
            while_it_stands()
            rest, said = process.communicate(timeout=support.LIMIT_S)
        self.assertEqual(process.returncode, 0, said)
        self.assertIn(b"backed up as of", said)
        return first + rest

    def test_as_of_one_moment_while_people_work(self):
        session, writers = self.write(500)
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.wait_acknowledged(100)
        later = self.connect("ana")
        last = []
        data = self.slow_backup(lambda: last.extend(later.one(session, create("claim", exact="Nobody", note="later"))["seq"] for _ in range(20)))
        self.assertGreater(len(data), 200000)
        for writer in writers:
            writer.stop()
            writer.finish()
        copy = self.copy()
        copy.glossd("restore", "-", stdin=data)
        there = copy.streams()[session]
        chain = self.server.sql(f"select encode(chain, 'hex') from op where stream = '{session}' and seq = {there['seq']}")
        self.assertEqual([[there["chain"]]], chain)
        self.assertGreaterEqual(there["seq"], 200)
        self.assertLess(there["seq"], last[0])

    def test_a_file_that_was_told_of_outlasts_a_loss_of_power(self):
        """First what is in it is on the disk, then it has its name, then that is."""
        if not shutil.which("strace") or subprocess.run(["strace", "-qqo", "/dev/null", "true"], capture_output=True).returncode:
            self.skipTest("strace is missing, or may not look at anything here")
        path, calls = self.new_path(), self.server.folder + "/calls"
        command = ["strace", "-qqyo", calls, "-e", "trace=fsync,rename", support.GLOSSD, "backup", "--config", self.server.folder + "/gloss.conf", path]
        env = dict(support.Server.bare_env(), ASAN_OPTIONS="detect_leaks=0")  # it cannot look for leaks while it is looked at
        subprocess.run(command, check=True, capture_output=True, timeout=support.LIMIT_S, env=env)
        with open(calls, encoding="utf-8") as file:
            seen = [line for line in file if path in line or f"<{self.server.folder}>" in line]
        self.assertRegex("".join(seen), re.escape(f"<{path}.new>) = 0\n") + ".*rename.* = 0\n" + re.escape("fsync(") + r"\d+" + re.escape(f"<{self.server.folder}>"))

    def test_chains_states_and_rows_are_the_same(self):
        self.fill(self.new_session())
        self.server.glossd("quota", "set", "--user", "ben", "ops_rate=7")
        self.server.glossd("quota", "set", "--project", self.project, "annotations=700000")
        audit = "select md5(string_agg(t::text, ',' order by t.id)) from audit t where id <= %s" % self.server.sql("select max(id) from audit")[0][0]
        path, data = self.backup()
        copy = self.copy()
        said = copy.glossd("restore", path, "--json").json
        self.assertEqual(copy.psql(audit), self.server.sql(audit)[0][0])
        self.assertEqual(copy.glossd("quota", "show", "--json").lines, self.server.glossd("quota", "show", "--json").lines)
        with self.assertRaisesRegex(AssertionError, "only ever added"):
            copy.psql("delete from audit")
        for line in (self.server.glossd("audit", "--json", "--action", "backup").lines[0], copy.glossd("audit", "--json", "--action", "restore").lines[0]):
            self.assertEqual((line["detail"]["backup"], line["address"].count("@")), (said["backup"], 1))
        left_out = self.server.sql("select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1")
        self.assertEqual([[name] for name in ("answer", "ask", "schema_version", "worker")], [row for row in left_out if row[0] not in self.tables_in(path)])
        self.assertEqual(copy.streams(), {line["stream"]: line for line in self.server.check()[1] if "stream" in line})
        for table in ("account", "token", "op", "annotation", "member", "term", "stream", "document", "revision", "session", "inbox"):
            rows = f"select md5(string_agg(t::text, ',' order by t::text)) from {table} t"
            self.assertEqual(copy.psql(rows), self.server.sql(rows)[0][0], table)
        self.assertEqual(copy.psql("select count(*) from pg_class where relrowsecurity and not relforcerowsecurity"), "0")
        self.assertEqual(copy.psql("select detail ->> 'backup' from audit where action = 'restore'"), said["backup"])
        self.assertEqual(self.server.sql("select count(*) from audit where action = 'backup' and detail ->> 'backup' = '%s'" % said["backup"]), [["1"]])
        copy.psql("insert into inbox (account, project, stream, seq, annotation, why, by, at) select account, project, stream, 9, annotation, why, by, at from inbox limit 1")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with tarfile.open(path) as tar:  # anybody's tar can read it, and sha256sum prove it
            folder = f"{self.server.folder}/unpacked"
            tar.extractall(folder)
        sums = subprocess.run("cat *.sha256 | sha256sum --strict --quiet -c", shell=True, cwd=folder + "/gloss-backup", capture_output=True, text=True, check=False)
        self.assertEqual((sums.returncode, sums.stdout), (0, ""), sums)

    def test_of_an_older_schema(self):
        """Made by the glossd of today of a database that was not migrated yet; restored, it is what migrations would have made of it."""
        self.fill(self.new_session())
        path = self.new_path()
        old = Database(self.server, 15)
        self.addCleanup(old.drop)
        old.fill(self.server, (*TABLES, "audit"))
        old.psql("select setval(pg_get_serial_sequence('audit', 'id'), max(id)) from audit")
        count = int(old.psql("select count(*) from audit"))
        self.assertGreater(count, 0)
        old.glossd("backup", path)
        copy = self.copy()
        self.assertEqual(copy.glossd("restore", path, "--json").json["schema"], 15)
        self.assertEqual(copy.psql("select count(*) from audit where address is null"), str(count))  # from where was not noted then
        self.assertEqual(copy.psql("select action from audit where address is not null"), "restore")
        old.glossd("migrate")
        self.assertEqual(copy.streams(), old.streams())
        self.assertEqual(copy.form(), old.form())

    def test_a_schema_that_is_not_known_is_refused(self):
        path = self.new_path()
        newest = int(self.server.sql("select max(version) from schema_version")[0][0])
        self.server.sql(f"insert into schema_version (version, name, sha256, oldest) values ({newest + 1}, 'later', sha256('x'), {newest})")
        try:
            self.server.glossd("backup", path)
        finally:
            self.server.sql(f"delete from schema_version where version = {newest + 1}")
        self.refuse(self.copy(), 5, (f"has schema {newest + 1}", "newer glossd"), path)

    def test_interrupted_it_leaves_nothing(self):
        self.fill(self.new_session())
        data = self.backup()[1]
        copy = self.copy()
        mine = f"select pid from pg_stat_activity where datname = '{copy.name}' and application_name = 'glossd admin'"
        for share in (0.3, 0.9):
            with copy.start("restore", "-") as process:
                process.stdin.write(data[:int(len(data) * share)])
                process.stdin.flush()
                wait_until("it has begun", lambda: self.server.sql(f"{mine} and state = 'idle in transaction'"))
                process.kill()
            wait_until("its backend is gone", lambda: not self.server.sql(mine))
            self.assertTrue(copy.is_untouched())
        with copy.start("restore", "-") as process:  # PostgreSQL ends it
            process.stdin.write(data[:len(data) // 2])
            process.stdin.flush()
            wait_until("it has begun", lambda: self.server.sql(f"{mine} and state = 'idle in transaction'"))
            self.server.sql(f"select pg_terminate_backend(pid) from ({mine}) as p")
            said = process.communicate(data[len(data) // 2:])[1].decode()
        self.assertEqual(process.returncode, 4, said)
        self.assertTrue(copy.is_untouched())
        copy.glossd("restore", "-", stdin=data)

    def test_a_person_sees_how_far_it_is(self):
        """A file that comes slowly, and one that is taken slowly; only standard error is a terminal."""
        self.fill(self.new_session(), 200)
        data = self.backup()[1]
        for verb in ("restore", "backup"):
            terminal, end = os.openpty()
            with self.copy().start(verb, "-", stderr=end) if verb == "restore" else self.backup_to_terminal(end) as process:
                os.close(end)
                said = self.slowly(process, data if verb == "restore" else None, terminal)
            os.close(terminal)
            self.assertEqual(process.returncode, 0, said)
            self.assertRegex(said, verb + r": [a-z_]+, \d+\.\d MB(?: of \d+\.\d)?, \d+\.\d MB/s")
            self.assertIn("\r\x1b[K", said)

    def backup_to_terminal(self, stderr):
        return subprocess.Popen([support.GLOSSD, "backup", "--config", self.server.folder + "/gloss.conf", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                                env=support.Server.bare_env())

    @staticmethod
    def slowly(process, data, terminal):
        """Gives or takes it in twenty pieces, a tenth of a second between them: what the terminal showed."""
        said = b""
        if data:
            for at in range(0, len(data), len(data) // 20):
                process.stdin.write(data[at:at + len(data) // 20])
                process.stdin.flush()
                time.sleep(0.1)
        process.stdin.close()
        while process.stdout.read1(8192):
            time.sleep(0.05)
        process.wait(support.LIMIT_S)
        while select.select([terminal], [], [], 0)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # nobody has the other end any more
                break
            said += piece
            if not piece:
                break
        return said.decode()

    def test_a_disk_that_is_full_is_said(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([support.GLOSSD, "backup", "--config", self.server.folder + "/gloss.conf", "-"], stdout=full, stderr=subprocess.PIPE, text=True,
                                  env=support.Server.bare_env(), timeout=support.LIMIT_S)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("No space left", done.stderr)

    def test_a_backup_that_is_interrupted_leaves_no_file(self):
        path = self.new_path()
        with subprocess.Popen([support.GLOSSD, "backup", "--config", self.server.folder + "/gloss.conf", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=support.Server.bare_env()) as process:
            process.stdout.close()  # nobody reads on
            said = process.stderr.read().decode()
        self.assertEqual(process.returncode, 1, said)
        self.assertIn("cannot be written", said)
        with open(path + ".new", "w") as file:
            file.write("of one that was killed")
        os.chmod(path + ".new", 0o644)
        self.server.glossd("backup", path)
        self.assertFalse(os.path.exists(path + ".new"))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.copy().glossd("restore", path)

    def test_a_link_that_lies_in_the_way_is_not_followed(self):
        path, other = self.new_path(), self.new_path()
        with open(other, "w") as file:
            file.write("of somebody else")
        os.symlink(other, path + ".new")
        self.server.glossd("backup", path)
        with open(other) as file:
            self.assertEqual(file.read(), "of somebody else")
        self.assertFalse(os.path.islink(path))
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)


class Damage(BackupCase):
    def test_what_is_damaged_is_refused_and_leaves_nothing(self):
        self.fill(self.new_session())
        path, data = self.backup()
        copy = self.copy()
        with tarfile.open(path) as tar:
            at = {member.name.split("/")[1]: member.offset_data for member in tar.getmembers()}
        op, sum_of_op, end = at["op.000001"], at["op.000001.sha256"], at["end.json"]

        def flipped(byte):
            return data[:byte] + bytes([data[byte] ^ 4]) + data[byte + 1:]
        for what, damaged, words in (
                ("nothing", b"", "damaged at byte 0"),
                ("cut in the manifest", data[:1000], ("manifest.json", "ends here, at byte 1000")),
                ("cut in a table", data[:op + 700], ("op.000001", f"at byte {op + 700}")),
                ("cut between parts", data[:sum_of_op - 512], f"damaged at byte {sum_of_op - 512}"),
                ("cut before the end", data[:-1024], "ends here"),
                ("cut in its last block", data[:-1], "ends here"),
                ("more behind it", data + b"\0", "follows behind the end"),
                ("a bit of a row", flipped(op + 99), ("op.000001", "SHA-256")),
                ("a bit of a sum", flipped(sum_of_op + 5), ("op.000001", "SHA-256")),
                ("a bit of a header", flipped(op - 500), "should begin a part"),
                ("a bit of padding", flipped(sum_of_op + 511), "should be zero"),
                ("a bit of the end", flipped(end + 40), ("end.json", "SHA-256")),
                ("a part away", data[:op - 512] + data[sum_of_op + 512:], ("end.json", "is not what came before")),
                ("a part twice", data[:sum_of_op + 512] + data[op - 512:], ("op.000001", "does not belong here"))):
            with self.subTest(what):
                self.refuse(copy, 1, words, "-", stdin=damaged)
                self.assertTrue(copy.is_untouched())
        copy.glossd("restore", path)

    def test_rows_that_do_not_meet_the_conditions_are_refused(self):
        """Sums are right, of rows that no server writes."""
        self.fill(self.new_session())
        path = self.backup()[0]
        copy = self.copy()
        members, seconds = members_of(path)
        for table, there, instead in (("annotation", rb"\tactive\t", b"\tabsent\t"),
                                      ("op", rb"(\\\\x[0-9a-f]{62})[0-9a-f]{2}\t", rb"\1\t"),
                                      ("stream", rb"(\\\\x[0-9a-f]{64})\t", rb"\g<1>00\t")):
            part, forged = f"gloss-backup/{table}.000001", self.new_path()
            changed = re.sub(there, instead, dict(members)[part], count=1)
            self.assertNotEqual(changed, dict(members)[part])
            forge(forged, [(name, changed if name == part else data) for name, data in members], seconds)
            with self.subTest(table):
                self.refuse(copy, 1, f"the table {table} that do not meet its conditions", forged)
                self.assertTrue(copy.is_untouched())
        copy.glossd("restore", path)

    def test_what_is_in_the_way_is_said(self):
        path, data = self.backup()
        copy = self.copy()
        copy.glossd("migrate")
        copy.glossd("restore", path)  # a schema without anybody in it is empty
        self.refuse(copy, 1, ("is not empty", "glossd init"), path)
        self.assertIn("is there already", self.server.glossd("backup", path, check=False).err)
        self.assertIn("cannot be written", self.server.glossd("backup", "/nonexistent/x", check=False).err)
        self.assertIn("cannot be read", copy.glossd("restore", "/nonexistent/x", status=1).err)
        self.refuse(copy, 1, "no archive that glossd has made", "-", stdin=b"x" * 2000)
        other = self.copy()
        self.assertIn("it has no schema", other.glossd("backup", self.new_path(), status=5).err)
        self.assertIn("takes one file", other.glossd("backup", status=2).err)


class BackInTime(BackupCase):
    def tag(self):
        return self.server.gloss("tag", "now.md", "Watched", "--label", "claim", user="ana", status=0)

    def watch(self):
        """Somebody who has seen an op that the copy will not have."""
        watch = self.server.spawn("watch", "now.md", "--since", "now", "--json", user="ana")

        def is_shown():
            self.tag()
            return select.select([watch.stdout], [], [], 0.5)[0]
        wait_until("it follows", is_shown)
        return watch

    def test_clients_that_had_seen_later_ops_begin_anew(self):
        session = self.new_session()
        self.fill(session)
        self.server.import_text("Watched from now on\n", name="now.md")
        path = self.backup()[0]
        watch = self.watch()
        ana = self.connect("ana")
        replica = ana.join(session)
        lost = [ana.one(session, create("claim", exact="Nobody", note=f"lost {i}")) for i in range(4)]
        ana.wait_seq(session, lost[-1]["seq"])
        ana.close()
        copy = self.copy()
        copy.glossd("restore", path)
        self.server.stop()
        os.replace(copy.conf, self.server.folder + "/gloss.conf")
        self.server.start()
        self.tag()
        err = watch.communicate(timeout=support.LIMIT_S)[1].decode()
        self.assertEqual(watch.returncode, 6, err)
        self.assertIn("went back in time", " ".join(err.split()))
        ben = self.connect("ben")
        begun = ben.join(session)
        self.assertEqual(begun.seq, replica.seq - 4)
        ana = self.connect("ana")
        since = {"session": session, "since": replica.seq, "chain": replica.chain.hex()}
        self.assertError(ana.error("session.join", **since), "resync", "since", seq=begun.seq)
        for i in range(6):  # the same seqs are given out again, for other ops
            ben.one(session, create("claim", exact="Nobody", note=f"new {i}"))
        ben.wait_seq(session, replica.seq + 2)
        self.assertError(ana.error("session.join", **since), "resync")
        self.assertSame(ana.join(session), begun)
        again = ana.one(session, create("claim", exact="Nobody", note="again"))
        ben.wait_seq(session, again["seq"])
        self.assertSame(ana.replicas[session], begun)
        for line in copy_streams(self.server):
            self.assertTrue(line["ok"], line)


class ProjectArchive(BackupCase):
    """From one server to another, with roles of other names."""

    @classmethod
    def prepare(cls):
        cls.other = Server(cluster=cls.server.cluster, settings=support.patient({}, False))
        try:
            cls.other.__enter__()
            cls.other.user("ana")
        except BaseException:
            cls.other.end(check=False)
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            cls.other.end()
        finally:
            cls.other.drop_database()
            super().tearDownClass()

    def refuse_import(self, status, words, *args):
        done = self.other.glossd("project", "import", *args, check=False)
        self.assertEqual((done.status, done.out), (status, ""), done)
        for word in words:
            self.assertIn(word, done.err)

    def place(self, client, session):
        replica = client.join(session)
        self.assertEqual(replica.recount(), replica.state)
        return replica.place()

    def test_there_and_the_same(self):
        session = self.new_session()
        self.fill(session)
        self.server.glossd("quota", "set", "--project", self.project, "annotations=700000")
        path, wrong = self.new_path(), self.new_path()
        said = self.server.glossd("project", "export", self.project, path, "--json").json
        self.assertEqual(said["project"], self.project)
        # What does not hold together is not taken: somebody has changed a row of the server that it comes from.
        self.server.sql(f"update annotation set record = replace(record, 'anew', 'anow') where stream = '{session}'")
        self.server.glossd("project", "export", self.project, wrong)
        self.server.sql(f"update annotation set record = replace(record, 'anow', 'anew') where stream = '{session}'")
        self.refuse_import(1, ["does not hold together"], wrong)
        self.assertIn("is for `glossd restore`", self.other.glossd("project", "import", self.backup()[0], check=False).err)
        self.assertIn("is for `glossd project import`", self.copy().glossd("restore", path, status=1).err)
        self.assertEqual(self.other.sql(f"select 1 from project where id = '{self.project}'"), [])
        self.other.glossd("project", "import", path, "--owner", "admin")
        self.refuse_import(1, ["is here already"], path)
        self.assertIn("is here already", self.server.glossd("project", "import", path, check=False).err)
        mine = {line["stream"]: line for line in copy_streams(self.server)}
        theirs = {line["stream"]: line for line in copy_streams(self.other)}
        self.assertEqual(theirs[session], mine[session])
        self.assertEqual(theirs[self.project]["seq"], mine[self.project]["seq"] + 1)  # the new owner
        people = {row[0]: row[1:] for row in self.other.sql("select id, name, disabled_at is not null, password from account")}
        for identity, name in self.server.sql(f"select id, name from account where id in (select account from op where project = '{self.project}')"):
            self.assertEqual(people[identity][1:], ["t", None])
            self.assertRegex(people[identity][0], "^" + name + (r" \([0-9a-f]{12}\)$" if name in ("ana", "admin") else "$"))
        self.assertEqual(self.other.sql("select count(*) from audit where action = 'project.import'"), [["1"]])
        self.assertEqual(self.other.glossd("quota", "show", "--json").lines, [], "what a server allows is its own")
        with Client(self.other, "admin") as admin, Client(self.server, "ben") as ben:
            self.assertEqual(self.place(admin, session), self.place(ben, session))
            admin.one(session, create("claim", exact="Nobody", note="it goes on here"))

    def test_rows_of_another_project_are_refused(self):
        """Whoever makes such a file by hand does not become a member of what is there."""
        with Client(self.server, "admin") as admin:
            project = admin.call("project.create", name="made by hand")["project"]["project"]
        path = self.new_path()
        self.server.glossd("project", "export", project, path)
        theirs = self.other.sql("select id from project limit 1")[0][0]
        members, seconds = members_of(path)
        rows = dict(members)["gloss-project/member.000001"]
        forged = self.new_path()
        forge(forged, [(name, data.replace(project.encode(), theirs.encode()) if data is rows else data) for name, data in members], seconds)
        self.refuse_import(1, ["member.000001 was not taken", "of_this_project"], forged)

    def test_rows_that_do_not_meet_the_conditions_are_refused(self):
        self.fill(self.new_session())
        path, forged, part = self.new_path(), self.new_path(), "gloss-project/annotation.000001"
        self.server.glossd("project", "export", self.project, path)
        members, seconds = members_of(path)
        forge(forged, [(name, data.replace(b"\tactive\t", b"\tabsent\t") if name == part else data) for name, data in members], seconds)
        self.refuse_import(1, ["annotation.000001 was not taken", "a row does not meet the conditions of its table"], forged)


def members_of(path):
    """Names and bytes, without the sums, and when it was made."""
    with tarfile.open(path) as tar:
        return ([(member.name, tar.extractfile(member).read()) for member in tar.getmembers() if not member.name.endswith(".sha256")], tar.getmembers()[0].mtime)


def forge(path, members, seconds):
    """An archive with sums that are right."""
    chain = bytes(32)
    with open(path, "wb") as file:
        def put(name, data):
            header = tarfile.TarInfo(name)
            header.size, header.mtime, header.mode = len(data), seconds, 0o600
            raw = bytearray(header.tobuf(tarfile.USTAR_FORMAT))
            raw[329:345] = bytes(16)
            raw[148:156] = b"        "
            raw[148:156] = b"%06o\0 " % sum(raw)
            file.write(bytes(raw) + data + bytes(-len(data) % 512))
        for name, data in members:
            if name.endswith("/end.json"):
                end = json.loads(data)
                end["chain"] = chain.hex()
                data = json.dumps(end).encode()
            digest = hashlib.sha256(data).digest()
            put(name, data)
            put(name + ".sha256", f"{digest.hex()}  {name.split('/')[1]}\n".encode())
            chain = hashlib.sha256(chain + digest).digest()
        file.write(bytes(1024))


def copy_streams(server):
    status, lines = server.check()
    assert status == 0, lines
    return [line for line in lines if "stream" in line]


if __name__ == "__main__":
    case.main()
