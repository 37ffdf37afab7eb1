#!/usr/bin/env python3
"""readers.py - slow, stuck, greedy and flooding clients among those who only want to work: the sixth promise, and clients that lost their worker.

Each part is shown for correctness always: nothing lost, twice or out of order for anybody, refusals by name. With --long there are a thousand readers, and
what took how long is held against what was promised; that wants an optimised build and a machine with nothing else to do. Figures are always printed.
"""
import argparse
import contextlib
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import client as clients  # noqa: E402
import load as loads  # noqa: E402
import server as support  # noqa: E402
from windows import Windows  # noqa: E402

CODEPOINTS = 4096
PARTS = ("stuck", "slow", "greedy", "flood", "resume", "descriptors")
ONCE_S = 300  # a long time to wait for what must come

MOVED = 1.1  # a tenth: what others' p99 may not reach
NOISE = 0.3  # of an interval: it says nothing

SHORT = {"readers": 60, "sessions": 14, "measure_s": 0.7, "rounds": 1, "stuck_s": 0.7, "pairs": (1, 1), "lead_s": 0.1, "window_s": 0.3, "gap_s": 0.1,
         "settings": {"stall_timeout_ms": 5000, "recent_ops": 64, "max_sessions": 4, "max_account_sessions": 6}}
LONG = {"readers": 1000, "sessions": 1000, "measure_s": 8, "rounds": 3, "stuck_s": 4, "pairs": (8, 16), "lead_s": 1.6, "window_s": 2, "gap_s": 0.3,
        "settings": {"recent_ops": 256}}


def expect(claim, what):
    if not claim:
        raise AssertionError(what)


def rss_kib(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, AttributeError), open(f"/proc/{pid}/status") as file:
            total += int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])
    return total


