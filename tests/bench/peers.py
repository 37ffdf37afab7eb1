"""peers.py - the servers that Gloss is measured beside: started on free ports of the loopback, with one certificate, ended by their pids. PEERS.md says why each is set up so.

    with Ground() as ground:                     # a PostgreSQL of our own that keeps what it has committed (fsync on), a certificate
        with NAMES["nchan"](ground) as peer:     # peer.port, peer.ca, peer.dialect, peer.pids(), peer.sessions

missing() of each says what must be installed, and how.
"""
import contextlib
import filecmp
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid

import client as clients
import gauge
import load as loads
import server as support

HERE = os.path.dirname(os.path.abspath(__file__))
ECHO = os.path.join(support.BUILD, "tests/bench/bench_echo")
MODULES = os.environ.get("GLOSS_TEST_PEERS") or os.path.expanduser("~/.cache/gloss/bench-peers")
NPM = f"mkdir -p {MODULES} && cp tests/bench/peers/package*.json {MODULES} && npm ci --ignore-scripts --prefix {MODULES}"
NCHAN = "/usr/lib/nginx/modules/ngx_nchan_module.so"
CODEPOINTS = 4096
START_S = 120
TRIES = 5  # on another port each: somebody else may have been faster


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def begin_of_each(pids):
    """When each process began: with it an id names nobody else."""
    return {pid: fields[19] for pid in pids if (fields := support.stat_of(pid))}


