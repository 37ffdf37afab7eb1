"""case.py - what the tests of gloss share: a server for each class, and a few texts."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import server as support  # noqa: E402

UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
SHA256 = r"^[0-9a-f]{64}$"
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"

PLAIN = """Taliban and neighbours

China and Russia both seek closer ties with the Taliban. China and Russia are cautious.

“We will wait,” said Wang Yi — and waited.
"""
MIXED = ("Mixed scripts\r\n\r\n中国和俄罗斯都寻求与喀布尔的塔利班建立更密切的联系。\r\nمرحبا بالعالم هذا نص طويل\r\nשלום עולם\r\n"
         "Family 👩‍👩‍👧‍👦 flag 🇦🇫 e\u0301tude\r\n")


class CliCase(unittest.TestCase):
    """One server for all tests of the class; class variables say how it is made."""
    workers = 1
    settings = None
    own_cluster = False
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = support.Server(workers=cls.workers, settings=support.patient(cls.settings, cls.own_cluster), own_cluster=cls.own_cluster)
        cls.server.__enter__()
        try:
            cls.prepare()
        except BaseException:
            cls.server.end(check=False)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    @classmethod
    def prepare(cls):
        """Users and briefs of the class."""

    def gloss(self, *args, **more):
        return self.server.gloss(*args, **more)

    def refuse(self, *args, status, says, **more):
        """Runs gloss, which must end with this status and say these words on stderr, in a sentence that is harmless."""
        done = self.gloss(*args, status=status, **more)
        for words in [says] if isinstance(says, str) else says:
            self.assertIn(words, done.err, str(done))
        self.assertNotRegex(done.err, r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
        return done


def main():
    reason = support.missing()
    if reason:
        print("skipped:", reason)
        sys.exit(77)
    unittest.main(verbosity=2)
