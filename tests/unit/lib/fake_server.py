#!/usr/bin/env python3
"""A stand-in for the service that speaks the wire of wire.def, deterministically, and misbehaves on command.

usage: fake_server.py DIRECTORY      DIRECTORY: where certificates are made, or are already

It prints one line of JSON: ports, ids, the file of the authority. Then it reads commands, one JSON object a line, and answers each with one line:
    {"do": "op", "change": {...}, "as": "ben", "count": 1}   somebody else changes something
    {"do": "label", "name": "claim"}                          a label is made
    {"do": "fault", "fault": NAME, "times": 1, ...}           see FAULTS: the next so many times it is asked
    {"do": "drop"} {"do": "close", "code": 4000, "reason": "..."} {"do": "notice", ...} {"do": "rewind", "to": 3} {"do": "stats"} {"do": "state"}
    {"do": "swell", "count": 100, "bytes": 900000}            so many compressed notices, each of which becomes so many bytes; at the port "compressed"
It ends when its input does. Judging, hashing and applying come from proto/vectors/make_vectors.py, the second implementation of the model.
"""
import asyncio
import base64
import inspect
import json
import logging
import os
import ssl
import subprocess
import sys
import uuid
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../proto/vectors"))
import make_vectors as model  # noqa: E402
import websockets  # noqa: E402

FAULTS = {
    "half_frame": "the next ops come as half a frame, then the connection breaks",
    "repeat": "the next ops come twice",
    "gap": "the next ops do not come; those after them do",
    "wrong_chain": "the next ops come with another chain",
    "wrong_state": "the next ops come with another state sum",
    "wrong_salt": "the next ops come with another salt",
    "no_state": "the next ops come without a state sum",
    "busy": "a submit is answered busy (retry_after_ms)",
    "op_busy": "the first op of a submit is answered busy",
    "internal": "the first op of a submit is answered internal",
    "lose_answer": "a submit is stored, and the connection breaks before the answer",
    "lose_request": "the connection breaks before a submit is stored",
    "short_answer": "a submit is answered with a result too few",
    "no_answer": "a request (method) is not answered at all",
    "slow": "a request (method) is answered after ms",
    "refuse": "a request (method) is refused: name, code, data",
    "resync": "a join with since is answered resync",
    "nonsense": "a request (method) is answered with bytes that are not JSON",
    "huge": "a request (method) is answered with a message of so many bytes",
    "binary": "a request (method) is answered with a binary message",
    "bomb": "a request (method) is answered with a compressed message that becomes so many bytes",
    "damaged": "a request (method) is answered with half a compressed message",
    "no_utf8": "a request (method) is answered with a compressed message that is JSON but for a byte that is not UTF-8",
    "late_project_ops": "project.ops come ms later",
    "lost_project_ops": "project.ops do not come",
    "short_text": "document.text gives fewer code points than asked for",
    "wrong_text": "document.text gives other words",
    "no_names": "the connection of somebody who has joined breaks when he asks who the members are",
    "one_page": "a connection brings one page, then it breaks",
    "uncounted": "a page does not tell how many records came, as older servers; and `from` is not understood",
    "page_ops": "while a page is read, ops happen (count), and overtake it",
}

ANA, BEN, BOT = model.ANA, model.BEN, model.BOT
NAMES = {ANA: "ana", BEN: "ben", BOT: "bot"}
ACCOUNTS = {name: account for account, name in NAMES.items()}
PROJECT, DOCUMENT, SESSION, REVISION = (model.number_id(kind, 1) for kind in (20, 21, 22, 23))
TEXT = "Once only: a quotation.\r\n" + ("Moscow and Beijing \u201cstood together\u201d.\r\nThe caf\u00e9 was full. \U0001F469\u200D\U0001F467 \u4E2D\u56FD \u0645\u0631\u062D\u0628\u0627\r\n" * 900)
TOKEN = "gls_" + "a" * 43 + "_000000"
WIRE = {"stale": 1200, "gone": 1202, "id_reused": 1203, "depends_on_refused": 1204, "atomic_refused": 1205, "unknown_label": 1210, "session_closed": 1211, "busy": 1120,
        "internal": -32603, "bad_credentials": 1101, "not_found": 1111, "forbidden": 1110, "resync": 1300, "archived": 1303, "invalid_params": -32602,
        "unknown_method": -32601, "quote_not_found": 1220, "quote_ambiguous": 1221, "quote_mismatch": 1222, "out_of_range": 1223,
        "splits_grapheme": 1224, "store_down": 1500, "shutting_down": 1502, "checksum": 1232, "upgrade": 1301, "unknown_outcome": 1501}


