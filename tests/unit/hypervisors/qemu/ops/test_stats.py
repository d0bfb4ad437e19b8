# SPDX-License-Identifier: Apache-2.0
"""Statistics of one domain: what QEMU and the kernel say, in libvirt's shapes."""

import os
import tempfile
from pathlib import Path
from unittest import mock

from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.host import proc
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError
from nova_pyvirt.hypervisors.qemu.ops import stats
from nova_pyvirt.hypervisors.qemu.vcpus import VcpuInfo
from nova_pyvirt.util.typed import LLong, ULLong
from tests.base import TestCase
from tests.unit.hypervisors.qemu.ops.case import OpsCase

_ROW = {
    "wr_bytes": 1, "wr_operations": 2, "rd_bytes": 3, "rd_operations": 4, "flush_operations": 5,
    "wr_total_time_ns": 6, "rd_total_time_ns": 7, "flush_total_time_ns": 8,
}  # fmt: skip


class TestVcpus(OpsCase):
    def test_off(self) -> None:
        said = self.refused(Code.OPERATION_INVALID, stats.get_vcpus)
        self.assertIn("cannot retrieve vcpu information for inactive domain", said)

    def test_threads_of_their_own(self) -> None:
        self.start()
        self.vm.private.vcpus = [VcpuInfo(thread=os.getpid()), VcpuInfo(), VcpuInfo(os.getpid())]
        info, maps = stats.get_vcpus(self.state, self.ref)
        self.assertEqual([(0, 1), (2, 1)], [(row[0], row[1]) for row in info])
        self.assertGreater(info[0][2], 0)
        bits = {n for n in range(len(maps[0]) * 8) if maps[0][n // 8] >> n % 8 & 1}
        self.assertEqual(os.sched_getaffinity(0), bits)

    def test_no_threads_of_their_own(self) -> None:
        self.start()
        self.assertIn("cpu affinity", self.refused(Code.OPERATION_INVALID, stats.get_vcpus))

    def test_a_thread_that_has_gone(self) -> None:
        self.start()
        self.vm.private.vcpus = [VcpuInfo(thread=2**22 - 1)]
        said = self.refused(Code.SYSTEM_ERROR, stats.get_vcpus)
        self.assertIn("cannot get vCPU placement & pCPU time", said)


class TestBlockStats(OpsCase):
    DEVICES = """<disk type='file' device='disk'><source file='/a'/><target dev='vda' bus='virtio'/>
      <alias name='virtio-disk0'/></disk>
      <disk type='file' device='disk'><source file='/b'/><target dev='hda' bus='ide'/>
      <alias name='ide0-0-0'/></disk>"""
    ANSWER = [
        {"qdev": "/machine/peripheral/virtio-disk0/virtio-backend", "stats": _ROW},
        {"device": "", "qdev": "ide0-0-0", "stats": {**_ROW, "rd_bytes": 100}},
        {"device": "", "stats": {**_ROW, "rd_bytes": 5000}},  # nobody's
    ]

    def test_one_disk(self) -> None:
        self.start(query_blockstats=self.ANSWER)
        for path in ("vda", "/a"):
            self.assertEqual((4, 3, 2, 1, -1), stats.block_stats(self.state, self.ref, path))
        self.assertEqual(100, stats.block_stats(self.state, self.ref, "hda")[1])

    def test_all_disks(self) -> None:
        self.start(query_blockstats=self.ANSWER)
        found = stats.block_stats_flags(self.state, self.ref, "", 4)
        self.assertEqual(103, found["rd_bytes"])
        self.assertEqual(["wr_bytes", "wr_operations", "rd_bytes", "rd_operations",
                          "flush_operations", "wr_total_times", "rd_total_times",
                          "flush_total_times"], list(found))  # fmt: skip
        self.assertEqual({LLong}, {type(value) for value in found.values()})

    def test_refusals(self) -> None:
        self.refused(Code.OPERATION_INVALID, stats.block_stats, "vda")
        self.start(query_blockstats=self.ANSWER[1:])
        self.assertIn("invalid path: vdz", self.refused(Code.INVALID_ARG, stats.block_stats, "vdz"))
        self.refused(Code.INTERNAL_ERROR, stats.block_stats, "vda")
        self.refused(Code.INVALID_ARG, stats.block_stats_flags, "vda", 64)


class TestInterfaceStats(OpsCase):
    DEVICES = """<interface type='ethernet'><mac address='52:54:00:00:00:01'/><target dev='lo'/>
      </interface><interface type='direct'><mac address='52:54:00:00:00:02'/><source dev='x'/>
      <target dev='lo'/></interface>
      <interface type='user'><mac address='52:54:00:00:00:03'/></interface>"""

    def test_the_guest_receives_what_the_host_sends(self) -> None:
        self.start()
        numbers = ([1, 2, 3, 4], [5, 6, 7, 8])
        with mock.patch.object(proc, "link", return_value=numbers) as asked:
            tap = stats.interface_stats(self.state, self.ref, "52:54:00:00:00:01")
            own = stats.interface_stats(self.state, self.ref, "52:54:00:00:00:02")
        self.assertEqual((5, 6, 7, 8, 1, 2, 3, 4), tap)
        self.assertEqual((1, 2, 3, 4, 5, 6, 7, 8), own)
        asked.assert_called_with("lo")

    def test_refusals(self) -> None:
        self.refused(Code.OPERATION_INVALID, stats.interface_stats, "lo")
        self.start()
        for name in ("nope", ""):
            said = self.refused(Code.INVALID_ARG, stats.interface_stats, name)
            self.assertIn(f"'{name}' is not a known interface", said)
        said = self.refused(Code.INTERNAL_ERROR, stats.interface_stats, "52:54:00:00:00:03")
        self.assertIn("Interface name not provided", said)


class TestMemoryStats(OpsCase):
    DEVICES = "<memballoon model='virtio'><alias name='balloon0'/></memballoon>"

    def test_a_guest_that_tells(self) -> None:
        told = {
            "stats": {"stat-swap-in": 2048, "stat-major-faults": 9, "stat-free-memory": -1,
                      "stat-total-memory": (1 << 64) - 1},
            "last-update": 1234,
        }  # fmt: skip
        monitor = self.start(query_balloon={"actual": 1 << 20}, qom_get=told)
        found = dict(stats.memory_stats(self.state, self.ref, 0))
        resident = found.pop(7)
        self.assertEqual({6: 1024, 0: 2, 2: 9, 9: 1234}, found)
        self.assertGreater(resident, 1000)
        path = {"path": "/machine/peripheral/balloon0", "property": "guest-stats"}
        self.assertIn(("qom-get", path), monitor.asked)

    def test_a_silent_guest(self) -> None:
        refusal = QMPCommandError("qom-get", "GenericError", "no stats")
        self.start(query_balloon={"actual": 1 << 20}, qom_get=refusal)
        found = dict(stats.memory_stats(self.state, self.ref, 0))
        self.assertEqual([6, 7], list(found))

    def test_without_a_balloon(self) -> None:
        monitor = self.start()
        self.vm.definition.devices.memballoon = None
        self.assertEqual([7], list(dict(stats.memory_stats(self.state, self.ref, 0))))
        self.assertEqual([], monitor.asked)

    def test_refusals(self) -> None:
        self.refused(Code.OPERATION_INVALID, stats.memory_stats, 0)
        self.refused(Code.INVALID_ARG, stats.memory_stats, 1)


class TestCPUStats(OpsCase):
    def test_total_and_each(self) -> None:
        self.start()
        self.groups("cpu", "cpuacct")
        self.vm.private.vcpus = [VcpuInfo(thread=1), VcpuInfo(thread=2)]
        self.put("cpuacct", "cpuacct.usage", "700")
        self.put("cpuacct", "cpuacct.stat", "user 1\nsystem 2\n")
        self.put("cpuacct", "cpuacct.usage_percpu", "400 300 \n")
        for thread, used in (("vcpu0", "10 1"), ("vcpu1", "20 2")):
            self.put("cpuacct", "cpuacct.usage_percpu", used, thread)
        total = stats.get_cpu_stats(self.state, self.ref, -1, 1, 0)
        wanted = {"cpu_time": 700, "user_time": 10_000_000, "system_time": 20_000_000}
        self.assertEqual([wanted], total)
        self.assertEqual(4, stats.get_cpu_stats(self.state, self.ref, 0, 0, 0))
        each = stats.get_cpu_stats(self.state, self.ref, 0, 4, 0)
        assert isinstance(each, list)
        self.assertEqual([(400, 30), (300, 3), (0, 0), (0, 0)],
                         [tuple(one.values()) for one in each])  # fmt: skip
        self.assertIs(ULLong, type(each[0]["cpu_time"]))
        self.refused(Code.INVALID_ARG, stats.get_cpu_stats, 9, 1, 0)

    def test_refusals(self) -> None:
        self.refused(Code.OPERATION_INVALID, stats.get_cpu_stats, -1, 1, 0)
        self.start()
        said = self.refused(Code.OPERATION_INVALID, stats.get_cpu_stats, -1, 1, 0)
        self.assertIn("cgroup CPUACCT controller is not mounted", said)


class TestProc(TestCase):
    """The kernel's files."""

    def setUp(self) -> None:
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)
        (self.root / "5/task/6").mkdir(parents=True)
        (self.root / "net").mkdir()

    def test_times(self) -> None:
        words = ["0"] * 50
        words[11], words[12], words[21], words[36] = "3", "4", "10", "1"
        (self.root / "5/stat").write_text(f"5 (qemu (x) y) {' '.join(words)}\n")
        found = proc.times(5, root=str(self.root))
        self.assertEqual((30_000_000, 40_000_000, 1, 40), tuple(found))
        self.assertEqual(70_000_000, found.total)

    def test_waits(self) -> None:
        root, task = str(self.root), self.root / "5/task/6"
        self.assertEqual((0, 0), (proc.waited(5, 6, root=root), proc.delayed(5, 6, root=root)))
        (task / "sched").write_text("x (1)\nse.statistics.wait_sum   :  1.500000\n")
        (task / "schedstat").write_text("11 22 33\n")
        self.assertEqual(1_500_000, proc.waited(5, 6, root=root))
        self.assertEqual(22, proc.delayed(5, 6, root=root))

    def test_links(self) -> None:
        (self.root / "net/dev").write_text(
            "head\n  lo: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n lox: 9 9 9 9 0 0 0 0 9 9 9 9 0 0 0 0\n"
        )
        self.assertEqual(([1, 2, 3, 4], [5, 6, 7, 8]), proc.link("lo", root=str(self.root)))
        with self.assertRaisesRegex(Exception, "Interface not found"):
            proc.link("l", root=str(self.root))
