"""stored.py - what PostgreSQL holds at the end of a run, written down beside the histories for the checker: stored.jsonl.

One line a session {"k":"stream"}, one an op {"k":"log"} in the order of the log, one a person {"k":"member"}. `committed` is when PostgreSQL committed the
transaction that wrote the op, in milliseconds since the run began, if the cluster keeps that.
"""
import json
import os
import subprocess

QUERIES = (
    """select json_build_object('k', 'stream', 's', s.id, 'project', s.project, 'head', s.head, 'start', encode(s.chain_start, 'hex'),
              'chain', encode(s.chain, 'hex'), 'sum', encode(s.sum, 'hex'), 'mode', s.mode, 'mode_seq', s.mode_seq)
       from stream s where s.kind = 'session' order by s.id""",
    """select json_build_object('k', 'member', 'project', m.project, 'account', m.account, 'name', a.name)
       from member m join account a on a.id = m.account order by 1::text""",
    """select json_build_object('k', 'log', 's', o.stream, 'seq', o.seq, 'op', o.op_id, 'account', o.account, 'salt', encode(o.salt, 'hex'),
              'chain', encode(o.chain, 'hex'), 'payload', o.payload, 'committed', {committed})
       from op o join stream s on s.id = o.stream where s.kind = 'session' order by o.stream, o.seq""",
)
COMMITTED = "round(extract(epoch from pg_xact_commit_timestamp(o.xmin)) * 1000 - {began:.0f})"


def query(ground, statement, file):
    """COPY, because an aligned or quoted column would not be the line itself; the delimiter and the quote are characters that JSON text does not have."""
    copy = f"copy ({statement}) to stdout (format csv, delimiter E'\\x01', quote E'\\x02')"
    subprocess.run(["psql", "-Xqd", ground.database, "-v", "ON_ERROR_STOP=1", "-c", copy], check=True, stdout=file, timeout=300)


def write(ground):
    keeps = ground.server.sql("show track_commit_timestamp")[0][0] == "on"
    committed = COMMITTED.format(began=ground.began_at * 1000) if keeps else "null"
    with open(os.path.join(ground.folder, "stored.jsonl"), "wb") as file:
        for statement in QUERIES:
            query(ground, statement.format(committed=committed), file)


def read(folder):
    with open(os.path.join(folder, "stored.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]
