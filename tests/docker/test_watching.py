#!/usr/bin/python3
"""Dashboard and alert rules ask only for what the server counts, and in the way that fits its kind; alerts, dashboard and handbook know of the same ones. Where Prometheus's
own promtool is, it reads rules and configuration, and each alert is told of what is wrong and of nothing else."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

DOCKER = os.path.join(os.environ["GLOSS_SOURCE_DIR"], "docker")
OF_PROMETHEUS = {"up"}
LABELS_OF_PROMETHEUS = {"job", "instance"}
HISTOGRAM_PARTS = ("_bucket", "_sum", "_count")
LIMIT_S = 100

# Of each alert: labels that it comes with, and {series: its samples, one a minute, when something is wrong, and when all is well}. None: there is no such series.
STILL, GROWS, ONCE = "0+0x30", "0+60x30", "0+0x5 1+0x25"
CASES = {
    "GlossGone": ({"job": "gloss"}, {'up{job="gloss"}': (STILL, "1+0x30")}),
    "GlossNotReady": ({"instance": "b", "worker": "2"}, {'gloss_ready{instance="a",worker="2"}': ("1+0x30", "1+0x30"), 'gloss_ready{instance="b",worker="1"}': ("1+0x30", "1+0x30"),
                                                         'gloss_ready{instance="b",worker="2"}': (STILL, "1+0x30")}),
    "GlossCommitsSlow": ({}, {'gloss_commit_seconds_bucket{le="0.5"}': (STILL, GROWS), 'gloss_commit_seconds_bucket{le="1"}': (GROWS, GROWS),
                              'gloss_commit_seconds_bucket{le="+Inf"}': (GROWS, GROWS)}),
    "GlossLoopSlow": ({}, {'gloss_loop_delay_seconds_bucket{le="0.25"}': (STILL, GROWS), 'gloss_loop_delay_seconds_bucket{le="0.5"}': (GROWS, GROWS),
                           'gloss_loop_delay_seconds_bucket{le="+Inf"}': (GROWS, GROWS)}),
    "GlossWorkerDied": ({"event": "worker.gone"}, {'gloss_events_total{event="worker.gone"}': (GROWS, STILL)}),
    "GlossFails": ({"reason": "internal"}, {'gloss_requests_refused_total{reason="internal"}': (GROWS, STILL), 'gloss_ops_refused_total{reason="internal"}': (STILL, STILL)}),
    "GlossUnsound": ({"event": "session.diverged"}, {'gloss_events_total{event="session.diverged"}': (GROWS, STILL)}),
    "GlossFull": ({"worker": "1"}, {'gloss_connections{worker="1"}': ("95+0x30", "50+0x30"), 'gloss_connections_limit{worker="1"}': ("100+0x30", "100+0x30")}),
    "GlossNoRoom": ({"instance": "b"}, {'gloss_accept_pauses_total{instance="a"}': (STILL, STILL), 'gloss_accept_pauses_total{instance="b"}': (GROWS, STILL)}),
    "GlossJobFails": ({"event": "job.failed"}, {'gloss_events_total{event="job.failed"}': (ONCE, STILL)}),
    "GlossRenewalRefused": ({"event": "tls.refused"}, {'gloss_events_total{event="tls.refused"}': (ONCE, STILL)}),
    "GlossCertificateEnds": ({}, {"gloss_tls_certificate_expiry_seconds": ("86400+0x30", "31536000+0x30")}),  # the clock begins at 0
}
# What is wrong in another way, too.
ALSO = [("GlossGone", {"job": "gloss", "instance": "b"}, {'up{job="gloss",instance="a"}': ("1+0x30", "1+0x30"), 'up{job="gloss",instance="b"}': (STILL, "1+0x30")}),
        ("GlossGone", {"job": "gloss"}, {'up{job="gloss"}': (None, "1+0x30"), 'up{job="other"}': ("1+0x30", "1+0x30")}),
        ("GlossLoopSlow", {"instance": "b"}, {f'gloss_loop_delay_seconds_bucket{{instance="{it}",le="{le}"}}': ((STILL if it == "b" and le == "0.25" else GROWS), GROWS)
                                              for it in "aaaab" for le in ("0.25", "0.5", "+Inf")})]


def read(name):
    with open(os.path.join(DOCKER, name), encoding="utf-8") as file:
        return file.read()


def metrics():
    """{name: (kind, its labels)} of metrics.md, which another test compares with the program."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", read("metrics.md"), re.M)
    return {name: (kind, set(labels.split())) for name, kind, labels in rows}


def series(metric, name):
    """The metric that a name in a query stands for, and which part of a histogram; None when there is none."""
    for part in HISTOGRAM_PARTS:
        base = name[: -len(part)]
        if name.endswith(part) and metric.get(base, ("",))[0] == "histogram":
            return base, part
    return (name, "") if name in metric and metric[name][0] != "histogram" else (None, "")