def cpu_s(pid):
    fields = support.stat_of(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0


def kernel_kib(port):
    """The most that the kernel keeps for one of the server's connections, to be sent; 0 where ss is not there to tell."""
    done = subprocess.run(["sh", "-c", f"ss -tmnH 'sport = :{port}' 2>/dev/null"], capture_output=True, text=True)
    return max((int(kept) for kept in re.findall(r"skmem:\(.*?,w(\d+)", done.stdout)), default=0) / 1024


class Readers:
    def __init__(self, is_long):
        self.is_long, self.form = is_long, LONG if is_long else SHORT
        self.count = self.form["readers"]
        self.documents = []

    def tell(self, what, figure):
        print(f"  {what:<66} {figure}", flush=True)

    def promise(self, is_kept, what):
        """Asserted where figures mean something."""
        expect(is_kept or not self.is_long, what)

    def server(self, workers=1, **settings):
        return support.Server(workers=workers, settings={**self.form["settings"], **settings})

    @contextlib.contextmanager
    def prepared(self, documents=1, workers=1, **settings):
        """A server with some documents, each with a text of its own."""
        with self.server(workers, **settings) as server:
            server.user("greedy", role="annotator")
            with clients.Client(server, "admin") as admin:
                project = admin.call("project.list")["projects"][0]["project"]
                self.documents = [admin.upload(project, (f"{i:06d} " + loads.text_of(CODEPOINTS))[:CODEPOINTS].encode(), filename=f"{i}.txt")
                                  for i in range(documents)]
            yield server

    def sessions(self):
        return [document["document"]["session"] for document in self.documents]

    # ---- one that reads nothing

    def stuck(self, server):
        rounds = self.form["rounds"]
        workload = f"group readers clients={self.count}\ngroup writer rate=50 kept=16\ngroup stuck rcvbuf=4096\n" + \
            "".join(f"group closed{i} rcvbuf=4096 back=0\n" for i in range(rounds))
        with loads.Load(server, workload, self.sessions()[:1]) as load:
            load.start("readers", "writer")
            load.say("set", "writer", "rate=200")  # until the recent ops are as many as there may be, and as large
            load.measure(2 if self.is_long else 0.3)
            load.say("set", "writer", "rate=50")
            for i in range(rounds):
                self.close_stuck(server, load, f"closed{i}")
            load.start("stuck")
            self.compare_stuck(load)
            report = load.settle(ONCE_S, ["writer"])
        lost = report["groups"]["readers"]["lost_connections"]
        self.promise(lost == 0, f"{lost} others lost their connections")

    def close_stuck(self, server, load, group):
        """What it costs, and when it is closed."""
        load.start(group)
        before = rss_kib(server.workers())
        load.say("stop", group)
        load.measure(self.form["stuck_s"])
        grown, kernel = rss_kib(server.workers()) - before, kernel_kib(server.port)
        after = load.event("closed", ONCE_S, group=group)["after_ms"] / 1000
        self.tell(f"1 stuck among {self.count}: memory of the worker, and the kernel's for it", f"{grown} and {kernel:.0f} KiB")
        self.tell("closed after it stopped reading", f"{after:.1f} s")
        self.promise(grown + kernel <= 1024, f"it cost {grown} and {kernel} KiB")
        self.promise(after <= 10, f"closed after {after} s")

    def compare_stuck(self, load):
        """The others' p99 in windows with it and without it, in turns, until it is sure that it is below what was promised, or above, or there were enough."""
        windows, least, most = Windows(), *self.form["pairs"]
        while len(windows.pairs) < most:
            both = {}
            for is_stuck in windows.order():
                both[is_stuck] = self.window(load, is_stuck)
            windows.add(both[False], both[True])
            if len(windows.pairs) >= least and len(windows.pairs) % 4 == 0:
                low, high = windows.interval()
                if high < MOVED or low > MOVED:
                    break
        low, high = windows.interval()
        without, beside = (us / 1000 for us in windows.percentiles())
        sure = "nothing is sure of one pair" if most == 1 else "as promised" if high < MOVED else "not as promised" if low >= MOVED else "too little for the noise"
        self.tell(f"the others' p99 without and with it, {len(windows.pairs)} windows of each", f"{without:.2f} and {beside:.2f} ms")
        self.tell("the ratio, and 95 % sure between", f"{windows.ratio():.3f}, {low:.3f} and {high:.3f}: {sure}")
        self.promise(low < MOVED, f"the others' p99 moved: {low} to {high}")
        self.promise(windows.ratio() < MOVED or high - low > NOISE, f"the others' p99 moved by {windows.ratio()}")

    def window(self, load, is_stuck):
        """A while of the readers' deliveries. The stuck one has not read for so long before that its socket is full, and has what it missed before the next one."""
        if is_stuck:
            load.say("stop", "stuck")
        load.measure(self.form["lead_s"])
        report = load.measure(self.form["window_s"])
        found = load.histogram("readers")
        if is_stuck:
            was_closed = any(event["event"] == "closed" for event in load.events)  # on a machine on which all of this takes too long: and came back
            expect(report["groups"]["stuck"]["deliveries"] == 0 or was_closed, "it was not stuck")
            load.events.clear()
            load.say("read", "stuck")
        load.measure(self.form["gap_s"])
        return found or support.wait_until("something is delivered", lambda: load.histogram("readers"), ONCE_S)

    # ---- one that reads slowly

    def slow(self, server):
        workload = "group readers clients=10\ngroup slow clients=2 rcvbuf=4096 read=12000\ngroup writer rate=300 kept=16 note=600\n"
        with loads.Load(server, workload, self.sessions()[:1]) as load:
            load.start("readers", "slow", "writer")
            load.say("measure")
            seen = support.wait_until("a slow reader is told to resynchronise", lambda: load.report()["groups"]["slow"]["resynchronised"], ONCE_S)
            load.say("set", "slow", "read=100000000")
            report = load.settle(ONCE_S, ["writer"])
        lost = report["groups"]["slow"]["lost_connections"]
        self.tell("slow readers: told to resynchronise, closed, then had everything", f"{seen}, {lost} and yes")
        self.promise(lost == 0, f"{lost} slow readers were closed")

    # ---- one that opens every session there is

    def greedy(self, server):
        known = set(self.sessions())
        with loads.Load(server, "group readers clients=10\ngroup writer rate=20 kept=16\n", self.sessions()[:1]) as load:
            load.start("readers", "writer")
            before, at = rss_kib(server.workers()), len(server.log())
            refused, joined = self.open_all(server)
            grown = rss_kib(server.workers()) - before
            said = server.log()[at:]
            expect(self.sessions()[0] not in re.findall(r"session\.unloaded .*session=(\S+)", said), "a session that others had joined left memory")
            kept = len(re.findall(r"session\.loaded ", said)) - len(re.findall(r"session\.unloaded ", said))
            report = load.settle(ONCE_S, ["writer"])
        lost = sum(group["lost_connections"] for group in report["groups"].values())
        share = int(self.form["settings"].get("max_account_sessions", 256))
        self.tell(f"one client opens {len(known)} sessions: joined at once, refused as limit", f"{joined} and {refused}")
        self.tell("of these in memory at the end, and what the worker grew by", f"{kept} and {grown / 1024:.1f} MiB")
        expect(kept <= share and joined <= share, f"{kept} are in memory and {joined} were joined; {share} may be")
        expect(lost == 0, f"{lost} others lost their connections")
        self.promise(grown < 64 * 1024, f"the worker grew by {grown} KiB")

    def open_all(self, server):
        """One after the other on one connection, leaving each; then as many at once as connections can."""
        refused = joined = 0
        most = int(self.form["settings"].get("max_sessions", 64))
        with clients.Client(server, "greedy", watch_ops=False) as client:
            for session in self.sessions()[1:]:
                client.call("session.join", session=session)
                client.call("session.leave", session=session)
        with contextlib.ExitStack() as stack:
            left = self.sessions()[1:]
            while left:
                client = stack.enter_context(clients.Client(server, "greedy", watch_ops=False))
                before = joined
                for session in left[:most + 1]:
                    try:
                        client.call("session.join", session=session)
                        joined += 1
                    except clients.Refused as error:
                        expect(error.name == "limit" and error.data["limit"] > 0, f"refused otherwise: {error}")
                        refused += 1
                if joined == before:
                    break
                left = left[joined - before:]
        expect(refused > 0, "nothing was refused")
        return refused, joined

    # ---- one that floods

    def flood(self, server):
        """From a generator of its own: one that floods is late with everything else that it has to do, and would measure itself."""
        calm, flood = "group calm clients=20\ngroup writer rate=50 kept=16\n", "group flood clients=4 rate=20000 in_flight=0 kept=16\n"
        with loads.Load(server, calm, self.sessions()[:1]) as load, loads.Load(server, flood, self.sessions()[1:2]) as flooding:
            load.start("calm", "writer")
            calm = load.measure(self.form["measure_s"])["groups"]["calm"]["delivery_ms"]
            flooding.start("flood")
            load.measure(self.form["measure_s"])
            support.wait_until("the flooding clients are refused", lambda: flooding.report()["groups"]["flood"]["refused"], ONCE_S)
            support.wait_until("others get what is theirs", lambda: load.report()["groups"]["calm"]["delivery_ms"]["count"], ONCE_S)
            others, flood = load.report()["groups"]["calm"]["delivery_ms"], flooding.report()["groups"]["flood"]
            flooding.settle(ONCE_S, ["flood"])
            load.settle(ONCE_S, ["writer"])
        refused = flood["refused"]
        self.tell("flood of 20 000 ops/s: asked, stored, refused", f"{flood['asked']}, {flood['answered']}, {refused}")
        self.tell("p99 in another session without and with it", f"{calm.get('p99', 0):.2f} and {others.get('p99', 0):.2f} ms")
        expect(set(refused) <= {"busy", "rate_limited"}, f"refused otherwise: {refused}")
        self.promise(others["p99"] < 250, f"the others' p99 was {others['p99']} ms")

    # ---- all of them at once: their worker is gone

    def resume(self, server):
        times, costs, resumed = [], [], 0
        with loads.Load(server, f"group readers clients={self.count} at_once=100000\ngroup writer clients=4 rate=20 kept=16\n", self.sessions()[:1]) as load:
            load.start("readers", "writer")
            for _ in range(self.form["rounds"]):
                load.measure(0.2)
                gone = server.kill_worker(0)
                live = load.event("live", ONCE_S, group="readers")
                costs.append(1e6 * sum(cpu_s(worker) for worker in server.wait_new_worker(gone, ONCE_S)) / self.count)
                times.append(live["ms"] / 1000)
                resumed += live["handshakes_resumed"]
            report = load.settle(ONCE_S, ["writer"])
        expect(resumed > 0, f"no TLS session was resumed: {report}")
        self.tell(f"clients of {self.count} that lost their worker were back after", ", ".join(f"{t:.2f}" for t in times) + " s")
        self.tell("processor time of the new worker for each of them, its start included", ", ".join(f"{us:.0f}" for us in costs) + " us")
        self.promise(statistics.median(times) <= 2, f"back after {times} s")

    # ---- no descriptors left

    def descriptors(self, server):
        worker = server.workers()[0]
        with loads.Load(server, "group readers clients=5\ngroup writer rate=20 kept=16\n", self.sessions()[:1]) as load:
            load.start("readers", "writer")
            used = max(int(name) for name in os.listdir(f"/proc/{worker}/fd"))
            usual = resource.prlimit(worker, resource.RLIMIT_NOFILE)
            resource.prlimit(worker, resource.RLIMIT_NOFILE, (used + 8, usual[1]))
            waiting = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
            server.wait_log("accept.paused", ONCE_S)
            cpu, lines, begun = cpu_s(worker), server.log().count("\n"), time.monotonic()
            load.measure(4 if self.is_long else 1)
            took = time.monotonic() - begun
            cpu, lines = (cpu_s(worker) - cpu) / took, (server.log().count("\n") - lines) / took
            load.settle(ONCE_S, ["writer"])  # those who were there are served all the time
            for sock in waiting:
                sock.close()
            begun = time.monotonic()
            support.wait_until("a new client is served", server.is_ready, ONCE_S)
            again = time.monotonic() - begun
            resource.prlimit(worker, resource.RLIMIT_NOFILE, usual)
        self.tell("descriptors exhausted: CPU, log lines a second, new client after", f"{100 * cpu:.1f} %, {lines:.1f}, {again:.2f} s")
        expect(lines < 100, f"{lines} lines a second in the log")
        self.promise(cpu < 0.05, f"{100 * cpu} % CPU")
        self.promise(lines <= 10, f"{lines} lines a second")
        self.promise(again <= 1, f"{again} s")

    def run(self, only):
        parts = [name for name in PARTS if not only or name in only]
        with self.prepared(self.form["sessions"] if "greedy" in parts else 2) as server:
            for name in parts:
                begun = time.monotonic()
                getattr(self, name)(server)
                self.tell(f"{name}: it took, and at the end the machine's load was", f"{time.monotonic() - begun:.0f} s and {os.getloadavg()[0]:.1f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="a thousand readers; figures are asserted")
    parser.add_argument("--only", action="append", choices=PARTS, help="one part")
    options = parser.parse_args()
    why = loads.missing()
    if why:
        print("skipped:", why)
        return 77
    Readers(options.long).run(options.only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
