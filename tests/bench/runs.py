"""runs.py - runs that were made: kept in a file outside the checkout, a line of JSON each, so that runs of different times count together.

    runs.add(path, run)              # as soon as it is over
    everything = runs.read(path)

A run: kind (peers, floors, workers, large, long, storm), size, commit, command, when, seconds, load (before it began), machine, figures, noise, remarks, faults, skipped.
"""
import datetime
import json
import os
import shutil
import statistics
import subprocess

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KINDS = ("peers", "floors", "workers", "large", "long", "storm")


def commit():
    if not shutil.which("git"):
        return "unknown"
    done = subprocess.run(["git", "-C", SOURCE, "log", "-1", "--format=%h %cs"], capture_output=True, text=True)
    changed = subprocess.run(["git", "-C", SOURCE, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True)
    return (done.stdout.strip() or "unknown") + (", with changes that are not committed" if changed.stdout.strip() else "")


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 1024 / 1024
    database = subprocess.run(["psql", "--version"], capture_output=True, text=True).stdout.split()
    return f"{os.cpu_count()} cores ({models[0] if models else 'unknown'}), {memory:.0f} GiB, Linux {os.uname().release}, PostgreSQL {database[2] if len(database) > 2 else '?'}"


def begin(kind, size, command):
    """What is known of a run before it."""
    return {"kind": kind, "size": size, "commit": commit(), "command": command, "when": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M}", "seconds": 0.0,
            "load": round(os.getloadavg()[0], 2), "machine": machine(), "figures": {}, "noise": [], "remarks": [], "faults": [], "skipped": []}


def add(path, run):
    with open(path, "a") as file:
        file.write(json.dumps(run) + "\n")


def read(path):
    with open(path) as file:
        return [json.loads(line) for line in file if line.strip()]


def to_record(every):
    """(those that RESULTS.md and costs.json are made of, a line for each that is left out): whole runs in which nothing was lost."""
    chosen = [run for run in every if run["size"] == "all" and not run["faults"]]
    return chosen, [f"{run['when']} UTC, {run['kind']}: {run['faults'][0].splitlines()[0] if run['faults'] else 'not whole'}" for run in every if run not in chosen]


def of_kind(every, kind):
    return [run for run in every if run["kind"] == kind]


def at(figures, server, path):
    """A figure by its path, as "A1.delivery.p99"; None when it was not measured."""
    value = figures.get(server, {})
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            return None
    return value


def middle(figures, read):
    """(median, least, most) of what `read` gives of each run's figures."""
    values = [value for value in map(read, figures) if value is not None]
    return (statistics.median(values), min(values), max(values)) if values else (None, None, None)
