"""curve.py - `run --workers`: what an op costs with 1, 2 and 4 workers, and on two machines, when the clients of a session are together and when they are spread.

Together: all clients of a session come to the same node. Spread: each session has clients on every node, dealt by the generator; or, of one node with several
workers, as the kernel deals them. `calm`: many sessions, everybody writes one op a second. `hot`: one session, in which everybody writes as fast as the rate
allows: there appends meet at the stream's fence, and what was lost there (from /metrics) is told. Everything that is received is checked by the generator.
"""
import time

import gauge
import lab as labs
import load as loads
import peers
import runs
import server as support
import table
import workloads
from table import number

SIZES = {
    "full": {"sessions": 200, "calm_s": 6, "hot_clients": 20, "hot_rate": 200, "hot_s": 5, "step_s": 2.5, "bisections": 1, "begin": 1000, "most_steps": 8},
    "quick": {"sessions": 100, "calm_s": 3, "hot_clients": 20, "hot_rate": 200, "hot_s": 2, "step_s": 1.2, "bisections": 0, "begin": 1000, "most_steps": 5},
    "smoke": {"sessions": 4, "calm_s": 0.2, "hot_clients": 4, "hot_rate": 20, "hot_s": 0.2, "step_s": 0.2, "bisections": 0, "begin": 40, "most_steps": 1, "is_smoke": True},
}
CLIENTS = 10  # of a session
PLACES = (  # how it is named, workers of a node, nodes
    ("1 worker", 1, 1), ("2 workers", 2, 1), ("4 workers", 4, 1), ("2 nodes", 1, 2), ("4 nodes", 1, 4))
SMOKE_PLACES = (("2 nodes", 1, 2),)
MACHINES = "2 machines"
ALONE_RATE = 20  # so few that each op is an append of its own
COUNTERS = {"ops": "gloss_ops_total", "deliveries": "gloss_deliveries_total", "appends": "gloss_database_append_seconds_count", "fence_losses": "gloss_fence_losses_total", "holds": "gloss_holds_total"}
COLUMNS = (("p50 ms", "delivery.p50"), ("p99", "delivery.p99"), ("p99.9", "delivery.p999"), ("max", "delivery.max"), ("server µs an op", "server_us_op"), ("database", "database_us_op"),
           ("ops an append", "ops_append"), ("fence losses in 1 000 ops", "fence_losses"), ("holds", "holds"))


# ---- two machines

class DurableCluster(labs.NetCluster):
    """PostgreSQL on its own machine, with fsync."""

    def start(self):
        if self.conninfo:
            labs.run(*self.lab.on("db"), support.DEPS + "/private-postgres", "start", self.folder)
        else:
            super().start()
            self.stop()
            self.start()

    def pids(self):
        return gauge.with_children(self.postmaster())


class Machines(peers.Gloss):
    """Two nodes and PostgreSQL, each in a network namespace, and the generator in a fourth."""
    client = labs.NodeClient

    def __init__(self, ground, sessions):
        super().__init__(ground, sessions, workers=1, nodes=2)
        self.lab, self.cluster = labs.Lab("db", "a", "b", "people"), None

    def start_servers(self):
        self.lab.__enter__()
        self.cluster = DurableCluster(self.lab)
        for host in ("a", "b"):
            node = labs.Node(self.lab, host, self.cluster, first=self.servers[0] if self.servers else None)
            node.workers_wanted = 1
            node.extra |= {"listen": "*", "max_connections": 20000}
            self.servers.append(node)
            node.__enter__()

    def end_servers(self, check):
        try:
            super().end_servers(check)
        finally:
            if self.cluster:
                self.cluster.end()
            self.lab.__exit__()

    def database_pids(self):
        return self.cluster.pids()

    def load(self, workload):
        doors = [f"{self.lab.address(host)}:{labs.PORT}" for host in ("a", "b")]
        return loads.Load(self.server, workload, self.sessions, codepoints=self.codepoints, doors=doors, prefix=self.lab.on("people"))


# ---- what is driven

