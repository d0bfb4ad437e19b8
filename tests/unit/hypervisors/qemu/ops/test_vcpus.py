# SPDX-License-Identifier: Apache-2.0
"""Numbers of vCPUs, of a domain that is off and of one whose QEMU is a script."""

from typing import Any
from unittest import mock

from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import plug, unplug, vcpus
from nova_pyvirt.hypervisors.qemu.events import devices
from nova_pyvirt.hypervisors.qemu.ops import vcpus as ops
from nova_pyvirt.hypervisors.qemu.vcpus import VcpuInfo
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import threading
from tests.base import TestCase
from tests.unit.hypervisors.qemu.ops.case import CONFIG, LIVE, OpsCase

MAXIMUM, HOTPLUGGABLE = 4, 16


def slots(count: int, online: int, *, plugged: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """QEMU's query-hotpluggable-cpus, highest first, as it answers."""
    found = []
    for number in reversed(range(count)):
        row: dict[str, Any] = {"type": "x-cpu", "vcpus-count": 1, "props": {"socket-id": number}}
        if number < online:
            row["qom-path"] = f"/machine/unattached/device[{number}]"
        elif number in plugged:
            row["qom-path"] = f"/machine/peripheral/vcpu{number}"
        found.append(row)
    return found


def cpus(*numbers: int, path: str = "/machine/unattached/device[{}]") -> list[dict[str, Any]]:
    return [
        {"cpu-index": i, "thread-id": 100 + n, "qom-path": path.format(n)}
        for i, n in enumerate(numbers)
    ]


class TestRead(TestCase):
    def test_by_place(self) -> None:
        rows = cpus(0, 1)
        rows.append({"cpu-index": 3, "thread-id": 103, "qom-path": "/machine/peripheral/vcpu3"})
        found = vcpus.read(rows, slots(4, 2, plugged=(3,)), 1)
        self.assertEqual([100, 101, 0, 103], [info.thread for info in found])
        self.assertEqual([1, 2, 0, 3], [info.order for info in found])
        self.assertEqual([False, False, True, True], [info.hotpluggable for info in found])
        self.assertEqual(["", "", "", "vcpu3"], [info.alias for info in found])

    def test_whole_cores(self) -> None:
        """A core's threads come and go together."""
        rows = [
            {"type": "core", "vcpus-count": 2, "props": {"core-id": 0}, "qom-path": "/c0"},
            {"type": "core", "vcpus-count": 2, "props": {"core-id": 2}},
        ]
        threads = [
            {"cpu-index": n, "thread-id": 10 + n, "qom-path": f"/c0/thread[{n}]"} for n in (0, 1)
        ]
        found = vcpus.read(threads, rows, 1)
        self.assertEqual([2, 0, 2, 0], [info.units for info in found])
        self.assertEqual([10, 11, 0, 0], [info.thread for info in found])

    def test_one_thread_for_all(self) -> None:
        rows = [{**row, "thread-id": 7} for row in cpus(0, 1)]
        self.assertEqual([0, 0], [info.thread for info in vcpus.read(rows, [], 1)])
        self.assertEqual([0], [info.thread for info in vcpus.read(cpus(0), [], 100)])


class TestConfig(OpsCase):
    EXTRA = "<vcpu current='1'>3</vcpu>"

    def set(self, count: int, flags: int = CONFIG) -> None:
        ops.set_vcpus_flags(self.state, self.ref, count, flags)

    def test_numbers(self) -> None:
        self.set(2)
        self.set(4, CONFIG | MAXIMUM)
        self.assertIn("<vcpu current='2'>4</vcpu>", self.stored())
        self.assertEqual(2, ops.get_vcpus_flags(self.state, self.ref, CONFIG))
        self.assertEqual(4, ops.get_vcpus_flags(self.state, self.ref, CONFIG | MAXIMUM))
        self.set(2, CONFIG | MAXIMUM)
        self.assertIn("<vcpu>2</vcpu>", self.stored())

    def test_hotpluggable(self) -> None:
        self.set(2, CONFIG | HOTPLUGGABLE)
        self.assertIn("<vcpu id='1' enabled='yes' hotpluggable='yes'/>", self.stored())
        self.set(3)  # behind a hotpluggable one only those can come
        self.assertIn("<vcpu id='2' enabled='yes' hotpluggable='yes'/>", self.stored())
        self.set(1)
        self.assertIn("<vcpu id='2' enabled='no' hotpluggable='yes'/>", self.stored())

    def test_by_number(self) -> None:
        ops.set_vcpu(self.state, self.ref, "2", 1, CONFIG)
        self.assertIn("<vcpu id='1' enabled='no' hotpluggable='yes'/>", self.stored())
        self.assertIn("<vcpu id='2' enabled='yes' hotpluggable='yes'/>", self.stored())
        self.assertEqual(2, ops.get_vcpus_flags(self.state, self.ref, CONFIG))

    def test_refusals(self) -> None:
        call = ops.set_vcpus_flags
        self.assertIn("9 > 3", self.refused(Code.INVALID_ARG, call, 9, CONFIG))
        self.refused(Code.OPERATION_INVALID, call, 2, LIVE)
        self.refused(Code.INVALID_ARG, call, 2, 64)
        self.refused(Code.INVALID_ARG, ops.set_vcpu, "0", 0, CONFIG)
        self.refused(Code.INVALID_ARG, ops.set_vcpu, "x", 1, CONFIG)
        self.refused(Code.INVALID_ARG, ops.set_vcpu, "9", 1, CONFIG)
        self.refused(Code.INVALID_ARG, ops.set_vcpu, "1", 7, CONFIG)
        self.vm.persistent = False
        self.refused(Code.OPERATION_INVALID, call, 2, CONFIG)

    def test_topology_and_cells(self) -> None:
        plain = str(self.vm.definition.format(inactive=True))
        for cpu, count, text in (
            ("<topology sockets='3' cores='1' threads='1'/>", 4, "CPU topology doesn't match"),
            ("<numa><cell id='0' cpus='0-2' memory='65536'/></numa>", 2, "in <numa> exceeds"),
        ):
            xml = plain.replace("</domain>", f"<cpu>{cpu}</cpu></domain>")
            self.vm.definition = Domain.load(xml)
            said = self.refused(Code.INVALID_ARG, ops.set_vcpus_flags, count, CONFIG | MAXIMUM)
            self.assertIn(text, said)


class TestLive(OpsCase):
    EXTRA = "<vcpu current='2'>4</vcpu>"

    def setUp(self) -> None:
        super().setUp()
        self.plugged: tuple[int, ...] = ()
        self.start(
            query_cpus_fast=lambda _args: self.threads(),
            query_hotpluggable_cpus=lambda _args: slots(4, 2, plugged=self.plugged),
            device_add=self.add,
            device_del=self.remove,
        )
        plug.refresh(self.vm)
        patched = mock.patch.object(plug.threads, "place_vcpu")
        self.placed = patched.start()
        self.addCleanup(patched.stop)
        self.lets_go = True

    def threads(self) -> list[dict[str, Any]]:
        rows = cpus(0, 1)
        for n in self.plugged:
            rows.append({"cpu-index": n, "thread-id": 100 + n,
                         "qom-path": f"/machine/peripheral/vcpu{n}"})  # fmt: skip
        return rows

    def add(self, args: dict[str, Any]) -> None:
        self.plugged += (int(args["id"].removeprefix("vcpu")),)

    def remove(self, args: dict[str, Any]) -> None:
        if not self.lets_go:
            return
        self.plugged = tuple(n for n in self.plugged if f"vcpu{n}" != args["id"])
        data = {"device": args["id"]}
        event = threading.Thread(
            target=devices.on_deleted, args=(self.state, self.vm, data, 0.0), daemon=True
        )
        event.start()

    def set(self, count: int) -> None:
        ops.set_vcpus_flags(self.state, self.ref, count, LIVE)

    def test_in_and_out(self) -> None:
        self.set(4)
        asked = [args for cmd, args in self.monitor.asked if cmd == "device_add"]
        self.assertEqual({"driver": "x-cpu", "id": "vcpu2", "socket-id": 2}, asked[0])
        self.assertEqual([2, 3], [call.args[1] for call in self.placed.call_args_list])
        xml = self.vm.definition.format()
        self.assertIn("<vcpu id='3' enabled='yes' hotpluggable='yes' order='4'/>", xml)
        self.set(3)
        self.assertEqual((2,), self.plugged)
        self.assertIn("<vcpu id='3' enabled='no' hotpluggable='yes'/>", self.vm.definition.format())
        self.assertEqual(2, self.vm.new_definition.vcpu_count)

    def test_what_was_there_stays(self) -> None:
        said = self.refused(Code.CONFIG_UNSUPPORTED, ops.set_vcpus_flags, 1, LIVE)
        self.assertIn("failed to find appropriate hotpluggable vcpus", said)

    def test_a_guest_that_keeps_it(self) -> None:
        self.set(3)
        self.lets_go = False
        with mock.patch.object(unplug, "WAIT", 0.05):
            self.refused(Code.OPERATION_TIMEOUT, ops.set_vcpus_flags, 2, LIVE)
        self.assertEqual(3, self.vm.definition.vcpu_count)
        self.plugged = ()  # and lets go later
        devices.on_deleted(self.state, self.vm, {"device": "vcpu2"}, 0.0)
        self.assertEqual(2, self.vm.definition.vcpu_count)

    def test_by_number(self) -> None:
        ops.set_vcpu(self.state, self.ref, "3", 1, LIVE)
        self.assertEqual((3,), self.plugged)
        self.refused(Code.INVALID_ARG, ops.set_vcpu, "3", 1, LIVE)
        self.refused(Code.INVALID_ARG, ops.set_vcpu, "2,3", 0, LIVE)  # 2 isn't there
        self.refused(Code.INVALID_ARG, ops.set_vcpu, "1", 0, LIVE)  # can't be unplugged

    def test_maximum(self) -> None:
        self.refused(Code.OPERATION_UNSUPPORTED, ops.set_vcpus_flags, 5, LIVE | MAXIMUM)

    def test_granularity(self) -> None:
        found = [VcpuInfo(online=True, units=1), VcpuInfo(units=2), VcpuInfo(units=0)]
        self.vm.private.vcpus = found
        said = self.refused(Code.CONFIG_UNSUPPORTED, ops.set_vcpus_flags, 2, LIVE)
        self.assertIn("granularity", said)
        self.assertEqual(([1], True), plug.select(self.vm, 3))
