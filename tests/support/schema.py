"""schema.py - databases of every version of the schema: the first migrations, applied by psql and not by glossd, with rows in them.

    database = Database(server, 7)          # of the server's cluster, with its roles, as glossd of those days would have left it
    database.fill(server)                   # the server's rows, as far as that schema has room for them
    database.glossd("migrate")
"""
import hashlib
import os
import re
import subprocess
import tempfile
import uuid

import server as support

FOLDER = os.path.join(support.SOURCE, "migrations")
VERSION_TABLE = """create table if not exists schema_version (version integer primary key, name text not null, sha256 bytea not null check (octet_length(sha256) = 32),
    applied_at timestamptz(3) not null default clock_timestamp(), applied_by text not null default session_user, oldest integer);\n"""
# Each behind those that its keys point into.
TABLES = ("account", "token", "project", "member", "stream", "document", "revision", "session", "op", "annotation", "term", "inbox")


def migrations():
    """(name, path, text) of each, in their order."""
    names = sorted(name for name in os.listdir(FOLDER) if re.fullmatch(r"\d{4}_\w+\.sql", name))
    found = []
    for name in names:
        with open(f"{FOLDER}/{name}") as file:
            found.append((name[:-4], f"{FOLDER}/{name}", file.read()))
    return found


def locks_of(text):
    return re.search(r"^-- Locks: (.*)$", text, re.MULTILINE).group(1)


class Database:
    def __init__(self, server, version=None):
        """None: as `glossd init` leaves it."""
        self.server, self.name = server, f"{server.name}_{uuid.uuid4().hex[:6]}"
        self.conf = f"{server.folder}/{self.name}.conf"
        with open(server.folder + "/gloss.conf") as file:
            text = file.read().replace(f"dbname={server.name}\n", f"dbname={self.name}\n")
        with open(self.conf, "w") as file:
            file.write(text)
        self.glossd("init")
        if version is not None:
            self.psql(VERSION_TABLE + "".join(self.step(number) for number in range(1, version + 1)), role="owner")

    @staticmethod
    def step(number):
        """One migration and its note, for psql."""
        name, path, text = migrations()[number - 1]
        works = re.search(r"^-- Works with programs from (\d+)", text, re.MULTILINE)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return (f"begin;\n\\i {path}\ninsert into schema_version (version, name, sha256, oldest) values ({number}, '{name}', decode('{digest}', 'hex'), "
                f"{int(works.group(1)) if works else 'null'});\ncommit;\n")

    def drop(self):
        subprocess.run(["psql", "-Xqd", self.server.cluster.conninfo, "-c", f"drop database if exists {self.name} with (force)"], capture_output=True, check=True,
                       timeout=support.LIMIT_S)

    # ---- glossd and psql

    def start(self, *args, stderr=subprocess.PIPE):
        return subprocess.Popen([support.GLOSSD, args[0], "--config", self.conf, *args[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=stderr, env=support.Server.bare_env())

    def glossd(self, *args, status=0, stdin=b""):
        with self.start(*args) as process:
            out, err = process.communicate(stdin, timeout=support.LIMIT_S)
        done = support.Done(args, subprocess.CompletedProcess(args, process.returncode, out, err))
        assert status is None or done.status == status, done
        return done

    def conninfo(self, role=None):
        host = self.server.cluster.conninfo.split(" user=")[0]
        return f"{host} user={self.server.name + '_' + role if role else 'postgres'} dbname={self.name}"

    def psql(self, script, role=None):
        """What a script for psql answers, rows apart by line ends and columns by |."""
        roles = [word for role_name in ("owner", "append", "reader") for word in ("-v", f"{role_name}={self.server.name}_{role_name}")]
        done = subprocess.run(["psql", "-XqtAd", self.conninfo(role), "-v", "ON_ERROR_STOP=1", *roles, "-f", "-"], input=script, capture_output=True, text=True,
                              timeout=support.LIMIT_S)
        assert done.returncode == 0, f"{script[:2000]}\n{done.stderr}"
        return done.stdout.strip()

    def version(self):
        return int(self.psql("select coalesce(max(version), 0) from schema_version"))

    def form(self):
        """All that a migration could have left: tables with their columns, indexes, constraints, functions, rights, policies."""
        return self.psql("""select c.relname, c.relkind, c.relacl, c.relforcerowsecurity, c.reloptions from pg_class c where c.relnamespace = 'public'::regnamespace order by 1;
            select attrelid::regclass, attname, atttypid::regtype, attnotnull, attacl from pg_attribute a join pg_class c on c.oid = attrelid
             where c.relnamespace = 'public'::regnamespace and attnum > 0 order by 1, attnum;
            select conrelid::regclass, conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2;
            select oid::regprocedure, md5(pg_get_functiondef(oid)), proacl from pg_proc where pronamespace = 'public'::regnamespace order by 1;
            select tablename, policyname, roles, qual, with_check from pg_policies order by 1, 2;""")

    # ---- rows

    def columns(self, table):
        return set(self.psql(f"select attname from pg_attribute where attrelid = to_regclass('public.{table}') and attnum > 0 and not attisdropped").split())

    def fill(self, server, tables=TABLES):
        """The rows of a server's database, in the columns that are here. Of labels older schemas had less, and their ops were others: they are left out there."""
        with tempfile.TemporaryDirectory(prefix="gloss-rows.") as folder:
            take, put = "", "set session_replication_role = replica;\n"
            for table in tables:
                there = {name for name, in server.sql(f"select attname from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped")}
                names = ", ".join(sorted(there & self.columns(table)))
                if names:
                    take += f"\\copy (select {names} from {table}) to '{folder}/{table}'\n"
                    put += f"\\copy {table} ({names}) from '{folder}/{table}'\n"
            subprocess.run(["psql", "-Xqd", server.database(), "-v", "ON_ERROR_STOP=1", "-f", "-"], input=take, text=True, check=True, capture_output=True,
                           timeout=support.LIMIT_S)
            self.psql(put)

    def streams(self):
        return {line["stream"]: line for line in self.glossd("check", "--json").lines if "stream" in line}
