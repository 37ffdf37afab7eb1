#!/usr/bin/python3
"""nodes.py - one Gloss on two machines: two servers and PostgreSQL, each in a network namespace of its own, with people on both. usage: nodes.py

What is shown: what is said on one machine comes to the other; a machine that is cut off from the database, silently, stops acknowledging and holds nobody else
up, and goes on by itself when the line is back; one that is far from the database gets its turn beside one that never pauses; nothing acknowledged is missing
or there twice, and chain and state are the same on both and for glossd check.
"""
import asyncio
import ctypes
import os
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import client as clients  # noqa: E402
import server as support  # noqa: E402
from client import create, new_id  # noqa: E402
import writer as writers  # noqa: E402

NET = "198.18.7"  # for tests of networks (RFC 2544); nothing leaves the machine
PORT, FAR_PORT = 7443, 6543
CLONE_NEWNET = 0x40000000
CUT_S = 8  # longer than a server waits for an answer of the database
FAR_MS = 15  # each way
TEXT = "abcdefghijklmnopqrstuvwxyz " * 8


def expect(claim, what):
    if not claim:
        raise AssertionError(what)


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


class Lab:
    """Hosts on a switch, in namespaces of their own."""

    def __init__(self, *hosts):
        self.name = f"gloss{os.getpid()}"
        self.hosts = hosts
        self.made = []

    def space(self, host):
        return f"{self.name}-{host}"

    def __enter__(self):
        try:
            self.make("switch")
            run("ip", "-n", self.space("switch"), "link", "add", "sw", "type", "bridge")
            run("ip", "-n", self.space("switch"), "link", "set", "sw", "up")
            for number, host in enumerate(self.hosts, 1):
                self.make(host)
                self.plug_in(host, number)
        except BaseException:
            self.__exit__()
            raise
        return self

    def make(self, host):
        run("ip", "netns", "add", self.space(host))
        self.made.append(host)

    def plug_in(self, host, number):
        switch, space = self.space("switch"), self.space(host)
        run("ip", "link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", f"port-{host}", "netns", switch)
        run("ip", "-n", switch, "link", "set", f"port-{host}", "master", "sw", "up")
        run("ip", "-n", space, "addr", "add", f"{NET}.{number}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "-n", space, "link", "set", "eth0", "up")

    def __exit__(self, *_):
        for host in reversed(self.made):
            subprocess.run(["ip", "netns", "del", self.space(host)], capture_output=True, timeout=60)

    def address(self, host):
        return f"{NET}.{self.hosts.index(host) + 1}"

    def on(self, host):
        """What a command begins with that runs there."""
        return ["nsenter", f"--net=/run/netns/{self.space(host)}", "--"]

    def cut(self, host):
        """Its port is none of the switch any more, which drops what comes and goes and says nothing: the host's cable looks well."""
        run("ip", "-n", self.space("switch"), "link", "set", f"port-{host}", "nomaster")

    def heal(self, host):
        run("ip", "-n", self.space("switch"), "link", "set", f"port-{host}", "master", "sw")


class NetCluster(support.Cluster):
    """PostgreSQL on its host, over TCP for the others."""

    def __init__(self, lab):
        self.lab = lab
        super().__init__(own=True)

    def start(self):
        super().start()
        run("psql", "-Xqd", self.conninfo, "-c", "alter system set listen_addresses = '*'")
        with open(self.folder + "/data/pg_hba.conf", "a") as file:
            file.write(f"host all all {NET}.0/24 trust\n")
        self.stop()
        run(*self.lab.on("db"), support.DEPS + "/private-postgres", "start", self.folder, "--test")


class Node(support.Server):
    """A server on a host; the second one shares database, certificate and people with the first."""

    def __init__(self, lab, host, cluster, first=None):
        super().__init__(workers=2)
        self.space, self.prefix, self.port = lab.space(host), lab.on(host), PORT
        self.cluster, self.first = cluster, first
        self.reach(lab.address("db"), 5432)
        if first:
            self.name, self.tokens = first.name, first.tokens
            os.symlink(first.folder + "/cert", self.folder + "/cert")

    def reach(self, address, port):
        """By which way the database is reached, from the next start on."""
        self.extra = {"database": f"host={address} port={port} dbname={self.name if not getattr(self, 'first', None) else self.first.name}",
                      "database_admin": f"host={address} port={port} user=postgres dbname=postgres"}

    def __enter__(self):
        try:
            if not self.first:
                subprocess.run([support.DEPS + "/certificate", self.folder + "/cert"], check=True, capture_output=True)
            self.write_settings()
            if not self.first:
                self.glossd("init")
                self.glossd("migrate")
                self.user("admin", admin=True)
                self.glossd("project", "add", support.PROJECT, "--owner", "admin")
            self.start()
        except BaseException:
            self.end(check=False)
            raise
        return self

    def is_ready(self):
        try:
            NodeClient(self, "admin").close()
            return True
        except (OSError, clients.Refused, clients.Closed):
            return False

    def drop_database(self):
        """It goes with the cluster."""

    def end(self, check=True):
        cluster, self.cluster = self.cluster, None
        try:
            super().end(check)
        finally:
            self.cluster = cluster


libc = ctypes.CDLL(None, use_errno=True)
PlainClient = clients.Client


class NodeClient(PlainClient):
    """A client on the server's own machine. A socket stays in the namespace in which it was made."""
    one_at_a_time = threading.Lock()

    def __init__(self, server, *args, **more):
        with self.one_at_a_time:
            super().__init__(server, *args, **more)

    @staticmethod
    def enter(path):
        with open(path) as space:
            if libc.setns(space.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), path)

    async def open(self, port):
        self.enter(f"/run/netns/{self.server.space}")
        try:
            await super().open(port)
        finally:
            self.enter(OWN_SPACE)


