"""The end of what there is: connections, descriptors. Nothing spins, nothing floods the log, and it goes on when there is room again."""
import os
import resource
import signal
import time
import unittest

from target import EchoCore, wait_until
from wire import Conn, get, is_well, open_ws

MAX = 50


class Limits(unittest.TestCase):
    def wait_calm(self, server):
        """Within some such time it uses hardly any processor and says hardly anything: what spins never comes to that."""
        def is_calm():
            cpu, lines = server.cpu_s(), len(server.said().splitlines())
            time.sleep(2)  # this is what is measured
            return server.cpu_s() - cpu < 0.1 and len(server.said().splitlines()) - lines < 5
        wait_until(is_calm, what="rest")

    def test_as_many_connections_as_allowed(self):
        begun = time.monotonic()
        with EchoCore("--max-connections", MAX) as server:
            conns = [open_ws(server) for _ in range(MAX)]
            waiting = [server.tcp() for _ in range(20)]  # these wait in the kernel; later, while they say nothing, each takes two places
            server.wait_for_event("accept.paused")
            self.wait_calm(server)
            for conn in conns:
                self.assertEqual(conn.ask("still served"), "still served")
            for conn in conns:
                conn.close()
            for sock in waiting:
                with Conn(server, server.tls(sock=sock)) as conn:
                    conn.open()
                    self.assertEqual(conn.ask("at last"), "at last")
            self.assertLess(len(server.said().splitlines()), 30 + time.monotonic() - begun)  # a pause is told once a second

    def test_no_descriptors_left(self):
        with EchoCore("--max-connections", 1000) as server:
            used = len(os.listdir(f"/proc/{server.process.pid}/fd"))
            limit = used + 30
            resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
            conns = [open_ws(server) for _ in range(30)]
            waiting = [server.tcp() for _ in range(100)]
            server.wait_for_event("accept.paused")
            self.wait_calm(server)
            self.assertEqual(conns[7].ask("still served"), "still served")
            for sock in waiting:
                sock.close()
            for conn in conns:
                conn.close()
            wait_until(lambda: is_well(server), what="health")

    def test_fewer_descriptors_than_connections(self):
        with EchoCore("--max-connections", 100000, limit_files=300) as server:
            self.assertTrue(server.events("accept.limited"))
            conns = [server.tcp() for _ in range(320)]
            time.sleep(0.5)
            for conn in conns:
                conn.close()
            wait_until(lambda: is_well(server), what="health")

    def test_newcomers_push_out_those_who_say_nothing(self):
        with EchoCore("--max-connections", 300, "--hello-ms", 60000) as server:
            silent = [server.tcp() for _ in range(80)]  # more than a quarter

            def is_served():
                with open_ws(server) as conn:
                    self.assertEqual(conn.ask("hello"), "hello")
                return server.counts()["timed_out"] > 4
            wait_until(is_served, what="the end of some who say nothing")
            wait_until(lambda: server.counts()["arriving"] < 76, what="fewer who say nothing")
            for sock in silent:
                sock.close()

    def test_a_crowd_that_comes_and_goes(self):
        with EchoCore() as server:
            before = None
            for _ in range(4):
                conns = [open_ws(server) for _ in range(200)]
                for conn in conns:
                    conn.text("!burst 3")
                for conn in conns:
                    conn.close()
                wait_until(lambda: server.counts()["connections"] == 1, what="their end")
                before = before or server.memory_kib()
            self.assertLess(server.memory_kib() - before, 5000)


class Drain(unittest.TestCase):
    def test_ends_in_order(self):
        server = EchoCore()
        conns = [open_ws(server) for _ in range(50)]
        arriving = [server.tcp() for _ in range(10)]
        with Conn(server) as later:
            later.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: server.counts()["arriving"] <= 11, what="the request")
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(later.head()[0], 200)
        for conn in conns:
            self.assertEqual(conn.recv_close(), 1001)
            conn.close()
        for sock in arriving:
            sock.close()
        server.end()

    def test_ends_although_somebody_does_not_read(self):
        server = EchoCore()
        with open_ws(server) as conn:
            conn.text("!flood 100000 1000")
            server.end()


if __name__ == "__main__":
    unittest.main()
