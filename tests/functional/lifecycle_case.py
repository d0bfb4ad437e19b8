# SPDX-License-Identifier: Apache-2.0
"""A test case with a state directory, a small guest with a real QEMU, and what happened to it."""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nova_pyvirt.core import registry
from nova_pyvirt.core.cgroup import Cgroup, machine_name
from nova_pyvirt.hypervisors.qemu.host import processes
from nova_pyvirt.util import breakpoints
from tests.base import TestCase
from tests.fixtures.guests import nano_image

XML = """<domain type='qemu'>
  <name>{name}</name>
  <uuid>6f0c3d1e-6f6e-4d2f-9c38-1a1f4a1f0b10</uuid>
  <memory unit='MiB'>32</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  {extra}
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{disk}'/><target dev='hda' bus='ide'/>
    </disk>
    <serial type='pty'/>
    {devices}
  </devices>
</domain>"""
CHILD = str(Path(__file__).with_name("lifecycle_child.py"))
STARTED, SUSPENDED, RESUMED, STOPPED, SHUTDOWN, CRASHED = 2, 3, 4, 5, 6, 8


@unittest.skipUnless(shutil.which("qemu-system-x86_64"), "needs QEMU")
class LifecycleCase(TestCase):
    """One state directory, and what happened in it."""

    def setUp(self) -> None:
        super().setUp()
        self.root = tempfile.mkdtemp(prefix="lc")
        os.chmod(self.root, 0o755)  # QEMU is another user when we are root
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        self.disk = f"{self.root}/nano.img"
        nano_image(self.disk)
        self.events: list[tuple[int, ...]] = []
        self.addCleanup(self.end_all)
        self.table = self.open()

    def open(self) -> Any:
        table = registry.open_connection(f"qemu:///embed?root={self.root}")
        table.connect_domain_event_register_any(None, 0, self.note)
        return table

    def reopen(self) -> Any:
        self.table.close()
        self.table = self.open()
        return self.table

    def note(self, _ref: Any, *args: int) -> None:
        if args[0] > 1:
            self.events.append(args)

    def end_all(self) -> None:
        """No QEMU outlives its test."""
        self.table.close()
        for found in self.running():
            self.kill(found.pid)
            Cgroup.find(machine_name(found.ident, found.name, root=self.root)).remove()

    def running(self) -> list[processes.Found]:
        return list(processes.scan(f"{self.root}/lib/qemu"))

    def define(
        self,
        name: str = "nano",
        extra: str = "",
        devices: str = "",
        vcpu: str = "<vcpu>1</vcpu>",
    ) -> Any:
        xml = XML.format(name=name, disk=self.disk, extra=extra, devices=devices)
        return self.table.domain_define_xml(xml.replace("<vcpu>1</vcpu>", vcpu))

    def state(self, ref: Any) -> tuple[int, int]:
        state, reason = self.table.domain_get_state(ref, 0)
        return int(state), int(reason)

    def pid(self, ref: Any) -> int:
        return int(self.table.state.domains.find(ref).private.pid)

    def until(self, what: Callable[[], object], seconds: float = 10.0) -> None:
        end = time.monotonic() + seconds
        while not what():
            if time.monotonic() > end:
                self.fail("did not happen in time")
            time.sleep(0.005)

    def noted(self) -> str:
        """Where break points are noted from now on, by children, too."""
        path = f"{self.root}/places"
        Path(path).write_text("")
        os.environ[breakpoints.LIST] = path
        self.addCleanup(os.environ.pop, breakpoints.LIST, None)
        return path

    def await_place(self, path: str, name: str) -> None:
        """Waits until somebody has come to a break point; see noted()."""
        self.until(lambda: name in Path(path).read_text().splitlines())

    def console(self, ref: Any) -> int:
        """The guest's serial port, once it is up. What it said before somebody listened is lost: then it
        is asked to begin again.
        """
        vm = self.table.state.domains.find(ref)
        fd = os.open(vm.definition.devices.serials[0].source_path, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, fd)
        seen = b""
        while b"NANO-UP" not in seen:
            if select.select([fd], [], [], 10.0)[0]:
                seen += os.read(fd, 100)
            else:
                os.write(fd, b"r")
        return fd

    def soft_reboot(self, ref: Any, fd: int) -> None:
        """Reboots the guest and waits until it is up again.

        It says that it is up a moment before it looks at its power button: a press in between is
        lost, and repeated.
        """
        seen = b""
        while b"NANO-UP" not in seen:
            if b"NANO-PWRBTN" not in seen:
                self.table.domain_reboot(ref, 0)
            if select.select([fd], [], [], 1.0)[0]:
                seen += os.read(fd, 100)

    def leftovers(self) -> list[str]:
        """What a guest that has ended must not leave."""
        found = [str(path) for path in Path(self.root, "run/qemu").iterdir()]
        found += [str(path) for path in Path(self.root, "lib/qemu").glob("domain-*")]
        return sorted(name for name in found if not name.endswith(("/driver.pid", "/autostarted")))

    def child(self, operation: str, name: str = "nano", broken: str = "") -> int:
        """Has another process do it, our connection closed; returns its exit status."""
        self.table.close()
        env = {**os.environ, "NOVA_PYVIRT_BREAK": broken}
        command = [sys.executable, CHILD, self.root, operation, name]
        return subprocess.run(
            command, env=env, check=False, stdout=subprocess.DEVNULL, timeout=60
        ).returncode

    @staticmethod
    def kill(pid: int) -> None:
        """kill -9, and it is gone."""
        pidfd = os.pidfd_open(pid)
        os.kill(pid, signal.SIGKILL)
        select.select([pidfd], [], [], 10)
        os.close(pidfd)
