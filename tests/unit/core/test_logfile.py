# SPDX-License-Identifier: Apache-2.0
"""The log of a start: libvirt's block, the process's last words, no link followed."""

import os
import tempfile
from pathlib import Path

from nova_pyvirt.core.logfile import LogFile, shell_text
from nova_pyvirt.errors import libvirtError
from tests.base import TestCase


class TestLogFile(TestCase):
    def setUp(self) -> None:
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.path = Path(temporary.name, "vm.log")

    def test_block_and_tail(self) -> None:
        self.path.write_text("older\n")
        with LogFile(str(self.path)) as log:
            log.operation("starting up libvirt version: 9.0.0", "7.2.22")
            log.command(["/usr/bin/qemu", "-S", "-name", "a b"], {"LC_ALL": "C"})
            os.write(log.fd, b"char device redirected to /dev/pts/1\nqemu: no\n")
            self.assertEqual("qemu: no", log.tail())
        text = self.path.read_text()
        self.assertRegex(
            text,
            r"older\n\d{4}-\d\d-\d\d [\d:]+\.\d{3}\+0000: starting up libvirt version: 9.0.0,"
            r" qemu version: 7.2.22, kernel: .*, hostname: .*\n",
        )
        self.assertIn("LC_ALL=C \\\n/usr/bin/qemu \\\n-S \\\n-name 'a b'\n", text)

    def test_tail_is_bounded(self) -> None:
        with LogFile(str(self.path)) as log:
            os.write(log.fd, b"x" * 5000)
            self.assertEqual(1024, len(log.tail()))

    def test_link_is_refused(self) -> None:
        target = self.path.with_name("precious")
        target.write_text("keep")
        self.path.symlink_to(target)
        with self.assertRaises(libvirtError):
            LogFile(str(self.path))
        self.assertEqual("keep", target.read_text())

    def test_fifo_is_refused(self) -> None:
        os.mkfifo(self.path)
        with self.assertRaises(libvirtError):
            LogFile(str(self.path))

    def test_shell_text(self) -> None:
        self.assertEqual("q \\\n-a 1 \\\n-b", shell_text(["q", "-a", "1", "-b"], {}))
