#!/usr/bin/python3
"""glossd migrate: from every version of the schema, with rows in it, killed in the middle of each step, several at once; and what --plan says is so."""
import subprocess
import threading

import case
from case import ServiceCase, create, delete, support, update, wait_until
from schema import Database, locks_of, migrations

NEWEST = len(migrations())
CODEBOOK = 8  # the migration from labels to terms
UNSAID = {("7", "stream")}  # from before this was looked at: a key that points into it; a migration is not changed any more
STRONG = ("AccessExclusiveLock", "ExclusiveLock", "ShareRowExclusiveLock", "ShareLock")


class MigrateCase(ServiceCase):
    users = {"ana": "annotator", "ben": "curator"}

    @classmethod
    def prepare(cls):
        """What the oldest schema knew already: texts, people, labels, annotations that were changed and deleted."""
        with case.Client(cls.server, "admin") as admin, case.Client(cls.server, "ana") as ana:
            session = admin.upload(cls.project, case.TEXT, title="old")["document"]["session"]
            notes = [ana.one(session, create(label, exact="Nobody", note=f"a note {label}")) for label in ("claim", "evidence \"é\"", "claim")]
            ana.one(session, update(notes[0]["annotation"], notes[0]["seq"], note="anew"))
            ana.one(session, delete(notes[2]["annotation"], notes[2]["seq"]))
        status, lines = cls.server.check()
        assert status == 0, lines
        cls.streams = {line["stream"]: line for line in lines if "stream" in line}

    def database(self, version, filled=True):
        made = Database(self.server, version)
        self.addCleanup(made.drop)
        if filled and version > 0:
            made.fill(self.server)
        return made

    def kill_in_the_middle(self, database):
        """kill -9 when the next migration is done but for its note, which a trigger keeps waiting."""
        database.psql("""create schema stall;
            create function stall.wait() returns trigger language plpgsql as
                'begin while not pg_try_advisory_xact_lock(42) loop perform pg_sleep(0.02); end loop; return new; end';
            create trigger stall before insert on public.schema_version execute function stall.wait();""")
        before = database.version(), database.form()
        mine = f"select pid from pg_stat_activity where datname = '{database.name}' and application_name = 'glossd migrate'"
        with subprocess.Popen(["psql", "-Xqtd", database.conninfo()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
            holder.stdin.write("select pg_advisory_lock(42), 'held';\n")
            holder.stdin.flush()
            while "held" not in holder.stdout.readline():
                pass
            with database.start("migrate") as process:
                wait_until("it is at its note", lambda: process.poll() is not None or database.psql(f"{mine} and wait_event = 'PgSleep' and query like 'insert%'"))
                self.assertIsNone(process.poll(), "it ended by itself")
                process.kill()
            holder.communicate("")
        wait_until("its backend is gone", lambda: not database.psql(mine))
        self.assertEqual((database.version(), database.form()), before)
        database.psql("drop schema stall cascade")

    def step(self, version):
        database = self.database(version)
        self.kill_in_the_middle(database)
        database.glossd("migrate")
        self.assertEqual(database.version(), NEWEST)
        if 2 <= version < CODEBOOK:
            database.fill(self.server, ["term"])
        if version >= 2:
            self.assertEqual(database.streams(), self.streams)
        elif version == 1:
            self.assertEqual(database.psql("select count(*) from account"), self.server.sql("select count(*) from account")[0][0])
        self.assertEqual(database.form(), self.newest())

    @classmethod
    def newest(cls):
        """The form of a database that was made in one go."""
        if not hasattr(cls, "newest_form"):
            made = Database(cls.server, 0)
            made.glossd("migrate")
            cls.newest_form = made.form()
            made.drop()
        return cls.newest_form


class Migrate(MigrateCase):
    def test_from_the_one_before_killed_in_the_middle(self):
        self.step(NEWEST - 1)

    def test_two_at_once_apply_each_once(self):
        database = self.database(0)
        results = []

        def migrate():
            results.append(database.glossd("migrate", "--json", status=None))
        threads = [threading.Thread(target=migrate) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        applied = [line["version"] for done in results for line in done.lines if "migration" in line]
        self.assertEqual(sorted(applied), list(range(1, NEWEST + 1)))
        for done in results:  # who waited for more than ten seconds says so
            self.assertTrue(done.status == 0 or (done.status == 1 and "is at work" in done.err), done)
        self.assertEqual(database.form(), self.newest())

    def test_plan_shows_sql_and_locks(self):
        database = self.database(NEWEST - 2, filled=False)
        before = database.form()
        planned = database.glossd("migrate", "--plan", "--json").lines
        self.assertEqual([line["version"] for line in planned if "migration" in line], [NEWEST - 1, NEWEST])
        for line, (name, _, text) in zip(planned, migrations()[-2:]):
            self.assertEqual((line["migration"], line["planned"], line["locks"]), (name, True, locks_of(text)))
            for role in ("owner", "append", "reader"):
                text = text.replace(f':"{role}"', f'"{self.server.name}_{role}"')
            self.assertEqual(line["sql"], text)
        said = database.glossd("migrate", "--plan").out
        self.assertIn(f"-- would apply {migrations()[-1][0]}", said)
        self.assertIn(f"Locks: {locks_of(migrations()[-1][2])}", said)
        self.assertEqual(database.form(), before)
        database.psql(f"begin;\n{said}\ncommit;", role="owner")  # what is shown is what would be run
        database.psql("".join(f"insert into schema_version (version, name, sha256) values ({number}, '{migrations()[number - 1][0]}', "
                              f"sha256(pg_read_binary_file('{migrations()[number - 1][1]}')));" for number in (NEWEST - 1, NEWEST)))
        self.assertEqual(database.form(), self.newest())

    def test_locks_are_those_that_are_announced(self):
        """Of each table that was there before, the strong locks that a migration takes are in its line `Locks`."""
        database = self.database(0)
        script = ""
        for number, (_, path, _) in enumerate(migrations(), 1):
            script += (f"begin;\ncreate temp table before on commit drop as select oid, relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r';\n"
                       f"\\i {path}\n"
                       f"select 'LOCK', {number}, b.relname, l.mode from pg_locks l join before b on b.oid = l.relation where l.pid = pg_backend_pid() and l.locktype = 'relation';\n"
                       "commit;\n")
        found = [line.split("|")[1:] for line in database.psql(script, role="owner").splitlines() if line.startswith("LOCK")]
        self.assertGreater(len(found), 20)
        for number, table, lock in found:
            said = locks_of(migrations()[int(number) - 1][2])
            if lock in STRONG and (number, table) not in UNSAID:
                self.assertTrue(table in said or "every table" in said, f"{number} takes {lock} on {table}, and says: {said}")


class EveryStep(MigrateCase):
    def test_from_every_version_killed_in_the_middle(self):
        for version in range(NEWEST):
            with self.subTest(version):
                self.step(version)


if __name__ == "__main__":
    case.main()
