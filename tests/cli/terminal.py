"""terminal.py - a program on a terminal of a given size, and what it wrote there."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

LIMIT_S = 180  # for what must come; nothing waits for it to pass


def begin(command, env, columns, rows):
    """In the child: the terminal has its size before the program asks for it."""
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.execvpe(command[0], command, env)


def run_on_terminal(command, env, columns=80, rows=50, typed=b"", wait_for=b"", timeout=LIMIT_S):
    """Gives (status, bytes). `typed` is sent when `wait_for` has been seen. To have only stderr on the terminal: let sh redirect."""
    pid, fd = pty.fork()
    if pid == 0:
        begin(command, env, columns, rows)
    out, deadline = b"", time.monotonic() + timeout
    while time.monotonic() < deadline:
        if typed and wait_for in out:
            os.write(fd, typed)
            typed = b""
        if not select.select([fd], [], [], 0.2)[0]:
            continue
        try:
            data = os.read(fd, 65536)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        out += data
    os.close(fd)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), out


class Terminal:
    """A program that somebody sits before: keys are sent, what it writes is waited for."""

    def __init__(self, command, env, columns=120, rows=50):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            begin(command, env, columns, rows)
        self.out = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def send(self, keys):
        os.write(self.fd, keys.encode() if isinstance(keys, str) else keys)

    def wait_for(self, words, timeout=LIMIT_S):
        """Reads until the words are there; gives what stands before them, and keeps what is behind."""
        words, deadline = words.encode() if isinstance(words, str) else words, time.monotonic() + timeout
        while words not in self.out:
            if time.monotonic() > deadline:
                raise AssertionError(f"after {timeout} s still no {words!r} in {self.out!r}")
            if select.select([self.fd], [], [], 0.2)[0]:
                try:
                    self.out += os.read(self.fd, 65536)
                except OSError:
                    raise AssertionError(f"it ended without {words!r}: {self.out!r}") from None
        before, self.out = self.out.split(words, 1)
        return before.decode(errors="replace")
