"""Frames and messages: what comes back, and which close code answers what must not be."""
import asyncio
import json
import os
import random
import struct
import time
import unittest
import zlib

import websockets

from target import EchoCore, Stopped, wait_until
from wire import BINARY, CLOSE, CONTINUATION, Conn, DEADLINE_S, PING, PONG, TEXT, Closed, frame, is_well, open_ws

MAX = 262144
MANY = 600  # more than a turn of the loop writes to
TEXTS = ["", "a", "x" * 125, "x" * 126, "x" * 65535, "x" * 65536, "x" * MAX, "äöü€😀" * 1000, "\0", "﷐￿\U0010ffff", "𠜎" * (MAX // 4)]


def close_frame(code, reason=b""):
    return frame(CLOSE, struct.pack("!H", code) + reason)


# what, the bytes, the close code (several: any of them)
BAD = [
    ("binary", frame(BINARY, b"\x01\x02"), 1003),
    ("empty binary", frame(BINARY), 1003),
    ("the beginning of binary", frame(BINARY, b"x", fin=False), 1003),
    ("one byte too many", frame(TEXT, b"x" * (MAX + 1)), 1009),
    ("too many in two frames", frame(TEXT, b"x" * MAX, fin=False) + frame(CONTINUATION, b"x"), 1009),
    ("far too many, announced", frame(TEXT, b"x" * 10, length=1 << 40), 1009),
    ("2^63 - 1 bytes, announced", frame(TEXT, b"x" * 10, length=(1 << 63) - 1), 1009),
    ("2^63 bytes, announced", frame(TEXT, b"x" * 10, length=1 << 63), (1002, 1006, 1009)),
    ("too many after a first frame", frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"x", length=(1 << 62)), 1009),
    ("RSV1", frame(TEXT, b"x", rsv=4), 1002),
    ("RSV2", frame(TEXT, b"x", rsv=2), 1002),
    ("RSV3", frame(TEXT, b"x", rsv=1), 1002),
    ("RSV1 in a ping", frame(PING, b"x", rsv=4), 1002),
    ("RSV1 in a continuation", frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"x", rsv=4), 1002),
    *((f"opcode {opcode}", frame(opcode, b"x"), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    ("a continuation of nothing", frame(CONTINUATION, b"x"), 1002),
    ("a continuation after the last", frame(TEXT, b"x") + frame(CONTINUATION, b"x"), 1002),
    ("a text within a text", frame(TEXT, b"x", fin=False) + frame(TEXT, b"x"), 1002),
    ("a long ping", frame(PING, b"x" * 126), (1002, 1006)),
    ("a ping in pieces", frame(PING, b"x", fin=False), 1002),
    ("a close in pieces", frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    ("not UTF-8", frame(TEXT, b"\xff"), 1007),
    ("cut UTF-8", frame(TEXT, b"caf\xc3"), 1007),
    *((f"cut UTF-8 after {n} bytes", frame(TEXT, b"x" * n + b"\xe2\x82"), 1007) for n in range(8)),
    ("cut UTF-8 in pieces", frame(TEXT, b"caf\xc3", fin=False) + frame(CONTINUATION, b""), 1007),
    ("broken UTF-8 in pieces", frame(TEXT, b"caf\xc3", fin=False) + frame(CONTINUATION, b"x"), 1007),
    ("an overlong slash", frame(TEXT, b"\xc0\xaf"), 1007),
    ("a surrogate", frame(TEXT, b"\xed\xa0\x80"), 1007),
    ("beyond Unicode", frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    ("five bytes", frame(TEXT, b"\xf8\x88\x80\x80\x80"), 1007),
    ("bad UTF-8 at the end of a long one", frame(TEXT, b"x" * 100000 + b"\xc3"), 1007),
]


class Frames(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoCore("--max-frame", MAX)

    @classmethod
    def tearDownClass(cls):
        cls.server.end()

    def test_messages_come_back(self):
        with open_ws(self.server) as conn:
            for text in TEXTS:
                self.assertEqual(conn.ask(text), text)

    def test_a_library_that_is_not_ours_agrees(self):
        async def talk():
            async with websockets.connect(f"wss://localhost:{self.server.port}/ws", ssl=self.server.context(), subprotocols=["gloss.v1"],
                                          max_size=None, compression="deflate") as ws:
                spoken = getattr(ws, "protocol", ws)  # newer releases keep the extensions there
                self.assertEqual((ws.subprotocol, list(getattr(spoken, "extensions", None) or [])), ("gloss.v1", []))
                for text in TEXTS:
                    await ws.send(text)
                    self.assertEqual(await ws.recv(), text)
                await ws.send(["in ", "three ", "pieces"])
                self.assertEqual(await ws.recv(), "in three pieces")
                await asyncio.wait_for(await ws.ping(), DEADLINE_S)
                await ws.send("!close 4321 until later")
                with self.assertRaises(websockets.ConnectionClosed) as caught:
                    await ws.recv()
                self.assertEqual((caught.exception.rcvd.code, caught.exception.rcvd.reason), (4321, "until later"))
                self.assertTrue(caught.exception.rcvd_then_sent)

        asyncio.run(talk())

    def test_fragments_with_pings_between_them(self):
        text = "äöü€😀" * 2000
        data = text.encode()
        for pieces in (1, 2, 3, 50, 1000):
            with self.subTest(pieces=pieces), open_ws(self.server) as conn:
                size = -(-len(data) // pieces)
                parts = [data[i:i + size] for i in range(0, len(data), size)]
                for i, part in enumerate(parts):
                    conn.frame(CONTINUATION if i else TEXT, part, fin=i == len(parts) - 1)
                    if i % 100 == 1:
                        conn.frame(PONG, b"\xff unasked")  # the library would take it for a part of the text
                conn.frame(PING, b"between")
                got = [conn.recv_frame(), conn.recv_frame()]
                self.assertIn((0x80 | TEXT, data), got)
                self.assertIn((0x80 | PONG, b"between"), got)

    def test_frames_of_one_byte(self):
        text = "one byte at a time: äöü€😀"
        with open_ws(self.server) as conn:
            for i, byte in enumerate(text.encode()):
                conn.frame(CONTINUATION if i else TEXT, bytes([byte]), fin=False)
            conn.frame(CONTINUATION, b"")
            self.assertEqual(conn.recv_text(), text)

    def test_bytes_sent_one_at_a_time(self):
        with open_ws(self.server) as conn:
            for byte in frame(TEXT, b"x" * 130) + frame(TEXT, "€".encode(), fin=False) + frame(CONTINUATION, b"!"):
                conn.send(bytes([byte]))
            self.assertEqual([conn.recv_text(), conn.recv_text()], ["x" * 130, "€!"])

    def test_many_messages_in_one_write_at_random_cuts(self):
        rng = random.Random(7)
        for _ in range(20):
            texts = ["".join(rng.choice("aä€😀") for _ in range(rng.choice((0, 1, 5, 200, 3000)))) for _ in range(30)]
            data = b"".join(frame(TEXT, text.encode()) for text in texts)
            with open_ws(self.server) as conn:
                while data:
                    n = rng.choice((1, 2, 7, 100, 2064, 16384, 40000))
                    conn.send(data[:n])
                    data = data[n:]
                self.assertEqual([conn.recv_text() for _ in texts], texts)

    def test_empty_fragments_without_end_cost_nothing(self):
        with open_ws(self.server) as conn:
            before = self.server.memory_kib()
            conn.frame(TEXT, b"x", fin=False)
            conn.send(frame(CONTINUATION, b"", fin=False) * 100000)
            conn.frame(CONTINUATION, b"y")
            self.assertEqual(conn.recv_text(), "xy")
            self.assertLess(self.server.memory_kib() - before, 20000)

    def test_an_unfinished_message_takes_memory_as_it_comes(self):
        conns = [open_ws(self.server) for _ in range(50)]
        before = self.server.memory_kib()
        for conn in conns:
            conn.send(frame(TEXT, b"x" * 10, length=MAX))
            conn.frame(PING, b"")  # not answered: it lies within the message
        wait_until(lambda: self.server.counts()["websockets"] == 51, what="the end of earlier ones")
        self.assertLess(self.server.memory_kib() - before, 50 * 50)
        for conn in conns:
            conn.close()

    def test_pings_are_answered(self):
        with open_ws(self.server) as conn:
            for payload in (b"", b"x", b"\xff" * 125):
                conn.frame(PING, payload)
                self.assertEqual(conn.recv_frame(), (0x80 | PONG, payload))

    def test_a_flood_of_pings_does_not_keep_others_waiting(self):
        with open_ws(self.server) as flooding, open_ws(self.server) as other:
            for _ in range(50):
                flooding.send(frame(PING, b"x" * 100) * 200)
            self.assertEqual(other.ask("still there?"), "still there?")

    def test_what_must_not_be_is_answered_with_a_close_code(self):
        for what, data, expected in BAD:
            with self.subTest(what), open_ws(self.server) as conn:
                conn.text("before")
                self.assertEqual(conn.recv_text(), "before")
                conn.try_send(data)
                self.assertIn(conn.recv_close(), expected if isinstance(expected, tuple) else (expected,))
        self.assertTrue(is_well(self.server))

    def test_nothing_is_answered_behind_a_bad_frame(self):
        with open_ws(self.server) as conn:
            conn.send(frame(TEXT, b"before") + frame(BINARY, b"x") + frame(TEXT, b"behind"))
            self.assertEqual(conn.recv_text(), "before")
            first, payload = conn.recv_frame()
            self.assertEqual((first, payload[:2]), (0x80 | CLOSE, b"\x03\xeb"))

    def test_close_is_answered_with_the_same_code(self):
        for code in (1000, 1001, 3000, 4999):
            with self.subTest(code), open_ws(self.server) as conn:
                conn.send(close_frame(code, "tschüß".encode()))
                self.assertEqual(conn.recv_close(), code)
        with open_ws(self.server) as conn:
            conn.frame(CLOSE)
            self.assertEqual(conn.recv_close(), 1005)

    def test_a_close_that_must_not_be(self):
        for what, data in (("1005", close_frame(1005)), ("1006", close_frame(1006)), ("999", close_frame(999)), ("1016", close_frame(1016)),
                           ("one byte", frame(CLOSE, b"\x03")), ("not UTF-8", close_frame(1000, b"\xff"))):
            with self.subTest(what), open_ws(self.server) as conn:
                conn.send(data)
                self.assertEqual(conn.recv_close(), 1007 if what == "not UTF-8" else 1002)

    def test_the_servers_close_comes_behind_what_it_wrote(self):
        with open_ws(self.server) as conn:
            conn.send(frame(TEXT, b"!burst 100") + frame(TEXT, b"!close 4000 done"))
            self.assertEqual([conn.recv_text().split()[0] for _ in range(100)], [str(i) for i in range(100)])
            self.assertEqual(conn.recv_close(), 4000)

    def test_the_servers_close_reason_is_cut_where_a_character_begins(self):
        with open_ws(self.server) as conn:
            conn.text("!close 4000 " + "ä" * 100)
            first, payload = conn.recv_frame()
            self.assertEqual((first, payload[2:].decode()), (0x80 | CLOSE, "ä" * 61))

    def test_a_peer_that_does_not_answer_the_close_is_cut_off(self):
        with open_ws(self.server) as conn:
            begun = time.monotonic()
            conn.text("!close 4000 bye")
            self.assertEqual(conn.recv_frame()[0], 0x80 | CLOSE)
            with self.assertRaises(Closed):
                conn.recv_frame()
            self.assertGreater(time.monotonic() - begun, 4)

    def test_data_behind_the_servers_close_is_dropped(self):
        with open_ws(self.server) as conn:
            conn.text("!close 4000 bye")
            self.assertEqual(conn.recv_frame()[0], 0x80 | CLOSE)
            conn.send(frame(TEXT, b"too late") * 100 + close_frame(4000))
            self.assertEqual(conn.until_closed(), b"")

    def test_several_messages_of_one_turn_share_a_record(self):
        with open_ws(self.server) as conn:
            before = json.loads(conn.ask("!counts"))
            conn.text("!burst 200")
            for i in range(200):
                self.assertEqual(conn.recv_text().split()[0], str(i))
            after = json.loads(conn.ask("!counts"))
        self.assertEqual(after["messages_out"] - before["messages_out"], 201)
        self.assertLess(after["records_out"] - before["records_out"], 40)

    def test_one_message_to_everybody(self):
        conns = [open_ws(self.server) for _ in range(100)]
        for size in (10, 300, 70000):
            conns[0].text("!all " + "y" * size)
            for conn in conns:
                self.assertEqual(conn.recv_text(), "y" * size)
        for conn in conns:
            conn.close()
        wait_until(lambda: self.server.counts()["connections"] == 1, what="the end of all connections")

    def test_who_asks_while_many_are_told_is_heard_meanwhile(self):
        """What comes second finds a part of them told what came first; the others get both in one record."""
        conns = [open_ws(self.server) for _ in range(MANY)]
        before = json.loads(conns[0].ask("!counts"))
        with Stopped(self.server):
            for text in ("!all first", "!counts", "!all second"):  # in a record each
                conns[0].text(text)
        self.assertEqual(conns[0].recv_text(), "first")
        meanwhile = json.loads(conns[0].recv_text())
        self.assertEqual(conns[0].recv_text(), "second")
        for conn in conns[1:]:
            self.assertEqual([conn.recv_text(), conn.recv_text()], ["first", "second"])
        after = json.loads(conns[0].ask("!counts"))
        self.assertLess(meanwhile["records_out"] - before["records_out"], MANY)
        self.assertLess(after["records_out"] - before["records_out"], 2 * MANY)
        self.assertEqual(after["messages_out"] - before["messages_out"], 2 * MANY + 2)
        for conn in conns:
            conn.close()
        wait_until(lambda: self.server.counts()["connections"] == 1, what="the end of all connections")

    def test_what_goes_to_many_comes_compressed_to_who_takes_it(self):
        conns = [open_ws(self.server, **({"Sec_WebSocket_Protocol": "gloss.v1.deflate, gloss.v1"} if i % 2 else {})) for i in range(40)]
        noise = "".join(random.choice("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/") for _ in range(3000))
        for text, is_shorter in (("y" * 10, False), ("words and words " * 60, True), (noise, False), ("a long one, " * 15000, True), ("äß€ " * 500, True)):
            conns[0].text("!all " + text)
            for i, conn in enumerate(conns):
                first, payload = conn.recv_frame()
                if i % 2 and is_shorter:
                    self.assertEqual(first, 0x80 | BINARY)
                    self.assertLess(len(payload), 0.75 * len(text.encode()))
                    payload = zlib.decompress(payload, -15)
                else:
                    self.assertEqual(first, 0x80 | TEXT)
                self.assertEqual(payload.decode(), text)
        self.assertEqual(conns[1].ask("w" * 5000), "w" * 5000)  # what goes to one is text
        conns[1].frame(BINARY, zlib.compress(b"{}")[2:-4])  # clients do not compress
        self.assertEqual(conns[1].recv_close(), 1003)
        for conn in conns:
            conn.close()
        wait_until(lambda: self.server.counts()["connections"] == 1, what="the end of all connections")

    def test_what_goes_to_few_comes_compressed_when_it_is_long(self):
        """The longer a message is and the more it goes to, the sooner it is worth the work: to four when it has 8 KiB, and never to three."""
        for readers, size, is_shorter in ((3, 100000, False), (4, 8000, False), (4, 8192, True), (20, 1600, False), (20, 1700, True)):
            conns = [open_ws(self.server, Sec_WebSocket_Protocol="gloss.v1.deflate, gloss.v1") for _ in range(readers)]
            conns[0].text("!all " + "words and words " * (size // 16))
            self.assertEqual({conn.recv_frame()[0] & 15 for conn in conns}, {BINARY if is_shorter else TEXT}, (readers, size))
            for conn in conns:
                conn.close()
            wait_until(lambda: self.server.counts()["connections"] == 1, what="the end of all connections")

    def test_cut_connections_leave_nothing_behind(self):
        for _ in range(100):
            conn = open_ws(self.server)
            conn.send(frame(TEXT, os.urandom(20), length=1000)[: random.randrange(20)])
            conn.close()
        wait_until(lambda: self.server.counts()["connections"] == 1, what="the end of all connections")


if __name__ == "__main__":
    unittest.main()
