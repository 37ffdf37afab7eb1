#!/usr/bin/python3
"""A rolling upgrade while people work: the schema first (killed in the middle of it, then again), then one server after the other, with old and new ones together.

The old version is this one, the new one glossd_next: another number, one migration more, and a kind of op that the old one does not know. Nothing is lost; the
new kind is refused as `upgrade` for as long as an old worker may be there; an old client and an old server that meet it stop that session and say so."""
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import checker  # noqa: E402
import page  # noqa: E402
import server as support  # noqa: E402
import strike  # noqa: E402
from client import Client, Refused, create, new_id  # noqa: E402
from faults_net import wait_ready  # noqa: E402
from lined import LinedGround, Second  # noqa: E402
from server import wait_until  # noqa: E402

NEXT = os.environ.get("GLOSS_NEXT") or os.path.join(support.BUILD, "tests/fire/glossd_next")


def remark(annotation, base, note):
    return {"id": new_id(), "base": base, "change": {"kind": "annotation.remark", "annotation": annotation, "note": note}}


class Upgrade:
    def __init__(self, ground):
        self.ground, self.old, self.new = ground, ground.servers[0], ground.servers[1].near
        self.user = ground.projects[0].users[0]
        with Client(self.old, "admin") as admin:
            project = next(it["project"] for it in admin.call("project.list")["projects"] if it["name"] == ground.projects[0].name)
            self.session = admin.upload(project, f"Something to remark on. {new_id()}", title="remarks")["document"]["session"]
        with Client(self.old, self.user) as ana:
            self.note = ana.one(self.session, create("claim", start=0, end=9))

    def version(self):
        return int(self.old.sql("select max(version) from schema_version")[0][0])

    def go_on(self, what):
        """Everybody is answered on both servers, and has everything."""
        before = [herd.count("acked") for herd in self.ground.herd.herds]
        self.ground.herd.wait(f"all go on {what}", lambda: all(herd.count("acked") > count + 10 for herd, count in zip(self.ground.herd.herds, before)))
        self.ground.herd.reach(self.ground.heads(), 60)
        self.ground.log(f"all go on {what}")

    def migrate(self, is_killed):
        """glossd_next migrate under load."""
        before = self.version()
        command = [NEXT, "migrate", "--config", self.old.folder + "/gloss.conf"]
        with self.ground.herd.rush(), subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=support.Server.bare_env()) as process:
            wait_until("the migration is under way", lambda: process.poll() is not None or self.old.sql(
                "select 1 from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like '%remarked_at%'"))
            if is_killed:
                assert process.poll() is None, process.stdout.read()
                process.kill()
            said = process.stdout.read().decode()
            status = process.wait(60)
        if is_killed:
            wait_until("its connection is gone", lambda: not self.old.sql(
                "select 1 from pg_stat_activity where pid <> pg_backend_pid() and query like '%remarked_at%' and state <> 'idle'"))
            assert self.version() == before, "what was killed has left something"
        else:
            assert status == 0 and self.version() == before + 1, said

    def lose_worker(self, server, what):
        """kill -9; the supervisor of an old server must be able to start another on the new schema."""
        gone = server.kill_worker()
        server.wait_new_worker(gone, 30)
        wait_ready(server)
        self.go_on(f"after kill -9 of a worker of the {what} server")

    def replace(self, server):
        server.stop()
        server.program = NEXT
        server.start()

    def refusal(self, server):
        """Of the new kind: its name; None when it was taken."""
        with Client(server, self.user) as ana:
            result = ana.submit(self.session, [remark(self.note["annotation"], self.note["seq"], "remarked")])[0]
        return result["error"]["data"]["name"] if "error" in result else None

    def roll(self):
        self.migrate(is_killed=True)
        self.go_on("after a migration that was killed")
        self.migrate(is_killed=False)
        self.go_on("after the migration")
        self.lose_worker(self.old, "old")
        self.replace(self.new)
        self.go_on("with an old and a new server")
        assert self.refusal(self.new) == "upgrade", "the new kind was not refused beside an old server"
        self.lose_worker(self.old, "old")
        self.lose_worker(self.new, "new")
        self.replace(self.old)
        self.go_on("with new servers only")

    def new_kind(self):
        """The last old worker was seen a while ago."""
        watch = self.old.spawn("watch", "remarks", "--json", user=self.user)
        joined = Client(self.old, self.user)
        joined.join(self.session, pages=False)
        begun = time.monotonic()
        names = set()
        wait_until("the new kind is taken", lambda: (lambda name: names.add(name) or name is None)(self.refusal(self.new)), 60, every=0.5)
        assert names <= {"upgrade", None}, names
        print(f"the new kind was refused as upgrade for {time.monotonic() - begun:.1f} s more")
        said = watch.communicate(timeout=60)[1].decode()
        assert watch.returncode == 2 and "install a newer gloss" in said, f"an old client went on: {watch.returncode} {said}"
        joined.close()

    def old_server_meets_it(self):
        """It stood still for so long that the others forgot it, with somebody in the session; then it reads what it cannot apply."""
        with Second(self.old, self.ground.lines["database"], 1, self.ground.settings) as old, Client(old, self.user) as ana:
            ana.join(self.session, pages=False)
            wait_until("new kinds are refused again", lambda: self.refusal(self.new) == "upgrade", 30, every=0.2)
            everybody = old.running()
            for pid in everybody:
                os.kill(pid, signal.SIGSTOP)
            try:
                wait_until("the new kind is taken without it", lambda: self.refusal(self.new) is None, 60, every=0.5)
            finally:
                for pid in everybody:
                    os.kill(pid, signal.SIGCONT)
            ana.wait_notice("session.notice", lambda params: params["what"] == "upgrade", 60)
            other = self.ground.projects[0].sessions[0][0]
            ana.one(other, create("claim", start=0, end=3))
            print("an old server that met the new kind said upgrade, and goes on with other sessions")


def main():
    if support.missing():
        strike.skip(support.missing())
    if not os.access(NEXT, os.X_OK):
        strike.skip(f"{NEXT} is not built")
    folder = tempfile.mkdtemp(prefix="gloss-fire.", dir="/tmp")
    try:
        with LinedGround(folder, 1, workers=2, sizes=strike.FEW, settings=strike.SETTINGS) as ground:
            upgrade = Upgrade(ground)
            upgrade.ground.herd.reach(ground.heads(), 60)
            upgrade.roll()
            ground.finish()
            upgrade.new_kind()
            upgrade.old_server_meets_it()
    except BaseException as error:
        print(page.of_error(folder, error, "tests/fire/test_upgrade.py"))
        raise
    record = checker.Record(folder)
    violations = [it for it in checker.check(record) if it.session != upgrade.session]
    if violations:
        print(page.of_violations(record, violations, "tests/fire/test_upgrade.py"))
        sys.exit(1)
    print(f"nothing was lost: {checker.figures(record)}")
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
