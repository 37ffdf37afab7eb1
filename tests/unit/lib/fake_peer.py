"""One connection of fake_server.py: what it is asked, and how it answers or misbehaves."""
import asyncio
import base64
import json
import time
import zlib

from fake_store import ANA, BEN, DOCUMENT, NAMES, PROJECT, SESSION, TOKEN, Refused, error, model


class Break(Exception):
    """The connection ends here."""


def abort(ws):
    """No close frame, no TLS goodbye: the socket is simply gone."""
    try:
        ws.transport.abort()
    except AttributeError:  # it is gone already
        pass


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
        self.late_hello = None  # its answer, and who it is then

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
                if method == "hello" and self.server.fault("late_hello"):
                    self.late_hello, self.account = ({"id": request["id"], "result": result}, self.account), None
                    continue
            except Refused as refused:
                await self.send({"id": request["id"], "error": refused.error})
                await self.send_late_hello()
                if refused.error["data"]["name"] in ("bad_credentials", "shutting_down"):
                    await self.ws.close(1008, refused.error["data"]["name"])
                continue
            if method == "session.submit":
                await self.server.spread()
            await self.send({"id": request["id"], "result": result})
            if method == "session.join":
                await self.send_ops()

    async def send_late_hello(self):
        """As a server that keeps nothing behind hello: what came first is refused by then."""
        if self.late_hello:
            answer, self.account = self.late_hello
            self.late_hello = None
            await self.send(answer)

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
        if time.monotonic() < server.submit_not_before:
            raise Break
        limited = server.fault("rate_limited")
        if limited:
            wait_ms = limited.get("ms", 5)
            server.submit_not_before = time.monotonic() + wait_ms / 1000 if limited.get("strict") else 0
            raise Refused("rate_limited", of="account", what="ops_rate", limit=50, retry_after_ms=wait_ms)
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
