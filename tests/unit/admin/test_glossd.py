"""glossd as a program: what it says, its exit codes, who starts whom. Nothing here needs a database; that one is not there is part of it."""

import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

SOURCE = os.environ.get("GLOSS_SOURCE_DIR", os.getcwd())
GLOSSD = os.environ.get("GLOSSD", "service/glossd")
WAIT = 180  # seconds, for anything that hangs

folder = tempfile.TemporaryDirectory(prefix="gloss-admin-")
HOME = folder.name


def setUpModule():
    subprocess.run([SOURCE + "/service/deps/certificate", HOME], check=True, stdout=subprocess.DEVNULL)


def tearDownModule():
    folder.cleanup()


def environment(**more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GLOSS")}
    return kept | {"LC_ALL": "C.UTF-8"} | more


def run(*words, **more):
    return subprocess.run([GLOSSD, *words], env=environment(**more), capture_output=True, text=True, timeout=WAIT)


BARE = ["--database", "host=/nowhere", "--port", "0"]
SERVING = ["--tls-certificate", HOME + "/tls/server.crt", "--tls-key", HOME + "/tls/server.key", *BARE]


def children(pid):
    """The processes whose parent is pid, by what they are called."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8") as file:
                name, rest = re.match(r"\d+ \((.*)\) (.*)", file.read()).groups()
        except (OSError, AttributeError):
            continue
        state, parent = rest.split()[:2]
        if int(parent) == pid and state != "Z":
            found[name] = int(entry)
    return found


def is_gone(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return not file.read()  # a zombie that nobody has waited for
    except (FileNotFoundError, ProcessLookupError):
        return True


def until(what, is_true):
    deadline = time.monotonic() + WAIT
    while not is_true():
        if time.monotonic() > deadline:
            raise AssertionError(f"still not: {what}")
        time.sleep(0.02)


class Server:
    """glossd serve, ready. It ends with the test."""

    def __init__(self, test, *more, serving=SERVING):
        self.process = subprocess.Popen([GLOSSD, "serve", *serving, *more], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        test.addCleanup(self.end)
        self.said = b""
        line = self.process.stdout.readline().decode()
        found = re.fullmatch(r"glossd ready: https://127\.0\.0\.\d:(\d+)/\n", line)
        if not found:
            self.process.kill()  # so that what it says has an end
            test.fail(line + self.process.stderr.read().decode())
        self.port = int(found.group(1))

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.said += self.process.stderr.read()
        return self.process.wait(WAIT)

    def await_said(self, *words):
        """Waits until all words stand in one line of the log."""
        deadline = time.monotonic() + WAIT
        while not any(all(word in line for word in words) for line in self.said.decode().splitlines()):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stderr], [], [], left)[0]:
                raise AssertionError(f"{words} was not said:\n{self.said.decode()}")
            self.said += os.read(self.process.stderr.fileno(), 65536)

    def get(self, path):
        context = ssl.create_default_context(cafile=HOME + "/ca/ca.crt")
        try:
            with urllib.request.urlopen(f"https://127.0.0.1:{self.port}{path}", timeout=WAIT, context=context) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.read().decode()

    def children(self):
        return children(self.process.pid)


class Words(unittest.TestCase):
    """The command line."""

    def expect(self, ended, code, *said):
        self.assertEqual(ended.returncode, code, ended.stderr)
        for words in said:
            self.assertIn(words, ended.stderr)
        self.assertNotIn("Sanitizer", ended.stderr)

    def test_help_and_version(self):
        self.assertRegex(run("--version").stdout, r"^glossd \d+\.\d+\.\d+\n$")
        helped = run("--help")
        self.assertEqual(helped.returncode, 0)
        for verb in ("serve", "init", "migrate", "check", "user", "token", "project", "settings"):
            self.assertIn(f"\n  {verb} ", helped.stdout)
            self.assertIn(f"usage: glossd {verb}", run(verb, "--help").stdout)

    def test_help_works_while_a_setting_is_wrong(self):
        self.assertEqual(run("serve", "--help", GLOSS_PORT="x").returncode, 0)

    def test_wrong_words(self):
        self.expect(run(), 2, "usage: glossd VERB")
        self.expect(run("sreve"), 2, '"sreve"', 'did you mean "serve"?')
        self.expect(run("serve", "--prot", "5"), 2, "--prot", "did you mean --port?")
        self.expect(run("serve", "now"), 2, '"now" is one word too many')
        self.expect(run("serve", "--ready-fd", "two"), 2, "--ready-fd")
        self.expect(run("settings", "--json=yes"), 2, "--json takes no value")

    def test_wrong_settings(self):
        self.expect(run("settings", "--port", "70000"), 3, "--port", "0 to 65535")
        self.expect(run("settings", GLOSS_WORKER="2"), 3, "GLOSS_WORKER", "did you mean workers?")
        self.expect(run("settings", "--config", "/nowhere.conf"), 3, "/nowhere.conf cannot be read")
        self.expect(run("serve", "--port", "0"), 3, "tls_certificate is missing")
        self.expect(run("serve", *SERVING, "--listen", "example.org"), 3, "example.org", "listen")

    def test_what_is_said_cannot_move_a_terminal(self):
        ended = run("\x1b[2J\u202e")
        self.assertEqual(ended.returncode, 2)
        self.assertNotRegex(ended.stderr, "[\x1b\u202e]")

    def test_no_password_on_the_command_line(self):
        ended = run("settings", "--database", "host=db password=tr0ub4dor")
        self.expect(ended, 3, "everybody on this machine can read a command line")
        self.assertNotIn("tr0ub4dor", ended.stderr)

    def test_settings_as_json(self):
        rows = [json.loads(line) for line in run("settings", "--json", "--port", "5").stdout.splitlines()]
        port = next(row for row in rows if row["setting"] == "port")
        self.assertEqual((port["value"], port["origin"], port["where"]), (5, "flag", "--port"))
        listen = next(row for row in rows if row["setting"] == "listen")
        self.assertEqual((listen["value"], listen["origin"]), (["127.0.0.1"], "default"))

    def test_example_is_a_settings_file(self):
        path = HOME + "/example.conf"
        with open(path, "w", encoding="utf-8") as file:
            file.write(run("settings", "--example").stdout)
        self.expect(run("settings", "--config", path), 0)

    def test_port_that_is_taken(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.expect(run("serve", *SERVING, "--port", str(port)), 6, f"port {port}", f"(process {os.getpid()})", "setting port")

    def test_certificates_that_cannot_be_used(self):
        other = HOME + "/other.key"
        junk = HOME + "/junk.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", other], check=True, capture_output=True)
        with open(junk, "w", encoding="utf-8") as file:
            file.write("junk")
        self.expect(run("serve", *SERVING, "--tls-key", "/nowhere.key"), 7, "/nowhere.key", "tls_key")
        self.expect(run("serve", *SERVING, "--tls-key", other), 7, other)
        self.expect(run("serve", *SERVING, "--tls-certificate", junk), 7, junk)


class Processes(unittest.TestCase):
    """The service, without a database."""

    def test_starts_and_ends(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = Server(self, "--workers", "2", "--helpers", "2")
            wanted = {"glossd-w0", "glossd-w1", "glossd-h0.0", "glossd-h0.1", "glossd-h1.0", "glossd-h1.1", "glossd-j0"}
            until("all have their names", lambda: set(server.children()) == wanted)
            self.assertEqual(server.get("/healthz")[0], 200)
            status, why = server.get("/readyz")
            self.assertEqual(status, 503)
            self.assertIn("database", why)
            self.assertEqual(server.stop(number), 0)
            self.assertNotIn(b"Sanitizer", server.said)

    def test_ready_fd(self):
        reading, writing = os.pipe()
        with os.fdopen(reading) as pipe:
            process = subprocess.Popen([GLOSSD, "serve", *SERVING, "--ready-fd", str(writing)], env=environment(), pass_fds=[writing],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            os.close(writing)
            # The end of the pipe comes right behind the line: nobody keeps it open.
            self.assertRegex(pipe.read(), r"^glossd ready: https://127\.0\.0\.1:\d+/\n$")
            process.terminate()
            self.assertEqual(process.wait(WAIT), 0)

    def test_log_as_json(self):
        server = Server(self, "--log-format", "json")
        server.stop()
        # What the leak checker's runtime says when a helper is killed beneath it is not glossd's.
        lines = [line for line in server.said.decode().splitlines() if "Unable to get registers from thread" not in line]
        self.assertFalse([line for line in lines if not line.startswith("{")], "every line is JSON")
        events = [json.loads(line)["event"] for line in lines]
        self.assertIn("service.ready", events)
        self.assertEqual(events[-1], "service.stopped")

    def test_killed_worker_is_back_within_a_second(self):
        server = Server(self)
        before = server.children()
        os.kill(before["glossd-w0"], signal.SIGKILL)
        killed = time.monotonic()
        self.assertEqual(server.get("/healthz")[0], 200)
        print(f"back after {time.monotonic() - killed:.2f} s")
        self.assertNotEqual(server.children().get("glossd-w0"), before["glossd-w0"])
        self.assertEqual(server.stop(), 0)

    def test_worker_that_stands_still_is_replaced(self):
        server = Server(self, "--watchdog-ms", "2000")
        worker = server.children()["glossd-w0"]
        os.kill(worker, signal.SIGSTOP)
        self.assertEqual(server.get("/healthz")[0], 200)
        self.assertNotEqual(server.children().get("glossd-w0"), worker)
        server.await_said("worker.stuck")
        self.assertEqual(server.stop(), 0)

    def test_killed_supervisor_takes_everybody_along_and_frees_the_port(self):
        server = Server(self, "--workers", "2")
        pids = list(server.children().values())
        server.process.kill()
        server.process.wait()
        for pid in pids:
            until(f"{pid} is gone", lambda: is_gone(pid))  # pylint: disable=cell-var-from-loop
        again = Server(self, "--port", str(server.port))
        self.assertEqual(again.get("/healthz")[0], 200)

    def test_hangup_reads_settings_again(self):
        path = HOME + "/reload.conf"
        with open(path, "w", encoding="utf-8") as file:
            file.write("log_level = info\n")
        server = Server(self, "--config", path)
        with open(path, "w", encoding="utf-8") as file:
            file.write("log_level = debug\nworkers = 7\n")
        server.process.send_signal(signal.SIGHUP)
        server.await_said("service.reloaded", "changed=1")
        with open(path, "w", encoding="utf-8") as file:
            file.write("log_level = loud\n")
        server.process.send_signal(signal.SIGHUP)
        server.await_said("service.reloaded", "loud")
        self.assertEqual(server.get("/healthz")[0], 200)
        self.assertEqual(server.stop(), 0)

    def test_reload_tells_the_server_of_these_settings(self):
        path = HOME + "/reload-verb.conf"

        def write(text):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        write("")
        server = Server(self, "--config", path)
        write("log_level = debug\nmax_sessions = 7\nmetrics_from = 10.0.0.0/8\nworkers = 9\n")
        done = run("reload", "--port", str(server.port))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"process {server.process.pid} ", done.stdout)
        server.await_said("service.reloaded", "changed=3")
        write("metrics_from = everybody\n")
        self.assertEqual(run("reload", "--port", str(server.port)).returncode, 0)
        server.await_said("service.reloaded", "everybody")
        self.assertEqual(server.stop(), 0)
        done = run("reload", "--port", str(server.port))
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(server.port), done.stderr)

    def test_what_was_reloaded_holds_for_a_worker_that_is_started_again(self):
        path = HOME + "/reload-again.conf"

        def write(readers, key="tls/server.key"):
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"tls_certificate = {HOME}/tls/server.crt\ntls_key = {HOME}/{key}\nmetrics_from = {readers}\n")

        def start_again():
            worker = server.children()["glossd-w0"]
            os.kill(worker, signal.SIGKILL)
            until("there is another worker", lambda: server.children().get("glossd-w0", worker) != worker)
        write("127.0.0.1, ::1")
        server = Server(self, "--config", path, serving=BARE)
        self.assertEqual(server.get("/metrics")[0], 200)
        write("10.0.0.0/8")
        server.process.send_signal(signal.SIGHUP)
        server.await_said("service.reloaded", "changed=1")
        self.assertEqual(server.get("/metrics")[0], 403)
        start_again()
        self.assertEqual(server.get("/metrics")[0], 403)
        # What is refused is refused as a whole, and by everybody.
        write("127.0.0.1, ::1", key="ca/ca.key")
        server.process.send_signal(signal.SIGHUP)
        server.await_said("service.reloaded", "does not belong to")
        self.assertEqual(server.get("/metrics")[0], 403)
        start_again()
        self.assertEqual(server.get("/metrics")[0], 403)
        self.assertEqual(server.stop(), 0)

    def test_reload_finds_the_server_among_others_at_its_port(self):
        strangers = [socket.create_server(("127.0.0.9", 0))]
        self.addCleanup(lambda: [stranger.close() for stranger in strangers])
        port = strangers[0].getsockname()[1]
        first = Server(self, "--listen", "127.0.0.2", "--port", str(port))
        second = Server(self, "--listen", "127.0.0.3", "--port", str(port))
        strangers.append(socket.create_server(("127.0.0.10", port)))
        for server, address in ((first, "127.0.0.2"), (second, "127.0.0.3")):
            done = run("reload", "--listen", address, "--port", str(port))
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(f"process {server.process.pid} ", done.stdout)
            server.await_said("service.reloaded")
        done = run("reload", "--listen", "127.0.0.9", "--port", str(port))
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(port), done.stderr)

    def test_systemd_is_told(self):
        path = HOME + "/notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(WAIT)
            process = subprocess.Popen([GLOSSD, "serve", *SERVING], env=environment(NOTIFY_SOCKET=path), stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            self.assertEqual(notify.recv(100), b"READY=1")
            process.terminate()
            self.assertEqual(notify.recv(100), b"STOPPING=1")
            self.assertEqual(process.wait(WAIT), 0)


class Answers(unittest.TestCase):
    """What glossd health and metrics take for an answer."""

    def ask(self, verb, answer, in_order):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(HOME + "/tls/server.crt", HOME + "/tls/server.key")

        def serve(door):
            try:
                with context.wrap_socket(door.accept()[0], server_side=True, suppress_ragged_eofs=False) as conn:
                    conn.recv(4096)
                    conn.sendall(answer)
                    if in_order:
                        conn.unwrap()
            except OSError:
                pass  # it has heard enough
        with socket.create_server(("127.0.0.1", 0)) as door:
            thread = threading.Thread(target=serve, args=(door,))
            thread.start()
            done = run(verb, "--port", str(door.getsockname()[1]))
            thread.join()
        return done

    def test_half_of_one_is_none(self):
        head = b"HTTP/1.1 200 OK\r\n"
        told = head + b"content-length: 9\r\n\r\n"
        for verb in ("health", "metrics"):
            for answer, in_order, said in ((told + b"gloss_x 1", False, None), (told + b"gloss_x 1", True, None), (head + b"\r\ngloss_x 1", True, None),
                                           (told + b"gloss", False, "within the answer"), (told + b"gloss", True, "within the answer"),
                                           (head + b"\r\ngloss", False, "within the answer"), (head, True, "not a Gloss server's"),
                                           (b"", True, "before the answer"), (head + b"\r\n" + b"x" * (1 << 26), True, "too long")):
                with self.subTest(verb=verb, answer=answer[:60], in_order=in_order):
                    done = self.ask(verb, answer, in_order)
                    self.assertEqual(done.returncode, 1 if said else 0, done.stderr)
                    self.assertIn(said or "", done.stderr)
                    self.assertNotIn("Sanitizer", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