def end_what_is_left(started):
    """The children of a server that did not end them, or could not any more."""
    for pid, begun in started.items():
        if begin_of_each([pid]).get(pid) == begun and not support.is_gone(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    support.wait_until("a server's processes are gone", lambda: all(support.is_gone(pid) or begin_of_each([pid]).get(pid) != begun for pid, begun in started.items()))


class Ended(AssertionError):
    """A server ended while it was waited for."""


class Ground:
    """A database cluster and a certificate. cluster: one that is there already, and stays."""

    def __init__(self, cluster=None):
        self.cluster, self.is_own = cluster, cluster is None
        self.folder = None

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="gloss-bench.", dir="/tmp")
        os.chmod(self.folder, 0o755)
        try:
            if self.is_own:
                self.cluster = Cluster(self.folder + "/postgres")
            subprocess.run([support.DEPS + "/certificate", self.folder + "/cert"], check=True, capture_output=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.is_own and self.cluster:
            self.cluster.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def certificate(self):
        return f"{self.folder}/cert/tls/server.crt", f"{self.folder}/cert/tls/server.key"


class Cluster:
    """A private PostgreSQL as an operator would have it: nothing turned off."""

    def __init__(self, folder):
        self.data, self.folder = folder, None  # `folder` is what servers ask for that would throw it away
        done = subprocess.run([support.DEPS + "/private-postgres", "start", folder], check=True, capture_output=True, text=True, timeout=180)
        self.conninfo = done.stdout.strip()

    @property
    def socket(self):
        return self.conninfo.split("'")[1]

    def pids(self):
        try:
            with open(self.data + "/data/postmaster.pid") as file:
                return gauge.with_children(int(file.readline()))
        except OSError:
            return []

    def rest(self):
        """Nothing is left to be done for what was written before: no dead rows that autovacuum would come for, no pages for a checkpoint."""
        subprocess.run(["vacuumdb", "-qaz", "--maintenance-db", self.conninfo], check=True, capture_output=True, timeout=600)
        self.sql("checkpoint")

    def sql(self, statement, database="postgres"):
        subprocess.run(["psql", "-Xqd", self.conninfo.replace("dbname=postgres", f"dbname={database}"), "-v", "ON_ERROR_STOP=1", "-c", statement],
                       check=True, capture_output=True, timeout=60)

    def end(self):
        subprocess.run([support.DEPS + "/private-postgres", "destroy", self.data], check=True, capture_output=True, timeout=120)


class Peer:
    """One server. A subclass has its command, and what is missing."""
    name = title = dialect = None
    is_durable = False
    lacks = ()  # workloads that it has nothing for

    def __init__(self, ground, sessions):
        self.ground, self.port = ground, None
        self.ca = ground.folder + "/cert/ca/ca.crt"
        self.sessions = [str(uuid.uuid4()) for _ in range(sessions)]
        self.folder = self.process = None

    @classmethod
    def missing(cls):
        return None

    def command(self):
        raise NotImplementedError

    def stdin(self):
        return None

    def __enter__(self):
        for left in reversed(range(TRIES)):
            try:
                return self.start()
            except Ended:
                if not left:
                    raise

    def start(self):
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix=f"gloss-bench-{self.name}.", dir="/tmp")
        os.chmod(self.folder, 0o755)
        try:
            command = self.command()
            given = self.stdin()
            with open(self.folder + "/log", "ab") as log:
                self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL, stdout=log, stderr=log)
            if given is not None:
                self.process.stdin.write(given.encode())
                self.process.stdin.close()
            support.wait_until(f"{self.name} takes connections", self.is_ready, START_S)
        except BaseException:
            self.end()
            raise
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise Ended(f"{self.name} ended with status {self.process.returncode}\n{self.log_tail()}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    def log_tail(self):
        with open(self.folder + "/log", errors="replace") as file:
            return "".join(file.readlines()[-30:])

    def pids(self):
        return gauge.with_children(self.process.pid)

    def database_pids(self):
        return []

    def __exit__(self, *_):
        self.end()

    def end(self):
        if self.process and self.process.poll() is None:
            started = begin_of_each(self.pids())
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                started |= begin_of_each(self.pids())
                self.process.kill()
                self.process.wait()
            end_what_is_left(started)
        shutil.rmtree(self.folder, ignore_errors=True)

    def load(self, workload):
        return loads.Load(self, workload, self.sessions, codepoints=CODEPOINTS, dialect=self.dialect)


class Beside(support.Server):
    """Another node of the same Gloss: a port and processes of its own, the first one's database, certificate and people."""

    def __init__(self, first):
        super().__init__(workers=first.workers_wanted, settings=first.extra, cluster=first.cluster)
        self.name, self.tokens = first.name, first.tokens
        os.symlink(first.folder + "/cert", self.folder + "/cert")

    def __enter__(self):
        try:
            self.keeper = support.reserved_port()
            self.port = self.keeper.getsockname()[1]
            self.write_settings()
            self.start()
        except BaseException:
            self.end(check=False)
            raise
        return self


class Gloss(Peer):
    """glossd, one worker, as it comes; only that more connections may come than usual. Or several nodes, which are doors to one Gloss."""
    name, title, is_durable = "gloss", "Gloss", True

    def __init__(self, ground, sessions, workers=1, nodes=1, settings=None, codepoints=CODEPOINTS):
        super().__init__(ground, sessions)
        self.workers, self.nodes, self.settings, self.codepoints = workers, nodes, settings or {}, codepoints
        self.servers = []

    @classmethod
    def missing(cls):
        return support.missing() or loads.missing()

    @property
    def server(self):
        return self.servers[0]

    def __enter__(self):
        try:
            self.start_servers()
            self.sessions = self.make_sessions(len(self.sessions))
            self.port, self.ca = self.server.port, self.server.ca
        except BaseException:
            self.end_servers(check=False)
            raise
        return self

    def start_servers(self):
        settings = {"max_connections": 20000, "sessions_memory": "8GiB", **self.settings}  # all clients are one account, which has a quarter of it
        if not self.ground.is_own:  # a test's, on a machine that may be slow
            settings = support.patient(settings, own_cluster=False)
        self.servers.append(support.Server(self.workers, cluster=self.ground.cluster, settings=settings))
        self.server.__enter__()
        for _ in range(1, self.nodes):
            self.servers.append(Beside(self.server))
            self.servers[-1].__enter__()

    def make_sessions(self, count):
        text = loads.text_of(self.codepoints)
        with self.client(self.server, "admin") as admin:
            project = admin.call("project.list")["projects"][0]["project"]
            made = [admin.upload(project, (f"{i:06d} " + text)[:self.codepoints].encode(), filename=f"{i}.txt") for i in range(count)]
        return [document["document"]["session"] for document in made]

    client = clients.Client

    def end_servers(self, check):
        for server in reversed(self.servers):
            server.end(check=check)

    def __exit__(self, kind, *_):
        self.end_servers(check=kind is None)

    def pids(self):
        return [pid for server in self.servers for pid in server.running()]

    def database_pids(self):
        return self.ground.cluster.pids() if isinstance(self.ground.cluster, Cluster) else []

    def doors(self):
        return [str(server.port) for server in self.servers]

    def load(self, workload):
        return loads.Load(self.server, workload, self.sessions, codepoints=self.codepoints, doors=self.doors())

    def counted(self, names):
        """What all nodes have counted of these since they were started."""
        said = [server.glossd("metrics").out for server in self.servers]
        return {name: sum(float(value) for text in said for value in re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.MULTILINE)) for name in names}


class Echo(Peer):
    name, title, dialect, lacks = "echo", "bare epoll + OpenSSL", "plain", ("E",)

    @classmethod
    def missing(cls):
        return None if os.access(ECHO, os.X_OK) else f"{ECHO} is not built"

    def command(self):
        return [ECHO, str(self.port), *self.ground.certificate]


