# SPDX-License-Identifier: Apache-2.0
"""Control groups on made-up hierarchies: version 1, version 2, both, none."""

import os
import tempfile
import threading
from pathlib import Path
from unittest import mock

from nova_pyvirt.core.cgroup import UNLIMITED, Cgroup, hierarchies, machine_name, stale
from nova_pyvirt.core.cgroup import group as module
from nova_pyvirt.core.cgroup.layout import partition_path
from nova_pyvirt.errors import Code, From, libvirtError
from tests.base import TestCase


class CgroupCase(TestCase):
    """A directory in the place of /sys/fs/cgroup."""

    def setUp(self) -> None:
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)

    def create(self, **options: object) -> Cgroup:
        return Cgroup.create("qemu-1-vm", root=str(self.root), **options)  # type: ignore[arg-type]

    def files(self, group: Cgroup, controller: str, **values: str) -> Path:
        """Files that a kernel would have made: NAME__PART is NAME.PART."""
        path = Path(group.paths[controller])
        for name, value in values.items():
            (path / name.replace("__", ".")).write_text(value)
        return path


class TestVersion1(CgroupCase):
    def setUp(self) -> None:
        super().setUp()
        for name in ("cpu", "cpuacct", "cpuset", "memory", "devices", "blkio", "pids"):
            (self.root / name).mkdir()

    def test_life(self) -> None:
        group = self.create()
        self.assertEqual({"cpu", "cpuacct", "cpuset", "memory", "devices", "blkio"},
                         set(group.paths))  # fmt: skip
        self.assertTrue((self.root / "cpu/machine/qemu-1-vm").is_dir())
        self.assertEqual(group.paths, Cgroup.find("qemu-1-vm", root=str(self.root)).paths)
        group.thread("vcpu0")
        self.assertTrue((self.root / "cpu/machine/qemu-1-vm/vcpu0").is_dir())
        self.assertFalse((self.root / "memory/machine/qemu-1-vm/vcpu0").exists())
        group.remove_thread("vcpu0")
        self.assertFalse((self.root / "cpu/machine/qemu-1-vm/vcpu0").exists())
        group.remove()
        self.assertEqual({}, Cgroup.find("qemu-1-vm", root=str(self.root)).paths)

    def test_left_behind(self) -> None:
        machine = self.root / "cpu/machine"
        machine.mkdir()
        names = ["qemu-embed-0011aabb-1-old", "qemu-embed-0011aabb-2-used", "qemu-embed-ff-1-x",
                 "qemu-3-other", "qemu-embed-0011aabb-4-young"]  # fmt: skip
        for name in names:
            path = machine / f"{name}.libvirt-qemu"
            path.mkdir()
            if "young" not in name:
                os.utime(path, (1, 1))
        for mine, found in (
            ("qemu-embed-0011aabb-0-any.libvirt-qemu", ["qemu-embed-0011aabb-1-old"]),
            ("qemu-0-any.libvirt-qemu", ["qemu-3-other"]),
        ):
            keep = {"qemu-embed-0011aabb-2-used.libvirt-qemu"}
            left = stale(mine, keep, root=str(self.root))
            self.assertEqual([f"{machine}/{name}.libvirt-qemu" for name in found], left)

    def test_a_group_that_is_still_in_use(self) -> None:
        group = self.create()
        path = Path(group.paths["cpu"], "emulator")
        path.mkdir()
        (path / "a-process").touch()
        timer = threading.Timer(0.05, (path / "a-process").unlink)
        timer.start()
        group.remove()
        timer.join()
        self.assertEqual({}, Cgroup.find("qemu-1-vm", root=str(self.root)).paths)
        group = self.create()
        (Path(group.paths["cpu"]) / "a-process").touch()
        with (
            mock.patch.object(module, "_PAUSES", (0.001,)),
            self.assertLogs("nova_pyvirt.core.cgroup.group", "WARNING"),
        ):
            group.remove()
        self.assertEqual({"cpu"}, set(Cgroup.find("qemu-1-vm", root=str(self.root)).paths))

    def test_chosen_controllers(self) -> None:
        self.assertEqual({"cpu"}, set(self.create(controllers=["cpu"]).paths))
        self.assertEqual({}, self.create(controllers=[]).paths)

    def test_partition(self) -> None:
        group = self.create(partition="/machine/gold")
        self.assertEqual(f"{self.root}/cpu/machine/gold.partition/qemu-1-vm", group.paths["cpu"])
        found = Cgroup.find("qemu-1-vm", partition="/machine/gold", root=str(self.root))
        self.assertEqual(group.paths, found.paths)
        self.assertEqual("fast.partition/a.b", partition_path("/fast/../a.b"))

    def test_cpu(self) -> None:
        group = self.create()
        path = self.files(group, "cpu", cpu__shares="1024", cpu__cfs_period_us="100000",
                          cpu__cfs_quota_us="-1")  # fmt: skip
        values = group.values("cpu")
        self.assertEqual((1024, (100000, -1)), (values.cpu_shares(), values.cpu_bandwidth()))
        values.set_cpu_bandwidth(0, 50000)
        values.set_cpu_shares(512)
        self.assertEqual((100000, 50000), values.cpu_bandwidth())
        self.assertEqual("512", (path / "cpu.shares").read_text()[:3])
        with self.assertRaisesRegex(libvirtError, "cfs_period '5' must be in range"):
            values.set_cpu_bandwidth(5, 0)

    def test_memory(self) -> None:
        group = self.create()
        self.files(group, "memory", memory__limit_in_bytes=str((1 << 63) - 4096),
                   memory__usage_in_bytes="2097152")  # fmt: skip
        values = group.values("memory")
        self.assertEqual(UNLIMITED, values.memory_limit("hard"))
        self.assertEqual(2048, values.memory_used())
        values.set_memory_limit("hard", 1024)
        self.assertTrue(
            (Path(group.paths["memory"]) / "memory.limit_in_bytes")
            .read_text()
            .startswith("1048576")
        )
        with self.assertRaises(libvirtError) as raised:
            values.memory_limit("swap")
        self.assertEqual((Code.SYSTEM_ERROR, From.CGROUP, 2), (
            raised.exception.get_error_code(), raised.exception.get_error_domain(),
            raised.exception.get_int1()))  # fmt: skip

    def test_blkio(self) -> None:
        group = self.create()
        path = self.files(group, "blkio", blkio__weight="500",
                          blkio__weight_device="8:0 300\n8:16 200\n")  # fmt: skip
        (path / "blkio.throttle.read_bps_device").write_text("8:0 1000\n")
        values = group.values("blkio")
        self.assertEqual(500, values.weight())
        self.assertEqual(200, values.device_value("weight", "8:16"))
        self.assertEqual(0, values.device_value("read_bytes", "8:32"))
        values.set_device_value("read_bytes", "8:16", 7)
        self.assertEqual("8:16 7", (path / "blkio.throttle.read_bps_device").read_text()[:6])
        (path / "blkio.bfq.weight").write_text("100")
        self.assertEqual(100, values.weight())

    def test_cpu_time(self) -> None:
        group = self.create()
        self.files(group, "cpuacct", cpuacct__usage="5000", cpuacct__usage_percpu="2000 3000 \n",
                   cpuacct__stat="user 3\nsystem 2\n")  # fmt: skip
        values = group.values("cpuacct")
        self.assertEqual(5000, values.cpu_time())
        self.assertEqual((30_000_000, 20_000_000), values.cpu_times())
        self.assertEqual([2000, 3000], values.cpu_time_each())

    def test_devices(self) -> None:
        group = self.create()
        path = self.files(group, "devices", devices__allow="", devices__deny="")
        assert group.devices is not None
        group.devices.deny_devices()
        group.devices.allow_device("c 1:3 rw")
        self.assertEqual("a", (path / "devices.deny").read_text())
        self.assertEqual("c 1:3 rw", (path / "devices.allow").read_text())


