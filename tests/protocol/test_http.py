"""Plain requests on the same port: routes, bodies counted, every answer the last."""
import random
import time
import unittest

from target import EchoCore, wait_until
from wire import Closed, Conn, get, is_well

POST = "POST /echo HTTP/1.1\r\nHost: localhost\r\n"


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoCore()

    @classmethod
    def tearDownClass(cls):
        cls.server.end()

    def test_pages(self):
        for path, kind in (("/", "text/html; charset=utf-8"), ("/start.css", "text/css; charset=utf-8"),
                           ("/protocol.md", "text/plain; charset=utf-8")):
            with self.subTest(path):
                status, headers, body = get(self.server, path)
                self.assertEqual((status, headers["content-type"], headers["content-length"]), (200, kind, str(len(body))))
                self.assertEqual((headers["connection"], headers["x-content-type-options"], headers["referrer-policy"]),
                                 ("close", "nosniff", "no-referrer"))
                self.assertIn("default-src 'none'", headers["content-security-policy"])
                status, again, nothing = get(self.server, path, "HEAD")
                self.assertEqual((status, nothing, again["content-length"]), (200, b"", headers["content-length"]))

    def test_the_start_page_says_what_and_how(self):
        _, headers, body = get(self.server, "/", host="gloss.test:7443")
        text = body.decode()
        for part in ("gloss login --url https://gloss.test:7443/", "wss://gloss.test:7443/ws", "echo_core &#60;1&#62;", "start page", "/protocol.md"):
            self.assertIn(part, text)
        self.assertNotIn("<script", text)
        self.assertNotIn(" style=", text)
        self.assertIn("strict-transport-security", headers)
        self.assertNotIn("strict-transport-security", get(self.server, "/")[1])  # localhost belongs to others, too

    def test_health(self):
        self.assertEqual(get(self.server, "/healthz")[::2], (200, b"ok\n"))
        self.assertEqual(get(self.server, "/readyz")[::2], (200, b"ok\n"))
        self.assertEqual(get(self.server, "/healthz", host="10.1.2.3")[0], 200)  # a balancer's probe
        with Conn(self.server) as conn:
            conn.send(b"GET /healthz HTTP/1.0\r\n\r\n")
            self.assertEqual(conn.head()[0], 200)

    def test_not_ready(self):
        with EchoCore("--not-ready") as server:
            self.assertEqual(get(server, "/readyz")[::2], (503, b"storage is unavailable\n"))
            self.assertEqual(get(server, "/healthz")[0], 200)

    def test_plain_answers(self):
        for what, path, how, expected in (("nothing there", "/nope", {}, 404), ("a foreign host", "/", {"host": "evil.example"}, 403),
                                          ("a foreign host at a path", "/echo", {"host": "evil.example"}, 403),
                                          ("the wrong method", "/", {"method": "POST", "body": b""}, 405),
                                          ("PATCH a page", "/", {"method": "PATCH", "body": b""}, 405),
                                          ("OPTIONS", "/", {"method": "OPTIONS"}, 405), ("no length", "/echo", {"method": "POST"}, 411),
                                          ("a body in GET", "/", {"body": b"x"}, 400), ("outside", "/../x", {}, (403, 404)),
                                          ("a line feed in the query", "/header/?a%0Ab", {}, 400),
                                          ("too large", "/later", {"method": "POST", "body": b"x" * 101}, 413)):
            with self.subTest(what):
                status, headers, body = get(self.server, path, **how)
                self.assertIn(status, expected if isinstance(expected, tuple) else (expected,))
                self.assertEqual(headers["connection"], "close")
                if status == 405:
                    self.assertIn("GET, HEAD", headers["allow"])
                if status == 404:
                    self.assertEqual(body, b"there is nothing here\n")

    def test_handlers_see_path_query_and_headers(self):
        _, headers, body = get(self.server, "/header/a%20b?x=1&y=%C3%A4%26b&&z", headers=["X-Probe: yes", "User-Agent: me/1"])
        self.assertEqual(body, "yes|me/1|/header/a b|x=1\ny=ä&b\n\nz".encode())
        self.assertEqual(headers["cache-control"], "max-age=5")
        self.assertEqual(get(self.server, "/header/", headers=["X-Other: yes"])[2], b"||/header/|")

    def test_bodies_come_back(self):
        rng = random.Random(3)
        for size in (0, 1, 100, 2047, 2048, 16384, 16385, 100000, 1 << 20):
            body = rng.randbytes(size)
            for method in ("POST", "PUT", "PATCH"):
                with self.subTest(size=size, method=method):
                    status, _, got = get(self.server, "/echo", method, body)
                    self.assertEqual((status, got == body), (200, True))

    def test_bodies_in_pieces(self):
        rng = random.Random(5)
        for size in (1, 300, 5000, 70000):
            body = rng.randbytes(size)
            for _ in range(5):
                with Conn(self.server) as conn:
                    data = f"{POST}Content-Length: {size}\r\n\r\n".encode() + body
                    while data:
                        n = rng.choice((1, 2, 50, 1000, 17000)) if size < 5000 else rng.choice((1000, 17000))
                        conn.send(data[:n])
                        data = data[n:]
                    self.assertEqual(conn.head()[0], 200)
                    self.assertEqual(conn.until_closed(), body)

    def test_who_asks_is_told_to_go_on(self):
        with Conn(self.server) as conn:
            conn.send(f"{POST}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode())
            self.assertEqual(conn.head()[0], 100)
            conn.send(b"hello")
            self.assertEqual(conn.head()[0], 200)
            self.assertEqual(conn.until_closed(), b"hello")
        with Conn(self.server) as conn:
            conn.send(f"{POST}Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n".encode())
            self.assertEqual(conn.head()[0], 413)

    def test_more_than_was_announced(self):
        for size, more in ((5, 1), (0, 5), (100, 100000)):
            with self.subTest(size=size, more=more), Conn(self.server) as conn:
                conn.try_send(f"{POST}Content-Length: {size}\r\n\r\n".encode() + b"x" * (size + more))
                self.assertIn(conn.head()[0], (200, 400, None))
                conn.until_closed()
        self.assertTrue(is_well(self.server))

    def test_lengths_that_are_none(self):
        for length in ("-1", "+5", "5 5", "5,5", "0x5", "5.0", "99999999999999999999999", "1e3", "٥"):
            with self.subTest(length), Conn(self.server) as conn:
                conn.send(f"{POST}Content-Length: {length}\r\n\r\n".encode() + b"hello")
                self.assertIn(conn.head()[0], (400, 413))
        with Conn(self.server) as conn:
            conn.send((POST + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello").encode())
            self.assertEqual(conn.head()[0], 400)

    def test_chunks_are_not_taken(self):
        for headers in ("Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: identity",
                        "Content-Length: 5\r\nTransfer-Encoding: chunked"):
            with self.subTest(headers), Conn(self.server) as conn:
                conn.send(f"{POST}{headers}\r\n\r\n5\r\nhello\r\n0\r\n\r\n".encode())
                self.assertEqual(conn.head()[0], 411)

    def test_too_large_is_said_while_it_comes(self):
        with Conn(self.server) as conn:
            conn.send(f"{POST}Content-Length: 10485760\r\n\r\n".encode())
            for _ in range(50):
                conn.try_send(b"x" * 16384)
            self.assertIn(conn.head()[0], (413, None))
        with Conn(self.server) as conn:
            conn.send(f"{POST}Content-Length: 1048577\r\n\r\n".encode())
            self.assertEqual(conn.head()[0], 413)

    def test_a_body_that_stops(self):
        with Conn(self.server) as conn:
            conn.send(f"{POST}Content-Length: 1000\r\n\r\n".encode() + b"x" * 500)
        wait_until(lambda: self.server.counts()["connections"] == 1, what="its end")

    def test_answers_that_come_later(self):
        conns = [Conn(self.server) for _ in range(20)]
        for i, conn in enumerate(conns):
            conn.send(b"GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n" if i % 2 else
                      b"POST /later HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (i, b"x" * i))
        for conn in conns:
            self.assertEqual(conn.head()[0], 200)
            self.assertEqual(conn.until_closed(), b"/later")
            conn.close()

    def test_those_who_leave_before_the_answer(self):
        for path in ("/later", "/never"):
            for _ in range(20):
                with Conn(self.server) as conn:
                    conn.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_until(lambda: self.server.counts()["connections"] == 1, what="their end")
        time.sleep(0.1)  # for the answers that have nobody to go to
        self.assertTrue(is_well(self.server))

    def test_more_while_an_answer_is_awaited(self):
        with Conn(self.server) as conn:
            conn.send(b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(0.05)
            conn.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertEqual(conn.until_closed(), b"")

    @staticmethod
    def is_refused(conn):
        """An answer to what was taken does not come: more of it is awaited."""
        try:
            return conn.head(0.3)[0] == 503
        except TimeoutError:
            return False

    def test_many_bodies_at_once_are_bounded(self):
        conns = []
        for _ in range(70):
            conn = Conn(self.server)
            conn.send(f"{POST}Content-Length: 1048576\r\n\r\nx".encode())
            conns.append(conn)
        wait_until(lambda: any(self.is_refused(conn) for conn in conns[-3:]), what="a refusal")
        for conn in conns:
            conn.close()
        wait_until(lambda: self.server.counts()["connections"] == 1, what="their end")
        self.assertEqual(get(self.server, "/echo", "POST", b"again")[2], b"again")


if __name__ == "__main__":
    unittest.main()
