# SPDX-License-Identifier: Apache-2.0
"""A test case with pyvirtd as a process of its own over a state directory and real QEMUs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable

from nova_pyvirt.hypervisors.qemu.host import processes
from nova_pyvirt.hypervisors.remote import RemoteTable
from tests.base import TestCase
from tests.fixtures.guests import nano_image

XML = """<domain type='qemu'>
  <name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{disk}'/><target dev='hda' bus='ide'/>
      <shareable/>
    </disk>
    <serial type='pty'/>
  </devices>
</domain>"""


@unittest.skipUnless(shutil.which("qemu-system-x86_64"), "needs QEMU")
class DaemonProcessCase(TestCase):
    """One state directory; `start()` runs a daemon over it."""

    def setUp(self) -> None:
        super().setUp()
        self.root = tempfile.mkdtemp(prefix="dp")
        os.chmod(self.root, 0o755)  # QEMU is another user when we are root
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.disk = f"{self.root}/nano.img"
        nano_image(self.disk)
        self.config = f"{self.root}/pyvirtd.conf"
        self.write_config("")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.manager.close)
        self.manager.settimeout(30)
        self.manager.bind(f"{self.root}/notify")
        self.socket_uri = f"remote+unix:///?socket={self.root}/sock/libvirt-sock"
        self.daemon: subprocess.Popen[bytes] | None = None
        self.addCleanup(self.end_guests)
        self.addCleanup(self.end_daemon)

    def write_config(self, text: str) -> None:
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def spawn(self, *more: str) -> "subprocess.Popen[bytes]":
        argv = [sys.executable, "-m", "nova_pyvirt.cmd.pyvirtd", "-f", self.config]
        argv += ["--directory", f"{self.root}/sock", "-u", f"qemu:///embed?root={self.root}"]
        argv += more
        env = dict(os.environ, NOTIFY_SOCKET=f"{self.root}/notify")
        return subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL)

    def start(self, *more: str) -> "subprocess.Popen[bytes]":
        self.daemon = self.spawn(*more)
        self.expect(b"READY=1")
        return self.daemon

    def expect(self, message: bytes) -> None:
        self.assertEqual(message, self.manager.recv(100))

    def end_daemon(self) -> None:
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.terminate()
            self.daemon.wait(20)

    def end_guests(self) -> None:
        for found in self.running():
            os.kill(found.pid, signal.SIGKILL)

    def running(self) -> list[processes.Found]:
        return list(processes.scan(f"{self.root}/lib/qemu"))

    def open(self, flags: int = 0) -> RemoteTable:
        table = RemoteTable(self.socket_uri, flags)
        self.addCleanup(table.close)
        return table

    def until(self, what: Callable[[], object], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not what():
            if time.monotonic() > end:
                self.fail("did not happen in time")
            time.sleep(0.01)
