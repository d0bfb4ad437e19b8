# SPDX-License-Identifier: Apache-2.0
"""Limits by typed parameters: scheduler, memory, block devices, nodes, interfaces, disks."""

import json
from typing import Any
from unittest import mock

from nova_pyvirt.core.cgroup import UNLIMITED
from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.hypervisors.qemu.host import bandwidth as host_bandwidth
from nova_pyvirt.hypervisors.qemu.ops import (
    bandwidth,
    blkio,
    iotune,
    memtune,
    numa,
    perf,
    scheduler,
)
from nova_pyvirt.hypervisors.qemu.params import validate
from nova_pyvirt.hypervisors.qemu.vcpus import VcpuInfo
from nova_pyvirt.util.typed import Int, LLong, Params, UInt, ULLong
from tests.base import TestCase
from tests.unit.hypervisors.qemu.ops.case import CONFIG, LIVE, OpsCase


class TestValidate(TestCase):
    def test_it(self) -> None:
        known: dict[str, type] = {"a": UInt, "b": str, "c": bool}
        validate({"a": UInt(1), "b": "x", "c": True}, known)
        for params, code, text in (
            ({"z": Int(1)}, Code.ARGUMENT_UNSUPPORTED, "parameter 'z' not supported"),
            ({"a": Int(1)}, Code.INVALID_ARG, "invalid type 'int' for parameter 'a', expected"),
            ({"a": [UInt(1), UInt(2)]}, Code.INVALID_ARG, "occurs multiple times"),
        ):
            with self.assertRaisesRegex(libvirtError, text) as raised:
                validate(params, known)  # type: ignore[arg-type]
            self.assertEqual((code, From.NONE), (
                raised.exception.get_error_code(), raised.exception.get_error_domain()
            ))  # fmt: skip


class TestScheduler(OpsCase):
    def set(self, flags: int, **values: int) -> None:
        params: Params = {
            name: (LLong if "quota" in name else ULLong)(value) for name, value in values.items()
        }
        scheduler.set_scheduler_parameters(self.state, self.ref, params, flags)

    def test_config(self) -> None:
        self.set(CONFIG, cpu_shares=7, vcpu_period=5000, global_quota=-1)
        self.assertIn("<shares>7</shares>", self.stored())
        self.assertIn("<global_quota>-1</global_quota>", self.stored())
        found = scheduler.get_scheduler_parameters(self.state, self.ref, CONFIG)
        self.assertEqual((7, 5000, 0), tuple(found.values())[:3])
        self.assertEqual(("posix", 9), scheduler.get_scheduler_type(self.state, self.ref))
        self.assertEqual([], self.told)

    def test_live(self) -> None:
        self.start()
        self.groups("cpu")
        self.vm.private.vcpus = [VcpuInfo(thread=41)]
        self.vm.private.iothread_pids = {"iothread1": 42}
        for thread in ("", "vcpu0", "emulator", "iothread1"):
            self.put("cpu", "cpu.cfs_period_us", "100000", thread)
            self.put("cpu", "cpu.cfs_quota_us", "-1", thread)
        self.put("cpu", "cpu.shares", "100")
        self.set(LIVE, cpu_shares=512, vcpu_quota=20000, emulator_period=0, iothread_quota=30000)
        found = scheduler.get_scheduler_parameters(self.state, self.ref, LIVE)
        self.assertEqual((512, 20000, 30000), (
            found["cpu_shares"], found["vcpu_quota"], found["iothread_quota"]))  # fmt: skip
        told = {"cputune.cpu_shares": 512, "cputune.vcpu_quota": 20000,
                "cputune.iothread_quota": 30000}  # fmt: skip
        self.assertEqual([told], self.told)
        self.assertIn("<quota>20000</quota>", self.vm.definition.format())

    def test_refusals(self) -> None:
        call = scheduler.set_scheduler_parameters
        for params in ({"vcpu_period": ULLong(5)}, {"vcpu_quota": LLong(999)},
                       {"emulator_period": ULLong(1000001)}):  # fmt: skip
            self.assertIn("out of range", self.refused(Code.INVALID_ARG, call, params, CONFIG))
        self.start()
        said = self.refused(Code.OPERATION_INVALID, call, {"cpu_shares": ULLong(1)}, LIVE)
        self.assertIn("cgroup CPU controller is not mounted", said)
        self.refused(Code.OPERATION_INVALID, scheduler.get_scheduler_type)
        self.state.view.privileged = False
        self.refused(Code.CONFIG_UNSUPPORTED, call, {"cpu_shares": ULLong(1)}, CONFIG)


