"""proxy.py - a line between a client and the server that can be cut: bytes pass through, until cut() drops every connection, or swallow() lets
them vanish without a word to anybody."""
import select
import socket
import threading
import time


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

    def carry(self, pair):
        near, far = pair
        ends = list(pair)
        try:
            while ends:
                for ready in select.select(ends, [], [], 60)[0]:
                    data = ready.recv(65536)
                    if self.is_lost(pair):
                        self.swallowed += len(data)
                        if not data:
                            ends.remove(ready)
                        continue
                    if not data:
                        return
                    time.sleep(self.delay)
                    (far if ready is near else near).sendall(data)
                    self.passed += len(data) if ready is far else 0
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

    def close(self):
        """Takes no connections until open()."""
        self.is_open = False
        self.cut()

    def open(self):
        self.is_open = True
