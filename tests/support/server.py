"""server.py - a real glossd over TLS with a database of its own, for tests of the command line and of the service.

    with Server() as server:
        server.user("ana", role="annotator")                       # an account, a token, a member of the first project
        done = server.gloss("ls", "--json", user="ana")            # runs the program gloss
        server.restart()

Owns      a folder below /tmp with settings, certificate, tokens and logs; a database and three roles in the cluster that GLOSS_TEST_DATABASE names
          (tests/support/with-database), or a private cluster when it is not set or `own_cluster` is asked for. All of it is gone at the end.
Errors    at the end the server must have ended by itself with status 0, and none of its processes may have said a word of the sanitizers;
          otherwise __exit__ raises with the log's last lines.
Waiting   for a thing, with a deadline that no busy machine reaches; nothing here sleeps for its own sake.
"""
import csv
import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request
import uuid

import jsonld_rules

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("GLOSS_SOURCE_DIR") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("GLOSS_BUILD_DIR", "build")
GLOSSD = os.environ.get("GLOSSD") or os.path.join(BUILD, "service/glossd")
GLOSS = os.environ.get("GLOSS") or os.path.join(BUILD, "clients/cli/gloss")
DEPS = os.path.join(SOURCE, "service/deps")
SANITIZERS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:", "Assertion")
PROJECT = "briefs"
LIMIT_S = 180  # for what must come or end: a bound for what hangs, not for what is slow


PATIENCE = {"hello_timeout_ms": 60000, "stall_timeout_ms": 60000, "watchdog_ms": 60000}
STORE_PATIENCE = {"statement_timeout_ms": 60000, "append_timeout_ms": 60000}


def patient(settings, own_cluster):
    """Settings with which a slow machine ends nobody, where they do not say otherwise; who stops a cluster of his own waits for the store's deadlines."""
    return {**PATIENCE, **({} if own_cluster else STORE_PATIENCE), **(settings or {})}


def missing():
    """Why these tests cannot run here; None when they can."""
    for program in (GLOSSD, GLOSS):
        if not os.access(program, os.X_OK):
            return f"{program} is not built"
    return None


def wait_until(what, is_true, seconds=LIMIT_S, every=0.02):
    """Returns the first true value of is_true(); fails with `what` when it stays false."""
    deadline = time.monotonic() + seconds
    while True:
        value = is_true()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(every)


def reserved_port():
    """A socket that keeps a port (its own name's second part) from everybody else, while a server of ours may listen on it, end and come back."""
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    return keeper


def children_of(pid):
    """The processes that pid started, by id."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def command_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def all_pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def stat_of(pid):
    """The fields of /proc/PID/stat behind the name (state first); empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return []


def session_of(pid):
    """The process's session, or 0 when it is gone or only waits to be buried."""
    fields = stat_of(pid)
    return int(fields[3]) if fields and fields[0] not in "ZX" else 0


def is_gone(pid):
    return session_of(pid) == 0


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


class Done:
    """What a program did: status, stdout and stderr as text, and stdout's lines as JSON."""

    def __init__(self, args, process):
        self.args, self.status, self.bytes = args, process.returncode, process.stdout
        self.out = process.stdout.decode("utf-8", "surrogateescape")
        self.err = process.stderr.decode("utf-8", "surrogateescape")

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.split("\n") if line.strip()]

    @property
    def json(self):
        lines = self.lines
        assert len(lines) == 1, f"one line was expected, not {len(lines)}: {self}"
        return lines[0]

    def __str__(self):
        return f"{' '.join(map(str, self.args))} -> {self.status}\n--- stdout\n{self.out[-3000:]}\n--- stderr\n{self.err[-3000:]}"


