#!/usr/bin/python3
"""The checker sees what it is there for: in a recorded run nothing is wrong; then each promise is broken in it, and its function says where."""
import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import checker  # noqa: E402
import page  # noqa: E402
from record import Record  # noqa: E402

RECORDED = os.path.join(HERE, "recorded")  # README.md says how it was made
SUBSCRIBER, OTHER = "person-0", "visitor-1"
LIMIT_MS = 2000


def lines_of(record, client, kind):
    return [line for line in record.clients[client] if line["k"] == kind]


def acknowledged(record, client=SUBSCRIBER, at=3):
    return lines_of(record, client, "ok")[at]


def take_out(record, session, op):
    """Of the log, as if it had never been stored; the ops behind it stay where they are."""
    record.log[session] = [line for line in record.log[session] if line["op"] != op]


def change_payload(record, session, seq, change):
    line = record.stored(session, seq)
    payload = json.loads(line["payload"])
    change(payload)
    line["payload"] = json.dumps(payload)


# ---- what is planted: each gives what the violation must name

def lost(record):
    line = acknowledged(record)
    log = record.log[line["s"]]
    record.log[line["s"]] = log[:line["seq"] - 1]
    return {"op": line["op"]}


def delivered_before_commit(record):
    line = lines_of(record, SUBSCRIBER, "op")[5]
    record.stored(line["s"], line["seq"])["committed"] = line["t"] + 300
    return {"client": SUBSCRIBER, "seq": line["seq"]}


def acknowledged_as_another(record):
    line = acknowledged(record)
    line["seq"] -= 1
    return {"client": SUBSCRIBER, "op": line["op"]}


def left_out(record):
    line = lines_of(record, SUBSCRIBER, "op")[6]
    record.clients[SUBSCRIBER].remove(line)
    return {"client": SUBSCRIBER, "session": line["s"]}


def told_twice(record):
    line = lines_of(record, OTHER, "op")[4]
    lines = record.clients[OTHER]
    lines.insert(lines.index(line) + 1, dict(line))
    return {"client": OTHER, "seq": line["seq"]}


def resumed_elsewhere(record):
    line = next(line for line in reversed(record.clients[SUBSCRIBER]) if line["k"] == "join" and line.get("since"))
    line["since"] -= 1
    return {"client": SUBSCRIBER, "session": line["s"]}


def gap_in_the_log(record):
    session = acknowledged(record)["s"]
    del record.log[session][4]
    return {"session": session, "seq": 5}


def stored_twice(record):
    log = record.log[acknowledged(record)["s"]]
    log.append({**log[2], "seq": len(log) + 1})
    return {"op": log[2]["op"]}


def refused_but_stored(record):
    line = acknowledged(record)
    line.update(k="refused", name="stale", code=1200)
    return {"op": line["op"]}


def never_answered(record):
    line = acknowledged(record)
    record.clients[SUBSCRIBER].remove(line)
    return {"client": SUBSCRIBER, "op": line["op"]}


def unknown_and_forgotten(record):
    line = lines_of(record, SUBSCRIBER, "unknown")[0]
    record.clients[SUBSCRIBER] = [it for it in record.clients[SUBSCRIBER] if it.get("op") != line["op"] or it["k"] in ("ask", "unknown")]
    return {"client": SUBSCRIBER, "op": line["op"]}


def other_words(record):
    line = acknowledged(record)
    change_payload(record, line["s"], line["seq"], lambda payload: payload["intent"]["change"].update(note="somebody else's words"))
    return {"op": line["op"]}


def of_nobody(record):
    line = acknowledged(record)
    record.clients[SUBSCRIBER] = [it for it in record.clients[SUBSCRIBER] if it.get("op") != line["op"] or it["k"] == "op"]
    return {"op": line["op"]}


def an_update_of_anothers(record):
    """(session, update, the op that made the annotation): by two people."""
    for session, log in record.log.items():
        made = {}
        for line in log:
            payload = json.loads(line["payload"])
            identity = payload["effects"][0]["ids"][0]
            if payload["kind"] == "annotation.create":
                made[identity] = payload
            elif payload["kind"] == "annotation.update" and made[identity]["account"] != payload["account"] and "label" in payload["effects"][0]["set"]:
                return session, payload, made[identity]
    raise AssertionError("nobody has changed the label of somebody else's annotation in the recorded run")


def overwritten(record):
    session, update, made = an_update_of_anothers(record)
    change_payload(record, session, update["seq"], lambda payload: payload["intent"].update(base=made["seq"] - 1))
    return {"session": session, "seq": update["seq"]}


def refused_for_nothing(record):
    client, line = next((client, line) for client, lines in record.clients.items() for line in lines if line["k"] == "refused" and line["name"] == "stale")
    line["seq"] = 1
    return {"client": client, "op": line["op"]}


def another_state(record):
    line = lines_of(record, SUBSCRIBER, "op")[5]
    line["state"] = "0" * 16
    return {"client": SUBSCRIBER, "seq": line["seq"]}


def another_chain(record):
    line = lines_of(record, OTHER, "state")[-1]
    line["chain"] = "0" * 64
    return {"client": OTHER, "seq": line["seq"]}


def a_word_of_the_log(record):
    session = acknowledged(record)["s"]
    change_payload(record, session, 3, lambda payload: payload.update(at="2001-01-01T00:00:00.000Z"))
    return {"session": session}


