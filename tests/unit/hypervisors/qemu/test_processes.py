# SPDX-License-Identifier: Apache-2.0
"""Which processes are QEMUs of ours, from a made-up /proc around our own pid."""

import os
import tempfile
from pathlib import Path

from nova_pyvirt.hypervisors.qemu.host import processes
from tests.base import TestCase

_ARGV = "qemu\0-name\0guest=a,,b,debug-threads=on\0-uuid\0u-1\0"


class TestScan(TestCase):
    def setUp(self) -> None:
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.proc = Path(temporary.name)
        self.pid = os.getpid()  # its start time is read from the real /proc

    def process(self, argv: str, home: str) -> None:
        directory = self.proc / str(self.pid)
        directory.mkdir(exist_ok=True)
        (directory / "cmdline").write_text(argv)
        (directory / "environ").write_text(f"LC_ALL=C\0HOME={home}\0")

    def scan(self, uids: set[int] | None = None) -> list[processes.Found]:
        return list(processes.scan("/lib", uids, str(self.proc)))

    def test_ours(self) -> None:
        self.process(_ARGV, "/lib/domain-7-a-b")
        (found,) = self.scan()
        self.assertEqual(
            (self.pid, "a,b", "u-1", 7, "/lib/domain-7-a-b"),
            (found.pid, found.name, found.uuid, found.ident, found.lib_dir),
        )

    def test_somebody_elses_process_may_claim_anything(self) -> None:
        self.process(_ARGV, "/lib/domain-7-a-b")
        (self.proc / str(self.pid) / "status").write_text("Name:\tqemu\nUid:\t1000\t0\t0\t0\n")
        self.assertEqual([], self.scan({0, 64055}))
        self.assertEqual(1, len(self.scan({0, 1000})))

    def test_of_another_directory(self) -> None:
        self.process(_ARGV, "/other/domain-7-a")
        self.assertEqual([], self.scan())

    def test_not_qemu(self) -> None:
        self.process("vim\0/lib/domain-7-a\0", "/lib/domain-7-a")
        self.assertEqual([], self.scan())

    def test_other_entries(self) -> None:
        (self.proc / "self").mkdir()
        (self.proc / "12").mkdir()
        self.assertEqual([], self.scan())
