"""Those who send more than is anybody's share: all of it is handled, in order, and others wait for shares of it only.

The server is stopped until everything has arrived, the flood before the one request: so what is counted does not depend on how fast anybody is.
"""
import json
import unittest

from target import EchoCore, Stopped, wait_until
from wire import CLOSE, PING, PONG, TEXT, frame, open_ws

MANY = 1000
A_FEW = 200  # handled of a flood before others' single requests are: 64 a turn while it is alone, and the kernel may bring theirs a turn or two later


def numbered(count, size=0):
    return [f"{number} ".ljust(size, "x") for number in range(count)]


def frames(texts):
    return b"".join(frame(TEXT, text.encode()) for text in texts)


class Flood(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoCore()

    @classmethod
    def tearDownClass(cls):
        cls.server.end()

    def check_answers(self, conn, texts):
        for text in texts:
            self.assertEqual(conn.recv_text(), text)

    def counts(self, conn):
        return json.loads(conn.ask("!counts"))

    def check_others(self, floods, texts):
        """One that asks once is answered when each of the flooding has had some shares, and these get everything, too."""
        flooding = [open_ws(self.server) for _ in range(floods)]
        with open_ws(self.server) as calm:
            before = self.counts(calm)
            for conn in flooding:  # the last that were heard, so that the loop looks at them first
                conn.ask("hello")
            with Stopped(self.server):
                for conn in flooding:
                    conn.send(frames(texts))
                calm.text("!counts")
            after = json.loads(calm.recv_text())
            self.assertLess(after["messages_in"] - before["messages_in"], A_FEW * floods)
            for conn in flooding:
                self.check_answers(conn, texts)
            self.assertEqual(self.counts(calm)["messages_in"], before["messages_in"] + floods * (1 + len(texts)) + 2)
        for conn in flooding:
            self.assertEqual(conn.ask("still there"), "still there")
            conn.close()

    def test_one_flood(self):
        self.check_others(1, numbered(MANY))

    def test_four_floods(self):
        self.check_others(4, numbered(MANY))

    def test_over_many_records(self):
        self.check_others(2, numbered(400, 700))

    def test_floods_get_the_same(self):
        """No flood is served before another: when the first has its last answer, the other has had nearly all."""
        with open_ws(self.server) as one, open_ws(self.server) as other:
            with Stopped(self.server):
                for conn in (one, other):
                    conn.send(frames(["!counts"] * MANY))
            first = [json.loads(one.recv_text())["messages_in"] for _ in range(MANY)]
            second = [json.loads(other.recv_text())["messages_in"] for _ in range(MANY)]
        self.assertEqual(sorted(first + second), list(range(min(first + second), min(first + second) + 2 * MANY)))
        self.assertLess(abs(first[-1] - second[-1]), A_FEW)
        self.assertLess(first[MANY // 2] - second[0], MANY + A_FEW)

    def test_more_floods_than_a_turn_writes_to(self):
        self.check_others(300, numbered(40))

    def test_in_records_of_their_own(self):
        """Whatever has come is read in few turns of the loop, each of which has one record of answers."""
        with open_ws(self.server) as calm, open_ws(self.server) as conn:
            before = self.counts(calm)
            with Stopped(self.server):
                for text in numbered(40):
                    conn.send(frames([text]))
            self.check_answers(conn, numbered(40))
            after = self.counts(calm)
        self.assertLess(after["records_out"] - before["records_out"], 10)

    def test_large_messages(self):
        """Bytes count as well: of eight that fill a turn each, none is lost."""
        texts = numbered(8, 100000)
        with open_ws(self.server) as conn:
            conn.send(frames(texts))
            self.check_answers(conn, texts)

    def test_in_pieces(self):
        """Fragments among the flood, and a ping; the pong may come before what was asked first."""
        with open_ws(self.server) as conn:
            pieces = frame(TEXT, b"half ", fin=False) + frame(0, b"and half")
            with Stopped(self.server):
                conn.send((frames(["a"] * 20) + pieces) * 20 + frame(PING, b"p") + frames(["end"]))
            seen, pongs = [], 0
            while not pongs or not seen or seen[-1] != "end":
                first, payload = conn.recv_frame()
                if first == 0x80 | PONG:
                    pongs += 1
                else:
                    seen.append(payload.decode())
            self.assertEqual(seen, (["a"] * 20 + ["half and half"]) * 20 + ["end"])
            self.assertEqual(pongs, 1)

    # ---- the end of one that has more than its share

    def test_goodbye_behind_it(self):
        """What came before a close frame counts."""
        with open_ws(self.server) as calm:
            before = self.counts(calm)
            conn = open_ws(self.server)
            conn.send(frames(numbered(MANY)) + frame(CLOSE, b"\x03\xe8"))
            wait_until(lambda: self.counts(calm)["websockets"] == 1, what="the end of it")
            conn.close()
            after = self.counts(calm)
            self.assertGreaterEqual(after["messages_in"] - before["messages_in"], MANY)

    def test_closed_within_it(self):
        """It is told why, behind what was answered before; the rest is not looked at."""
        with open_ws(self.server) as conn:
            with Stopped(self.server):
                conn.send(frames(numbered(50) + ["!close 4000 enough"] + ["never"] * 100))
            self.check_answers(conn, numbered(50))
            self.assertEqual(conn.recv_close(), 4000)

    def test_not_text_within_it(self):
        with open_ws(self.server) as conn:
            with Stopped(self.server):
                conn.send(frames(numbered(50)) + frame(TEXT, b"\xff") + frames(numbered(50)))
            self.check_answers(conn, numbered(50))
            self.assertEqual(conn.recv_close(), 1007)

    def test_binary_within_it(self):
        with open_ws(self.server) as conn:
            with Stopped(self.server):
                conn.send(frames(numbered(50)) + frame(2, b"no") + frames(numbered(50)))
            self.check_answers(conn, numbered(50))
            self.assertEqual(conn.recv_close(), 1003)

    def test_gone_within_it(self):
        with open_ws(self.server) as calm:
            for _ in range(20):
                conn = open_ws(self.server)
                conn.send(frames(numbered(MANY)))
                conn.close()
            wait_until(lambda: self.counts(calm)["connections"] == 1, what="the end of them")

    def test_the_server_ends_within_it(self):
        server = EchoCore()
        conns = [open_ws(server) for _ in range(4)]
        for conn in conns:
            conn.send(frames(numbered(MANY, 100)))
        server.end()
        for conn in conns:
            conn.close()


if __name__ == "__main__":
    unittest.main()
