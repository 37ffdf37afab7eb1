"""lined.py - a ground on this machine whose every line can fail: two servers on one PostgreSQL, and proxies between them and it, and before them.

    with LinedGround(folder, seed, sizes=SIZES) as ground:
        ground.lines["database"]      # between the second server and PostgreSQL
        ground.lines["clients"]       # before the second server; everybody who is on it goes through

The first server has its own ways, so that there is always somebody whom a fault must not touch. `drops` of the database's line swallows notifications.
Owns      the proxies, and the file by which the second server's clock, and that of the people on it, are moved (`clocks`; tests/fire/moved_clock.c).
"""
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import server as support  # noqa: E402
from ground import Ground, TimedCluster  # noqa: E402
from proxy import Proxy  # noqa: E402

MOVED_CLOCK = os.environ.get("GLOSS_MOVED_CLOCK") or os.path.join(support.BUILD, "tests/fire/libmoved_clock.so")


class MovedClock:
    """Processes that are started with env() have a wall clock that is moved while they run. Their monotonic clock is the machine's."""

    def __init__(self, folder, name):
        self.path = os.path.join(folder, name + ".clock")
        self.move(0)

    def move(self, seconds):
        """From now on it is so much later (or earlier) there."""
        with open(self.path + ".new", "wb") as file:
            file.write(struct.pack("=q", seconds))
        os.chmod(self.path + ".new", 0o644)
        with open(self.path + ".new", "rb") as file, open(self.path, "r+b" if os.path.exists(self.path) else "wb") as there:
            there.write(file.read())  # in place: it is mapped
        os.unlink(self.path + ".new")

    def env(self):
        """The sanitizer would rather be the first library of all; it works as the second one, too."""
        options = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        return {"LD_PRELOAD": MOVED_CLOCK, "MOVED_CLOCK": self.path, "ASAN_OPTIONS": options}

    def prefix(self):
        return ["env", *(f"{name}={value}" for name, value in self.env().items())]


class Notifications:
    """PostgreSQL's messages on one connection, without the notifications when `line.drops` is set."""

    def __init__(self, line):
        self.line, self.rest = line, b""

    def __call__(self, data):
        data, out = self.rest + data, b""
        while len(data) >= 5:
            size = 1 + struct.unpack("!I", data[1:5])[0]
            if len(data) < size:
                break
            if data[:1] == b"A" and self.line.drops:
                self.line.dropped += 1
            else:
                out += data[:size]
            data = data[size:]
        self.rest = data
        return out


class DatabaseLine(Proxy):
    """To PostgreSQL's socket."""

    def __init__(self, cluster):
        self.drops, self.dropped = False, 0
        super().__init__(os.path.join(cluster.folder, "socket/.s.PGSQL.5432"))

    def filter_back(self):
        return Notifications(self)


class Second(support.Server):
    """Another server on the first one's database, with its people and its certificate; its way to PostgreSQL is a line."""

    def __init__(self, first, line, workers, settings, clock=None):
        self.clock = clock
        super().__init__(workers=workers, settings={**settings, "database": f"host=127.0.0.1 port={line.port} dbname={first.name} sslmode=disable gssencmode=disable"})
        self.first, self.name, self.tokens = first, first.name, first.tokens
        self.cluster = first.cluster
        os.symlink(first.folder + "/cert", self.folder + "/cert")
        self.keeper = support.reserved_port()
        self.port = self.keeper.getsockname()[1]
        self.extra.update({role + "_role": f"{first.name}_{role}" for role in ("owner", "append", "reader")})

    def __enter__(self):
        try:
            self.write_settings()
            self.start()
        except BaseException:
            self.end(check=False)
            raise
        return self

    def bare_env(self):
        return {**super().bare_env(), **(self.clock.env() if self.clock else {})}

    def env(self, user="admin", **more):
        """Of the program gloss, whose clock nobody moves: it has to find the certificate valid."""
        ours = {name: os.environ.get(name) for name in self.clock.env()} if self.clock else {}
        return super().env(user, **{**ours, **more})

    def drop_database(self):
        """It is the first one's."""

    def end(self, check=True):
        cluster, self.cluster = self.cluster, None
        try:
            super().end(check)
        finally:
            self.cluster = cluster


class FarSide:
    """A server as its clients see it through a line; everything else is the server's own."""

    def __init__(self, server, line, prefix):
        self.near, self.line, self.prefix = server, line, prefix

    def __getattr__(self, name):
        return getattr(self.near, name)

    @property
    def port(self):
        return self.line.port

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}/"


class LinedGround(Ground):
    def make_servers(self):
        self.clocks = {"server": MovedClock(self.folder, "server"), "clients": MovedClock(self.folder, "clients")} if os.path.exists(MOVED_CLOCK) else None
        first = support.Server(workers=self.workers, settings=self.settings)
        first.cluster = self.cluster = self.make_cluster()
        first = self.stack.enter_context(first)
        database = self.stack.enter_context(DatabaseLine(self.cluster))
        second = self.stack.enter_context(Second(first, database, self.workers, self.settings, self.clocks and self.clocks["server"]))
        visitors = self.stack.enter_context(Proxy(second.port))
        self.lines = {"database": database, "clients": visitors}
        self.servers = [first, FarSide(second, visitors, self.clocks["clients"].prefix() if self.clocks else [])]

    def make_cluster(self):
        return TimedCluster(own=True)

    @property
    def far(self):
        """The people on the second server."""
        return self.herd.herds[1]

    @property
    def near(self):
        return self.herd.herds[0]
