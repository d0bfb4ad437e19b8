# SPDX-License-Identifier: Apache-2.0
"""Memory of a domain: the balloon, the maximum, the statistics' period."""

from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError
from nova_pyvirt.hypervisors.qemu.ops import memory
from tests.unit.hypervisors.qemu.ops.case import CONFIG, LIVE, OpsCase

BALLOON = "<memballoon model='virtio'><alias name='balloon0'/></memballoon>"


class TestMemory(OpsCase):
    DEVICES = BALLOON

    def set(self, kib: int, flags: int) -> None:
        memory.set_memory_flags(self.state, self.ref, kib, flags)

    def test_config(self) -> None:
        self.set(50000, CONFIG)
        self.assertIn("<currentMemory unit='KiB'>50000</currentMemory>", self.stored())
        self.set(40000, CONFIG | memory.MAXIMUM)
        self.assertIn("<memory unit='KiB'>40000</memory>", self.stored())
        self.assertIn("<currentMemory unit='KiB'>40000</currentMemory>", self.stored())
        self.refused(Code.INVALID_ARG, memory.set_memory_flags, 40001, CONFIG)

    def test_live_and_config(self) -> None:
        monitor = self.start()
        self.set(32768, LIVE | CONFIG)
        self.assertEqual([("balloon", {"value": 32768 * 1024})], monitor.asked)
        self.assertEqual(32768, self.vm.new_definition.current_memory)
        self.assertEqual(65536, self.vm.definition.current_memory)  # the guest has not said so yet
        self.refused(Code.OPERATION_INVALID, memory.set_memory_flags, 1, LIVE | memory.MAXIMUM)

    def test_the_lower_maximum_counts(self) -> None:
        self.start()
        self.vm.new_definition.memory = 1000
        self.refused(Code.INVALID_ARG, memory.set_memory_flags, 2000, LIVE | CONFIG)
        self.set(2000, LIVE)

    def test_no_balloon_driver(self) -> None:
        self.start(balloon=QMPCommandError("balloon", "DeviceNotActive", "no"))
        said = self.refused(Code.OPERATION_INVALID, memory.set_memory_flags, 1000, LIVE)
        self.assertIn("without the balloon device and guest OS balloon driver", said)
        self.start(balloon=QMPCommandError("balloon", "GenericError", "no"))
        self.refused(Code.INTERNAL_ERROR, memory.set_memory_flags, 1000, LIVE)

    def test_cells_and_room(self) -> None:
        definition = self.vm.definition
        definition.max_memory = 70000
        said = self.refused(
            Code.OPERATION_INVALID, memory.set_memory_flags, 80000, CONFIG | memory.MAXIMUM
        )
        self.assertIn("greater than the maximum memory size", said)

    def test_period(self) -> None:
        monitor = self.start()
        memory.set_memory_stats_period(self.state, self.ref, 5, LIVE | CONFIG)
        wanted = {"path": "/machine/peripheral/balloon0", "value": 5,
                  "property": "guest-stats-polling-interval"}  # fmt: skip
        self.assertEqual([("qom-set", wanted)], monitor.asked)
        self.assertIn("<stats period='5'/>", self.stored())
        memory.set_memory_stats_period(self.state, self.ref, 0, CONFIG)
        self.assertNotIn("<stats", self.stored())
        self.assertEqual(5, self.vm.definition.devices.memballoon.period)
        self.start(qom_set=QMPCommandError("qom-set", "GenericError", "no"))
        self.refused(Code.OPERATION_INVALID, memory.set_memory_stats_period, 5, LIVE)

    def test_period_without_a_balloon(self) -> None:
        self.vm.definition.devices.memballoon = None
        self.refused(Code.INTERNAL_ERROR, memory.set_memory_stats_period, 5, CONFIG)