class Curve(workloads.Workloads):
    """One set of servers, one way to deal the clients."""

    def __init__(self, peer, sizes, tell, layout):
        super().__init__(peer, sizes | {"b_sessions": 0, "d_sessions": 0}, tell)
        self.layout, self.doors = layout, len(peer.doors())

    def act(self):
        self.cpu = self.make_cpu()
        if self.sizes.get("is_smoke"):
            return self.phases()
        with gauge.Noise() as noise:
            figures, spent = self.phases(), self.cpu_all.spent()
        noise.said.update(others=spent["others"], seconds=spent["seconds"], stolen=spent["stolen"])
        self.noise.append(noise.said)
        return figures

    def workload(self):
        """Sessions 1 and on are for the calm, 0 is the hot one."""
        sessions, lines = self.sizes["sessions"], []
        for door in range(self.doors):
            first, last = (door * sessions // self.doors, (door + 1) * sessions // self.doors) if self.layout == "together" else (0, sessions)
            clients = CLIENTS * sessions // self.doors
            lines.append(f"group calm{door} clients={clients} first={1 + first} sessions={last - first} door={door} rate={clients}")
        doors = 1 if self.layout == "together" else self.doors
        lines += [f"group hot{door} clients={self.sizes['hot_clients'] // doors} first=0 door={door} rate={max(1, self.sizes['hot_rate'] // doors)}" for door in range(doors)]
        self.groups = {"calm": [f"calm{door}" for door in range(self.doors)], "hot": [f"hot{door}" for door in range(doors)]}
        return "\n".join(lines)

    def phases(self):
        with self.begin(self.workload()) as load:
            for groups in self.groups.values():
                for group in groups:
                    self.start_silent(load, group)
            figures = {"alone": self.phase("hot", ALONE_RATE, self.sizes["hot_s"]), "calm": self.phase("calm", CLIENTS * self.sizes["sessions"], self.sizes["calm_s"]),
                       "hot": self.phase("hot", self.sizes["hot_rate"], self.sizes["hot_s"])}
            figures["most_ops_s"], figures["at_most"] = self.most()
        return figures

    def counts(self):
        found = self.peer.counted(COUNTERS.values())
        return {name: found[counter] for name, counter in COUNTERS.items()}

    def phase(self, which, rate, seconds):
        groups = self.groups[which]
        for group in groups:
            self.load.say("set", group, f"rate={max(1, rate // len(groups))}")
        time.sleep(min(1, seconds))
        before = self.counts()
        report, spent = self.measured(seconds)
        self.settle(groups)
        counted = {name: value - before[name] for name, value in self.counts().items()}
        parts = [report["groups"][group] for group in groups]
        answered = sum(part["answered"] for part in parts)
        ops = max(1, counted["ops"])
        return {"delivery": self.worst([part["delivery_ms"] for part in parts]), "ops_s": answered / report["seconds"], **self.costs(spent, "op", answered),
                "deliveries_op": counted["deliveries"] / ops, "ops_append": ops / max(1, counted["appends"]), "fence_losses": 1000 * counted["fence_losses"] / ops, "holds": counted["holds"],
                "kept_up": answered / report["seconds"] / rate}

    @staticmethod
    def worst(hists):
        """Of several groups, whose histograms nobody adds up: the group that has it worst."""
        return {name: max((hist[name] for hist in hists if hist.get(name) is not None), default=None) for name in ("p50", "p99", "p999", "max")}

    def most(self):
        """The highest rate of the calm that was kept up (doubled until it is not, then half the way back), and the figures of it."""
        good, bad, rate, best = 0, None, self.sizes["begin"], None
        for _ in range(self.sizes["most_steps"]):
            found = self.phase("calm", rate, self.sizes["step_s"])
            p99 = found["delivery"]["p99"]
            is_good = p99 is not None and p99 < workloads.P99_LIMIT_MS and found["kept_up"] > 0.85
            self.tell(f"    {rate:>6} ops/s: p99 {number(p99)} ms{'' if is_good else '  too much'}")
            good, bad, best = (rate, bad, found) if is_good else (good, rate, best)
            if good and bad and bad / good < 2 ** (1 / 2 ** self.sizes["bisections"]) * 1.01:
                break
            rate = round((good * bad) ** 0.5) if bad and good else max(1, rate // 3) if bad else rate * 2
        return good, best


def stored(peer, tell):
    """Every log is as long as it says, whole, and what was acknowledged: glossd check, by the first node."""
    begun = time.monotonic()
    status, lines = peer.server.check()
    if status:
        raise AssertionError(f"glossd check: {[line for line in lines if line.get('findings') or line.get('finding')][:3] or lines[-3:]}")
    tell(f"    glossd check has nothing to say, {time.monotonic() - begun:.1f} s")


def measure(ground, sizes, run):
    places = SMOKE_PLACES if sizes.get("is_smoke") else PLACES
    for name, workers, nodes in places:
        with peers.Gloss(ground, 1 + sizes["sessions"], workers=workers, nodes=nodes) as peer:
            drive(peer, sizes, run, name, ("together", "spread") if nodes > 1 else ("together",) if workers == 1 else ("spread",))
    reason = labs.missing()
    if reason:
        run.remarks.append(f"{MACHINES}: {reason}")
        return
    if sizes.get("is_smoke"):
        return  # tests/fire has two machines in ./test
    with Machines(ground, 1 + sizes["sessions"]) as peer:
        drive(peer, sizes, run, MACHINES, ("together", "spread"))


def drive(peer, sizes, run, name, layouts):
    for layout in layouts:
        begun = time.monotonic()
        curve = Curve(peer, sizes, run.tell, layout)
        figures = run.figures[f"{name}, {layout}"] = curve.act()
        run.noise += curve.noise
        run.remarks += curve.remarks
        run.tell(f"  {name}, {layout}: {time.monotonic() - begun:.1f} s, p99 {number(figures['calm']['delivery']['p99'])} ms, server {number(figures['calm'].get('server_us_op'))} µs an op, database "
                 f"{number(figures['calm'].get('database_us_op'))}, fence losses in 1 000 ops {number(figures['calm']['fence_losses'])}, hot {number(figures['hot']['fence_losses'])}")
    stored(peer, run.tell)


def lines(figures):
    """The tables of RESULTS.md."""
    names = list(dict.fromkeys(name for one in figures for name in one if name != "floor"))
    found = []
    for which, title in (("alone", f"{ALONE_RATE} ops/s, in one session of 20"), ("calm", f"{CLIENTS} clients a session, each 1 op/s"), ("hot", "one session, in which 20 clients write 200 ops/s")):
        more = (("most ops/s kept up", "most_ops_s"),) if which == "calm" else ()
        found += ["", f"**{which}**: {title}", "", "| | " + " | ".join(heading for heading, _ in COLUMNS + more) + " |", "|---" * (len(COLUMNS + more) + 1) + "|"]
        for name in names:
            cells = [table.spread(runs.middle(figures, lambda one, path=path: runs.at(one, name, path)), len(figures))
                     for path in [f"{which}.{path}" for _, path in COLUMNS] + [path for _, path in more]]
            found.append(f"| {name} | " + " | ".join(cells) + " |")
    return found
