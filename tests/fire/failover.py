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
import replica as replicas  # noqa: E402
import server as support  # noqa: E402
import standby  # noqa: E402
from client import Client, Refused, create, new_id  # noqa: E402
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

    def first_told_after(self, moment, seconds=180):
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


# ---- the standby says nothing: what is committed on the primary alone is nobody's to see

WAIT_MS = 2500  # for an answer of the database; less than this a busy machine needs for anything
QUIET_S = 4  # some polls, and longer than that


def is_waiting(pair, server):
    """The backend that has committed, and waits for the standby."""
    rows = pair.sql(f"select pid from pg_stat_activity where datname = '{server.name}' and usename = '{server.name}_append' and wait_event = 'SyncRep'")
    return int(rows[0][0]) if rows else None


def stays_hidden(server, session, ana, number, readers):
    """Nobody is told of the op: not its author, not those who have joined, not who comes now."""
    answer = ana.answers[number]
    with Client(server, "dan") as dan:
        late = dan.send("session.join", {"session": session, "since": 0}, replica=lambda begin: replicas.Replica(begin, 0, None))
        time.sleep(QUIET_S)
        expect("answer" not in answer or "error" in answer["answer"] or all("error" in result for result in answer["answer"]["result"]["results"]),
               f"acknowledged, and only the primary has it: {answer}")
        for reader in [ana, *readers]:
            expect(reader.replicas[session].seq == 3, "an op was delivered that only the primary has")
        joined = dan.answers[late].get("answer", {})
        expect("result" not in joined or joined["result"]["seq"] <= 3, f"who joined was shown what only the primary has: {joined}")


def ready(server):
    """What is in the way of it; empty: nothing."""
    return server.glossd("health", "--ready", check=False).err


def unconfirmed(workers):
    pair = standby.Pair(synchronous=True)
    try:
        with support.Server(workers=workers, cluster=pair, settings={"statement_timeout_ms": WAIT_MS}) as server:
            for name in PEOPLE:
                server.user(name, role="annotator")
            for cancel in (False, True):
                session = new_session(server)
                readers = [Client(server, name) for name in ("ben", "cora") * workers]
                with Client(server, "ana") as ana:
                    for client in [ana, *readers]:
                        client.join(session, since=0)
                    write(ana, session, 3)
                    for reader in readers:
                        reader.wait_seq(session, 3)
                    pair.stall_standby()
                    op = create("label", start=30, end=32)
                    number = ana.send("session.submit", {"session": session, "ops": [op]})
                    backend = support.wait_until("the commit waits for the standby", lambda: is_waiting(pair, server))
                    if cancel:  # now its row is seen by everybody, and the server is told that all went well
                        pair.sql(f"select pg_cancel_backend({backend})")
                    stays_hidden(server, session, ana, number, readers)
                    support.wait_until("it is not ready", lambda: "synchronous standby" in ready(server))
                    pair.wake_standby()
                    support.wait_until("it is ready", lambda: not ready(server))
                    support.wait_until("the op is taken", lambda: "error" not in ana.submit(session, [op])[0])
                    for reader in [ana, *readers]:
                        reader.wait_seq(session, 4)
                    expect([logged["op"] for logged in read_all(server, session, 4).ops][3:] == [op["id"]], "it is not there once")
                for reader in readers:
                    reader.close()
            status, lines = server.check()
            expect(status == 0, f"glossd check: {lines}")
            print(f"unconfirmed, {workers} workers: a commit that the standby had not got, with its waiting given up and cancelled: 0 acknowledged, 0 delivered, "
                  "0 shown; there once afterwards")
    finally:
        pair.end()


# ---- an asynchronous standby: the database goes back in time

BEHIND = 12  # ops that the standby never gets


class Reader:
    """Somebody joined, who joins anew when he is told to: from where he is, and when that is not there any more, from nothing."""

    def __init__(self, server, session, user):
        self.session, self.resyncs = session, 0
        self.client = Client(server, user)
        self.client.join(session)
        self.heard = 0

    @property
    def replica(self):
        return self.client.replicas[self.session]

    def is_told(self):
        return any(name == "session.notice" and params["session"] == self.session and params["what"] == "rejoin" for name, params in self.client.notices)

    def wait_told(self):
        """Until he is told that what he has is of no use."""
        support.wait_until("he is told to join anew", self.is_told)
        before = self.replica
        try:
            self.client.join(self.session, before=before)
        except Refused as refused:
            expect(refused.name == "resync", f"{refused}")
            self.resyncs += 1
            self.client.join(self.session)

    def close(self):
        self.client.close()


