# SPDX-License-Identifier: Apache-2.0
"""Saving, restoring and dumping guests with a real QEMU; what an interrupted save leaves."""

import errno
import os
import shutil
import struct
import subprocess
import sys
import threading
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nova_pyvirt.core.states import Paused, Running, Shutoff, State
from nova_pyvirt.errors import Code, libvirtError
from tests.functional.lifecycle_case import (
    CHILD,
    RESUMED,
    STARTED,
    STOPPED,
    SUSPENDED,
    LifecycleCase,
)

JOB_COMPLETED = 21
LIVE = 1
BYPASS_CACHE, SAVE_RUNNING, SAVE_PAUSED = 1, 2, 4


class SaveCase(LifecycleCase):
    vcpu = "<vcpu>1</vcpu>"

    def setUp(self) -> None:
        super().setUp()
        self.image = f"{self.root}/image"
        self.ref = self.table.domain_create(self.define(vcpu=self.vcpu))
        self.fd = self.console(self.ref)
        self.events.clear()

    def error(self, what: Callable[[], object]) -> libvirtError:
        with self.assertRaises(libvirtError) as caught:
            what()
        return caught.exception

    def restore(self, xml: str | None = None, flags: int = 0) -> None:
        self.table.domain_restore_flags(self.image, xml, flags)

    def answers(self) -> None:
        """The guest, restored, still reads its serial port."""
        vm = self.table.state.domains.find(self.ref)
        fd = os.open(vm.definition.devices.serials[0].source_path, os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, fd)
        os.write(fd, b"r")  # reset: it says that it is up again
        seen = b""
        while b"NANO-UP" not in seen:
            seen += os.read(fd, 100)

    def head(self) -> tuple[bytes, tuple[int, ...]]:
        data = Path(self.image).read_bytes()[:92]
        return data[:16], struct.unpack_from("=5I", data, 16)


class TestSave(SaveCase):
    def test_save_and_restore(self) -> None:
        told: list[Any] = []
        self.table.connect_domain_event_register_any(
            None, JOB_COMPLETED, lambda _ref, params: told.append(params)
        )
        self.table.domain_save(self.ref, self.image)
        self.assertEqual((State.SHUTOFF, Shutoff.SAVED), self.state(self.ref))
        magic, (version, _room, running, compressed, _offset) = self.head()
        self.assertEqual((b"LibvirtQemudSave", 2, 1, 0), (magic, version, running, compressed))
        self.assertEqual(2, told[0]["operation"])
        kind, stats = self.table.domain_get_job_stats(self.ref, 1)
        self.assertEqual(3, kind)
        self.assertGreater(stats["memory_total"], 32 << 20)
        self.assertEqual((0, {}), self.table.domain_get_job_stats(self.ref, 1))
        self.restore()
        self.assertEqual((State.RUNNING, Running.RESTORED), self.state(self.ref))
        self.assertEqual([(SUSPENDED, 0), (STOPPED, 4), (STARTED, 2), (RESUMED, 2)], self.events)
        self.answers()
        self.assertTrue(os.path.exists(self.image))

    def test_paused_stays_paused(self) -> None:
        self.table.domain_save_flags(self.ref, self.image, None, SAVE_PAUSED)
        self.restore()
        self.assertEqual((State.PAUSED, Paused.MIGRATION), self.state(self.ref))
        self.assertEqual((SUSPENDED, 4), self.events[-1])
        self.table.domain_resume(self.ref)
        self.answers()

    def test_compressed_and_past_the_cache(self) -> None:
        for fmt, number in (("gzip", 1), ("bzip2", 2), ("xz", 3)):
            if shutil.which(fmt) is None:
                continue
            with self.subTest(fmt):
                self.table.state.settings.save_image_format = fmt
                self.table.domain_save(self.ref, self.image)
                self.assertEqual(number, self.head()[1][3])
                self.restore()
        self.table.state.settings.save_image_format = "raw"
        try:
            self.table.domain_save_flags(self.ref, self.image, None, BYPASS_CACHE)
        except libvirtError as exc:
            self.assertEqual(errno.EINVAL, exc.get_int1())  # no O_DIRECT on this file system
            self.assertEqual((State.RUNNING, Running.SAVE_CANCELED), self.state(self.ref))
            return
        self.restore(None, BYPASS_CACHE)
        self.answers()

    def test_xml_of_an_image(self) -> None:
        self.table.domain_save(self.ref, self.image)
        xml = self.table.domain_save_image_get_xml_desc(self.image, 0)
        self.assertNotIn("<domain type='qemu' id=", xml)
        changed = xml.replace("<on_crash>destroy", "<on_crash>preserve")
        self.table.domain_save_image_define_xml(self.image, changed, SAVE_PAUSED)
        self.assertIn(
            "<on_crash>preserve", self.table.domain_save_image_get_xml_desc(self.image, 0)
        )
        self.assertEqual(0, self.head()[1][2])
        other = xml.replace(">32768<", ">65536<")
        exc = self.error(lambda: self.restore(other))
        self.assertEqual(Code.CONFIG_UNSUPPORTED, exc.get_error_code())
        self.assertIn("Target domain max memory 65536 does not match source 32768", str(exc))
        self.assertEqual((State.SHUTOFF, Shutoff.SAVED), self.state(self.ref))
        self.restore(changed)
        self.assertEqual((State.PAUSED, Paused.MIGRATION), self.state(self.ref))

    def test_full_disk(self) -> None:
        mount = f"{self.root}/small"
        os.mkdir(mount)
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "small", mount], capture_output=True
        )
        if made.returncode:
            self.skipTest("no mounts here")
        self.addCleanup(subprocess.run, ["umount", "-l", mount], check=True)
        exc = self.error(lambda: self.table.domain_save(self.ref, f"{mount}/image"))
        self.assertEqual(Code.OPERATION_FAILED, exc.get_error_code())
        self.assertIn("No space left on device", str(exc))
        self.assertEqual([], os.listdir(mount))
        self.assertEqual((State.RUNNING, Running.SAVE_CANCELED), self.state(self.ref))
        self.assertEqual([(SUSPENDED, 0), (RESUMED, 0)], self.events)
        self.assertEqual([0] * 12, self.table.domain_get_job_info(self.ref))

    def test_limits_are_back_after_a_failure(self) -> None:
        monitor = self.table.state.domains.find(self.ref).private.mon
        before = monitor.command("query-migrate-parameters", kind="query")
        self.error(lambda: self.table.domain_save(self.ref, "/dev/full"))
        self.assertEqual(before, monitor.command("query-migrate-parameters", kind="query"))
        self.assertTrue(os.path.exists("/dev/full"))


