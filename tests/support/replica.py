"""replica.py - what a client knows of a session, kept and proved in Python: canonical JSON, leaves, chain, records, state sum.

Written from PROTOCOL.md, "Replicas" and "Hashes"; it shares nothing with the C. Whatever does not add up raises Diverged.
"""
import hashlib
import json
import uuid

TARGETS = {"document": {"revision"}, "spans": {"revision", "spans"}, "annotation": {"annotation"}, "relation": {"from", "to"}}
TRACKED = ("deleted", "label", "note", "redacted", "status", "target")
PLAIN = ("agent", "confidence", "created", "creator", "run")
KINDS = ("annotation.create", "annotation.update", "annotation.delete", "annotation.restore", "session.mode", "redact")
PAYLOAD_MEMBERS = {"account", "at", "codebook", "effects", "intent", "kind", "op", "seq", "step"}


class Diverged(AssertionError):
    """The server and this program do not agree."""


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data):
    return hashlib.sha256(data).digest()


def number(digest):
    return int.from_bytes(digest, "big")


def chain_start(stream, text_sha256=None):
    """chain(0); of a project's stream without the text."""
    return sha256(b"gloss.v1" + uuid.UUID(stream).bytes + (bytes.fromhex(text_sha256) if text_sha256 else bytes(32)))


def leaf_of(logged):
    """Of one item of session.ops or project.ops."""
    if "leaf" in logged:
        return bytes.fromhex(logged["leaf"])
    return sha256(bytes.fromhex(logged["salt"]) + canonical(logged["payload"]))


