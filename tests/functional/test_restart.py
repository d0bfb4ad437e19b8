# SPDX-License-Identifier: Apache-2.0
"""What the next process makes of guests, files and processes that it finds, with a real QEMU."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from nova_pyvirt.core.states import Paused, Running, Shutoff, State
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.util.native import threading
from tests.fixtures.guests import nano_image
from tests.functional import kill_matrix
from tests.functional.lifecycle_case import XML, LifecycleCase


class TestReconnect(LifecycleCase):
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

    def test_guest_that_was_started_paused(self) -> None:
        """Its CPUs have never run, and yet it is a guest like others."""
        for lost in (False, True):
            with self.subTest(lost=lost):
                ref = self.define()
                ref = self.table.domain_create_with_flags(ref, 1)
                pid = self.pid(ref)
                self.table.close()
                if lost:
                    Path(self.root, "run/qemu/nano.xml").unlink()
                self.table = self.open()
                self.assertEqual(pid, self.pid(ref))
                self.assertEqual((State.PAUSED, Paused.USER), self.state(ref))
                self.table.domain_resume(ref)
                self.table.domain_destroy(ref)

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

    def emulator(self) -> Path:
        """A name for QEMU that may vanish."""
        path = Path(self.root, "emulator")
        path.symlink_to(str(shutil.which("qemu-system-x86_64")))
        return path

    def test_emulator_is_gone(self) -> None:
        """The guest goes on, and can be destroyed; then it can't be started until QEMU is back."""
        for lost in (False, True):
            with self.subTest(lost=lost):
                path = self.emulator()
                ref = self.table.domain_create(self.define(devices=f"<emulator>{path}</emulator>"))
                pid, live = self.pid(ref), self.table.domain_get_xml_desc(ref, 0)
                flags = self.table.state.domains.find(ref).private.caps.flags
                self.table.close()
                path.unlink()
                if lost:
                    Path(self.root, "run/qemu/nano.xml").unlink()
                self.table = self.open()
                self.assertEqual(pid, self.pid(ref))
                self.assertEqual(State.RUNNING, self.state(ref)[0])
                if not lost:
                    self.assertEqual(live, self.table.domain_get_xml_desc(ref, 0))
                    again = self.table.state.domains.find(ref).private.caps.flags
                    self.assertEqual(flags, again)
                self.table.domain_suspend(ref)
                self.table.domain_destroy(ref)
                self.assertEqual([], self.leftovers())
                with self.assertRaisesRegex(libvirtError, f"Cannot check QEMU binary {path}"):
                    self.table.domain_create(ref)
                self.emulator()
                self.table.domain_destroy(self.table.domain_create(ref))
                path.unlink()

    def test_emulator_is_gone_of_a_domain_that_is_off(self) -> None:
        path = self.emulator()
        ref = self.define(devices=f"<emulator>{path}</emulator>")
        xml = self.table.domain_get_xml_desc(ref, 0)
        path.unlink()
        self.reopen()
        self.assertEqual([ref], self.table.connect_list_all_domains(2))
        self.assertIn("nano", self.table.domain_get_xml_desc(ref, 0))
        with self.assertRaisesRegex(libvirtError, f"Cannot check QEMU binary {path}"):
            self.table.domain_create(ref)
        self.emulator()
        running = self.table.domain_create(ref)
        self.assertEqual(xml, self.table.domain_get_xml_desc(ref, 2))
        self.table.domain_destroy(running)

    def test_status_file_of_another_version(self) -> None:
        """What it lacks is made up for, what is not known is passed over."""
        ref = self.table.domain_create(self.define())
        self.table.domain_suspend(ref)
        pid = self.pid(ref)
        self.table.close()
        status = Path(self.root, "run/qemu/nano.xml")
        text = re.sub(
            "(?s)<(qemuCaps|timeline)\\b.*?</\\1>|<pyvirt [^>]*/>", "", status.read_text()
        )
        news = "<news a='1'><more/></news>"
        text = text.replace("<domain ", f"{news}<domain ", 1).replace(
            "<devices>", f"{news}<devices>"
        )
        status.write_text(text)
        self.table = self.open()
        self.assertEqual(pid, self.pid(ref))
        self.assertEqual((State.PAUSED, Paused.USER), self.state(ref))
        self.assertTrue(self.table.state.domains.find(ref).private.caps.has("set-action"))
        self.table.domain_resume(ref)
        self.table.domain_destroy(ref)
        self.assertEqual([], self.leftovers())

    def test_what_qemu_could_do_when_it_started(self) -> None:
        """QEMU of that name may have changed since."""
        ref = self.table.domain_create(self.define())
        self.table.close()
        status = Path(self.root, "run/qemu/nano.xml")
        text = status.read_text()
        self.assertIn('<flag name="set-action"/>', text)
        status.write_text(text.replace('<flag name="set-action"/>', "", 1))
        self.table = self.open()
        self.assertFalse(self.table.state.domains.find(ref).private.caps.has("set-action"))
        self.table.domain_destroy(ref)

    def test_guest_that_ended_meanwhile(self) -> None:
        ref = self.table.domain_create(self.define())
        pid = self.pid(ref)
        self.table.close()
        self.kill(pid)
        self.table = self.open()
        self.assertEqual((State.SHUTOFF, Shutoff.CRASHED), self.state(ref))
        self.assertEqual([], self.leftovers())

    def test_transient_guest_whose_status_is_lost(self) -> None:
        xml = XML.format(name="brief", disk=self.disk, extra="", devices="")
        ref = self.table.domain_create_xml(xml, 0)
        pid, live = self.pid(ref), self.table.domain_get_xml_desc(ref, 0)
        self.table.close()
        Path(self.root, "run/qemu/brief.xml").write_bytes(b"")
        self.table = self.open()
        self.assertEqual(pid, self.pid(ref))
        self.assertEqual(live, self.table.domain_get_xml_desc(ref, 0))
        self.table.domain_destroy(ref)
        self.assertEqual([], self.table.connect_list_all_domains(0))
        self.assertEqual([], self.leftovers())

    def test_nothing_is_known_of_a_transient_guest(self) -> None:
        xml = XML.format(name="brief", disk=self.disk, extra="", devices="")
        ref = self.table.domain_create_xml(xml, 0)
        pid = self.pid(ref)
        self.table.close()
        Path(self.root, "run/qemu/brief.xml").unlink()
        Path(self.root, "lib/qemu/status/brief.xml").unlink()
        self.table = self.open()
        self.assertEqual([], self.table.connect_list_all_domains(0))
        with self.assertRaisesRegex(libvirtError, f"'brief' still runs as process {pid}"):
            self.table.domain_create_xml(xml, 0)
        self.assertEqual([pid], [found.pid for found in self.running()])
        self.kill(pid)
        self.table.domain_destroy(self.table.domain_create_xml(xml, 0))

    def test_status_file_of_another_domain(self) -> None:
        ref = self.table.domain_create(self.define())
        xml = XML.format(name="other", disk=f"{self.disk}.2", extra="", devices="")
        nano_image(f"{self.disk}.2")
        other = self.table.domain_create_xml(xml.replace("0b10", "0b11"), 0)
        pid, pid2 = self.pid(ref), self.pid(other)
        self.table.close()
        shutil.copy(f"{self.root}/run/qemu/other.xml", f"{self.root}/run/qemu/nano.xml")
        self.table = self.open()
        self.assertEqual([pid, pid2], [self.pid(ref), self.pid(other)])
        for one in (ref, other):
            self.table.domain_destroy(one)
        self.assertEqual([], self.leftovers())

    def test_foreign_pids_in_our_files_are_never_signalled(self) -> None:
        ref = self.table.domain_create(self.define())
        pid = self.pid(ref)
        self.table.close()
        self.kill(pid)
        with subprocess.Popen(["sleep", "60"]) as foreign:
            try:
                status = Path(self.root, "run/qemu/nano.xml")
                status.write_text(
                    status.read_text().replace(f"pid='{pid}'", f"pid='{foreign.pid}'")
                )
                for name in ("nano", "stale", "one"):
                    number = 1 if name == "one" else foreign.pid
                    Path(self.root, f"run/qemu/{name}.pid").write_text(f"{number}\n")
                self.table = self.open()
                self.assertEqual(State.SHUTOFF, self.state(ref)[0])
                self.assertEqual([], self.leftovers())
                self.table.domain_create(ref)
                self.table.domain_destroy(ref)
                self.assertIsNone(foreign.poll())
            finally:
                foreign.kill()

    def test_lost_configuration_of_a_running_domain(self) -> None:
        ref = self.table.domain_create(self.define())
        self.table.close()
        Path(self.root, "etc/qemu/nano.xml").unlink()
        self.table = self.open()
        self.assertTrue(self.table.domain_is_persistent(ref))
        self.table.domain_destroy(ref)
        self.reopen()
        self.assertIn("nano.img", self.table.domain_get_xml_desc(ref, 0))

    def test_undefined_while_it_ran(self) -> None:
        ref = self.table.domain_create(self.define())
        self.assertEqual(-signal.SIGKILL, self.child("undefine", broken="undefined"))
        self.table = self.open()
        self.assertFalse(self.table.domain_is_persistent(ref))
        self.table.domain_destroy(ref)
        self.assertEqual([], self.table.connect_list_all_domains(0))

    def test_a_bad_file_among_many_harms_only_itself(self) -> None:
        ref = self.define()
        self.table.domain_create(ref)
        self.table.close()
        for number, text in enumerate(("", "<domstatus/>", "garbage", "<domain type='qemu'/>")):
            Path(self.root, f"run/qemu/bad{number}.xml").write_text(text)
            Path(self.root, f"etc/qemu/bad{number}.xml").write_text(text)
        Path(self.root, "etc/qemu/dir.xml").mkdir()
        self.table = self.open()
        self.assertEqual([ref.name], [d.name for d in self.table.connect_list_all_domains(0)])
        self.assertEqual((State.RUNNING, Running.BOOTED), self.state(ref))
        self.table.domain_destroy(ref)

    def test_stopped_qemu_does_not_hold_up_the_rest(self) -> None:
        ref = self.table.domain_create(self.define())
        self.table.close()
        os.kill(self.running()[0].pid, signal.SIGSTOP)
        begun = time.monotonic()
        self.table = self.open()
        self.assertEqual(State.RUNNING, self.state(ref)[0])
        with self.assertRaises(libvirtError):
            self.table.domain_create(ref)
        self.assertLess(time.monotonic() - begun, 1)
        begun = time.monotonic()
        self.table.domain_destroy(ref)
        self.assertLess(time.monotonic() - begun, 3)
        self.assertEqual([], self.running())

    def test_stopped_qemu_is_attached_when_it_answers(self) -> None:
        ref = self.table.domain_create(self.define())
        self.table.close()
        pid = self.running()[0].pid
        os.kill(pid, signal.SIGSTOP)
        self.table = self.open()
        with self.assertRaisesRegex(libvirtError, "the monitor of this domain is lost"):
            self.table.domain_suspend(ref)
        os.kill(pid, signal.SIGCONT)
        private = self.table.state.domains.find(ref).private
        self.until(lambda: private.monitor is not None)
        self.until(lambda: self.table.domain_get_control_info(ref, 0)[0] == 0)
        self.table.domain_suspend(ref)
        self.assertEqual((State.PAUSED, Paused.USER), self.state(ref))
        self.table.domain_destroy(ref)
        self.assertEqual([], self.leftovers())

    def test_closing_does_not_wait_for_a_stopped_qemu(self) -> None:
        self.table.domain_create(self.define())
        self.table.close()
        pid = self.running()[0].pid
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(os.kill, pid, signal.SIGCONT)
        self.table = self.open()
        begun = time.monotonic()
        self.table.close()
        self.assertLess(time.monotonic() - begun, 1)
        self.until(lambda: not any(t.name == "late" for t in threading.enumerate()))

    def test_guests_of_a_killed_owner(self) -> None:
        """Three guests; kill -9; the next process sees the same and ends them."""
        refs = {}
        for number in range(3):
            xml = XML.format(name=f"g{number}", disk=self.disk, extra="", devices="")
            xml = xml.replace("<source file", "<shareable/><source file")
            ref = self.table.domain_define_xml(xml.replace("0b10", f"0b2{number}"))
            self.assertEqual(0, self.child("start", ref.name))
            self.table = self.open()
            refs[number] = self.table.domain_lookup_by_name(ref.name)
        self.table.domain_suspend(refs[1])
        before = [self.seen(ref) for ref in refs.values()]
        self.assertEqual(
            -signal.SIGKILL, self.child("define", "none", broken="reconnect-settled:2")
        )
        self.table = self.open()
        self.assertEqual(before, [self.seen(ref) for ref in refs.values()])
        for ref in refs.values():
            self.table.domain_destroy(ref)
            self.assertEqual((State.SHUTOFF, Shutoff.DESTROYED), self.state(ref))
        self.assertEqual([], self.running())
        self.assertEqual([], self.leftovers())

    def seen(self, ref: Any) -> tuple[Any, ...]:
        again = self.table.domain_lookup_by_uuid(ref.uuid)
        xml = self.table.domain_get_xml_desc(ref, 0)
        return again.id, self.state(ref), self.pid(ref), xml

    def test_guest_of_a_connection_ends_with_its_killed_owner(self) -> None:
        ref = self.define()
        self.assertEqual(-signal.SIGKILL, self.child("autodestroy", broken="start-end"))
        self.assertEqual(1, len(self.running()))
        self.table = self.open()
        self.assertEqual([], self.running())
        self.assertEqual((State.SHUTOFF, Shutoff.DESTROYED), self.state(ref))
        self.assertEqual([], self.leftovers())

    def test_a_process_that_ends_without_closing(self) -> None:
        ref = self.table.domain_create(self.define())
        self.assertEqual(0, self.child("leave"))
        self.table = self.open()
        self.assertEqual((State.RUNNING, Running.BOOTED), self.state(ref))

    def test_two_owners(self) -> None:
        with self.assertRaises(libvirtError):
            self.second_owner()

    def second_owner(self) -> None:
        """Another process that keeps the directories until it is told to end."""
        code = (
            "import sys; from nova_pyvirt.core import registry;"
            f"table = registry.open_connection('qemu:///embed?root={self.root}');"
            "print('open', flush=True); sys.stdin.read(); table.close()"
        )
        self.table.close()
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as owner:
            assert owner.stdout is not None
            self.assertEqual(b"open\n", owner.stdout.readline())
            try:
                self.open()
            except libvirtError as exc:
                self.assertIn(f"in use by process {owner.pid}", str(exc))
                raise
            finally:
                owner.communicate(timeout=30)
                self.table = self.open()