OWN_SPACE = f"/proc/{os.getpid()}/task/{os.getpid()}/ns/net"  # of the first thread, which never leaves it
clients.Client = NodeClient  # the writers' too


# ---- a long line: everything arrives, later

async def late(reader, sender, seconds):
    """Copies what comes, each piece so much later; order is kept, and the reading goes on meanwhile."""
    queue = asyncio.Queue()

    async def send():
        while True:
            at, data = await queue.get()
            await asyncio.sleep(max(0, at - time.monotonic()))
            if not data:
                sender.close()
                return
            sender.write(data)
            await sender.drain()
    sending = asyncio.ensure_future(send())
    try:
        while data := await reader.read(65536):
            queue.put_nowait((time.monotonic() + seconds, data))
    except OSError:
        pass
    queue.put_nowait((time.monotonic() + seconds, b""))
    try:
        await sending
    except OSError:
        sender.close()


async def serve_late(port, address, milliseconds):
    async def visit(reader, sender):
        there, to_there = await asyncio.open_connection(address, 5432)
        await asyncio.gather(late(reader, to_there, milliseconds / 1000), late(there, sender, milliseconds / 1000))
    server = await asyncio.start_server(visit, "127.0.0.1", port)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


class LongLine:
    """Between a host and the database: a connection to 127.0.0.1 there is one to the database, far away."""

    def __init__(self, lab, host):
        self.process = subprocess.Popen([*lab.on(host), sys.executable, "-B", os.path.abspath(__file__), "--late", str(FAR_PORT), lab.address("db"), str(FAR_MS)],
                                        stdout=subprocess.PIPE)
        expect(self.process.stdout.readline() == b"ready\n", "the long line is not there")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


# ---- the scene

