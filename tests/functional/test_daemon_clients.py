# SPDX-License-Identifier: Apache-2.0
"""A pyvirtd with as many clients as it takes: those who come to work do not feel it."""

import os
import resource
import subprocess
import sys
import time
import unittest

from tests.functional.daemon_case import DaemonProcessCase
from tests.unit.daemon.base import Raw

#: libvirt's max_clients, and those that root may have beyond
MAX, RESERVE = 5000, 50
#: descriptors that this process and the daemon need besides
_ROOM = 500
_STRANGERS = """
import os, socket, sys
if not os.geteuid():
    os.setgid(65534); os.setuid(65534)
held = []
for _ in range(200):
    held.append(socket.socket(socket.AF_UNIX))
    held[-1].connect(sys.argv[1])
print("there", flush=True)
sys.stdin.read()
"""


class ClientsTest(DaemonProcessCase):
    def answer_time(self) -> float:
        """Seconds from nothing to a list of domains, at best: others use this host, too."""
        found = []
        for _ in range(3):
            begin = time.monotonic()
            table = self.open()
            self.assertEqual([], table.connect_list_all_domains(0))
            table.close()
            found.append(time.monotonic() - begin)
        return min(found)

    def test_two_hundred_idle_strangers_of_another_user(self) -> None:
        self.write_config('unix_sock_ro_perms = "0777"\nauth_unix_ro = "none"\n')
        self.start()
        strangers = subprocess.Popen(
            [sys.executable, "-c", _STRANGERS, f"{self.root}/sock/libvirt-sock-ro"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(strangers.communicate)
        assert strangers.stdout is not None
        self.assertEqual(b"there\n", strangers.stdout.readline())
        self.assertLess(self.answer_time(), 0.5)

    def test_as_many_as_it_takes(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < MAX + RESERVE + _ROOM:
            raise unittest.SkipTest("needs more descriptors")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        self.start()
        limit = MAX if os.geteuid() else MAX + RESERVE
        clients = []
        for _ in range(limit):
            raw = Raw(f"{self.root}/sock/libvirt-sock")
            self.addCleanup(raw.close)
            raw.call("auth_list")
            reply = raw.call("connect_open", None, 0)
            assert reply is not None
            self.assertEqual(0, reply.status)
            clients.append(raw)
        refused = Raw(f"{self.root}/sock/libvirt-sock")
        self.addCleanup(refused.close)
        self.assertIsNone(refused.recv())
        for raw in clients[::500]:
            reply = raw.call("connect_get_hostname")
            assert reply is not None
            self.assertEqual(0, reply.status)
        for raw in clients[:100]:
            raw.close()
        self.until(self.lets_in)
        self.assertLess(self.answer_time(), 0.5)

    def lets_in(self) -> bool:
        raw = Raw(f"{self.root}/sock/libvirt-sock")
        try:
            return raw.call("auth_list") is not None
        except OSError:
            return False
        finally:
            raw.close()
