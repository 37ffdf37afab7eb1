#!/usr/bin/env python3
"""Writes the vectors beside it: what any implementation of gloss.v1 must compute.

It is a second implementation, written from PROTOCOL.md and not from the C: slow, naive, with nothing but Python's own library.
usage: make_vectors.py [--check]      --check: say which files differ from what would be written, and exit 1
"""
import copy
import hashlib
import json
import os
import re
import sys
import unicodedata
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
CONTEXT = 32
SPANS_MAX, EXACT_MAX = 64, 16384


# ---- canonical JSON and hashes

def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha(data):
    return hashlib.sha256(data).digest()


def leaf_of(salt, payload):
    return sha(salt + payload.encode())


def chain_start(stream, revision):
    return sha(b"gloss.v1" + uuid.UUID(stream).bytes + (revision or bytes(32)))


def chain_next(chain, leaf):
    return sha(chain + leaf)


def sum_of(added, removed=()):
    number = sum(int.from_bytes(item, "big") for item in added) - sum(int.from_bytes(item, "big") for item in removed)
    return (number % (1 << 256)).to_bytes(32, "big")


def uuid_v8(digest):
    raw = bytearray(digest[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(raw)))


def annotation_id(op):
    return uuid_v8(sha(b"gloss.annotation" + uuid.UUID(op).bytes))


def number_id(kind, number):
    """A UUID that looks like version 7 and is the same in every run."""
    return f"0193{kind:04x}-{number:04x}-7000-8000-{kind:06x}{number:06x}"


# ---- graphemes: UAX 29 for the characters that the vectors use (Unicode's own tables are not in Python's library)

def grapheme_class(char):
    point = ord(char)
    if char in "\r\n":
        return {"\r": "CR", "\n": "LF"}[char]
    if point == 0x200D:
        return "ZWJ"
    if 0x1F1E6 <= point <= 0x1F1FF:
        return "RI"
    if point == 0x200C or 0x1F3FB <= point <= 0x1F3FF or unicodedata.category(char) in ("Mn", "Me"):
        return "Extend"
    if unicodedata.category(char) == "Mc":
        return "SpacingMark"
    if 0x1100 <= point <= 0x115F:
        return "L"
    if 0x1160 <= point <= 0x11A7:
        return "V"
    if 0x11A8 <= point <= 0x11FF:
        return "T"
    if 0xAC00 <= point <= 0xD7A3:
        return "LV" if (point - 0xAC00) % 28 == 0 else "LVT"
    if unicodedata.category(char) in ("Cc", "Zl", "Zp") or (unicodedata.category(char) == "Cf" and not 0x600 <= point <= 0x605):
        return "Control"
    if 0x600 <= point <= 0x605:
        return "Prepend"
    if 0x1F300 <= point <= 0x1FAFF or 0x2600 <= point <= 0x27BF or point in (0xA9, 0xAE):
        return "Pictographic"
    return "Any"


HANGUL_PAIRS = {("L", "L"), ("L", "V"), ("L", "LV"), ("L", "LVT"), ("LV", "V"), ("V", "V"), ("LV", "T"), ("V", "T"), ("LVT", "T"),
                ("T", "T")}


def is_boundary(text, at):
    if at in (0, len(text)):
        return True
    classes = [grapheme_class(char) for char in text[:at + 1]]
    before, behind = classes[at - 1], classes[at]
    if (before, behind) == ("CR", "LF"):
        return False
    if before in ("CR", "LF", "Control") or behind in ("CR", "LF", "Control"):
        return True
    if behind in ("Extend", "ZWJ", "SpacingMark") or before == "Prepend":
        return False
    if (before, behind) in HANGUL_PAIRS:
        return False
    if behind == "Pictographic" and before == "ZWJ":
        look = at - 2
        while look >= 0 and classes[look] == "Extend":
            look -= 1
        return not (look >= 0 and classes[look] == "Pictographic")
    if behind == "RI":
        run = 0
        while run < at and classes[at - 1 - run] == "RI":
            run += 1
        return run % 2 == 0
    return True


# ---- finding

def nfc(text):
    return unicodedata.normalize("NFC", text)


def attaches(char):
    return unicodedata.combining(char) != 0 or grapheme_class(char) in ("Extend", "SpacingMark", "ZWJ", "V", "T")


def without_cut_prefix(prefix):
    while prefix and attaches(prefix[0]):
        prefix = prefix[1:]
    return prefix


def without_cut_suffix(suffix):
    if len(suffix) < CONTEXT:
        return suffix
    while suffix and attaches(suffix[-1]):
        suffix = suffix[:-1]
    return suffix[:-1]


def find(text, quote, prefix="", suffix=""):
    whole = prefix + quote + suffix
    if not whole:
        return []
    starts = [at + len(prefix) for at in range(len(text) - len(whole) + 1) if text.startswith(whole, at)]
    exact = [(at, at + len(quote)) for at in starts]
    exact = [place for place in exact if all(is_boundary(text, edge) for edge in place)]
    if exact:
        return exact
    prefix, quote, suffix = nfc(without_cut_prefix(prefix)), nfc(quote), nfc(without_cut_suffix(suffix))
    edges = [at for at in range(len(text) + 1) if is_boundary(text, at)]
    return [(begin, end) for begin in edges for end in edges
            if begin <= end <= begin + 4 * len(quote) and nfc(text[begin:end]) == quote
            and nfc(text[:begin]).endswith(prefix) and nfc(text[end:]).startswith(suffix)]


# ---- targets

class Refused(Exception):
    def __init__(self, name, path, data=None):
        super().__init__(name)
        self.answer = {"name": name, "path": path}
        if data is not None:
            self.answer["data"] = data


def before_of(text, at):
    return text[max(0, at - CONTEXT):at]


def behind_of(text, at):
    return text[at:at + CONTEXT]


def candidates(text, places):
    return {"candidates": [{"start": begin, "end": end, "prefix": before_of(text, begin), "suffix": behind_of(text, end)}
                           for begin, end in places[:20]], "count": len(places)}


def check_edge(text, at, path):
    if is_boundary(text, at):
        return
    low, high = at, at
    while not is_boundary(text, low):
        low -= 1
    while not is_boundary(text, high):
        high += 1
    raise Refused("splits_grapheme", path, {"nearest": [low, high]})


def resolve_position(text, span, path):
    begin, end = span["start"], span["end"]
    if begin > end:
        raise Refused("invalid_params", path + ".start")
    if end > len(text):
        raise Refused("out_of_range", path + (".start" if begin > len(text) else ".end"), {"length": len(text)})
    check_edge(text, begin, path + ".start")
    check_edge(text, end, path + ".end")
    if nfc(text[begin:end]) != nfc(span.get("exact", text[begin:end])):
        raise Refused("quote_mismatch", path + ".exact", {"found": text[begin:end][:1000]})
    prefix, suffix = span.get("prefix", ""), span.get("suffix", "")
    if not text[:begin].endswith(prefix) and not nfc(text[:begin]).endswith(nfc(without_cut_prefix(prefix))):
        raise Refused("quote_mismatch", path + ".prefix", {"found": before_of(text, begin)})
    if not text[end:].startswith(suffix) and not nfc(text[end:]).startswith(nfc(without_cut_suffix(suffix))):
        raise Refused("quote_mismatch", path + ".suffix", {"found": behind_of(text, end)})
    return begin, end


