"""terminal.py - a program on a terminal of a given size, and what it wrote there."""
import fcntl
import os
import pty
import select
import struct
import termios
import time


def run_on_terminal(command, env, columns=80, rows=50, typed=b"", wait_for=b"", timeout=30):
    """Gives (status, bytes). `typed` is sent when `wait_for` has been seen."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, env)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
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
