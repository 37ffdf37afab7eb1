"""client.py - a client of gloss.v1 on python3-websockets, for tests: requests, answers, notifications, replicas.

    with Client(server, "ana") as ana:                  # connected, and hello said
        replica = ana.join(session)                     # pages read; ops are applied and proved as they come
        result = ana.submit(session, [create("claim", exact="Nobody")])[0]
        ana.wait_seq(session, result["seq"])

Thread    one loop thread serves all clients; a test's thread waits on their condition, always with a deadline.
Errors    Refused for an error answer, Closed for a connection that ended, and what Replica found wrong, in the next call of the test.
"""
import asyncio
import base64
import hashlib
import inspect
import json
import ssl
import threading
import time
import uuid

import websockets

import replica as replicas

DEADLINE_S = 180  # for what must come; nothing waits for it to pass
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


class Refused(Exception):
    """An error answer, or the error of one op."""

    def __init__(self, error):
        super().__init__(f"{error['data'].get('name')} ({error['code']}): {error['message']} {json.dumps(error['data'], ensure_ascii=False)[:400]}")
        self.error, self.code, self.message, self.data = error, error["code"], error["message"], error["data"]
        self.name = self.data.get("name")


class Closed(Exception):
    def __init__(self, code, reason):
        super().__init__(f"closed with {code} {reason}")
        self.code, self.reason = code, reason


def new_id():
    return str(uuid.uuid4())


def create(label=None, start=None, end=None, exact=None, op=None, **more):
    """An op that makes an annotation."""
    span = {name: value for name, value in (("start", start), ("end", end), ("exact", exact)) if value is not None}
    span.update({name: more.pop(name) for name in ("prefix", "suffix", "nth") if name in more})
    change = {"kind": "annotation.create", "target": {"type": "spans", "spans": [span]} if span else {"type": "document"}, **more}
    if label is not None:
        change["label"] = label
    return {"id": op or new_id(), "change": change}


def reply(parent, note, op=None, **more):
    return {"id": op or new_id(), "change": {"kind": "annotation.create", "target": {"type": "annotation", "annotation": parent}, "note": note, **more}}


def relate(start, to, session=None, op=None, **more):
    """An op that relates two annotations; session: that of the far one, if it is another."""
    far = {"annotation": to, **({"session": session} if session else {})}
    return {"id": op or new_id(), "change": {"kind": "annotation.create", "target": {"type": "relation", "from": start, "to": far}, **more}}


def update(annotation, base, op=None, **fields):
    return {"id": op or new_id(), "base": base, "change": {"kind": "annotation.update", "annotation": annotation, **fields}}


def delete(annotation, base, op=None):
    return {"id": op or new_id(), "base": base, "change": {"kind": "annotation.delete", "annotation": annotation}}


def restore(annotation, base, op=None):
    return {"id": op or new_id(), "base": base, "change": {"kind": "annotation.restore", "annotation": annotation}}


def mode(wanted, op=None):
    return {"id": op or new_id(), "base": 0, "change": {"kind": "session.mode", "mode": wanted}}


def redact(base=None, op=None, **change):
    """An op that erases words: annotations=[…], account=…, reason=…"""
    return {"id": op or new_id(), **({"base": base} if base is not None else {}), "change": {"kind": "redact", **change}}


def connect_options(headers=None):
    """What differs between the versions of the library on Debian 12 and 13: later ones ask the environment for a proxy, and call headers otherwise."""
    known = inspect.signature(websockets.connect).parameters
    return {**({"proxy": None} if "proxy" in known else {}), ("additional_headers" if "additional_headers" in known else "extra_headers"): headers or {}}