class TestManagedSave(SaveCase):
    def test_start_restores(self) -> None:
        self.table.domain_managed_save(self.ref, 0)
        path = self.table.state.paths.save_file("nano")
        self.assertTrue(os.path.exists(path))
        self.reopen()
        self.assertEqual(1, self.table.domain_has_managed_save_image(self.ref, 0))
        self.assertIn("<name>nano<", self.table.domain_managed_save_get_xml_desc(self.ref, 0))
        self.ref = self.table.domain_create(self.ref)
        self.assertEqual((State.RUNNING, Running.RESTORED), self.state(self.ref))
        self.assertEqual(0, self.table.domain_has_managed_save_image(self.ref, 0))
        self.assertFalse(os.path.exists(path))
        self.answers()

    def test_torn_images(self) -> None:
        """BEHAVIOUR M10: what is no image stays and is refused; what was never finished goes."""
        self.table.domain_managed_save(self.ref, 0)
        path = Path(self.table.state.paths.save_file("nano"))
        good = path.read_bytes()
        for data, words in (
            (b"\0" * 64 + good[64:], "image magic is incorrect"),
            (good[:16] + struct.pack("=I", 99) + good[20:], "image version is not supported"),
            (good[: len(good) // 2], "qemu unexpectedly closed the monitor"),
        ):
            path.write_bytes(data)
            self.assertIn(words, str(self.error(lambda: self.table.domain_create(self.ref))))
            self.assertEqual(1, self.table.domain_has_managed_save_image(self.ref, 0))
        for data in (b"LibvirtQemudPart" + good[16:], good[:50], b""):
            path.write_bytes(data)
            self.table.state.domains.find(self.ref).has_managed_save = True
            self.table.domain_create(self.ref)
            self.assertEqual((State.RUNNING, Running.BOOTED), self.state(self.ref))
            self.assertFalse(path.exists())
            self.table.domain_destroy(self.ref)


class TestSavedVcpus(SaveCase):
    """An image knows the vCPUs that the guest had when it was saved."""

    vcpu = "<vcpu current='2'>4</vcpu>"

    def runs_on_with(self, count: int) -> None:
        self.assertEqual(count, self.table.domain_get_vcpus_flags(self.ref, LIVE))
        self.answers()

    def test_plugged_in(self) -> None:
        self.table.domain_set_vcpus_flags(self.ref, 4, LIVE)
        self.table.domain_save(self.ref, self.image)
        xml = self.table.domain_save_image_get_xml_desc(self.image, 0)
        self.assertIn("<vcpu id='3' enabled='yes' hotpluggable='yes' order='4'/>", xml)
        self.restore()
        self.runs_on_with(4)

    def test_one_of_them_in_a_managed_save(self) -> None:
        self.table.domain_set_vcpu(self.ref, "3", 1, LIVE)
        self.table.domain_managed_save(self.ref, 0)
        self.table.domain_create(self.ref)
        self.runs_on_with(3)
        self.assertIn("<vcpu id='2' enabled='no'", self.table.domain_get_xml_desc(self.ref, 0))


class TestInterruptedSave(LifecycleCase):
    """kill -9 of the manager at each step of a save."""

    def interrupted(self, place: str) -> Any:
        ref = self.table.domain_create(self.define())
        self.console(ref)
        self.table.close()
        env = dict(os.environ, NOVA_PYVIRT_BREAK=place)
        done = subprocess.run([sys.executable, CHILD, self.root, "managed-save", "nano"], env=env)
        self.assertEqual(-9, done.returncode)
        self.table = self.open()
        return ref

    def test_guest_runs_on(self) -> None:
        for place in ("save-begin", "save-memory", "save-whole"):
            with self.subTest(place):
                ref = self.interrupted(place)
                self.assertEqual((State.RUNNING, Running.SAVE_CANCELED), self.state(ref))
                self.assertEqual([], os.listdir(self.table.state.paths.save_dir))
                self.assertEqual(0, self.table.domain_has_managed_save_image(ref, 0))
                self.table.domain_suspend(ref)
                self.table.domain_resume(ref)
                self.table.domain_destroy(ref)

    def test_saved_is_saved(self) -> None:
        ref = self.interrupted("stop-ended")
        self.assertEqual((State.SHUTOFF, Shutoff.SAVED), self.state(ref))
        self.table.domain_create(ref)
        self.assertEqual((State.RUNNING, Running.RESTORED), self.state(ref))


class TestDump(SaveCase):
    def test_memory_only(self) -> None:
        self.table.domain_core_dump_with_format(self.ref, self.image, 0, 16)
        self.assertEqual(b"\x7fELF", Path(self.image).read_bytes()[:4])
        self.assertEqual((State.RUNNING, Running.UNPAUSED), self.state(self.ref))
        exc = self.error(
            lambda: self.table.domain_core_dump_with_format(self.ref, self.image, 9, 16)
        )
        self.assertEqual(Code.INVALID_ARG, exc.get_error_code())
        exc = self.error(
            lambda: self.table.domain_core_dump_with_format(self.ref, self.image, 1, 0)
        )
        self.assertEqual(Code.OPERATION_UNSUPPORTED, exc.get_error_code())
        self.answers()

    def test_crash_ends_the_guest(self) -> None:
        self.table.domain_core_dump(self.ref, self.image, 1)
        self.assertEqual((State.SHUTOFF, Shutoff.CRASHED), self.state(self.ref))
        self.assertEqual((STOPPED, 2), self.events[-1])
        self.assertGreater(os.path.getsize(self.image), 10000)


class TestJobOfASave(SaveCase):
    """A save that hangs in its target: what others see, what they can do."""

    def setUp(self) -> None:
        super().setUp()
        os.mkfifo(self.image)
        self.reader = os.open(self.image, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, self.reader)
        os.write(self.fd, b"m")
        self.said: list[libvirtError | None] = []
        self.thread = threading.Thread(target=self.save)
        self.thread.start()
        self.until(lambda: self.table.domain_get_job_info(self.ref)[0])

    def save(self) -> None:
        try:
            self.table.domain_save(self.ref, self.image)
            self.said.append(None)
        except libvirtError as exc:
            self.said.append(exc)

    def test_seen_and_aborted(self) -> None:
        self.assertEqual((State.PAUSED, Paused.SAVE), self.state(self.ref))
        self.assertEqual(2, self.table.domain_get_job_stats(self.ref, 0)[1]["operation"])
        self.table.state.domains.find(self.ref).jobs.wait = 0.1
        exc = self.error(lambda: self.table.domain_resume(self.ref))
        self.assertIn("(held by monitor=virDomainSave)", str(exc))
        self.table.domain_abort_job(self.ref)
        self.thread.join(5)
        assert self.said[0] is not None
        self.assertEqual(Code.OPERATION_ABORTED, self.said[0].get_error_code())
        self.assertEqual((State.RUNNING, Running.SAVE_CANCELED), self.state(self.ref))

    def test_destroyed(self) -> None:
        self.table.domain_destroy(self.ref)
        self.thread.join(5)
        assert self.said[0] is not None
        self.assertEqual(Code.OPERATION_FAILED, self.said[0].get_error_code())
        self.assertEqual((State.SHUTOFF, Shutoff.DESTROYED), self.state(self.ref))


if __name__ == "__main__":
    unittest.main()