class TestVersion2(CgroupCase):
    def setUp(self) -> None:
        super().setUp()
        (self.root / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")

    def create(self, **options: object) -> Cgroup:
        group = super().create(**options)
        path = Path(group.paths["unified"])
        (path / "cgroup.controllers").write_text("cpuset cpu io memory\n")
        return Cgroup.find("qemu-1-vm", root=str(self.root))

    def test_life(self) -> None:
        self.assertEqual({"unified": str(self.root)}, hierarchies(str(self.root)))
        group = self.create()
        self.assertEqual([f"{self.root}/machine/qemu-1-vm/cgroup.procs"], group.procs())
        self.assertEqual(["cpu", "cpuacct", "cpuset", "memory", "blkio"], group.controllers)
        self.assertIsNone(group.devices)

    def test_threads(self) -> None:
        group = self.create()
        sub = Path(group.paths["unified"]) / "vcpu0"
        sub.mkdir()
        (sub / "cgroup.type").write_text("domain")
        (sub / "cgroup.threads").write_text("")
        thread = group.thread("vcpu0")
        self.assertEqual("threaded", (sub / "cgroup.type").read_text())
        thread.add_thread(4711)
        self.assertEqual("4711", (sub / "cgroup.threads").read_text())

    def test_values(self) -> None:
        group = self.create()
        path = self.files(
            group, "unified", cpu__weight="100", cpu__max="max 100000\n", memory__max="max\n",
            memory__high="2097152", memory__current="4096", io__weight="default 100\n8:0 50\n",
            io__max="8:0 rbps=1048576 wbps=max riops=max wiops=10\n",
            cpu__stat="usage_usec 7\nuser_usec 4\nsystem_usec 3\n", cpuset__cpus="",
        )  # fmt: skip
        (path / "cpuset.cpus.effective").write_text("0-1\n")
        values = group.values("cpu")
        self.assertEqual((100, (100000, -1)), (values.cpu_shares(), values.cpu_bandwidth()))
        self.assertEqual(UNLIMITED, values.memory_limit("hard"))
        self.assertEqual((2048, 4), (values.memory_limit("soft"), values.memory_used()))
        self.assertEqual(100, values.weight())
        self.assertEqual(50, values.device_value("weight", "8:0"))
        self.assertEqual(1048576, values.device_value("read_bytes", "8:0"))
        self.assertEqual(0, values.device_value("read_iops", "8:0"))
        self.assertEqual((7000, (4000, 3000)), (values.cpu_time(), values.cpu_times()))
        self.assertEqual("0-1", values.cpus())
        values.set_cpu_bandwidth(0, 50000)
        self.assertEqual((100000, 50000), values.cpu_bandwidth())
        with self.assertRaisesRegex(libvirtError, "shares '0' must be in range"):
            values.set_cpu_shares(0)
        with self.assertRaisesRegex(libvirtError, "backend 'cgroup V2'"):
            values.cpu_time_each()


class TestBoth(CgroupCase):
    def test_time_is_counted_by_version_2(self) -> None:
        for name in ("cpu", "cpuacct", "unified"):
            (self.root / name).mkdir()
        (self.root / "unified/cgroup.controllers").write_text("\n")
        group = self.create()
        self.assertEqual({"cpu", "cpuacct", "unified"}, set(group.paths))
        self.files(group, "cpu", cpu__shares="7")
        self.files(group, "unified", cpu__stat="usage_usec 7\n")
        self.assertEqual(7, group.values("cpu").cpu_shares())
        self.assertEqual(7000, group.values("cpuacct").cpu_time())


class TestNone(CgroupCase):
    def test_told_once(self) -> None:
        with self.assertLogs("nova_pyvirt.core.cgroup.group", "WARNING") as logged:
            group = self.create()
            self.create()
        self.assertEqual(1, len(logged.output))
        self.assertEqual(({}, []), (group.paths, group.controllers))
        group.thread("vcpu0").add_thread(1)
        group.remove()

    def test_names(self) -> None:
        self.assertEqual("qemu-3-a.bc.libvirt-qemu", machine_name(3, "a.b_c"))
        self.assertEqual("qemu-3-et-c.libvirt-qemu", machine_name(3, "./e/t--.c-"))
        self.assertEqual(64 + len(".libvirt-qemu"), len(machine_name(3, "x" * 300)))
        one, other = (machine_name(3, "a", root=root) for root in ("/a", "/b"))
        self.assertRegex(one, r"qemu-embed-[0-9a-f]{8}-3-a\.libvirt-qemu")
        self.assertNotEqual(one, other)
