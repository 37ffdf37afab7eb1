"""checker.py - the promises of README.md, held against what each client saw and what PostgreSQL holds. Nothing else is looked at.

    violations = check(Record(folder))

One function a promise; each yields what it finds (record.Violation). Nothing found is no proof that enough was looked at: figures() says how much was.
"""
import bisect
import collections
import json

from history import hash_of
from record import Record, Violation  # noqa: F401

EARLY_MS = 5  # what clocks, and milliseconds that were cut off, may differ
OUT_OF_ORDER = ("came behind", "the server sent op", "says that it is", "not the next one")
DIVERGED = ("the server has", "says that before there was", "hash chain", "state sum", "which is not there", "Diverged: op")
NEVER_ANSWERED = "never answered"
WHOLE = ("accepted", "rejected", "resolved")


def durable_before_visible(record):
    """1. Whatever anybody was told of, as an op or as an answer, is stored; and was when they were told."""
    promise = "durable before visible"
    for client, lines in record.clients.items():
        for line in lines:
            if line["k"] not in ("op", "ok") or "seq" not in line:
                continue
            stored = record.stored(line["s"], line["seq"])
            said = "delivered" if line["k"] == "op" else "acknowledged"
            if stored is None or stored["op"] != line["op"]:
                there = "nothing" if stored is None else stored["op"]
                yield Violation(promise, f"{said}, but stored there is {there}", client, line["s"], line["seq"], line["op"])
            elif stored.get("committed") is not None and line["t"] + EARLY_MS < stored["committed"]:
                yield Violation(promise, f"{said} at {line['t']} ms, committed at {stored['committed']} ms", client, line["s"], line["seq"], line["op"])


def one_order(record):
    """2. Every subscriber got seq n+1 after n, across connections and workers; and the log has no gap."""
    promise = "one order"
    for session, log in record.log.items():
        for expected, line in enumerate(log, 1):
            if line["seq"] != expected:
                yield Violation(promise, f"the log has {line['seq']} where {expected} should be", None, session, expected, line["op"])
                break
    for client, lines in record.clients.items():
        yield from followed_in_order(promise, client, lines)
        yield from complaints(promise, client, lines, OUT_OF_ORDER)


def complaints(promise, client, lines, words):
    """What a client found by itself, and would not go on with."""
    for line in lines:
        said = line.get("what") or line.get("why") or ""
        if line["k"] in ("fault", "failed", "cut") and any(word in said for word in words):
            yield Violation(promise, f"the client says: {said}", client, line.get("s"), line.get("seq"))


def followed_in_order(promise, client, lines):
    at = {}  # session -> the last seq that was told; None: the state is being read, from somewhere
    for line in lines:
        session, kind = line.get("s"), line["k"]
        if kind == "resync":
            at.pop(session, None)
        elif kind == "join":
            since = line.get("since")
            if since is not None and at.get(session) not in (None, since):
                yield Violation(promise, f"went on at {since} after {at[session]}", client, session, since)
            at[session] = since
        elif kind == "op":
            if session not in at or at[session] not in (None, line["seq"] - 1):
                yield Violation(promise, f"seq {line['seq']} came after {at.get(session, 'no join')}", client, session, line["seq"], line["op"])
            at[session] = line["seq"]
        elif kind == "state":
            if at.get(session) not in (None, line["seq"]):
                yield Violation(promise, f"is at {line['seq']} after {at[session]}", client, session, line["seq"])
            at[session] = line["seq"]


def exactly_once(record):
    """3. What was accepted is there once, as it was asked for, at the seq of the answer; what was refused is not; everything has its answer."""
    promise = "exactly once"
    places = record.places()
    asked = {}  # op -> (client, its first ask)
    for op, found in places.items():
        if len(found) > 1:
            yield Violation(promise, f"stored {len(found)} times: {found}", None, *found[0], op)
    for client, lines in record.clients.items():
        for line in lines:
            if line["k"] == "ask" and not line.get("again"):
                asked[line["op"]] = (client, line)
        yield from answered_once(promise, record, client, lines, places)
    yield from as_asked(promise, record, asked)


