# SPDX-License-Identifier: Apache-2.0
"""Ownership of images: given and given back once."""

import os
import tempfile
import unittest
from pathlib import Path

from nova_pyvirt.core.security import dac
from nova_pyvirt.errors import libvirtError
from tests.base import TestCase


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

    def remembers(self) -> bool:
        try:
            os.setxattr(self.path, "trusted.libvirt.probe", b"")
        except OSError:
            return False
        os.removexattr(self.path, "trusted.libvirt.probe")
        return True

    def test_take_and_restore(self) -> None:
        first = self.owner() if self.remembers() else (0, 0)
        dac.take(self.path, 4321, 4322)
        self.assertEqual((4321, 4322), self.owner())
        dac.restore(self.path)
        self.assertEqual(first, self.owner())

    def test_shared_by_two(self) -> None:
        if not self.remembers():
            self.skipTest("no trusted attributes here")
        dac.take(self.path, 4321, 4322)
        dac.take(self.path, 4321, 4322)
        dac.restore(self.path)
        self.assertEqual((4321, 4322), self.owner())
        dac.restore(self.path)
        self.assertEqual((1234, 1235), self.owner())

    def test_missing_file(self) -> None:
        with self.assertRaisesRegex(libvirtError, "unable to set user and group to '1:1'"):
            dac.take(self.path + ".no", 1, 1)
        with self.assertLogs("nova_pyvirt.core.security.dac", "WARNING"):
            dac.restore(self.path + ".no", remembered=False)