class TestMemory(OpsCase):
    def set(self, flags: int, **values: int) -> None:
        params: Params = {name: ULLong(value) for name, value in values.items()}
        memtune.set_memory_parameters(self.state, self.ref, params, flags)

    def test_config(self) -> None:
        self.set(CONFIG, hard_limit=200000)
        found = memtune.get_memory_parameters(self.state, self.ref, CONFIG)
        self.assertEqual([200000, UNLIMITED, UNLIMITED], list(found.values()))
        self.set(CONFIG, hard_limit=UNLIMITED)
        self.assertNotIn("<memtune>", self.stored())

    def test_order(self) -> None:
        """Swap's limit is never below memory's."""
        self.start()
        self.groups("memory")
        done: list[str] = []
        values = mock.Mock()
        values.set_memory_limit.side_effect = lambda kind, _kib: done.append(kind)
        with mock.patch.object(type(self.vm.private.cgroup), "values", return_value=values):
            self.set(LIVE, hard_limit=100, swap_hard_limit=200)
            self.set(LIVE, hard_limit=300, swap_hard_limit=400)
        self.assertEqual(["hard", "swap", "swap", "hard"], done)
        self.refused(Code.INVALID_ARG, memtune.set_memory_parameters,
                     {"hard_limit": ULLong(500)}, LIVE)  # fmt: skip

    def test_a_kernel_that_does_not_count_swap(self) -> None:
        self.start()
        self.groups("memory")
        self.put("memory", "memory.limit_in_bytes", str(1 << 20))
        self.put("memory", "memory.soft_limit_in_bytes", str((1 << 63) - 4096))
        found = memtune.get_memory_parameters(self.state, self.ref, LIVE)
        self.assertEqual((1024, UNLIMITED), (found["hard_limit"], found["swap_hard_limit"]))


class TestBlkio(OpsCase):
    def test_config(self) -> None:
        params: Params = {"weight": UInt(500), "device_weight": "/a,100,/b,200",
                          "device_read_bytes_sec": "/a,7"}  # fmt: skip
        blkio.set_blkio_parameters(self.state, self.ref, params, CONFIG)
        found = blkio.get_blkio_parameters(self.state, self.ref, CONFIG)
        self.assertEqual(500, found["weight"])
        self.assertEqual("/a,100,/b,200", found["device_weight"])
        self.assertIn("<read_bytes_sec>7</read_bytes_sec>", self.stored())
        blkio.set_blkio_parameters(self.state, self.ref, {"device_weight": "/a,0"}, CONFIG)
        found = blkio.get_blkio_parameters(self.state, self.ref, CONFIG)
        self.assertEqual("/b,200", found["device_weight"])

    def test_bad_lists(self) -> None:
        for text in ("/a", "/a,1,/b", "/a,x", "/a,4294967296", "/a,-1"):
            with self.subTest(text):
                self.refused(Code.INVALID_ARG, blkio.set_blkio_parameters,
                             {"device_weight": text}, CONFIG)  # fmt: skip
        self.assertEqual([], blkio.parse_devices("", "device_weight"))

    def test_live(self) -> None:
        self.start()
        params: Params = {"weight": UInt(300)}
        said = self.refused(Code.OPERATION_INVALID, blkio.set_blkio_parameters, params, LIVE)
        self.assertIn("blkio cgroup isn't mounted", said)
        self.groups("blkio")
        self.put("blkio", "blkio.weight", "500")
        blkio.set_blkio_parameters(self.state, self.ref, params, LIVE)
        self.assertEqual(300, blkio.get_blkio_parameters(self.state, self.ref, LIVE)["weight"])
        self.refused(Code.SYSTEM_ERROR, blkio.set_blkio_parameters,
                     {"device_weight": "/dev/null,100"}, LIVE)  # fmt: skip


