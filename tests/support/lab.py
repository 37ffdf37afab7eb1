"""lab.py - several machines made of network namespaces: servers, PostgreSQL and people, each where they belong. Root only; nothing leaves the machine.

    with Lab("db", "a", "b") as lab:
        cluster = NetCluster(lab)
        with Node(lab, "a", cluster) as a, Node(lab, "b", cluster, first=a) as b:
            lab.cut("b")

Owns      the namespaces, whose names nobody else has; they are gone at the end.
"""
import ctypes
import os
import subprocess
import threading
import uuid

import client as clients
import server as support
from proxy import Proxy

NET = "198.18.7"  # for tests of networks (RFC 2544)
PORT = 7443
CLONE_NEWNET = 0x40000000
OWN_SPACE = f"/proc/{os.getpid()}/task/{os.getpid()}/ns/net"  # of the first thread, which never leaves it for longer than a call
libc = ctypes.CDLL(None, use_errno=True)


def missing():
    """Why there can be no such machines here; None when there can."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    for program in ("ip", "nsenter", "psql"):
        if subprocess.run(["sh", "-c", f"command -v {program}"], capture_output=True).returncode:
            return f"the program {program} is missing"
    try:
        with Lab("db"):
            return support.missing()
    except subprocess.CalledProcessError as error:
        return f"no network namespaces can be made here: {error.stderr.strip()}"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=support.LIMIT_S).stdout


def space_path(space):
    return f"/run/netns/{space}"


def enter(path):
    """This thread goes on in that namespace. A socket stays in the one in which it was made."""
    with open(path) as space:
        if libc.setns(space.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), path)


class Lab:
    """Hosts on a switch, in namespaces of their own."""

    def __init__(self, *hosts):
        self.name = f"gloss{os.getpid()}.{uuid.uuid4().hex[:6]}"  # what a run that was killed has left may have the same process id
        self.hosts = hosts
        self.made = []

    def space(self, host):
        return f"{self.name}-{host}"

    def __enter__(self):
        try:
            self.make("switch")
            run("ip", "-n", self.space("switch"), "link", "add", "sw", "type", "bridge")
            run("ip", "-n", self.space("switch"), "link", "set", "sw", "up")
            for number, host in enumerate(self.hosts, 1):
                self.make(host)
                self.plug_in(host, number)
        except BaseException:
            self.__exit__()
            raise
        return self

    def make(self, host):
        run("ip", "netns", "add", self.space(host))
        self.made.append(host)

    def plug_in(self, host, number):
        switch, space = self.space("switch"), self.space(host)
        run("ip", "link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", f"port-{host}", "netns", switch)
        run("ip", "-n", switch, "link", "set", f"port-{host}", "master", "sw", "up")
        run("ip", "-n", space, "addr", "add", f"{NET}.{number}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "lo", "up")
        run("ip", "-n", space, "link", "set", "eth0", "up")

    def __exit__(self, *_):
        for host in reversed(self.made):
            subprocess.run(["ip", "netns", "del", self.space(host)], capture_output=True, timeout=support.LIMIT_S)

    def address(self, host):
        return f"{NET}.{self.hosts.index(host) + 1}"

    def path(self, host):
        return space_path(self.space(host))

    def on(self, host):
        """What a command begins with that runs there."""
        return ["nsenter", f"--net={self.path(host)}", "--"]

    def readyz(self, host):
        """The status with which the server on that host answers; 0: it does not."""
        script = ("import ssl,sys,urllib.request,urllib.error as e\ntry: print(urllib.request.urlopen(sys.argv[1],timeout=5,context=ssl._create_unverified_context()).status)\n"
                  "except e.HTTPError as x: print(x.code)\nexcept OSError: print(0)")
        return int(run(*self.on(host), "/usr/bin/python3", "-c", script, f"https://127.0.0.1:{PORT}/readyz"))

    def cut(self, host):
        """Its port is none of the switch any more, which drops what comes and goes and says nothing: the host's cable looks well."""
        run("ip", "-n", self.space("switch"), "link", "set", f"port-{host}", "nomaster")

    def heal(self, host):
        run("ip", "-n", self.space("switch"), "link", "set", f"port-{host}", "master", "sw")


class NetCluster(support.Cluster):
    """PostgreSQL on its host, over TCP for the others."""

    def __init__(self, lab):
        self.lab = lab
        super().__init__(own=True)

    def start(self):
        if not self.conninfo:
            super().start()
            run("psql", "-Xqd", self.conninfo, "-c", "alter system set listen_addresses = '*'")
            with open(self.folder + "/data/pg_hba.conf", "a") as file:
                file.write(f"host all all {NET}.0/24 trust\n")
            self.stop()
        run(*self.lab.on("db"), support.DEPS + "/private-postgres", "start", self.folder, "--test")


class Node(support.Server):
    """A server on a host; the second one shares database, certificate and people with the first."""

    def __init__(self, lab, host, cluster, first=None):
        super().__init__(workers=2)
        self.space, self.prefix, self.port = lab.space(host), lab.on(host), PORT
        self.cluster, self.first = cluster, first
        if first:
            self.name, self.tokens = first.name, first.tokens
            os.symlink(first.folder + "/cert", self.folder + "/cert")
        self.reach(lab.address("db"), 5432)

    def reach(self, address, port):
        """By which way the database is reached, from the next start on."""
        self.extra = {"database": f"host={address} port={port} dbname={self.name}",
                      "database_admin": f"host={address} port={port} user=postgres dbname=postgres"}

    def __enter__(self):
        try:
            if not self.first:
                subprocess.run([support.DEPS + "/certificate", self.folder + "/cert"], check=True, capture_output=True)
            self.write_settings()
            if not self.first:
                self.glossd("init")
                self.glossd("migrate")
                self.user("admin", admin=True)
                self.glossd("project", "add", support.PROJECT, "--owner", "admin")
            self.start()
        except BaseException:
            self.end(check=False)
            raise
        return self

    def is_ready(self):
        try:
            NodeClient(self, "admin").close()
            return True
        except (OSError, clients.Refused, clients.Closed):
            return False

    def drop_database(self):
        """It goes with the cluster."""

    def end(self, check=True):
        cluster, self.cluster = self.cluster, None
        try:
            super().end(check)
        finally:
            self.cluster = cluster


class NodeProxy(Proxy):
    """A line to a server that is on the server's own machine."""

    def __init__(self, node):
        self.space = space_path(node.space)
        enter(self.space)
        try:
            super().__init__(node.port)
        finally:
            enter(OWN_SPACE)

    def accept(self):
        enter(self.space)
        super().accept()


class NodeClient(clients.Client):
    """A client on the server's own machine."""
    one_at_a_time = threading.Lock()

    def __init__(self, server, *args, **more):
        with self.one_at_a_time:
            super().__init__(server, *args, **more)

    async def open(self, port, headers):
        enter(space_path(self.server.space))
        try:
            await super().open(port, headers)
        finally:
            enter(OWN_SPACE)
