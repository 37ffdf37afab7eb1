"""gauge.py - what processes cost, and how quiet the machine is meanwhile.

Everything is read from /proc; a process that ended in between is not counted. CPU in seconds, memory in bytes.
"""
import json
import os
import re
import resource
import statistics
import subprocess
import time

import server as support

NOISE = os.path.join(support.BUILD, "tests/bench/bench_noise")


def cpu_ns(pid):
    """Of all threads of a process that are alive."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                total += int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        pass
    return total


def rss(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/status") as file:
                total += int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) * 1024
        except (OSError, TypeError):
            pass
    return total


def busy_s():
    """CPU seconds of the whole machine that were not idle, and those that somebody beside it had."""
    with open("/proc/stat") as file:
        fields = [int(field) for field in file.readline().split()[1:]]
    tick = os.sysconf("SC_CLK_TCK")
    return (sum(fields[:3]) + sum(fields[5:8])) / tick, fields[7] / tick


def ended_s():
    """CPU seconds of processes that we started and that have ended: generators, for the most part."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def with_children(pid):
    found = [pid]
    for child in support.children_of(pid):
        found += with_children(child)
    return found


class Cpu:
    """CPU of named sets of processes since `mark`; each is a function that gives the pids of now."""

    def __init__(self, **of):
        self.of, self.before, self.begun, self.ended = of, {}, None, 0.0

    def read(self):
        return {name: {pid: cpu_ns(pid) for pid in pids()} for name, pids in self.of.items()}

    def mark(self):
        self.before, self.begun, self.busy, self.ended = self.read(), time.monotonic(), busy_s(), ended_s()

    def spent(self):
        """Seconds of each set, `others` of everybody else on this machine, `stolen` what was taken from it, and `seconds` of the clock."""
        now, busy, seconds = self.read(), busy_s(), time.monotonic() - self.begun
        used = {name: sum(max(0, ns - self.before[name].get(pid, 0)) for pid, ns in pids.items()) / 1e9 for name, pids in now.items()}
        used["others"] = max(0.0, busy[0] - self.busy[0] - sum(used.values()) - (ended_s() - self.ended))
        return {**used, "stolen": busy[1] - self.busy[1], "seconds": seconds}


class Noise:
    """The probe beside a measurement. with Noise() as noise: …; then noise.said."""

    def __enter__(self):
        alone = subprocess.run([NOISE, "alone"], capture_output=True, text=True, check=True)
        self.process = subprocess.Popen([NOISE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.said = {"before": json.loads(alone.stdout)}
        return self

    def __exit__(self, *_):
        said, _ = self.process.communicate()
        self.said.update(json.loads(said))


def noise_in_words(all_noise):
    """One line about a whole run: how late the probe woke, how much longer its work took at worst, what it lost while it was alone."""
    work = [noise["work_us"] for noise in all_noise if noise["work_us"]["count"]]
    late = [noise["late_us"] for noise in all_noise if noise["late_us"]["count"]]
    lost = [noise["before"]["lost"] for noise in all_noise]
    others = [noise["others"] / noise["seconds"] for noise in all_noise if noise.get("seconds")]
    if not work:
        return "not measured"
    fastest = min(one["p50"] for one in work)
    return (f"a lone spinning probe lost {100 * statistics.median(lost):.1f} % of its time before each measurement (worst {100 * max(lost):.1f} %); beside them it woke "
            f"{statistics.median(one['p50'] for one in late):.0f} µs late (p99 {statistics.median(one['p99'] for one in late):.0f}, worst {max(one['max'] for one in late):.0f} µs), "
            f"and its work took {statistics.median(one['p90'] for one in work) / max(1, fastest):.2f} times the shortest (worst {max(one['max'] for one in work) / max(1, fastest):.1f}); "
            f"programs that are none of ours used {statistics.median(others) if others else 0:.2f} cores (worst {max(others, default=0):.2f})")
