# SPDX-License-Identifier: Apache-2.0
"""Guests started and ended with a real QEMU: states, reasons and events of libvirt."""

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from nova_pyvirt.core.states import Paused, Running, Shutoff, State
from nova_pyvirt.errors import Code, libvirtError
from tests.functional.lifecycle_case import (
    CRASHED,
    RESUMED,
    SHUTDOWN,
    STARTED,
    STOPPED,
    SUSPENDED,
    XML,
    LifecycleCase,
)


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
        self.soft_reboot(ref, fd)
        self.assertTrue(reboots)
        self.assertEqual(pid, self.pid(ref))
        self.assertEqual((State.RUNNING, Running.BOOTED), self.state(ref))
        self.assertEqual([(RESUMED, 0), (STARTED, 0)], self.events)

    def test_many_times(self) -> None:
        """Each round tells the same, nothing of the round before comes late."""
        ref = self.define()
        reboots: list[Any] = []
        self.table.connect_domain_event_register_any(ref, 1, lambda *args: reboots.append(args))
        whole = [(RESUMED, 0), (STARTED, 0), (SHUTDOWN, 1), (STOPPED, 0)]
        for number in range(6):
            with self.subTest(number):
                self.events.clear()
                reboots.clear()
                running = self.table.domain_create(ref)
                fd = self.console(ref)
                self.soft_reboot(running, fd)
                os.write(fd, b"o")
                self.until(lambda: not self.table.domain_is_active(ref))
                self.until(lambda: self.events[-1:] == whole[-1:])
                self.assertEqual(whole, self.events)
                self.assertTrue(reboots)  # one for each reset: firmware resets again by itself
                self.assertEqual((State.SHUTOFF, Shutoff.SHUTDOWN), self.state(ref))
        self.assertEqual([], self.leftovers())

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
        seconds = time.monotonic() - begun
        self.assertLess(seconds, 3.0)
        self.assertEqual((State.SHUTOFF, Shutoff.DESTROYED), self.state(ref))
        # the timeline says where that time went, all of it
        (row,) = self.table.state.stops.rows()
        told = sum(stage["seconds"] for stage in row["stages"] if not stage["depth"])
        self.assertEqual("qemu", row["stages"][0]["name"])
        self.assertGreater(told, 0.7 * seconds)

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
        places = (
            "start-init",
            "start-prepare-host",
            "start-held",
            "start-spawned",
            "start-monitor",
        )
        for place in places:
            with self.subTest(place):
                outcomes: list[str] = []
                path = self.noted()
                thread = self.attempt(ref, outcomes)
                self.await_place(path, place)
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
