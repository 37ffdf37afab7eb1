#!/usr/bin/python3
"""The commands of docker/README.md: each is of a kind that is known here, and what it names is there. With an engine they are run: try-handbook, try-nodes."""
import glob
import os
import re
import subprocess
import sys
import unittest

SOURCE, GLOSSD = os.environ["GLOSS_SOURCE_DIR"], os.environ["GLOSSD"]
LIMIT_S = 3000
# What begins a command, and who runs it: try-handbook compose and server, try-nodes nodes (and looks at what watching is for), tests/packages/try-packages package. Cluster is for a machine that
# no test has; test_kubernetes looks at what it names.
KINDS = (("docker compose -f docker/compose.yaml -f docker/compose.nodes.yaml ", "nodes"), ("c ", "nodes"), ("echo GLOSS_", "nodes"), ("docker compose ", "compose"), ("docker network connect docker_watching ", "watching"), ("(umask 077; docker compose ", "compose"),
         ("for it in database ", "compose"), ("(umask 077; for it in database ", "compose"), ("kubectl ", "cluster"), ("cmake ", "package"), ("cpack ", "package"),
         ("systemd-", "package"), ("glossd ", "server"), ("gloss ", "client"))

# PostgreSQL's, systemd's, an engine's, Prometheus's; and fields of the log.
OTHERS = {"application_name", "max_wal_size", "pg_stat_activity", "server_name", "shared_buffers", "stop_grace_period", "synchronous_commit", "tcp_user_timeout", "held_back", "took_us"}


def handbook(name="README.md"):
    with open(os.path.join(SOURCE, "docker", name), encoding="utf-8") as file:
        return file.read()


def commands(name="README.md"):
    """[(section, command)] of the indented blocks; a block of settings (name: value) is none."""
    section, found = "", []
    for block in re.split(r"\n\n", handbook(name)):
        heading = re.match(r"#+ (.*)", block)
        section = heading.group(1) if heading else section
        lines = block.split("\n")
        if all(line.startswith("    ") for line in lines) and not re.match(r"    \w+:(\s|$)", lines[0]):
            found += [(section, re.sub(r"\s+# .*$", "", line.strip())) for line in lines]
    return found


def kind_of(command):
    return next((kind for begin, kind in KINDS if command.startswith(begin)), None)


class Told(unittest.TestCase):
    def test_there_are_commands(self):
        kinds = {kind_of(command) for _, command in commands()}
        self.assertLessEqual({"compose", "nodes", "server", "cluster", "package"}, kinds)

    def test_each_is_known(self):
        for section, command in commands():
            with self.subTest(section=section, command=command):
                self.assertIsNotNone(kind_of(command), "say in KINDS who runs it")
                done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, timeout=LIMIT_S)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_files_are_there(self):
        for section, command in commands():
            for name in re.findall(r"(?<![\w/>])docker/[\w./-]+", command):
                with self.subTest(section=section, name=name):
                    self.assertTrue(os.path.exists(os.path.join(SOURCE, name)))

    def test_verbs_are_there(self):
        """Each verb of glossd that the page has in a command or between backticks."""
        verbs = set(re.findall(r"(?:^|[ `&])glossd ([a-z]+)", "\n".join([command for _, command in commands()] + re.findall(r"`glossd [^`]*`", handbook()))))
        self.assertLessEqual({"health", "reload", "migrate"}, verbs)
        for verb in sorted(verbs):
            done = subprocess.run([GLOSSD, verb, "--help"], capture_output=True, text=True, timeout=LIMIT_S)
            self.assertTrue(done.stdout.startswith(f"glossd {verb} - "), verb)

    def test_settings_and_variables_are_there(self):
        texts = []
        for name in ("compose.yaml", "compose.nodes.yaml", "gloss-start", "gloss-setup", "Dockerfile"):
            with open(os.path.join(SOURCE, "docker", name), encoding="utf-8") as file:
                texts.append(file.read())
        with open(os.path.join(SOURCE, "service/base/settings.def"), encoding="utf-8") as file:
            settings = {"GLOSS_" + name.upper() for name in re.findall(r"^SETTING\((\w+),", file.read(), re.M)}
        for name in set(re.findall(r"\bGLOSS_[A-Z][A-Z_]*[A-Z]\b", handbook())):
            self.assertTrue(name in settings or any(name in text for text in texts), name)

    def test_names_are_those_of_the_program(self):
        """Whatever is written like a setting, an error, a metric, an event, a quota or an action in audit is one, or one of somebody else's that stands here."""
        with open(os.path.join(SOURCE, "service/base/settings.def"), encoding="utf-8") as file:
            known = set(re.findall(r"^SETTING\((\w+),", file.read(), re.M))
        with open(os.path.join(SOURCE, "proto/errors.def"), encoding="utf-8") as file:
            known |= {name.lower() for name in re.findall(r"^GL_ERROR\((\w+),", file.read(), re.M)}
        with open(os.path.join(SOURCE, "docker/metrics.md"), encoding="utf-8") as file:
            known |= set(re.findall(r"`(gloss_\w+)`", file.read()))
        with open(os.path.join(SOURCE, "service/base/events.def"), encoding="utf-8") as file:
            known |= set(re.findall(r'LOG_EVENT\(\w+,\s*"([^"]+)"', file.read()))
        with open(os.path.join(SOURCE, "service/store/store_errors.c"), encoding="utf-8") as file:
            known |= set(re.findall(r'GL_E_\w+, "(\w+)"', file.read()))
        with open(os.path.join(SOURCE, "service/base/quotas.def"), encoding="utf-8") as file:
            known |= set(re.findall(r"^QUOTA\(\w+,\s*\w+,\s*(\w+),", file.read(), re.M))
        for name in glob.glob(os.path.join(SOURCE, "migrations/*.sql")):
            with open(name, encoding="utf-8") as file:
                known |= set(re.findall(r"insert into audit [^;]*?'([a-z]+\.[a-z_]+)'", file.read()))
        words = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+|[a-z]+\.(?!md|yaml|json|conf|service|socket|timer)[a-z_]+)`", handbook()))
        self.assertEqual(words - known - OTHERS, set())
        self.assertEqual(OTHERS - words, set(), "nobody needs them here any more")

    def test_exit_statuses_are_the_programs(self):
        with open(os.path.join(SOURCE, "service/admin/admin.h"), encoding="utf-8") as file:
            wanted = re.findall(r"ROW\(\w+, (\d+),", file.read())
        self.assertEqual(re.findall(r"^\| (\d) \| ", handbook(), re.M), wanted)


if __name__ == "__main__":
    if not os.access(GLOSSD, os.X_OK):
        print(f"skipped: {GLOSSD} is not built")
        sys.exit(77)
    unittest.main(verbosity=2)