def resolve_quote(text, span, path):
    places = find(text, span["exact"], span.get("prefix", ""), span.get("suffix", ""))
    if not places:
        others = find(text, span["exact"]) if span.get("prefix") or span.get("suffix") else []
        if not others:
            raise Refused("quote_not_found", path + ".exact")
        raise Refused("quote_not_found", path + (".prefix" if span.get("prefix") else ".suffix"), candidates(text, others))
    if "nth" not in span and len(places) > 1:
        raise Refused("quote_ambiguous", path + ".exact", candidates(text, places))
    if span.get("nth", 1) > len(places):
        raise Refused("quote_not_found", path + ".nth", candidates(text, places))
    return places[span.get("nth", 1) - 1]


def resolve_span(text, span, path):
    for name in span:
        if name not in ("start", "end", "exact", "prefix", "suffix", "nth"):
            raise Refused("invalid_params", f"{path}.{name}")
    if ("start" in span) != ("end" in span):
        raise Refused("invalid_params", path + (".end" if "start" in span else ".start"))
    if "start" not in span and "exact" not in span:
        raise Refused("invalid_params", path)
    if "start" not in span and span["exact"] == "":
        raise Refused("invalid_params", path + ".exact")
    if "nth" in span and ("start" in span or span["nth"] == 0):
        raise Refused("invalid_params", path + ".nth")
    return resolve_position(text, span, path) if "start" in span else resolve_quote(text, span, path)


def check_id(value, path):
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value):
        raise Refused("invalid_params", path)


def resolve_relation(target, session):
    check_id(target.get("from"), "from")
    if not isinstance(target.get("to"), dict):
        raise Refused("invalid_params", "to")
    for name in target["to"]:
        if name not in ("annotation", "session"):
            raise Refused("invalid_params", "to." + name)
    check_id(target["to"].get("annotation"), "to.annotation")
    far = {"annotation": target["to"]["annotation"], "session": target["to"].get("session", session)}
    check_id(far["session"], "to.session")
    if far == {"annotation": target["from"], "session": session}:
        raise Refused("invalid_params", "")
    return {"from": target["from"], "to": far, "type": "relation"}


def resolve(text, revision, target, session=None):
    members = {"spans": ("type", "spans", "revision"), "document": ("type", "revision"), "annotation": ("type", "annotation"),
               "relation": ("type", "from", "to")}
    if target.get("type") not in members:
        raise Refused("invalid_params", "type")
    for name in target:
        if name not in members[target["type"]]:
            raise Refused("invalid_params", name)
    if target["type"] == "annotation":
        check_id(target.get("annotation"), "annotation")
        return {"annotation": target["annotation"], "type": "annotation"}
    if target["type"] == "relation":
        return resolve_relation(target, session)
    if target["type"] == "spans" and not 1 <= len(target.get("spans", [])) <= SPANS_MAX:
        raise Refused("invalid_params", "spans")
    if target.get("revision", revision) != revision:
        raise Refused("wrong_revision", "revision", {"revision": revision})
    if target["type"] == "document":
        return {"revision": revision, "type": "document"}
    spans, last, total = [], 0, 0
    for index, asked in enumerate(target["spans"]):
        begin, end = resolve_span(text, asked, f"spans[{index}]")
        if (begin == end and len(target["spans"]) > 1) or begin < last:
            raise Refused("invalid_params", f"spans[{index}]")
        total += end - begin
        if total > EXACT_MAX:
            raise Refused("too_large", f"spans[{index}]")
        last = end
        spans.append({"start": begin, "end": end, "exact": text[begin:end],
                      "prefix": before_of(text, begin), "suffix": behind_of(text, end)})
    return {"revision": revision, "spans": spans, "type": "spans"}


# ---- annotations

TRACKED = ("label", "note", "redacted", "status", "target", "deleted")


def apply(before, identity, changed, account, seq):
    record = copy.deepcopy(before) if before else {"id": identity, "creator": changed["creator"]}
    seqs, who = record.setdefault("seqs", {}), record.pop("who", {})

    def sign(field):
        seqs[field] = seq
        who.pop(field, None)
        if account != record["creator"]:
            who[field] = account

    for name, value in changed.items():
        if name == "attributes":
            for attribute, content in value.items():
                record.setdefault("attributes", {})[attribute] = content
                if content is None:
                    del record["attributes"][attribute]
                sign("attributes." + attribute)
            if not record.get("attributes", True):
                del record["attributes"]
            continue
        record[name] = value
        if value is None or (name == "deleted" and value is False):
            del record[name]
        if name in TRACKED:
            sign(name)
    if who:
        record["who"] = who
    return record


# ---- the files

ANA, BEN, BOT = number_id(1, 1), number_id(1, 2), number_id(1, 3)
CLAIM, EVIDENCE, SUPPORTS = number_id(2, 1), number_id(2, 2), number_id(2, 3)
REVISION, OTHER_REVISION, STREAM, OTHER_STREAM = number_id(3, 1), number_id(3, 2), number_id(4, 1), number_id(4, 2)
BRIEF = ("Moscow and Beijing \u201cstood together\u201d.\r\nThe cafe\u0301 was full; the caf\u00e9 was loud. "
         "\U0001F469\u200D\U0001F469\u200D\U0001F467 \U0001F1E9\U0001F1EA\U0001F1EB\U0001F1F7 "
         "\u4E2D\u56FD \u0645\u0631\u062D\u0628\u0627 end")


def hash_vectors():
    salts = [bytes(16), bytes(range(16)), bytes([255] * 16)]
    payloads = ["", "{}", canonical({"note": "caf\u00e9 \u4E2D\u56FD"})]
    one, most = (1).to_bytes(32, "big"), bytes([255] * 32)
    some = [sha(bytes([number])) for number in range(5)]
    changes = [
        {"account": ANA, "change": {"kind": "annotation.delete", "annotation": number_id(5, 1)}, "base": 17},
        {"account": ANA, "change": {"kind": "annotation.delete", "annotation": number_id(5, 1)}, "base": number_id(6, 9)},
        {"account": BEN, "change": {"kind": "annotation.create", "target": {"type": "document"}, "label": "claim"}},
    ]
    return {
        "leaf": [{"salt": salt.hex(), "payload": payload, "leaf": leaf_of(salt, payload).hex()}
                 for salt in salts for payload in payloads],
        "chain_start": [{"stream": STREAM, "revision": some[1].hex(), "chain": chain_start(STREAM, some[1]).hex()},
                        {"stream": STREAM, "revision": None, "chain": chain_start(STREAM, None).hex()}],
        "chain_next": [{"chain": a.hex(), "leaf": b.hex(), "next": chain_next(a, b).hex()} for a, b in zip(some, some[1:])],
        "sum": [{"what": what, "add": [item.hex() for item in add], "remove": [item.hex() for item in remove],
                 "sum": sum_of(add, remove).hex()}
                for what, add, remove in [
                    ("nothing", [], []),
                    ("one item", some[:1], []),
                    ("several", some, []),
                    ("order does not matter", some[::-1], []),
                    ("what is taken away was never there", some, some[1:]), ("carry through every byte", [most, one], []),
                    ("below zero and back", [one], [one, one]), ("the same twice", [some[0], some[0]], [])]],
        "mode": [{"mode": mode, "seq": seq,
                  "item": None if mode == "shared" else sha(canonical({"mode": mode, "seq": seq}).encode()).hex()}
                 for mode, seq in [("shared", 0), ("closed", 7), ("shared", 9)]],
        "annotation_id": [{"op": number_id(6, number), "annotation": annotation_id(number_id(6, number))} for number in range(3)],
        "request": [dict(change, hash=sha(canonical(change).encode()).hex()) for change in changes],
    }


