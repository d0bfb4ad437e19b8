# SPDX-License-Identifier: Apache-2.0
"""Guests started, ended and taken over with a real QEMU: states, reasons and events of libvirt."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nova_pyvirt.core import registry
from nova_pyvirt.core.states import Paused, Running, Shutoff, State
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.host import processes
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
_CHILD = str(Path(__file__).with_name("lifecycle_child.py"))
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
            os.kill(found.pid, signal.SIGKILL)

    def running(self) -> list[processes.Found]:
        return list(processes.scan(f"{self.root}/lib/qemu"))

    def define(self, name: str = "nano", extra: str = "", devices: str = "") -> Any:
        xml = XML.format(name=name, disk=self.disk, extra=extra, devices=devices)
        return self.table.domain_define_xml(xml)

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

    def console(self, ref: Any) -> int:
        """The guest's serial port, opened when it is up."""
        vm = self.table.state.domains.find(ref)
        fd = os.open(vm.definition.devices.serials[0].source_path, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, fd)
        seen = b""
        while b"NANO-UP" not in seen:
            seen += os.read(fd, 100)
        return fd

    def leftovers(self) -> list[str]:
        """What a guest that has ended must not leave."""
        found = [str(path) for path in Path(self.root, "run/qemu").iterdir()]
        found += [str(path) for path in Path(self.root, "lib/qemu").glob("domain-*")]
        return sorted(name for name in found if not name.endswith("driver.pid"))


class TestLifecycle(LifecycleCase):
    def test_start_and_destroy(self) -> None:
        ref = self.define()
        started = self.table.domain_create(ref)
        self.assertEqual((1, Running.BOOTED), self.state(ref))
        self.assertGreater(started.id, 0)
        begun = time.monotonic()
        self.table.domain_destroy(ref)
        self.assertLess(time.monotonic() - begun, 1.0)
        self.assertEqual((State.SHUTOFF, Shutoff.DESTROYED), self.state(ref))
        self.assertEqual([(RESUMED, 0), (STARTED, 0), (SHUTDOWN, 2), (STOPPED, 1)], self.events)
        self.assertEqual([], self.leftovers())
        self.assertEqual([], self.running())

    def test_second_start_is_refused(self) -> None:
        ref = self.define()
        self.table.domain_create(ref)
        with self.assertRaises(libvirtError) as caught:
            self.table.domain_create(ref)
        self.assertEqual(
            "Requested operation is not valid: domain is already running", str(caught.exception)
        )
        self.assertEqual(1, len(self.running()))

    def test_start_paused(self) -> None:
        ref = self.define()
        self.table.domain_create_with_flags(ref, 1)
        self.assertEqual((State.PAUSED, Paused.USER), self.state(ref))
        self.assertEqual([(STARTED, 0), (SUSPENDED, 0)], self.events)
        self.table.domain_resume(ref)
        self.assertEqual((State.RUNNING, Running.UNPAUSED), self.state(ref))
        self.assertEqual((RESUMED, 0), self.events[-1])

    def test_suspend_and_resume(self) -> None:
        ref = self.define()
        self.table.domain_create(ref)
        self.table.domain_suspend(ref)
        self.table.domain_suspend(ref)
        self.assertEqual((State.PAUSED, Paused.USER), self.state(ref))
        self.table.domain_resume(ref)
        with self.assertRaises(libvirtError):
            self.table.domain_resume(ref)
        self.assertEqual([(SUSPENDED, 0), (RESUMED, 0)], self.events[2:])

    def test_guest_powers_off(self) -> None:
        ref = self.define()
        self.table.domain_create(ref)
        os.write(self.console(ref), b"o")
        self.until(lambda: (STOPPED, 0) in self.events)
        self.assertEqual((State.SHUTOFF, Shutoff.SHUTDOWN), self.state(ref))
        self.assertEqual([(SHUTDOWN, 1), (STOPPED, 0)], self.events[2:])
        self.assertEqual([], self.leftovers())

    def test_soft_reboot_keeps_the_process(self) -> None:
        ref = self.define()
        self.table.domain_create(ref)
        reboots: list[Any] = []
        self.table.connect_domain_event_register_any(ref, 1, lambda *args: reboots.append(args))
        pid, fd = self.pid(ref), self.console(ref)
        self.table.domain_reboot(ref, 0)
        seen = b""
        while b"NANO-UP" not in seen:
            seen += os.read(fd, 100)
        self.assertTrue(reboots)
        self.assertEqual(pid, self.pid(ref))
        self.assertEqual((State.RUNNING, Running.BOOTED), self.state(ref))
        self.assertEqual([(RESUMED, 0), (STARTED, 0)], self.events)

    def test_panic(self) -> None:
        ref = self.define(devices="<panic model='isa'/>", extra="<on_crash>destroy</on_crash>")
        self.table.domain_create(ref)
        os.write(self.console(ref), b"p")
        self.until(lambda: (STOPPED, 2) in self.events)
        self.assertEqual((State.SHUTOFF, Shutoff.CRASHED), self.state(ref))
        self.assertIn((CRASHED, 0), self.events)

    def test_qemu_is_killed(self) -> None:
        ref = self.define()
        self.table.domain_create(ref)
        os.kill(self.pid(ref), signal.SIGKILL)
        self.until(lambda: (STOPPED, 5) in self.events, 0.5)
        self.assertEqual((State.SHUTOFF, Shutoff.CRASHED), self.state(ref))
        self.assertEqual([(STOPPED, 5)], self.events[2:])

    def test_hung_qemu_is_destroyed_at_once(self) -> None:
        ref = self.define()
        self.table.domain_create(ref)
        os.kill(self.pid(ref), signal.SIGSTOP)
        begun = time.monotonic()
        self.table.domain_destroy(ref)
        self.assertLess(time.monotonic() - begun, 3.0)
        self.assertEqual((State.SHUTOFF, Shutoff.DESTROYED), self.state(ref))

    def test_failed_start_says_why_and_leaves_nothing(self) -> None:
        extra = (
            "<commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'>"
            "<arg value='-no-such-arg'/></commandline>"
        )
        ref = self.define(extra=extra)
        with self.assertRaises(libvirtError) as caught:
            self.table.domain_create(ref)
        self.assertEqual(Code.INTERNAL_ERROR, caught.exception.get_error_code())
        self.assertRegex(
            str(caught.exception),
            "qemu unexpectedly closed the monitor: .*-no-such-arg: invalid option",
        )
        self.assertEqual((State.SHUTOFF, Shutoff.FAILED), self.state(ref))
        self.assertEqual([], self.events)
        self.assertEqual([], self.leftovers())

    def test_missing_disk(self) -> None:
        ref = self.define()
        os.unlink(self.disk)
        with self.assertRaisesRegex(libvirtError, "Cannot access storage file '.*nano.img'"):
            self.table.domain_create(ref)
        self.assertEqual((State.SHUTOFF, Shutoff.FAILED), self.state(ref))

    def test_transient_is_gone_afterwards(self) -> None:
        ref = self.table.domain_create_xml(
            XML.format(name="brief", disk=self.disk, extra="", devices=""), 0
        )
        self.table.domain_destroy(ref)
        self.assertEqual([], self.table.connect_list_all_domains(0))

    def test_autodestroy(self) -> None:
        ref = self.define()
        other = self.open()
        other.domain_create_with_flags(ref, 2)
        other.close()
        self.assertEqual((State.SHUTOFF, Shutoff.DESTROYED), self.state(ref))
        self.assertEqual([], self.running())


