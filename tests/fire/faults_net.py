"""faults_net.py - lines that fail: between a worker and PostgreSQL, and between people and a worker. The interface is that of faults.py.

Those named "line" need a ground whose lines are proxies (lined.LinedGround): stalled both ways or one way, slow, reset, without notifications.
Those named "cable" need machines of their own (Ground(nodes=True)): packets are lost, both ways or one way, and no end says a word.
"""
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import lab as labs
from faults import Fault, bite
from server import wait_until

FLYING_S = 0.5  # what had been said before may still be under way
NOBODY = "02:00:00:00:00:99"  # an Ethernet address that no machine has


def plain(server, path):
    """Status and text of a plain answer of a server on this machine, past its lines."""
    context = ssl.create_default_context(cafile=server.ca)
    port = getattr(server, "near", server).port
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}{path}", timeout=60, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def wait_unready(server, word="", seconds=180):
    """Until it says that it is not ready, and why."""
    return wait_until(f"readyz says no ({word})", lambda: (lambda got: got if got[0] == 503 and word in got[1] else None)(plain(server, "/readyz")), seconds)


def wait_ready(server, seconds=180):
    wait_until("readyz says yes", lambda: plain(server, "/readyz")[0] == 200, seconds)


def wait_still(herd):
    """Until nothing more of what had been committed comes: its count of acknowledged ops, which must stay as it is from now on."""
    def is_still():
        before = herd.count("acked")
        time.sleep(FLYING_S)
        return herd.count("acked") == before
    wait_until("answers that were under way have come", is_still)
    return herd.count("acked")


class LineFault(Fault):
    """Needs stage.lines."""
    line = "database"

    def why_not(self, stage):
        return None if getattr(stage, "lines", None) else "there is no line that can fail"


# ---- between a worker and PostgreSQL

class DatabaseStall(LineFault):
    """The connections are there, and nothing comes through. The second server acknowledges nothing and is not ready; the first one goes on."""

    def __init__(self, name, *ways):
        self.name, self.ways = f"database line stalled {name}", ways

    def strike(self, stage):
        line, server = stage.lines["database"], stage.servers[1]
        unknown = stage.herd.unknown
        with stage.herd.rush():
            stage.herd.wait("the second server's people ask", lambda: stage.far.count("in_flight") > 0)
            line.stall(*self.ways)
            try:
                begun, near = time.monotonic(), stage.near.count("acked")
                wait_unready(server, "database")
                unready = time.monotonic() - begun
                far, waiting = wait_still(stage.far), bite(stage.far.count("in_flight"), "nobody waited for the second server")
                goes_on = stage.near.count("acked")
                stage.herd.wait("the first server goes on", lambda: stage.near.count("acked") > goes_on + 20)
                meanwhile = stage.far.count("acked") - far
            finally:
                line.stall()
        healed = time.monotonic()
        wait_ready(server)
        assert meanwhile == 0, f"{meanwhile} ops were acknowledged without the database"
        return {"bit": waiting, "unready_ms": int(unready * 1000), "ready_ms": int((time.monotonic() - healed) * 1000), "near": stage.near.count("acked") - near,
                "open": stage.herd.unknown - unknown, "healed": healed}


class DatabaseReset(LineFault):
    """Every connection to PostgreSQL ends with a reset, again and again, while ops are in flight."""
    name = "database line reset"
    TIMES = 8

    def strike(self, stage):
        line, broken = stage.lines["database"], 0
        with stage.herd.rush():
            for _ in range(self.TIMES):
                acked = stage.far.count("acked")
                stage.herd.wait("the second server acknowledges", lambda: stage.far.count("acked") > acked and stage.far.count("in_flight") > 0)  # pylint: disable=cell-var-from-loop
                broken += line.reset()
        healed = time.monotonic()
        wait_ready(stage.servers[1])
        return {"bit": bite(broken, "no connection was there"), "healed": healed}


class DatabaseSlow(LineFault):
    """Every piece takes its time, on a line that is otherwise well. All goes on, only later."""
    name = "database line slow"
    SECONDS, OPS = 0.02, 20

    def strike(self, stage):
        line = stage.lines["database"]
        with stage.herd.rush():
            line.delay = self.SECONDS
            try:
                before, begun = stage.far.count("acked"), time.monotonic()
                stage.herd.wait("ops are acknowledged all the same", lambda: stage.far.count("acked") >= before + self.OPS)
                took = time.monotonic() - begun
            finally:
                line.delay = 0
        assert took > self.SECONDS, "it was not slow"
        return {"bit": 1, "ops": self.OPS, "took_ms": int(took * 1000)}


