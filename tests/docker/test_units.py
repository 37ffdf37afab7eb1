#!/usr/bin/python3
"""The systemd units: sound, closed to what a service does not need, and a port that systemd holds is taken over, with whoever waits there."""
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

SOURCE, GLOSSD = os.environ["GLOSS_SOURCE_DIR"], os.environ["GLOSSD"]
UNITS = os.path.join(SOURCE, "docker", "systemd")
LIMIT_S = 180  # for what hangs
TRIES = 3
CERTIFICATE = os.path.join(SOURCE, "service", "deps", "certificate")
EXPOSURE = 20  # tenths, of 100: what systemd-analyze thinks that somebody who has taken over the service could do


def end(process):
    if process.poll() is None:
        process.kill()
    process.wait()


def missing():
    for program in ("systemd-analyze", "systemd-socket-activate", "openssl"):
        if not shutil.which(program):
            return f"the program {program} is missing"
    return None


class Units(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gloss-units.")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        for unit in os.listdir(UNITS):
            with open(os.path.join(UNITS, unit), encoding="utf-8") as given, open(os.path.join(self.folder, unit), "w", encoding="utf-8") as placed:
                placed.write(given.read().replace("/usr/bin/glossd", GLOSSD).replace("/usr/bin/gloss-certificate", CERTIFICATE))

    def analyze(self, *words):
        return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, timeout=120, cwd=self.folder, env={**os.environ, "LC_ALL": "C.UTF-8"})

    def test_are_sound(self):
        done = self.analyze("verify", "--man=no", *(os.path.join(self.folder, unit) for unit in sorted(os.listdir(UNITS))))
        ours = [line for line in done.stderr.splitlines() if "gloss" in line]
        self.assertEqual((done.returncode, ours), (0, []), done.stderr)

    def test_are_closed(self):
        for unit in ("gloss.service", "gloss-certificate.service"):
            done = self.analyze("security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE}", f"{self.folder}/{unit}")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_certificate_is_renewed_with_its_names(self):
        def make(*words):
            done = subprocess.run([CERTIFICATE, *words], capture_output=True, text=True, timeout=LIMIT_S)
            return done.returncode, done.stderr
        path = self.folder + "/tls/server.crt"

        def read():
            done = subprocess.run(["openssl", "x509", "-in", path, "-noout", "-serial", "-ext", "subjectAltName"], check=True, capture_output=True, text=True, timeout=LIMIT_S)
            serial, *names = done.stdout.splitlines()
            return serial, names
        code, said = make("-r", self.folder)
        self.assertEqual(code, 1)
        self.assertIn("names is missing", said)
        self.assertEqual(make(self.folder, "gloss.example", "192.0.2.7", "2001:db8::7"), (0, ""))
        serial, names = read()
        self.assertIn("DNS:gloss.example, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7", names[-1])
        self.assertEqual(make("-r", self.folder), (0, ""))
        self.assertEqual(read(), (serial, names))
        os.unlink(path)
        self.assertEqual(make("-r", self.folder), (0, ""))
        self.assertEqual(read()[1], names)
        self.assertNotEqual(read()[0], serial)
        self.assertEqual(make(self.folder + "/other"), (0, ""))
        for end in ("crt", "key"):
            shutil.copy(f"{self.folder}/other/tls/server.{end}", self.folder + "/tls")
        theirs = read()
        self.assertEqual(make("-r", self.folder), (0, ""))
        self.assertEqual(read(), theirs)

    def test_what_ends_the_service_for_good_is_not_tried_again(self):
        """The exit statuses that the handbook says are the same the next time."""
        with open(UNITS + "/gloss.service", encoding="utf-8") as file:
            unit = file.read()
        self.assertEqual(re.search("^RestartPreventExitStatus=(.*)$", unit, re.M).group(1).split(), ["2", "3", "5", "6", "7"])

    def test_the_socket_is_what_the_settings_say(self):
        """Who installs the package and follows it is reached by nobody else, with the socket unit or without; and as many may wait as where glossd listens by itself."""
        def read(*path):
            with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
                return file.read()
        unit, settings = read("docker", "systemd", "gloss.socket"), dict(re.findall(r"^(\w+) = (.*)$", read("docker", "packages", "gloss.conf"), re.M))
        self.assertEqual(re.findall("^ListenStream=(.*)$", unit, re.M), [f"{settings['listen']}:{settings['port']}"])
        self.assertEqual(re.findall("^Backlog=(.*)$", unit, re.M), re.findall(r"^    BACKLOG = (\d+),", read("service", "base", "listener.c"), re.M))

    def test_a_port_that_is_held_for_it_is_taken_over(self):
        subprocess.run([CERTIFICATE, self.folder], check=True, capture_output=True)
        serving = ["serve", "--tls-certificate", self.folder + "/tls/server.crt", "--tls-key", self.folder + "/tls/server.key", "--database", "host=/nowhere", "--port", "1",
                   "--workers", "2"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("GLOSS")}
        passed = [word for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS") if name in env for word in ("-E", name)]
        process, port = self.held([*passed, GLOSSD, *serving], env)
        context = ssl.create_default_context(cafile=self.folder + "/ca/ca.crt")
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/healthz", timeout=LIMIT_S, context=context) as answer:  # who connects starts it, and waits for its answer
            self.assertEqual(answer.read(), b"ok\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(LIMIT_S), 0)
        self.assertRegex(self.said(), rf"service.started .* workers=2 .* port={port}\n")

    def said(self):
        with open(self.folder + "/log", encoding="utf-8") as log:
            return log.read()

    def held(self, command, env):
        """A process that holds a free port for command, and the port. Somebody else may have been faster: then another one."""
        for _ in range(TRIES):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            with open(self.folder + "/log", "w", encoding="utf-8") as log:
                process = subprocess.Popen(["systemd-socket-activate", "-l", f"127.0.0.1:{port}", *command], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            self.addCleanup(end, process)
            deadline = time.monotonic() + LIMIT_S
            while process.poll() is None and time.monotonic() < deadline:
                if f"Listening on 127.0.0.1:{port}" in self.said():
                    return process, port
                time.sleep(0.05)
        return self.fail(f"no port was held in {TRIES} attempts:\n{self.said()}")


if __name__ == "__main__":
    reason = missing()
    if reason:
        print("skipped:", reason)
        sys.exit(77)
    unittest.main(verbosity=2)