def complaints(metric, events, query):
    """What is wrong with a query."""
    wrong = []
    for name, selector in re.findall(r"\b(gloss_\w+)(?:\{([^}]*)\})?", query):
        base, part = series(metric, name)
        if not base:
            wrong.append(f"no metric {name}")
            continue
        kind, labels = metric[base]
        known = labels | LABELS_OF_PROMETHEUS
        for label, values in re.findall(r'(\w+)\s*=~?\s*"([^"]*)"', selector or ""):
            if label not in known:
                wrong.append(f"{name} has no label {label}")
            wrong += [f"no event {event}" for event in values.split("|") if label == "event" and event not in events]
        grows = kind == "counter" or part
        is_rated = re.search(r"\b(rate|increase)\s*\(\s*" + name + r"\b", query)
        if grows and not is_rated:
            wrong.append(f"{name} grows for ever: rate() or increase() of it")
        if is_rated and not grows:
            wrong.append(f"{name} is as it is now: no rate() of it")
        for by in re.findall(r"\bby\s*\(([^)]*)\)", query):
            wrong += [f"{name} has no label {label}" for label in re.findall(r"\w+", by) if label not in known]
        if part == "_bucket" and "histogram_quantile" not in query:
            wrong.append(f"{name} without histogram_quantile()")
    for name in re.findall(r"(?<![\w\"=$.])([a-z]+)(?=\{| ==)", query):
        if name not in OF_PROMETHEUS and not name.startswith("gloss_"):
            wrong.append(f"no metric {name}")
    return wrong