class LostNotifications(LineFault):
    """What the workers of the first server tell does not come to the second one. It looks by itself, every half a second."""
    name = "notifications lost"
    ROUNDS = 8

    def strike(self, stage):
        line, before, late = stage.lines["database"], stage.lines["database"].dropped, []
        line.drops = True
        try:
            for _ in range(self.ROUNDS):
                late.append(self.one_op(stage))
        finally:
            line.drops = False
        return {"bit": bite(line.dropped - before, "no notification was lost"), "late_ms_median": sorted(late)[len(late) // 2], "late_ms_most": max(late)}

    def one_op(self, stage):
        """From a new op on the first server to everybody's eyes, in milliseconds."""
        acked = stage.near.count("acked")
        stage.herd.wait("somebody writes", lambda: stage.near.count("acked") > acked)
        heads, begun = stage.heads(), time.monotonic()
        stage.herd.wait("everybody has it without a notification", lambda: stage.herd.behind(heads) is None)
        return int((time.monotonic() - begun) * 1000)


# ---- between people and a worker

class PeopleStall(LineFault):
    """Everybody on the second server sits behind a line on which nothing moves; the others do not notice."""

    def __init__(self, name, *ways):
        self.name, self.ways = f"people's line stalled {name}", ways

    def strike(self, stage):
        line = stage.lines["clients"]
        with stage.herd.rush():
            stage.herd.wait("people ask", lambda: stage.far.count("in_flight") > 0)
            line.stall(*self.ways)
            try:
                before, near = wait_still(stage.far), stage.near.count("acked")
                stage.herd.wait("the others go on", lambda: stage.near.count("acked") >= near + 100)
                waiting, meanwhile = stage.far.count("in_flight"), stage.far.count("acked") - before
            finally:
                line.stall()
        assert meanwhile == 0, f"{meanwhile} answers came over a line that was stalled"
        return {"bit": bite(waiting, "nobody waited"), "near": stage.near.count("acked") - near}


class PeopleReset(LineFault):
    """Their connections end with a reset while ops are in flight, again and again."""
    name = "people's line reset"
    TIMES = 6

    def strike(self, stage):
        line, broken = stage.lines["clients"], 0
        for _ in range(self.TIMES):
            with stage.herd.rush():
                acked = stage.far.count("acked")
                stage.herd.wait("people are answered", lambda: stage.far.count("acked") > acked and stage.far.count("in_flight") > 0)  # pylint: disable=cell-var-from-loop
                broken += line.reset()
        return {"bit": bite(broken, "nobody was connected")}


class PeopleSlow(LineFault):
    name = "people's line slow"

    def strike(self, stage):
        line = stage.lines["clients"]
        with stage.herd.rush():
            line.delay = 0.02
            try:
                before, begun = stage.far.count("acked"), time.monotonic()
                stage.herd.wait("answers come all the same", lambda: stage.far.count("acked") >= before + 20)
                took = time.monotonic() - begun
            finally:
                line.delay = 0
        return {"bit": 1, "ops": 20, "took_ms": int(took * 1000)}


# ---- machines of their own: packets that are lost

class Cable(Fault):
    """The second machine and the database do not hear each other, or one does not hear the other. `way`: None, "there" or "back"."""
    def __init__(self, name, way=None):
        self.name, self.way = f"cable cut {name}", way

    def why_not(self, stage):
        return None if stage.lab else "needs machines of its own"

    def cut(self, lab):
        """One way: the sender has a wrong Ethernet address for the other, for good. Its packets go to nobody."""
        if self.way is None:
            lab.cut("b")
        else:
            sender, other = ("b", "db") if self.way == "there" else ("db", "b")
            labs.run("ip", "-n", lab.space(sender), "neigh", "replace", lab.address(other), "lladdr", NOBODY, "dev", "eth0", "nud", "permanent")

    def heal(self, lab):
        if self.way is None:
            lab.heal("b")
        else:
            sender, other = ("b", "db") if self.way == "there" else ("db", "b")
            labs.run("ip", "-n", lab.space(sender), "neigh", "del", lab.address(other), "dev", "eth0")

    def strike(self, stage):
        near, far = stage.herd.herds
        with stage.herd.rush():
            stage.herd.wait("the second machine's people ask", lambda: far.count("in_flight") > 0)
            self.cut(stage.lab)
            try:
                begun, first = time.monotonic(), near.count("acked")
                wait_until("it is not ready", lambda: stage.lab.readyz("b") == 503)
                unready = time.monotonic() - begun
                before, waiting = wait_still(far), bite(far.count("in_flight"), "nobody waited")
                goes_on = near.count("acked")
                stage.herd.wait("the first machine goes on", lambda: near.count("acked") > goes_on + 20)
                meanwhile = far.count("acked") - before
            finally:
                self.heal(stage.lab)
        wait_until("the line is whole", lambda: self.passes(stage.lab))  # the kernel asks for the other's Ethernet address once a second
        healed = time.monotonic()
        wait_until("it is ready again", lambda: stage.lab.readyz("b") == 200)
        assert meanwhile == 0, f"{meanwhile} ops were acknowledged without the database"
        return {"bit": waiting, "unready_ms": int(unready * 1000), "ready_ms": int((time.monotonic() - healed) * 1000), "near": near.count("acked") - first,
                "healed": healed}

    @staticmethod
    def passes(lab):
        """Does the database's machine take a plain connection from the second one?"""
        connect = f"exec 3<>/dev/tcp/{lab.address('db')}/5432"
        return subprocess.run([*lab.on("b"), "timeout", "0.25", "bash", "-c", connect], capture_output=True, timeout=30).returncode == 0


FAULTS = [
    DatabaseStall("both ways", "there", "back"),
    DatabaseStall("on its way there", "there"),
    DatabaseStall("on its way back", "back"),
    DatabaseReset(),
    DatabaseSlow(),
    LostNotifications(),
    PeopleStall("both ways", "there", "back"),
    PeopleStall("on its way there", "there"),
    PeopleStall("on its way back", "back"),
    PeopleReset(),
    PeopleSlow(),
    Cable("both ways"),
    Cable("towards the database", "there"),
    Cable("from the database", "back"),
]
