# SPDX-License-Identifier: Apache-2.0
"""What guests do by themselves, with a real QEMU: panic, sleep, failing disks, watchdogs."""

import os
import subprocess
import unittest
from pathlib import Path
from typing import Any

from nova_pyvirt.core.states import EventID, Paused, PMSuspended, Running, Shutoff, State
from nova_pyvirt.errors import Code, libvirtError
from tests.functional.lifecycle_case import CRASHED, RESUMED, STARTED, STOPPED, LifecycleCase

PANIC = "<panic model='isa'><address type='isa' iobase='0x505'/></panic>"


class GuestCase(LifecycleCase):
    def start(self, extra: str = "", devices: str = "") -> Any:
        ref = self.table.domain_create(self.define(extra=extra, devices=devices))
        self.fd = self.console(ref)
        self.events.clear()
        return ref

    def listen(self, event: int) -> list[tuple[Any, ...]]:
        told: list[tuple[Any, ...]] = []
        self.table.connect_domain_event_register_any(
            None, event, lambda _ref, *args: told.append(args)
        )
        return told

    def dumps(self) -> list[Path]:
        return sorted(Path(self.root, "lib/qemu/dump").iterdir())


class TestPanic(GuestCase):
    def panic(self, action: str) -> Any:
        ref = self.start(f"<on_crash>{action}</on_crash>", PANIC)
        os.write(self.fd, b"p")
        return ref

    def test_coredump_destroy(self) -> None:
        ref = self.panic("coredump-destroy")
        self.until(lambda: self.events and self.events[-1] == (STOPPED, 2))
        self.assertEqual((State.SHUTOFF, Shutoff.CRASHED), self.state(ref))
        self.assertIn((CRASHED, 0), self.events)
        (dump,) = self.dumps()
        self.assertRegex(dump.name, r"^\d+-nano-\d{4}-\d\d-\d\d-\d\d:\d\d:\d\d$")
        self.assertEqual(b"\x7fELF", dump.read_bytes()[:4])

    def test_coredump_restart(self) -> None:
        ref = self.panic("coredump-restart")
        pid = self.pid(ref)
        self.until(lambda: (RESUMED, 0) in self.events)
        self.until(lambda: self.state(ref) == (State.RUNNING, Running.CRASHED))
        self.assertEqual(1, len(self.dumps()))
        self.assertEqual(pid, self.pid(ref))
        seen = b""
        while b"NANO-UP" not in seen:
            seen += os.read(self.fd, 100)

    def test_dump_that_fails_keeps_the_guest(self) -> None:
        self.table.state.settings.auto_dump_path = "/nonexistent"
        ref = self.panic("coredump-destroy")
        vm = self.table.state.domains.find(ref)
        self.until(lambda: vm.state is State.CRASHED and not vm.jobs.async_job)
        self.assertTrue(vm.active)
        self.table.domain_destroy(ref)

    def test_action_set_while_it_runs(self) -> None:
        ref = self.start("<on_crash>destroy</on_crash>", PANIC)
        self.table.domain_set_lifecycle_action(ref, 2, 3, 1)  # crash: preserve
        os.write(self.fd, b"p")
        self.until(lambda: self.state(ref)[0] == State.CRASHED)
        self.table.domain_reset(ref, 0)
        self.until(lambda: self.state(ref)[0] in (State.PAUSED, State.RUNNING))


class TestSleep(GuestCase):
    def test_sleeps_and_wakes(self) -> None:
        slept, woke = self.listen(EventID.PMSUSPEND), self.listen(EventID.PMWAKEUP)
        ref = self.start()
        os.write(self.fd, b"z")
        self.until(lambda: slept)
        self.until(lambda: self.state(ref) == (State.PMSUSPENDED, PMSuspended.UNKNOWN))
        for call in (self.table.domain_suspend, self.table.domain_resume):
            with self.assertRaises(libvirtError) as caught:
                call(ref)
            self.assertEqual(Code.OPERATION_INVALID, caught.exception.get_error_code())
        self.reopen()
        self.assertEqual((State.PMSUSPENDED, PMSuspended.UNKNOWN), self.state(ref))
        woke = self.listen(EventID.PMWAKEUP)
        self.table.domain_pm_wakeup(ref, 0)
        self.assertEqual([(0,)], woke)
        self.assertEqual((State.RUNNING, Running.WAKEUP), self.state(ref))
        self.assertIn((STARTED, 4), self.events)

    def test_refusals(self) -> None:
        ref = self.start()
        for args, code in (
            ((ref, 0, 7, 0), Code.ARGUMENT_UNSUPPORTED),
            ((ref, 9, 0, 0), Code.INVALID_ARG),
            ((ref, 0, 0, 0), Code.ARGUMENT_UNSUPPORTED),
        ):
            with self.assertRaises(libvirtError) as caught:
                self.table.domain_pm_suspend_for_duration(*args)
            self.assertEqual(code, caught.exception.get_error_code(), args)
        with self.assertRaises(libvirtError):
            self.table.domain_pm_wakeup(ref, 0)  # it is awake


class TestFailingDisk(GuestCase):
    def test_full_disk_pauses(self) -> None:
        mount = f"{self.root}/small"
        os.mkdir(mount)
        if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "small", mount], capture_output=True
        ).returncode:
            self.skipTest("no mounts here")
        self.addCleanup(subprocess.run, ["umount", "-l", mount], check=True)
        self.addCleanup(self.end_all)
        disk = f"{mount}/second.img"
        with open(disk, "wb") as file:
            file.truncate(8 << 20)
        errors, reasons = self.listen(EventID.IO_ERROR), self.listen(EventID.IO_ERROR_REASON)
        ref = self.start(
            devices="<disk type='file'><driver name='qemu' type='raw'/>"
            f"<source file='{disk}'/><target dev='hdb' bus='ide'/></disk>"
        )
        os.write(self.fd, b"w")
        self.until(lambda: self.state(ref) == (State.PAUSED, Paused.IOERROR))
        self.assertEqual((disk, "ide0-0-1", 1), errors[0])
        self.assertEqual((disk, "ide0-0-1", 1, "enospc"), reasons[0])
        self.assertEqual([("hdb", 2)], list(self.table.domain_get_disk_errors(ref, 0)))
        subprocess.run(["mount", "-o", "remount,size=4m", mount], check=True)
        self.table.domain_resume(ref)
        self.assertEqual((State.RUNNING, Running.UNPAUSED), self.state(ref))
        os.write(self.fd, b"?")  # it reads its serial port again when all is written
        self.until(lambda: b"?" in os.read(self.fd, 100))


if __name__ == "__main__":
    unittest.main()
