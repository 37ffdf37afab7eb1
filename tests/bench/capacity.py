"""capacity.py - what machines of a given size carry, worked out of costs.json and checked by a simulation of appends; decisions/capacity.md has the tables.

    site = Site("one node", workers=4, cores=8, database_cores=0)
    site.limit(costs)            # (ops a second at which the first thing is full, how full everything is then)
    simulate(site, costs, 2000)  # p99 of delivery, how busy everything was, how much was kept up

People are those of B1: sessions of ten in which everybody writes. A site is one primary and its workers; of several primaries each has its share, since
projects have nothing in common. Together: all people of a session come to one worker; else each is dealt to any.

Not in the model: a worker's 500 ms poll, pings, presence, the standby. Cores are as fast as those that the costs were measured on, and disks flush as fast.
"""
import heapq
import math
import random

from costs import SESSION, expected_nodes

APPEND_MOST = 256       # append_max_ops
STAY_S = 600            # after which somebody comes anew
P99_LIMIT_MS = 250
SIMULATED_S = 1.0       # at least: several times as long as the slowest delivery that is allowed
FULL = 0.8              # of a limit: so much is carried at most
NET_BYTES = 10e9 / 8    # of a node's line
DISK_BYTES = 500e6      # a second, of a primary's disk
WAL_BYTES_OP = 2450     # of an op, beside what it takes in log and indexes (decisions/performance.md); full pages after a checkpoint come on top
PERSON_OPS = 0.1        # of somebody who works in earnest, ops a second; B1's people write ten times that
CONNECTION_MEMORY = 16 << 30  # bytes a node gives to connections


class Site:
    """One primary and its workers; database_cores 0: it shares the workers' machine."""

    def __init__(self, name, workers, cores, database_cores=0, nodes=1, primaries=1, is_together=False):
        self.name, self.workers, self.cores, self.database_cores, self.nodes = name, workers * nodes, cores, database_cores, nodes
        self.primaries = primaries
        self.dealt = 1.0 if is_together else expected_nodes(self.workers, SESSION)  # workers that have people of a session

    def gathered(self, costs, rate):
        """Ops in an append at this rate: what comes to a worker while its last append is under way."""
        ops = 1.0
        for _ in range(50):
            cycle_us = (costs["worker_turn_us"] + costs["database_turn_us"] + 1500 * costs["commit_ms"]
                        + ops * (costs["worker_op_us"] + costs["database_op_us"] + SESSION / self.dealt * costs["worker_delivery_us"]))
            ops = min(APPEND_MOST, max(1.0, (ops + rate / self.workers * cycle_us / 1e6) / 2))
        return ops

    def op_us(self, costs, ops, people=SESSION):
        """CPU of all workers and of PostgreSQL for one op, with so many in an append, of a session of so many people."""
        follows, others = self.dealt - 1, (self.workers - 1) / ops
        return (costs["worker_op_us"] + costs["worker_turn_us"] / ops + people * costs["worker_delivery_us"] + follows * costs["worker_follow_us"] + others * costs["worker_wake_us"],
                costs["database_op_us"] + costs["database_turn_us"] / ops + follows * costs["database_follow_us"] + others * costs["database_wake_us"])

    def demand(self, costs, rate, ops=None):
        """How much of everything so many ops a second want, with so many in an append; 1: all of it."""
        arrivals = rate / STAY_S  # people who write one op a second each
        worker_us, database_us = (rate * us for us in self.op_us(costs, ops or self.gathered(costs, rate)))
        worker_us += arrivals * costs["worker_arrival_us"]
        database_us += arrivals * costs["database_arrival_us"]
        found = {"workers": worker_us / 1e6 / self.workers, "network of a node": rate * SESSION * costs["bytes_delivery"] / NET_BYTES / self.nodes,
                 "the primary's disk": rate * (costs["bytes_op"] + WAL_BYTES_OP) / DISK_BYTES, "memory of a node": rate * costs["bytes_connection"] / CONNECTION_MEMORY / self.nodes}
        if self.database_cores:
            found["the primary's cores"] = database_us / 1e6 / self.database_cores
        else:
            found["cores"] = (worker_us + database_us) / 1e6 / self.cores
        return found

    def limit(self, costs):
        """The highest rate that no demand exceeds, and all demands at it. Who is full gathers more ops into each append, until it is as many as may be."""
        low, high = 1.0, 1e8
        for _ in range(60):
            rate = math.sqrt(low * high)
            low, high = (rate, high) if max(self.demand(costs, rate, APPEND_MOST).values()) < 1 else (low, rate)
        return low, self.demand(costs, low, APPEND_MOST)


