# SPDX-License-Identifier: Apache-2.0
"""Thresholds of disks: whose, and by which name the event comes."""

from typing import Any

from nova_pyvirt.core.states import EventID
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.events import guest
from nova_pyvirt.hypervisors.qemu.ops import blocks
from tests.unit.hypervisors.qemu.ops.case import OpsCase

DISK = """<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
<source file='/top' index='2'/>
<backingStore type='file' index='1'><format type='raw'/><source file='/base'/></backingStore>
<target dev='vda' bus='virtio'/></disk>"""


class TestThreshold(OpsCase):
    DEVICES = DISK

    def setUp(self) -> None:
        super().setUp()
        self.seen: list[Any] = []

        def see(_ref: Any, *args: Any) -> None:
            self.seen.append(args)

        self.state.bus.register(self, None, EventID.BLOCK_THRESHOLD, see)

    def set(self, dev: str, threshold: int = 4096) -> None:
        blocks.set_block_threshold(self.state, self.ref, dev, threshold, 0)

    def passed(self, number: int) -> list[str]:
        """The names that an event of a node comes under."""
        self.seen.clear()
        data = {
            "node-name": f"libvirt-{number}-storage",
            "write-threshold": 4096,
            "amount-exceeded": 1,
        }
        guest.on_write_threshold(self.state, self.vm, data, 0.0)
        return [args[0] for args in self.seen]

    def test_by_target_and_by_number(self) -> None:
        monitor = self.start()
        self.set("vda")
        asked = {"node-name": "libvirt-2-storage", "write-threshold": 4096}
        self.assertEqual([("block-set-write-threshold", asked)], monitor.asked)
        self.assertEqual(["vda", "vda[2]"], self.passed(2))
        self.set("vda[2]")
        self.assertEqual(["vda[2]"], self.passed(2))
        self.set("vda")
        self.assertEqual(["vda", "vda[2]"], self.passed(2))
        self.set("vda[1]")
        self.assertEqual("libvirt-1-storage", monitor.asked[-1][1]["node-name"])
        self.assertEqual(["vda[1]"], self.passed(1))

    def test_nobody_s(self) -> None:
        said = self.refused(Code.OPERATION_INVALID, blocks.set_block_threshold, "vda", 1, 0)
        self.assertIn("domain is not running", said)
        self.start()
        for dev, text in (
            ("vdz", "failed to find disk 'vdz'"),
            ("vda[7]", "failed to find disk 'vda[7]'"),
            ("vda[x]", "failed to parse block device 'vda[x]'"),
            ("", "failed to parse block device ''"),
        ):
            said = self.refused(Code.INVALID_ARG, blocks.set_block_threshold, dev, 1, 0)
            self.assertIn(text, said)