def another_sum(record):
    session = acknowledged(record)["s"]
    record.streams[session]["sum"] = "0" * 64
    return {"session": session}


def foreign(record):
    """A session of the other project, and somebody of this one."""
    mine = record.streams[acknowledged(record)["s"]]["project"]
    return next(session for session, stream in record.streams.items() if stream["project"] != mine)


def stranger_let_in(record):
    session = foreign(record)
    record.clients[SUBSCRIBER].append({"t": 9000, "k": "op", "s": session, "seq": 1, "op": record.log[session][0]["op"]})
    return {"client": SUBSCRIBER, "session": session}


def stranger_shown(record):
    stranger = next(line["account"] for line in record.members if line["project"] == record.streams[foreign(record)]["project"] and line["name"] != "admin")
    record.clients[SUBSCRIBER].append({"t": 9000, "k": "presence", "s": acknowledged(record)["s"], "who": stranger})
    return {"client": SUBSCRIBER}


def told_that_it_exists(record):
    record.clients[SUBSCRIBER].append({"t": 9000, "k": "denied", "s": foreign(record), "name": "forbidden"})
    return {"client": SUBSCRIBER}


def what_everybody_knew(record):
    """Where a subscriber was when a fault was over: (client, the line with which it had what was known then, when that was)."""
    for fault in reversed(record.faults):
        for client, session, seq, _ in checker.caught_up(record, fault["healed"]):
            line = next((it for it in record.clients[client] if it["k"] in ("op", "state") and it["s"] == session and it["seq"] >= seq), None)
            if seq > 0 and line["seq"] > 1:
                record.ways = None
                return client, line, fault["healed"]
    raise AssertionError("nobody knew of anything")


def came_late(record):
    """The same, three seconds after."""
    client, late, healed = what_everybody_knew(record)
    lines = record.clients[client]
    for line in lines[lines.index(late):]:
        line["t"] = max(line["t"], healed) + 3000
    return {"client": client, "session": late["s"]}


def never_came(record):
    client, late, _ = what_everybody_knew(record)
    record.clients[client] = [line for line in record.clients[client] if line.get("s") != late["s"] or line.get("seq", 0) < late["seq"]]
    return {"client": client, "session": late["s"]}


def were_late(record):
    """Somebody was cut off for three seconds, in which nothing happened that they could miss."""
    record.faults[-1]["same_ms"] = 3000
    return {"client": None, "session": None}


PLANTED = {
    checker.durable_before_visible: (lost, delivered_before_commit, acknowledged_as_another),
    checker.one_order: (left_out, told_twice, resumed_elsewhere, gap_in_the_log),
    checker.exactly_once: (stored_twice, refused_but_stored, never_answered, unknown_and_forgotten, other_words, of_nobody),
    checker.no_silent_overwrite: (overwritten, refused_for_nothing),
    checker.convergence: (another_state, another_chain, a_word_of_the_log, another_sum),
    checker.nobody_sees_what_is_not_theirs: (stranger_let_in, stranger_shown, told_that_it_exists),
    checker.a_crash_is_cheap: (came_late, never_came, were_late),
}


def found_by(promise, record):
    return list(promise(record, LIMIT_MS) if promise is checker.a_crash_is_cheap else promise(record))


class Planted(unittest.TestCase):
    def test_nothing_is_wrong_in_what_was_recorded(self):
        record = Record(RECORDED)
        self.assertEqual([str(violation) for violation in checker.check(record, LIMIT_MS)], [])
        seen = checker.figures(record)
        for what in ("acknowledged", "refused", "delivered", "unknown outcomes", "strangers denied", "kills at a delivery"):
            self.assertGreater(seen[what], 0, what)

    def test_every_promise_has_its_faults(self):
        self.assertEqual(set(PLANTED), set(checker.PROMISES) | {checker.a_crash_is_cheap})

    def test_what_is_planted_is_found(self):
        for promise, plants in PLANTED.items():
            for plant in plants:
                with self.subTest(f"{promise.__name__}: {plant.__name__}"):
                    record = Record(RECORDED)
                    expected = plant(record)
                    found = found_by(promise, record)
                    self.assertTrue(any(all(getattr(violation, name) == value for name, value in expected.items()) for violation in found),
                                    f"{expected} is not among {[str(violation) for violation in found]}")

    def test_every_page_is_written(self):
        """Whatever was found by one promise, the others must be able to go on, and the page must find its way."""
        for plant in sum(PLANTED.values(), ()):
            with self.subTest(plant.__name__), tempfile.TemporaryDirectory() as folder:
                record = Record(RECORDED)
                plant(record)
                violations = checker.check(record, LIMIT_MS)
                record.folder = folder
                self.assertIn("repeat it: run", page.of_violations(record, violations, "run", AssertionError("it was broken off")))

    def test_the_page_says_what_and_how_to_repeat_it(self):
        record = Record(RECORDED)
        expected = delivered_before_commit(record)
        with tempfile.TemporaryDirectory() as folder:
            record.folder = folder
            text = page.of_violations(record, checker.check(record), "tests/fire/run --seed 1 --workers 2")
            with open(os.path.join(folder, "page.txt"), encoding="utf-8") as file:
                self.assertEqual(file.read().rstrip("\n"), text)
        for words in ("durable before visible", SUBSCRIBER, f"seq {expected['seq']}", "tests/fire/run --seed 1 --workers 2", "stored", "> "):
            self.assertIn(words, text)


if __name__ == "__main__":
    unittest.main(verbosity=2)