def answered_once(promise, record, client, lines, places):
    waiting, lost, given = collections.defaultdict(list), set(), {}  # op -> what is asked with it; those whose outcome was unknown; op -> seq
    for line in lines:
        kind, op, session = line["k"], line.get("op"), line.get("s")
        if kind == "ask":
            waiting[op].append(line)
        elif kind == "unknown":
            lost.add(op)
        elif kind == "ok":
            there = [seq for where, seq in places.get(op, ()) if where == session]
            if len(there) != 1 or line.get("seq", there[0]) != there[0] or given.setdefault(op, there[0]) != there[0]:
                yield Violation(promise, f"acknowledged as {line.get('seq', 'stored')}, stored as {there}", client, session, line.get("seq"), op)
            elif not answers(waiting[op], hash_of_stored(record.stored(session, there[0])), True):
                yield Violation(promise, "acknowledged, but stored under this id is another request", client, session, there[0], op)
        elif kind == "refused":
            there = places.get(op)
            is_other = there and answers(waiting[op], hash_of_stored(record.stored(*there[0])), False)
            if there and not (is_other and line.get("name") == "id_reused") and op not in lost:
                yield Violation(promise, f"refused as {line.get('name')}, but stored as {there}", client, session, there[0][1], op)
            elif not there:
                waiting.pop(op, None)
    for op, left in waiting.items():
        if any(not line.get("again") for line in left):
            yield Violation(promise, NEVER_ANSWERED, client, left[0]["s"], None, op)


def answers(asks, stored, is_same):
    """Takes the ask away that this is the answer to: one of the request that is stored, or of another one."""
    for i, ask in enumerate(asks):
        if (ask.get("hash", stored) == stored) == is_same:
            del asks[i]
            return True
    return False


def hash_of_stored(line):
    return hash_of(json.loads(line["payload"])["intent"]["change"])


def as_asked(promise, record, asked):
    """Every op of the log was asked for, by that account, in those words, with that base."""
    accounts = record.accounts()
    for session, log in record.log.items():
        for line in log:
            if line["op"] not in asked:
                yield Violation(promise, "stored, but nobody had asked for it", None, session, line["seq"], line["op"])
                continue
            client, ask = asked[line["op"]]
            intent = json.loads(line["payload"])["intent"]
            if ask["s"] != session or ("hash" in ask and (hash_of(intent["change"]), intent.get("base")) != (ask["hash"], ask.get("base"))):
                yield Violation(promise, f"stored is {intent}, asked for was {ask}", client, session, line["seq"], line["op"])
            elif accounts.get(record.user(client)) != line["account"]:
                yield Violation(promise, f"stored as {line['account']}'s, who did not ask for it", client, session, line["seq"], line["op"])


def no_silent_overwrite(record):
    """4. Nobody changed what somebody else had changed after what they had seen; and who was told so had reason to be."""
    promise = "no silent overwrite"
    for session, log in record.log.items():
        fields, replies, parents = collections.defaultdict(dict), collections.defaultdict(dict), {}
        for line in log:
            payload = json.loads(line["payload"])
            for wrong in overwritten(payload, fields, replies):
                yield Violation(promise, wrong, None, session, line["seq"], line["op"])
            remember(payload, fields, replies, parents)
    bases = {line["op"]: line.get("base") for lines in record.clients.values() for line in lines if line["k"] == "ask"}
    for client, lines in record.clients.items():
        account = record.accounts().get(record.user(client))
        for line in lines:
            if line["k"] == "refused" and line.get("name") == "stale" and "seq" in line:
                stored = record.stored(line["s"], line["seq"])
                if stored is None or stored["account"] == account or stored["seq"] <= (bases.get(line["op"]) or 0):
                    yield Violation(promise, f"refused as stale for an op that its author had seen, or made: {line}", client, line["s"], line["seq"], line["op"])


def names_of(changed):
    for name, value in changed.items():
        if name == "attributes":
            yield from ("attributes." + attribute for attribute in value)
        else:
            yield name


