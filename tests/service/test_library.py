#!/usr/bin/python3
"""libgloss against the real service: a program with a loop of its own that is offline for a while, and killed, and comes back."""
import os
import signal
import subprocess
import tempfile
import unittest

import case
from case import ServiceCase, create, wait_until

BUILD = os.environ.get("GLOSS_BUILD_DIR", "")


class Offline(ServiceCase):
    users = {"ana": "annotator", "ben": "annotator"}

    def program(self, folder, session, **more):
        with open(self.server.tokens["ana"], encoding="utf-8") as file:
            environment = dict(os.environ, GLOSS_URL=f"https://127.0.0.1:{self.server.port}/", GLOSS_TOKEN=file.read().strip(), GLOSS_CA=self.server.ca)
        return subprocess.Popen([os.path.join(BUILD, "clients/lib/gloss_example_poll"), session, folder], env=environment, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, text=True, **more)

    def test_what_was_asked_for_offline_is_applied_once(self):
        ben = self.people("ben")[0]
        session = self.new_session()
        with tempfile.TemporaryDirectory() as folder:
            first = self.program(folder, session)
            first.stdout.readline()
            wait_until("the replica is on disk", lambda: any(name.endswith(".cache") for name in os.listdir(folder)))
            ben.one(session, create("claim", exact="Nobody"))
            while "annotation.create" not in first.stdout.readline():
                pass
            first.kill()
            first.communicate()
            self.server.stop()
            away = self.program(folder, session)
            away.stdout.readline()
            for number in range(100):
                away.stdin.write(f"note {number}\n")
                away.stdin.flush()
                if number % 10 == 9:
                    wait_until("the journal has them", lambda: self.kept(folder) > number)
            away.send_signal(signal.SIGKILL)
            away.communicate()
            self.server.start()
            last = self.program(folder, session).communicate("", timeout=case.support.LIMIT_S)[0]
            self.assertIn("100 ops wait", last)
        replica = self.connect("ben").join(session)
        notes = sorted(record["note"] for record in replica.records.values() if "note" in record)
        self.assertEqual(notes, sorted(f"note {number}" for number in range(100)))

    @staticmethod
    def kept(folder):
        journal = next((name for name in os.listdir(folder) if name.endswith(".queue")), None)
        with open(os.path.join(folder, journal), "rb") as file:
            return file.read().count(b'"note":"note ')


if __name__ == "__main__":
    case.main()
