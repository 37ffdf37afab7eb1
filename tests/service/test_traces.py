#!/usr/bin/python3
"""Whom a line of the log is for: the connection, the request under the client's own id, the trace that it said the request belongs to; and the level, changed while it runs."""
import json
import unittest

from case import Client, ServiceCase, wait_until

TRACE, OTHER = "0af7651916cd43dd8448eb211c80319c", "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "b7ad6b7169203331"


def traceparent(trace, is_recorded):
    return f"00-{trace}-{PARENT}-0{int(is_recorded)}"


class Traces(ServiceCase):
    settings = {"log_format": "json"}

    def lines(self, event, **members):
        """The log's lines of an event that have these members."""
        found = (json.loads(line) for line in self.server.log().splitlines() if line.startswith("{"))
        return [line for line in found if line["event"] == event and all(line.get(name) == value for name, value in members.items())]

    def one(self, event, **members):
        wait_until(f"{event} {members} in the log", lambda: self.lines(event, **members))
        lines = self.lines(event, **members)
        self.assertEqual(len(lines), 1, lines)
        return lines[0]

    def ask(self, client, number, method, params=None, **beside):
        return client.ask_text(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}, **beside}), number)

    def test_of_the_handshake(self):
        """Recorded by whoever connects: each of its requests has a line, with the method, what came of it, the id, the connection."""
        ana = self.connect("ana", headers={"traceparent": traceparent(TRACE, True)})
        self.ask(ana, "of-ana-1", "project.list")
        self.ask(ana, "of-ana-2", "document.get", {"document": "018f3c5e-7b1a-7c3d-8e9f-0123456789ab"})
        done = self.one("request.done", request="of-ana-1")
        self.assertEqual((done["trace"], done["method"], done["code"], done["level"]), (TRACE, "project.list", "ok", "info"))
        self.assertGreaterEqual(done["took_us"], 0)
        refused = self.one("request.done", request="of-ana-2")
        self.assertEqual((refused["trace"], refused["code"], refused["connection"]), (TRACE, "not_found", done["connection"]))
        self.one("peer.connected", trace=TRACE, connection=done["connection"])

    def test_of_one_request(self):
        """It goes before the handshake's; one that is not recorded says nothing at info; what is no trace context is none."""
        ben = self.connect("ben", headers={"traceparent": traceparent(TRACE, False)})
        self.ask(ben, 1001, "project.list", traceparent=traceparent(OTHER, True))
        self.ask(ben, 1002, "project.list")
        self.ask(ben, 1003, "project.list", traceparent=traceparent(OTHER, False))
        for number, wrong in enumerate(("00-" + TRACE, 7, None, {"a": 1}, traceparent(TRACE.upper(), True)), 1004):
            self.assertIn("result", self.ask(ben, number, "project.list", traceparent=wrong))
        self.ask(ben, 1010, "project.list", traceparent=traceparent(OTHER, True))
        self.one("request.done", request="1010")  # what was before it would be there by now
        self.assertEqual([line["request"] for line in self.lines("request.done", trace=OTHER)], ["1001", "1010"])
        self.assertEqual(self.lines("request.done", trace=TRACE, connection=self.lines("request.done", request="1001")[0]["connection"]), [])

    def test_of_the_program_gloss(self):
        """From its environment into each of its requests; what is no trace context is nobody's matter."""
        for trace, given in (("c" * 32, traceparent("c" * 32, True)), (None, "nonsense")):
            self.server.gloss("ls", user="ana", env=self.server.env("ana", TRACEPARENT=given), status=0)
            if trace:
                wait_until("its requests are in the log", lambda: len(self.lines("request.done", trace=trace)) >= 2)
                self.assertEqual({line["code"] for line in self.lines("request.done", trace=trace)}, {"ok"})

    def test_two_at_once_are_not_mixed_up(self):
        """Answers that come from the database, of requests of two connections, have each their own."""
        people = [self.connect(name, headers={"traceparent": traceparent(trace, True)}) for name, trace in (("ana", "a" * 32), ("ben", "b" * 32))]
        sent = []
        for number in range(2):
            for client in people:
                text = f"{client.user}-{number}"
                with client.condition:
                    client.answers[text] = {"method": "(by hand)", "params": {}, "replica": None}
                client.send_text(json.dumps({"jsonrpc": "2.0", "id": text, "method": "member.list", "params": {"project": self.project}}))
                sent.append((client, text))
        for client, text in sent:
            client.answer(text)
        for client, text in sent:
            self.assertEqual(self.one("request.done", request=text)["trace"], client.user[0] * 32)

    def test_the_level_is_changed_while_it_runs(self):
        ana = self.connect("ana")
        self.ask(ana, "before", "project.list")
        self.set_level("debug")
        self.ask(ana, "between", "project.list")
        self.assertEqual(self.one("request.done", request="between")["level"], "debug")
        self.set_level("info")
        self.ask(ana, "behind", "project.list")
        self.ask(ana, "last", "project.list", traceparent=traceparent(OTHER, True))
        self.one("request.done", request="last")
        self.assertEqual(self.lines("request.done", request="before") + self.lines("request.done", request="behind"), [])

    def set_level(self, level):
        reloaded = len(self.lines("service.reloaded"))
        self.server.extra["log_level"] = level
        self.server.write_settings()
        self.server.glossd("reload")
        wait_until("the reload is told", lambda: len(self.lines("service.reloaded")) >= reloaded + self.workers)


if __name__ == "__main__":
    unittest.main(verbosity=2)
