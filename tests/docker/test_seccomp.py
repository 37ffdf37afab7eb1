#!/usr/bin/python3
"""docker/seccomp.json without an engine: the server and gloss work under it, what they have no need of is refused. (With an engine: try-image, try-compose.)"""
import errno
import json
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import server as support  # noqa: E402
from server import Server, children_of, wait_until  # noqa: E402

UNDER = os.path.join(HERE, "under-profile")
SOURCE = os.environ["GLOSS_SOURCE_DIR"]
# What whoever has taken over a process would ask for: other namespaces, file systems, processes, the kernel itself.
FORBIDDEN = ("unshare setns mount umount2 pivot_root chroot fsopen open_tree move_mount mount_setattr ptrace process_vm_readv process_vm_writev pidfd_getfd bpf perf_event_open "
             "io_uring_setup io_uring_enter io_uring_register userfaultfd keyctl add_key request_key kexec_load init_module finit_module delete_module reboot swapon swapoff "
             "acct settimeofday clock_settime adjtimex sethostname setdomainname iopl ioperm modify_ldt personality name_to_handle_at open_by_handle_at quotactl lookup_dcookie "
             "syslog memfd_create memfd_secret mknod mknodat execveat fanotify_init shmget msgget semget splice vmsplice tee kcmp").split()
ASK = """
import ctypes, os, re, sys
numbers = dict(re.findall(r"#define __NR_(\\w+) (\\d+)", open("/usr/include/x86_64-linux-gnu/asm/unistd_64.h").read()))
libc = ctypes.CDLL(None, use_errno=True)
for name in sys.argv[1:]:
    ctypes.set_errno(0)
    libc.syscall(ctypes.c_long(int(numbers[name])), *[ctypes.c_long(-1)] * 6)
    print(name, ctypes.get_errno())
"""


def names(profile, action):
    return [name for rule in profile["syscalls"] if rule["action"] == action for name in rule["names"]]


class Profile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(os.path.join(SOURCE, "docker", "seccomp.json"), encoding="utf-8") as file:
            cls.profile = json.load(file)

    def test_allows_by_name_and_refuses_the_rest(self):
        self.assertEqual(self.profile["defaultAction"], "SCMP_ACT_ERRNO")
        self.assertEqual({rule["action"] for rule in self.profile["syscalls"]}, {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"})
        self.assertEqual(names(self.profile, "SCMP_ACT_ERRNO"), ["clone3"])
        self.assertEqual(sorted(set(FORBIDDEN) & set(names(self.profile, "SCMP_ACT_ALLOW"))), [])

    def test_forbidden_calls_are_refused(self):
        done = subprocess.run([UNDER, sys.executable, "-c", ASK, *FORBIDDEN], capture_output=True, text=True, timeout=support.LIMIT_S)
        said = dict(line.split() for line in done.stdout.splitlines())
        self.assertEqual({name: said.get(name) for name in FORBIDDEN}, {name: str(errno.EPERM) for name in FORBIDDEN}, done.stderr)

    def test_no_namespace_and_no_odd_socket(self):
        code = ("import ctypes, os, socket\nlibc = ctypes.CDLL(None, use_errno=True)\n"
                "print(libc.syscall(ctypes.c_long(56), ctypes.c_long(0x10000000 | 17), 0, 0, 0, 0), ctypes.get_errno())\n"  # clone with CLONE_NEWUSER
                "for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_PACKET, 40, 38):\n"
                "    try: socket.socket(family, socket.SOCK_DGRAM).close(); print(family, 'made')\n"
                "    except OSError as reason: print(family, reason.errno)\n")
        done = subprocess.run([UNDER, sys.executable, "-c", code], capture_output=True, text=True, timeout=support.LIMIT_S)
        refused = str(errno.EPERM)
        self.assertEqual([line.split()[-1] for line in done.stdout.splitlines()], [refused, "made", "made", "made", refused, refused, refused], done.stdout + done.stderr)


class Work(unittest.TestCase):
    """What the other service tests do at length (docker.seccomp.service, long), once through: workers, helpers, keepers, a reload, a crash."""

    def setUp(self):
        self.server = Server(workers=2, settings=support.patient({}, False))
        self.server.prefix = [UNDER]
        self.server.__enter__()
        self.addCleanup(self.end)

    def end(self):
        server, self.server = self.server, None
        if server:
            server.__exit__(None, None, None)

    def test_all_of_it(self):
        server = self.server
        server.user("ana", role="annotator")
        brief = os.path.join(server.folder, "brief.txt")
        with open(brief, "w", encoding="utf-8") as file:
            file.write("Whoever edits last wins.\n")
        server.gloss("import", brief, user="admin")
        server.gloss("tag", "brief", "edits", "--label", "claim", user="ana")
        self.assertIn("claim", server.gloss("show", "brief", user="ana").out)
        server.glossd("user", "password", "ana", stdin=b"a long pass phrase\n")
        server.glossd("check")
        server.glossd("reload")
        wait_until("the reload is told", lambda: "service.reloaded" in server.log())
        worker = children_of(server.process.pid)[0]
        os.kill(worker, 9)
        wait_until("it is told", lambda: "worker.gone" in server.log())
        wait_until("all is well again", server.is_ready)
        self.assertIn("claim", server.gloss("show", "brief", user="ana").out)
        self.assertNotIn("Operation not permitted", server.log())


if __name__ == "__main__":
    os.environ["ASAN_OPTIONS"] = "detect_leaks=0:" + os.environ.get("ASAN_OPTIONS", "").replace("detect_leaks=1", "")  # looking for leaks is ptrace
    reason = support.missing()
    if not reason and subprocess.run([UNDER, "true"], capture_output=True, timeout=support.LIMIT_S).returncode == 77:
        reason = "only for x86-64, with the kernel's headers"
    if reason:
        print("skipped:", reason)
        sys.exit(77)
    unittest.main(verbosity=2)
