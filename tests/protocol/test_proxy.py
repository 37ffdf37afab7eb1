"""A balancer says whose connection it passes on: who may say it, who must, and what is made of nonsense. And how many connections one address may have."""
import random
import socket
import ssl
import struct
import unittest

from target import EchoCore, wait_until
from wire import DEADLINE_S, Closed, Conn, open_ws

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(address="192.0.2.7", port=40000):
    return f"PROXY TCP4 {address} 198.51.100.1 {port} 443\r\n".encode()


def v2(address="192.0.2.7", port=40000, command=1, extra=b""):
    body = socket.inet_aton(address) + socket.inet_aton("198.51.100.1") + struct.pack(">HH", port, 443) + extra
    return SIGNATURE + bytes([0x20 | command, 0x11]) + struct.pack(">H", len(body)) + body


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


class Balanced:
    """The server as a client behind a balancer sees it: each connection begins with these bytes."""

    def __init__(self, server, head, slices=None):
        self.server, self.bytes, self.slices = server, head, slices
        self.port, self.ca, self.host, self.name = server.port, server.ca, server.host, server.name

    def context(self):
        return self.server.context()

    def tcp(self):
        sock = self.server.tcp()
        for at in range(0, len(self.bytes), self.slices or len(self.bytes)):
            sock.sendall(self.bytes[at:at + (self.slices or len(self.bytes))])
        return sock

    def tls(self, context=None, sock=None):
        return self.server.tls(context, sock or self.tcp())


def is_closed(sock):
    """Without a word of TLS."""
    sock.settimeout(DEADLINE_S)
    try:
        return sock.recv(100) == b""
    except ConnectionError:
        return True
    finally:
        sock.close()


