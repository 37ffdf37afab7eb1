"""windows.py - does something make others slower? Two measurements in turns, within one run, and how sure one can be of what they say.

A percentile of one minute here and one minute there says more about the machine than about the thing: they differ by half without any cause. So short windows
with it and without it follow each other in pairs, in an order drawn by lot, and what happens to the machine meanwhile happens to both. All windows of a kind
are added up; how far the ratio of the two percentiles may be trusted is told by drawing the pairs anew, with repetition, a thousand times (bootstrap).

Owns      the histograms that it is given.
Units     those of the histograms' keys.
"""
import operator
import random

DRAWS = 1000


class Windows:
    def __init__(self, share=0.99, seed=1):
        self.share, self.pairs, self.draw = share, [], random.Random(seed)

    def order(self):
        """Of the next pair: (False, True) or (True, False)."""
        return self.draw.choice(((False, True), (True, False)))

    def add(self, without, beside):
        """A pair: how many took at most so long, each {longest: count}."""
        self.pairs.append((without, beside))

    def percentiles(self):
        """Of all without, of all with."""
        return tuple(self.at(self.table(kind), [1] * len(self.pairs)) for kind in (0, 1))

    def ratio(self):
        without, beside = self.percentiles()
        return beside / without

    def interval(self, sure=0.95, draws=DRAWS):
        """The ratio is between these, as sure as that."""
        tables = self.table(0), self.table(1)
        ratios = sorted(self.drawn_ratio(*tables) for _ in range(draws))
        skipped = int(draws * (1 - sure) / 2)
        return ratios[skipped], ratios[-1 - skipped]

    def drawn_ratio(self, without, beside):
        times = [0] * len(self.pairs)
        for _ in times:
            times[self.draw.randrange(len(times))] += 1
        return self.at(beside, times) / self.at(without, times)

    def table(self, kind):
        """How many there are in each pair's window; and how many took at most so long, the longest first."""
        windows = [pair[kind] for pair in self.pairs]
        longest = sorted({most for window in windows for most in window}, reverse=True)
        return [sum(window.values()) for window in windows], [(most, [window.get(most, 0) for window in windows]) for most in longest]

    def at(self, table, times):
        counts, steps = table
        left = sum(map(operator.mul, counts, times)) * (1 - self.share)
        for most, here in steps:
            left -= sum(map(operator.mul, here, times))
            if left < 0:
                return most
        raise ValueError("nothing was measured")