def write(client, session, count, label="label", start=0):
    ops = [create(label, start=start + i, end=start + i + 2, note="x") for i in range(count)]
    results = client.submit(session, ops)
    expect(all("error" not in result for result in results), f"{results}")
    return ops, results


def watch_of(server, session):
    return server.spawn("watch", session, "--json", user="dan")


def asynchronous(workers):
    pair = standby.Pair(synchronous=False)
    try:
        with support.Server(workers=workers, cluster=pair) as server:
            for name in PEOPLE:
                server.user(name, role="annotator")
            session, other = new_session(server), new_session(server)
            with Client(server, "ana") as ana:
                ana.join(session)
                write(ana, session, 20)
                write(ana, other, 5)
                pair.wait_followed()
                pair.stop_following()
                lost, _ = write(ana, session, BEHIND, label="lost label")  # its label is of the project's stream
                late = new_session(server)  # nor will there be this document
                write(ana, late, 3)
            readers = [Reader(server, session, PEOPLE[i % 4]) for i in range(3 * workers)] + [Reader(server, other, "ana")]
            lonely = Reader(server, late, "ben")
            pair.go_back()
            begin = time.monotonic()
            with Client(server, "cora") as cora:  # she has nothing of before, and writes at once: the same seqs, another chain
                support.wait_until("it takes ops again", lambda: took(cora, session))
                write(cora, session, BEHIND + 5, label="new label", start=50)
                for reader in readers[:-1]:
                    reader.wait_told()
                seq = cora.call("document.get", document=readers[0].replica.document)["document"]["seq"]
                for reader in readers[:-1]:
                    reader.client.wait_seq(session, seq)
                healed = time.monotonic() - begin
                places = [reader.replica.place() for reader in readers[:-1]]
                expect(all(place == places[0] for place in places), f"not the same: {places}")
                expect(all(reader.resyncs == 1 for reader in readers[:-1]), "somebody went on from what is not there any more")
                unhurt = readers[-1]  # he is told if his worker had known of what the project lost
                last = write(cora, other, 1)[1][0]["seq"]
                support.wait_until("he is told of what is new, or to join anew", lambda: unhurt.replica.place()["seq"] >= last or unhurt.is_told())
                if unhurt.is_told():
                    unhurt.wait_told()
                unhurt.client.wait_seq(other, last)
                expect(unhurt.resyncs == 0, "nothing of this session was lost, and still it was read anew")
                known = {op["op"] for op in read_all(server, session, seq).ops}
                expect(not any(op["id"] in known for op in lost), "what was lost is there")
                again = cora_or_ana(server, session, lost)
                expect(all("error" not in result and not result.get("repeated") for result in again), f"op ids of lost ops were remembered: {again}")
            lonely.client.wait_notice("session.notice", lambda params: params["session"] == late and params["what"] == "rejoin")
            expect(lonely.client.error("session.join", session=late).name == "not_found", "a session that is not there was joined")
            for reader in [*readers, lonely]:
                reader.close()
            status, lines = server.check()
            expect(status == 0, f"glossd check: {lines}")
            expect("project.diverged" in server.log(), "no worker noticed that the project's log had gone back")
            print(f"asynchronous, {workers} workers: the database went back by {BEHIND} ops of a session, some of its project and a document; {len(readers)} clients "
                  f"resynchronised, 0 went on with the other log; {healed:.2f} s from the promotion until all were the same")
    finally:
        pair.end()


def took(client, session):
    result = client.submit(session, [create("label", start=1, end=2)])[0]
    if "error" in result:
        expect(result["error"]["data"]["name"] in ("store_down", "unknown_outcome", "busy", "resync"), f"{result}")
    return "error" not in result


def cora_or_ana(server, session, ops):
    with Client(server, "ana") as ana:
        return ana.submit(session, ops)


def main():
    reason = standby.missing()
    if reason:
        print("skipped:", reason)
        return 77
    if "--long" in sys.argv:
        worst = max(synchronous(1, 10, PAUSE_S), synchronous(2, 10, PAUSE_S))
        for workers in (1, 2, 4):
            unconfirmed(workers)
            asynchronous(workers)
        expect(worst < GAP_S, f"somebody waited {worst:.3f} s after the promotion")
    else:
        synchronous(2, 1)
        unconfirmed(2)
        asynchronous(2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