class Cluster:
    """The PostgreSQL that the database is made in."""

    def __init__(self, own):
        self.folder, self.frozen = None, []
        self.conninfo = None if own else os.environ.get("GLOSS_TEST_DATABASE")
        if not self.conninfo:
            self.folder = tempfile.mkdtemp(prefix="gloss-cluster.", dir="/tmp")
            self.start()

    def start(self):
        started = subprocess.run([DEPS + "/private-postgres", "start", self.folder, "--test"], check=True, capture_output=True, text=True, timeout=LIMIT_S)
        self.conninfo = started.stdout.strip()

    def postmaster(self):
        """The pid of an own cluster's first process."""
        assert self.folder, "the cluster belongs to others too; ask for own_cluster"
        with open(self.folder + "/data/postmaster.pid") as file:
            return int(file.readline())

    def kill(self):
        """kill -9 of the postmaster of an own cluster; its children go by themselves. start() brings it back."""
        pid = self.postmaster()
        os.kill(pid, signal.SIGKILL)
        wait_until("the postmaster is gone", lambda: is_gone(pid))

    def freeze(self):
        """SIGSTOP of an own cluster's first process and all others: connections are open and taken, and nothing answers. thaw() ends it."""
        pids = [self.postmaster()]
        os.kill(pids[0], signal.SIGSTOP)
        wait_until("the postmaster stands still", lambda: stat_of(pids[0])[0] == "T")
        pids += children_of(pids[0])  # no more can come
        for pid in pids[1:]:
            os.kill(pid, signal.SIGSTOP)
        self.frozen = pids
        return len(pids)

    def thaw(self):
        for pid in reversed(self.frozen):
            if not is_gone(pid):
                os.kill(pid, signal.SIGCONT)
        self.frozen = []

    def stop(self):
        """Ends an own cluster in order; start() brings it back."""
        subprocess.run([DEPS + "/private-postgres", "stop", self.folder], check=True, capture_output=True, timeout=LIMIT_S)

    def end(self):
        self.thaw()
        if self.folder:
            subprocess.run([DEPS + "/private-postgres", "destroy", self.folder], check=True, capture_output=True, timeout=LIMIT_S)
            shutil.rmtree(self.folder, ignore_errors=True)