class TestRaces(LifecycleCase):
    def attempt(self, ref: Any, outcomes: list[str]) -> threading.Thread:
        def create() -> None:
            try:
                self.table.domain_create(ref)
                outcomes.append("started")
            except libvirtError as exc:
                outcomes.append(str(exc))

        thread = threading.Thread(target=create)
        thread.start()
        return thread

    def test_one_of_many_starts(self) -> None:
        ref, outcomes = self.define(), list[str]()
        for thread in [self.attempt(ref, outcomes) for _number in range(8)]:
            thread.join()
        refused = "Requested operation is not valid: domain is already running"
        self.assertEqual([refused] * 7 + ["started"], sorted(outcomes))
        self.assertEqual(1, len(self.running()))

    def test_destroyed_while_it_starts(self) -> None:
        ref = self.define()
        for delay in (0.005, 0.02, 0.05, 0.08):
            with self.subTest(delay):
                outcomes: list[str] = []
                thread = self.attempt(ref, outcomes)
                self.until(lambda: self.table.domain_is_active(ref))
                time.sleep(delay)
                self.table.domain_destroy(ref)
                thread.join()
                self.assertEqual((State.SHUTOFF, Shutoff.DESTROYED), self.state(ref))
                self.assertEqual([], self.running())
                self.assertEqual([], self.leftovers())
                self.assertEqual(1, len(outcomes))


class TestHooks(LifecycleCase):
    def hook(self, body: str) -> None:
        directory = Path(self.root, "etc/hooks")
        directory.mkdir(exist_ok=True)
        path = directory / "qemu"
        path.write_text(f'#!/bin/sh\necho "$1 $2 $3 $4" >> {self.root}/calls\n{body}\n')
        path.chmod(0o755)
        self.reopen()

    def calls(self) -> list[str]:
        return [line.split()[1] for line in Path(self.root, "calls").read_text().splitlines()]

    def test_order(self) -> None:
        self.hook("grep -q '<domain'")
        ref = self.define()
        self.table.domain_create(ref)
        self.table.domain_destroy(ref)
        self.assertEqual(["prepare", "start", "started", "stopped", "release"], self.calls())
        lines = Path(self.root, "calls").read_text().splitlines()
        self.assertEqual("nano prepare begin -", lines[0])

    def test_refusals(self) -> None:
        for refuses, calls in (
            ("prepare", ["prepare", "stopped", "release"]),
            ("start", ["prepare", "start", "stopped", "release"]),
            ("started", ["prepare", "start", "started", "stopped", "release"]),
        ):
            with self.subTest(refuses):
                Path(self.root, "calls").unlink(missing_ok=True)
                self.hook(f'[ "$2" != {refuses} ] || {{ echo no way >&2; exit 3; }}')
                ref = self.define()
                with self.assertRaises(libvirtError) as caught:
                    self.table.domain_create(ref)
                self.assertEqual(Code.HOOK_SCRIPT_FAILED, caught.exception.get_error_code())
                self.assertIn("unexpected exit status 3: no way", str(caught.exception))
                self.assertEqual((State.SHUTOFF, Shutoff.FAILED), self.state(ref))
                self.assertEqual(calls, self.calls())
        # whoever was told that it runs is told that it does not
        self.assertEqual([(RESUMED, 0), (STOPPED, 5)], self.events)


