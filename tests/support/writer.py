"""writer.py - somebody who works on through every fault: connects again, resumes the replica, sends what has no answer again with the same ids.

What he was told stays with him (`acknowledged`), so that a test can compare it with the log afterwards.
"""
import threading
import time

import client as clients


class Writer(threading.Thread):
    """Submits all `ops` to a session, a few requests at a time; every op is `make(i)` of the client that is connected then, made once."""

    def __init__(self, server, user, session, ops, in_flight=4, each=3):
        super().__init__(daemon=True)
        self.server, self.user, self.session = server, user, session
        self.waiting, self.in_flight, self.each = list(ops), in_flight, each
        self.acknowledged, self.refused = {}, []
        self.unknown, self.repeated, self.connections = 0, 0, 0
        self.errors = {}
        self.replica, self.fault, self.connection = None, None, None
        self.condition = threading.Condition()
        self.over = threading.Event()

    def run(self):
        try:
            while self.waiting and not self.over.is_set():
                try:
                    self.work()
                except (clients.Closed, OSError, EOFError, TimeoutError) as error:
                    self.count(type(error).__name__)
                except clients.Refused as error:
                    self.count(error.name)
                    if error.name not in ("store_down", "shutting_down", "busy", "internal"):
                        raise
                except Exception as error:  # pylint: disable=broad-except - the library has its own for every way to fail while connecting
                    if "websockets" not in type(error).__module__ and not isinstance(error, ConnectionError):
                        raise
                    self.count(type(error).__name__)
                self.over.wait(0.03)  # nobody knocks without a pause
        except BaseException as error:  # pylint: disable=broad-except
            self.fault = error
        with self.condition:
            self.condition.notify_all()

    def count(self, name):
        self.errors[name] = self.errors.get(name, 0) + 1

    def work(self):
        """One connection, until it breaks or nothing is left."""
        connection = self.connection = clients.Client(self.server, self.user)
        try:
            self.connections += 1
            self.replica = connection.join(self.session, before=self.replica) if self.replica else connection.join(self.session, since=0)
            while self.waiting and not self.over.is_set():
                self.round(connection)
        finally:
            try:
                connection.close()
            except Exception:  # pylint: disable=broad-except - it is gone already
                pass

    def round(self, connection):
        batches = [self.waiting[i * self.each:(i + 1) * self.each] for i in range(self.in_flight)]
        asked = [(batch, connection.send("session.submit", {"session": self.session, "ops": batch})) for batch in batches if batch]
        retry = False
        for batch, number in asked:
            for op, result in zip(batch, connection.answer(number)["results"]):
                retry |= self.take(op, result)
        if retry:
            self.over.wait(0.05)

    def take(self, op, result):
        """True: it must be sent again."""
        assert result["id"] == op["id"], (op, result)
        if "error" not in result:
            before = self.acknowledged.setdefault(op["id"], result["seq"])
            assert before == result["seq"], f"op {op['id']} had seq {before} and now {result['seq']}"
            self.repeated += result.get("repeated", False)
            with self.condition:
                self.waiting.remove(op)
                self.condition.notify_all()
            return False
        name = result["error"]["data"]["name"]
        self.count("op " + name)
        if name in ("store_down", "unknown_outcome", "busy", "internal"):
            self.unknown += name == "unknown_outcome"
            return True
        self.refused.append((op, result))
        with self.condition:
            self.waiting.remove(op)
        return False

    # ---- for the test's thread

    def wait_acknowledged(self, count, seconds=180):
        end = time.monotonic() + seconds
        with self.condition:
            while len(self.acknowledged) < count and not self.fault and self.is_alive():
                left = end - time.monotonic()
                assert left > 0, f"{self.user}: {len(self.acknowledged)} of {count} ops were acknowledged within {seconds} s; {self.errors}"
                self.condition.wait(min(left, 0.2))
        if self.fault:
            raise self.fault

    def finish(self, seconds=180):
        self.join(seconds)
        if self.fault:
            raise self.fault
        assert not self.is_alive(), f"{self.user}: {len(self.waiting)} ops have no answer after {seconds} s; {self.errors}"

    def stop(self):
        self.over.set()
