"""Opening handshakes and plain requests that must not succeed, each with what it is answered."""
import unittest

from target import EchoCore
from wire import Conn, frame, get, is_well, upgrade, CLOSE, TEXT

HANG_UP = None  # closed without an answer
NO_HTTP = (HANG_UP, 400, 403)  # the library itself decides
LINE = "\r\n"

# what, request, status (several: any of them)
CASES = [
    # the request line
    ("POST", upgrade("POST /ws HTTP/1.1"), 405),
    ("PUT", upgrade("PUT /ws HTTP/1.1"), 405),
    ("HEAD", upgrade("HEAD /ws HTTP/1.1"), 405),
    ("OPTIONS", upgrade("OPTIONS /ws HTTP/1.1"), 405),
    ("DELETE", upgrade("DELETE /ws HTTP/1.1"), 405),
    ("CONNECT", upgrade("CONNECT localhost:443 HTTP/1.1"), HANG_UP),
    ("CONNECT and a path", upgrade("CONNECT /ws HTTP/1.1"), HANG_UP),
    ("a method of our own", upgrade("GLOSS /ws HTTP/1.1"), NO_HTTP),
    # (the library takes methods in lower case, too; nothing that is checked depends on it)
    ("TRACE", upgrade("TRACE /ws HTTP/1.1"), NO_HTTP),
    ("HTTP/1.0", upgrade("GET /ws HTTP/1.0"), 505),
    ("HTTP/2.0", upgrade("GET /ws HTTP/2.0"), 505),
    ("HTTP/0.9", b"GET /ws\r\n\r\n", (HANG_UP, 505, 400)),
    ("no version", upgrade("GET /ws"), (HANG_UP, 505, 400)),
    ("a version that is none", upgrade("GET /ws HTTX/1.1"), (HANG_UP, 505)),
    ("something behind the version", upgrade("GET /ws HTTP/1.1 x"), (HANG_UP, 505)),
    ("another path", upgrade("GET / HTTP/1.1"), 404),
    ("a longer path", upgrade("GET /ws/ HTTP/1.1"), 404),
    ("a path that only begins so", upgrade("GET /wsx HTTP/1.1"), 404),
    ("upper case path", upgrade("GET /WS HTTP/1.1"), 404),
    ("a query", upgrade("GET /ws?token=secret HTTP/1.1"), 404),
    ("a path out of the root", upgrade("GET /../../etc/passwd HTTP/1.1"), (404, 403, HANG_UP)),
    ("NUL in the path", upgrade("GET /ws%00 HTTP/1.1"), (400, 404, 403, HANG_UP)),
    ("a whole URL", upgrade("GET https://localhost/ws HTTP/1.1"), (400, HANG_UP)),
    ("an asterisk", upgrade("GET * HTTP/1.1"), (400, HANG_UP)),
    ("no path", upgrade("GET  HTTP/1.1"), (400, 403, 405, 505, HANG_UP)),
    # Host
    ("no host", upgrade(Host=None), 400),
    ("empty host", upgrade(Host=""), 400),
    ("a foreign host", upgrade(Host="evil.example"), 403),
    ("rebinding: an address that is not ours", upgrade(Host="192.168.1.7"), 403),
    ("a host with credentials", upgrade(Host="localhost@evil.example"), 403),
    ("a port that is none", upgrade(Host="localhost:abc"), 400),
    ("two hosts", upgrade(after=["Host: evil.example"]), 400),
    ("two equal hosts", upgrade(after=["Host: localhost"]), 400),
    ("a second, empty host", upgrade(after=["Host:"]), (400, 403)),
    ("NUL in the host", upgrade(Host="localhost\0.evil.example"), (400, HANG_UP)),
    ("a line feed in the host", upgrade(Host="localhost\nX: 1"), (400, 403, HANG_UP)),
    # Origin
    ("a foreign origin", upgrade(Origin="https://evil.example"), 403),
    ("an origin without encryption", upgrade(Origin="http://localhost"), 403),
    ("an origin at another port", upgrade(Origin="https://localhost:1"), 403),
    ("origin null", upgrade(Origin="null"), 403),
    ("two origins", upgrade(after=["Origin: https://localhost", "Origin: https://evil.example"]), 403),
    ("an origin with our name in it", upgrade(Origin="https://localhost.evil.example"), 403),
    # headers that hide the next line: 4.3.5 swallows it into its name
    *((f"'{name}' swallows Origin", upgrade(before=[f"{name}: x", "Origin: https://evil.example"]), 400)
      for name in ("A", "X", "Ho", "O", "Sec", "Accep", "X-Forwarded", "Proxy", "Upg", "Content", "Sec-WebSocket")),
    ("'Tr' swallows Transfer-Encoding", upgrade(before=["Tr: x", "Transfer-Encoding: chunked"]), 400),
    ("'C' swallows Content-Length", upgrade(before=["C: x", "Content-Length: 5"]), 400),
    ("a space before the colon", upgrade(after=["Origin : https://evil.example"]), 400),
    ("a folded line", upgrade(after=["X-Note: a", " Origin: https://evil.example"]), (400, HANG_UP)),
    ("a name with a slash", upgrade(after=["a/b: 1"]), 400),
    ("a name with a control character", upgrade(after=["a\x01b: 1"]), (400, HANG_UP)),
    ("a name that is not ASCII", upgrade(after=["caf\xe9: 1"]), (400, HANG_UP)),
    ("no name", upgrade(after=[": 1"]), (400, HANG_UP)),
    ("no colon", upgrade(after=["nonsense"]), (400, HANG_UP)),
    # Upgrade and Connection
    ("no upgrade", upgrade(Upgrade=None), 404),
    ("h2c", upgrade(Upgrade="h2c", after=["HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"]), (400, 403, HANG_UP)),
    ("h2c as the RFC has it", b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
     b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n", (400, 403, 404, HANG_UP)),
    ("HTTP/2 without asking", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", NO_HTTP),
    ("an upgrade nobody knows", upgrade(Upgrade="irc/6.9"), (400, 403)),
    ("websocket and h2c", upgrade(Upgrade="websocket, h2c"), (400, 403)),
    ("two upgrades", upgrade(after=["Upgrade: h2c"]), (400, 403)),
    ("no connection", upgrade(Connection=None), 400),
    ("a connection without upgrade", upgrade(Connection="keep-alive"), 400),
    ("a connection with something like it", upgrade(Connection="upgraded"), 400),
    # Sec-WebSocket-*
    ("no version of WebSocket", upgrade(Sec_WebSocket_Version=None), 426),
    ("version 12", upgrade(Sec_WebSocket_Version="12"), 426),
    ("version 2^32+13", upgrade(Sec_WebSocket_Version="4294967309"), 426),
    ("versions 13 and 8", upgrade(Sec_WebSocket_Version="13, 8"), 426),
    ("two versions", upgrade(after=["Sec-WebSocket-Version: 8"]), 426),
    ("no key", upgrade(Sec_WebSocket_Key=None), 400),
    ("a key of one byte", upgrade(Sec_WebSocket_Key="AA=="), 400),
    ("a key that is not base64", upgrade(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25j!Q=="), 400),
    ("a very long key", upgrade(Sec_WebSocket_Key="A" * 4000), (400, HANG_UP)),
    ("two keys", upgrade(after=["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]), 400),
    ("no subprotocol", upgrade(Sec_WebSocket_Protocol=None), 400),
    ("another subprotocol", upgrade(Sec_WebSocket_Protocol="chat"), 400),
    ("ours in another case", upgrade(Sec_WebSocket_Protocol="GLOSS.V1"), 400),
    ("two lines of subprotocols", upgrade(after=["Sec-WebSocket-Protocol: chat"]), 400),
    ("the compressed one alone", upgrade(Sec_WebSocket_Protocol="gloss.v1.deflate"), 400),
    ("a list that is broken", upgrade(Sec_WebSocket_Protocol="gloss.v1,,;"), 400),
    # bodies
    ("a body", upgrade(Content_Length="5") + b"12345", 400),
    ("an empty body", upgrade(Content_Length="0"), 400),
    ("a negative length", upgrade(Content_Length="-5"), 400),
    ("two lengths", upgrade(after=["Content-Length: 0", "Content-Length: 5"]), 400),
    ("chunks", upgrade(Transfer_Encoding="chunked") + b"0\r\n\r\n", 411),
    # sizes
    ("a very long header", upgrade(X_Long="x" * 20000), (400, HANG_UP)),
    ("a very long path", upgrade("GET /" + "x" * 20000 + " HTTP/1.1"), (400, 403, 404, HANG_UP)),
    ("very many headers", upgrade(after=[f"X-{i}: {i}" for i in range(3000)]), (400, HANG_UP)),
    # no HTTP at all
    ("noise", bytes(range(256)) * 8, NO_HTTP),
    ("a TLS record inside TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500, NO_HTTP),
    ("a frame before the handshake", frame(TEXT, b"hello"), NO_HTTP),
    ("an SSH client", b"SSH-2.0-OpenSSH_9.2\r\n", NO_HTTP),
]

GOOD = [
    ("as it should be", upgrade()),
    ("lower case names", upgrade(Host=None, before=["host: localhost"])),
    ("our own origin", upgrade(Origin="https://localhost")),
    ("our own origin with a port", upgrade(Host="localhost:7443", Origin="https://localhost:7443")),
    ("an origin that was configured", upgrade(Origin="https://friend.test")),
    ("a host that was configured", upgrade(Host="gloss.test:443")),
    ("IPv6 loopback", upgrade(Host="[::1]:7443")),
    ("more in Connection", upgrade(Connection="keep-alive, Upgrade")),
    ("another case of websocket", upgrade(Upgrade="WebSocket")),
    ("ours among others", upgrade(Sec_WebSocket_Protocol="gloss.v2, gloss.v1")),
    ("text rather than compressed", upgrade(Sec_WebSocket_Protocol="gloss.v1, gloss.v1.deflate")),
    ("the compressed one in other letters", upgrade(Sec_WebSocket_Protocol="gloss.v1.Deflate, gloss.v1")),
    ("an extension that is not taken", upgrade(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits")),
    ("headers nobody knows", upgrade(User_Agent="x", Cookie="a=b", X_Forwarded_For="1.2.3.4", Whatever="1")),
]


class Handshake(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoCore("--hello-ms", 3000)

    @classmethod
    def tearDownClass(cls):
        cls.server.end()

    def test_bad_ones_are_refused(self):
        for what, request, expected in CASES:
            with self.subTest(what), Conn(self.server) as conn:
                conn.try_send(request)
                status, headers = conn.head()
                self.assertIn(status, expected if isinstance(expected, tuple) else (expected,))
                if status:
                    self.assertNotEqual(headers.get("connection", "close"), "keep-alive")
                    conn.until_closed()  # and nothing keeps it open
        self.assertTrue(is_well(self.server))

    def test_they_are_refused_byte_by_byte_too(self):
        for what, request, expected in CASES:
            if len(request) > 600 or not isinstance(expected, int):
                continue
            with self.subTest(what), Conn(self.server) as conn:
                half = len(request) // 2
                conn.send(request[:half])
                for byte in request[half:]:
                    try:
                        conn.send(bytes([byte]))
                    except OSError:  # it is refused already
                        break
                self.assertEqual(conn.head()[0], expected)

    def test_good_ones_are_granted(self):
        for what, request in GOOD:
            with self.subTest(what), Conn(self.server) as conn:
                conn.send(request)
                status, headers = conn.head()
                self.assertEqual(status, 101)
                self.assertEqual(headers["sec-websocket-protocol"], "gloss.v1")
                self.assertNotIn("sec-websocket-extensions", headers)
                self.assertEqual(conn.ask("hello"), "hello")

    def test_version_426_says_which(self):
        with Conn(self.server) as conn:
            conn.send(upgrade(Sec_WebSocket_Version="8"))
            status, headers = conn.head()
            self.assertEqual((status, headers["sec-websocket-version"]), (426, "13"))

    def test_frames_right_behind_the_handshake_are_read(self):
        with Conn(self.server) as conn:
            conn.send(upgrade() + frame(TEXT, b"one") + frame(TEXT, b"two"))
            self.assertEqual(conn.head()[0], 101)
            self.assertEqual([conn.recv_text(), conn.recv_text()], ["one", "two"])

    def test_a_second_request_is_not_read(self):
        """Keep-alive is where the library reads freed memory: the answer to the first ends the connection."""
        get_health = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n"
        post = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 600\r\n\r\n" + b"x" * 600
        for what, first, second in (("GET, GET", get_health, get_health), ("GET, POST", get_health, post), ("POST, GET", post, get_health),
                                    ("POST, POST", post, post), ("GET, upgrade", get_health, upgrade()),
                                    ("GET, an unknown upgrade", get_health, upgrade(Upgrade="foo"))):
            for is_split in (False, True):
                with self.subTest(what, is_split=is_split), Conn(self.server) as conn:
                    conn.send(first + (b"" if is_split else second))
                    status, headers = conn.head()
                    self.assertIn(status, (200, 400))
                    self.assertEqual(headers["connection"], "close")
                    if is_split:
                        conn.try_send(second)
                    self.assertNotIn(b"HTTP/1.1", conn.until_closed())
        self.assertTrue(is_well(self.server))

    def test_pipelined_close_frame_behind_a_refusal(self):
        with Conn(self.server) as conn:
            conn.send(upgrade(Host="evil.example") + frame(CLOSE, b""))
            self.assertEqual(conn.head()[0], 403)


if __name__ == "__main__":
    unittest.main()
