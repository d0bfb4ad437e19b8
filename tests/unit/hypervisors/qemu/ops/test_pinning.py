# SPDX-License-Identifier: Apache-2.0
"""Host CPUs of vCPUs, of the emulator, of I/O threads."""

import os
from unittest import mock

from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import cpumaps
from nova_pyvirt.hypervisors.qemu.ops import iothreads, pinning
from nova_pyvirt.hypervisors.qemu.vcpus import VcpuInfo
from nova_pyvirt.util.typed import Int, ULLong
from tests.base import TestCase
from tests.unit.hypervisors.qemu.ops.case import CONFIG, LIVE, OpsCase


class TestMaps(TestCase):
    def test_there_and_back(self) -> None:
        for numbers in ([], [0], [0, 7, 8], [63]):
            self.assertEqual(numbers, cpumaps.numbers(cpumaps.data(numbers)))
        self.assertEqual("0-1,9", cpumaps.given(b"\x03\x02"))


class TestPins(OpsCase):
    def setUp(self) -> None:
        super().setUp()
        patched = mock.patch.object(cpumaps.os, "sched_setaffinity")
        self.moved = patched.start()
        self.addCleanup(patched.stop)

    def test_config(self) -> None:
        pinning.pin_vcpu_flags(self.state, self.ref, 1, b"\x02", CONFIG)
        pinning.pin_vcpu_flags(self.state, self.ref, 0, b"\x05", CONFIG)
        pinning.pin_emulator(self.state, self.ref, b"\x01", CONFIG)
        self.assertIn("<vcpupin vcpu='0' cpuset='0,2'/>", self.stored())
        self.assertIn("<emulatorpin cpuset='0'/>", self.stored())
        self.assertEqual([b"\x05", b"\x02"], pinning.get_vcpu_pin_info(self.state, self.ref, 0))
        self.assertEqual(b"\x01", pinning.get_emulator_pin_info(self.state, self.ref, CONFIG))
        self.moved.assert_not_called()

    def test_without_pins(self) -> None:
        self.assertEqual([b"\x0f"] * 2, pinning.get_vcpu_pin_info(self.state, self.ref, 0))
        self.assertEqual(b"\x0f", pinning.get_emulator_pin_info(self.state, self.ref, 0))
        self.vm.definition.vcpu_cpuset = "1"
        self.assertEqual(b"\x02", pinning.get_emulator_pin_info(self.state, self.ref, 0))

    def test_live(self) -> None:
        self.start()
        self.groups("cpuset")
        self.vm.private.vcpus = [VcpuInfo(thread=41), VcpuInfo()]
        cpus = self.put("cpuset", "cpuset.cpus", "", "vcpu0")
        pinning.pin_vcpu_flags(self.state, self.ref, 0, b"\x06", LIVE)
        self.assertEqual("1-2", cpus.read_text())
        self.moved.assert_called_once_with(41, [1, 2])
        pinning.pin_vcpu_flags(self.state, self.ref, 1, b"\x01", LIVE)  # not there yet
        self.moved.assert_called_once()
        self.assertEqual([{"cputune.vcpupin0": "1-2"}, {"cputune.vcpupin1": "0"}], self.told)
        self.assertIsNone(self.vm.new_definition.cputune)

    def test_refusals(self) -> None:
        call = pinning.pin_vcpu_flags
        said = self.refused(Code.INVALID_ARG, call, 5, b"\x01", CONFIG)
        self.assertIn("vcpu 5 is out of range of persistent cpu count 2", said)
        self.refused(Code.INVALID_ARG, call, 0, b"\x00", CONFIG)
        self.refused(Code.OPERATION_INVALID, call, 0, b"\x01", LIVE)
        self.start()
        self.refused(Code.OPERATION_INVALID, call, 0, b"\x01", LIVE)  # no threads of their own
        self.vm.private.vcpus = [VcpuInfo(thread=41)]
        said = self.refused(Code.INVALID_ARG, call, 5, b"\x01", LIVE)
        self.assertIn("vcpu 5 is out of range of live cpu count 2", said)
        self.assertEqual([], self.told)

    def test_a_group_that_does_not_take_it(self) -> None:
        self.start()
        self.groups("cpuset")
        os.makedirs(f"{self.vm.private.cgroup.paths['cpuset']}/emulator/cpuset.cpus")
        said = self.refused(Code.OPERATION_INVALID, pinning.pin_emulator, b"\x01", LIVE)
        self.assertIn("failed to set cpuset.cpus in cgroup for emulator threads", said)


