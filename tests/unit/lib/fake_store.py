"""What fake_server.py stores: accounts, a document with its session and its project, their streams; and the judging of what is submitted.

Hashing and applying come from proto/vectors/make_vectors.py, the second implementation of the model.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../proto/vectors"))
import make_vectors as model  # noqa: E402

ANA, BEN, BOT = model.ANA, model.BEN, model.BOT
NAMES = {ANA: "ana", BEN: "ben", BOT: "bot"}
ACCOUNTS = {name: account for account, name in NAMES.items()}
PROJECT, DOCUMENT, SESSION, REVISION = (model.number_id(kind, 1) for kind in (20, 21, 22, 23))
TEXT = "Once only: a quotation.\r\n" + ("Moscow and Beijing \u201cstood together\u201d.\r\nThe caf\u00e9 was full. \U0001F469\u200D\U0001F467 \u4E2D\u56FD \u0645\u0631\u062D\u0628\u0627\r\n" * 900)
TOKEN = "gls_" + "a" * 43 + "_000000"
WIRE = {"stale": 1200, "gone": 1202, "id_reused": 1203, "depends_on_refused": 1204, "atomic_refused": 1205, "unknown_label": 1210, "session_closed": 1211, "busy": 1120, "rate_limited": 1121,
        "internal": -32603, "bad_credentials": 1101, "not_found": 1111, "forbidden": 1110, "resync": 1300, "archived": 1303, "invalid_params": -32602,
        "unknown_method": -32601, "quote_not_found": 1220, "quote_ambiguous": 1221, "quote_mismatch": 1222, "out_of_range": 1223,
        "splits_grapheme": 1224, "store_down": 1500, "shutting_down": 1502, "checksum": 1232, "upgrade": 1301, "unknown_outcome": 1501}


def error(name, message="", **data):
    return {"code": WIRE.get(name, 1), "message": message or name, "data": dict(data, name=name)}


class Refused(Exception):
    def __init__(self, name, message="", **data):
        super().__init__(name)
        self.error = error(name, message, **data)


def placed(target):
    """Quotes are looked for here, exactly: the model's own way is too slow for so long a text."""
    spans = []
    for span in target.get("spans", []):
        if "exact" in span and "start" not in span:
            if TEXT.count(span["exact"]) != 1:
                raise Refused("quote_ambiguous" if span["exact"] in TEXT else "quote_not_found", path="change.target.spans[0].exact")
            begin = TEXT.index(span["exact"])
            span = dict(span, start=begin, end=begin + len(span["exact"]))
        spans.append(span)
    return dict(target, spans=spans) if spans else target


class Stream:
    def __init__(self, identity, revision):
        self.start = model.chain_start(identity, revision)
        self.logged, self.chains, self.states = [], [], []

    @property
    def seq(self):
        return len(self.logged)

    def chain(self, seq=None):
        seq = self.seq if seq is None else seq
        return self.chains[seq - 1] if seq else self.start

    def append(self, payload, state):
        salt = model.sha(b"salt %d %s" % (payload["seq"], payload["op"].encode()))[:16]
        self.chains.append(model.chain_next(self.chain(), model.leaf_of(salt, model.canonical(payload))))
        self.logged.append({"payload": payload, "salt": salt.hex()})
        self.states.append(state)

    def cut(self, seq):
        del self.logged[seq:], self.chains[seq:], self.states[seq:]