def overwritten(payload, fields, replies):
    """What this op changed although somebody else had, after its base."""
    if payload["kind"] not in ("annotation.update", "annotation.delete", "annotation.restore"):
        return
    base, account = payload["intent"].get("base", 0), payload["account"]
    for effect in payload["effects"]:
        for identity in effect["ids"]:
            needs_all = payload["kind"] != "annotation.update" or effect["set"].get("status") in WHOLE
            names = list(fields[identity]) if needs_all else list(names_of(effect["set"]))
            for name in names:
                seq, author = fields[identity].get(name, (0, None))
                if isinstance(base, int) and seq > base and author != account:
                    yield f"a change of {name} with base {base} passed over seq {seq} of {author}"
            if payload["kind"] == "annotation.delete" and isinstance(base, int):
                for seq, author in replies[identity].values():
                    if seq > base and author != account:
                        yield f"a deletion with base {base} passed over the reply at seq {seq} of {author}"


def remember(payload, fields, replies, parents):
    for effect in payload["effects"]:
        for identity in effect["ids"]:
            for name in names_of(effect["set"]):
                if name not in ("agent", "confidence", "created", "creator", "run"):
                    fields[identity][name] = (payload["seq"], payload["account"])
            target = effect["set"].get("target", {})
            if payload["kind"] == "annotation.create" and target.get("type") == "annotation":
                parents[identity] = target["annotation"]
            if identity in parents and (payload["kind"] == "annotation.create" or "deleted" in effect["set"]):
                came_or_went(payload, identity, effect["set"].get("deleted", False), replies, parents)


def came_or_went(payload, reply, is_gone, replies, parents):
    """A reply counts, all the way up its thread, from when it came or came back; one that was deleted does not."""
    above = parents.get(reply)
    while above:
        if is_gone:
            replies[above].pop(reply, None)
        else:
            replies[above][reply] = (payload["seq"], payload["account"])
        above = parents.get(above)


def convergence(record):
    """5. Chain and state at n are those of the log up to n, for PostgreSQL and for every client, at every op."""
    promise = "convergence"
    for session, stream in record.streams.items():
        replay, log = record.replay(session), record.log.get(session, ())
        if replay.wrong:
            yield Violation(promise, f"the log cannot be replayed: {replay.wrong[1]}", None, session, replay.wrong[0])
            continue
        for line in log:
            if line["chain"] != replay.chains[line["seq"]]:
                yield Violation(promise, "the chain that is stored is not that of the log", None, session, line["seq"], line["op"])
                break
        if (stream["head"], stream["chain"], stream["sum"]) != (len(log), replay.chains[-1], replay.states[-1]):
            yield Violation(promise, f"the stream's row ({stream}) is not what its log makes", None, session, stream["head"])
    for client, lines in record.clients.items():
        for line in lines:
            if line["k"] in ("op", "state") and line["s"] in record.streams and not record.replay(line["s"]).wrong:
                yield from compared(promise, record.replay(line["s"]), client, line)
        yield from complaints(promise, client, lines, DIVERGED)


def compared(promise, replay, client, line):
    seq = line["seq"]
    if seq >= len(replay.chains):
        return  # it was never stored: promise 1
    for name, there in (("chain", replay.chains[seq]), ("state", replay.states[seq])):
        if name in line and not there.startswith(line[name]):
            yield Violation(promise, f"the client's {name} is {line[name][:16]}, the log makes {there[:16]}", client, line["s"], seq, line.get("op"))


def nobody_sees_what_is_not_theirs(record):
    """7. Sessions, ops and people of a project come to its members only; others are told that there is no such thing."""
    promise = "nobody sees what is not theirs"
    accounts = record.accounts()
    members = {(line["project"], line["account"]) for line in record.members}
    for client in record.clients:
        account = accounts.get(record.user(client))
        for line in record.clients[client]:
            if "s" not in line or line["s"] not in record.streams:
                continue
            project = record.streams[line["s"]]["project"]
            if line["k"] in ("join", "op", "ok", "state", "presence") and (project, account) not in members:
                yield Violation(promise, f"{line['k']} came to somebody who is none of the project", client, line["s"], line.get("seq"), line.get("op"))
            elif line["k"] == "presence" and (project, line["who"]) not in members:
                yield Violation(promise, f"{line['who']}, who is none of the project, is shown in it", client, line["s"])
            elif line["k"] == "denied" and line["name"] != "not_found":
                yield Violation(promise, f"a stranger was told `{line['name']}`", client, line["s"])


