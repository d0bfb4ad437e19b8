# SPDX-License-Identifier: Apache-2.0
"""A process that ends without closing its connections: it ends, and takes just what is its own."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from nova_pyvirt.hypervisors.qemu.host import processes
from tests.base import TestCase

ROOT = Path(__file__).parents[2]
SCRIPT = """
import os, sys
if sys.argv[2] == "eventlet":
    import eventlet
    eventlet.monkey_patch()
import nova_pyvirt.libvirt as libvirt
XML = '''<domain type='qemu'><name>%s</name><memory unit='MiB'>32</memory>
  <os><type>hvm</type></os></domain>'''
connection = libvirt.open("qemu:///embed?root=" + sys.argv[1])
stays = connection.createXML(XML % "stays", 0)
mine = connection.createXML(XML % "mine", libvirt.VIR_DOMAIN_START_AUTODESTROY)
if sys.argv[3] == "fork" and (child := os.fork()):
    os.waitpid(child, 0)
    print(sorted(domain.name() for domain in connection.listAllDomains()))
"""


@unittest.skipUnless(shutil.which("qemu-system-x86_64"), "needs QEMU")
class ProcessEndTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = tempfile.mkdtemp(prefix="end")
        os.chmod(self.root, 0o755)  # QEMU is another user when we are root
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.addCleanup(self.end_all)

    def end_all(self) -> None:
        for found in processes.scan(f"{self.root}/lib/qemu"):
            os.kill(found.pid, signal.SIGKILL)

    def check(self, mode: str, how: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", SCRIPT, self.root, mode, how],
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        left = [found.name for found in processes.scan(f"{self.root}/lib/qemu")]
        self.assertEqual(["stays"], left)
        return done.stdout

    def test_threads(self) -> None:
        self.check("threads", "exit")

    def test_greenthreads(self) -> None:
        self.check("eventlet", "exit")

    def test_forked_child_ends_nothing(self) -> None:
        self.assertEqual("['mine', 'stays']\n", self.check("threads", "fork"))