class Cores:
    """So many processors, first come, first served."""

    def __init__(self, count, beneath=None):
        self.free, self.busy_us, self.beneath = [0.0] * count, 0.0, beneath

    def run(self, now, us):
        """When this much work is done that comes now."""
        begin = max(now, self.free[0], self.beneath.free[0] if self.beneath else 0.0)
        heapq.heapreplace(self.free, begin + us)
        if self.beneath:
            heapq.heapreplace(self.beneath.free, begin + us)
            self.beneath.busy_us += us
        self.busy_us += us
        return begin + us


class Worker:
    def __init__(self, cores):
        self.cores, self.waiting, self.looked_at, self.is_appending, self.told = cores, [], 0.0, False, 0


class Simulation:
    """Appends, commits, deliveries and what other workers are told, event by event; times in microseconds. Ops are counted, not made one by one."""

    def __init__(self, site, costs, rate, seconds, seed):
        self.site, self.costs, self.rate, self.end_us, self.random = site, costs, rate, 1e6 * seconds, random.Random(seed)
        shared = Cores(site.cores) if not site.database_cores else None
        self.shared, self.database = shared, shared or Cores(site.database_cores)
        self.workers = [Worker(Cores(1, shared)) for _ in range(site.workers)]
        self.events, self.number, self.flushed_us, self.told = [], 0, 0.0, 0
        self.latency, self.came, self.stored, self.delivered, self.appends = [], 0, 0, 0.0, 0

    def at(self, time, act, *what):
        self.number += 1
        heapq.heappush(self.events, (time, self.number, act, what))

    def run(self):
        for worker in self.workers:
            self.at(self.random.random() * 1000, self.turn, worker)
        while self.events and self.events[0][0] < self.end_us:
            now, _, act, what = heapq.heappop(self.events)
            act(now, *what)
        return self

    def poisson(self, mean):
        if mean > 50:
            return max(0, round(self.random.gauss(mean, math.sqrt(mean))))
        limit, product, count = math.exp(-mean), self.random.random(), 0
        while product > limit:
            product *= self.random.random()
            count += 1
        return count

    def take_what_came(self, worker, now):
        count = self.poisson(self.rate / len(self.workers) * (now - worker.looked_at) / 1e6)
        if count:  # how many, and from when to when they came
            worker.waiting.append((count, worker.looked_at, now))
            self.came += count
        worker.looked_at = now

    def told_us(self, worker):
        """What being told since the last time costs; nobody is told of its own."""
        count, worker.told = self.told - worker.told, self.told
        return count * self.costs["worker_wake_us"]

    def arrive(self, now, worker):
        """The one op that an idle worker has waited for."""
        worker.waiting.append((1, now, now))
        self.came += 1
        self.turn(now, worker)

    def turn(self, now, worker):
        """An append, of all that waits."""
        if worker.is_appending:
            return
        self.take_what_came(worker, now)
        if not worker.waiting:
            worker.looked_at = now + self.random.expovariate(self.rate / len(self.workers)) * 1e6
            self.at(worker.looked_at, self.arrive, worker)
            return
        taken, left = [], APPEND_MOST
        while worker.waiting and left:
            count, begun, ended = worker.waiting[0]
            some = min(count, left)
            taken.append((some, begun, ended))
            left -= some
            worker.waiting[0] = (count - some, begun, ended)
            if count == some:
                worker.waiting.pop(0)
        worker.is_appending = True
        self.appends += 1
        us = self.told_us(worker) + self.costs["worker_turn_us"] + (APPEND_MOST - left) * (self.costs["worker_op_us"] + self.costs["worker_arrival_us"] / STAY_S)
        self.at(worker.cores.run(now, us), self.ask, worker, taken, APPEND_MOST - left)

    def ask(self, now, worker, taken, ops):
        us = self.costs["database_turn_us"] + ops * (self.costs["database_op_us"] + self.costs["database_arrival_us"] / STAY_S)
        self.at(self.database.run(now, us), self.flush, worker, taken, ops)

    def flush(self, now, worker, taken, ops):
        """One flush at a time; who comes meanwhile shares the next."""
        commit_us = 1000 * self.costs["commit_ms"]
        if self.flushed_us <= now:
            done = self.flushed_us = now + commit_us
        elif self.flushed_us - now <= commit_us:  # one is under way: the next is opened
            done = self.flushed_us = self.flushed_us + commit_us
        else:
            done = self.flushed_us
        self.at(done, self.committed, worker, taken, ops)

    def committed(self, now, worker, taken, ops):
        worker.is_appending = False
        self.stored += ops
        self.delivered_to(worker.cores.run(now, ops * SESSION / self.site.dealt * self.costs["worker_delivery_us"]), taken, ops)
        others = len(self.workers) - 1
        if others:
            self.told += 1
            worker.told += 1
            self.database.run(now, others * self.costs["database_wake_us"])
            self.tell_followers(now, worker, taken, ops * (self.site.dealt - 1))
        self.at(now, self.turn, worker)

    def tell_followers(self, now, worker, taken, follows):
        """Those who have people of these sessions read the ops, each its part of them."""
        count = min(len(self.workers) - 1, math.floor(follows) + (self.random.random() < follows % 1))
        for other in self.random.sample(self.workers, count):
            if other is not worker:
                self.at(now, self.follow, other, taken, follows / count)

    def follow(self, now, worker, taken, ops):
        self.at(self.database.run(now, ops * self.costs["database_follow_us"]), self.followed, worker, taken, ops)

    def followed(self, now, worker, taken, ops):
        us = self.told_us(worker) + ops * (self.costs["worker_follow_us"] + SESSION / self.site.dealt * self.costs["worker_delivery_us"])
        self.delivered_to(worker.cores.run(now, us), taken, ops)

    def delivered_to(self, now, taken, ops):
        whole = sum(count for count, _, _ in taken)
        self.delivered += ops
        for count, begun, ended in taken:
            self.latency.append((now - (begun + self.random.random() * (ended - begun)), count / whole * ops))

    def p99_ms(self):
        self.latency.sort()
        left = 0.01 * sum(weight for _, weight in self.latency)
        for latency, weight in reversed(self.latency):
            left -= weight
            if left <= 0:
                return latency / 1000
        return 0.0

    def said(self):
        came = max(1, self.came + sum(self.poisson(self.rate / len(self.workers) * (self.end_us - worker.looked_at) / 1e6) for worker in self.workers))
        busy = {"workers": sum(worker.cores.busy_us for worker in self.workers) / len(self.workers) / self.end_us}
        busy["cores" if self.shared else "the primary's cores"] = (self.shared or self.database).busy_us / len((self.shared or self.database).free) / self.end_us
        return {"p99_ms": self.p99_ms(), "kept_up": self.stored / came, "ops_append": self.stored / max(1, self.appends), "busy": busy}


def simulate(site, costs, rate, seconds=None, seed=1):
    """p99 of delivery, what part of the ops was stored in time, ops an append, how busy everything was; of this many ops a second."""
    return Simulation(site, costs, rate, seconds or min(4.0, max(SIMULATED_S, 2500 / rate)), seed).run().said()


def is_carried(said):
    return said["kept_up"] > 0.85 and said["p99_ms"] < P99_LIMIT_MS


def carried(site, costs):
    """(the highest rate that the simulation keeps up, what it says then, what is in the way): FULL of the first limit, or by fifths less where appends are too small for that."""
    most, demand = site.limit(costs)
    rate, first = FULL * most, max(demand, key=demand.get)
    while not is_carried(said := simulate(site, costs, rate)) and rate > 1:
        rate, first = rate * FULL, max(said["busy"], key=said["busy"].get)
    return rate, said, first
