#!/usr/bin/python3
"""A machine that vanishes says nothing: no FIN, no reset. Whoever had a connection to it finds out by himself, in a minute and not in hours: the server of its
people, the server of its database, PostgreSQL of its servers. Machines are network namespaces; a cut cable is a port that the switch does not know."""
import json
import sys
import threading
import time
import unittest

import case  # noqa: F401 - where the others are found
import lab as labs
from case import wait_until
from wire import TEXT, Conn, Server, frame

SOON_S = 60  # what the settings give is 4 to 15 s; what the kernel does without them takes 100 s to two hours


class Vanished(unittest.TestCase):
    def setUp(self):
        self.lab = self.enterContext(labs.Lab("db", "a", "people"))
        cluster = labs.NetCluster(self.lab)
        self.addCleanup(cluster.end)
        self.node = labs.Node(self.lab, "a", cluster)
        self.node.extra.update(listen="*", ping_interval_ms="2s", stall_timeout_ms="60s", hello_timeout_ms="120s")
        self.enterContext(self.node)

    if sys.version_info < (3, 11):
        def enterContext(self, manager):  # pylint: disable=invalid-name - unittest's, of later versions
            value = manager.__enter__()
            self.addCleanup(manager.__exit__, None, None, None)
            return value

    def sockets(self, peer):
        """The kernel's, on the node's machine, to that one, in whatever state."""
        out = labs.run(*self.lab.on("a"), "ss", "-Htan", "dst", self.lab.address(peer))
        return [line for line in out.splitlines() if "TIME-WAIT" not in line]

    def seconds_until(self, what, is_true):
        begun = time.monotonic()
        wait_until(what, is_true, SOON_S)
        took = time.monotonic() - begun
        print(f"{what}: after {took:.1f} s")
        return took

    def visitor(self):
        """Somebody on another machine, signed in."""
        found = []

        def come():
            labs.enter(self.lab.path("people"))
            conn = Conn(Server(labs.PORT, self.node.ca, host=self.lab.address("a"))).open()
            with open(self.node.tokens["admin"]) as file:
                hello = {"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"token": file.read().strip()}}
            conn.send(frame(TEXT, json.dumps(hello).encode()))
            found.append((conn, json.loads(conn.recv_text())))
        thread = threading.Thread(target=come)
        thread.start()
        thread.join(case.support.LIMIT_S)
        conn, answer = found[0]
        self.addCleanup(conn.close)
        self.assertIn("result", answer)
        return conn

    def test_people(self):
        """The server notices by its pings; and what the kernel still has for them goes, too, instead of being sent again and again."""
        for _ in range(3):
            self.visitor()
        self.assertGreaterEqual(len(self.sockets("people")), 3)
        self.lab.cut("people")
        self.seconds_until("people's connections are gone, and their sockets", lambda: not self.sockets("people"))
        self.lab.heal("people")
        self.visitor()

    def test_database(self):
        backends = f"select count(*) from pg_stat_activity where client_addr = '{self.lab.address('a')}'"
        self.assertGreater(int(self.node.sql(backends)[0][0]), 0)
        self.lab.cut("a")
        self.seconds_until("the node says that it is not ready", lambda: self.lab.readyz("a") == 503)
        self.seconds_until("PostgreSQL has ended what it did for the node", lambda: int(self.node.sql(backends)[0][0]) == 0)
        self.lab.heal("a")
        self.seconds_until("the node is ready again", lambda: self.lab.readyz("a") == 200)


if __name__ == "__main__":
    REASON = labs.missing()
    if REASON:
        print("skipped:", REASON)
        sys.exit(77)
    unittest.main(verbosity=2)
