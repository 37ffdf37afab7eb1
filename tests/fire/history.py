"""history.py - what one client asked for and was told, in the order in which it happened: one file of JSON Lines a client.

Every line has "t" (milliseconds since the run began), "k" (its kind) and mostly "s" (the session); README.md has the kinds. The checker reads nothing
else but these files and what PostgreSQL holds.
"""
import hashlib
import json
import os
import threading
import time

from replica import canonical

SHORT = 16  # hex digits of a hash that stand in a line of which there are many


def hash_of(change):
    """What was asked for, as the log's intent has it."""
    return hashlib.sha256(canonical(change)).hexdigest()[:SHORT]


class History:
    def __init__(self, folder, name, begin):
        self.name, self.begin = name, begin
        self.file = open(os.path.join(folder, name + ".jsonl"), "w", buffering=1 << 16, encoding="utf-8")  # pylint: disable=consider-using-with
        self.lock = threading.Lock()

    def now(self):
        return int((time.monotonic() - self.begin) * 1000)

    def word(self, kind, session=None, /, **more):
        line = {"t": self.now(), "k": kind, **({"s": session} if session else {}), **more}
        with self.lock:
            if not self.file.closed:
                self.file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def ask(self, session, op, again=False):
        change = op["change"]
        more = {"base": op["base"]} if "base" in op else {}
        self.word("ask", session, op=op["id"], kind=change["kind"], hash=hash_of(change), **more, **({"again": True} if again else {}))

    def result(self, session, result):
        """Of session.submit. True: it is final, and need not be sent again."""
        if "error" not in result:
            self.word("ok", session, op=result["id"], seq=result["seq"], **({"repeated": True} if result.get("repeated") else {}))
            return True
        error = result["error"]
        name = error["data"]["name"]
        if name in ("store_down", "unknown_outcome", "busy", "internal", "shutting_down"):
            if name == "unknown_outcome":
                self.word("unknown", session, op=result["id"])
            return False
        seq = error["data"].get("seq")
        self.word("refused", session, op=result["id"], code=error["code"], name=name, **({"seq": seq} if isinstance(seq, int) else {}))
        return True

    def close(self):
        with self.lock:
            self.file.close()