class Mosquitto(Peer):
    name, title, dialect = "mosquitto", "mosquitto, QoS 1", "mqtt"

    @classmethod
    def missing(cls):
        return None if shutil.which("mosquitto", path="/usr/sbin:/usr/bin") else "apt-get install mosquitto"

    def command(self):
        certificate, key = self.ground.certificate
        # 2.0.11 gives up when all its listeners are for WebSockets: so there is one that nobody uses.
        lines = [f"listener {free_port()} 127.0.0.1", f"listener {self.port} 127.0.0.1", "protocol websockets", f"cafile {self.ca}", f"certfile {certificate}", f"keyfile {key}", "tls_version tlsv1.3",
                 "allow_anonymous true", "persistence false", "max_inflight_messages 0", "max_queued_messages 0", "max_queued_bytes 0",
                 "set_tcp_nodelay true", "log_type error", "log_type warning", "connection_messages false", f"user {pwd.getpwuid(os.getuid()).pw_name}"]
        with open(self.folder + "/mosquitto.conf", "w") as file:
            file.write("\n".join(lines) + "\n")
        return [shutil.which("mosquitto", path="/usr/sbin:/usr/bin"), "-c", self.folder + "/mosquitto.conf"]


class Nchan(Peer):
    name, title, dialect, lacks = "nchan", "nginx-nchan", "plain", ("E",)

    @classmethod
    def missing(cls):
        return None if os.access(NCHAN, os.R_OK) and shutil.which("nginx", path="/usr/sbin:/usr/bin") else "apt-get install nginx-light libnginx-mod-nchan"

    def command(self):
        certificate, key = self.ground.certificate
        user = "user root;" if os.getuid() == 0 else ""
        with open(self.folder + "/nginx.conf", "w") as file:
            file.write(f"""
load_module {NCHAN};
{user}
worker_processes 1;
worker_rlimit_nofile 20000;
pid {self.folder}/pid;
error_log {self.folder}/log error;
events {{ worker_connections 16000; multi_accept on; use epoll; }}
http {{
    access_log off;
    nchan_shared_memory_size 512M;
    client_body_temp_path {self.folder}; proxy_temp_path {self.folder}; fastcgi_temp_path {self.folder}; uwsgi_temp_path {self.folder}; scgi_temp_path {self.folder};
    server {{
        listen 127.0.0.1:{self.port} ssl backlog=4096;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.3;
        ssl_conf_command NumTickets 1;
        tcp_nodelay on;
        location ~ ^/ws/([0-9a-f-]+)$ {{
            nchan_pubsub websocket;
            nchan_channel_id $1;
            nchan_subscriber_first_message newest;
            nchan_message_buffer_length 10000;
            nchan_message_timeout 60s;
        }}
    }}
}}
""")
        return [shutil.which("nginx", path="/usr/sbin:/usr/bin"), "-c", self.folder + "/nginx.conf", "-g", "daemon off;"]


class Node(Peer):
    """A server of ours in peers/, with the modules of its package.json and a database of its own."""
    script = None

    @classmethod
    def missing(cls):
        if not shutil.which("node"):
            return "apt-get install nodejs npm"
        return None if os.path.isdir(MODULES + "/node_modules/pg") and cls.has_modules_of_the_checkout() else NPM

    @staticmethod
    def has_modules_of_the_checkout():
        lock = "/package-lock.json"
        return os.path.exists(MODULES + lock) and filecmp.cmp(HERE + "/peers" + lock, MODULES + lock, shallow=False)

    def prepare_database(self):
        pass

    def command(self):
        self.database = f"bench_{self.name}_{uuid.uuid4().hex[:8]}"
        self.ground.cluster.sql(f"create database {self.database}")
        self.prepare_database()
        shutil.copy(f"{HERE}/peers/{self.script}", self.folder)
        os.symlink(MODULES + "/node_modules", self.folder + "/node_modules")
        return ["node", f"{self.folder}/{self.script}", str(self.port), *self.ground.certificate, self.ground.cluster.socket, self.database]

    def database_pids(self):
        return self.ground.cluster.pids()

    def end(self):
        super().end()
        if getattr(self, "database", None):
            self.ground.cluster.sql(f"drop database if exists {self.database} with (force)")


class Relay(Node):
    name, title, dialect, script, is_durable = "relay", "INSERT, then relay", "relay", "relay.mjs", True


class Hocuspocus(Node):
    name, title, dialect, script = "hocuspocus", "Hocuspocus + PostgreSQL", "yjs", "hocuspocus.mjs"


class Sharedb(Node):
    name, title, dialect, script, is_durable = "sharedb", "ShareDB + PostgreSQL", "sharedb", "sharedb.mjs", True

    def prepare_database(self):
        with open(MODULES + "/node_modules/sharedb-postgres/structure.sql") as file:
            self.ground.cluster.sql(file.read(), self.database)

    def stdin(self):
        return "".join(session + "\n" for session in self.sessions)


NAMES = {peer.name: peer for peer in (Gloss, Echo, Nchan, Mosquitto, Relay, Hocuspocus, Sharedb)}