class Watching(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.metric = metrics()
        with open(os.path.join(os.environ["GLOSS_SOURCE_DIR"], "service/base/events.def"), encoding="utf-8") as file:
            cls.events = set(re.findall(r'LOG_EVENT\(\w+,\s*"([^"]+)"', file.read()))
        cls.dashboard = json.loads(read("grafana.json"))
        cls.queries = [(panel["title"], target["expr"]) for panel in cls.dashboard["panels"] for target in panel.get("targets", [])]
        cls.alerts = re.findall(r"- alert: (\w+)\s+expr: (.*)", read("alerts.yaml"))

    def test_tables_are_read(self):
        self.assertGreater(len(self.metric), 30)
        self.assertGreater(len(self.events), 30)
        self.assertGreater(len(self.queries), 40)
        self.assertGreater(len(self.alerts), 5)

    def test_each_query_is_of_what_is_counted(self):
        for where, query in self.queries + self.alerts:
            with self.subTest(where=where, query=query):
                self.assertEqual(complaints(self.metric, self.events, query), [])
                self.assertEqual(query.count("("), query.count(")"))

    def test_what_is_wrong_is_found(self):
        for query, word in (("gloss_nothing", "no metric"), ("gloss_ops_total", "rate()"), ("rate(gloss_ready[5m])", "no rate()"), ("sum by (reason) (gloss_ready)", "no label"),
                            ('gloss_ready{reason="x"}', "no label"), ("rate(gloss_commit_seconds[5m])", "no metric"), ('down{job="gloss"} == 0', "no metric"),
                            ('increase(gloss_events_total{event="worker.happy"}[1m])', "no event"), ("rate(gloss_commit_seconds_bucket[5m])", "histogram_quantile")):
            with self.subTest(query=query):
                self.assertIn(word, " ".join(complaints(self.metric, self.events, query)))

    def test_everything_that_is_counted_is_on_the_dashboard(self):
        asked = {series(self.metric, name)[0] for _, query in self.queries for name in re.findall(r"gloss_\w+", query)}
        self.assertEqual(set(self.metric) - asked, set())

    def test_panels_are_whole(self):
        panels = self.dashboard["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels), "two panels with one id")
        places = {}
        for panel in panels:
            self.assertEqual(panel.get("datasource", {"uid": "${datasource}"})["uid"], "${datasource}", panel["title"])
            self.assertEqual(len({target["refId"] for target in panel.get("targets", [])}), len(panel.get("targets", [])), panel["title"])
            box = panel["gridPos"]
            self.assertLessEqual(box["x"] + box["w"], 24, panel["title"])
            for x in range(box["x"], box["x"] + box["w"]):
                for y in range(box["y"], box["y"] + box["h"]):
                    self.assertEqual(places.setdefault((x, y), panel["title"]), panel["title"], "one panel lies on another")

    def test_alerts_are_told_of(self):
        """Each alert stands in the handbook, which knows of no other; each but the one about the machine is named by the panel that shows why."""
        handbook = re.findall(r"^\| (Gloss\w+) \|", read("README.md"), re.M)
        self.assertEqual(sorted(name for name, _ in self.alerts), sorted(handbook))
        told = " ".join(panel.get("description", "") for panel in self.dashboard["panels"])
        self.assertEqual([name for name, _ in self.alerts if name not in told and name != "GlossGone"], [])


    def test_what_is_named_is_in_the_package(self):
        """Who has only the package finds each file that alerts, dashboard, pages and README.Debian name, and the section of the handbook."""
        there = set()
        for words, folder, other in re.findall(r"install\(FILES (.*?) DESTINATION share/doc/gloss-server(\S*)(?: RENAME (\S+))? COMPONENT server\)",
                                               read("packages/packages.cmake") + read("../service/CMakeLists.txt")):
            there |= {f"{folder.lstrip('/')}/{name}".lstrip("/") for name in ([other] if other else [os.path.basename(file) for file in words.split()])}
        self.assertLessEqual({"handbook.md", "recovery.md", "examples/alerts.yaml"}, there)
        said = re.findall(r"/usr/share/doc/gloss-server/([\w./-]*\w)", read("packages/README.Debian") + read("alerts.yaml"))
        self.assertLessEqual({"handbook.md", "recovery.md", "metrics.md", "events.md"}, set(said))
        told = " ".join(re.findall(r"annotations: (.*)", read("alerts.yaml"))) + read("events.md") + " ".join(panel.get("description", "") for panel in self.dashboard["panels"])
        self.assertEqual(re.findall(r"\S*/README\S*", told), [], "the package has it under another name")
        linked = re.findall(r"\]\(([\w-]+\.\w+)\)", read("README.md") + read("recovery.md"))
        names = {os.path.basename(name): name for name in there} | {"README.md": "handbook.md"}
        for name in said + [names.get(each, each) for each in linked + re.findall(r"\b[\w-]+\.(?:md|yaml|json)\b", told)]:
            self.assertIn(name, there)
        sections = set(re.findall(r"(?m)^#+ (.*)$|^\*\*(.*?)\.?\*\*", read("README.md")))
        sections = {one or other for one, other in sections}
        named = re.findall(r'the handbook(?:, | \()"?([A-Z][^",;)]*)', told)
        self.assertEqual(len(named), 4)
        self.assertEqual(set(named) - sections, set())

    def test_two_nodes_of_compose_are_reached(self):
        """By the names and the network that the handbook says, without a PROXY head, and as one who may read."""
        compose, handbook = read("compose.nodes.yaml"), read("README.md")
        targets = re.search(r'server_name: localhost \}\n +static_configs: \[\{ targets: \["(\S+):7443", "(\S+):7443"\] \}\]', handbook).groups()
        networks = {name: set(re.findall(r"(?m)^      (\w+): \{\}$", service)) for name, service in re.findall(r"(?m)^  ([\w-]+):\n((?:    .*\n|\n)+)", compose)}
        self.assertIn("docker network connect docker_watching ", handbook)
        for target in targets:
            self.assertEqual(networks[target], {"database", "nodes", "watching"}, target)
        self.assertEqual([name for name in networks if "watching" in networks[name]], list(targets), "somebody else is there, too")
        subnet = re.search(r'(?m)^  watching:\n    internal: true\n    ipam: \{ config: \[\{ subnet: "([^"]+)" \}\] \}$', compose).group(1)
        self.assertIn(f'  GLOSS_METRICS_FROM: "127.0.0.1, ::1, {subnet}"\n', compose)
        self.assertNotIn(subnet, re.search(r"GLOSS_PROXY_FROM: .*", compose).group())


@unittest.skipUnless(shutil.which("promtool"), "promtool is missing: Debian's package prometheus (service/deps/install.sh all)")
class Prometheus(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="gloss-watching.")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def promtool(self, *words):
        done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=LIMIT_S, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def written(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)
        return name

    def test_rules_are_read(self):
        self.promtool("check", "rules", os.path.join(DOCKER, "alerts.yaml"))

    def test_the_handbooks_configurations_are_read(self):
        blocks = re.findall(r"\n\n((?:    .*\n)*?    scrape_configs:\n(?:    .*\n)+)", read("README.md"))
        self.assertEqual(len(blocks), 3, "static, Kubernetes, two nodes of compose")
        for block in blocks:
            self.assertIn("\n      - job_name: gloss\n", block, "alerts look for it")
            plain = re.sub(r"kubernetes_sd_configs: .*", 'static_configs: [{ targets: ["10.1.2.3:7443"] }]', re.sub("^    ", "", block, flags=re.M))  # Debian's knows no Kubernetes
            self.promtool("check", "config", "--syntax-only", self.written("prometheus.yml", plain))

    def test_each_alert_is_told_of_what_is_wrong(self):
        rules = {name: words for name, *words in re.findall(r'- alert: (\w+)\n(?:.*\n)*?\s+labels: \{ severity: (\w+) \}\n\s+annotations: \{ summary: "([^"]*)", do: "([^"]*)" \}', read("alerts.yaml"))}
        self.assertEqual(sorted(rules), sorted(CASES))
        tests = []
        for name, labels, series in [(name, *case) for name, case in CASES.items()] + ALSO:
            severity, summary, do = rules[name]
            told = {"exp_labels": {**labels, "severity": severity}, "exp_annotations": {"summary": summary, "do": do}}
            for at, alerts in enumerate(([told], [])):
                tests.append({"interval": "1m", "input_series": [{"series": each, "values": values[at]} for each, values in series.items() if values[at]],
                              "alert_rule_test": [{"eval_time": "20m", "alertname": name, "exp_alerts": alerts}]})
        given = {"rule_files": [os.path.join(DOCKER, "alerts.yaml")], "evaluation_interval": "1m", "tests": tests}
        self.promtool("test", "rules", self.written("test.yml", json.dumps(given)))  # what JSON is, is YAML


if __name__ == "__main__":
    unittest.main(verbosity=2)
