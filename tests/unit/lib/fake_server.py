#!/usr/bin/env python3
"""A stand-in for the service that speaks the wire of wire.def, deterministically, and misbehaves on command.

usage: fake_server.py DIRECTORY      DIRECTORY: where certificates are made, or are already

It prints one line of JSON: ports, ids, the file of the authority. Then it reads commands, one JSON object a line, and answers each with one line:
    {"do": "op", "change": {...}, "as": "ben", "count": 1}   somebody else changes something
    {"do": "label", "name": "claim"}                          a label is made
    {"do": "fault", "fault": NAME, "times": 1, ...}           see FAULTS: the next so many times it is asked
    {"do": "drop"} {"do": "close", "code": 4000, "reason": "..."} {"do": "notice", ...} {"do": "rewind", "to": 3} {"do": "stats"} {"do": "state"}
    {"do": "swell", "count": 100, "bytes": 900000}            so many compressed notices, each of which becomes so many bytes; at the port "compressed"
It ends when its input does. One connection, and what misbehaves there: fake_peer.py; what is stored, and judged: fake_store.py.
"""
import asyncio
import inspect
import json
import logging
import os
import sys

import websockets

from fake_certificates import context, make_certificates
from fake_peer import Break, Peer, abort, deflated
from fake_store import ACCOUNTS, ANA, BEN, BOT, DOCUMENT, PROJECT, SESSION, TOKEN, Store

FAULTS = {
    "half_frame": "the next ops come as half a frame, then the connection breaks",
    "repeat": "the next ops come twice",
    "gap": "the next ops do not come; those after them do",
    "wrong_chain": "the next ops come with another chain",
    "wrong_state": "the next ops come with another state sum",
    "wrong_salt": "the next ops come with another salt",
    "no_state": "the next ops come without a state sum",
    "busy": "a submit is answered busy (retry_after_ms)",
    "rate_limited": "a submit is answered rate_limited (ms); strict: the connection breaks when the next one comes before that",
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


# ---- the server

class Server:
    def __init__(self):
        self.store, self.peers, self.faults, self.counts = Store(), [], [], {}
        self.requests, self.batches, self.connections, self.submit_not_before = [], [], 0, 0.0
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


# ---- listeners

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
