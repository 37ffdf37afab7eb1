"""wire.py - TLS, HTTP and WebSocket by hand, so that a test can send what no library would.

A Server is where to connect to; who started it does not matter here (target.py, or a test of the real program).
"""
import base64
import os
import socket
import ssl
import struct
import time

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
DEADLINE_S = 180  # for what must come; nothing waits for it to pass


class Server:
    def __init__(self, port, ca, host="127.0.0.1", name="localhost"):
        self.port, self.ca, self.host, self.name = port, ca, host, name

    def context(self):
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def tcp(self):
        sock = socket.create_connection((self.host, self.port), timeout=DEADLINE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def tls(self, context=None, sock=None):
        return (context or self.context()).wrap_socket(sock or self.tcp(), server_hostname=self.name)


class Closed(Exception):
    """The other end closed the connection."""


class Conn:
    """Bytes in and out; then frames in and out."""

    def __init__(self, server, sock=None):
        self.server = server
        self.sock = sock or server.tls()
        self.buf = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def try_send(self, data):
        """For what may be refused before it is all there."""
        try:
            self.send(data)
        except OSError:
            pass

    def more(self, timeout=DEADLINE_S):
        self.sock.settimeout(timeout)
        try:
            data = self.sock.recv(65536)
        except (ConnectionError, ssl.SSLError) as error:
            if isinstance(error, ssl.SSLWantReadError) or "timed out" in str(error):
                raise TimeoutError from error
            raise Closed from error
        if not data:
            raise Closed
        self.buf += data

    def take(self, count, timeout=DEADLINE_S):
        while len(self.buf) < count:
            self.more(timeout)
        data, self.buf = self.buf[:count], self.buf[count:]
        return data

    def until_closed(self, timeout=DEADLINE_S):
        end = time.monotonic() + timeout
        try:
            while True:
                self.more(max(0.01, end - time.monotonic()))
        except Closed:
            return self.buf

    # ---- HTTP

    def head(self, timeout=DEADLINE_S):
        """Status and headers of an answer; the status is None when the connection was closed without one."""
        try:
            while b"\r\n\r\n" not in self.buf:
                self.more(timeout)
        except Closed:
            return None, {}
        head, self.buf = self.buf.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        return int(first.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}

    # ---- WebSocket

    def open(self, **changes):
        self.send(upgrade(**changes))
        status, headers = self.head()
        assert status == 101, f"the upgrade was answered {status}"
        assert headers.get("sec-websocket-protocol") == changes.get("Sec_WebSocket_Protocol", "gloss.v1").split(",")[0]
        assert headers.get("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert "sec-websocket-extensions" not in headers
        return self

    def frame(self, opcode, payload=b"", **how):
        self.send(frame(opcode, payload, **how))

    def text(self, text):
        self.frame(TEXT, text.encode())

    def recv_frame(self, timeout=DEADLINE_S):
        first, second = self.take(2, timeout)
        assert not second & 0x80, "a server does not mask"
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.take(2, timeout))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.take(8, timeout))
        return first, self.take(length, timeout)

    def recv_text(self, timeout=DEADLINE_S):
        """The next text message; pings are answered on the way."""
        while True:
            first, payload = self.recv_frame(timeout)
            if first == 0x80 | PING:
                self.frame(PONG, payload)
                continue
            assert first == 0x80 | TEXT, f"frame {first:#x} {payload!r}"
            return payload.decode()

    def recv_close(self, timeout=DEADLINE_S):
        """The close code: 1005 when there was none in the frame, 1006 when there was no close frame."""
        try:
            while True:
                first, payload = self.recv_frame(timeout)
                if first & 0xF == CLOSE:
                    return struct.unpack("!H", payload[:2])[0] if payload else 1005
        except Closed:
            return 1006

    def ask(self, text):
        self.text(text)
        return self.recv_text()


def open_ws(server, **changes):
    return Conn(server).open(**changes)


HEADERS = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "gloss.v1",
}


def upgrade(first="GET /ws HTTP/1.1", before=(), after=(), end="\r\n", **changes):
    """The request that opens a WebSocket, with headers changed (None: left out; _ stands for -); before and after are whole lines."""
    headers = dict(HEADERS)
    for name, value in changes.items():
        name = next((known for known in headers if known.lower() == name.replace("_", "-").lower()), name.replace("_", "-"))
        if value is None:
            headers.pop(name, None)
        else:
            headers[name] = value
    lines = [first, *before, *(f"{k}: {v}" for k, v in headers.items()), *after]
    return ("\r\n".join(lines) + "\r\n" + end).encode("latin-1")


def mask(payload, key):
    if not payload:
        return b""
    whole = key * (len(payload) // 4 + 1)
    return (int.from_bytes(payload, "big") ^ int.from_bytes(whole[: len(payload)], "big")).to_bytes(len(payload), "big")


def frame(opcode, payload=b"", fin=True, rsv=0, masked=True, length=None, wide=0):
    """length: another one than the payload's; wide: 2 or 8, a longer form of it than needed."""
    n = len(payload) if length is None else length
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    bit = 0x80 if masked else 0
    if n < 126 and not wide:
        head += bytes([bit | n])
    elif n < 65536 and wide != 8:
        head += bytes([bit | 126]) + struct.pack("!H", n)
    else:
        head += bytes([bit | 127]) + struct.pack("!Q", n)
    if not masked:
        return head + payload
    key = os.urandom(4)
    return head + key + mask(payload, key)


def get(server, path, method="GET", body=None, headers=(), host="localhost", context=None):
    """One plain request: status, headers, body."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    with Conn(server, server.tls(context)) as conn:
        conn.send(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b""))
        status, got = conn.head()
        return status, got, conn.until_closed() if status else b""


def is_well(server):
    """Does it still answer, and at once?"""
    begun = time.monotonic()
    status, _, body = get(server, "/healthz")
    return status == 200 and body == b"ok\n" and time.monotonic() - begun < DEADLINE_S


def random_key():
    return base64.b64encode(os.urandom(16)).decode()
