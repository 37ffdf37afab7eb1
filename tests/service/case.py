"""case.py - what the service's tests share: a server for each class, people in every role, and short words for what they do."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("support", "protocol"):
    sys.path.insert(0, os.path.join(HERE, "..", folder))
import replica as replicas  # noqa: E402,F401
import server as support  # noqa: E402
from client import Client, Closed, Refused, create, delete, mode, new_id, restore, update  # noqa: E402,F401
from replica import Diverged, Replica, canonical, chain_start, derived_annotation  # noqa: E402,F401
from server import Server, is_gone, wait_until  # noqa: E402,F401

TEXT = """Whoever edits last wins.

Nobody edits “last” on purpose 👩‍⚖️. The café was full; the cafe\u0301 was loud.
Moscow and Beijing stood together.\r
中国和俄罗斯都寻求与喀布尔的塔利班建立更密切的联系。
مرحبا بالعالم هذا نص طويل 🇦🇫🇺🇸
The end of it is near.
"""
ROLES = ("viewer", "annotator", "curator", "owner")


def socket_inode(port, peer_port):
    """The inode of the server's end of a connection, from its two ports."""
    with open("/proc/net/tcp") as file:
        for line in file.readlines()[1:]:
            fields = line.split()
            if [int(end.split(":")[1], 16) for end in fields[1:3]] == [port, peer_port]:
                return fields[9]
    return None


def holds(pid, inode):
    try:
        return any(os.readlink(f"/proc/{pid}/fd/{fd}") == f"socket:[{inode}]" for fd in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


class ServiceCase(unittest.TestCase):
    """One server for all tests of the class; class variables say how it is made. The whole suite runs with 1, 2 and 4 workers (GLOSS_TEST_WORKERS); the
    kernel deals the connections to them by a hash of their ports, so who meets whom on which worker is another one each time."""
    workers = int(os.environ.get("GLOSS_TEST_WORKERS", "1"))
    settings = None
    own_cluster = False
    kind_of_server = Server
    users = {"ana": "annotator", "ben": "annotator"}
    maxDiff = 3000

    @classmethod
    def setUpClass(cls):
        cls.server = cls.kind_of_server(workers=cls.workers, settings=support.patient(cls.settings, cls.own_cluster), own_cluster=cls.own_cluster)
        cls.server.__enter__()
        try:
            for name, role in cls.users.items():
                cls.server.user(name, role=role)
            with Client(cls.server, "admin") as admin:
                cls.project = next(found["project"] for found in admin.call("project.list")["projects"] if found["name"] == support.PROJECT)
            cls.prepare()
        except BaseException:
            cls.server.end(check=False)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    @classmethod
    def prepare(cls):
        """What all tests of the class need."""

    def run(self, result=None):
        """Whoever reads of a failure wants to know what the server said."""
        before = len(result.failures) + len(result.errors)
        behind = len(self.server.log())
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(f"--- glossd during {self.id()}\n{self.server.log()[behind:][-8000:]}---", file=sys.stderr)

    # ---- given

    def connect(self, user, **more):
        """A client that the test need not close."""
        client = Client(self.server, user, **more)
        self.addCleanup(client.close)
        return client

    def worker_of(self, client):
        """The pid of the worker that serves the client; None when there is none."""
        address = client.socket.local_address
        for _ in range(20):  # the kernel's table can miss a line while it changes
            inode = socket_inode(self.server.port, address[1]) if address else None
            worker = next((pid for pid in self.server.workers() if inode and holds(pid, inode)), None)
            if worker or client.closed:
                return worker
        return None

    def beside(self, client, user):
        """Somebody on the same worker."""
        worker = self.worker_of(client)
        return self.where(user, lambda other: other == worker)

    def apart_from(self, client, user):
        """Somebody on another worker."""
        worker = self.worker_of(client)
        return self.where(user, lambda other: other not in (None, worker))

    def where(self, user, is_there):
        for _ in range(200):
            other = Client(self.server, user)
            if is_there(self.worker_of(other)):
                self.addCleanup(other.close)
                return other
            other.close()
        raise AssertionError("no connection came to such a worker")

    def people(self, *names):
        return [self.connect(name) for name in names]

    def new_session(self, text=None, user="admin"):
        """A document of its own for this test, so that seqs begin at 1."""
        with Client(self.server, user) as client:
            done = client.upload(self.project, text if text is not None else f"{TEXT}{new_id()}\n", title=self.id())
        return done["document"]["session"]

    # ---- then

    def assertError(self, error, name, path=None, **data):
        """A Refused of this name; data members that must be so."""
        self.assertEqual(error.name, name, error)
        if path is not None:
            self.assertEqual(error.data.get("path"), path, error)
        for member, value in data.items():
            self.assertEqual(error.data.get(member), value, error)
        self.assertTrue(error.message and error.message == error.message.strip(), error)

    def assertSame(self, *replicas):
        places = [replica.place() for replica in replicas]
        self.assertEqual([places[0]] * len(places), places)
        for replica in replicas:
            self.assertEqual(replica.recount(), replica.state)

    def assertChecks(self, *replicas):
        """glossd check finds nothing, and says of these sessions what the replicas say."""
        status, lines = self.server.check()
        self.assertEqual(status, 0, lines)
        streams = {line["stream"]: line for line in lines if "stream" in line}
        for replica in replicas:
            line = streams[replica.session]
            self.assertEqual({"seq": line["seq"], "chain": line["chain"], "state": line["state"]}, replica.place())


def main():
    reason = support.missing()
    if reason:
        print("skipped:", reason)
        sys.exit(77)
    unittest.main(verbosity=2)
