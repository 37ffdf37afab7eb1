"""What windows.py says of measurements whose truth is known: drawn numbers, the same each time."""
import random
import unittest

from windows import Windows


def window(draw, factor, pace):
    """Some hundred deliveries, of which some are much slower, on a machine that is now fast and now slow."""
    found = {}
    for _ in range(400):
        value = int(1000 * pace * factor * draw.lognormvariate(0, 0.5))
        found[value] = found.get(value, 0) + 1
    return found


def measured(factor, pairs=20, seed=1):
    draw, windows = random.Random(seed), Windows()
    for _ in range(pairs):
        both, order = {}, windows.order()
        pace = draw.lognormvariate(0, 0.5)  # of the machine, for as long as a pair takes
        for is_with in order:
            both[is_with] = window(draw, factor if is_with else 1, pace * draw.lognormvariate(0, 0.03))
        windows.add(both[False], both[True])
    return windows


class Known(unittest.TestCase):
    def test_percentile(self):
        windows = Windows(share=0.99)
        windows.add({1: 980, 2: 12, 3: 7, 4: 1}, {1: 500, 7: 500})
        self.assertEqual(windows.percentiles(), (2, 7))
        self.assertAlmostEqual(windows.ratio(), 7 / 2)

    def test_orders_are_drawn(self):
        windows = Windows()
        self.assertEqual({windows.order() for _ in range(64)}, {(False, True), (True, False)})

    def test_nothing_measured(self):
        windows = Windows()
        windows.add({}, {})
        self.assertRaises(ValueError, windows.ratio)

    def test_no_effect_is_in_the_interval(self):
        """In nearly all of twenty runs; the machine's pace alone differs by half."""
        inside = 0
        for seed in range(20):
            low, high = measured(1, seed=seed).interval(draws=200)
            inside += low <= 1 <= high
        self.assertGreaterEqual(inside, 17)

    def test_an_effect_is_found(self):
        for factor in (1.5, 2):
            low, high = measured(factor).interval(draws=300)
            self.assertGreater(low, 1.1)
            self.assertTrue(low <= factor <= high, (low, factor, high))

    def test_more_windows_make_it_surer(self):
        few, many = (high - low for low, high in (measured(1, pairs).interval(draws=300) for pairs in (6, 60)))
        self.assertLess(many, few)


if __name__ == "__main__":
    unittest.main()