class Scene:
    def __init__(self, a, b):
        self.a, self.b = a, b
        with NodeClient(a, "admin") as admin:
            project = next(found["project"] for found in admin.call("project.list")["projects"] if found["name"] == support.PROJECT)
            self.session = admin.upload(project, TEXT + new_id(), title="two machines")["document"]["session"]
        self.told = {}  # op -> seq, by any server

    def writer(self, node, user, count, **more):
        ops = [create(f"label {i % 3}", start=i % 20, end=i % 20 + 2, note=user) for i in range(count)]
        made = writers.Writer(node, user, self.session, ops, **more)
        made.start()
        return made

    def finish(self, *done):
        for one in done:
            one.finish()
            expect(not one.refused, f"{one.user}: refused {one.refused[:1]}")
            self.told.update(one.acknowledged)

    def compare(self):
        """Both machines have every acknowledged op once, at its seq, and the same chain and state as glossd check."""
        places = []
        for node in (self.a, self.b):
            with NodeClient(node, "admin") as reader:
                replica = reader.join(self.session, since=0)
                reader.wait_seq(self.session, len(self.told))
                expect({op["op"]: op["seq"] for op in replica.ops} == self.told, f"{node.space}: the log is not what was acknowledged")
                expect(replica.recount() == replica.state, f"{node.space}: the state is not the sum of its records")
                places.append(replica.place())
        status, lines = self.a.check()
        line = next(line for line in lines if line.get("stream") == self.session)
        places.append({"seq": line["seq"], "chain": line["chain"], "state": line["state"]})
        expect(status == 0, f"glossd check: {lines}")
        expect(places[0] == places[1] == places[2], f"not the same: {places}")
        return places[0]

    def both_see_each_other(self):
        with NodeClient(self.a, "ana") as ana, NodeClient(self.b, "ben") as ben:
            ana.join(self.session, since=0)
            ben.join(self.session, since=0)
            peer = ana.call("session.presence", session=self.session, start=3, end=9)["peer"]
            ben.wait_notice("session.presence", lambda params: any(it["peer"] == peer and it.get("start") == 3 for it in params["people"]))
            begun, op = time.monotonic(), create("first", start=0, end=2)
            seq = ana.one(self.session, op)["seq"]
            ben.wait_seq(self.session, seq)
            self.told[op["id"]] = seq
            return time.monotonic() - begun

    def cut_one_off(self, lab):
        near, far = self.writer(self.a, "ana", 400), self.writer(self.b, "ben", 200)
        near.wait_acknowledged(12)
        far.wait_acknowledged(12)
        lab.cut("b")
        try:
            time.sleep(0.3)  # what the database had taken may still be acknowledged
            before, begun = (len(near.acknowledged), len(far.acknowledged)), time.monotonic()
            near.wait_acknowledged(min(400, before[0] + 60), 15)
            took = time.monotonic() - begun
            time.sleep(max(0, begun + CUT_S - time.monotonic()))
            expect(len(far.acknowledged) == before[1], "something was acknowledged without the database")
        finally:
            lab.heal("b")
        healed = time.monotonic()
        far.wait_acknowledged(before[1] + 1)
        back = time.monotonic() - healed
        self.finish(near, far)
        return took, back

    def be_far_away(self, lab):
        """On b the database is 2 x FAR_MS away, and on a somebody never pauses."""
        self.b.stop()
        with LongLine(lab, "b"):
            self.b.reach("127.0.0.1", FAR_PORT)
            self.b.write_settings()
            self.b.start()
            busy = [self.writer(self.a, user, 20000, in_flight=1, each=1) for user in ("ana", "cora")]
            for one in busy:
                one.wait_acknowledged(20)
            far = self.writer(self.b, "ben", 60, in_flight=2, each=5)
            before, begun = sum(len(one.acknowledged) for one in busy), time.monotonic()
            far.finish(60)
            took = time.monotonic() - begun
            meanwhile = sum(len(one.acknowledged) for one in busy) - before
            expect(all(one.is_alive() for one in busy), "nobody was in the way")
            for one in busy:
                one.waiting[60:] = []  # enough: the last ones find their answers
            self.finish(far, *busy)
            with NodeClient(self.a, "admin") as reader:  # what was sent and not awaited is there, too
                replica = reader.join(self.session, since=0)
                self.told = {op["op"]: op["seq"] for op in replica.ops} | self.told
            self.b.stop()
        self.b.reach(lab.address("db"), 5432)
        self.b.write_settings()
        self.b.start()
        return took, meanwhile


def missing():
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    for program in ("ip", "nsenter", "psql"):
        if subprocess.run(["sh", "-c", f"command -v {program}"], capture_output=True).returncode:
            return f"the program {program} is missing"
    try:
        with Lab("db"):
            return support.missing()
    except subprocess.CalledProcessError as error:
        return f"no network namespaces can be made here: {error.stderr.strip()}"


def main():
    if sys.argv[1:2] == ["--late"]:
        asyncio.run(serve_late(int(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
    reason = missing()
    if reason:
        print("skipped:", reason)
        sys.exit(77)
    with Lab("db", "a", "b") as lab:
        cluster = NetCluster(lab)
        try:
            with Node(lab, "a", cluster) as a:
                for user in ("ana", "ben", "cora"):
                    a.user(user, role="annotator")
                with Node(lab, "b", cluster, first=a) as b:
                    scene = Scene(a, b)
                    print(f"an op and somebody's place came to the other machine; the op after {scene.both_see_each_other() * 1000:.0f} ms")
                    took, back = scene.cut_one_off(lab)
                    print(f"b cut off from the database for {CUT_S} s: 60 more ops on a in {took:.1f} s, none on b; b went on {back:.1f} s after")
                    took, meanwhile = scene.be_far_away(lab)
                    print(f"b {2 * FAR_MS} ms from the database: 60 ops in {took:.1f} s beside {meanwhile} on a, which never paused")
                    place = scene.compare()
                    print(f"seq {place['seq']}, chain {place['chain'][:16]}..., state {place['state'][:16]}... on both machines and for glossd check")
        finally:
            cluster.end()


if __name__ == "__main__":
    main()