def canon_vectors():
    taken = [
        ("white space goes", ' { "b" : 1 ,\t"a" : [ 1 , 2 ] }\r\n '),
        ("names are sorted by code unit", '{"b":1,"a":2,"B":3,"A":4,"aa":5,"_":6,"a.b":7,"a-b":8,"1":9}'),
        ("nested objects are sorted too", '{"z":{"y":1,"x":{"b":2,"a":[{"d":1,"c":2}]}}}'),
        ("the shortest escapes", r'"\u0001"'),
        ("two-letter escapes", r'"\u0008\u0009\u000a\u000c\u000d\u0022\u005c"'),
        ("other controls in lower case", r'"\u000B\u001F\u0010"'),
        ("no escape where none is needed", r'"\u007f\/\u00e9\u4e2d\ud83d\ude00\u2028"'),
        ("text that looks composed stays decomposed", r'"e\u0301"'),
        ("integers", "[0,-1,1,9007199254740991,-9007199254740991]"),
        ("minus zero is zero", "[-0]"),
        ("literals", "[true,false,null]"),
        ("empty ones", '[{},[],""]'),
        ("a scalar", '"x"'),
    ]
    refused = [
        ("a real number", "[1.5]"),
        ("a real number that is whole", "[1.0]"),
        ("an exponent", "[1e3]"),
        ("an integer of 2^53", "[9007199254740992]"),
        ("an integer of -2^53", "[-9007199254740992]"), ("a name twice", '{"a":1,"a":2}'), ("NUL in a string", r'["\u0000"]'),
        ("bytes behind the end", "{} x"),
        ("two texts", "{}{}"),
        ("nothing", ""),
        ("a comma too many", "[1,]"),
        ("a name without quotes", "{a:1}"),
        ("a lone surrogate", r'["\ud800"]'), ("a control character as it is", '["\u0001"]'), ("not a number", "[NaN]"),
        ("too deep", "[" * 40 + "]" * 40),
    ]
    return {"canonical": [{"what": what, "json": text, "canonical": canonical(json.loads(text))} for what, text in taken],
            "refused": [{"what": what, "json": text} for what, text in refused]}


def text_vectors():
    bad = [
        ("a lone continuation byte", b"ab\x80", 2), ("two of them", b"\xbf\xbf", 0), ("overlong slash", b"a\xc0\xaf", 1),
        ("overlong in three bytes", b"\xe0\x9f\xbf", 0),
        ("overlong in four bytes", b"xyz\xf0\x8f\xbf\xbf", 3),
        ("C1 is always overlong", b"\xc1\xbf", 0),
        ("a high surrogate", b"....\xed\xa0\x80", 4),
        ("a low surrogate", b"\xed\xbf\xbf", 0),
        ("above U+10FFFF", b"\xf4\x90\x80\x80", 0),
        ("far above", b"\xf5\x80\x80\x80", 0),
        ("FE", b"12345678\xfe", 8),
        ("FF behind a long run of ASCII", b"x" * 1000 + b"\xff", 1000),
        ("cut after one byte of two", b"caf\xc3", 3),
        ("cut after two of three", b"\xe4\xb8", 0),
        ("cut after three of four", b"\xf0\x9f\x98", 0),
        ("broken off by ASCII", b"caf\xc3 bar", 3),
        ("broken off by a new start", b"\xe4\xb8\xe4\xb8\xad", 0),
        ("Latin-1", "Stra\u00dfe".encode("latin-1"), 4),
        ("UTF-16", "\ufeffa".encode("utf-16-le"), 0),
    ]
    nul = [("a NUL", b"ab\0cd", 2), ("only a NUL", b"\0", 0), ("a NUL behind eight bytes", b"12345678\0", 8),
           ("a NUL among eight bytes", b"12345\x0078abcdefgh", 5)]
    good = [
        ("nothing", ""),
        ("ASCII", "plain words"),
        ("CR LF is one character", "a\r\nb\n\rc"),
        ("a byte order mark stays", "\ufeffa"),
        ("two bytes each", "\u00e9\u00df"),
        ("decomposed", "e\u0301a\u0300\u0323x"),
        ("CJK", "\u4e2d\u56fd\u5916\u4ea4"),
        ("Arabic with marks", "\u0645\u064e\u0631\u0652"),
        ("Arabic number sign goes with the digit", "\u06001"), ("a family", "a\U0001F469\u200D\U0001F469\u200D\U0001F467b"),
        ("flags", "\U0001F1E9\U0001F1EA\U0001F1EB\U0001F1F7\U0001F1F3"),
        ("a skin tone", "\U0001F44D\U0001F3FD!"),
        ("Hangul letters", "\u1112\u1161\u11ab\u1100\u1173\u11af"),
        ("Hangul syllables", "\ud55c\uae00"),
        ("the last of each length", "\x7f\u07ff\uffff\U0010ffff"),
        ("the first of each length", "\x01\u0080\u0800\U00010000"),
        ("Devanagari vowel", "\u0915\u093f\u0916"),
        ("marks on a line's end", "a\n\u0301b"),
        ("copyright joined", "\u00a9\u200d\u00a9"),
        ("longer than one step of any index", ("x\u00e9\u4e2d\U0001F600" * 50) + "e\u0301" + "\U0001F1E9" * 131),
    ]
    many = "e\u0301" * 40
    finds = [
        ("once", "one two three", "two", "", ""),
        ("nowhere", "one two three", "four", "", ""),
        ("at both ends", "abcab", "ab", "", ""),
        ("overlapping", "aaaaa", "aa", "", ""),
        ("the whole text", "abc", "abc", "", ""),
        ("longer than the text", "abc", "abcd", "", ""),
        ("by prefix", "the cat, a cat", "cat", "a ", ""),
        ("by suffix", "the cat, a cat", "cat", "", ","),
        ("by both", "xax xay yax", "a", "x", "y"),
        ("prefix elsewhere", "the cat sat", "sat", "the ", ""),
        ("counted in code points", "\U0001F600\U0001F600 caf\u00e9 na\u00efve", "na\u00efve", "", ""),
        ("composed finds decomposed", "le cafe\u0301 ferme", "caf\u00e9", "", ""),
        ("decomposed finds composed", "le caf\u00e9 ferme", "cafe\u0301", "", ""),
        ("exact goes first", "cafe\u0301 caf\u00e9", "caf\u00e9", "", ""),
        ("half a character is no place", "cafe\u0301", "cafe", "", ""),
        ("a mark alone is no place", "cafe\u0301", "\u0301", "", ""),
        ("half a flag is no place", "\U0001F1E9\U0001F1EA", "\U0001F1E9", "", ""),
        ("the second flag", "\U0001F1E9\U0001F1EA\U0001F1EB\U0001F1F7", "\U0001F1EB\U0001F1F7", "", ""),
        ("not across flags", "\U0001F1E9\U0001F1EA\U0001F1EB\U0001F1F7", "\U0001F1EA\U0001F1EB", "", ""),
        ("half of CR LF is no place", "a\r\nb", "\n", "", ""),
        ("a line's end", "a\r\nb\r\n", "\r\n", "", ""), ("marks in another order", "a\u0323\u0302 x", "a\u0302\u0323", "", ""),
        ("Hangul", "\ud55c\uae00 text", "\u1112\u1161\u11ab", "", ""), ("Angstrom sign", "10 \u212b", "\u00c5", "", ""),
        ("curly quotes are not straight ones", "\u201ca\u201d", "\"a\"", "", ""),
        ("upper case is not lower", "Abc", "abc", "", ""),
        ("context under NFC", "xe\u0301 y xe\u0301 z", "\u00e9", "x", " z"),
        ("a context cut inside a character", many + "quote" + many, "quote", "\u0301" + "e\u0301" * 15, "e\u0301" * 15 + "e"),
        ("a context cut inside a character, the other form there", many + "quote" + many, "quote", "\u0301" + "\u00e9" * 31,
         "\u00e9" * 31 + "e"),
        ("a short suffix that stops inside a character", many + "quote" + many, "quote", "", "\u00e9e"),
        ("an empty quote between contexts", "one two", "", "one", " two"), ("an empty quote alone", "one two", "", "", ""),
    ]
    return {
        "refused": [{"what": what, "hex": data.hex(), "name": "invalid_utf8", "byte": at} for what, data, at in bad] +
                   [{"what": what, "hex": data.hex(), "name": "contains_nul", "byte": at} for what, data, at in nul],
        "texts": [{"what": what, "text": text, "bytes": len(text.encode()), "codepoints": len(text),
                   "sha256": sha(text.encode()).hex(),
                   "boundaries": [at for at in range(len(text) + 1) if is_boundary(text, at)]} for what, text in good],
        "find": [{"what": what, "text": text, "quote": quote, "prefix": prefix, "suffix": suffix,
                  "matches": [list(place) for place in find(text, quote, prefix, suffix)]}
                 for what, text, quote, prefix, suffix in finds],
    }


