"""proxy.py - a line between a client and the server that can be cut: bytes pass through, until cut() drops every connection."""
import select
import socket
import threading
import time


class Proxy:
    """Listens on a port of its own (self.port) and connects each visitor to 127.0.0.1:target. Use it in a with statement."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.pairs = set()
        self.is_open, self.is_over = True, False
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
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            pair = (near, far)
            with self.lock:
                self.pairs.add(pair)
                self.connections += 1
            threading.Thread(target=self.carry, args=(pair,), daemon=True).start()

    def carry(self, pair):
        near, far = pair
        try:
            while True:
                for ready in select.select(pair, [], [], 60)[0]:
                    data = ready.recv(65536)
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

    def close(self):
        """Takes no connections until open()."""
        self.is_open = False
        self.cut()

    def open(self):
        self.is_open = True
