#!/usr/bin/python3
"""Those who ask for too much, talk nonsense, read slowly or not at all; and that nobody else notices."""
import json
import re
import socket
import subprocess
import time

import case
import wire
from case import Closed, Refused, create, update
from session_case import LONG_NOTE, SessionCase


class Limits(SessionCase):
    def test_more_ops_than_one_request_may_have(self):
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        limit = ana.welcome["limits"]["ops_in_flight"]
        error = ana.error("session.submit", session=session, ops=[create("claim", exact="Nobody") for _ in range(limit + 1)])
        self.assertError(error, "too_large", "ops")
        self.assertEqual(ana.replicas[session].seq, 0)

    def test_busy_means_that_nothing_was_judged(self):
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        requests = [[create("claim", exact="Nobody") for _ in range(100)] for _ in range(6)]
        # Somebody holds the session's row until one was refused: what is sent waits for its commit, however fast the machine is.
        with subprocess.Popen(["psql", "-Xqd", self.server.database()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stranger:
            print(f"begin; select 1 from stream where id = '{session}' for update;", file=stranger.stdin, flush=True)
            self.assertIn("?column?", stranger.stdout.readline())
            numbers = [ana.send("session.submit", {"session": session, "ops": ops}) for ops in requests]
            ana.wait(lambda: any("error" in ana.answers[number].get("answer", {}) for number in numbers), "a refusal")
            stranger.stdin.close()
        accepted, again = 0, []
        for ops, number in zip(requests, numbers):
            try:
                accepted += len([result for result in ana.answer(number)["results"] if "seq" in result])
            except Refused as refused:
                self.assertError(refused, "busy", limit=256)
                self.assertGreater(refused.data["retry_after_ms"], 0)
                again.append(ops)
        self.assertTrue(again, "six hundred at once are too many")
        for ops in again:
            for result in ana.submit(session, ops):
                self.assertNotIn("repeated", result)
                accepted += 1
        self.assertEqual(accepted, 600)
        self.assertEqual(self.settle(session, ana)[0].seq, 600)

    def test_too_many_requests(self):
        ana = self.connect("ana")
        numbers = [ana.send("document.list", {}) for _ in range(200)]
        busy = 0
        for number in numbers:
            try:
                ana.answer(number)
            except Refused as refused:
                self.assertError(refused, "busy")
                self.assertGreater(refused.data["retry_after_ms"], 0)
                busy += 1
        self.assertLess(busy, 200)
        ana.call("document.list")

    def test_too_many_pages(self):
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        numbers = [ana.send("session.page", {"session": session}) for _ in range(60)]
        for number in numbers:
            try:
                ana.answer(number)
            except Refused as refused:
                self.assertError(refused, "busy")
        ana.call("session.page", session=session, restart=True)

    def test_too_many_sessions(self):
        session = [self.new_session() for _ in range(65)]
        ana = self.connect("ana")
        for it in session[:64]:
            ana.call("session.join", session=it)
        self.assertError(ana.error("session.join", session=session[64]), "limit", limit=64)
        ana.call("session.leave", session=session[0])
        ana.call("session.join", session=session[64])

    def test_an_op_that_is_too_large_to_store(self):
        """An op holds what was asked and what it did; a record grows from op to op."""
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        annotation, seq = self.made(ana, session)
        self.assertError(ana.refused(session, update(annotation, seq, attributes={f"a{i}": "x" * 4096 for i in range(30)})), "too_large", "change")
        for name in "ab":
            seq = ana.one(session, update(annotation, seq, attributes={f"{name}{i}": "x" * 4096 for i in range(20)}))["seq"]
        self.assertError(ana.refused(session, update(annotation, seq, attributes={f"c{i}": "x" * 4096 for i in range(20)})), "too_large", "change")
        self.settle(session, ana)


class Nonsense(SessionCase):
    """What ends a connection, with its close code; and that everybody else goes on."""

    def close_code(self, text, client=None):
        client = client or self.connect("ana")
        try:
            client.send_text(text)
        except Closed:
            pass
        closed = client.wait_closed()
        answer = next((message for what, message in reversed(client.trace) if what == "answer" and message["id"] is None), None)
        return closed, answer

    def test_malformed(self):
        deep = "[" * 17 + "]" * 17
        whole = '{"jsonrpc":"2.0","id":1,"method":"token.list","params":{%s}}'
        for text in ("", "x", "{", '{"a":1,}', whole % '"a":1.5', whole % '"a":1e3', whole % '"a":9007199254740992', whole % '"a":1,"a":2', whole % '"a":"\\u0000"',
                     whole % f'"a":{deep}', (whole % "") + "x", whole % '"a":"\\ud800"', whole % '"a":"\x01"', "NaN", "\ufeff{}"):
            with self.subTest(text=text):
                closed, answer = self.close_code(text)
                self.assertEqual((closed.code, closed.reason), (1008, "malformed"))
                self.assertEqual((answer["error"]["code"], answer["error"]["data"]["name"]), (-32700, "malformed"))

    def test_no_request(self):
        for text in ("[]", "1", "null", '"x"', "{}", '[{"jsonrpc":"2.0","id":1,"method":"token.list"}]', '{"id":1,"method":"token.list"}',
                     '{"jsonrpc":"1.0","id":1,"method":"token.list"}', '{"jsonrpc":"2.0","method":"token.list"}', '{"jsonrpc":"2.0","id":1}',
                     '{"jsonrpc":"2.0","id":[1],"method":"token.list"}', '{"jsonrpc":"2.0","id":true,"method":"token.list"}',
                     '{"jsonrpc":"2.0","id":null,"method":"token.list"}', '{"jsonrpc":"2.0","id":"%s","method":"token.list"}' % ("x" * 65),
                     '{"jsonrpc":"2.0","id":1,"method":7}', '{"jsonrpc":"2.0","id":1,"result":{}}'):
            with self.subTest(text=text):
                client = self.connect("ana")
                with client.condition:
                    client.answers[1] = {"method": "(by hand)", "params": {}, "replica": None}
                closed, _ = self.close_code(text, client)
                self.assertEqual((closed.code, closed.reason), (1008, "invalid_request"))

    def test_frames(self):
        limit = self.connect("ana").welcome["limits"]["frame_bytes"]
        fits = {"jsonrpc": "2.0", "id": "x", "method": "token.list", "params": {"pad": ""}}
        fits["params"]["pad"] = "p" * (limit - len(json.dumps(fits)))
        ana = self.connect("ana")
        self.assertIn("result", ana.ask_text(json.dumps(fits), "x"))
        closed, _ = self.close_code(json.dumps(fits) + " ")
        self.assertEqual(closed.code, 1009)
        closed, _ = self.close_code(b"{}")
        self.assertEqual(closed.code, 1003)

    def test_others_do_not_notice(self):
        session = self.new_session()
        ana, ben = self.joined(session, "ana", "ben")
        for text in ("x", "[]", b"\0", "y" * 300000):
            self.close_code(text)
            self.made(ana, session)
        self.settle(session, ana, ben)


class SlowCase(SessionCase):
    """One that stops reading: the others go on, the server's memory does not grow, and it is cut off or catches up."""

    def deaf(self, session, user="vera"):
        """Signed in and joined, on a socket that takes little on credit and is not read from any more."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.settimeout(wire.DEADLINE_S)
        sock.connect(("127.0.0.1", self.server.port))
        target = wire.Server(self.server.port, self.server.ca)
        conn = wire.Conn(target, target.tls(sock=sock)).open()
        self.addCleanup(conn.close)
        with open(self.server.tokens[user]) as file:
            token = file.read().strip()
        conn.ask(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"token": token}}))
        begin = json.loads(conn.ask(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "session.join", "params": {"session": session, "since": 0}})))
        return conn, begin["result"]

    def write(self, client, session, requests, each=8):
        """So many requests of about 160 KiB."""
        for _ in range(requests):
            for result in client.submit(session, [create("claim", exact="Nobody", note=LONG_NOTE) for _ in range(each)]):
                self.assertNotIn("error", result)

    def memory_kib(self):
        with open(f"/proc/{self.server.workers()[0]}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

    def read_ops(self, conn, replica):
        """Frames until the connection ends or the log's end is reached: the close code, or None."""
        notices = []
        try:
            while True:
                first, payload = conn.recv_frame()
                if first & 0xF == wire.CLOSE:
                    return int.from_bytes(payload[:2], "big") if payload else 1005, notices
                if first & 0xF == wire.TEXT:
                    message = json.loads(payload)
                    notices.append(message)
                    if message.get("method") == "session.ops":
                        replica.take_ops(message["params"])
        except wire.Closed:
            return 1006, notices


class Slow(SlowCase):
    """However long this machine stands still, nobody is cut off here."""
    settings = {"stall_timeout_ms": 60000, "recent_ops": 300, "recent_bytes": "1MiB"}

    def test_the_result_waits_for_the_op_also_in_a_full_socket(self):
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        conn, begin = self.deaf(session, "ben")
        replica = case.replicas.Replica(begin, since=0)
        self.write(ana, session, 6)
        for number in range(3):
            conn.text(json.dumps({"jsonrpc": "2.0", "id": 100 + number, "method": "session.submit", "params": {"session": session, "ops": [create("claim", exact="Nobody")]}}))
        answered = []
        while len(answered) < 3:
            first, payload = conn.recv_frame()
            message = json.loads(payload) if first & 0xF == wire.TEXT else {}
            if message.get("method") == "session.ops":
                replica.take_ops(message["params"])
            if message.get("id", 0) >= 100:
                answered.append(message["id"])
                self.assertGreaterEqual(replica.seq, message["result"]["results"][0]["seq"])
        self.assertEqual(answered, [100, 101, 102])
        self.assertSame(replica, ana.wait_seq(session, 51))

    def test_one_that_reads_again_in_time_catches_up(self):
        session = self.new_session()
        (ana,) = self.joined(session, "ana")
        conn, begin = self.deaf(session)
        replica = case.replicas.Replica(begin, since=0)
        end = time.monotonic() + 1
        count = 0
        while time.monotonic() < end or count < 5:
            self.write(ana, session, 1)
            count += 1
        wanted = count * 8
        while replica.seq < wanted:
            first, payload = conn.recv_frame()
            self.assertEqual(first & 0xF, wire.TEXT, payload[:100])
            message = json.loads(payload)
            if message.get("method") == "session.ops":
                replica.take_ops(message["params"])
        self.assertSame(replica, ana.wait_seq(session, wanted))


class Deaf(SlowCase):
    settings = {"stall_timeout_ms": 4000, "recent_ops": 300, "recent_bytes": "1MiB"}

    def test_one_that_does_not_read_is_cut_off(self):
        session = self.new_session()
        ana, ben = self.joined(session, "ana", "ben")
        conn, begin = self.deaf(session)
        replica = case.replicas.Replica(begin, since=0)
        behind = len(self.server.log())
        self.write(ana, session, 25)
        self.server.wait_log("peer.stalled", behind=behind)
        self.write(ana, session, 1)
        self.assertSame(*(client.wait_seq(session, 26 * 8) for client in (ana, ben)))
        code, _ = self.read_ops(conn, replica)
        self.assertIn(code, (1013, 1006))
        self.assertLess(replica.seq, 26 * 8)
        again = self.connect("vera")
        again.join(session, before=replica)
        self.assertSame(again.wait_seq(session, 26 * 8), ben.replicas[session])


del SlowCase


if __name__ == "__main__":
    case.main()
