"""table.py - what was measured, in words: the rows that Gloss must reach (each once, here), every figure of every server, and RESULTS.md.

Figures are {server: {workload: figures}}, one for each run; of several runs the median counts, and the spread is told.
"""
import peers
from runs import at, middle


def own(path):
    return lambda figures: at(figures, "gloss", path)


def ratio(path, peer, more=None):
    """Gloss's figure (with a second one added) by that of a peer."""
    def value(figures):
        mine, theirs = at(figures, "gloss", path), at(figures, peer, path)
        if mine is None or not theirs:
            return None
        return (mine + (at(figures, "gloss", more) or 0 if more else 0)) / theirs
    return value


def doubled(figures):
    """CPU of a delivery with all readers, by that with half of them."""
    whole, half = ([at(figures, "gloss", f"A1.{part}{who}_us_delivery") for who in ("server", "database")] for part in ("", "half."))
    return sum(whole) / sum(half) if None not in whole + half and sum(half) else None


def growth(figures):
    few, many = at(figures, "gloss", "E.all.p50"), at(figures, "gloss", "E.many.all.p50")
    counts = at(figures, "gloss", "E.annotations"), at(figures, "gloss", "E.many.annotations")
    return many / few / (counts[1] / counts[0]) if few and many else None


MOST, LEAST = "at most", "at least"
WORDS = {True: "reached", False: "NOT reached", None: "not measured"}
ROWS = (  # workload, what, how it is worked out, whether it may be at most or must be at least, so much
    ("A1", "p99 of delivery, of nchan's", ratio("A1.delivery.p99", "nchan"), MOST, 1.25),
    ("A1", "CPU a delivery (server and database), of nchan's", ratio("A1.server_us_delivery", "nchan", "A1.database_us_delivery"), MOST, 0.7),
    ("A1", "CPU a delivery, twice the subscribers by half of them", doubled, MOST, 1.1),
    ("A2", "deliveries a second, of Hocuspocus's", ratio("A2.deliveries_s", "hocuspocus"), LEAST, 1),
    ("A2", "deliveries a second, of nchan's", ratio("A2.deliveries_s", "nchan"), LEAST, 20),
    ("A2", "deliveries a second, of ShareDB's", ratio("A2.deliveries_s", "sharedb"), LEAST, 12),
    ("B1", "p99 of delivery, of INSERT-then-relay's", ratio("B1.delivery.p99", "relay"), MOST, 0.2),
    ("B1", "CPU an op (server and database), of nchan's alone", ratio("B1.server_us_op", "nchan", "B1.database_us_op"), MOST, 1.25),
    ("B2", "ops a second, of INSERT-then-relay's", ratio("B2.ops_s", "relay"), LEAST, 2),
    ("C1", "ops a second, of nchan's", ratio("C1.ops_s", "nchan"), LEAST, 1.1),
    ("C1", "ops a second, of INSERT-then-relay's", ratio("C1.ops_s", "relay"), LEAST, 4),
    ("C2", "ops a second", own("C2.ops_s"), LEAST, 30000),
    ("D", "bytes a connection, of mosquitto's", ratio("D.bytes_connection", "mosquitto"), MOST, 1),
    ("D", "bytes a connection, of bare OpenSSL's", ratio("D.bytes_connection", "echo"), MOST, 1.05),
    ("D", "CPU an arrival (server: handshake, sign-in, join), of nchan's handshake", ratio("D.handshake_us", "nchan"), MOST, 1.1),
    ("E", "join to the last of 10 000 annotations, p50, ms", own("E.all.p50"), MOST, 13),
    ("E", "join to the first page, p50, ms", own("E.first.p50"), MOST, 5),
    ("E", "100 000 annotations: longer than in proportion", growth, MOST, 1.1),
    ("F", "submit to acknowledged, p50, ms", own("F.answer.p50"), MOST, 1.2),
    ("F", "submit to another client, p50, ms", own("F.delivery.p50"), MOST, 1.5),
    ("F", "submit to acknowledged, p99, ms", own("F.answer.p99"), MOST, 4),
    ("F", "submit to another client, p99, ms", own("F.delivery.p99"), MOST, 5),
)
LATENCY = (("p50 ms", "delivery.p50"), ("p99", "delivery.p99"), ("p99.9", "delivery.p999"), ("max", "delivery.max"))
ANSWER = (("acknowledged p50", "answer.p50"), ("p99", "answer.p99"), ("p99.9", "answer.p999"), ("max", "answer.max"))
BUSY = (("cores: server", "server_cores"), ("database", "database_cores"), ("generator", "generator_cores"))
PER_OP = (("server µs an op", "server_us_op"), ("database", "database_us_op"))
PER_DELIVERY = (("server µs each", "server_us_delivery"), ("database", "database_us_delivery"), ("bytes each", "bytes_delivery"))
COLUMNS = {  # workload: heading and figure
    "A1": LATENCY + (("deliveries/s", "deliveries_s"),) + PER_DELIVERY + BUSY + ANSWER,
    "A2": (("deliveries/s", "deliveries_s"), ("ops/s", "rate")) + LATENCY + PER_DELIVERY + BUSY,
    "B1": LATENCY + (("ops/s", "ops_s"), ("deliveries/s", "deliveries_s")) + PER_OP + BUSY + ANSWER,
    "B2": (("ops/s", "ops_s"), ("deliveries/s", "deliveries_s")) + LATENCY + PER_OP + BUSY,
    "C1": (("ops/s", "ops_s"),) + PER_OP + (("bytes an op, 11 clients", "bytes_op"),) + BUSY + LATENCY + ANSWER,
    "C2": (("ops/s", "ops_s"),) + PER_OP + (("bytes an op, 11 clients", "bytes_op"),) + BUSY + LATENCY + ANSWER,
    "D": (("bytes a connection", "bytes_connection"), ("with 5 000", "5000.bytes_connection"), ("with 10 000", "10000.bytes_connection"), ("of the database", "10000.database_bytes_connection"),
          ("arrivals/s", "arrivals_s"), ("arrival: server µs", "handshake_us"), ("database", "database_us")),
    "E": (("annotations", "annotations"), ("first ms, p50", "first.p50"), ("last ms, p50", "all.p50"), ("p99", "all.p99"), ("p99.9", "all.p999"), ("max", "all.max"), ("server µs a join", "server_us_join"), ("database", "database_us_join"),
          ("bytes each", "bytes_annotation"), ("100 000: first", "many.first.p50"), ("last", "many.all.p50"), ("p99", "many.all.p99"), ("max", "many.all.max")),
    "F": ANSWER + (("another client p50", "delivery.p50"), ("p99", "delivery.p99"), ("p99.9", "delivery.p999"), ("max", "delivery.max")) + PER_OP,
}
TITLES = {"A1": "one session, 50 ops/s, 1 000 subscribers", "A2": "the same, as fast as p99 stays under 250 ms", "B1": "200 sessions of 10, each 1 op/s",
          "B2": "the same, as fast as p99 stays under 250 ms", "C1": "one script, 64 in flight, one op a frame, 10 subscribers", "C2": "the same in frames of 64",
          "D": "idle connections that have joined", "E": "joining a session with 10 000 annotations", "F": "one op, quiet server"}