class Client:
    def __init__(self, server, user=None, hello=True, token=None, port=None, watch_ops=True, headers=None):
        self.server, self.user = server, user
        self.condition = threading.Condition()
        self.answers, self.notices, self.trace = {}, [], []  # trace: answers and notifications in the order they came
        self.replicas, self.fault, self.closed = {}, None, None
        self.last_id, self.watch_ops = 0, watch_ops
        self.welcome = None
        asyncio.run_coroutine_threadsafe(self.open(port or server.port, headers), loop).result(DEADLINE_S)
        if hello:
            if token is None:
                with open(server.tokens[user]) as file:
                    token = file.read().strip()
            self.welcome = self.call("hello", token=token)
            self.account = self.welcome["account"]["account"]

    async def open(self, port, headers):
        context = ssl.create_default_context(cafile=self.server.ca)
        self.socket = await websockets.connect(f"wss://127.0.0.1:{port}/ws", ssl=context, subprotocols=["gloss.v1"], compression=None, max_size=None,
                                               ping_interval=None, open_timeout=DEADLINE_S, close_timeout=2, **connect_options(headers))
        self.reader = asyncio.ensure_future(self.read())

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close()
        if kind is None:
            self.check()

    def close(self):
        asyncio.run_coroutine_threadsafe(self.socket.close(), loop).result(DEADLINE_S)

    def drop(self):
        """Ends the connection without a word, as a cable does."""
        loop.call_soon_threadsafe(self.socket.transport.abort)
        self.wait(lambda: self.closed, "the end of the connection")

    # ---- the loop's side

    async def read(self):
        try:
            async for text in self.socket:
                with self.condition:
                    try:
                        self.take(json.loads(text))
                    except Exception as error:  # pylint: disable=broad-except - the test's thread must hear of it
                        self.fault = self.fault or error
                    self.condition.notify_all()
            code, reason = self.socket.close_code, self.socket.close_reason
        except websockets.exceptions.ConnectionClosed as error:
            code, reason = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")
        except (OSError, asyncio.CancelledError):
            code, reason = 1006, ""
        with self.condition:
            self.closed = Closed(code, reason)
            self.condition.notify_all()

    def take(self, message):
        if message.get("jsonrpc") != "2.0":
            raise AssertionError(f"not JSON-RPC 2.0: {message}")
        if "method" not in message:
            self.take_answer(message)
            return
        if "id" in message:
            raise AssertionError(f"a notification with an id: {message}")
        params = message["params"]
        self.notices.append((message["method"], params))
        self.trace.append((message["method"], params))
        replica = self.replicas.get(params.get("session"))
        if message["method"] == "session.ops" and replica and self.watch_ops:
            replica.take_ops(params)

    def take_answer(self, message):
        if ("result" in message) == ("error" in message):
            raise AssertionError(f"neither a result nor an error: {message}")
        asked = self.answers.get(message["id"])
        if message["id"] is not None and (asked is None or "answer" in asked):
            raise AssertionError(f"nobody had asked for this: {message}")
        self.trace.append(("answer", message))
        if asked is None:
            return
        asked["answer"] = message
        # At once, in the order of arrival: ops may follow in the very next frame.
        if "result" in message and asked["method"] == "session.join" and asked["replica"]:
            self.replicas[message["result"]["document"]["session"]] = asked["replica"](message["result"])
        if "result" in message and asked["method"] == "session.page":
            self.take_page(asked["params"]["session"], message["result"])

    def take_page(self, session, page):
        if session in self.replicas:
            self.replicas[session].take_page(page)

    # ---- the test's side

    def check(self):
        if self.fault:
            raise self.fault

    def wait(self, is_true, what, seconds=DEADLINE_S):
        """Returns the first true value; is_true runs under the condition's lock, after every message."""
        end = time.monotonic() + seconds
        with self.condition:
            while True:
                self.check()
                value = is_true()
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{self.user}: {what} did not come within {seconds} s")
                if self.closed and what != "the end of the connection":
                    raise self.closed
                self.condition.wait(left)

    def send_text(self, text):
        """Any text (or bytes: a binary frame), as one message."""
        asyncio.run_coroutine_threadsafe(self.transmit(text), loop).result(DEADLINE_S)

    async def transmit(self, text):
        try:
            await self.socket.send(text)
        except websockets.exceptions.ConnectionClosed as error:
            raise (self.closed or Closed(1006, "")) from error

    def send(self, method, params=None, replica=None):
        """A request whose answer is waited for later: gives its id."""
        with self.condition:
            self.check()
            self.last_id += 1
            number = self.last_id
            self.answers[number] = {"method": method, "params": params or {}, "replica": replica}
        self.send_text(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}, ensure_ascii=False))
        return number

    def send_all(self, *requests):
        """Requests, each a method and its parameters, as fast as they can follow each other: gives their ids."""
        texts, numbers = [], []
        for method, params in requests:
            with self.condition:
                self.last_id += 1
                self.answers[self.last_id] = {"method": method, "params": params, "replica": None}
            numbers.append(self.last_id)
            texts.append(json.dumps({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}))

        async def transmit():
            for text in texts:
                await self.transmit(text)
        asyncio.run_coroutine_threadsafe(transmit(), loop).result(DEADLINE_S)
        return numbers

    def ask_text(self, text, number):
        """A message written by hand, whose id is `number` (None: it can have none); gives the whole answer."""
        with self.condition:
            asked = self.answers[number] = {"method": "(by hand)", "params": {}, "replica": None}
        self.send_text(text)
        return self.wait(lambda: asked.get("answer"), f"the answer to {text[:80]}")

    def answer(self, number, seconds=DEADLINE_S):
        asked = self.answers[number]
        message = self.wait(lambda: asked.get("answer"), f"the answer to {asked['method']}", seconds)
        if "error" in message:
            raise Refused(message["error"])
        return message["result"]

    def call(self, method, **params):
        return self.answer(self.send(method, params))

    def error(self, method, **params):
        """The error that this must be answered with."""
        try:
            result = self.call(method, **params)
        except Refused as refused:
            return refused
        raise AssertionError(f"{method} {params} was not refused: {result}")

    # ---- sessions

    def join(self, session, since=None, before=None, pages=True, **more):
        """Joins, and reads all pages unless since says where to go on. before: the replica that ends there."""
        params = {"session": session, **more}
        if before is not None:
            since = before.seq
        if since is not None:
            params["since"] = since
            if since > 0:
                params["chain"] = before.chain.hex()
        self.answer(self.send("session.join", params, replica=lambda begin: replicas.Replica(begin, since, before)))
        replica = self.replicas[session]
        if since is None and pages:
            self.read_pages(session)
        return replica

    def read_pages(self, session, at_once=4):
        """All pages, several asked for at a time; then ops up to the newest as_of."""
        waiting = [self.send("session.page", {"session": session}) for _ in range(at_once)]
        replica = self.replicas[session]
        while waiting:
            result = self.answer(waiting.pop(0))
            if not result.get("done") and not replica.is_whole:
                waiting.append(self.send("session.page", {"session": session}))
        self.wait_seq(session, replica.as_of)
        return replica

    def submit(self, session, ops, **more):
        return self.call("session.submit", session=session, ops=ops, **more)["results"]

    def one(self, session, op):
        """One op that must be accepted: its result."""
        result = self.submit(session, [op])[0]
        if "error" in result:
            raise Refused(result["error"])
        return result

    def refused(self, session, op):
        """The error of one op that must be refused."""
        result = self.submit(session, [op])[0]
        if "error" not in result:
            raise AssertionError(f"{op} was not refused: {result}")
        return Refused(result["error"])

    def wait_seq(self, session, seq, seconds=DEADLINE_S):
        replica = self.replicas[session]
        self.wait(lambda: replica.seq >= seq, f"seq {seq} (now {replica.seq})", seconds)
        return replica

    def wait_notice(self, method, is_it=lambda params: True, seconds=DEADLINE_S):
        """The first notification of this kind that has come, or comes."""
        return self.wait(lambda: next((params for name, params in self.notices if name == method and is_it(params)), None), method, seconds)

    def wait_closed(self, seconds=DEADLINE_S):
        self.wait(lambda: self.closed, "the end of the connection", seconds)
        return self.closed

    # ---- documents

    def upload(self, project, data, chunk=None, **more):
        """Imports bytes: the answer of document.commit, or of document.begin when they are there."""
        data = data if isinstance(data, bytes) else data.encode()
        begun = self.call("document.begin", project=project, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), **more)
        if "existing" in begun:
            return begun
        size = chunk or self.welcome["limits"]["chunk_bytes"]
        for offset in range(0, len(data), size):
            piece = data[offset:offset + size]
            self.call("document.chunk", upload=begun["upload"], offset=offset, data=base64.b64encode(piece).decode())
        return self.call("document.commit", upload=begun["upload"])
