"""proxy.py - a line between a client and the server, or between the server and PostgreSQL, that fails when it is told to.

Bytes pass through, until cut() drops every connection, reset() ends each with a TCP reset, swallow() lets the bytes vanish without a word to anybody, stall()
leaves what is sent lying (a way is "there", towards the target, or "back"; the connections stay), or `delay` makes each piece wait.
"""
import select
import socket
import struct
import threading
import time

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: what was not sent is thrown away, and the end is a reset


class Proxy:
    """Listens on a port of its own (self.port) and connects each visitor to 127.0.0.1:target, or to the socket of that path. Use it in a with statement."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.pairs = set()
        self.is_open, self.is_over = True, False
        self.is_swallowing = False
        self.lost, self.swallowed = set(), 0  # connections that are silent for ever; bytes that went nowhere
        self.connections, self.passed = 0, 0  # so far; bytes towards the client
        self.delay = 0  # seconds for each piece that passes, at most 64 KiB
        self.stalled = frozenset()  # ways
        self.reset_after = None  # bytes towards the client, of each connection
        self.resets = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.listener.close()
        self.cut()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}/"

    def accept(self):
        while not self.is_over:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if not self.is_open:
                near.close()
                continue
            try:
                far = self.connect()
            except OSError:
                near.close()
                continue
            pair = (near, far)
            with self.lock:
                self.pairs.add(pair)
                self.connections += 1
            threading.Thread(target=self.carry, args=(pair,), daemon=True).start()

    def connect(self):
        if isinstance(self.target, int):
            return socket.create_connection(("127.0.0.1", self.target))
        far = socket.socket(socket.AF_UNIX)
        far.connect(self.target)
        return far

    def is_lost(self, pair):
        """Whoever meets the hole stays in it: neither end hears of the other again, nor of its end."""
        if self.is_swallowing:
            with self.lock:
                self.lost.add(pair)
        return pair in self.lost

    def filter_back(self):
        """For each connection: what its bytes towards the visitor go through; None: nothing."""
        return None

    def ready(self, pair, ends):
        """The ends of which something is to be heard. A stalled one is not listened to, and so not told of the other's end either."""
        near, far = pair
        stalled = self.stalled
        heard = [end for end in ends if not (end is near and "there" in stalled) and not (end is far and "back" in stalled)]
        ready = select.select(heard, [], [], 0.05 if stalled else 60)[0]
        return ready if self.stalled == stalled else []

    def carry(self, pair):
        near, far = pair
        ends, came, filter_back = list(pair), 0, self.filter_back()
        try:
            while ends:
                for ready in self.ready(pair, ends):
                    data = ready.recv(65536)
                    if self.is_lost(pair):
                        self.swallowed += len(data)
                        if not data:
                            ends.remove(ready)
                        continue
                    if not data:
                        return
                    if ready is far and filter_back:
                        data = filter_back(data)
                    if self.delay:
                        time.sleep(self.delay)
                    (far if ready is near else near).sendall(data)
                    self.passed += len(data) if ready is far else 0
                    came += len(data) if ready is far else 0
                    if self.reset_after is not None and came >= self.reset_after:
                        self.break_off(pair)
                        return
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.pairs.discard(pair)
                self.lost.discard(pair)
            for end in pair:
                end.close()

    def cut(self):
        """Ends every connection now, in the middle of whatever it carries."""
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        return len(pairs)

    def swallow(self):
        """From now on bytes vanish, both ways, and nobody is told; until spit_out(), and for the connections that met it for ever."""
        self.is_swallowing = True
        with self.lock:
            self.lost |= self.pairs

    def spit_out(self):
        self.is_swallowing = False

    def break_off(self, pair):
        self.resets += 1
        for end in pair:
            if end.family != socket.AF_UNIX:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def reset(self):
        """Ends every connection now with a reset; gives how many."""
        with self.lock:
            pairs = list(self.pairs)
        for pair in pairs:
            try:
                self.break_off(pair)
                pair[0].shutdown(socket.SHUT_RD)  # wakes who carries it, who closes both
            except OSError:
                pass
        return len(pairs)

    def stall(self, *ways):
        """What is sent these ways ("there", "back") stays lying from now on; nothing: all goes on."""
        self.stalled = frozenset(ways)

    def close(self):
        """Takes no connections until open()."""
        self.is_open = False
        self.cut()

    def open(self):
        self.is_open = True
