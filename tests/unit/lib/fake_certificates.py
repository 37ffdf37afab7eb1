"""Certificates for fake_server.py: one that is good, and each kind that a client must not take. Made once, with the program openssl."""
import os
import ssl
import subprocess

CA_CONFIG = """[ca]
default_ca = here
[here]
database = {0}/index
new_certs_dir = {0}
serial = {0}/serial
default_md = sha256
policy = any
email_in_dn = no
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_key(path):
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


def make_leaf(directory, name, names, begin, end):
    key, request, certificate = (os.path.join(directory, name + ending) for ending in (".key", ".csr", ".pem"))
    make_key(key)
    run("openssl", "req", "-new", "-key", key, "-subj", "/CN=" + name, "-addext", "subjectAltName=" + names, "-out", request)
    run("openssl", "ca", "-batch", "-config", os.path.join(directory, "ca.cnf"), "-cert", os.path.join(directory, "ca.pem"), "-keyfile",
        os.path.join(directory, "ca.key"), "-startdate", begin, "-enddate", end, "-in", request, "-out", certificate, "-notext")


def make_certificates(directory):
    """Once; several servers may want to at the same time, so they are made elsewhere and moved in."""
    if os.path.exists(os.path.join(directory, "ca.pem")):
        return
    making = directory + f".{os.getpid()}"
    os.makedirs(making)
    with open(os.path.join(making, "ca.cnf"), "w", encoding="utf-8") as file:
        file.write(CA_CONFIG.format(making))
    for name, content in (("index", ""), ("serial", "01\n")):
        with open(os.path.join(making, name), "w", encoding="utf-8") as file:
            file.write(content)
    for name in ("ca", "other_ca"):
        make_key(os.path.join(making, name + ".key"))
        run("openssl", "req", "-x509", "-new", "-key", os.path.join(making, name + ".key"), "-subj", f"/CN=Authority {name}", "-days", "3650", "-out",
            os.path.join(making, name + ".pem"))
    make_key(os.path.join(making, "self.key"))
    run("openssl", "req", "-x509", "-new", "-key", os.path.join(making, "self.key"), "-subj", "/CN=self", "-addext", "subjectAltName=IP:127.0.0.1",
        "-addext", "basicConstraints=CA:FALSE", "-days", "3650", "-out", os.path.join(making, "self.pem"))
    make_leaf(making, "good", "IP:127.0.0.1,IP:::1,DNS:localhost", "20200101000000Z", "20491231000000Z")
    make_leaf(making, "elsewhere", "DNS:elsewhere.example,IP:192.0.2.1", "20200101000000Z", "20491231000000Z")
    make_leaf(making, "expired", "IP:127.0.0.1", "20200101000000Z", "20200202000000Z")
    make_leaf(making, "early", "IP:127.0.0.1", "20480101000000Z", "20491231000000Z")
    try:
        os.rename(making, directory)
    except OSError:
        if not os.path.exists(os.path.join(directory, "ca.pem")):
            raise


def context(directory, name):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ctx.load_cert_chain(os.path.join(directory, name + ".pem"), os.path.join(directory, name + ".key"))
    ctx.set_alpn_protocols(["http/1.1"])  # without it libwebsockets copies no bytes from NULL, which the sanitizer reports
    return ctx