class TestNuma(OpsCase):
    def test_config(self) -> None:
        call = numa.set_numa_parameters
        self.refused(Code.CONFIG_UNSUPPORTED, call, {"numa_mode": Int(1)}, CONFIG)
        call(self.state, self.ref, {"numa_mode": Int(3), "numa_nodeset": "0-1,3"}, CONFIG)
        self.assertIn("<memory mode='restrictive' nodeset='0-1,3'/>", self.stored())
        found = numa.get_numa_parameters(self.state, self.ref, 0)
        self.assertEqual({"numa_mode": 3, "numa_nodeset": "0-1,3"}, found)
        self.refused(Code.INVALID_ARG, call, {"numa_mode": Int(4)}, CONFIG)
        self.refused(Code.INVALID_ARG, call, {"numa_nodeset": "x"}, CONFIG)
        self.refused(Code.OPERATION_INVALID, call, {"numa_nodeset": "1,^1"}, CONFIG)

    def test_live(self) -> None:
        nodes = self.root / "host/sys/devices/system/node"
        nodes.mkdir(parents=True)
        (nodes / "online").write_text("0-1\n")
        call = numa.set_numa_parameters
        call(self.state, self.ref, {"numa_mode": Int(3), "numa_nodeset": "0"}, CONFIG)
        self.start()
        self.refused(Code.OPERATION_INVALID, call, {"numa_nodeset": "1"}, LIVE)
        self.groups("cpuset")
        for name, value in (("cpuset.memory_migrate", ""), ("cpuset.mems", "0")):
            mems = self.put("cpuset", name, value, "emulator")
        call(self.state, self.ref, {"numa_nodeset": "1"}, LIVE)
        self.assertEqual("1", mems.read_text())
        self.refused(Code.CONFIG_UNSUPPORTED, call, {"numa_nodeset": "7"}, LIVE)
        self.refused(Code.OPERATION_INVALID, call, {"numa_mode": Int(0)}, LIVE)


class TestBandwidth(OpsCase):
    DEVICES = """<interface type='ethernet'><mac address='52:54:00:00:00:0a'/><target dev='t0'/>
      <bandwidth><inbound average='5'/></bandwidth></interface>
      <interface type='user'><mac address='52:54:00:00:00:02'/></interface>"""

    def set(self, flags: int, device: str = "t0", **values: int) -> None:
        params: Params = {name.replace("_", "."): UInt(v) for name, v in values.items()}
        bandwidth.set_interface_parameters(self.state, self.ref, device, params, flags)

    def test_config(self) -> None:
        self.set(CONFIG, "52:54:00:00:00:0A", outbound_average=9, outbound_burst=3)
        self.assertIn("<inbound average='5'/>", self.stored())
        self.assertIn("<outbound average='9' burst='3'/>", self.stored())
        found = bandwidth.get_interface_parameters(self.state, self.ref, "t0", CONFIG)
        self.assertEqual([5, 0, 0, 0, 9, 0, 3], list(found.values()))
        self.set(CONFIG, inbound_average=0, outbound_average=0)
        self.assertNotIn("<bandwidth>", self.stored())

    def test_refusals(self) -> None:
        call = bandwidth.set_interface_parameters
        self.refused(Code.INVALID_ARG, call, "t9", {}, CONFIG)
        self.refused(Code.CONFIG_UNSUPPORTED, call, "52:54:00:00:00:02", {}, CONFIG)
        self.start()
        self.refused(Code.OPERATION_UNSUPPORTED, call, "t0", {"inbound.floor": UInt(1)}, LIVE)

    def test_live(self) -> None:
        self.start()
        ran: list[str] = []
        with (
            mock.patch.object(host_bandwidth, "_tc", lambda args: ran.append(" ".join(args))),
            mock.patch.object(host_bandwidth.os, "geteuid", return_value=0),
        ):
            self.set(LIVE, inbound_average=100, inbound_peak=200, outbound_average=50)
        self.assertEqual(["qdisc del dev t0 root", "qdisc del dev t0 ingress"], ran[:2])
        self.assertIn("class add dev t0 parent 1: classid 1:1 htb rate 100kbps ceil 200kbps"
                      " quantum 8", ran)  # fmt: skip
        self.assertTrue(any("police rate 50kbps burst 50kb" in line for line in ran))
        self.assertIn("<outbound average='50'/>", self.vm.definition.format())

    def test_a_host_that_can_not(self) -> None:
        """The old limits are set again."""
        self.start()
        tried: list[Any] = []

        def limit(_device: str, wanted: Any) -> None:
            tried.append(None if wanted is None else wanted.inbound.average)
            if len(tried) == 1:
                raise error(Code.INTERNAL_ERROR, "no")

        with mock.patch.object(host_bandwidth, "limit", limit):
            params: Params = {"inbound.average": UInt(7)}
            self.refused(
                Code.INTERNAL_ERROR, bandwidth.set_interface_parameters, "t0", params, LIVE
            )
        self.assertEqual([7, 5], tried)
        self.assertIn("<inbound average='5'/>", self.vm.definition.format())