class Heads(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoCore("--proxy-from", "127.0.0.0/24")

    @classmethod
    def tearDownClass(cls):
        cls.server.end()

    def refusals(self):
        return len(self.server.events("proxy.refused"))

    def check_refused(self, first, reason=""):
        before = self.refusals()
        sock = self.server.tcp()
        sock.sendall(first)
        self.assertTrue(is_closed(sock))
        wait_until(lambda: self.refusals() > before or len(self.server.events("log.held")) > 0, what="a line in the log")
        if reason:
            self.assertIn(reason, self.server.events("proxy.refused")[-1])

    def address(self, server):
        """How the server calls who asks."""
        with open_ws(server) as conn:
            return conn.ask("!address")

    def test_good_heads_in_slices(self):
        for head in (v1(), v2(), v2(extra=tlv(2, b"gloss.test") + tlv(0x20, b"x" * 200) + tlv(4, b""))):
            for slices in (None, 1, 7):
                self.assertEqual(self.address(Balanced(self.server, head, slices)), "192.0.2.7:40000")

    def test_a_balancer_that_asks_itself(self):
        for head in (b"PROXY UNKNOWN\r\n", v2(command=0), SIGNATURE + b"\x20\0\0\0"):
            self.assertTrue(self.address(Balanced(self.server, head)).startswith("127.0.0.1:"))

    def test_head_and_tls_in_one_segment(self):
        """What stands behind the head is TLS's, to the last byte."""
        context = self.server.context()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        sock = self.server.tcp()
        sock.sendall(v2() + outgoing.read())
        sock.settimeout(DEADLINE_S)
        while True:
            incoming.write(sock.recv(65536))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                pass
        sock.close()

    def test_hostile_heads(self):
        for first in (v1()[:-2] + b"\n", b"PROXY TCP4 1 2 3 4\r\n", b"PROXY " + b"x" * 200, SIGNATURE + b"\x21\x11\xff\xff", v2(extra=b"\x02\xff\xff"),
                      SIGNATURE[:-1] + b"X", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\0\x05hello", b"\0" * 40):
            self.check_refused(first)
        self.assertEqual(self.address(Balanced(self.server, v1())), "192.0.2.7:40000")

    def test_random_heads(self):
        dice = random.Random(4)
        for _ in range(300):
            head = bytearray(dice.choice((v1(), v2(), v2(extra=tlv(2, b"abc")))))
            for _ in range(dice.randrange(1, 4)):
                head[dice.randrange(len(head))] = dice.randrange(256)
            sock = self.server.tcp()
            sock.sendall(bytes(head[:dice.randrange(1, len(head) + 1)]))
            sock.close()
        self.assertEqual(self.address(Balanced(self.server, v2())), "192.0.2.7:40000")

    def test_no_head_where_one_must_come(self):
        self.check_refused(b"\x16\x03\x01\x02\x00\x01\x00", "no PROXY head")


class Others(unittest.TestCase):
    def test_a_head_from_elsewhere_is_refused_and_none_is_needed_there(self):
        with EchoCore("--proxy-from", "203.0.113.0/24") as server:
            for head in (v1(), v2()):
                sock = server.tcp()
                sock.sendall(head)
                self.assertTrue(is_closed(sock))
            server.wait_for_event("proxy.refused", 2)
            self.assertIn("does not name", server.events("proxy.refused")[0])
            with open_ws(server) as conn:
                self.assertTrue(conn.ask("!address").startswith("127.0.0.1:"))

    def test_without_the_setting_a_head_is_nothing_but_bad_tls(self):
        with EchoCore() as server:
            sock = server.tcp()
            sock.sendall(v1())
            is_closed(sock)
            with open_ws(server) as conn:
                self.assertTrue(conn.ask("!address").startswith("127.0.0.1:"))

    def test_a_head_that_does_not_come_in_time(self):
        with EchoCore("--proxy-from", "127.0.0.1", "--hello-ms", "500") as server:
            silent, slow = server.tcp(), server.tcp()
            slow.sendall(v1()[:10])
            self.assertTrue(is_closed(silent))
            self.assertTrue(is_closed(slow))
            server.wait_for_event("proxy.refused", 2)
            self.assertIn("in time", server.events("proxy.refused")[0])

    def test_nothing_comes_behind_a_head(self):
        """That is not the balancer's fault, and does not count as its own."""
        with EchoCore("--proxy-from", "127.0.0.1", "--hello-ms", "500") as server:
            sock, gone = Balanced(server, v1()).tcp(), Balanced(server, v1("192.0.2.8")).tcp()
            gone.close()
            self.assertTrue(is_closed(sock))
            (line,) = server.events("handshake.refused")
            self.assertIn("no request came in time", line)
            self.assertIn("192.0.2.7:40000", line)
            self.assertEqual(server.events("proxy.refused"), [])


class Addresses(unittest.TestCase):
    def test_connections_of_one_address(self):
        with EchoCore("--proxy-from", "127.0.0.1", "--address-connections", "3") as server:
            one, other = Balanced(server, v1("192.0.2.7")), Balanced(server, v1("192.0.2.8"))
            held = [open_ws(one) for _ in range(3)]
            with Conn(one) as conn:
                conn.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                status, headers = conn.head()
                self.assertEqual((status, headers.get("retry-after")), (429, "10"))
            with open_ws(other) as conn:
                self.assertEqual(conn.ask("x"), "x")
            with open_ws(Balanced(server, b"PROXY UNKNOWN\r\n")) as conn:
                self.assertEqual(conn.ask("x"), "x")
            held.pop().close()

            def is_let_in():
                try:
                    held.append(open_ws(one))
                    return True
                except (AssertionError, Closed):
                    return False
            wait_until(is_let_in, what="the place of who has left")
            server.wait_for_event("address.refused")
            for conn in held:
                conn.close()

    def test_connections_that_come_too_fast(self):
        with EchoCore("--proxy-from", "127.0.0.1", "--address-rate", "1") as server:
            socks = [Balanced(server, v1("192.0.2.7")).tcp() for _ in range(100)]  # five at once, and one a second
            server.wait_for_event("address.refused")
            with open_ws(Balanced(server, v1("192.0.2.8"))) as conn:
                self.assertEqual(conn.ask("x"), "x")
            for sock in socks:
                sock.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