class TestReconnect(LifecycleCase):
    def child(self, operation: str, name: str = "nano", broken: str = "") -> int:
        """Has another process do it; returns its exit status."""
        self.table.close()
        env = {**os.environ, "NOVA_PYVIRT_BREAK": broken}
        command = [sys.executable, _CHILD, self.root, operation, name]
        return subprocess.run(command, env=env, check=False, stdout=subprocess.DEVNULL).returncode

    def test_running_guest_is_taken_over(self) -> None:
        ref = self.table.domain_create(self.define())
        self.table.domain_suspend(ref)
        pid, xml = self.pid(ref), self.table.domain_get_xml_desc(ref, 0)
        self.reopen()
        (again,) = self.table.connect_list_all_domains(1)
        self.assertEqual(ref.id, again.id)
        self.assertEqual((State.PAUSED, Paused.USER), self.state(ref))
        self.assertEqual(pid, self.pid(ref))
        self.assertEqual(xml, self.table.domain_get_xml_desc(ref, 0))
        self.table.domain_resume(ref)
        self.table.domain_destroy(ref)
        self.assertEqual([], self.leftovers())

    def test_lost_or_damaged_status_file(self) -> None:
        for damage in ("", "garbage", None):
            with self.subTest(damage=damage):
                ref = self.table.domain_create(self.define())
                pid = self.pid(ref)
                self.table.close()
                path = Path(self.root, "run/qemu/nano.xml")
                if damage is None:
                    path.unlink()
                else:
                    path.write_text(damage)
                self.table = self.open()
                self.assertEqual(pid, self.pid(ref))
                self.assertEqual(State.RUNNING, self.state(ref)[0])
                with self.assertRaises(libvirtError):
                    self.table.domain_create(ref)
                self.assertEqual(1, len(self.running()))
                self.table.domain_destroy(ref)

    def test_lost_monitor_socket_keeps_the_guest(self) -> None:
        ref = self.table.domain_create(self.define())
        lib_dir = self.table.state.domains.find(ref).private.lib_dir
        self.table.close()
        os.unlink(f"{lib_dir}/monitor.sock")
        self.table = self.open()
        self.assertEqual(1, len(self.running()))
        self.assertEqual(State.RUNNING, self.state(ref)[0])
        with self.assertRaisesRegex(libvirtError, "monitor"):
            self.table.domain_suspend(ref)
        self.table.domain_destroy(ref)
        self.assertEqual([], self.running())

    def test_guest_that_ended_meanwhile(self) -> None:
        ref = self.table.domain_create(self.define())
        pid = self.pid(ref)
        self.table.close()
        os.kill(pid, signal.SIGKILL)
        self.until(lambda: not self.running())
        self.table = self.open()
        self.assertEqual((State.SHUTOFF, Shutoff.CRASHED), self.state(ref))
        self.assertEqual([], self.leftovers())

    def test_killed_at_any_point_of_a_start(self) -> None:
        ref = self.define()
        for point in (
            "start-init", "start-prepare-domain", "start-prepare-host", "start-held",
            "start-running", "start-monitor", "start-refresh", "start-cont", "start-end",
        ):  # fmt: skip
            with self.subTest(point):
                self.assertEqual(-signal.SIGKILL, self.child("start", broken=point))
                self.table = self.open()
                left = self.running()
                self.assertEqual(len(left), int(self.table.domain_is_active(ref)))
                if left:
                    self.assertEqual(left[0].pid, self.pid(ref))
                    self.assertEqual((State.RUNNING, Running.BOOTED), self.state(ref))
                    self.table.domain_destroy(ref)
                self.table.domain_create(ref)
                self.assertEqual(1, len(self.running()))
                self.table.domain_destroy(ref)
                self.assertEqual([], self.leftovers())

    def test_killed_at_any_point_of_an_end(self) -> None:
        ref = self.define()
        for point in ("stop-begin", "stop-files"):
            with self.subTest(point):
                self.assertEqual(0, self.child("start"))
                self.assertEqual(-signal.SIGKILL, self.child("destroy", broken=point))
                self.table = self.open()
                self.assertEqual([], self.running())
                self.assertEqual(State.SHUTOFF, self.state(ref)[0])
                self.assertEqual([], self.leftovers())
