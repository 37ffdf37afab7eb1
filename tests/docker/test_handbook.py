#!/usr/bin/python3
"""The commands of docker/README.md: each is of a kind that is known here, and what it names is there."""
import os
import re
import subprocess
import sys
import unittest

SOURCE, GLOSSD = os.environ["GLOSS_SOURCE_DIR"], os.environ["GLOSSD"]
LIMIT_S = 3000
# What begins a command, and who runs it: compose and package here; cluster and systemd are for machines that no test has, and are looked at instead.
KINDS = (("docker compose ", "compose"), ("docker ", "engine"), ("kubectl ", "cluster"), ("cmake ", "package"), ("cpack ", "package"), ("install ", "systemd"),
         ("systemctl ", "systemd"), ("glossd ", "server"), ("gloss ", "client"))


def handbook():
    with open(os.path.join(SOURCE, "docker", "README.md"), encoding="utf-8") as file:
        return file.read()


def commands():
    """[(section, command)] of the indented blocks; a block of settings (name: value) is none."""
    section, found = "", []
    for block in re.split(r"\n\n", handbook()):
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
        self.assertLessEqual({"compose", "cluster", "systemd"}, kinds)

    def test_each_is_known(self):
        for section, command in commands():
            with self.subTest(section=section, command=command):
                self.assertIsNotNone(kind_of(command), "say in KINDS who runs it")
                done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, timeout=LIMIT_S)
                self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_files_are_there(self):
        for section, command in commands():
            for name in re.findall(r"(?<![\w/])docker/[\w./-]+", command):
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
        for name in ("compose.yaml", "gloss-start", "gloss-setup", "Dockerfile"):
            with open(os.path.join(SOURCE, "docker", name), encoding="utf-8") as file:
                texts.append(file.read())
        with open(os.path.join(SOURCE, "service/base/settings.def"), encoding="utf-8") as file:
            settings = {"GLOSS_" + name.upper() for name in re.findall(r"^SETTING\((\w+),", file.read(), re.M)}
        for name in set(re.findall(r"\bGLOSS_[A-Z][A-Z_]*[A-Z]\b", handbook())):
            self.assertTrue(name in settings or any(name in text for text in texts), name)


if __name__ == "__main__":
    if not os.access(GLOSSD, os.X_OK):
        print(f"skipped: {GLOSSD} is not built")
        sys.exit(77)
    unittest.main(verbosity=2)
