#!/usr/bin/python3
"""nodes.py - one Gloss on two machines: two servers and PostgreSQL, each in a network namespace of its own, with people on both. usage: nodes.py

What is shown: what is said on one machine comes to the other; a machine that is cut off from the database, silently, stops acknowledging and holds nobody else
up, and goes on by itself when the line is back; one that is far from the database gets its turn beside one that never pauses; nothing acknowledged is missing
or there twice, and chain and state are the same on both and for glossd check.
"""
import asyncio
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import client as clients  # noqa: E402
import lab as labs  # noqa: E402
import server as support  # noqa: E402
import writer as writers  # noqa: E402
from client import create, new_id  # noqa: E402
from lab import Lab, NetCluster, Node, NodeClient  # noqa: E402

clients.Client = NodeClient  # the writers' too

FAR_PORT = 6543
CUT_S = 8  # longer than a server waits for an answer of the database
FAR_MS = 15  # each way
TEXT = "abcdefghijklmnopqrstuvwxyz " * 8


def expect(claim, what):
    if not claim:
        raise AssertionError(what)


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

    def stored(self):
        """What the database holds of the session: op -> seq."""
        return {op: int(seq) for op, seq in self.a.sql(f"select op_id, seq from op where stream = '{self.session}'")}

    def cut_one_off(self, lab):
        """b cannot reach the database, so what is acknowledged there and not stored was acknowledged without it. What was on its way to b may still arrive."""
        near, far = self.writer(self.a, "ana", 400), self.writer(self.b, "ben", 20000, in_flight=2, each=1)
        near.wait_acknowledged(12)
        far.wait_acknowledged(12)
        lab.cut("b")
        try:
            begun = time.monotonic()
            meanwhile = self.writer(self.a, "cora", 60)
            meanwhile.finish()
            took = time.monotonic() - begun
            support.wait_until("b is not ready", lambda: lab.readyz("b") == 503)
            time.sleep(max(0, begun + CUT_S - time.monotonic()))
            told = dict(far.acknowledged)
            expect(told.items() <= self.stored().items(), "something was acknowledged without the database")
        finally:
            lab.heal("b")
        healed = time.monotonic()
        far.wait_acknowledged(len(told) + 1)
        back = time.monotonic() - healed
        far.waiting[60:] = []  # enough: those that are under way find their answers
        self.finish(near, far, meanwhile)
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
            far.finish()
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


def main():
    if sys.argv[1:2] == ["--late"]:
        asyncio.run(serve_late(int(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
    reason = labs.missing()
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
                    print(f"b cut off from the database for {CUT_S} s: 60 more ops on a in {took:.1f} s, none without it on b; b went on {back:.1f} s after")
                    took, meanwhile = scene.be_far_away(lab)
                    print(f"b {2 * FAR_MS} ms from the database: 60 ops in {took:.1f} s beside {meanwhile} on a, which never paused")
                    place = scene.compare()
                    print(f"seq {place['seq']}, chain {place['chain'][:16]}..., state {place['state'][:16]}... on both machines and for glossd check")
        finally:
            cluster.end()


if __name__ == "__main__":
    main()