class TestIOThreads(OpsCase):
    EXTRA = "<vcpu>1</vcpu><iothreads>2</iothreads><iothreadids><iothread id='1'/>" \
        "<iothread id='5'/></iothreadids>"  # fmt: skip
    DEVICES = "<disk type='file'><driver name='qemu' iothread='1'/><source file='/a'/>" \
        "<target dev='vda' bus='virtio'/></disk>"  # fmt: skip

    def test_config(self) -> None:
        iothreads.add_iothread(self.state, self.ref, 3, CONFIG)
        self.assertIn("<iothread id='3'/>", self.stored())
        self.assertIn("<iothreads>3</iothreads>", self.stored())
        iothreads.pin_iothread(self.state, self.ref, 3, b"\x02", CONFIG)
        found = dict(iothreads.get_iothread_info(self.state, self.ref, CONFIG))
        self.assertEqual({1: b"\x0f", 3: b"\x02", 5: b"\x0f"}, found)
        iothreads.del_iothread(self.state, self.ref, 3, CONFIG)
        self.assertNotIn("iothreadpin", self.stored())

    def test_refusals(self) -> None:
        for call, number, text in (
            (iothreads.add_iothread, 0, "invalid value of 0"),
            (iothreads.add_iothread, 5, "already using iothread_id '5'"),
            (iothreads.del_iothread, 9, "cannot find IOThread '9' in iothreadids list"),
            (iothreads.del_iothread, 1, "is being used by disk 'vda'"),
        ):
            self.assertIn(text, self.refused(Code.INVALID_ARG, call, number, CONFIG))
        said = self.refused(Code.INVALID_ARG, iothreads.pin_iothread, 9, b"\x01", CONFIG)
        self.assertIn("iothreadid 9 not found", said)

    def params(self, flags: int, **values: int) -> None:
        kinds = {"poll_max_ns": ULLong}
        given = {name: kinds.get(name, Int)(value) for name, value in values.items()}
        iothreads.set_iothread_params(self.state, self.ref, 5, given, flags)

    def test_parameters(self) -> None:
        self.params(CONFIG, thread_pool_min=2, thread_pool_max=4)
        self.assertIn("<iothread id='5' thread_pool_min='2' thread_pool_max='4'/>", self.stored())
        self.params(CONFIG, thread_pool_min=-1)
        self.assertIn("<iothread id='5' thread_pool_max='4'/>", self.stored())
        monitor = self.start()
        self.params(LIVE, poll_max_ns=7, thread_pool_min=3)
        self.assertEqual(
            [("poll-max-ns", 7), ("thread-pool-min", 3)],
            [(args["property"], args["value"]) for _cmd, args in monitor.asked],
        )
        self.params(LIVE, thread_pool_min=6, thread_pool_max=8)  # the upper bound goes first
        self.assertEqual("thread-pool-max", monitor.asked[2][1]["property"])

    def test_bad_parameters(self) -> None:
        self.start()
        for code, flags, values in (
            (Code.CONFIG_UNSUPPORTED, CONFIG, {"poll_max_ns": ULLong(1 << 31)}),
            (Code.CONFIG_UNSUPPORTED, CONFIG, {"thread_pool_max": Int(0)}),
            (Code.CONFIG_UNSUPPORTED, CONFIG, {"thread_pool_min": Int(-2)}),
            (Code.OPERATION_UNSUPPORTED, CONFIG, {"poll_max_ns": ULLong(1)}),
            (Code.OPERATION_INVALID, LIVE, {"thread_pool_min": Int(-1)}),
            (Code.OPERATION_INVALID, CONFIG,
             {"thread_pool_min": Int(5), "thread_pool_max": Int(4)}),
            (Code.INVALID_ARG, CONFIG, {"poll_max_ns": Int(1)}),
            (Code.ARGUMENT_UNSUPPORTED, CONFIG, {"warp": Int(1)}),
        ):  # fmt: skip
            with self.subTest(values):
                self.refused(code, iothreads.set_iothread_params, 5, values, flags)
