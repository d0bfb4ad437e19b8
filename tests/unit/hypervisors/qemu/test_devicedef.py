# SPDX-License-Identifier: Apache-2.0
"""Devices that are attached."""

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import alias
from nova_pyvirt.hypervisors.qemu.devicedef import load_device, parse_device
from tests.base import TestCase
from tests.fixtures.qemu72 import caps, define

NIC = "<interface type='bridge'><source bridge='b'/><model type='virtio'/></interface>"


class Attached(TestCase):
    def test_place_and_alias_behind_those_that_are_there(self) -> None:
        running = define(NIC)
        running.id = 7
        alias.assign(running)
        name, device, whole = parse_device(NIC, running, caps(), live=True)
        self.assertEqual("interfaces", name)
        self.assertEqual("net1", device.alias)
        self.assertEqual(4, device.address.slot)
        self.assertEqual((1, 2), (len(running.devices.interfaces), len(whole.devices.interfaces)))
        self.assertIs(device, whole.devices.interfaces[1])

    def test_the_spare_port_and_no_more(self) -> None:
        running = define("", machine="q35")
        running.id = 7
        alias.assign(running)
        _, device, whole = parse_device(NIC, running, caps(), live=True)
        self.assertEqual((3, 0), (device.address.bus, device.address.slot))
        with self.assertRaisesRegex(libvirtError, "No more available PCI slots"):
            parse_device(NIC, whole, caps(), live=True)

    def test_a_definition_can_grow(self) -> None:
        defined = define("", machine="q35")
        for _ in range(2):
            _, device, defined = parse_device(NIC, defined, caps(), live=False)
        self.assertIsNone(device.alias)
        self.assertEqual(4, device.address.bus)

    def test_names_that_are_taken(self) -> None:
        disk = "<disk><source file='/d'/><target dev='vda'/></disk>"
        with self.assertRaisesRegex(libvirtError, "target 'vda' duplicated"):
            parse_device(disk, define(disk), caps(), live=False)

    def test_only_one(self) -> None:
        with self.assertRaises(libvirtError) as seen:
            parse_device("<memballoon model='virtio'/>", define(""), caps(), live=False)
        self.assertEqual(Code.OPERATION_INVALID, seen.exception.get_error_code())

    def test_unknown_elements(self) -> None:
        with self.assertRaisesRegex(libvirtError, "unknown device type 'toaster'"):
            load_device("<toaster/>")