def target_vectors():
    def spans(*list_of_spans, **more):
        return dict({"type": "spans", "spans": list(list_of_spans)}, **more)

    twenty_five = "dot " * 25
    at = BRIEF.index
    family, flags = at("\U0001F469"), at("\U0001F1E9")
    one, two = number_id(5, 1), number_id(5, 2)
    rows = [
        ("the whole document", BRIEF, {"type": "document"}),
        ("the whole document of this revision", BRIEF, {"type": "document", "revision": REVISION}),
        ("by position", BRIEF, spans({"start": 0, "end": 6})),
        ("by position up to the end", BRIEF, spans({"start": len(BRIEF) - 3, "end": len(BRIEF)})),
        ("everything", BRIEF, spans({"start": 0, "end": len(BRIEF)})),
        ("empty, at the beginning", BRIEF, spans({"start": 0, "end": 0})),
        ("empty, in the middle", BRIEF, spans({"start": 7, "end": 7, "exact": ""})),
        ("by quote", BRIEF, spans({"exact": "stood together"})),
        ("by quote with curly marks", BRIEF, spans({"exact": "\u201cstood together\u201d"})),
        ("by quote, composed; the decomposed one is exact", BRIEF, spans({"exact": "cafe\u0301"})),
        ("by quote with prefix", BRIEF, spans({"exact": "was", "prefix": "caf\u00e9 "})),
        ("by quote with suffix", BRIEF, spans({"exact": "was", "suffix": " full"})),
        ("by quote with nth", BRIEF, spans({"exact": "was", "nth": 2})),
        ("nth of one", BRIEF, spans({"exact": "Moscow", "nth": 1})),
        ("by both", BRIEF, spans({"start": 0, "end": 6, "exact": "Moscow"})),
        ("by both, under NFC", BRIEF, spans({"start": at("cafe"), "end": at("cafe") + 5, "exact": "caf\u00e9"})),
        ("as stored", BRIEF, spans(resolve(BRIEF, REVISION, spans({"exact": "Beijing"}))["spans"][0])),
        ("two spans", BRIEF, spans({"exact": "Moscow"}, {"exact": "Beijing"})),
        ("touching", BRIEF, spans({"start": 0, "end": 3}, {"start": 3, "end": 6})),
        ("a family, whole", BRIEF, spans({"start": family, "end": family + 5})),
        ("a flag, whole", BRIEF, spans({"start": flags + 2, "end": flags + 4})),
        ("Chinese and Arabic", BRIEF, spans({"exact": "\u4E2D\u56FD"}, {"exact": "\u0645\u0631\u062D\u0628\u0627"})),
        ("this revision", BRIEF, spans({"start": 0, "end": 6}, revision=REVISION)),
        ("another revision", BRIEF, spans({"start": 0, "end": 6}, revision=OTHER_REVISION)),
        ("the document of another revision", BRIEF, {"type": "document", "revision": OTHER_REVISION}),
        ("no type", BRIEF, {"spans": []}),
        ("an unknown type", BRIEF, {"type": "paragraph"}),
        ("an unknown member", BRIEF, {"type": "document", "page": 1}),
        ("spans of a document", BRIEF, {"type": "document", "spans": []}),
        ("no spans", BRIEF, spans()),
        ("spans missing", BRIEF, {"type": "spans"}),
        ("64 spans", twenty_five, spans(*[{"start": n, "end": n + 1} for n in range(64)])),
        ("65 spans", twenty_five, spans(*[{"start": n, "end": n + 1} for n in range(65)])),
        ("an unknown member of a span", BRIEF, spans({"start": 0, "end": 6, "page": 1})),
        ("an empty span request", BRIEF, spans({})),
        ("start without end", BRIEF, spans({"start": 0})),
        ("end without start", BRIEF, spans({"end": 6, "exact": "Moscow"})),
        ("an empty quote", BRIEF, spans({"exact": ""})),
        ("only a prefix", BRIEF, spans({"prefix": "Moscow"})),
        ("nth 0", BRIEF, spans({"exact": "was", "nth": 0})),
        ("nth beside a position", BRIEF, spans({"start": 0, "end": 6, "nth": 1})),
        ("backwards", BRIEF, spans({"start": 6, "end": 0})),
        ("end outside", BRIEF, spans({"start": 0, "end": len(BRIEF) + 1})),
        ("start outside", BRIEF, spans({"start": len(BRIEF) + 1, "end": len(BRIEF) + 2})),
        ("into an empty text", "", spans({"start": 0, "end": 1})),
        ("empty in an empty text", "", spans({"start": 0, "end": 0})),
        ("start cuts an accent off", BRIEF, spans({"start": at("\u0301"), "end": at("\u0301") + 1})),
        ("end cuts a family", BRIEF, spans({"start": family, "end": family + 2})),
        ("end cuts a flag", BRIEF, spans({"start": flags, "end": flags + 1})),
        ("end cuts CR LF", BRIEF, spans({"start": 0, "end": at("\n")})),
        ("position and quote disagree", BRIEF, spans({"start": 0, "end": 6, "exact": "Beijing"})),
        ("one letter too short", BRIEF, spans({"start": 0, "end": 5, "exact": "Moscow"})),
        ("only so much of a long span is told", "x" * 1500, spans({"start": 100, "end": 1400, "exact": "y"})),
        ("position and prefix disagree", BRIEF, spans({"start": 11, "end": 18, "exact": "Beijing", "prefix": "or "})),
        ("position and suffix disagree", BRIEF, spans({"start": 11, "end": 18, "exact": "Beijing", "suffix": "!"})),
        ("a prefix at the beginning", BRIEF, spans({"start": 0, "end": 6, "prefix": "x"})),
        ("not there", BRIEF, spans({"exact": "stand together"})),
        ("there, but not with this prefix", BRIEF, spans({"exact": "was", "prefix": "it "})),
        ("there, but not with this suffix", BRIEF, spans({"exact": "was", "suffix": " here"})),
        ("in two places", BRIEF, spans({"exact": "was"})),
        ("in 25 places", twenty_five, spans({"exact": "dot"})),
        ("the 23rd of 25 places", twenty_five, spans({"exact": "dot", "nth": 23})),
        ("the 26th of 25 places", twenty_five, spans({"exact": "dot", "nth": 26})),
        ("nth too high", BRIEF, spans({"exact": "was", "nth": 3})),
        ("half a character", BRIEF, spans({"exact": "cafe"})),
        ("out of order", BRIEF, spans({"exact": "Beijing"}, {"exact": "Moscow"})),
        ("overlapping", BRIEF, spans({"start": 0, "end": 6}, {"start": 5, "end": 9})),
        ("the second is wrong", BRIEF, spans({"exact": "Moscow"}, {"exact": "Tehran"})),
        ("an empty span beside another", BRIEF, spans({"start": 0, "end": 0}, {"start": 3, "end": 6})),
        ("the longest", "x" * 16385, spans({"start": 0, "end": 16384})),
        ("too long", "x" * 16385, spans({"start": 0, "end": 16385})),
        ("too long together", "x" * 16385, spans({"start": 0, "end": 10000}, {"start": 10000, "end": 16385})),
        ("as many spans as there may be", "ab" * 64, spans(*({"start": 2 * n, "end": 2 * n + 1} for n in range(64)))),
        ("one span too many", "ab" * 65, spans(*({"start": 2 * n, "end": 2 * n + 1} for n in range(65)))),
        ("a reply", BRIEF, {"type": "annotation", "annotation": one}),
        ("a reply to nothing", BRIEF, {"type": "annotation"}),
        ("a reply to no id", BRIEF, {"type": "annotation", "annotation": "claim"}),
        ("a reply on a revision", BRIEF, {"type": "annotation", "annotation": one, "revision": REVISION}),
        ("a reply in another session", BRIEF, {"type": "annotation", "annotation": one, "session": STREAM}),
        ("a relation within the session", BRIEF, {"type": "relation", "from": one, "to": {"annotation": two}}),
        ("a relation that names its own session", BRIEF,
         {"type": "relation", "from": one, "to": {"annotation": two, "session": STREAM}}),
        ("a relation into another session", BRIEF,
         {"type": "relation", "from": one, "to": {"annotation": one, "session": OTHER_STREAM}}),
        ("a relation with itself", BRIEF, {"type": "relation", "from": one, "to": {"annotation": one}}),
        ("a relation from nowhere", BRIEF, {"type": "relation", "to": {"annotation": two}}),
        ("a relation to nowhere", BRIEF, {"type": "relation", "from": one}),
        ("a relation to an id", BRIEF, {"type": "relation", "from": one, "to": two}),
        ("a relation to no annotation", BRIEF, {"type": "relation", "from": one, "to": {}}),
        ("a relation to a session that is none", BRIEF,
         {"type": "relation", "from": one, "to": {"annotation": two, "session": "main"}}),
        ("more about a far end", BRIEF, {"type": "relation", "from": one, "to": {"annotation": two, "text": "no"}}),
        ("more about a relation", BRIEF, {"type": "relation", "from": one, "to": {"annotation": two}, "symmetric": True}),
    ]
    vectors = []
    for what, text, target in rows:
        row = {"what": what, "text": text, "revision": REVISION, "session": STREAM, "target": target}
        try:
            row["stored"] = resolve(text, REVISION, target, STREAM)
        except Refused as refusal:
            row["error"] = refusal.answer
        vectors.append(row)
    return vectors


