"""tally.py - the figures of a run: what was done, what came of it, how long it took; and whether that is as much as was promised."""
import collections

import checker

WORKERS = ("worker", "all workers", "supervisor stopped")
POSTGRES = ("postgres",)


class Tally:
    def __init__(self):
        self.counts, self.kinds, self.broken = collections.Counter(), collections.Counter(), collections.Counter()
        self.same, self.seen, self.gaps, self.legs = [], [], [], []  # times: (ms, fault)

    def add(self, leg, record, violations):
        self.legs.append(leg.name)
        self.counts.update(checker.figures(record))
        self.broken.update(violation.promise for violation in violations)
        for fault in record.faults:
            self.kinds[fault["name"]] += 1
            self.counts["worker kills"] += fault.get("killed", 1) if fault["name"] in WORKERS else 0
            self.counts["PostgreSQL kills"] += fault["name"] in POSTGRES
            self.counts["failovers"] += fault["name"] == "failover"
            self.gaps += [(fault["gap_ms"], fault["name"])] if "gap_ms" in fault else []
            self.same.append((fault["same_ms"], fault["name"]))
            self.seen.append((max((ms for _, _, _, ms in checker.caught_up(record, fault["healed"]) if ms is not None), default=0), fault["name"]))

    def rows(self):
        counts = self.counts
        lost = self.broken["durable before visible"]
        yield "legs", ", ".join(self.legs)
        yield "struck", ", ".join(f"{count} {name}" for name, count in sorted(self.kinds.items()))
        yield "kills", f"{counts['worker kills']} of workers, {counts['PostgreSQL kills']} of PostgreSQL, {counts['failovers']} failovers"
        yield "acknowledged ops", f"{counts['acknowledged']}; {counts['refused']} refused, {counts['delivered']} deliveries, {counts['connections lost']} connections lost"
        yield "lost, or delivered before durable", f"{lost}, with {counts['kills at a delivery']} kills at the first delivery"
        yield "twice, or otherwise than asked", self.broken["exactly once"]
        yield "out of order", self.broken["one order"]
        yield "overwritten in silence", self.broken["no silent overwrite"]
        yield "chains and states that differ", f"{self.broken['convergence']}, of {counts['delivered'] + counts['states compared']} compared"
        yield "seen by strangers", f"{self.broken['nobody sees what is not theirs']}, with {counts['strangers denied']} denied"
        yield "unknown outcomes", f"{counts['unknown outcomes']}, resolved by id {counts['resolved by id']}, of them applied before {counts['of them applied before']}"
        yield "first op by a new primary", self.times(self.gaps)
        yield "after healing, all had what was known", self.times(self.seen)
        yield "and all of it, at the same chain and state", self.times(self.same)

    @staticmethod
    def times(times):
        if not times:
            return "none"
        times = sorted(times)
        return f"{times[len(times) // 2][0]} ms (median), {times[len(times) * 99 // 100][0]} (p99), {times[-1][0]} at most ({times[-1][1]})"

    def tell(self, promised):
        """Prints the figures. True: they are what was promised."""
        rows = list(self.rows())
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            print(f"{name:{width}}  {value}")
        counts = self.counts
        reached = {**counts, "acknowledged ops": counts["acknowledged"], "kills at the first delivery": counts["kills at a delivery"]}
        short = [f"{name}: {reached.get(name, 0)} of {wanted}" for name, wanted in promised.items() if reached.get(name, 0) < wanted]
        if short:
            print("less than promised:", "; ".join(short))
        return not short and not self.broken
