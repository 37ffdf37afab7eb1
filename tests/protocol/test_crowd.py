"""A crowd arrives at once: the handshake of each takes a third of a millisecond, and who is there already waits for those of a few only.

The server is stopped until the first words of all have arrived, and the kernel tells when each answer came: so it does not depend on how fast anybody is.
"""
import json
import os
import socket
import ssl
import struct
import unittest

from target import EchoCore, Stopped, wait_until
from test_proxy import Balanced, v1
from wire import DEADLINE_S, open_ws

CROWD = 200
A_FEW = 20  # handshakes before the answer to who is there: 2 a turn of the loop, and the kernel may tell of him a few turns later
SO_TIMESTAMPNS = 35  # asm-generic/socket.h


def hello(context):
    """The first bytes of a client; nobody minds that each sends the same."""
    sent = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        return sent.read()


def timed(sock):
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return sock


def answered_ns(sock):
    """When what is there to be read arrived; waits for it, and leaves it there."""
    with socket.socket(fileno=os.dup(sock.fileno())) as raw:
        raw.settimeout(DEADLINE_S)
        data, told, _, _ = raw.recvmsg(65536, 64, socket.MSG_PEEK)
    assert data, "it was closed instead"
    ((seconds, ns),) = [struct.unpack("qq", value) for level, kind, value in told if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS)]
    return seconds * 10**9 + ns


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


class Crowd(unittest.TestCase):
    def ahead_of(self, there, server, door, early):
        """How many of a crowd, who have sent so many bytes earlier, were answered before who was there; all are."""
        first, before = hello(server.context()), descriptors(server)
        crowd = [timed(door.tcp()) for _ in range(CROWD)]
        for sock in crowd:
            sock.sendall(first[:early])
        if early or door is not server:
            wait_until(lambda: descriptors(server) >= before + CROWD, what="their being accepted")
        with Stopped(server):
            for sock in crowd:
                sock.sendall(first[early:])
            there.text("and I?")
        came = answered_ns(there.sock)
        ahead = sum(answered_ns(sock) < came for sock in crowd)
        self.assertEqual(there.recv_text(), "and I?")
        for sock in crowd:
            sock.close()
        print(f"{ahead} of {CROWD} handshakes before the answer to who was there")
        return ahead

    def check(self, server, door, early=0):
        with open_ws(door) as there:
            timed(there.sock)
            self.assertLess(self.ahead_of(there, server, door, early), A_FEW)
            self.assertLess(self.ahead_of(there, server, door, early), A_FEW)

    def test_a_crowd(self):
        with EchoCore() as server:
            self.check(server, server)

    def test_all_but_a_part_was_there(self):
        """Who has sent a byte, or all but one, is accepted; what costs comes with the last byte, and all last bytes at once."""
        with EchoCore() as server:
            for early in (1, 5, 100, -1):
                self.check(server, server, early)

    def test_behind_a_balancer(self):
        """The heads that it sends were read long ago when TLS begins."""
        with EchoCore("--proxy-from", "127.0.0.1") as server:
            self.check(server, Balanced(server, v1()))
            self.check(server, Balanced(server, v1()), 1)

    def test_gone_while_they_wait(self):
        """Neither those who have left nor their places are kept."""
        for settings, door_of in (((), lambda server: server), (("--proxy-from", "127.0.0.1"), lambda server: Balanced(server, v1()))):
            with EchoCore(*settings) as server:
                first, door = hello(server.context()), door_of(server)
                with open_ws(door) as there:
                    for reset in (False, True):
                        with Stopped(server):
                            for _ in range(CROWD):
                                sock = door.tcp()
                                sock.sendall(first)
                                if reset:
                                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                                sock.close()
                        wait_until(lambda: json.loads(there.ask("!counts"))["arriving"] == 0, timeout=5, what="the end of those who have left")
                    self.assertLess(json.loads(there.ask("!counts"))["accepted"], 2 * CROWD)


if __name__ == "__main__":
    unittest.main()