def annotation_vectors():
    rows, records = [], {}

    def step(what, identity, changed, account, seq):
        before = records.get(identity)
        after = records[identity] = apply(before, identity, changed, account, seq)
        text = canonical(after)
        rows.append({"what": what, "before": before, "id": identity, "set": changed, "account": account, "seq": seq,
                     "after": after, "canonical": text, "sha256": sha(text.encode()).hex()})

    def target(**span):
        return resolve(BRIEF, REVISION, {"type": "spans", "spans": [span]})

    one, two, three = (number_id(5, number) for number in (1, 2, 3))
    whole = {"revision": REVISION, "type": "document"}
    step("create, as little as may be", one, {"created": 1, "creator": ANA, "status": "active", "target": whole}, ANA, 1)
    step("create by a bot, with everything", two, {
        "agent": "tagger/1.2", "attributes": {"certain": True, "page": 7, "source": "ORF \u201c636\u201d"}, "confidence": 873,
        "created": 2, "creator": BOT, "label": CLAIM, "note": "line\nbreak, tab\t, \"quotes\", \\, \u0001 and \U0001F600",
        "run": "night", "status": "proposed", "target": target(exact="stood together")}, BOT, 2)
    step("a label by its creator", one, {"label": CLAIM}, ANA, 3)
    step("another label by somebody else", one, {"label": EVIDENCE}, BEN, 4)
    step("the creator takes it back", one, {"label": CLAIM}, ANA, 5)
    step("no label at all", one, {"label": None}, BEN, 6)
    step("no label where none was", one, {"label": None}, ANA, 7)
    step("a note", one, {"note": "see p. 3"}, BEN, 8)
    step("the note goes", one, {"note": None}, BEN, 9)
    step("a target", one, {"target": target(start=0, end=6)}, ANA, 10)
    step("status by a curator", two, {"status": "accepted"}, BEN, 11)
    step("attributes: one new, one changed, one removed", two, {"attributes": {"certain": None, "page": 8, "stance": "pro"}},
         BEN, 12)
    step("attributes: one that never was is removed", two, {"attributes": {"ghost": None}}, BOT, 13)
    step("attributes: the rest goes", two, {"attributes": {"page": None, "source": None, "stance": None}}, ANA, 14)
    step("attributes: one comes back", two, {"attributes": {"page": -9007199254740991}}, BOT, 15)
    step("no attributes named", two, {"attributes": {}}, ANA, 16)
    step("several fields at once", two, {"label": EVIDENCE, "note": "x", "status": "active"}, ANA, 17)
    step("deleted", two, {"deleted": True}, BEN, 18)
    step("restored", two, {"deleted": False}, BOT, 19)
    step("deleted again", two, {"deleted": True}, BOT, 20)
    both = resolve(BRIEF, REVISION, {"type": "spans", "spans": [{"exact": "Moscow"}, {"exact": "\u4E2D\u56FD"}]})
    step("create with two spans", three, {"created": 21, "creator": BEN, "label": CLAIM, "status": "active", "target": both},
         BEN, 21)
    reply, relation = {"annotation": three, "type": "annotation"}, {"from": one, "to": {"annotation": three, "session": STREAM},
                                                                    "type": "relation"}
    step("a reply", number_id(5, 4), {"created": 22, "creator": ANA, "note": "says who?", "status": "active", "target": reply},
         ANA, 22)
    step("a relation", number_id(5, 5), {"created": 23, "creator": BEN, "label": SUPPORTS, "status": "active", "target": relation},
         BEN, 23)
    step("a relation's other end", number_id(5, 5), {"target": dict(relation, to={"annotation": one, "session": OTHER_STREAM})},
         ANA, 24)
    many = resolve(BRIEF, REVISION, {"type": "spans", "spans": [{"start": at, "end": at + 1} for at in range(0, 36, 2)]})
    step("many spans", three, {"target": many}, ANA, 25)
    step("words erased by a curator", two, {"attributes": {"page": None}, "note": None, "redacted": True}, BEN, 26)
    step("words erased again, by the creator", two, {"redacted": True}, BOT, 27)

    plain = {"created": 1, "creator": ANA, "status": "active", "target": whole}

    def without(name):
        return {key: value for key, value in plain.items() if key != name}

    span = {"start": 0, "end": 1, "exact": "M", "prefix": "", "suffix": "o"}

    def aimed(*spans, **more):
        return dict(plain, target=dict({"revision": REVISION, "type": "spans", "spans": list(spans)}, **more))

    refused = [
        ("an unknown field", "upgrade", None, dict(plain, mood="good")),
        ("an unknown status", "upgrade", None, dict(plain, status="pending")),
        ("an unknown target", "upgrade", None, dict(plain, target={"revision": REVISION, "type": "pair"})),
        ("a reply to nothing", "malformed", None, dict(plain, target={"type": "annotation"})),
        ("a reply to no id", "malformed", None, dict(plain, target={"annotation": "claim", "type": "annotation"})),
        ("more about a reply", "upgrade", None, dict(plain, target=dict(reply, revision=REVISION))),
        ("a relation with one end", "malformed", None, dict(plain, target={"from": one, "type": "relation"})),
        ("a relation to no session", "malformed", None, dict(plain, target=dict(relation, to={"annotation": three}))),
        ("more about a relation", "upgrade", None, dict(plain, target=dict(relation, weight=1))),
        ("more about a far end", "upgrade", None, dict(plain, target=dict(relation, to=dict(relation["to"], revision=REVISION)))),
        ("the whole of no revision", "malformed", None, dict(plain, target={"type": "document"})),
        ("no status", "malformed", None, without("status")),
        ("no target", "malformed", None, without("target")),
        ("no creator", "malformed", None, without("creator")),
        ("created by another op", "malformed", None, dict(plain, created=2)),
        ("created as deleted", "upgrade", None, dict(plain, deleted=True)),
        ("a label that is a name", "malformed", None, dict(plain, label="claim")),
        ("a label that is null", "malformed", None, dict(plain, label=None)),
        ("a span without words", "malformed", None, aimed({"start": 0, "end": 1})),
        ("a span that runs backwards", "malformed", None, aimed(dict(span, start=2))),
        ("no spans", "malformed", None, aimed()),
        ("more about the target", "upgrade", None, aimed(span, page=3)),
        ("confidence above one", "malformed", None, dict(plain, confidence=1001)),
        ("an attribute that is a list", "malformed", None, dict(plain, attributes={"a": []})),
        ("an attribute made null", "malformed", None, dict(plain, attributes={"a": None})),
        ("an update of what never changes", "upgrade", rows[0]["after"], {"created": 1}),
        ("another creator", "upgrade", rows[0]["after"], {"creator": BEN}),
        ("an update of the unknown", "upgrade", rows[0]["after"], {"mood": "good"}),
        ("status null", "malformed", rows[0]["after"], {"status": None}),
        ("deleted by a number", "malformed", rows[0]["after"], {"deleted": 1}),
        ("erased words that come back", "malformed", rows[0]["after"], {"redacted": False}),
        ("created as erased", "upgrade", None, dict(plain, redacted=True)),
        ("a note that is a number", "malformed", rows[0]["after"], {"note": 1}),
    ]
    return {"applied": rows,
            "refused": [{"what": what, "name": name, "before": before, "id": one, "set": changed, "account": ANA,
                         "seq": 1 if before is None else 2} for what, name, before, changed in refused]}