def derived_annotation(op):
    """The id of an annotation whose create names none."""
    raw = bytearray(sha256(b"gloss.annotation" + uuid.UUID(op).bytes)[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def apply(before, identity, changed, account, seq):
    """The record after an effect; the one before stays as it is."""
    record = dict(before) if before else {"id": identity, "creator": changed["creator"]}
    seqs, who = dict(record.get("seqs", {})), dict(record.pop("who", {}))

    def sign(field):
        seqs[field] = seq
        who.pop(field, None)
        if account != record["creator"]:
            who[field] = account

    if "target" in changed and set(changed["target"]) - {"type"} != TARGETS.get(changed["target"].get("type")):
        raise Diverged(f"an effect sets a target that is not known: {changed['target']}")
    for name, value in changed.items():
        if name == "attributes":
            attributes = {**record.get("attributes", {}), **value}
            record["attributes"] = {key: content for key, content in attributes.items() if content is not None}
            for attribute in value:
                sign("attributes." + attribute)
            if not record["attributes"]:
                del record["attributes"]
        elif name in TRACKED or name in PLAIN:
            record[name] = value
            if value is None or value is False:
                record.pop(name, None)
            if name in TRACKED:
                sign(name)
        else:
            raise Diverged(f"an effect sets {name}, which is not known")
    record["seqs"] = seqs
    if who:
        record["who"] = who
    return record


class Replica:
    """One session. `begin` is session.join's result; with since the caller has said from where the ops come, else pages bring the records."""

    def __init__(self, begin, since=None, before=None):
        document = begin["document"]
        self.session, self.document, self.revision = document["session"], document["document"], document["revision"]
        self.project, self.sha256 = document["project"], document["sha256"]
        self.records, self.ops, self.sum = {}, [], 0
        self.mode, self.mode_seq = begin["mode"], begin["mode_seq"]
        self.as_of, self.is_whole, self.pages = 0, False, 0
        self.frames = 0
        if since is None:
            self.seq, self.chain = begin["seq"], bytes.fromhex(begin["chain"])
            if self.mode != "shared":
                self.sum = number(sha256(canonical({"mode": self.mode, "seq": self.mode_seq})))
        elif since == 0:
            self.seq, self.chain = 0, chain_start(self.session, self.sha256)
            self.mode, self.mode_seq, self.is_whole = "shared", 0, True
        else:  # goes on where another replica ended
            if before.seq != since:
                raise Diverged(f"the other replica ends at {before.seq}, not at {since}")
            self.seq, self.chain, self.sum = before.seq, before.chain, before.sum
            self.records, self.ops, self.is_whole = dict(before.records), list(before.ops), before.is_whole
            self.mode, self.mode_seq = before.mode, before.mode_seq

    # ---- what comes

    def take_page(self, page):
        self.pages += 1
        self.as_of = max(self.as_of, page["as_of"])
        for record in page["records"]:
            there = self.records.get(record["id"])
            if there is None or max(there["seqs"].values()) < max(record["seqs"].values()):
                self.put(record)
        if page.get("done"):
            self.is_whole = True

    def take_ops(self, frame):
        """One session.ops. Ops that an op frame repeats are as wrong as those that it leaves out."""
        if frame["first"] != self.seq + 1:
            raise Diverged(f"seq {frame['first']} came behind {self.seq}")
        if not frame["ops"]:
            raise Diverged("an empty frame")
        for logged in frame["ops"]:
            self.take_op(logged)
        self.frames += 1
        if self.chain.hex() != frame["chain"]:
            raise Diverged(f"chain at {self.seq}: {self.chain.hex()}, the server has {frame['chain']}")
        if "state" in frame and self.is_whole and self.seq >= self.as_of:
            self.compare(frame["state"])

    def take_op(self, logged):
        self.chain = sha256(self.chain + leaf_of(logged))
        self.seq += 1
        payload = logged.get("payload")
        if payload is None:
            raise Diverged(f"op {self.seq} was erased")
        if payload["seq"] != self.seq:
            raise Diverged(f"op {self.seq} says that it is {payload['seq']}")
        if payload["kind"] not in KINDS or not set(payload) <= PAYLOAD_MEMBERS:
            raise Diverged(f"op {self.seq} has something unknown: {sorted(payload)}")
        self.ops.append(payload)
        if payload["kind"] == "redact":
            self.take_redact(payload)
        for effect in payload["effects"]:
            self.take_effect(payload, effect)

    def take_redact(self, payload):
        """The first effect names the ops that lose their words, in the log and here."""
        first = payload["effects"][0]
        seqs = first["set"].get("ops")
        if first != {"ids": [], "prev": {}, "set": {"ops": seqs}} or seqs != sorted(set(seqs)) or any(seq >= self.seq for seq in seqs):
            raise Diverged(f"op {self.seq} does not say which ops it erases: {first}")
        erased = set(seqs)
        self.ops = [{name: op[name] for name in ("op", "seq")} if op["seq"] in erased else op for op in self.ops]

    def take_effect(self, payload, effect):
        if payload["kind"] == "session.mode":
            if self.mode_seq < payload["seq"]:
                self.mode_item(-1)
                self.mode, self.mode_seq = effect["set"]["mode"], payload["seq"]
                self.mode_item(1)
            return
        for identity in effect["ids"]:
            before = self.records.get(identity)
            if before is None and payload["kind"] != "annotation.create":
                if self.is_whole and self.seq > self.as_of:
                    raise Diverged(f"op {self.seq} changes {identity}, which is not there")
                continue
            if before is not None and max(before["seqs"].values()) >= payload["seq"]:
                continue
            if before is not None:
                was = {field: before["seqs"].get(field) for field in effect["prev"]}
                if was != effect["prev"]:
                    raise Diverged(f"op {self.seq} says that before there was {effect['prev']}, here there was {was}")
            self.put(apply(before, identity, effect["set"], payload["account"], payload["seq"]))

    # ---- sums

    def mode_item(self, sign):
        if self.mode != "shared":
            self.sum = (self.sum + sign * number(sha256(canonical({"mode": self.mode, "seq": self.mode_seq})))) % (1 << 256)

    def put(self, record):
        before = self.records.get(record["id"])
        if before is not None:
            self.sum -= number(sha256(canonical(before)))
        self.sum = (self.sum + number(sha256(canonical(record)))) % (1 << 256)
        self.records[record["id"]] = record

    @property
    def state(self):
        return self.sum.to_bytes(32, "big").hex()

    def compare(self, state):
        if state != self.state:
            raise Diverged(f"state at {self.seq}: {self.state}, the server has {state}")

    def live(self):
        return {identity: record for identity, record in self.records.items() if not record.get("deleted")}

    def place(self):
        """What makes two replicas equal."""
        return {"seq": self.seq, "chain": self.chain.hex(), "state": self.state}

    def recount(self):
        """The sum made anew from the records alone."""
        total = sum(number(sha256(canonical(record))) for record in self.records.values())
        if self.mode != "shared":
            total += number(sha256(canonical({"mode": self.mode, "seq": self.mode_seq})))
        return (total % (1 << 256)).to_bytes(32, "big").hex()


TERM_KINDS = ("label", "attribute", "relation")
TERM_MEMBERS = {"colour", "definition", "examples", "from", "hotkey", "kind", "labels", "maximum", "minimum", "name", "parent", "retired",
                "symmetric", "to", "type", "values"}


class ProjectReplica:
    """A project, from the first op of its stream on: terms, members, documents and their metadata, name and policy."""

    def __init__(self, project):
        self.project, self.seq, self.chain = project, 0, chain_start(project)
        self.terms, self.members, self.documents, self.ops = {}, {}, {}, []
        self.name, self.open, self.others_may_edit, self.version = None, True, True, 0

    def take_ops(self, frame):
        """One project.ops; what is known already is skipped."""
        if frame["first"] > self.seq + 1:
            raise Diverged(f"seq {frame['first']} of the project came behind {self.seq}")
        for logged in frame["ops"][max(0, self.seq + 1 - frame["first"]):]:
            self.take_op(logged)
        if frame["first"] + len(frame["ops"]) - 1 == self.seq and self.chain.hex() != frame["chain"]:
            raise Diverged(f"chain of the project at {self.seq}: {self.chain.hex()}, the server has {frame['chain']}")

    def take_op(self, logged):
        payload = logged["payload"]
        self.chain = sha256(self.chain + leaf_of(logged))
        self.seq += 1
        if payload["seq"] != self.seq or not set(payload) <= PAYLOAD_MEMBERS:
            raise Diverged(f"op {self.seq} of the project is {payload}")
        self.ops.append(payload)
        for effect in payload["effects"]:
            self.take_effect(payload, effect["ids"], effect["prev"], dict(effect["set"]))

    def take_effect(self, payload, ids, prev, changed):
        kind = payload["kind"]
        if kind.split(".")[0] in TERM_KINDS:
            for identity in ids:
                self.take_term(payload, identity, prev, changed)
            self.version = self.seq
        elif kind == "codebook.policy":
            self.open, self.version = changed["open"], self.seq
        elif kind in ("project.create", "project.update"):
            self.name = changed.get("name", self.name)
            self.others_may_edit = changed.get("others_may_edit", self.others_may_edit)
        elif kind == "member.set":
            self.members[changed["account"]] = changed["role"]
        elif kind == "document.create":
            self.documents[changed["document"]] = changed
        elif kind == "document.update":
            document = self.documents[ids[0]]
            document.update(changed)
            for member in [member for member, value in document.items() if value is None]:
                del document[member]
        else:
            raise Diverged(f"op {self.seq} of the project is a {kind}")

    def take_term(self, payload, identity, prev, changed):
        if not set(changed) <= TERM_MEMBERS:
            raise Diverged(f"op {self.seq} of the project sets {sorted(changed)}")
        record = self.terms.get(identity) or {"id": identity, "created": self.seq}
        if prev != ({"seq": record["seq"]} if "seq" in record else {}):
            raise Diverged(f"op {self.seq} says that before there was {prev}, here there was {record}")
        record = {**record, **changed, "seq": self.seq, "by": payload["account"]}
        self.terms[identity] = {member: value for member, value in record.items() if value is not None and value is not False}

    def labels(self):
        return {term["name"]: term["id"] for term in self.terms.values() if term["kind"] == "label"}