def a_crash_is_cheap(record, limit_ms=None):
    """8. What anybody had been told when a fault was over, everybody has within the limit after it; and so, everybody connected, all that was stored by then."""
    promise = "a crash is cheap"
    if limit_ms is None:
        return
    for fault in record.faults:
        for client, session, seq, ms in caught_up(record, fault["healed"]):
            if ms is None or ms > limit_ms:
                took = "never" if ms is None else f"{ms} ms after"
                yield Violation(promise, f"{fault['name']} was over at {fault['healed']} ms; what was known then came {took}", client, session, seq)
        if fault["same_ms"] > limit_ms:
            yield Violation(promise, f"{fault['name']} was over at {fault['healed']} ms; all had the same {fault['same_ms']} ms after, last: {fault.get('last')}")


def caught_up(record, healed):
    """For each subscriber of a session: how long after that moment it had what anybody had been told of until then."""
    ways = record.ways = record.ways or ways_of(record)
    known = {}
    for (_, session), (times, seqs) in ways.items():
        at = bisect.bisect_right(times, healed)
        known[session] = max(known.get(session, 0), seqs[at - 1] if at else 0)
    for (client, session), (times, seqs) in ways.items():
        at = bisect.bisect_left(seqs, known[session])
        if times[0] <= healed:  # who came later is no subscriber of then
            yield client, session, known[session], None if at == len(seqs) else max(0, times[at] - healed)


def ways_of(record):
    """(client, session) -> when it got how far."""
    ways = {}
    for client, lines in record.clients.items():
        for line in lines:
            if line["k"] in ("op", "state") and line.get("s") in record.streams:
                times, seqs = ways.setdefault((client, line["s"]), ([], []))
                if not seqs or line["seq"] > seqs[-1]:
                    times.append(line["t"])
                    seqs.append(line["seq"])
    return ways


PROMISES = (durable_before_visible, one_order, exactly_once, no_silent_overwrite, convergence, nobody_sees_what_is_not_theirs)


def check(record, limit_ms=None):
    found = [violation for promise in PROMISES for violation in promise(record)]
    return found + list(a_crash_is_cheap(record, limit_ms))


def check_part(record):
    """Of a run that was broken off: what has no answer is no news."""
    return [violation for violation in check(record) if violation.what != NEVER_ANSWERED]


def figures(record):
    """How much was looked at."""
    counts = collections.Counter()
    known = 0
    for lines in record.clients.values():
        unknown, answered = set(), set()  # who asks for an op again knows what became of it
        for line in lines:
            kind, op = line["k"], line.get("op")
            counts[kind] += not (kind == "ask" and line.get("again")) and not (kind == "unknown" and (op in unknown or op in answered))
            if kind == "unknown" and op not in answered:
                unknown.add(op)
            elif kind in ("ok", "refused"):
                answered.add(op)
            if kind in ("ok", "refused") and op in unknown:
                unknown.remove(op)
                counts["resolved"] += 1
                known += bool(line.get("repeated"))
    at_delivery = sum("op" in fault for fault in record.faults)
    return {"asked": counts["ask"], "acknowledged": len({line["op"] for lines in record.clients.values() for line in lines if line["k"] == "ok"}),
            "refused": counts["refused"], "delivered": counts["op"], "stored": sum(len(log) for log in record.log.values()), "states compared": counts["state"],
            "unknown outcomes": counts["unknown"], "resolved by id": counts["resolved"], "of them applied before": known, "connections lost": counts["cut"],
            "strangers denied": counts["denied"], "faults": len(record.faults), "kills at a delivery": at_delivery}