class Log:
    """A session as the server would have logged it."""

    def __init__(self, stream, text):
        self.records, self.mode, self.entries, self.chain = {}, ("shared", 0), [], chain_start(stream, sha(text.encode()))

    def state(self):
        items = [sha(canonical(record).encode()) for record in self.records.values()]
        if self.mode[0] != "shared":
            items.append(sha(canonical({"mode": self.mode[0], "seq": self.mode[1]}).encode()))
        return sum_of(items)

    def prev_of(self, identity, changed):
        seqs = self.records.get(identity, {}).get("seqs", {})
        fields = [name for name in changed if name != "attributes"]
        fields += ["attributes." + name for name in changed.get("attributes", {})]
        return {field: seqs[field] for field in fields if field in seqs}

    def redact(self, author, erased, changes, base, **change):
        """Ops lose their words, and each annotation what it still had of them. The log has them as they were written: erasing changes no leaf."""
        seq = len(self.entries) + 1
        effects = [{"ids": [], "prev": {}, "set": {"ops": erased}}]
        for identity, changed in changes.items():
            effects.append({"ids": [identity], "prev": self.prev_of(identity, changed), "set": changed})
            self.records[identity] = apply(self.records[identity], identity, changed, author, seq)
        self.enter(seq, "redact", author, dict({"annotations": list(changes)}, **change), effects, base)

    def add(self, kind, account, change, changed, identity=None, step=None, base=None):
        seq = len(self.entries) + 1
        op = number_id(6, seq)
        if kind == "session.mode":
            effect = {"ids": [], "prev": {"mode": self.mode[1]}, "set": changed}
            self.mode = (changed["mode"], seq)
        else:
            identity = identity or annotation_id(op)
            if kind == "annotation.create":
                changed = dict(changed, created=seq, creator=account)
            effect = {"ids": [identity], "prev": self.prev_of(identity, changed), "set": changed}
            self.records[identity] = apply(self.records.get(identity), identity, changed, account, seq)
        self.enter(seq, kind, account, change, [effect], base, step)
        return identity

    def enter(self, seq, kind, account, change, effects, base=None, step=None):
        op = number_id(6, seq)
        intent = {"change": dict(change, kind=kind)}
        if base is not None:
            intent["base"] = base
        at = f"2026-11-21T18:{seq // 4:02d}:{seq % 4 * 15:02d}.{seq * 31 % 1000:03d}Z"
        payload = {"account": account, "at": at, "codebook": 1 + seq // 10, "effects": effects, "intent": intent, "kind": kind,
                   "op": op, "seq": seq}
        if step:
            payload["step"] = step
        salt = sha(b"salt %d" % seq)[:16]
        self.chain = chain_next(self.chain, leaf_of(salt, canonical(payload)))
        self.entries.append({"payload": payload, "salt": salt.hex(), "chain": self.chain.hex(), "state": self.state().hex(),
                             "annotations": sum("deleted" not in record for record in self.records.values())})


