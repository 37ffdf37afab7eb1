"""page.py - RESULTS.md: what runs.py has kept, in words. Each row and each column is told once, in table.py and by each mode."""
import re
import statistics

import curve
import floors
import gauge
import large
import long
import runs
import storm
import table
from table import number

HEADINGS = {"floors": "Floors", "workers": "Workers and nodes", "large": "Large documents", "long": "The long run", "storm": "A storm of arrivals"}
MODES = {"floors": floors, "workers": curve, "large": large, "long": long, "storm": storm}


def unique(values):
    return list(dict.fromkeys(values))


def about(every):
    """Where and when: the lines above a table."""
    load = [run["load"] for run in every]
    lines = [f"- command: {', '.join(f'`{command}`' for command in unique(re.sub(' --add [^ ]+', '', run['command']) for run in every))}; {len(every)} run{'s' if len(every) > 1 else ''}, "
             f"{', '.join(unique(run['when'] for run in every))} UTC, {sum(run['seconds'] for run in every) / 60:.0f} minutes",
             f"- commit: {'; '.join(unique(run['commit'] for run in every))}", f"- load before: {number(min(load))}" + (f" to {number(max(load))}" if len(load) > 1 else "")]
    noise = [one for run in every for one in run["noise"]]
    return lines + ([f"- noise: {gauge.noise_in_words(noise)}"] if noise else [])


def remarks(every):
    lines = [f"- {line}" for line in unique(line for run in every for line in run["skipped"])]
    lines += [f"- {line}" for run in every for line in run["remarks"]]
    return lines + [f"- FAULT: {line.splitlines()[0]}" for run in every for line in run["faults"]]


def commits(figures):
    lines = []
    for server, path, how in (("floor", "commit", "one after the other"), ("gloss", "F.floor", "20 a second, as in F, and right behind it")):
        found = [floor for floor in (runs.at(one, server, path) for one in figures) if floor]
        if found:
            p50, p99 = (statistics.median(floor[at] for floor in found) for at in ("p50", "p99"))
            lines.append(f"- floor of a commit (pgbench, one row each, {how}): p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    return lines


def beside_peers(every):
    figures = [run["figures"] for run in every]
    return [*about(every), *commits(figures), *remarks(every), "", "## What must be reached", "", *table.ratios(figures), "", "## Everything", *table.figures(figures)]


def written(every, left_out=()):
    """The page. left_out: of runs that it does not tell of, why not."""
    lines = ["# Results", "", "Written by `tests/bench/run --record`; do not edit. What the workloads are says [README.md](README.md), how the peers are set up [PEERS.md](PEERS.md). "
             "Figures are medians of the runs, in brackets the least and the most.", "", f"Machine: {'; '.join(unique(run['machine'] for run in every))}", ""]
    lines += [*(f"- left out: {line}" for line in left_out), ""] if left_out else []
    for kind in runs.KINDS:
        chosen = runs.of_kind(every, kind)
        if not chosen:
            continue
        if kind == "peers":
            lines += beside_peers(chosen)
        else:
            lines += ["", f"## {HEADINGS[kind]}", "", *about(chosen), *remarks(chosen), "", *MODES[kind].lines([run["figures"] for run in chosen])]
    return "\n".join(lines) + "\n"
