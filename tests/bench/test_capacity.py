"""The simulation beside what can be worked out by hand; and decisions/capacity.md beside costs.json."""
import importlib.machinery
import importlib.util
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "../support")]
import capacity as model  # noqa: E402
import costs as all_costs  # noqa: E402


def program():
    """tests/bench/capacity, as a module."""
    loader = importlib.machinery.SourceFileLoader("capacity_program", os.path.join(HERE, "capacity"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("capacity_program", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


FREE = {name: 0.0 for name in all_costs.UNITS}


def costs(**more):
    return {**FREE, **more}


class Limits(unittest.TestCase):
    """Where one cost is everything the limit is its inverse, and the simulation keeps up below and not above."""

    def check(self, site, given, rate, first):
        most, demand = site.limit(given)
        self.assertAlmostEqual(most / rate, 1, delta=0.01)
        self.assertEqual(max(demand, key=demand.get), first)
        self.assertTrue(model.is_carried(model.simulate(site, given, 0.8 * rate)))
        self.assertFalse(model.is_carried(model.simulate(site, given, 2 * rate)))
        return model.simulate(site, given, 0.5 * rate)

    def test_ops_of_workers(self):
        said = self.check(model.Site("x", workers=2, cores=2, database_cores=4, is_together=True), costs(worker_op_us=100), 20000, "workers")
        self.assertAlmostEqual(said["busy"]["workers"], 0.5, delta=0.05)

    def test_deliveries_are_ten_an_op(self):
        said = self.check(model.Site("x", workers=1, cores=1, database_cores=1), costs(worker_delivery_us=10), 10000, "workers")
        self.assertAlmostEqual(said["busy"]["workers"], 0.5, delta=0.05)

    def test_ops_of_the_primary(self):
        said = self.check(model.Site("x", workers=8, cores=8, database_cores=2, is_together=True), costs(database_op_us=100), 20000, "the primary's cores")
        self.assertAlmostEqual(said["busy"]["the primary's cores"], 0.5, delta=0.05)

    def test_shared_cores(self):
        self.check(model.Site("x", workers=4, cores=2, is_together=True), costs(worker_op_us=50, database_op_us=50), 20000, "cores")

    def test_following_costs_only_those_who_are_spread(self):
        given = costs(database_follow_us=1000, database_op_us=100)
        spread, together = (model.Site("x", workers=8, cores=8, database_cores=4, is_together=is_together) for is_together in (False, True))
        follows = all_costs.expected_nodes(8, 10) - 1
        self.check(spread, given, 4e6 / (100 + 1000 * follows), "the primary's cores")
        self.check(together, given, 4e4, "the primary's cores")

    def test_being_told_grows_with_the_workers(self):
        given = costs(database_wake_us=20, commit_ms=0.5)
        few, many = (model.simulate(model.Site("x", workers=workers, cores=workers, database_cores=2, is_together=True), given, 1000)["busy"]["the primary's cores"] for workers in (3, 31))
        self.assertAlmostEqual(many / few, 15, delta=2)


class Time(unittest.TestCase):
    def test_a_lone_op_takes_what_it_takes(self):
        given = costs(worker_turn_us=300, worker_op_us=200, database_turn_us=1000, database_op_us=500, worker_delivery_us=100, commit_ms=2)
        said = model.simulate(model.Site("x", workers=1, cores=1, database_cores=1), given, 2, seconds=60)
        self.assertAlmostEqual(said["ops_append"], 1, delta=0.1)
        self.assertGreaterEqual(said["p99_ms"], 0.3 + 0.2 + 1 + 0.5 + 2 + 1)

    def test_who_waits_is_gathered(self):
        said = model.simulate(model.Site("x", workers=1, cores=1, database_cores=1), costs(commit_ms=10), 10000, seconds=2)
        self.assertAlmostEqual(said["ops_append"], 100, delta=10)

    def test_commits_of_many_share_flushes(self):
        said = model.simulate(model.Site("x", workers=16, cores=16, database_cores=16, is_together=True), costs(commit_ms=10), 1600)
        self.assertGreater(said["kept_up"], 0.95)
        self.assertLess(said["p99_ms"], 45)


class Costs(unittest.TestCase):
    def test_two_phases_give_both_costs(self):
        turn, op = all_costs.two_unknowns({"ops_append": 1, "x": 150.0}, {"ops_append": 20, "x": 55.0}, "x")
        self.assertAlmostEqual(turn, 100)
        self.assertAlmostEqual(op, 50)

    def test_what_was_not_measured_is_named(self):
        with self.assertRaisesRegex(all_costs.Missing, "A1"):
            all_costs.worked_out([])

    def test_the_page_is_of_the_costs(self):
        found = program()
        with open(found.PAGE) as file:
            page = file.read()
        self.assertEqual(found.written(page, all_costs.read()), page, "decisions/capacity.md is not what costs.json says: tests/bench/capacity --write")

    def test_the_model_is_near_what_was_measured(self):
        found = list(program().checks(all_costs.read()))
        self.assertGreaterEqual(len(found), 3)
        for place, phase, measured, by_model in found:
            with self.subTest(place=place, phase=phase):
                self.assertLess(abs(sum(by_model) / sum(measured) - 1), 0.5)


if __name__ == "__main__":
    unittest.main()