def log_vectors():
    log = Log(STREAM, BRIEF)

    def tag(account, label, asked, step=None, **more):
        wanted = dict({"label": label, "target": {"type": "spans", "spans": [asked]}}, **more)
        stored = dict(more, label={"claim": CLAIM, "evidence": EVIDENCE}[label],
                      target=resolve(BRIEF, REVISION, wanted["target"]),
                      status=more.get("status", "proposed" if "agent" in more else "active"))
        return log.add("annotation.create", account, wanted, stored, step=step)

    def link(account, asked, stored, **more):
        fields = dict({"status": "active"}, **more)
        return log.add("annotation.create", account, dict(more, target=asked), dict(fields, target=stored))

    def edit(account, identity, changed, base, **asked):
        log.add("annotation.update", account, dict({"annotation": identity}, **(asked or changed)), changed, identity, base=base)

    def remove(account, identity, base, back=False):
        kind = "annotation.restore" if back else "annotation.delete"
        log.add(kind, account, {"annotation": identity}, {"deleted": not back}, identity, base=base)

    first = tag(ANA, "claim", {"exact": "stood together"})
    second = tag(BEN, "evidence", {"start": 0, "end": 6}, note="a capital")
    third = tag(BOT, "claim", {"exact": "Beijing"}, agent="tagger/1.2", confidence=731, run="night",
                attributes={"page": 1, "certain": False})
    edit(BEN, first, {"label": EVIDENCE}, 3, label="evidence")
    edit(ANA, first, {"label": CLAIM}, 4, label="claim")
    edit(ANA, second, {"note": "the capital", "attributes": {"page": 2, "why": "\u201cMoscow\u201d"}}, 5)
    edit(BEN, second, {"attributes": {"page": None}}, number_id(6, 6))
    remove(BEN, third, 7)
    remove(BOT, third, 8, back=True)
    edit(BEN, third, {"status": "accepted"}, 9)
    log.add("session.mode", ANA, {"mode": "closed"}, {"mode": "closed"}, base=10)
    log.add("session.mode", ANA, {"mode": "shared"}, {"mode": "shared"}, base=11)
    fourth = log.add("annotation.create", BEN, {"target": {"type": "document"}, "note": "overall"},
                     {"note": "overall", "status": "active", "target": {"revision": REVISION, "type": "document"}},
                     identity=number_id(5, 77))
    step = number_id(7, 1)
    bulk = [tag(BOT, "evidence", {"exact": "was", "nth": nth}, step=step, agent="tagger/1.2") for nth in (1, 2)]
    edit(ANA, fourth, {"label": CLAIM}, 15, label="claim")
    edit(BEN, fourth, {"label": None}, 16)
    wider = {"type": "spans", "spans": [{"exact": "\u201cstood together\u201d"}]}
    edit(BEN, first, {"target": resolve(BRIEF, REVISION, wider)}, 17, target=wider)
    edit(ANA, first, {"status": "resolved"}, 18)
    edit(ANA, first, {"status": "resolved"}, 19)
    remove(ANA, second, 20)
    for identity in bulk:
        edit(BEN, identity, {"status": "rejected"}, 21)
    remove(ANA, bulk[0], 23)
    tag(ANA, "claim", {"exact": "caf\u00e9", "suffix": " was loud"})
    tag(ANA, "claim", {"exact": "\u0645\u0631\u062D\u0628\u0627"}, attributes={"language": "ar"})
    remove(ANA, second, 26, back=True)
    edit(BEN, second, {"note": None}, 27)
    edit(BEN, second, {"attributes": {"page": 3}}, 28)
    answer = link(BEN, {"type": "annotation", "annotation": first}, {"annotation": first, "type": "annotation"}, note="says who?")
    deeper = link(ANA, {"type": "annotation", "annotation": answer}, {"annotation": answer, "type": "annotation"}, note="page 2")
    near = link(ANA, {"type": "relation", "from": first, "to": {"annotation": second}},
                {"from": first, "to": {"annotation": second, "session": STREAM}, "type": "relation"}, label=SUPPORTS)
    far = {"annotation": first, "session": OTHER_STREAM}
    link(BOT, {"type": "relation", "from": third, "to": far}, {"from": third, "to": far, "type": "relation"}, label=SUPPORTS,
         agent="linker/1", status="proposed", confidence=500)
    edit(BEN, near, {"target": {"from": second, "to": far, "type": "relation"}}, 33)
    edit(BEN, first, {"status": "active"}, 34)
    remove(BEN, answer, 35)
    edit(ANA, deeper, {"note": "page 3"}, 36)
    log.add("session.mode", ANA, {"mode": "closed"}, {"mode": "closed"}, base=37)
    log.redact(ANA, [2, 6, 31, 37], {second: {"attributes": {"why": None}, "redacted": True}, deeper: {"note": None, "redacted": True}}, 38,
               reason="asked for by the author")
    log.redact(BEN, [13], {fourth: {"note": None, "redacted": True}}, 39, account=BEN)
    return {"stream": STREAM, "text": BRIEF, "revision": sha(BRIEF.encode()).hex(), "ops": log.entries,
            "records": [canonical(record) for record in log.records.values()]}


# ---- the codebook

TERM_FIELDS = {
    "label": {"name", "parent", "colour", "hotkey", "definition", "examples"},
    "attribute": {"name", "type", "values", "minimum", "maximum", "labels", "definition"},
    "relation": {"name", "from", "to", "symmetric", "colour", "definition"},
}


def apply_term(before, kind, identity, changed, account, seq):
    record = dict(before) if before else {"id": identity, "kind": kind, "created": seq}
    for name, value in changed.items():
        if value is None or value is False:
            record.pop(name, None)
        else:
            record[name] = value
    return dict(record, by=account, seq=seq)


def apply_project_op(terms, op):
    """An op of a project's stream, on {id: record}."""
    kind = op["kind"].split(".")[0]
    if kind not in TERM_FIELDS:
        return
    for effect in op["effects"]:
        changed = dict(effect["set"])
        for identity in effect["ids"] or [changed.pop("label")]:  # the first version named a new label in set
            changed.pop("kind", None)
            terms[identity] = apply_term(terms.get(identity), kind, identity, changed, op["account"], op["seq"])


def below(terms, label, other):
    while label is not None and label != other:
        label = terms.get(label, {}).get("parent")
    return label is not None


def may_stand(terms, allowed, label):
    return allowed is None or any(below(terms, label, one) for one in allowed)


def is_link(value):
    return value.startswith(("http://", "https://", "mailto:", "urn:", "doi:")) and value[-1] not in ":/" and " " not in value


def check_attribute(terms, is_open, name, value, label):
    found = [term for term in terms.values() if term["kind"] == "attribute" and term["name"] == name]
    if not found:
        return "ok" if is_open else "unknown_attribute"
    term = found[0]
    number = isinstance(value, int) and not isinstance(value, bool)
    good = {"text": isinstance(value, str), "boolean": isinstance(value, bool), "enum": value in term.get("values", []),
            "link": isinstance(value, str) and is_link(value),
            "integer": number and term.get("minimum", value) <= value <= term.get("maximum", value)}[term["type"]]
    return "ok" if good and may_stand(terms, term.get("labels"), label) else "invalid_attribute"


def check_ends(terms, relation, start, end):
    term = terms.get(relation)
    if term is None or term["kind"] != "relation":
        return "unknown_label"
    ways = [(start, end)] + ([(end, start)] if term.get("symmetric") else [])
    fine = any(may_stand(terms, term.get("from"), a) and may_stand(terms, term.get("to"), b) for a, b in ways)
    return "ok" if fine else "invalid_endpoint"


