#!/usr/bin/python3
"""A database as of any second, with PostgreSQL's own tools: the commands of docker/recovery.md as they stand there, while people work."""
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

import case
import standby
from case import Client, ServiceCase, create, support, wait_until

PAGE = os.path.join(support.SOURCE, "docker/recovery.md")


def commands(heading):
    """The blocks of commands below a heading of the page."""
    with open(PAGE) as file:
        section = file.read().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks, block = [], []
    for line in section.splitlines() + [""]:
        if line.startswith("    "):
            block.append(line[4:])
        elif block:
            blocks.append("\n".join(block))
            block = []
    return blocks


class Recovery(ServiceCase):
    own_cluster = True
    users = {"ana": "annotator"}

    def run_as_postgres(self, script, **variables):
        """Commands of the page, as the user that PostgreSQL runs as."""
        cluster = self.server.cluster
        owner = pwd.getpwuid(os.stat(cluster.folder + "/data").st_uid)
        env = {"PATH": f"{standby.programs()}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8", "HOME": self.folder, "DATA": cluster.folder + "/data",
               "WAL": self.folder + "/wal", "COPY": self.folder + "/copy", "PGHOST": cluster.conninfo.split("'")[1], "PGUSER": "postgres", "PGDATABASE": "postgres",
               **variables}
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        prefix = ["setpriv", "--reuid", str(owner.pw_uid), "--regid", str(owner.pw_gid), "--init-groups", "--"] if os.getuid() == 0 else []
        with open(self.folder + "/said", "w+b") as said:  # what a server that stays would keep open is no pipe
            done = subprocess.run([*prefix, "sh", "-euc", script], env=env, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=600, check=False)
            said.seek(0)
            self.assertEqual(done.returncode, 0, f"{script}\n{said.read().decode()}")

    def write(self, session, count):
        """By somebody new: the cluster may have been started again."""
        def go():
            try:
                with Client(self.server, "ana") as ana:
                    return [ana.one(session, create("claim", exact="Nobody", note="x" * 200))["seq"] for _ in range(count)]
            except (case.Refused, case.Closed, OSError):
                return None
        return wait_until("it is taken", go)

    def crash_behind_the_copy(self, session):
        """What a crash leaves between the archive's mv and PostgreSQL's note of it: a segment that is kept is to be kept once more. Later ones wait for it."""
        def newest(behind=""):
            self.server.sql("select pg_switch_wal()")
            found = self.server.sql(f"select last_archived_wal from pg_stat_archiver where last_archived_wal ~ '^[0-9A-F]{{24}}$' and last_archived_wal > '{behind}'")
            return found[0][0] if found else None
        kept = wait_until("a segment is kept", newest, every=0.5)
        note = f"{self.server.cluster.folder}/data/pg_wal/archive_status/{kept}"
        os.rename(note + ".done", note + ".ready")
        self.write(session, 1)
        wait_until("a later one is kept", lambda: newest(kept), every=0.5)
        self.assertFalse(os.path.exists(note + ".ready"))

    def test_as_of_a_moment(self):
        self.folder = tempfile.mkdtemp(prefix="gloss-recovery.", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        once, nightly, recover = commands("To any second: WAL")
        session = self.new_session()
        self.write(session, 5)
        self.run_as_postgres(once)
        self.server.wait_ready()
        self.write(session, 5)
        self.crash_behind_the_copy(session)
        self.run_as_postgres(nightly)
        kept = self.write(session, 5)[-1]
        moment = self.server.sql("select clock_timestamp()")[0][0]
        wait_until("a later second", lambda: self.server.sql(f"select clock_timestamp() > '{moment}'::timestamptz + interval '1 second'") == [["t"]])
        lost = self.write(session, 5)[-1]
        with Client(self.server, "ana") as ana:
            replica = ana.join(session)
        self.assertEqual(replica.seq, lost)
        self.server.stop()
        self.run_as_postgres(recover, MOMENT=moment)
        self.server.start()
        ana = self.connect("ana")
        self.assertError(ana.error("session.join", session=session, since=replica.seq, chain=replica.chain.hex()), "resync", seq=kept)
        again = ana.join(session)
        self.assertEqual(again.seq, kept)
        ana.wait_seq(session, ana.one(session, create("claim", exact="Nobody", note="again"))["seq"])
        self.assertChecks(again)


if __name__ == "__main__":
    reason = standby.missing() or (None if shutil.which("setpriv") or os.getuid() else "setpriv is missing")
    if reason:
        print("skipped:", reason)
        sys.exit(77)
    case.main()
