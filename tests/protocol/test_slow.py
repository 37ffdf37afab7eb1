"""Those who take their time: they are cut off, and nobody else notices."""
import json
import select
import socket
import ssl
import time
import unittest

from target import EchoCore, wait_until
from wire import CLOSE, Closed, Conn, DEADLINE_S, PING, PONG, TEXT, frame, is_well, open_ws

HELLO_MS, STALL_MS, PING_MS, GONE_MS = 1500, 4000, 1000, 2000
LONG_MS = 60000  # for who must not be cut off, however long this machine stands still


def small_window(server, **changes):
    """A WebSocket whose machine takes little on credit."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    sock.settimeout(DEADLINE_S)
    sock.connect((server.host, server.port))
    return Conn(server, server.tls(sock=sock)).open(**changes)


def send_some(conn, data):
    """As much as is taken now."""
    conn.sock.settimeout(0.01)
    try:
        return conn.sock.send(data[:16384])
    except (TimeoutError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
        return 0


def wait_calm(server, seconds=0.5, most=0.1):
    """Within some such time it uses hardly any processor: what spins never comes to that."""
    def is_calm():
        cpu = server.cpu_s()
        time.sleep(seconds)  # this is what is measured
        return server.cpu_s() - cpu < most * seconds
    wait_until(is_calm, what="rest")


def wait_cut_off(conn, dripping=None):
    """Until the other end closes it, while a byte of dripping is sent now and then."""
    begun = time.monotonic()
    while time.monotonic() - begun < DEADLINE_S:
        try:
            if dripping:
                conn.send(dripping[:1])
                dripping = dripping[1:]
            conn.more(0.05)
        except TimeoutError:
            continue
        except (Closed, OSError):
            return
    raise AssertionError("it was not cut off")


class Slow(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoCore("--hello-ms", HELLO_MS, "--stall-ms", STALL_MS, "--ping-ms", PING_MS, "--gone-ms", GONE_MS)
        cls.patient = EchoCore("--hello-ms", LONG_MS, "--stall-ms", LONG_MS)

    @classmethod
    def tearDownClass(cls):
        cls.server.end()
        cls.patient.end()

    # ---- arriving

    def check_cut_off(self, connect, dripping=None):
        begun = time.monotonic()
        with connect() as conn:
            wait_cut_off(conn, dripping)
        self.assertGreater(time.monotonic() - begun, HELLO_MS / 1000 * 0.9)

    def unheard(self):
        return Conn(self.server, self.server.tcp())

    def test_no_tls(self):
        self.check_cut_off(self.unheard)

    def test_tls_byte_by_byte(self):
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500
        self.check_cut_off(self.unheard, hello)

    def test_an_end_within_the_hello(self):
        """It will never be whole: it is not waited for, and no turn of the loop is spent on it."""
        with Conn(self.patient, self.patient.tcp()) as whole_later, Conn(self.patient, self.patient.tcp()) as ends:
            for conn in (whole_later, ends):
                conn.send(b"\x16\x03\x01")
            wait_until(lambda: self.patient.counts()["arriving"] == 2, what="both")
            ends.sock.shutdown(socket.SHUT_WR)
            wait_until(lambda: self.patient.counts()["arriving"] == 1, what="the end of one")
            wait_calm(self.patient)
        wait_until(lambda: self.patient.counts()["arriving"] == 0, what="the end of both")

    def test_no_request(self):
        self.check_cut_off(lambda: Conn(self.server))

    def test_request_byte_by_byte(self):
        self.check_cut_off(lambda: Conn(self.server), b"GET / HTTP/1.1\r\nX: " + b"y" * 1000)

    def test_many_at_once_leave_others_alone(self):
        """Slowloris: 300 that never finish their request."""
        slow = []
        for _ in range(300):
            conn = Conn(self.server, self.server.tcp())
            conn.send(b"\x16\x03\x01")
            slow.append(conn)
        with open_ws(self.server) as conn:
            self.assertEqual(conn.ask("am I heard?"), "am I heard?")
        wait_until(lambda: self.server.counts()["arriving"] == 0, what="the end of the slow ones")
        for conn in slow:
            conn.close()

    # ---- reading

    def test_one_that_does_not_read_is_cut_off(self):
        stalled = self.server.counts()["stalled"]
        before = self.server.memory_kib()
        with small_window(self.server) as slow, open_ws(self.server) as other:
            slow.text("!flood 100000 1000")
            def counts():
                return json.loads(other.ask("!counts"))
            wait_until(lambda: counts()["full"] == 1 or counts()["stalled"] > stalled, what="being full")
            worst = 0
            while counts()["stalled"] == stalled:
                begun = time.monotonic()
                other.ask("x" * 300)
                worst = max(worst, time.monotonic() - begun)
            print(f"{self.id()}: the other one waited {worst:.2f} s at most")
            self.assertLess(self.server.memory_kib() - before, 20000)
            # what it got is whole, in order, and ends with the reason or with nothing
            numbers, code = [], 1006
            try:
                while True:
                    first, payload = slow.recv_frame()
                    if first & 0xF == CLOSE:
                        code = int.from_bytes(payload[:2], "big")
                    elif first & 0xF == TEXT:
                        numbers.append(int(payload.split()[0]))
            except Closed:
                pass
            self.assertEqual(numbers, list(range(len(numbers))))
            self.assertIn(code, (1013, 1006))
        self.server.wait_for_event("peer.stalled")

    def test_one_that_never_reads_again_hears_that_it_was_cut_off(self):
        """Its window is shut, so that no close frame and no FIN reaches it; and the kernel keeps nothing for it."""
        with small_window(self.server) as slow:
            slow.text("!flood 100000 1000")
            poll = select.poll()
            poll.register(slow.sock, 0)  # a reset is told without reading
            self.assertTrue(poll.poll(DEADLINE_S * 1000))

    def test_one_that_reads_again_in_time_gets_everything(self):
        with small_window(self.patient) as slow:
            slow.text("!flood 10000 1000")
            wait_until(lambda: self.patient.counts()["full"] == 1, what="being full")
            time.sleep(1)  # this is what is tested: nothing is read for a while, but not for too long
            for i in range(10000):
                self.assertTrue(slow.recv_text().startswith(f"{i} "))

    def test_one_that_reads_slowly_is_not_cut_off(self):
        """Where this machine stood still for a good part of what a stall may last, nothing was shown, and it is done once more."""
        for _ in range(10):
            longest = self.read_slowly()
            if longest is None:
                return
            self.assertGreater(longest, STALL_MS / 1000 * 0.25, "it was cut off although it had read on")
        raise unittest.SkipTest("this machine stands still all the time")

    def read_slowly(self):
        """None when it got everything; else the longest time between two reads."""
        with small_window(self.server) as slow:
            slow.text("!flood 300 10000")
            begun = last = time.monotonic()
            longest = 0
            for i in range(300):
                try:
                    self.assertTrue(slow.recv_text().startswith(f"{i} "))
                except (AssertionError, Closed):
                    return longest
                if time.monotonic() - begun < 2 * STALL_MS / 1000:
                    time.sleep(0.05)  # slower than the server writes, for longer than a stall may last
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
        return None

    def test_one_that_sends_and_does_not_read_is_not_read_from(self):
        """Its answers would pile up: instead its own sending comes to a halt, and goes on when it reads."""
        texts = [f"{i} " + "x" * 3000 for i in range(4000)]
        data = b"".join(frame(TEXT, text.encode()) for text in texts)
        before = self.patient.memory_kib()
        with small_window(self.patient) as conn, open_ws(self.patient) as other:
            sent = refused = 0
            while refused < 50:  # one after the other
                taken = send_some(conn, data[sent:])
                sent += taken
                refused = 0 if taken or not json.loads(other.ask("!counts"))["full"] else refused + 1
            self.assertLess(sent, len(data))
            self.assertLess(self.patient.memory_kib() - before, 5000)
            for text in texts:
                while sent < len(data) and len(conn.buf) < 4000:
                    sent += send_some(conn, data[sent:])
                    try:
                        conn.more(0.01)
                    except TimeoutError:
                        pass
                self.assertEqual(conn.recv_text(), text)

    def test_too_much_written_to_a_full_one_ends_it(self):
        with small_window(self.server) as conn:
            conn.text("!force 3000 2000")
            self.server.wait_for_event("peer.stalled")
            wait_until(lambda: self.server.counts()["websockets"] == 1, what="its end")
        self.assertTrue(is_well(self.server))

    def test_many_that_do_not_read_leave_others_alone(self):
        before = self.patient.memory_kib()
        slow = [small_window(self.patient) for _ in range(40)]
        for conn in slow:
            conn.text("!flood 100000 1000")
        with open_ws(self.patient) as other:
            wait_until(lambda: json.loads(other.ask("!counts"))["full"] == 40, what="being full")
            for _ in range(50):
                self.assertEqual(other.ask("y" * 300), "y" * 300)
        self.assertLess(self.patient.memory_kib() - before, 60000)
        for conn in slow:
            conn.close()

    # ---- silence

    def test_silence_is_pinged_and_then_given_up(self):
        begun = time.monotonic()
        with open_ws(self.server) as conn:
            first, payload = conn.recv_frame()
            self.assertEqual(first, 0x80 | PING)
            self.assertTrue(payload)
            self.assertGreater(time.monotonic() - begun, PING_MS / 1000 * 0.8)
            with self.assertRaises(Closed):
                conn.recv_frame()
            self.assertGreater(time.monotonic() - begun, GONE_MS / 1000 * 0.9)

    def test_pongs_keep_it_open(self):
        with EchoCore("--ping-ms", 500, "--gone-ms", 6000) as server, open_ws(server) as conn:
            begun = time.monotonic()
            while time.monotonic() - begun < 7:
                first, payload = conn.recv_frame()
                self.assertEqual(first, 0x80 | PING)
                conn.frame(PONG, payload)
            self.assertEqual(conn.ask("still"), "still")

    def test_talking_makes_pings_unnecessary(self):
        """A ping is none of the server's faults where so much time went by between two words."""
        with open_ws(self.server) as conn:
            begun = sent = time.monotonic()
            while time.monotonic() - begun < 1.5 * GONE_MS / 1000:
                before, sent = sent, time.monotonic()
                conn.text("x")
                first, payload = conn.recv_frame()
                while first == 0x80 | PING and time.monotonic() - before > PING_MS / 1000 * 0.9:
                    conn.frame(PONG, payload)
                    first, payload = conn.recv_frame()
                self.assertEqual((first, payload), (0x80 | TEXT, b"x"))
                time.sleep(0.3)

    # ---- plain requests

    def test_an_answer_that_never_comes_does_not_keep_others_waiting(self):
        with Conn(self.server) as conn:
            conn.send(b"GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(is_well(self.server))

    def test_a_large_answer_that_is_not_read(self):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.settimeout(DEADLINE_S)
        sock.connect((self.patient.host, self.patient.port))
        body = b"z" * (1 << 20)
        with Conn(self.patient, self.patient.tls(sock=sock)) as conn:
            conn.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            wait_calm(self.patient)  # while it waits, nothing turns
            self.assertEqual(conn.head()[0], 200)
            self.assertEqual(conn.until_closed(), body)


if __name__ == "__main__":
    unittest.main()
