"""What tests of sessions share: people who have joined one, and the proof that they hold the same.

Every client keeps a replica in Python (tests/support/replica.py), which proves each op, chain and state sum it is sent.
"""
from case import ServiceCase, create

LONG_NOTE = "n" * 20000


class SessionCase(ServiceCase):
    users = {"ana": "annotator", "ben": "annotator", "cora": "curator", "vera": "viewer"}

    def joined(self, session, *names):
        clients = self.people(*names)
        for client in clients:
            client.join(session)
        return clients

    def settle(self, session, *clients):
        """Waits until all of them have the newest op of any of them; gives their replicas, which must be equal and what glossd check says."""
        newest = max(client.join(session, live=False)["seq"] if session not in client.replicas else client.replicas[session].seq for client in clients)
        replicas = [client.wait_seq(session, newest) for client in clients]
        self.assertSame(*replicas)
        self.assertChecks(*replicas)
        return replicas

    def made(self, client, session, label="claim", **more):
        """One annotation: its id and the seq that made it."""
        more = more or {"exact": "Nobody"}
        result = client.one(session, create(label, **more))
        return result["annotation"], result["seq"]
