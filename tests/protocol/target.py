"""target.py - a running echo_core (tests/unit/net/echo_core.c) with a throw-away certificate, and its end in order."""
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import wire

ECHO_CORE = os.environ.get("ECHO_CORE") or os.path.join(os.environ.get("GLOSS_BUILD_DIR", "build"), "tests/unit/net/echo_core")


def make_certificate(folder, name="localhost", kind="ec", days=90, ca=None):
    """A certificate and its key; without a CA it is its own."""
    cert, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    how = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["-newkey", "rsa:2048"]
    subprocess.run(
        ["openssl", "req", "-x509", *how, "-nodes", "-keyout", key + ".new", "-out", cert + ".new", "-days", str(days), "-subj", f"/CN={name}",
         "-addext", "subjectAltName=DNS:localhost,DNS:gloss.test,IP:127.0.0.1"],
        check=True, capture_output=True)
    os.rename(key + ".new", key)
    os.rename(cert + ".new", cert)
    return cert, key


class EchoCore(wire.Server):
    """Use it in a with statement. At the end the program must have ended by itself, without a word of the sanitizers."""

    def __init__(self, *args, limit_files=None, pair=None):
        self.folder = tempfile.mkdtemp(prefix="gloss-protocol-")
        self.cert, self.key = pair or make_certificate(self.folder)
        self.log_path = os.path.join(self.folder, "log")
        self.log = open(self.log_path, "w+")
        # The sanitizer keeps freed memory for a while; here we want to see what the program itself keeps.
        environment = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")
        before = (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit_files, limit_files))) if limit_files else None
        self.process = subprocess.Popen([ECHO_CORE, "--cert", self.cert, "--key", self.key, *map(str, args)], stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, preexec_fn=before, env=environment)
        first = self.process.stdout.readline()
        if not first.startswith("listening "):
            raise AssertionError(f"echo_core did not start: {first!r} {self.said()}")
        super().__init__(int(first.split()[1]), self.cert)
        second = self.process.stdout.readline()
        if second != "ready\n":
            raise AssertionError(f"echo_core did not start: {second!r} {self.said()}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.end(check=kind is None)

    def end(self, check=True):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            rest, _ = self.process.communicate(timeout=wire.DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            rest, _ = self.process.communicate()
            rest += "(killed: it did not end by itself)"
        said = self.said()
        self.log.close()
        shutil.rmtree(self.folder)
        if check and (self.process.returncode != 0 or not rest.startswith("clean")):
            raise AssertionError(f"echo_core ended with {self.process.returncode}: {rest!r}\n{said}")

    def said(self):
        with open(self.log_path) as log:
            return log.read()

    def events(self, name):
        return [line for line in self.said().splitlines() if f" {name} " in line]

    def wait_for_event(self, name, count=1, timeout=wire.DEADLINE_S):
        wait_until(lambda: len(self.events(name)) >= count, timeout, f"{count} times {name}")

    def counts(self):
        with wire.open_ws(self) as conn:
            return json.loads(conn.ask("!counts"))

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


class Stopped:
    """While it is, nothing is read and everything arrives."""

    def __init__(self, server):
        self.process = server.process

    def __enter__(self):
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)


def wait_until(claim, timeout=wire.DEADLINE_S, what="it"):
    """Waits for something that shows itself nowhere but in a state."""
    end = time.monotonic() + timeout
    while not claim():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {timeout} s")
        time.sleep(0.02)
