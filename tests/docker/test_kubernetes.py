#!/usr/bin/python3
"""docker/kubernetes as far as it can be looked at without a cluster: each member is known and of its type, each name, port, setting, number and secret is the one that
image, server and handbook have, and the probes' requests are answered by a real server."""
import glob
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

SOURCE, GLOSSD = os.environ["GLOSS_SOURCE_DIR"], os.environ["GLOSSD"]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
import plain_yaml  # noqa: E402

HERE = os.path.join(SOURCE, "docker", "kubernetes")
LIMIT_S = 180

# What these manifests may have, of Kubernetes 1.27 and newer. A dict: members, those with ! must be there; [x]: a list of x; "*": any name.
TEXTS = {"*": str}
META = {"name!": str, "namespace": str, "labels": TEXTS, "annotations": TEXTS}
SELECTOR = {"matchLabels": TEXTS}
HTTP = {"path!": str, "port!": (int, str), "scheme": str}
PROBE = {"httpGet!": HTTP, "periodSeconds": int, "timeoutSeconds": int, "failureThreshold": int, "initialDelaySeconds": int}
CONTAINER = {"name!": str, "image!": str, "args": [str], "envFrom": [{"configMapRef!": {"name!": str}}], "env": [{"name!": str, "value!": str}],
             "ports": [{"name!": str, "containerPort!": int}], "startupProbe": PROBE, "livenessProbe": PROBE, "readinessProbe": PROBE,
             "lifecycle": {"preStop!": {"exec!": {"command!": [str]}}},
             "securityContext!": {"allowPrivilegeEscalation!": bool, "readOnlyRootFilesystem!": bool, "capabilities!": {"drop!": [str]}},
             "resources!": {"requests!": TEXTS, "limits!": TEXTS}, "volumeMounts": [{"name!": str, "mountPath!": str, "readOnly": bool}]}
POD = {"serviceAccountName!": str, "automountServiceAccountToken!": bool, "enableServiceLinks": bool, "restartPolicy": str, "terminationGracePeriodSeconds": int,
       "securityContext!": {"runAsNonRoot!": bool, "runAsUser!": int, "runAsGroup!": int, "fsGroup!": int, "seccompProfile!": {"type!": str}},
       "topologySpreadConstraints": [{"maxSkew!": int, "topologyKey!": str, "whenUnsatisfiable!": str, "labelSelector!": SELECTOR}], "containers!": [CONTAINER],
       "volumes": [{"name!": str, "emptyDir": {"medium": str, "sizeLimit": str}, "configMap": {"name!": str}, "secret": {"secretName!": str, "defaultMode!": int}}]}
TEMPLATE = {"metadata!": {"labels!": TEXTS, "annotations": TEXTS}, "spec!": POD}
PEER = {"podSelector": SELECTOR, "namespaceSelector": SELECTOR}
PORTS = [{"protocol!": str, "port!": int}]
KINDS = {
    ("v1", "Namespace"): {},
    ("v1", "ServiceAccount"): {"automountServiceAccountToken!": bool},
    ("v1", "ConfigMap"): {"data!": TEXTS},
    ("v1", "Service"): {"spec!": {"type": str, "selector!": TEXTS, "ports!": [{"name!": str, "port!": int, "targetPort!": (int, str)}]}},
    ("batch/v1", "Job"): {"spec!": {"backoffLimit": int, "activeDeadlineSeconds": int, "ttlSecondsAfterFinished": int, "template!": TEMPLATE}},
    ("apps/v1", "Deployment"): {"spec!": {"replicas!": int, "revisionHistoryLimit": int, "selector!": SELECTOR, "template!": TEMPLATE,
                                          "strategy": {"type!": str, "rollingUpdate": {"maxUnavailable": int, "maxSurge": int}}}},
    ("policy/v1", "PodDisruptionBudget"): {"spec!": {"minAvailable!": int, "selector!": SELECTOR}},
    ("networking.k8s.io/v1", "NetworkPolicy"): {"spec!": {"podSelector!": SELECTOR, "policyTypes!": [str], "ingress": [{"ports": PORTS, "from": [PEER]}],
                                                          "egress": [{"ports": PORTS, "to": [PEER]}]}},
}