def number(value):
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values, runs):
    median, least, most = values
    if median is None:
        return "–"
    return number(median) if runs == 1 else f"{number(median)} ({number(least)}–{number(most)})"


def is_reached(value, kind, wanted):
    return None if value is None else value <= wanted if kind == MOST else value >= wanted


def rows(runs):
    """(workload, what, figure with its spread, what it must be, reached?) of every row."""
    for workload, what, read, kind, wanted in ROWS:
        values = middle(runs, read)
        yield workload, what, spread(values, len(runs)), f"{kind} {number(wanted)}", is_reached(values[0], kind, wanted)


def ratios(runs):
    lines = ["| | what | here | must be | |", "|---|---|---|---|---|"]
    lines += [f"| {workload} | {what} | {figure} | {wanted} | {WORDS[reached]} |" for workload, what, figure, wanted, reached in rows(runs)]
    return lines


def figures(runs):
    """A table a workload: a line for each server that was measured."""
    lines = []
    for workload, columns in COLUMNS.items():
        servers = [name for name in peers.NAMES if any(run.get(name, {}).get(workload) for run in runs)]
        columns = [column for column in columns if any(middle(runs, lambda run, name=name, path=column[1]: at(run, name, f"{workload}.{path}"))[0] is not None for name in servers)]
        if not servers:
            continue
        lines += ["", f"**{workload}** {TITLES[workload]}", "", "| | " + " | ".join(heading for heading, _ in columns) + " |", "|---" * (len(columns) + 1) + "|"]
        for name in servers:
            cells = [spread(middle(runs, lambda run, path=path: at(run, name, f"{workload}.{path}")), len(runs)) for _, path in columns]
            lines.append(f"| {peers.NAMES[name].title}{' (durable)' if peers.NAMES[name].is_durable else ''} | " + " | ".join(cells) + " |")
    return lines


def columns(figures, title, prefix, columns_of, is_wanted):
    """A table of a mode of Gloss alone: a line for each of its figures whose name begins so."""
    names = [name for name in dict.fromkeys(name for one in figures for name in one) if name.startswith(prefix) and any(is_wanted(one[name]) for one in figures if name in one)]
    if not names:
        return []
    found = ["", f"**{title}**", "", "| | " + " | ".join(heading for heading, _ in columns_of) + " |", "|---" * (len(columns_of) + 1) + "|"]
    for name in names:
        cells = [spread(middle(figures, lambda one, path=path: at(one, name, path)), len(figures)) for _, path in columns_of]
        found.append(f"| {name.removeprefix(prefix) or name} | " + " | ".join(cells) + " |")
    return found
