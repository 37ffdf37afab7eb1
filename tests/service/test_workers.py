#!/usr/bin/python3
"""Four workers, people spread over all of them, one session: what one worker commits is on everybody's socket long before a poll would bring it,
in one order; and a worker that is killed takes nobody else along."""
import statistics
import time
import unittest

import case
from case import Client, ServiceCase, create, is_gone, new_id, wait_until

TEXT = "abcdefghijklmnopqrstuvwxyz " * 4
# With the poll alone the last of three other workers hears 0.37 s later in the median. How long the writer itself waits for its own op tells how busy the
# machine is, so that a busy one is not taken for a lost notification; and it is measured again, since notifications that are lost are late each time.
MEDIAN_S = 0.25
TIMES = 8


class Workers(ServiceCase):
    workers = 4
    users = {"ana": "annotator", "ben": "annotator", "cora": "curator", "dan": "curator"}

    def setUp(self):
        self.session = self.new_session(TEXT + new_id())

    def spread(self, not_yet=()):
        """A client on every worker, or on every one that is not in not_yet: {pid: client}, each of another account."""
        found = {}
        missing = set(self.server.workers()) - set(not_yet)
        names = list(self.users)
        for _ in range(200):
            if not missing:
                return found
            client = Client(self.server, names[len(found) % len(names)])
            worker = self.worker_of(client)
            if worker in missing:
                missing.remove(worker)
                found[worker] = client
                self.addCleanup(client.close)
            else:
                client.close()
        raise AssertionError(f"no connection came to {missing}")

    def seconds_to_everybody(self, writer, clients):
        """One op: until the writer has it, and until everybody has."""
        begun = time.monotonic()
        number = writer.send("session.submit", {"session": self.session, "ops": [create("claim", start=0, end=2)]})
        seq = writer.answer(number)["results"][0]["seq"]
        writer.wait_seq(self.session, seq)
        own = time.monotonic() - begun
        for client in clients:
            client.wait_seq(self.session, seq)
        return own, time.monotonic() - begun

    def measure(self, clients, count=50):
        for _ in range(TIMES):
            late = self.lateness(clients, count)
            if late < 0:
                return
        self.fail(f"{TIMES} times the others heard {late:.2f} s too late")

    def lateness(self, clients, count):
        """By how many seconds the median is beyond what it may be."""
        both = [self.seconds_to_everybody(clients[i % len(clients)], clients) for i in range(count)]
        took, own = [everybody for _, everybody in both], statistics.median(own for own, _ in both)
        print(f"{self.id()}: {count} ops to {len(clients)} workers' people: median {statistics.median(took) * 1000:.1f} ms, "
              f"90 % {sorted(took)[count * 9 // 10] * 1000:.1f} ms, longest {max(took) * 1000:.1f} ms")
        return statistics.median(everybody - mine for mine, everybody in both) - MEDIAN_S - 2 * own

    def finish(self, clients):
        head = max(client.replicas[self.session].seq for client in clients)
        replicas = [client.wait_seq(self.session, head) for client in clients]
        self.assertSame(*replicas)
        self.assertEqual([[op["op"] for op in replica.ops] for replica in replicas[1:]], [[op["op"] for op in replicas[0].ops]] * (len(replicas) - 1))
        self.assertChecks(replicas[0])

    def test_an_op_comes_to_the_other_workers_people_at_once(self):
        clients = list(self.spread().values())
        for client in clients:
            client.join(self.session, since=0)
        self.measure(clients)
        self.finish(clients)

    def test_all_write_at_once(self):
        clients = list(self.spread().values())
        for client in clients:
            client.join(self.session, since=0)
        asked = [(client, client.send("session.submit", {"session": self.session, "ops": [create(f"label {i % 3}", start=i, end=i + 3, note=str(i))]}))
                 for i in range(30) for client in clients]
        seqs = [client.answer(number)["results"][0]["seq"] for client, number in asked]
        self.assertEqual(sorted(seqs), list(range(1, len(asked) + 1)))
        for client in clients:
            client.wait_seq(self.session, len(asked))
        self.finish(clients)

    def test_kill_of_one_of_them(self):
        found = self.spread()
        for client in found.values():
            client.join(self.session, since=0)
        victim = next(iter(found))
        lost = found.pop(victim)
        clients = list(found.values())
        self.seconds_to_everybody(clients[0], clients + [lost])
        self.server.kill_worker(self.server.workers().index(victim))
        self.measure(clients, 20)
        self.assertTrue(lost.wait_closed())
        wait_until("the worker is gone", lambda: is_gone(victim))
        self.server.wait_new_worker(victim)
        back = list(self.spread(not_yet=found).values())
        self.assertEqual(len(back), 1)
        back[0].join(self.session, since=0)
        self.measure(clients + back, 20)
        self.finish(clients + back)


if __name__ == "__main__":
    case.main()