class Server:
    def __init__(self, workers=1, settings=None, own_cluster=False, cluster=None):
        """cluster: one that is there already, and stays there."""
        self.name = "gloss_t" + uuid.uuid4().hex[:10]
        self.folder = tempfile.mkdtemp(prefix="gloss-server.", dir="/tmp")
        self.workers_wanted, self.extra, self.own_cluster = workers, settings or {}, own_cluster
        self.process, self.cluster, self.port, self.ready_fd, self.keeper = None, cluster, None, None, None
        self.is_guest = cluster is not None
        self.prefix = os.environ.get("GLOSS_TEST_PREFIX", "").split()  # of every command: where it runs
        self.program = GLOSSD  # from the next start on
        self.sessions = []  # of processes, one for each start
        self.ca = self.folder + "/cert/ca/ca.crt"
        self.log_path = self.folder + "/glossd.log"
        self.tokens = {}

    # ---- from nothing to serving

    def __enter__(self):
        try:
            self.cluster = self.cluster or Cluster(self.own_cluster)
            subprocess.run([DEPS + "/certificate", self.folder + "/cert"], check=True, capture_output=True)
            self.keeper = reserved_port()
            self.port = self.keeper.getsockname()[1]
            self.write_settings()
            self.glossd("init")
            self.glossd("migrate")
            self.user("admin", admin=True)
            self.glossd("project", "add", PROJECT, "--owner", "admin")
            self.start()
        except BaseException:
            self.end(check=False)
            raise
        return self

    def __exit__(self, kind, *_):
        self.end(check=kind is None)

    def write_settings(self):
        host = self.cluster.conninfo.split(" user=")[0]
        settings = {
            "database": f"{host} dbname={self.name}",
            "database_admin": self.cluster.conninfo,
            "owner_role": self.name + "_owner",
            "append_role": self.name + "_append",
            "reader_role": self.name + "_reader",
            "allow_unsafe_database": "true",
            "listen": "127.0.0.1",
            "port": self.port,
            "workers": self.workers_wanted,
            "drain_timeout_ms": 60000,
            "tls_certificate": self.folder + "/cert/tls/server.crt",
            "tls_key": self.folder + "/cert/tls/server.key",
            **self.extra,
        }
        with open(self.folder + "/gloss.conf", "w") as file:
            file.writelines(f"{key} = {value}\n" for key, value in settings.items())

    def glossd(self, *args, check=True, stdin=b""):
        """One of glossd's verbs, with this server's settings."""
        command = [*self.prefix, self.program, args[0], "--config", self.folder + "/gloss.conf", *args[1:]]
        process = subprocess.run(command, input=stdin, capture_output=True, timeout=LIMIT_S, env=self.bare_env())
        done = Done(args, process)
        assert not check or done.status == 0, f"glossd {done}"
        return done

    @staticmethod
    def bare_env():
        return {key: value for key, value in os.environ.items() if not key.startswith("GLOSS_") and key not in ("COLUMNS", "NO_COLOR", "PAGER")}

    def start(self, wait=True):
        """glossd serve, as a session of its own. Ready: it takes connections and its database is there."""
        self.launch()
        if wait:
            self.wait_ready()

    def launch(self, *options):
        """Starts glossd serve; the pipe of --ready-fd tells when its workers take connections."""
        ready, tell = os.pipe()
        try:
            with open(self.log_path, "ab") as log:
                self.process = subprocess.Popen([*self.prefix, self.program, "serve", "--config", self.folder + "/gloss.conf", "--ready-fd", str(tell), *options],
                                                stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self.bare_env(), start_new_session=True, pass_fds=[tell])
        finally:
            os.close(tell)
        self.sessions.append(self.process.pid)
        if self.ready_fd is not None:
            os.close(self.ready_fd)
        self.ready_fd = ready

    def wait_ready(self, seconds=LIMIT_S):
        if self.ready_fd is not None:
            self.wait_ready_line(seconds)
        wait_until("the server is ready", self.is_ready, seconds)

    def wait_ready_line(self, seconds=LIMIT_S):
        """The line of --ready-fd; it fails at once when glossd ends without one."""
        if not select.select([self.ready_fd], [], [], seconds)[0]:
            raise AssertionError(f"glossd did not say that it is ready within {seconds} s\n{self.log_tail()}")
        line = os.read(self.ready_fd, 200).decode()
        os.close(self.ready_fd)
        self.ready_fd = None
        if not line:
            raise AssertionError(f"glossd ended with status {self.process.wait(LIMIT_S)}\n{self.log_tail()}")
        assert line == f"glossd ready: https://127.0.0.1:{self.port}/\n", line

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"glossd ended with status {self.process.returncode}\n{self.log_tail()}")
        try:
            context = ssl.create_default_context(cafile=self.ca)
            with urllib.request.urlopen(f"https://127.0.0.1:{self.port}/readyz", timeout=10, context=context) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        """SIGTERM, and its exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"glossd did not end within {LIMIT_S} s of SIGTERM\n{self.log_tail()}") from None
        self.process = None
        return status

    def kill(self):
        """kill -9 of the supervisor; its children must go with it."""
        self.process.kill()
        self.process.wait()
        self.process = None
        wait_until("what the supervisor had started is gone", lambda: not self.running())

    def restart(self):
        self.stop()
        self.start()

    # ---- its processes

    def running(self):
        """Every process of this server that is alive, of earlier starts too: they share the session of their supervisor."""
        return [pid for pid in all_pids() if session_of(pid) in self.sessions]

    def workers(self):
        """The workers' pids, in their order."""
        found = {name_of(pid): pid for pid in children_of(self.process.pid)}
        return [found[name] for name in sorted(found) if name.startswith("glossd-w")]

    def helpers(self):
        return [pid for pid in children_of(self.process.pid) if name_of(pid).startswith("glossd-h")]

    def keepers(self):
        """The processes that take lasting jobs."""
        return [pid for pid in children_of(self.process.pid) if name_of(pid).startswith("glossd-j")]

    def kill_worker(self, index=0, with_signal=signal.SIGKILL):
        """kill -9 of one worker; the supervisor starts another. Gives its pid."""
        worker = self.workers()[index]
        os.kill(worker, with_signal)
        return worker

    def wait_new_worker(self, gone, seconds=LIMIT_S):
        """The pids of the workers, as soon as there are as many as before and this one is not among them."""
        return wait_until("a new worker", lambda: (lambda pids: pids if len(pids) == self.workers_wanted and gone not in pids else None)(self.workers()), seconds)

    def log(self):
        try:
            with open(self.log_path, errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def wait_log(self, words, seconds=LIMIT_S, behind=0):
        """Waits for these words in the log, behind so many bytes of it; gives the line."""
        def line():
            return next((line for line in self.log()[behind:].splitlines() if words in line), None)
        return wait_until(f"`{words}` in the log", line, seconds)

    def log_tail(self):
        return "".join(self.log().splitlines(keepends=True)[-40:])

    def end(self, check=True):
        wrong = []
        try:
            status = self.stop()
            if status != 0:
                wrong.append(f"glossd ended with status {status}")
        except AssertionError as error:
            wrong.append(str(error))
        if wrong or not check:
            self.kill_rest()
        left = [f"{pid} {name_of(pid)}" for pid in self.still_running()]
        wrong += [f"still running: {', '.join(left)}"] if left else []
        self.kill_rest()
        if self.ready_fd is not None:
            os.close(self.ready_fd)
            self.ready_fd = None
        if self.keeper is not None:
            self.keeper.close()
            self.keeper = None
        said = self.log()
        wrong += [f"glossd's log has `{word}`" for word in SANITIZERS if word in said]
        if self.cluster and not self.is_guest:
            self.drop_database()
            self.cluster.end()
        tail = self.log_tail()
        shutil.rmtree(self.folder, ignore_errors=True)
        if check and wrong:
            raise AssertionError("\n".join(wrong) + "\n" + tail)

    def still_running(self):
        """What does not go by itself. LeakSanitizer looks at a process from a second one, which may outlive it for a moment."""
        try:
            wait_until("everything has ended", lambda: not self.running())
        except AssertionError:
            pass
        return self.running()

    def kill_rest(self):
        for pid in self.running():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    # ---- the database, past the server

    def sql(self, statement, role=None):
        """Rows of a statement, each a list of texts (None: null), as a superuser; psql's own variables are not used."""
        command = ["psql", "-Xqd", self.database(), "-v", "ON_ERROR_STOP=1", "--csv", "-P", "null=\\N", "-t", "-c", statement]
        done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, text=True)
        if done.returncode:
            raise AssertionError(f"{statement}\n{done.stderr}")
        return [[None if value == "\\N" else value for value in row] for row in csv.reader(done.stdout.splitlines())]

    def database(self):
        return f"{self.cluster.conninfo.split(' dbname=')[0]} dbname={self.name}"

    def backends(self):
        """The pids of PostgreSQL's processes that serve this server: {pid: role}."""
        rows = self.sql(f"select pid, usename from pg_stat_activity where datname = '{self.name}' and pid <> pg_backend_pid()")
        return {int(pid): role.removeprefix(self.name + "_") for pid, role in rows}

    def check(self, *args):
        """glossd check --json: its status, and what it says of each stream."""
        done = self.glossd("check", "--json", *args, check=False)
        return done.status, done.lines

    def drop_database(self):
        if self.cluster.folder:
            return
        for statement in (f"drop database if exists {self.name} with (force)", *(f"drop role if exists {self.name}_{role}" for role in ("append", "reader", "owner"))):
            subprocess.run(["psql", "-Xqd", self.cluster.conninfo, "-c", statement], capture_output=True, timeout=LIMIT_S)

    # ---- people

    def user(self, name, role=None, admin=False, password=None, project=PROJECT):
        """Makes an account and a token (kept in self.tokens); with a role, a member of the project."""
        options = ["--admin"] if admin else []
        if password is not None:
            path = f"{self.folder}/password-{name}"
            with open(path, "w") as file:
                file.write(password + "\n")
            options += ["--password-file", path]
        self.glossd("user", "add", name, *options)
        path = f"{self.folder}/token-{name}"
        token = self.glossd("token", "add", name).out.strip().splitlines()[-1].strip()
        with open(path, "w") as file:
            os.chmod(path, 0o600)
            file.write(token + "\n")
        self.tokens[name] = path
        if role:
            self.glossd("project", "member", project, name, role)
        return path

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}/"

    def env(self, user="admin", **more):
        """The environment in which gloss talks to this server as that user."""
        home = f"{self.folder}/home-{user}"
        os.makedirs(home, exist_ok=True)
        env = {**self.bare_env(), "HOME": home, "LANG": "C.UTF-8", "TERM": "xterm-256color", "GLOSS_URL": self.url, "GLOSS_CA": self.ca}
        env.pop("XDG_CONFIG_HOME", None)
        if user in self.tokens:
            env["GLOSS_TOKEN_FILE"] = self.tokens[user]
        env.update(more)
        return {key: value for key, value in env.items() if value is not None}

    # ---- the program gloss

    def gloss(self, *args, user="admin", stdin=b"", timeout=LIMIT_S, env=None, status=None):
        """Runs gloss to its end. status: what it must be."""
        command = [*self.prefix, GLOSS.encode(), *(arg if isinstance(arg, bytes) else str(arg).encode() for arg in args)]
        process = subprocess.run(command, input=stdin.encode() if isinstance(stdin, str) else stdin, capture_output=True, timeout=timeout,
                                 env=self.env(user, **(env or {})))
        done = Done(("gloss", *args), process)
        assert not any(word in done.err for word in SANITIZERS), str(done)
        assert status is None or done.status == status, str(done)
        if args[0] == "export" and done.status == 0 and "--help" not in args:
            broken = jsonld_rules.check_text(done.out)
            assert not broken, "\n".join(broken[:20]) + f"\n{done}"
        return done

    def spawn(self, *args, user="admin", env=None, **more):
        """Starts gloss; the caller ends it."""
        return subprocess.Popen([*self.prefix, GLOSS, *map(str, args)], env=self.env(user, **(env or {})), stdout=more.pop("stdout", subprocess.PIPE),
                                stderr=more.pop("stderr", subprocess.PIPE), stdin=more.pop("stdin", subprocess.DEVNULL), **more)

    def import_text(self, text, title=None, name="text.md", user="admin"):
        """Imports a text and gives what gloss says of it."""
        path = f"{self.folder}/{name}"
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return self.gloss("import", "--json", path, *(["--title", title] if title else []), user=user, status=0).json
