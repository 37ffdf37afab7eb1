"""TLS: versions, ciphers, ALPN; certificates that change while it runs, and those that cannot be used."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import unittest

from target import ECHO_CORE, EchoCore, make_certificate, wait_until
from wire import Conn, DEADLINE_S, get, is_well, open_ws


def old_context(server, low, high, ciphers="ALL:@SECLEVEL=0"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    context.minimum_version, context.maximum_version = low, high
    return context


def certificate(server):
    """Which certificate is served now?"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with server.tls(context) as sock:
        return sock.getpeercert(binary_form=True)


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EchoCore()

    @classmethod
    def tearDownClass(cls):
        cls.server.end()

    def test_versions(self):
        v = ssl.TLSVersion
        for version, is_good in ((v.TLSv1, False), (v.TLSv1_1, False), (v.TLSv1_2, True), (v.TLSv1_3, True)):
            with self.subTest(version), ssl_warnings_off():
                context = old_context(self.server, version, version)
                if is_good:
                    with self.server.tls(context) as sock:
                        self.assertEqual(sock.version(), {v.TLSv1_2: "TLSv1.2", v.TLSv1_3: "TLSv1.3"}[version])
                else:
                    with self.assertRaises((ssl.SSLError, ConnectionError)):
                        self.server.tls(context)

    def test_ciphers_of_1_2(self):
        two = ssl.TLSVersion.TLSv1_2
        for name, is_good in (("ECDHE-ECDSA-AES128-GCM-SHA256", True), ("ECDHE-ECDSA-AES256-GCM-SHA384", True),
                              ("ECDHE-ECDSA-CHACHA20-POLY1305", True), ("ECDHE-ECDSA-AES128-SHA", False), ("ECDHE-ECDSA-AES128-SHA256", False),
                              ("AES128-GCM-SHA256", False), ("DHE-RSA-AES128-GCM-SHA256", False), ("AES128-SHA", False)):
            with self.subTest(name):
                context = old_context(self.server, two, two, name + ":@SECLEVEL=0")
                if is_good:
                    with self.server.tls(context) as sock:
                        self.assertEqual(sock.cipher()[0], name)
                else:
                    with self.assertRaises((ssl.SSLError, ConnectionError)):
                        self.server.tls(context)

    def test_alpn_is_http_1_1_only(self):
        for offered, expected in ((["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (["h2"], None)):
            context = self.server.context()
            context.set_alpn_protocols(offered)
            with self.subTest(offered=offered):
                try:
                    with self.server.tls(context) as sock:
                        self.assertEqual(sock.selected_alpn_protocol(), expected)
                except ssl.SSLError:
                    self.assertIsNone(expected)

    def test_plain_http_is_hung_up_on(self):
        with Conn(self.server, self.server.tcp()) as conn:
            conn.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertNotIn(b"HTTP/", conn.until_closed())

    def resumes(self, first, then, version=ssl.TLSVersion.TLSv1_3):
        """Is a session that began at one server gone on with at another?"""
        context = first.context()
        context.maximum_version = version
        with Conn(first, first.tls(context)) as conn:
            conn.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            conn.until_closed()  # with 1.3 the ticket comes behind the handshake
            session = conn.sock.session
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(then.tcp(), server_hostname="localhost", session=session) as sock:
            return sock.session_reused

    def test_sessions_are_resumed(self):
        self.assertTrue(self.resumes(self.server, self.server))

    def test_sessions_of_1_2_are_not(self):
        """There the ticket's key would be all that protects what was said."""
        self.assertFalse(self.resumes(self.server, self.server, ssl.TLSVersion.TLSv1_2))

    def test_another_process_with_the_same_certificate_resumes_them(self):
        with EchoCore(pair=(self.server.cert, self.server.key)) as other:
            self.assertTrue(self.resumes(self.server, other))
            self.assertTrue(self.resumes(other, self.server))

    def test_one_with_another_key_does_not(self):
        with EchoCore() as other:
            self.assertFalse(self.resumes(self.server, other))

    def test_renegotiation_and_noise_after_the_handshake(self):
        with open_ws(self.server) as conn:
            raw = conn.sock.detach()
            sock = socket.socket(fileno=raw)
            sock.sendall(b"\x16\x03\x03\x00\x04\x00\x00\x00\x00" + os.urandom(100))
            sock.close()
        self.assertTrue(is_well(self.server))


class Reload(unittest.TestCase):
    def test_good_pairs_are_taken_and_bad_ones_are_not(self):
        with EchoCore() as server, open_ws(server) as living:
            def hup(event, count):
                server.process.send_signal(signal.SIGHUP)
                server.wait_for_event(event, count)

            first = certificate(server)
            make_certificate(server.folder)  # of the same kind
            self.assertEqual(certificate(server), first)  # not before it is told
            hup("tls.loaded", 1)
            second = certificate(server)
            self.assertNotEqual(second, first)

            make_certificate(server.folder, kind="rsa")  # of another kind
            hup("tls.loaded", 2)
            third = certificate(server)
            self.assertNotIn(third, (first, second))

            good = {name: open(os.path.join(server.folder, name)).read() for name in ("cert.pem", "key.pem")}
            other = tempfile.mkdtemp()
            _, other_key = make_certificate(other, kind="rsa")
            _, other_kind = make_certificate(tempfile.mkdtemp(dir=other))
            bad = [("another key", "key.pem", open(other_key).read(), "does not belong"),
                   ("another kind of key", "key.pem", open(other_kind).read(), "does not belong"),
                   ("an empty key", "key.pem", "", "no usable private key"), ("garbage", "cert.pem", "garbage\n", "no usable certificate"),
                   ("half a certificate", "cert.pem", good["cert.pem"][:300], "no usable certificate"),
                   ("a key instead of a certificate", "cert.pem", good["key.pem"], "no usable certificate")]
            for i, (what, name, text, said) in enumerate(bad):
                with self.subTest(what):
                    with open(os.path.join(server.folder, name), "w") as file:
                        file.write(text)
                    hup("tls.refused", i + 1)
                    self.assertIn(said, server.events("tls.refused")[-1])
                    self.assertEqual(certificate(server), third)
                    with open(os.path.join(server.folder, name), "w") as file:
                        file.write(good[name])
            os.unlink(server.key)
            hup("tls.refused", len(bad) + 1)
            self.assertIn("cannot be read", server.events("tls.refused")[-1])
            self.assertEqual(certificate(server), third)
            self.assertEqual(living.ask("still here"), "still here")  # through all of it
            shutil.rmtree(other)


class Start(unittest.TestCase):
    """What cannot be used is said before anything else happens."""

    def start(self, cert, key):
        done = subprocess.run([ECHO_CORE, "--cert", cert, "--key", key], capture_output=True, text=True, timeout=DEADLINE_S)
        return done.returncode, done.stderr

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.cert, self.key = make_certificate(self.folder)

    def tearDown(self):
        shutil.rmtree(self.folder)

    def test_what_cannot_be_used_is_named(self):
        other = os.path.join(self.folder, "other")
        os.mkdir(other)
        _, wrong_key = make_certificate(other)
        locked = os.path.join(self.folder, "locked.pem")
        subprocess.run(["openssl", "ec", "-in", self.key, "-aes128", "-passout", "pass:secret", "-out", locked], check=True, capture_output=True)
        for what, cert, key, said in (("no certificate", "/nowhere.pem", self.key, "tls_certificate: the file /nowhere.pem"),
                                      ("no key", self.cert, "/nowhere.pem", "tls_key: the file /nowhere.pem"),
                                      ("nothing named", "", self.key, "the setting tls_certificate is empty"),
                                      ("another key", self.cert, wrong_key, "does not belong to the certificate"),
                                      ("a key with a passphrase", self.cert, locked, "without a passphrase"),
                                      ("the key twice", self.key, self.key, "no usable certificate"),
                                      ("a folder", self.folder, self.key, "no usable certificate")):
            with self.subTest(what):
                code, text = self.start(cert, key)
                self.assertEqual(code, 7, text)
                self.assertIn(said, text)
                self.assertNotIn("Sanitizer", text)

    def test_an_expired_certificate_is_told(self):
        make_certificate(self.folder, days=3)
        server = EchoCore("--cert", self.cert, "--key", self.key)
        try:
            self.assertRegex(server.events("tls.expires")[-1], "days=[23] .*then glossd reload")
        finally:
            server.end()


class ssl_warnings_off:
    """Python does not like TLS 1.0 either."""

    def __enter__(self):
        import warnings
        self.caught = warnings.catch_warnings()
        self.caught.__enter__()
        warnings.simplefilter("ignore")

    def __exit__(self, *what):
        self.caught.__exit__(*what)


if __name__ == "__main__":
    unittest.main()