class TestAutostart(LifecycleCase):
    def setUp(self) -> None:
        super().setUp()
        self.refs = []
        for number in range(3):
            nano_image(f"{self.disk}.{number}")
            xml = XML.format(name=f"a{number}", disk=f"{self.disk}.{number}", extra="", devices="")
            self.refs.append(self.table.domain_define_xml(xml.replace("0b10", f"0b3{number}")))
        for ref in self.refs[:2]:
            self.table.domain_set_autostart(ref, 1)

    def boots(self) -> None:
        """As after a boot of the host: what /run has is gone."""
        self.table.close()
        Path(self.root, "run/qemu/autostarted").unlink()
        self.table = self.open()

    def running_names(self) -> list[str]:
        return sorted(found.name for found in self.running())

    def test_once_for_each_boot(self) -> None:
        self.boots()
        self.until(lambda: len(self.running()) == 2)
        self.until(lambda: all(self.state(ref)[0] == 1 for ref in self.refs[:2]))
        self.assertEqual(["a0", "a1"], self.running_names())
        self.table.domain_destroy(self.refs[0])
        self.reopen()
        self.assertEqual(["a1"], self.running_names())
        self.assertEqual(State.SHUTOFF, self.state(self.refs[0])[0])

    def test_another_boot_of_the_host(self) -> None:
        self.table.close()
        stamp = Path(self.root, "run/qemu/autostarted")
        self.assertEqual("done", stamp.read_text().splitlines()[-1])
        stamp.write_text("another-boot\ndone\n")
        self.table = self.open()
        self.until(lambda: len(self.running()) == 2)

    def test_one_that_fails_harms_only_itself(self) -> None:
        os.unlink(f"{self.disk}.0")
        with self.assertLogs("nova_pyvirt.hypervisors.qemu.autostart", "ERROR"):
            self.boots()
            self.until(lambda: self.state(self.refs[1])[0] == 1)
            self.table.close()
        self.table = self.open()
        self.assertEqual(["a1"], self.running_names())


class TestKillMatrix(LifecycleCase):
    """Every named place of some operations, at its first passing; tools/killmatrix does them all."""

    def cells(self, *operations: str) -> None:
        matrix = kill_matrix.Matrix()
        self.addCleanup(matrix.end)
        for operation in operations:
            places = [place for place in matrix.places(operation) if ":" not in place]
            if not operation.startswith("restart"):
                places = [p for p in places if not p.startswith(("open-", "reconnect-"))]
            for place in places:
                with self.subTest(operation=operation, place=place):
                    cell = matrix.cell(operation, place)
                    self.assertEqual((), cell.bad)
                    self.assertNotEqual("not reached", cell.outcome)

    def test_define(self) -> None:
        self.cells("define", "redefine")

    def test_start_and_stop(self) -> None:
        self.cells("start", "stop")

    def test_restart(self) -> None:
        self.cells("restart", "restart-lost", "restart-orphan")
