"""Random bytes at every layer, and now and then the question whether the server is well. usage: fuzz.py [CONNECTIONS [SEED]]

It prints its seed; with the same one it does the same again.
"""
import os
import random
import sys
import time

from target import EchoCore, wait_until
from wire import BINARY, CLOSE, CONTINUATION, Closed, Conn, PING, PONG, TEXT, frame, is_well, upgrade

PROBE_EVERY = 200
WORDS = [b"Host: ", b"Origin: ", b"Upgrade: websocket", b"Upgrade: h2c", b"Connection: Upgrade", b"Content-Length: ",
         b"Transfer-Encoding: chunked", b"\r\n", b"\r\n\r\n", b"\n", b"\0", b":", b"/ws", b"/echo", b"/../", b"%00", b"%", b"?", b"&",
         b"HTTP/1.1", b"HTTP/1.0", b"POST", b"GET", b"PUT", b"CONNECT", b"HEAD", b"A: ", b"X", b"18446744073709551616", b"-1",
         b"4294967296", b"Expect: 100-continue", b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Extensions: permessage-deflate", b" ", b"\t",
         b",", b"\xff", b"x" * 300]
HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(32) + bytes.fromhex("20") + bytes(32) + bytes.fromhex("0004130113020100007700") + bytes(80)


def mutate(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice((0, 1, 1, 2, 5, 20))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(5)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at:at] = rng.choice(WORDS)
        elif kind == 2:
            del data[at:at + rng.choice((1, 2, 10, 50))]
        elif kind == 3:
            data[at:at] = rng.randbytes(rng.choice((1, 4, 40)))
        else:
            data[at:at] = data[rng.randrange(len(data) + 1):][:rng.choice((5, 50))]
    return bytes(data)


def request(rng):
    kind = rng.randrange(4)
    body = rng.randbytes(rng.choice((0, 1, 5, 300, 5000)))
    if kind == 0:
        return upgrade()
    if kind == 1:
        return b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % rng.choice((b"", b"healthz", b"later", b"never", b"header/x?y=z", b"nope"))
    method = rng.choice((b"POST", b"PUT", b"PATCH", b"DELETE"))
    length = len(body) + rng.choice((0, 0, 0, 1, -1, 100, -100, 1 << 20, 1 << 40))
    return b"%s /%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (method, rng.choice((b"echo", b"later")), length) + body


def frames(rng):
    out = b""
    for _ in range(rng.choice((1, 3, 20))):
        payload = rng.choice((b"", b"hello", rng.randbytes(10), "ä€😀".encode() * 40, b"!burst 5", b"!flood 20 3000", b"!close 4000 x",
                              b"!all x", b"y" * 70000))
        out += frame(rng.choice((TEXT, TEXT, TEXT, BINARY, CONTINUATION, PING, PONG, CLOSE, rng.randrange(16))), payload, fin=rng.random() < 0.8,
                     rsv=rng.choice((0, 0, 0, 0, rng.randrange(8))), masked=rng.random() < 0.95, wide=rng.choice((0, 0, 0, 2, 8)),
                     length=rng.choice((None, None, None, None, rng.randrange(1 << rng.choice((4, 16, 62))))))
    return out


def send_in_pieces(rng, conn, data):
    size = rng.choice((1 << 20, 1 << 20, 500, 17, 1 if len(data) < 400 else 1000))
    for at in range(0, len(data), size):
        conn.send(data[at:at + size])


def one(rng, server):
    kind = rng.randrange(10)
    if kind == 0:
        with Conn(server, server.tcp()) as conn:
            send_in_pieces(rng, conn, mutate(rng, rng.choice((HELLO, b"GET / HTTP/1.1\r\n\r\n", rng.randbytes(300)))))
            read_a_little(rng, conn)
        return
    with Conn(server) as conn:
        if kind < 5:
            data = b"".join(mutate(rng, request(rng)) for _ in range(rng.choice((1, 1, 2, 4))))
        else:
            conn.send(upgrade())
            if conn.head()[0] != 101:
                raise AssertionError("a good handshake was refused")
            data = frames(rng) if kind < 8 else mutate(rng, frames(rng))
        send_in_pieces(rng, conn, data)
        read_a_little(rng, conn)


def read_a_little(rng, conn):
    for _ in range(rng.choice((0, 1, 3))):
        conn.more(0.01)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4), "big")
    print(f"{count} connections, seed {seed}", flush=True)
    begun = time.monotonic()
    with EchoCore("--hello-ms", 20000, "--stall-ms", 20000, "--quiet") as server:
        for i in range(count):
            try:
                one(random.Random(f"{seed} {i}"), server)
            except (OSError, Closed):
                pass
            if server.process.poll() is not None:
                raise SystemExit(f"the server ended at connection {i} of seed {seed}:\n{server.said()}")
            if i % PROBE_EVERY == PROBE_EVERY - 1 and not is_well(server):
                raise SystemExit(f"the server is not well after connection {i} of seed {seed}:\n{server.said()}")
        wait_until(lambda: server.counts()["connections"] == 1, what="the end of all connections")
    print(f"well, after {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
