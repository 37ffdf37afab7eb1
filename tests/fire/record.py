"""record.py - everything that a run has written down, read for the checker: each client's history, the faults, and what PostgreSQL held at the end.

Owns      nothing but what it has read; a test may change its lists before they are looked at.
"""
import collections
import json
import os

import replica as replicas

NOT_CLIENTS = ("faults", "stored")


class Violation:
    """One promise that was not kept: by whom it was seen, and where."""

    def __init__(self, promise, what, client=None, session=None, seq=None, op=None):
        self.promise, self.what, self.client, self.session, self.seq, self.op = promise, what, client, session, seq, op

    def __str__(self):
        where = ", ".join(f"{name} {value}" for name, value in (("client", self.client), ("session", self.session), ("seq", self.seq), ("op", self.op)) if value is not None)
        return f"{self.promise}: {self.what} ({where})"


class Replayed:
    """A session computed from its log alone: chain and state at every seq, and what did not add up on the way."""

    def __init__(self, stream, log):
        begin = {"document": {"session": stream["s"], "document": "", "revision": "", "project": stream["project"], "sha256": None},
                 "mode": "shared", "mode_seq": 0}
        self.chains, self.states, self.wrong = [], [], None
        start = bytes.fromhex(stream["start"])
        replica = Silent(begin, start)
        self.note(replica)
        for line in log:
            try:
                replica.take_op({"salt": line["salt"], "payload": json.loads(line["payload"])})
            except (replicas.Diverged, KeyError, TypeError, ValueError) as error:
                self.wrong = (line["seq"], str(error))
                break
            self.note(replica)

    def note(self, replica):
        self.chains.append(replica.chain.hex())
        self.states.append(replica.state)


class Silent(replicas.Replica):
    """Begins where the log begins, with the chain that PostgreSQL names; keeps no ops."""

    def __init__(self, begin, start):
        self.start = start
        super().__init__({**begin, "seq": 0, "chain": start.hex()})
        self.mode, self.mode_seq, self.is_whole = "shared", 0, True


class Record:
    def __init__(self, folder):
        self.folder = folder
        self.clients, self.faults, self.streams, self.log, self.members = {}, [], {}, collections.defaultdict(list), []
        for name in sorted(os.listdir(folder)):
            if name.endswith(".jsonl"):
                self.read(name.removesuffix(".jsonl"), os.path.join(folder, name))
        self.replays, self.ways, self.by_seq = {}, None, {}  # the checker's, computed once

    def read(self, name, path):
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        if name == "faults":
            self.faults = lines
        elif name != "stored":
            self.clients[name] = lines
        else:
            for line in lines:
                if line["k"] == "log":
                    self.log[line["s"]].append(line)
                elif line["k"] == "stream":
                    self.streams[line["s"]] = line
                else:
                    self.members.append(line)

    def stored(self, session, seq):
        """The op there, or None. A log with a gap is looked at as well."""
        log = self.log.get(session, ())
        if 0 < seq <= len(log) and log[seq - 1]["seq"] == seq:
            return log[seq - 1]
        if session not in self.by_seq:
            self.by_seq[session] = {line["seq"]: line for line in log}
        return self.by_seq[session].get(seq)

    def places(self):
        """op id -> [(session, seq)…] of everything that is stored."""
        found = collections.defaultdict(list)
        for session, log in self.log.items():
            for line in log:
                found[line["op"]].append((session, line["seq"]))
        return found

    def replay(self, session):
        if session not in self.replays:
            self.replays[session] = Replayed(self.streams[session], self.log.get(session, ()))
        return self.replays[session]

    def accounts(self):
        """name -> account."""
        return {line["name"]: line["account"] for line in self.members}

    def user(self, client):
        """Whose connections these are; None when the history does not say."""
        return next((line["user"] for line in self.clients[client] if line["k"] == "who"), None)
