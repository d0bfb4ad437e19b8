# SPDX-License-Identifier: Apache-2.0
"""Places on USB, virtio-serial, disk controllers and in memory slots."""

from nova_pyvirt.errors import Code, libvirtError
from tests.base import TestCase
from tests.fixtures.qemu72 import define

TABLET = "<input type='tablet' bus='usb'/>"
CHANNEL = "<channel type='unix'><target type='virtio' name='{}'/></channel>"


class USB(TestCase):
    def test_ports_in_order(self) -> None:
        domain = define(TABLET + "<input type='keyboard' bus='usb'/>")
        ports = [i.address.port for i in domain.devices.inputs if i.bus == "usb"]
        self.assertEqual(["1", "2"], ports)

    def test_a_hub_when_there_are_too_few(self) -> None:
        domain = define(TABLET * 3)
        self.assertEqual(1, len(domain.devices.hubs))
        self.assertEqual("1", domain.devices.hubs[0].address.port)
        ports = [i.address.port for i in domain.devices.inputs if i.bus == "usb"]
        self.assertEqual(["2", "1.1", "1.2"], ports)

    def test_without_a_bus(self) -> None:
        with self.assertRaisesRegex(
            libvirtError, "Can.t add USB input device. USB bus is disabled"
        ):
            define("<controller type='usb' model='none'/>" + TABLET)

    def test_taken_or_missing_ports(self) -> None:
        at = "<input type='tablet' bus='usb'><address type='usb' bus='0' port='{}'/></input>"
        for xml, words in (
            (at.format(1) * 2, "Duplicate USB address bus 0 port 1"),
            (at.format(9), "requested USB port 9 not present on USB bus 0"),
            (at.format("1.1"), "there is no hub at port 1"),
        ):
            with self.subTest(words), self.assertRaisesRegex(libvirtError, words) as seen:
                define(xml)
            self.assertEqual(Code.XML_ERROR, seen.exception.get_error_code())


class Serial(TestCase):
    def test_ports_start_at_one(self) -> None:
        domain = define(CHANNEL.format("a") + CHANNEL.format("b"))
        found = [(c.address.controller, c.address.port) for c in domain.devices.channels]
        self.assertEqual([(0, "1"), (0, "2")], found)

    def test_a_second_controller_when_the_first_is_full(self) -> None:
        many = "".join(CHANNEL.format(n) for n in range(31))
        domain = define(many)
        last = domain.devices.channels[-1].address
        self.assertEqual((1, "1"), (last.controller, last.port))

    def test_taken(self) -> None:
        one = CHANNEL.replace(
            "/></channel>", "/><address type='virtio-serial' port='3'/></channel>"
        )
        with self.assertRaisesRegex(libvirtError, "port 3 on controller 0 is already occupied"):
            define(one.format("a") + one.format("b"))


class Drives(TestCase):
    def test_names_say_places(self) -> None:
        for target, bus, wanted in (
            ("hdc", "ide", (0, 1, 0)), ("sdb", "sata", (0, 0, 1)), ("sdh", "scsi", (1, 0, 0)),
            ("sdg", "sata", (1, 0, 0)),
        ):  # fmt: skip
            domain = define(f"<disk><source file='/d'/><target dev='{target}' bus='{bus}'/></disk>")
            where = domain.devices.disks[0].address
            self.assertEqual(wanted, (where.controller, where.bus, where.unit), target)

    def test_a_name_without_a_place(self) -> None:
        with self.assertRaisesRegex(libvirtError, "Unknown disk name '/dev/vda'"):
            define("<disk><source file='/d'/><target dev='/dev/vda' bus='virtio'/></disk>")


class MemorySlots(TestCase):
    CELLS = (
        "<maxMemory slots='2'>8388608</maxMemory>"
        "<cpu><numa><cell id='0' cpus='0' memory='1048576'/></numa></cpu>"
    )
    DIMM = "<memory model='dimm'><target><size>524288</size><node>0</node></target></memory>"

    def test_first_free_slot(self) -> None:
        domain = define(self.DIMM * 2, more=self.CELLS)
        self.assertEqual([0, 1], [m.address.slot for m in domain.devices.memories])

    def test_too_many(self) -> None:
        with self.assertRaises(libvirtError):
            define(self.DIMM * 3, more=self.CELLS)
