# SPDX-License-Identifier: Apache-2.0
"""Ownership of images: given and given back once, also after a death between two steps."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from nova_pyvirt.core.security import dac
from nova_pyvirt.errors import libvirtError
from tests.base import TestCase

ONE, TWO = "11111111-aaaa", "22222222-bbbb"
_CHILD = """
import sys
from nova_pyvirt.core.security import dac
operation, path, holder = sys.argv[1:]
getattr(dac, operation)(path, 4321, 4322, holder=holder)
"""


@unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
class TestDac(TestCase):
    def setUp(self) -> None:
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.path = str(Path(temporary.name, "image"))
        Path(self.path).touch()
        os.chown(self.path, 1234, 1235)

    def owner(self) -> tuple[int, int]:
        info = os.stat(self.path)
        return info.st_uid, info.st_gid

    def needs_attributes(self) -> None:
        try:
            os.setxattr(self.path, "trusted.libvirt.probe", b"")
        except OSError:
            self.skipTest("no trusted attributes here")
        os.removexattr(self.path, "trusted.libvirt.probe")

    def take(self, holder: str = ONE) -> None:
        dac.take(self.path, 4321, 4322, holder=holder)

    def restore(self, holder: str = ONE) -> None:
        dac.restore(self.path, 4321, 4322, holder=holder)

    def dies(self, operation: str, holder: str, point: str) -> None:
        """The operation in a process that is killed at a point."""
        env = {**os.environ, "NOVA_PYVIRT_BREAK": point}
        command = [sys.executable, "-c", _CHILD, operation, self.path, holder]
        self.assertEqual(-9, subprocess.run(command, env=env, check=False).returncode)

    def test_take_and_restore(self) -> None:
        self.needs_attributes()
        self.take()
        self.assertEqual((4321, 4322), self.owner())
        self.restore()
        self.assertEqual((1234, 1235), self.owner())
        self.assertEqual([], os.listxattr(self.path))

    def test_shared_by_two(self) -> None:
        self.needs_attributes()
        self.take(ONE)
        self.take(TWO)
        self.assertEqual(b"2", os.getxattr(self.path, "trusted.libvirt.security.ref_dac"))
        self.restore(ONE)
        self.restore(ONE)  # a second time is nothing
        self.assertEqual((4321, 4322), self.owner())
        self.restore(TWO)
        self.assertEqual((1234, 1235), self.owner())

    def test_taken_twice_by_one_is_given_back_once(self) -> None:
        self.needs_attributes()
        self.take()
        self.take()
        self.restore()
        self.assertEqual((1234, 1235), self.owner())

    def test_never_taken(self) -> None:
        self.needs_attributes()
        self.restore()
        self.assertEqual((1234, 1235), self.owner())

    def test_death_at_any_step(self) -> None:
        self.needs_attributes()
        for point in ("dac-remembered", "dac-taken"):
            with self.subTest(point):
                self.dies("take", ONE, point)
                self.restore(ONE)
                self.assertEqual((1234, 1235), self.owner())
                self.assertEqual([], os.listxattr(self.path))
        self.take(ONE)
        self.dies("restore", ONE, "dac-restored")
        self.restore(ONE)
        self.assertEqual((1234, 1235), self.owner())
        self.assertEqual([], os.listxattr(self.path))

    def test_a_death_takes_nothing_from_another_guest(self) -> None:
        self.needs_attributes()
        self.take(ONE)
        self.dies("take", TWO, "dac-remembered")
        self.restore(TWO)
        self.assertEqual((4321, 4322), self.owner())
        self.restore(ONE)
        self.assertEqual((1234, 1235), self.owner())

    def test_a_file_libvirt_uses_too(self) -> None:
        self.needs_attributes()
        os.setxattr(self.path, "trusted.libvirt.security.dac", b"+7:+8")
        os.setxattr(self.path, "trusted.libvirt.security.ref_dac", b"1")
        self.take()
        self.restore()
        self.assertEqual((4321, 4322), self.owner())
        self.assertEqual(b"1", os.getxattr(self.path, "trusted.libvirt.security.ref_dac"))

    def test_not_remembered(self) -> None:
        dac.take(self.path, 4321, 4322, holder=ONE, remember=False)
        dac.restore(self.path, 4321, 4322, holder=ONE, remembered=False)
        self.assertEqual((0, 0), self.owner())

    def test_not_remembered_and_somebody_elses_by_now(self) -> None:
        dac.restore(self.path, 4321, 4322, holder=ONE, remembered=False)
        self.assertEqual((1234, 1235), self.owner())

    def test_missing_file(self) -> None:
        with self.assertRaisesRegex(libvirtError, "unable to set user and group to '1:1'"):
            dac.take(self.path + ".no", 1, 1, holder=ONE)
        with self.assertLogs("nova_pyvirt.core.security.dac", "WARNING"):
            dac.restore(self.path + ".no", 1, 1, holder=ONE, remembered=False)
