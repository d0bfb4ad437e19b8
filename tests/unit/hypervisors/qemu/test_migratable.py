# SPDX-License-Identifier: Apache-2.0
"""Definitions as another host gets them."""

from nova_pyvirt.hypervisors.qemu import migratable
from nova_pyvirt.model.cpu import CPU
from tests.base import TestCase
from tests.fixtures.qemu72 import define

TWO_USB = "<controller type='usb' index='0'/><controller type='usb' index='1'/>"
NAMED = "<controller type='usb' index='0'><alias name='ua-mine'/></controller>"


class MigratableTest(TestCase):
    def controllers(self, devices: str, **options: str) -> list[str]:
        definition = define(devices, **options)
        before = [c.type for c in definition.devices.controllers]
        text = migratable.xml(definition, None)
        self.assertEqual(before, [c.type for c in definition.devices.controllers])
        again = migratable.for_others(definition, None)
        self.assertIn("<domain", text)
        return [c.type for c in again.devices.controllers]

    def test_controllers_that_every_machine_has(self) -> None:
        self.assertEqual([], self.controllers(""))
        self.assertEqual(["usb", "usb"], self.controllers(TWO_USB))
        self.assertEqual(["usb"], self.controllers(NAMED))
        self.assertEqual(
            ["scsi"], self.controllers("<controller type='scsi' model='virtio-scsi'/>")
        )
        self.assertIn("pci", self.controllers("", machine="q35"))
        self.assertIn("usb", self.controllers("", machine="q35"))
        hole = "<controller type='pci' index='0' model='pci-root'><pcihole64>1</pcihole64></controller>"
        self.assertEqual(["pci"], self.controllers(hole))

    def test_the_owner_s_cpu(self) -> None:
        definition = define("")
        wanted = CPU(mode="host-model")
        self.assertIs(wanted, migratable.for_others(definition, wanted).cpu)
        self.assertIsNot(wanted, definition.cpu)