class Store:
    def __init__(self):
        self.project = Stream(PROJECT, None)
        self.session = Stream(SESSION, model.sha(TEXT.encode()))
        self.labels, self.open, self.codebook = {}, True, 0  # labels: name -> id
        self.records, self.setters, self.ops, self.mode = {}, {}, {}, ("shared", 0)
        self.digests = {}
        self.uploads, self.documents = {}, {}
        self.counter = self.erased_to = 0
        self.add_document(DOCUMENT, SESSION, TEXT, "A brief", "brief.txt")

    def add_document(self, document, session, text, title, filename):
        self.documents[document] = {"document": document, "project": PROJECT, "session": session, "revision": REVISION, "title": title,
                                    "filename": filename, "sha256": model.sha(text.encode()).hex(), "bytes": len(text.encode()),
                                    "codepoints": len(text), "created": "2026-11-21T18:43:15.123Z", "text": text}

    def info(self, document):
        return {name: value for name, value in self.documents[document].items() if name != "text"}

    def new_id(self, kind=30):
        self.counter += 1
        return model.number_id(kind, self.counter)

    def digest(self, identity, record):
        """Of a record, counted once: a change makes another record."""
        known = self.digests.get(identity)
        if known is None or known[0] is not record:
            known = self.digests[identity] = (record, model.sha(model.canonical(record).encode()))
        return known[1]

    def state(self):
        items = [self.digest(identity, record) for identity, record in self.records.items()]
        if self.mode[0] != "shared":
            items.append(model.sha(model.canonical({"mode": self.mode[0], "seq": self.mode[1]}).encode()))
        return model.sum_of(items)

    def payload(self, stream, account, kind, op, intent, effects):
        seq = stream.seq + 1
        return {"account": account, "at": f"2026-11-21T19:{seq // 60 % 60:02d}:{seq % 60:02d}.000Z", "codebook": self.codebook, "effects": effects,
                "intent": intent, "kind": kind, "op": op, "seq": seq}

    def add_label(self, account, name):
        identity = self.new_id(31)
        change = {"label": identity, "name": name}
        self.labels[name] = identity
        self.project.append(self.payload(self.project, account, "label.create", self.new_id(), {"change": dict(change, kind="label.create")},
                                         [{"ids": [], "prev": {}, "set": change}]), None)
        self.codebook = self.project.seq
        return identity

    # -- judging one op

    def label_of(self, account, asked):
        if asked is None or asked in self.labels.values():
            return asked
        if asked not in self.labels:
            if not self.open:
                raise Refused("unknown_label")
            self.add_label(account, asked)
        return self.labels[asked]

    def fields_of(self, change, account):
        fields = {name: change[name] for name in ("note", "status", "attributes", "agent", "run", "confidence") if name in change}
        if "target" in change:
            try:
                fields["target"] = model.resolve(TEXT, REVISION, placed(change["target"]))
            except model.Refused as refused:
                raise Refused(refused.answer["name"], path="change.target." + refused.answer["path"], **refused.answer.get("data", {})) from None
        if "label" in change:
            fields["label"] = self.label_of(account, change["label"])
        return fields

    def check_base(self, record, account, base, fields):
        if isinstance(base, str):
            if base not in self.ops:
                raise Refused("depends_on_refused")
            base = self.ops[base]["seq"]
        if base is None:
            raise Refused("invalid_params", path="base")
        for field in fields:
            if record["seqs"].get(field, 0) > base and record.get("who", {}).get(field, record["creator"]) != account:
                raise Refused("stale", field=field, current=record, seq=record["seqs"][field])

    def judge(self, account, asked):
        """The annotation and what is set in it; nothing has happened yet but a new label."""
        change = asked["change"]
        kind = change["kind"]
        fields = self.fields_of(change, account)
        if kind == "annotation.create":
            identity = change.get("annotation") or model.annotation_id(asked["id"])
            fields.setdefault("status", "proposed" if "agent" in change else "active")
            return identity, dict(fields, created=self.session.seq + 1, creator=account)
        record = self.records.get(change["annotation"])
        if not record:
            raise Refused("not_found")
        names = [name for name in fields if name != "attributes"] + ["attributes." + name for name in fields.get("attributes", {})]
        if kind != "annotation.update":
            fields = {"deleted": kind == "annotation.delete"}
            names = list(record["seqs"])
        elif "deleted" in record:
            raise Refused("gone")
        self.check_base(record, account, asked.get("base"), names)
        return change["annotation"], fields

    def accept(self, account, asked, identity, fields):
        before = self.records.get(identity)
        seqs = before["seqs"] if before else {}
        names = [name for name in fields if name != "attributes"] + ["attributes." + name for name in fields.get("attributes", {})]
        effect = {"ids": [identity], "prev": {name: seqs[name] for name in names if name in seqs}, "set": fields}
        intent = {name: asked[name] for name in ("base", "change") if name in asked}
        payload = self.payload(self.session, account, asked["change"]["kind"], asked["id"], intent, [effect])
        self.records[identity] = model.apply(before, identity, fields, account, payload["seq"])
        self.session.append(payload, self.state())
        self.ops[asked["id"]] = {"seq": payload["seq"], "annotation": identity, "account": account, "asked": model.canonical(intent)}
        return payload["seq"]

    def submit_one(self, account, asked):
        known = self.ops.get(asked["id"])
        intent = model.canonical({name: asked[name] for name in ("base", "change") if name in asked})
        if known:
            if known["account"] != account or known["asked"] != intent:
                return {"id": asked["id"], "error": error("id_reused")}
            return {"id": asked["id"], "seq": known["seq"], "repeated": True, "annotation": known["annotation"]}
        try:
            identity, fields = self.judge(account, asked)
        except Refused as refused:
            return {"id": asked["id"], "error": refused.error}
        return {"id": asked["id"], "seq": self.accept(account, asked, identity, fields), "annotation": identity}

    def submit(self, account, ops, atomic):
        if atomic and not all(op["id"] in self.ops for op in ops):
            for index, op in enumerate(ops):
                try:
                    self.judge(account, op)
                except Refused as refused:
                    return [{"id": other["id"], "error": refused.error if at == index else error("atomic_refused")} for at, other in enumerate(ops)]
        return [self.submit_one(account, op) for op in ops]

    def redact(self, account, at):
        """All that was said of one annotation is erased."""
        identity = list(self.records)[at]
        seqs = [seq for seq, logged in enumerate(self.session.logged, 1) for effect in logged.get("payload", {}).get("effects", ())
                if identity in effect["ids"] and isinstance(effect["set"].get("note"), str)]
        record, fields = self.records[identity], {"note": None, "redacted": True}
        effects = [{"ids": [], "prev": {}, "set": {"ops": seqs}},
                   {"ids": [identity], "prev": {name: record["seqs"][name] for name in fields if name in record["seqs"]}, "set": fields}]
        payload = self.payload(self.session, account, "redact", self.new_id(), {"change": {"annotations": [identity], "kind": "redact"}}, effects)
        self.records[identity] = model.apply(record, identity, fields, account, payload["seq"])
        self.session.append(payload, self.state())
        for seq in seqs:
            logged = self.session.logged[seq - 1]
            self.session.logged[seq - 1] = {"leaf": model.leaf_of(bytes.fromhex(logged["salt"]), model.canonical(logged["payload"])).hex()}
        self.erased_to = max([self.erased_to, *seqs])

    def rewind(self, seq, then):
        """The database goes back in time, and something else happens there."""
        self.session.cut(seq)
        self.records, self.ops = {}, {}
        for logged in self.session.logged:
            payload = logged["payload"]
            effect = payload["effects"][0]
            for identity in effect["ids"]:
                self.records[identity] = model.apply(self.records.get(identity), identity, effect["set"], payload["account"], payload["seq"])
            self.ops[payload["op"]] = {"seq": payload["seq"], "annotation": effect["ids"][0], "account": payload["account"],
                                       "asked": model.canonical(payload["intent"])}
        for _ in range(then):
            self.submit_one(BEN, {"id": self.new_id(), "change": {"kind": "annotation.create", "target": {"type": "document"}, "note": "another past"}})