def error(name, message="", **data):
    return {"code": WIRE.get(name, 1), "message": message or name, "data": dict(data, name=name)}


class Refused(Exception):
    def __init__(self, name, message="", **data):
        super().__init__(name)
        self.error = error(name, message, **data)


class Break(Exception):
    """The connection ends here."""


def abort(ws):
    """No close frame, no TLS goodbye: the socket is simply gone."""
    try:
        ws.transport.abort()
    except AttributeError:  # it is gone already
        pass


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


# ---- what is stored

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


# ---- one connection

def deflated(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


class Peer:
    def __init__(self, server, ws):
        self.server, self.ws, self.account = server, ws, None
        self.sent = 0
        self.cursor, self.page_at = None, 0  # None: not joined, or not live
        self.pages = 0  # told
        self.joined = False
        self.project_cursor = server.store.project.seq

    async def send(self, message):
        """To who takes compressed messages every second one is."""
        text = json.dumps(dict(message, jsonrpc="2.0"), ensure_ascii=False)
        self.sent += 1
        await self.ws.send(deflated(text.encode()) if self.ws.subprotocol == "gloss.v1.deflate" and self.sent % 2 else text)

    async def send_ops(self):
        server, stream = self.server, self.server.store.session
        while self.cursor is not None and self.cursor < stream.seq:
            first, last = self.cursor + 1, min(stream.seq, self.cursor + server.ops_in_frame)
            self.cursor = last
            params = {"session": SESSION, "first": first, "chain": stream.chain(last).hex(), "state": stream.states[last - 1].hex(),
                      "ops": stream.logged[first - 1:last]}
            await self.send_frame(params)

    async def send_frame(self, params):
        server = self.server
        if server.fault("gap"):
            return
        if server.fault("wrong_chain"):
            params["chain"] = "00" * 32
        if server.fault("wrong_state"):
            params["state"] = "11" * 32
        if server.fault("no_state"):
            del params["state"]
        if server.fault("wrong_salt"):
            params["ops"] = [dict(params["ops"][0], salt="22" * 16)] + params["ops"][1:]
        message = {"method": "session.ops", "params": params}
        if server.fault("half_frame"):
            body = json.dumps(dict(message, jsonrpc="2.0"), ensure_ascii=False).encode()
            self.ws.transport.write(bytes([0x81, 127]) + len(body).to_bytes(8, "big") + body[:len(body) // 2])
            await asyncio.sleep(0.02)
            raise Break
        await self.send(message)
        if server.fault("repeat"):
            await self.send(message)

    async def send_project_ops(self):
        stream = self.server.store.project
        first = self.project_cursor + 1
        if first > stream.seq or not self.joined:
            return
        self.project_cursor = stream.seq
        late, lost = self.server.fault("late_project_ops"), self.server.fault("lost_project_ops")
        message = {"method": "project.ops", "params": {"project": PROJECT, "first": first, "chain": stream.chain().hex(), "ops": stream.logged[first - 1:]}}
        if late:
            asyncio.get_running_loop().call_later(late["ms"] / 1000, lambda: asyncio.ensure_future(self.send(message)))
        elif not lost:
            await self.send(message)

    async def serve(self):
        async for text in self.ws:
            request = json.loads(text)
            method, params = request["method"], request.get("params", {})
            self.server.count(method)
            self.server.requests.append([method, params])
            del self.server.requests[:-50]
            if self.server.fault("no_answer", method):
                continue
            slow = self.server.fault("slow", method)
            if slow:
                await asyncio.sleep(slow["ms"] / 1000)
            if await self.nonsense(method):
                continue
            try:
                refuse = self.server.fault("refuse", method)
                if refuse:
                    raise Refused(refuse["name"], **refuse.get("data", {}))
                if method != "hello" and not self.account:
                    raise Refused("sign_in_first")
                handler = getattr(self, "on_" + method.replace(".", "_"), None)
                if not handler:
                    raise Refused("unknown_method")
                result = await handler(params)
            except Refused as refused:
                await self.send({"id": request["id"], "error": refused.error})
                if refused.error["data"]["name"] in ("bad_credentials", "shutting_down"):
                    await self.ws.close(1008, refused.error["data"]["name"])
                continue
            if method == "session.submit":
                await self.server.spread()
            await self.send({"id": request["id"], "result": result})
            if method == "session.join":
                await self.send_ops()

    async def nonsense(self, method):
        huge = self.server.fault("huge", method)
        if huge:
            await self.ws.send("x" * huge["bytes"])
        elif self.server.fault("nonsense", method):
            await self.ws.send("{this is not JSON")
        elif self.server.fault("binary", method):
            await self.ws.send(b"\x00\x01")
        elif self.server.fault("damaged", method):
            await self.ws.send(deflated(b"{}" * 10)[:-3])
        elif self.server.fault("no_utf8", method):
            await self.ws.send(deflated(b'{"jsonrpc":"2.0","id":"\xff"}'))
        elif bomb := self.server.fault("bomb", method):
            await self.ws.send(deflated(b" " * bomb["bytes"]))
        else:
            return False
        return True

    # -- methods

    async def on_hello(self, params):
        if params.get("token") == TOKEN:
            self.account = ANA
        elif params.get("account") == "ben" and params.get("password") == "secret":
            self.account = BEN
        else:
            raise Refused("bad_credentials", "the token or password is not right, has expired or was revoked")
        return {"account": {"account": self.account, "name": NAMES[self.account]}, "server": "fake/1", "protocol": self.server.protocol,
                "time": "2026-11-21T18:43:15.123Z",
                "limits": {"frame_bytes": 262144, "ops_in_flight": self.server.ops_in_flight, "pages_in_flight": 4, "page_bytes": 65536,
                           "document_bytes": 1 << 20, "chunk_bytes": 20000}}

    async def on_codebook_get(self, params):
        store = self.server.store
        at = int(params.get("cursor", "0"))
        names = sorted(store.labels)
        result = {"version": store.project.seq, "open": store.open, "terms": [{"by": ANA, "created": 1, "id": store.labels[name], "kind": "label", "name": name, "seq": 1} for name in names[at:at + 3]]}
        if at + 3 < len(names):
            result["next"] = str(at + 3)
        return result

    async def on_member_list(self, params):
        if self.joined and self.server.fault("no_names"):
            raise Break
        at, accounts = int(params.get("cursor", "0")), (ANA, BEN)  # one a page
        result = {"members": [{"account": account, "name": NAMES[account], "role": "owner"} for account in accounts[at:at + 1]]}
        if at + 1 < len(accounts):
            result["next"] = str(at + 1)
        return result

    async def on_session_join(self, params):
        stream, since = self.server.store.session, params.get("since")
        if params["session"] != SESSION:
            raise Refused("not_found")
        if since is not None:
            if since + 1 < self.server.retained_from:
                raise Refused("archived", path="since", retained_from=self.server.retained_from, seq=self.server.retained_from - 1)
            if since < self.server.store.erased_to:
                raise Refused("archived", path="since", retained_from=self.server.store.erased_to + 1, seq=stream.seq)
            if self.server.fault("resync") or since > stream.seq or params.get("chain", stream.chain(since).hex()) != stream.chain(since).hex():
                raise Refused("resync")
            if since > 0 and "chain" not in params:
                raise Refused("invalid_params", path="chain")
        store = self.server.store
        self.joined = True
        self.cursor = None if params.get("live") is False else (stream.seq if since is None else since)
        self.page_at = 0
        state = store.state().hex()
        if self.server.fault("wrong_join_state"):
            state = "33" * 32
        return {"seq": stream.seq, "chain": stream.chain().hex(), "state": state, "mode": store.mode[0], "mode_seq": store.mode[1], "retained_from": self.server.retained_from,
                "role": "annotator", "annotations": sum("deleted" not in record for record in store.records.values()), "records": len(store.records),
                "document": store.info(DOCUMENT)}

    async def on_session_log(self, params):
        stream, after = self.server.store.session, params["after"]
        if after > stream.seq:
            raise Refused("invalid_params", path="after")
        most = min(params.get("limit", 7), 7)
        return {"first": after + 1, "ops": stream.logged[after:after + most], "chain_before": stream.chain(after).hex(), "head": stream.seq}

    async def on_session_leave(self, params):
        self.cursor, self.joined = None, False
        return {}

    async def on_session_page(self, params):
        store = self.server.store
        records = list(store.records.values())
        if "start" in params:
            around = [record for record in records for span in record["target"].get("spans", [])
                      if span["start"] < params["end"] and span["end"] > params["start"]]
            return {"as_of": store.session.seq, "records": around, "done": True}
        is_uncounted = self.server.fault("uncounted")
        if self.pages >= 1 and self.server.fault("one_page"):
            raise Break
        self.pages += 1
        if "from" in params and not is_uncounted:
            self.page_at = params["from"]
        begin, end = self.page_at, self.page_at + self.server.page_records
        as_of, page = store.session.seq, json.loads(json.dumps(records[begin:end]))
        overtaking = self.server.fault("page_ops")
        if overtaking:
            for number in range(overtaking.get("count", 1)):
                target = records[(begin + number) % len(records)]["id"]
                store.submit_one(BEN, {"id": store.new_id(), "base": store.session.seq, "change": {
                    "kind": "annotation.update", "annotation": target, "note": f"overtaken {number}"}})
            store.submit_one(BEN, {"id": store.new_id(), "change": {"kind": "annotation.create", "target": {"type": "document"}, "note": "new meanwhile"}})
            await self.server.spread()
        self.page_at = end
        result = {"as_of": as_of, "records": page}
        if not is_uncounted:
            result["next"] = min(end, len(records))
        if end >= len(list(store.records)):
            result["done"] = True
        return result

    async def on_session_presence(self, params):
        self.server.places.append(params)
        return {"peer": model.number_id(40, 1)}

    async def on_session_submit(self, params):
        server, store, ops = self.server, self.server.store, params["ops"]
        busy = server.fault("busy")
        if busy:
            raise Refused("busy", retry_after_ms=busy.get("retry_after_ms", 5))
        if server.fault("lose_request"):
            raise Break
        held = []
        for name, says in (("op_busy", "busy"), ("internal", "internal"), ("op_resync", "resync")):
            if server.fault(name):
                held = [{"id": ops[0]["id"], "error": error(says)}]
                ops = ops[1:]
        server.batches.append(len(params["ops"]))
        results = held + store.submit(self.account, ops, params.get("atomic", False))
        if server.fault("lose_answer"):
            await server.spread(but=self)
            raise Break
        if server.fault("short_answer"):
            results = results[:-1]
        return {"results": results}

    async def on_document_get(self, params):
        if params["document"] not in self.server.store.documents:
            raise Refused("not_found")
        return {"document": self.server.store.info(params["document"])}

    async def on_document_list(self, params):
        return {"documents": [self.server.store.info(document) for document in self.server.store.documents]}

    async def on_document_text(self, params):
        text = self.server.store.documents[params["document"]]["text"]
        begin, end = params["start"], min(params["end"], params["start"] + 32768, len(text))
        if self.server.fault("short_text"):
            end = (begin + end) // 2
        words = text[begin:end]
        if self.server.fault("wrong_text"):
            words = "X" + words[1:]
        return {"text": words, "end": end, "codepoints": len(text)}

    async def on_document_begin(self, params):
        store = self.server.store
        for document, info in store.documents.items():
            if info["sha256"] == params["sha256"]:
                return {"existing": store.info(document)}
        upload = store.new_id(33)
        store.uploads[upload] = {"asked": params, "data": b"", "peer": self}
        return {"upload": upload}

    def upload_of(self, params):
        upload = self.server.store.uploads.get(params["upload"])
        if not upload or upload["peer"] is not self:
            raise Refused("not_found")
        return upload

    async def on_document_chunk(self, params):
        upload = self.upload_of(params)
        if params["offset"] != len(upload["data"]):
            raise Refused("invalid_params", path="offset")
        upload["data"] += base64.b64decode(params["data"], validate=True)
        if self.server.fault("lose_chunk"):
            raise Break
        return {"offset": len(upload["data"])}

    async def on_document_commit(self, params):
        upload, store = self.upload_of(params), self.server.store
        asked, data = upload["asked"], upload["data"]
        if model.sha(data).hex() != asked["sha256"] or len(data) != asked["bytes"]:
            raise Refused("checksum")
        document = store.new_id(21)
        store.add_document(document, store.new_id(22), data.decode(), asked.get("title", "untitled"), asked.get("filename", ""))
        if self.server.fault("lose_commit"):
            raise Break
        return {"document": store.info(document)}


# ---- the server

class Server:
    def __init__(self):
        self.store, self.peers, self.faults, self.counts = Store(), [], [], {}
        self.requests, self.batches, self.connections = [], [], 0
        self.places = []
        self.ops_in_frame, self.ops_in_flight, self.page_records, self.protocol = 100, 256, 20, "gloss.v1"
        self.retained_from = 1

    def fault(self, name, method=None):
        """Whether this is to go wrong now; the fault then, which is used up by it."""
        for fault in self.faults:
            if fault["fault"] == name and fault.get("method") in (None, method):
                if fault.setdefault("after", 0) > 0:
                    fault["after"] -= 1
                    return None
                fault["times"] = fault.get("times", 1) - 1
                if fault["times"] <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    async def spread(self, but=None):
        """What happened goes to everybody who is joined: names before what uses them."""
        for peer in list(self.peers):
            if peer is but:
                continue
            try:
                await peer.send_project_ops()
                await peer.send_ops()
            except (Break, websockets.ConnectionClosed):
                abort(peer.ws)

    async def on_connection(self, ws, path=None):
        if getattr(ws, "subprotocol", None) not in ("gloss.v1", "gloss.v1.deflate"):
            return
        peer = Peer(self, ws)
        self.connections += 1
        self.peers.append(peer)
        try:
            await peer.serve()
            self.count("goodbye")
        except Break:
            abort(ws)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.peers.remove(peer)

    # -- commands

    async def command(self, asked):
        return await getattr(self, "do_" + asked["do"])(asked) or {}

    async def do_op(self, asked):
        account, result = ACCOUNTS[asked.get("as", "ben")], None
        for number in range(asked.get("count", 1)):
            change = dict(asked["change"])
            if asked.get("count", 1) > 1 and "note" in change:
                change["note"] += f" {number}"
            result = self.store.submit_one(account, {"id": self.store.new_id(), "base": asked.get("base", self.store.session.seq), "change": change})
            if asked.get("each"):
                await self.spread()
        await self.spread()
        return result

    async def do_redact(self, asked):
        self.store.redact(ACCOUNTS[asked.get("as", "ben")], asked["at"])
        await self.spread()

    async def do_label(self, asked):
        identity = self.store.add_label(BEN, asked["name"])
        await self.spread()
        return {"label": identity}

    async def do_fault(self, asked):
        self.faults.append({name: value for name, value in asked.items() if name != "do"})

    async def do_clear(self, asked):
        self.faults.clear()

    async def do_set(self, asked):
        for name, value in asked.items():
            if name == "open":
                self.store.open = value
            elif name != "do":
                setattr(self, name, value)

    async def do_drop(self, asked):
        for peer in list(self.peers):
            abort(peer.ws)

    async def do_silence(self, asked):
        for peer in list(self.peers):
            peer.ws.transport.pause_reading()

    async def do_close(self, asked):
        for peer in list(self.peers):
            asyncio.ensure_future(peer.ws.close(asked["code"], asked.get("reason", "")))  # whoever asks may be the other end

    async def do_notice(self, asked):
        params = {name: value for name, value in asked.items() if name != "do"}
        for peer in list(self.peers):
            await peer.send({"method": "session.notice", "params": dict(params, session=SESSION)})

    async def do_swell(self, asked):
        notice = {"jsonrpc": "2.0", "method": "session.notice", "params": {"session": SESSION, "what": "rights", "role": "viewer", "pad": "x" * asked["bytes"]}}
        message = deflated(json.dumps(notice).encode())
        for peer in list(self.peers):  # as many as go into one TLS record, and so are read at once
            peer.ws.transport.write((bytes([0x82, 126]) + len(message).to_bytes(2, "big") + message) * asked["count"])

    async def do_moving(self, asked):
        params = {"what": "closing", **{name: value for name, value in asked.items() if name != "do"}}
        for peer in list(self.peers):
            await peer.send({"method": "server.notice", "params": params})

    async def do_people(self, asked):
        params = {name: value for name, value in asked.items() if name != "do"}
        for peer in list(self.peers):
            await peer.send({"method": "session.presence", "params": dict(params, session=SESSION)})

    async def do_places(self, asked):
        return {"places": self.places}

    async def do_rewind(self, asked):
        self.store.rewind(asked["to"], asked.get("then", 1))
        await self.do_drop(asked)

    async def do_rewind_project(self, asked):
        """Its stream loses its end; the connections stay, and everybody is told to join anew."""
        store = self.store
        store.project.cut(asked["to"])
        there = {logged["payload"]["intent"]["change"]["label"] for logged in store.project.logged}
        store.labels = {name: label for name, label in store.labels.items() if label in there}
        store.codebook = store.project.seq
        for name in asked.get("then", ()):
            store.add_label(BEN, name)
        for peer in list(self.peers):
            peer.project_cursor = store.project.seq
        await self.do_notice({"do": "notice", "what": "rejoin"})

    async def do_stats(self, asked):
        return {"connections": self.connections, "open": len(self.peers), "counts": self.counts, "batches": self.batches[-50:], "faults": self.faults,
                "requests": self.requests[-10:]}

    async def do_state(self, asked):
        store = self.store
        return {"seq": store.session.seq, "chain": store.session.chain().hex(), "state": store.state().hex(), "records": len(store.records),
                "labels": store.labels}

    async def do_log(self, asked):
        return {"ops": [logged["payload"]["op"] for logged in self.store.session.logged]}


# ---- certificates and listeners

CA_CONFIG = """[ca]
default_ca = here
[here]
database = {0}/index
new_certs_dir = {0}
serial = {0}/serial
default_md = sha256
policy = any
email_in_dn = no
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_key(path):
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


def make_leaf(directory, name, names, begin, end):
    key, request, certificate = (os.path.join(directory, name + ending) for ending in (".key", ".csr", ".pem"))
    make_key(key)
    run("openssl", "req", "-new", "-key", key, "-subj", "/CN=" + name, "-addext", "subjectAltName=" + names, "-out", request)
    run("openssl", "ca", "-batch", "-config", os.path.join(directory, "ca.cnf"), "-cert", os.path.join(directory, "ca.pem"), "-keyfile",
        os.path.join(directory, "ca.key"), "-startdate", begin, "-enddate", end, "-in", request, "-out", certificate, "-notext")


def make_certificates(directory):
    """Once; several servers may want to at the same time, so they are made elsewhere and moved in."""
    if os.path.exists(os.path.join(directory, "ca.pem")):
        return
    making = directory + f".{os.getpid()}"
    os.makedirs(making)
    with open(os.path.join(making, "ca.cnf"), "w", encoding="utf-8") as file:
        file.write(CA_CONFIG.format(making))
    for name, content in (("index", ""), ("serial", "01\n")):
        with open(os.path.join(making, name), "w", encoding="utf-8") as file:
            file.write(content)
    for name in ("ca", "other_ca"):
        make_key(os.path.join(making, name + ".key"))
        run("openssl", "req", "-x509", "-new", "-key", os.path.join(making, name + ".key"), "-subj", f"/CN=Authority {name}", "-days", "3650", "-out",
            os.path.join(making, name + ".pem"))
    make_key(os.path.join(making, "self.key"))
    run("openssl", "req", "-x509", "-new", "-key", os.path.join(making, "self.key"), "-subj", "/CN=self", "-addext", "subjectAltName=IP:127.0.0.1",
        "-addext", "basicConstraints=CA:FALSE", "-days", "3650", "-out", os.path.join(making, "self.pem"))
    make_leaf(making, "good", "IP:127.0.0.1,IP:::1,DNS:localhost", "20200101000000Z", "20491231000000Z")
    make_leaf(making, "elsewhere", "DNS:elsewhere.example,IP:192.0.2.1", "20200101000000Z", "20491231000000Z")
    make_leaf(making, "expired", "IP:127.0.0.1", "20200101000000Z", "20200202000000Z")
    make_leaf(making, "early", "IP:127.0.0.1", "20480101000000Z", "20491231000000Z")
    try:
        os.rename(making, directory)
    except OSError:
        if not os.path.exists(os.path.join(directory, "ca.pem")):
            raise


def context(directory, name):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(os.path.join(directory, name + ".pem"), os.path.join(directory, name + ".key"))
    ctx.set_alpn_protocols(["http/1.1"])  # without it libwebsockets copies no bytes from NULL, which the sanitizer reports
    return ctx


async def serve_http(reader, writer):
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
    except (OSError, asyncio.IncompleteReadError):
        pass
    writer.close()


async def serve_plain(reader, writer):
    """Whatever comes, the answer is not TLS."""
    try:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
    except OSError:
        pass
    writer.close()


async def serve_nothing(reader, writer):
    """Accepts, and never says a word."""
    try:
        await reader.read()
    except OSError:
        pass
    writer.close()


async def listen(server, directory):
    options = {"compression": None, "ping_interval": None, "max_size": 1 << 20}
    if "open_timeout" in inspect.signature(websockets.serve.__init__).parameters:  # before 13 it waits for the handshake as long as it takes
        options["open_timeout"] = 180

    async def ws(name, host="127.0.0.1", subprotocols=("gloss.v1",)):
        made = await websockets.serve(server.on_connection, host, 0, ssl=context(directory, name), subprotocols=list(subprotocols), **options)
        return list(made.sockets if hasattr(made, "sockets") else made.server.sockets)[0].getsockname()[1]

    async def raw(handler, name):
        made = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context(directory, name) if name else None)
        return made.sockets[0].getsockname()[1]

    ports = {name: await ws(name) for name in ("good", "elsewhere", "expired", "early", "self")}
    ports["compressed"] = await ws("good", subprotocols=("gloss.v1.deflate", "gloss.v1"))
    ports["no_subprotocol"] = (await websockets.serve(server.on_connection, "127.0.0.1", 0, ssl=context(directory, "good"), **options)
                               ).sockets[0].getsockname()[1]
    ports["http"] = await raw(serve_http, "good")
    ports["plain"] = await raw(serve_plain, None)
    ports["mute"] = await raw(serve_nothing, None)
    try:
        ports["ipv6"] = await ws("good", "::1")
    except OSError:
        ports["ipv6"] = 0
    return ports


async def main(directory):
    for logger in ("websockets", "asyncio"):  # broken connections are what it is for
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    make_certificates(directory)
    server = Server()
    ports = await listen(server, directory)
    print(json.dumps({"ports": ports, "ca": os.path.join(directory, "ca.pem"), "other_ca": os.path.join(directory, "other_ca.pem"), "token": TOKEN,
                      "session": SESSION, "document": DOCUMENT, "project": PROJECT, "ana": ANA, "ben": BEN, "bot": BOT}), flush=True)
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            answer = await server.command(json.loads(line))
        except Exception as problem:  # the test must hear of it, whatever it is
            answer = {"problem": repr(problem)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
