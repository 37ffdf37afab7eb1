"""page.py - the one page of a run that failed: which promise, which client, which seq, what stood around it in the histories, and the command that
repeats it."""
import json
import os

MOST = 3       # violations that are shown with their surroundings
AROUND = 5     # lines of a history before and after
OTHERS = 12    # lines of other clients
FAULT_MS = 5000


def command(arguments, leg):
    words = ["tests/fire/run", "--seed", str(arguments.seed)]
    words += ["--long"] if arguments.long else []
    words += [leg.option] if leg.option else ["--workers", str(leg.ground["workers"])]
    words += ["--only", f"'{arguments.only}'"] if arguments.only else []
    words += ["--clients", arguments.clients] if arguments.clients else []
    return " ".join(words)


def show(line):
    short = {key: value if key != "payload" else json.loads(value).get("intent") for key, value in line.items() if key not in ("salt",)}
    text = json.dumps(short, ensure_ascii=False)
    return text if len(text) <= 260 else text[:257] + "..."


def is_about(line, violation):
    return line.get("s") == violation.session and ((violation.op and line.get("op") == violation.op) or (violation.seq is not None and line.get("seq") == violation.seq))


def around(record, violation):
    if violation.client:
        lines = record.clients[violation.client]
        for at in [i for i, line in enumerate(lines) if is_about(line, violation)][:2]:
            yield f"{violation.client}, line {at + 1}"
            for i in range(max(0, at - AROUND), min(len(lines), at + AROUND + 1)):
                yield ("> " if i == at else "  ") + show(lines[i])
    others = [(client, line) for client, lines in record.clients.items() if client != violation.client for line in lines if is_about(line, violation)]
    if others:
        yield f"others, {len(others)} lines"
        for client, line in sorted(others, key=lambda it: it[1]["t"])[:OTHERS]:
            yield f"  {client}: {show(line)}"
    log = record.log.get(violation.session, [])
    seq = violation.seq if violation.seq is not None else next((line["seq"] for line in log if line["op"] == violation.op), None)
    yield f"stored, {len(log)} ops" + ("" if seq is not None else ", this one not")
    for line in log:
        if seq is not None and abs(line["seq"] - seq) <= 2:
            yield ("> " if line["seq"] == seq else "  ") + show(line)
    yield from faults_near(record, violation)


def faults_near(record, violation):
    lines = record.clients.get(violation.client, [])
    times = [line["t"] for line in lines if is_about(line, violation)]
    for fault in record.faults:
        if any(fault["t"] - FAULT_MS <= at <= fault["healed"] + FAULT_MS for at in times[:1]):
            yield f"fault {show(fault)}"


def finish(folder, lines, repeat):
    lines += ["", f"repeat it: {repeat}", f"everything: {folder}"]
    text = "\n".join(lines)
    with open(os.path.join(folder, "page.txt"), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    return text


def of_violations(record, violations, repeat, error=None):
    """error: why the run was broken off, if it was."""
    counts = {}
    for violation in violations:
        counts[violation.promise] = counts.get(violation.promise, 0) + 1
    lines = ["", "---- not kept: " + ", ".join(f"{promise} ({count})" for promise, count in counts.items())]
    lines += [f"broken off: {type(error).__name__}: {str(error)[:1000]}"] if error else []
    shown = set()
    for violation in violations:
        if violation.promise in shown or len(shown) == MOST:
            continue
        shown.add(violation.promise)
        lines += ["", str(violation), *around(record, violation)]
    return finish(record.folder, lines, repeat)


def last_lines(path, count):
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line.rstrip()[:260] for line in file.readlines()[-count:]]


def of_error(folder, error, repeat):
    """It did not come to an end: what was struck last, and what the server said."""
    lines = ["", f"---- broken off: {type(error).__name__}: {str(error)[:3000]}"]
    for name, count in (("faults.jsonl", 3), ("glossd.log", 25)):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            lines += ["", name, *("  " + line for line in last_lines(path, count))]
    return finish(folder, lines, repeat)