class TestIOTune(OpsCase):
    DEVICES = """<disk type='file'><source file='/a'/><target dev='vda' bus='virtio'/>
      <alias name='virtio-disk0'/><iotune><total_bytes_sec>9</total_bytes_sec>
      <group_name>g</group_name></iotune></disk>
      <disk type='file'><source file='/b'/><target dev='sda' bus='sata'/>
      <alias name='sata0-0-0'/></disk>"""

    def set(self, disk: str, flags: int, **values: Any) -> None:
        params: Params = {
            name: v if isinstance(v, str) else ULLong(v) for name, v in values.items()
        }
        iotune.set_block_io_tune(self.state, self.ref, disk, params, flags)

    def get(self, disk: str, flags: int = CONFIG) -> dict[str, Any]:
        found = iotune.get_block_io_tune(self.state, self.ref, disk, flags)
        return {name: value for name, value in found.items() if value}

    def test_families(self) -> None:
        """Naming one of a family sets the others to 0; the rest stays."""
        self.set("sda", CONFIG, read_bytes_sec=5, total_iops_sec=7)
        self.set("sda", CONFIG, write_bytes_sec=6)
        self.assertEqual({"write_bytes_sec": 6, "total_iops_sec": 7}, self.get("sda"))

    def test_groups(self) -> None:
        self.set("sda", CONFIG, group_name="g")  # it joins, and gets the group's limits
        self.assertEqual({"total_bytes_sec": 9, "group_name": "g"}, self.get("sda"))
        self.set("vda", CONFIG, total_bytes_sec=4)
        self.assertEqual(4, self.get("sda")["total_bytes_sec"])
        self.set("vda", CONFIG, total_bytes_sec=0)
        self.assertEqual({}, self.get("vda"))
        self.refused(Code.CONFIG_UNSUPPORTED, iotune.set_block_io_tune, "vda",
                     {"group_name": "new"}, CONFIG)  # fmt: skip

    def test_lengths(self) -> None:
        self.set("sda", CONFIG, total_iops_sec=5, total_iops_sec_max=9,
                 total_iops_sec_max_length=4)  # fmt: skip
        self.set("sda", CONFIG, total_iops_sec_max_length=0)
        self.assertEqual(1, self.get("sda")["total_iops_sec_max_length"])

    def test_live(self) -> None:
        row = {"qdev": "/machine/peripheral/virtio-disk0/virtio-backend",
               "inserted": {"bps": 3, "iops_max": 4, "group": "q"}}  # fmt: skip
        monitor = self.start(query_block=[row])
        self.set("vda", LIVE, total_iops_sec=8)
        args = monitor.asked[0][1]
        self.assertEqual(("/machine/peripheral/virtio-disk0/virtio-backend", 9, 8, "g"), (
            args["id"], args["bps"], args["iops"], args["group"]))  # fmt: skip
        self.assertNotIn("bps_max_length", args)
        self.assertEqual({"total_bytes_sec": 3, "total_iops_sec_max": 4, "group_name": "q"},
                         self.get("vda", LIVE))  # fmt: skip
        told = {"blkdeviotune.disk": "vda", "blkdeviotune.total_iops_sec": 8}
        self.assertEqual(json.dumps([told]), json.dumps(self.told))

    def test_refusals(self) -> None:
        self.start(query_block=[])
        call = iotune.set_block_io_tune
        for params, flags, code in (
            ({"total_bytes_sec": ULLong(1), "read_bytes_sec": ULLong(1)}, CONFIG, Code.INVALID_ARG),
            ({"total_bytes_sec": ULLong(10**16)}, CONFIG, Code.ARGUMENT_UNSUPPORTED),
            ({"total_bytes_sec_max": ULLong(5)}, LIVE, Code.CONFIG_UNSUPPORTED),  # below 9
            ({"total_iops_sec_max": ULLong(5)}, LIVE, Code.CONFIG_UNSUPPORTED),  # no base
        ):
            with self.subTest(params):
                self.refused(code, call, "vda", params, flags)
        said = self.refused(Code.INVALID_ARG, call, "vdz", {}, LIVE)
        self.assertIn("disk 'vdz' not found in domain", said)
        said = self.refused(Code.INVALID_ARG, call, "vdz", {}, CONFIG)
        self.assertIn("missing persistent configuration for disk 'vdz'", said)
        self.refused(Code.INTERNAL_ERROR, iotune.get_block_io_tune, "vda", LIVE)


class TestPerf(OpsCase):
    def test_config(self) -> None:
        perf.set_perf_events(self.state, self.ref, {"page_faults": True, "cmt": False}, CONFIG)
        self.assertIn("<event name='cmt' enabled='no'/>", self.stored())
        found = perf.get_perf_events(self.state, self.ref, 0)
        self.assertEqual(["page_faults"], [name for name, on in found.items() if on])
        self.assertEqual(22, len(found))

    def test_counters_the_kernel_has_no_more(self) -> None:
        self.start()
        said = self.refused(Code.ARGUMENT_UNSUPPORTED, perf.set_perf_events, {"cmt": True}, LIVE)
        self.assertIn("unable to enable host cpu perf event for cmt", said)
