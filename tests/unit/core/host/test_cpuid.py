# SPDX-License-Identifier: Apache-2.0
import platform
import unittest
from unittest import mock

from nova_pyvirt.core.host import HostFs, cpuid
from tests.unit.core.host.fake import FakeHost


class CpuidTest(FakeHost):
    def test_device(self) -> None:
        """The device is addressed by leaf and sub-leaf."""
        raw = (13).to_bytes(4, "little") * 4
        self.write("dev/cpu/0/cpuid", "")
        (self.root / "dev/cpu/0/cpuid").write_bytes(raw.ljust(64, b"\0"))
        found = cpuid.read(self.fs)
        self.assertEqual(13, found[0, 0, "eax"])

    def test_another_root_is_never_this_machine(self) -> None:
        self.assertEqual({}, cpuid.read(self.fs))

    @unittest.skipUnless(platform.machine() == "x86_64", "CPUID is x86's")
    def test_instruction(self) -> None:
        with mock.patch.object(cpuid, "_device", return_value=None):
            found = cpuid.read(HostFs())
        vendor = b"".join(found[0, 0, r].to_bytes(4, "little") for r in ("ebx", "edx", "ecx"))
        self.assertRegex(vendor, rb"^[\x20-\x7e]{12}$")

    def test_no_msr(self) -> None:
        self.assertEqual({}, cpuid.arch_capabilities(self.fs))