def codebook_ops():
    label = [number_id(9, i) for i in range(1, 5)]
    attribute = [number_id(10, i) for i in range(1, 6)]
    relation = [number_id(11, i) for i in range(1, 3)]
    asked = [
        (ANA, "project.create", [], {"name": "Harbour"}),
        (ANA, "label.create", [], {"label": label[0], "name": "claim"}),
        (BEN, "label.create", [label[1]], {"kind": "label", "name": "counter-claim", "parent": label[0], "colour": "#aa3300",
                                           "hotkey": "c", "definition": "Says the opposite.", "examples": ["It is not so."]}),
        (ANA, "label.create", [label[2]], {"kind": "label", "name": "\u4e2d\u56fd"}),
        (ANA, "label.create", [label[3]], {"kind": "label", "name": "evidence", "hotkey": "\u00e9"}),
        (BEN, "label.update", [label[2]], {"name": "place", "colour": "#00ff00"}),
        (BEN, "label.update", [label[1]], {"colour": None, "hotkey": "k", "examples": None}),
        (ANA, "label.update", [label[3]], {"retired": True}),
        (ANA, "attribute.create", [attribute[0]], {"kind": "attribute", "name": "strength", "type": "integer", "minimum": 1,
                                                   "maximum": 5, "labels": [label[0]]}),
        (ANA, "attribute.create", [attribute[1]], {"kind": "attribute", "name": "tone", "type": "enum",
                                                   "values": ["calm", "loud"]}),
        (ANA, "attribute.create", [attribute[2]], {"kind": "attribute", "name": "certain", "type": "boolean"}),
        (ANA, "attribute.create", [attribute[3]], {"kind": "attribute", "name": "source", "type": "link"}),
        (ANA, "attribute.create", [attribute[4]], {"kind": "attribute", "name": "why", "type": "text",
                                                   "definition": "In one's own words."}),
        (BEN, "attribute.update", [attribute[1]], {"values": ["calm", "loud", "\u00e9gal"]}),
        (BEN, "attribute.update", [attribute[0]], {"maximum": None}),
        (ANA, "relation.create", [relation[0]], {"kind": "relation", "name": "supports", "from": [label[3]], "to": [label[0]]}),
        (ANA, "relation.create", [relation[1]], {"kind": "relation", "name": "contradicts", "from": [label[0]], "to": [label[2]],
                                                 "symmetric": True, "colour": "#123456"}),
        (BEN, "relation.update", [relation[0]], {"definition": "Speaks for it.", "symmetric": False}),
        (ANA, "label.update", [label[3]], {"retired": False, "parent": label[2]}),
        (ANA, "codebook.policy", [], {"open": False}),
        (ANA, "member.set", [], {"account": BEN, "role": "curator"}),
    ]
    ops = []
    for seq, (account, kind, ids, changed) in enumerate(asked, 1):
        ops.append({"account": account, "at": f"2026-11-21T19:00:{seq:02d}.000Z", "codebook": 0,
                    "effects": [{"ids": ids, "prev": {}, "set": changed}], "intent": {"change": {"kind": kind}}, "kind": kind,
                    "op": number_id(12, seq), "seq": seq})
    return ops, label, relation


def codebook_vectors():
    ops, label, relation = codebook_ops()
    terms, steps = {}, []
    for op in ops:
        apply_project_op(terms, op)
        steps.append({"payload": op, "records": [canonical(terms[identity]) for identity in sorted(terms)]})
    values = [("strength", 1, label[0]), ("strength", 0, label[0]), ("strength", 900, label[1]), ("strength", 3, label[2]),
              ("strength", 3, None), ("strength", "3", label[0]), ("strength", True, label[0]), ("tone", "calm", None),
              ("tone", "Calm", None), ("tone", "\u00e9gal", label[3]), ("tone", 1, None), ("certain", False, None),
              ("certain", 0, None), ("source", "https://example.org/a?b=1", None), ("source", "javascript:alert(1)", None),
              ("source", "https://", None), ("source", "https://a b", None), ("why", "because", None), ("why", 7, None),
              ("unheard-of", 7, None)]
    ends = [(relation[0], label[3], label[0]), (relation[0], label[0], label[3]), (relation[0], label[3], label[1]),
            (relation[0], None, label[0]), (relation[1], label[0], label[2]), (relation[1], label[3], label[1]),
            (relation[1], label[0], label[1]), (label[0], label[0], label[0]), (number_id(11, 9), None, None)]
    claim = terms[label[0]]
    strength = next(term for term in terms.values() if term["name"] == "strength")
    refused = [
        ("a field of a newer version", "upgrade", "label", claim, {"weight": 1}),
        ("a field of another kind", "upgrade", "label", claim, {"type": "text"}),
        ("a colour by name", "malformed", "label", claim, {"colour": "red"}),
        ("a colour in capitals", "malformed", "label", claim, {"colour": "#FF0000"}),
        ("a hotkey of two letters", "malformed", "label", claim, {"hotkey": "ab"}),
        ("a hotkey that is a blank", "malformed", "label", claim, {"hotkey": " "}),
        ("a parent that is a name", "malformed", "label", claim, {"parent": "claim"}),
        ("examples that are one text", "malformed", "label", claim, {"examples": "one"}),
        ("the same example twice", "malformed", "label", claim, {"examples": ["a", "a"]}),
        ("no name", "malformed", "label", None, {"kind": "label"}),
        ("an empty name", "malformed", "label", None, {"kind": "label", "name": ""}),
        ("a name that is taken away", "malformed", "label", claim, {"name": None}),
        ("a new label that is retired", "upgrade", "label", None, {"kind": "label", "name": "x", "retired": True}),
        ("an attribute's name with a blank", "malformed", "attribute", strength, {"name": "how strong"}),
        ("a type of attribute that is none", "malformed", "attribute", strength, {"type": "colour"}),
        ("an enum without values", "invalid_params", "attribute", None, {"kind": "attribute", "name": "a", "type": "enum"}),
        ("values of a text", "invalid_params", "attribute", None,
         {"kind": "attribute", "name": "a", "type": "text", "values": ["x"]}),
        ("a minimum above the maximum", "invalid_params", "attribute", strength, {"minimum": 7, "maximum": 6}),
        ("a limit of a text", "invalid_params", "attribute", strength, {"type": "text"}),
        ("an end that is no id", "malformed", "relation", None, {"kind": "relation", "name": "a", "from": ["claim"]}),
        ("an empty list of ends", "malformed", "relation", None, {"kind": "relation", "name": "a", "from": []}),
        ("more than a record may have", "too_large", "label", None,
         {"kind": "label", "name": "a", "definition": "\u0001" * 6000}),
    ]
    return {"ops": steps,
            "attributes": [{"name": name, "value": value, "label": on, "open": is_open,
                            "expected": check_attribute(terms, is_open, name, value, on)}
                           for is_open in (False, True) for name, value, on in values],
            "ends": [{"relation": one, "from": start, "to": end, "expected": check_ends(terms, one, start, end)}
                     for one, start, end in ends],
            "refused": [{"what": what, "name": name, "kind": kind, "before": before, "set": changed}
                        for what, name, kind, before, changed in refused]}


FILES = {"hash.json": hash_vectors, "canon.json": canon_vectors, "text.json": text_vectors, "target.json": target_vectors,
         "annotation.json": annotation_vectors, "log.json": log_vectors, "codebook.json": codebook_vectors}


def main():
    differing = []
    for name, make in FILES.items():
        text = json.dumps(make(), indent=1, ensure_ascii=True) + "\n"
        path = os.path.join(HERE, name)
        if "--check" in sys.argv[1:]:
            with open(path, encoding="ascii") as file:
                differing += [name] if file.read() != text else []
        else:
            with open(path, "w", encoding="ascii") as file:
                file.write(text)
    if differing:
        print("not what make_vectors.py writes:", ", ".join(differing))
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
