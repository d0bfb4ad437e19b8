# SPDX-License-Identifier: Apache-2.0
"""Control groups on a made-up hierarchy."""

import tempfile
from pathlib import Path

from nova_pyvirt.core.cgroup import Cgroup, hierarchies, machine_name
from tests.base import TestCase


class TestCgroup(TestCase):
    def setUp(self) -> None:
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)

    def test_version_1(self) -> None:
        for name in ("cpu", "memory", "pids"):
            (self.root / name).mkdir()
        group = Cgroup.create("qemu-1-vm", root=str(self.root))
        self.assertEqual({"cpu", "memory"}, set(group.paths))
        self.assertTrue((self.root / "cpu/machine/qemu-1-vm").is_dir())
        self.assertEqual(group.paths, Cgroup.find("qemu-1-vm", root=str(self.root)).paths)
        (self.root / "cpu/machine/qemu-1-vm/vcpu0").mkdir()
        group.remove()
        self.assertEqual({}, Cgroup.find("qemu-1-vm", root=str(self.root)).paths)

    def test_version_2(self) -> None:
        (self.root / "cgroup.controllers").write_text("cpu memory\n")
        self.assertEqual({"unified": str(self.root)}, hierarchies(str(self.root)))
        group = Cgroup.create("qemu-2-vm", root=str(self.root))
        self.assertEqual([f"{self.root}/machine/qemu-2-vm/cgroup.procs"], group.procs())

    def test_value_of_a_missing_controller(self) -> None:
        with self.assertRaises(FileNotFoundError):
            Cgroup({}).write("cpu", "cpu.shares", "1024")

    def test_names(self) -> None:
        self.assertEqual("qemu-3-a.b_c.libvirt-qemu", machine_name(3, "a.b_c"))
        self.assertEqual("qemu-3-etc.libvirt-qemu", machine_name(3, "/e/t c"))