def differs(shape, value, where):
    """What does not fit, as sentences."""
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where} is no list"]
        return [one for at, item in enumerate(value) for one in differs(shape[0], item, f"{where}[{at}]")]
    if not isinstance(shape, dict):
        is_right = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
        return [] if is_right else [f"{where} is {value!r}"]
    if not isinstance(value, dict):
        return [f"{where} is no map"]
    if "*" in shape:
        return [one for name, item in value.items() for one in differs(shape["*"], item, f"{where}.{name}")]
    known = {name.rstrip("!"): inner for name, inner in shape.items()}
    wrong = [f"{where} lacks {name[:-1]}" for name in shape if name.endswith("!") and name[:-1] not in value]
    for name, item in value.items():
        wrong += differs(known[name], item, f"{where}.{name}") if name in known else [f"{where} knows no {name}"]
    return wrong


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


class Manifests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.all = [document for name in sorted(glob.glob(HERE + "/**/*.yaml", recursive=True)) for document in plain_yaml.load_all(read(name))]
        cls.pods = [(each["metadata"]["name"], each["spec"]["template"]) for each in cls.all if "template" in each.get("spec", {})]
        cls.handbook = read("docker", "README.md")
        cls.image = read("docker", "Dockerfile")

    def one(self, kind, name="gloss"):
        found = [each for each in self.all if each["kind"] == kind and each["metadata"]["name"] == name]
        self.assertEqual(len(found), 1, kind)
        return found[0]

    def containers(self):
        return [(name, template["spec"], container) for name, template in self.pods for container in template["spec"]["containers"]]

    def settings(self, container):
        """The environment of a container."""
        values = dict(self.one("ConfigMap", "gloss-settings")["data"])
        values.update({each["name"]: each["value"] for each in container.get("env", [])})
        return values

    def test_members_are_known(self):
        self.assertGreater(len(self.all), 8)
        for document in self.all:
            kind = document["apiVersion"], document["kind"]
            with self.subTest(kind=kind, name=document["metadata"]["name"]):
                self.assertEqual(differs({"apiVersion!": str, "kind!": str, "metadata!": META, **KINDS[kind]}, document, kind[1]), [])
                self.assertEqual(document["metadata"].get("namespace", document["metadata"]["name"]), "gloss")
        self.assertEqual(len({(each["kind"], each["metadata"]["name"]) for each in self.all}), len(self.all), "one name twice")

    def test_what_does_not_fit_is_found(self):
        for wrong, word in (({"name": "x", "labls": {}}, "knows no labls"), ({}, "lacks name"), ({"name": 5}, "name is 5"), ({"name": "x", "labels": {"a": True}}, "labels.a")):
            self.assertIn(word, " ".join(differs(META, wrong, "metadata")))
        for text in ("a: [b", "a:\n\tb: c", "a: &x b", "a: b # c", "a: 1\na: 2", "a: yes", "a: |"):
            self.assertRaises(plain_yaml.NotPlain, plain_yaml.load_all, text)

    def test_pods_are_restricted(self):
        user = int(re.search(r"^USER (\d+):\1$", self.image, re.M).group(1))
        for name, spec, container in self.containers():
            with self.subTest(name=name):
                context = spec["securityContext"]
                self.assertEqual((context["runAsNonRoot"], context["runAsUser"], context["runAsGroup"], context["fsGroup"]), (True, user, user, user))
                self.assertEqual(context["seccompProfile"]["type"], "RuntimeDefault")
                self.assertEqual(container["securityContext"], {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}})
                self.assertIs(spec["automountServiceAccountToken"], False)
                self.assertIn("memory", container["resources"]["limits"])
                self.assertEqual(container["image"], re.search(r"^  image: (gloss:)\$\{GLOSS_TAG:-(\w+)\}$", read("docker", "compose.yaml"), re.M).expand(r"\1\2"))

    def test_settings_are_the_servers(self):
        """The program reads them all, and says that they are right."""
        known = {"GLOSS_" + name.upper() for name in re.findall(r"^SETTING\((\w+),", read("service", "base", "settings.def"), re.M)}
        of_image = set(re.findall(r"GLOSS_IMAGE_\w+", read("docker", "gloss-start")))
        for name, _, container in self.containers():
            values = self.settings(container)
            with self.subTest(name=name):
                self.assertEqual(set(values) - known - of_image, {"GLOSS_CONFIG"})
                with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
                    file.write(self.one("ConfigMap", "gloss-file")["data"]["gloss.conf"])
                    file.flush()
                    done = subprocess.run([GLOSSD, "settings"], capture_output=True, text=True, timeout=LIMIT_S,
                                          env={**{key: value for key, value in os.environ.items() if not key.startswith("GLOSS")}, **values, "GLOSS_CONFIG": file.name})
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertIn(values["GLOSS_HOST_NAMES"], done.stdout)
                    self.assertIn(file.name, done.stdout, "nothing comes from the file")

    def test_a_pod_may_read_its_own_metrics(self):
        networks = [each.strip() for each in self.one("ConfigMap", "gloss-settings")["data"]["GLOSS_METRICS_FROM"].split(",")]
        self.assertLessEqual({"127.0.0.1", "::1"}, set(networks))
        self.assertGreater(len(networks), 2, "and Prometheus")

    def test_files_are_mounted(self):
        """Each file that a setting names is in a secret that is mounted there; each secret, with its keys, is made by a command of the handbook."""
        for name, spec, container in self.containers():
            mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
            volumes = {volume["name"]: volume for volume in spec["volumes"]}
            self.assertEqual(sorted(mounts.values()), sorted(volumes), name)
            self.assertIn("emptyDir", volumes[mounts["/tmp"]], "gloss-start writes there")
            folder, key = self.settings(container)["GLOSS_CONFIG"].rsplit("/", 1)
            self.assertIn(key, self.one("ConfigMap", volumes[mounts[folder]]["configMap"]["name"])["data"])
            own = {each["name"]: each["value"] for each in container.get("env", [])}
            serves = "serve" in container["args"]
            files = [value for key, value in self.settings(container).items() if key.endswith("_FILE") or (serves and key.startswith("GLOSS_TLS_"))]
            self.assertEqual(len(files), len(own) + (2 if serves else 0))
            for file in files:
                with self.subTest(name=name, file=file):
                    folder, key = file.rsplit("/", 1)
                    secret = volumes[mounts[folder]]["secret"]
                    self.assertEqual(secret["defaultMode"], 0o440)  # of root and group 10001, and for nobody else
                    made = re.search(rf"^    kubectl -n gloss create secret (generic|tls) {secret['secretName']} (.*)$", self.handbook, re.M)
                    self.assertIsNotNone(made, f"the handbook does not make {secret['secretName']}")
                    self.assertIn({"tls.crt": "--cert=", "tls.key": "--key="}.get(key, f"--from-file={key}="), made.group(2))

    def test_only_the_jobs_have_the_owners_password(self):
        for name, spec, container in self.containers():
            secrets = {volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
            self.assertEqual("gloss-database-owner" in secrets, "serve" not in container["args"], name)

    def test_selectors_find_the_server(self):
        labels = self.one("Deployment")["spec"]["template"]["metadata"]["labels"]
        for selector in (self.one("Deployment")["spec"]["selector"]["matchLabels"], self.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
                         self.one("Service")["spec"]["selector"]):
            self.assertEqual(selector, labels)
            others = [name for name, template in self.pods if name != "gloss" and selector.items() <= template["metadata"]["labels"].items()]
            self.assertEqual(others, [], "people would be sent to a job")
        policy = self.one("NetworkPolicy")["spec"]
        for name, template in self.pods:
            self.assertLessEqual(policy["podSelector"]["matchLabels"].items(), template["metadata"]["labels"].items(), name)
        self.assertEqual(self.one("NetworkPolicy", "nobody")["spec"], {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})

    def test_who_may_go_somewhere_is_let_in_there(self):
        """Everybody in the namespace is closed; so what lets servers and jobs out to a pod of it needs something that lets them in."""
        server = self.one("NetworkPolicy")["spec"]
        labels = server["podSelector"]["matchLabels"]
        inside = [(rule["ports"], peer["podSelector"]["matchLabels"]) for rule in server["egress"] for peer in rule["to"] if "namespaceSelector" not in peer]
        self.assertEqual(len(inside), 1)
        for ports, theirs in inside:
            doors = [(rule["ports"], peer["podSelector"]["matchLabels"]) for each in self.all if each["kind"] == "NetworkPolicy" and each["spec"]["podSelector"] == {"matchLabels": theirs}
                     for rule in each["spec"]["ingress"] for peer in rule["from"]]
            self.assertIn((ports, labels), doors, theirs)

    def test_the_administrators_password_is_nobody_elses(self):
        """The words that make the database, in a container whose files anybody may read, as the engine has it; libpq looks at no such file of passwords."""
        words = re.search(r"^    kubectl -n gloss exec -i job/gloss-admin -- sh -c '(.*)' <admin.pgpass$", self.handbook, re.M).group(1)
        with tempfile.TemporaryDirectory(prefix="gloss-kubernetes.") as folder:
            with open(folder + "/glossd", "w", encoding="utf-8") as file:
                file.write('#!/bin/sh\nstat -c %a "$PGPASSFILE"\ncat "$PGPASSFILE"\n')
            os.chmod(folder + "/glossd", 0o755)
            done = subprocess.run(["sh", "-c", "umask 022; exec sh -c \"$1\"", "sh", words.replace("/tmp/admin", folder + "/admin")], input="db:5432:*:postgres:secret\n", capture_output=True,
                                  text=True, timeout=LIMIT_S, env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"})
            self.assertEqual((done.returncode, done.stderr, done.stdout), (0, "", "600\ndb:5432:*:postgres:secret\n"))
            self.assertEqual(os.listdir(folder), ["glossd"])

    def test_the_port_is_the_images(self):
        port = int(re.search(r"^EXPOSE (\d+)$", self.image, re.M).group(1))
        self.assertIn(f"GLOSS_PORT={port}", self.image)
        template = self.one("Deployment")["spec"]["template"]
        self.assertEqual(template["spec"]["containers"][0]["ports"], [{"name": "https", "containerPort": port}])
        self.assertEqual(template["metadata"]["annotations"]["prometheus.io/port"], str(port))
        self.assertEqual(self.one("Service")["spec"]["ports"][0]["targetPort"], "https")
        self.assertEqual([rule["ports"][0]["port"] for rule in self.one("NetworkPolicy")["spec"]["ingress"]], [port])

    def test_there_is_time_to_drain(self):
        deployment = self.one("Deployment")["spec"]
        spec = deployment["template"]["spec"]
        container = spec["containers"][0]
        waits = container["lifecycle"]["preStop"]["exec"]["command"]
        self.assertEqual(waits[0], "sleep")
        drain = int(self.settings(container)["GLOSS_DRAIN_TIMEOUT_MS"]) / 1000
        self.assertGreater(spec["terminationGracePeriodSeconds"], int(waits[1]) + drain + 5)
        self.assertEqual(deployment["strategy"]["rollingUpdate"], {"maxUnavailable": 0, "maxSurge": 1})
        self.assertLess(self.one("PodDisruptionBudget")["spec"]["minAvailable"], deployment["replicas"])

    def test_probes_are_answered(self):
        """What a kubelet asks: by address, without looking at the certificate."""
        container = self.one("Deployment")["spec"]["template"]["spec"]["containers"][0]
        folder = tempfile.mkdtemp(prefix="gloss-kubernetes.")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        subprocess.run([SOURCE + "/service/deps/certificate", folder], check=True, capture_output=True)
        env = {key: value for key, value in os.environ.items() if not key.startswith("GLOSS")}
        ready, tell = os.pipe()
        with open(folder + "/log", "w", encoding="utf-8") as log:
            server = subprocess.Popen([GLOSSD, "serve", "--ready-fd", str(tell), "--port", "0", "--tls-certificate", folder + "/tls/server.crt", "--tls-key",
                                       folder + "/tls/server.key", "--database", "host=/nowhere", "--host-names", self.settings(container)["GLOSS_HOST_NAMES"]],
                                      env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[tell])
        os.close(tell)
        self.addCleanup(lambda: (server.kill(), server.wait()))
        with os.fdopen(ready, encoding="utf-8") as file:
            port = int(re.search(r":(\d+)/", file.readline()).group(1))
        answers = {}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asks = container[probe]["httpGet"]
            self.assertEqual((asks["port"], asks["scheme"]), ("https", "HTTPS"))
            answers[probe] = self.ask(port, asks["path"])
        self.assertEqual(answers, {"startupProbe": 200, "livenessProbe": 200, "readinessProbe": 503}, "alive, and without a database not ready")

    @staticmethod
    def ask(port, path):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port), LIMIT_S) as plain, context.wrap_socket(plain) as line:
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: 10.1.2.3:7443\r\nUser-Agent: kube-probe/1.30\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode())
            return int(line.recv(100).split()[1])

    def test_the_handbook_applies_all_of_it(self):
        said = " ".join(re.findall(r"docker/kubernetes\S*", self.handbook))
        for name in glob.glob(HERE + "/**/*.yaml", recursive=True):
            self.assertIn(os.path.relpath(name, SOURCE), said)


if __name__ == "__main__":
    if not os.access(GLOSSD, os.X_OK):
        print(f"skipped: {GLOSSD} is not built")
        sys.exit(77)
    unittest.main(verbosity=2)
