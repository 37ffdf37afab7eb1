#!/usr/bin/python3
"""failover.py - the primary is lost and its standby takes its place, while people write. usage: failover.py [--long]

Synchronous: nothing that was acknowledged is missing, nothing is there twice, what had an unknown outcome is settled by its op id, everybody goes on by himself,
and nobody waits for more than a second after the promotion.
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import server as support  # noqa: E402
import standby  # noqa: E402
from client import Client, create, new_id  # noqa: E402
from writer import Writer  # noqa: E402

TEXT = "abcdefghijklmnopqrstuvwxyz " * 8
PEOPLE = ("ana", "ben", "cora", "dan")
GAP_S = 1.0
PAUSE_S = 5.0  # at most, between the loss and the promotion


def expect(claim, what):
    if not claim:
        raise AssertionError(what)


class Diarist(Writer):
    """Writes until he is told to end, and remembers when he was told of each op."""

    def __init__(self, server, user, session):
        super().__init__(server, user, session, [])
        self.told_at, self.made, self.is_ending = [], 0, False
        self.make()

    def make(self):
        while not self.is_ending and len(self.waiting) < self.in_flight * self.each:
            place = self.made % 40
            self.waiting.append(create(f"label {place % 3}", start=place, end=place + 2, note=self.user))
            self.made += 1

    def take(self, op, result):
        again = super().take(op, result)
        self.make()
        if "error" not in result:
            self.told_at.append(time.monotonic())
        return again

    def end(self):
        """What is on its way is answered still."""
        self.is_ending = True
        self.finish()

    def first_told_after(self, moment, seconds=30):
        support.wait_until(f"{self.user} is told of an op again; {self.errors}", lambda: self.fault or self.told_at and self.told_at[-1] > moment, seconds, 0.005)
        if self.fault:
            raise self.fault
        return next(at for at in self.told_at if at > moment)


def new_session(server):
    with Client(server, "admin") as admin:
        project = next(found["project"] for found in admin.call("project.list")["projects"] if found["name"] == support.PROJECT)
        return admin.upload(project, TEXT + new_id(), title="failover")["document"]["session"]


def read_all(server, session, seq):
    """The log, by somebody new."""
    with Client(server, "admin") as reader:
        replica = reader.join(session, since=0)
        reader.wait_seq(session, seq)
        return replica


def compare(server, writers, session):
    """What everybody was told, with the log and with glossd check."""
    told = {op: seq for writer in writers for op, seq in writer.acknowledged.items()}
    replica = read_all(server, session, max(told.values()))
    log = [op["op"] for op in replica.ops]
    expect(len(set(log)) == len(log), "an op is there twice")
    expect({op["op"]: op["seq"] for op in replica.ops} == told, f"{len(told)} ops were acknowledged, and the log has {len(log)}")
    for writer in writers:
        expect(not writer.refused, f"{writer.user} was refused: {writer.refused[:1]}")
    status, lines = server.check()
    expect(status == 0, f"glossd check: {lines}")
    stands = next(line for line in lines if line.get("stream") == session)
    expect({"seq": stands["seq"], "chain": stands["chain"], "state": stands["state"]} == replica.place(), f"{stands} is not {replica.place()}")
    return len(told)


def synchronous(workers, failovers, pause_s=0.0):
    with_pair = standby.Pair(synchronous=True)
    try:
        with support.Server(workers=workers, cluster=with_pair) as server:
            for name in PEOPLE:
                server.user(name, role="annotator")
            session = new_session(server)
            writers = [Diarist(server, name, session) for name in PEOPLE]
            for writer in writers:
                writer.start()
            gaps, promotions = [], []
            for number in range(failovers):
                for writer in writers:
                    writer.wait_acknowledged(len(writer.acknowledged) + 12)
                with_pair.lose_primary()
                time.sleep(pause_s * number / failovers)  # somebody has to notice it first
                promotions.append(with_pair.promote())
                moment = time.monotonic()
                gaps += [writer.first_told_after(moment) - moment for writer in writers]
                if number + 1 < failovers:
                    with_pair.renew()
            for writer in writers:
                writer.end()
            count = compare(server, writers, session)
            unknown = sum(writer.unknown for writer in writers)
            settled = server.log().count("store.settled")
            reconnects = sum(writer.connections for writer in writers) - len(writers)
            print(f"synchronous, {workers} workers: {failovers} failovers, {count} ops acknowledged, 0 lost, 0 twice; {settled} appends settled by their ids, "
                  f"{unknown} unknown to clients, {reconnects} reconnections of clients; promotion {max(promotions):.2f} s at most; "
                  f"write gap after it p50 {sorted(gaps)[len(gaps) // 2]:.3f} s, p100 {max(gaps):.3f} s")
            return max(gaps)
    finally:
        with_pair.end()


def main():
    reason = standby.missing()
    if reason:
        print("skipped:", reason)
        return 77
    if "--long" in sys.argv:
        worst = max(synchronous(1, 10, PAUSE_S), synchronous(2, 10, PAUSE_S))
        expect(worst < GAP_S, f"somebody waited {worst:.3f} s after the promotion")
    else:
        synchronous(2, 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
