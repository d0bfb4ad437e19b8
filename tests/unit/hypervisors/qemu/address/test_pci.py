# SPDX-License-Identifier: Apache-2.0
"""Places on PCI: rules that libvirt's own definitions show."""

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase
from tests.fixtures.qemu72 import define

NIC = "<interface type='user'><model type='virtio'/></interface>"
VGA = "<video><model type='vga'/></video>"


def place(device: object) -> str:
    where = device.address  # type: ignore[attr-defined]
    return f"{where.bus:x}:{where.slot:x}.{where.function:x}"


def ports(domain: Domain) -> list[str]:
    return [
        f"{c.index} {c.model} {place(c)}"
        for c in domain.devices.controllers
        if c.type == "pci" and c.index
    ]


class Conventional(TestCase):
    def test_built_in_functions_and_the_first_adapter(self) -> None:
        domain = define(VGA + "<disk><source file='/d'/><target dev='hda'/></disk>")
        found = {c.type: c for c in domain.devices.controllers}
        self.assertEqual("0:1.1", place(found["ide"]))
        self.assertEqual("0:1.2", place(found["usb"]))
        self.assertEqual("0:2.0", place(domain.devices.videos[0]))

    def test_classes_not_the_order_of_the_document_decide(self) -> None:
        domain = define(
            "<rng model='virtio'><backend model='random'/></rng><disk><source file='/d'/><target dev='vda'/></disk>"
            + NIC
        )
        self.assertEqual("0:2.0", place(domain.devices.interfaces[0]))
        self.assertEqual("0:3.0", place(domain.devices.disks[0]))
        self.assertEqual("0:4.0", place(domain.devices.memballoon))
        self.assertEqual("0:5.0", place(domain.devices.rngs[0]))

    def test_a_bridge_comes_before_the_bus_is_full(self) -> None:
        self.assertEqual([], ports(define(NIC * 28)))
        self.assertEqual(["1 pci-bridge 0:2.0"], ports(define(NIC * 29)))

    def test_taken_twice(self) -> None:
        address = "<address type='pci' slot='5'/>"
        twice = f"<rng model='virtio'>{address}<backend model='random'/></rng>" * 2
        with self.assertRaisesRegex(libvirtError, "double use of PCI Address 0000:00:05.0") as seen:
            define(twice)
        self.assertEqual(Code.XML_ERROR, seen.exception.get_error_code())

    def test_a_given_place_is_kept(self) -> None:
        domain = define(
            "<rng model='virtio'><address type='pci' slot='2'/><backend model='random'/></rng>"
            + NIC
        )
        self.assertEqual("0:2.0", place(domain.devices.rngs[0]))
        self.assertEqual("0:3.0", place(domain.devices.interfaces[0]))

    def test_functions_of_a_slot_are_announced(self) -> None:
        domain = define(
            "".join(
                f"<rng model='virtio'><address type='pci' slot='7' function='{f}'/><backend model='random'/></rng>"
                for f in (0, 1)
            )
        )
        first, second = domain.devices.rngs
        self.assertEqual((True, None), (first.address.multifunction, second.address.multifunction))


class Express(TestCase):
    def test_a_root_port_for_each_device_and_a_spare_one(self) -> None:
        domain = define(NIC + "<memballoon model='none'/>", machine="q35")
        self.assertEqual(
            ["1 pcie-root-port 0:1.0", "2 pcie-root-port 0:1.1", "3 pcie-root-port 0:1.2"],
            ports(domain),
        )
        self.assertEqual("1:0.0", place(domain.devices.interfaces[0]))

    def test_ports_move_behind_the_adapter(self) -> None:
        domain = define(VGA + "<memballoon model='none'/>", machine="q35")
        self.assertEqual("0:1.0", place(domain.devices.videos[0]))
        self.assertEqual("1 pcie-root-port 0:2.0", ports(domain)[0])

    def test_no_spare_port_when_ports_are_listed(self) -> None:
        listed = (
            "<controller type='pci' model='pcie-root'/>"
            "<controller type='pci' model='pcie-root-port'/>"
            "<controller type='usb' model='none'/><memballoon model='none'/>"
        )
        self.assertEqual(["1 pcie-root-port 0:1.0"], ports(define(listed + NIC, machine="q35")))

    def test_a_conventional_device_needs_a_bridge_on_a_port(self) -> None:
        domain = define(
            "<interface type='user'><model type='e1000'/></interface>"
            "<controller type='usb' model='none'/><memballoon model='none'/>",
            machine="q35",
        )
        self.assertEqual("1 pcie-root-port 0:1.0", ports(domain)[0])
        self.assertEqual("2 pcie-to-pci-bridge 1:0.0", ports(domain)[1])
        self.assertEqual("2:1.0", place(domain.devices.interfaces[0]))

    def test_sata_is_a_function_of_the_chipset(self) -> None:
        domain = define("", machine="q35")
        sata = next(c for c in domain.devices.controllers if c.type == "sata")
        self.assertEqual("0:1f.2", place(sata))

    def test_chassis_and_port_numbers(self) -> None:
        domain = define(NIC, machine="q35")
        port = next(c for c in domain.devices.controllers if c.model == "pcie-root-port")
        self.assertEqual((1, 8), (port.chassis, port.target_port))

    def test_companions_share_a_slot(self) -> None:
        models = ("ehci1", "uhci1", "uhci2", "uhci3")
        listed = "".join(f"<controller type='usb' index='0' model='ich9-{m}'/>" for m in models)
        domain = define(listed, machine="q35")
        found = {c.model: place(c) for c in domain.devices.controllers if c.type == "usb"}
        self.assertEqual(
            {"ich9-ehci1": "0:1d.7", "ich9-uhci1": "0:1d.0", "ich9-uhci2": "0:1d.1",
             "ich9-uhci3": "0:1d.2"},
            found,
        )  # fmt: skip

    def test_read_again_it_is_the_same(self) -> None:
        xml = define(NIC * 9 + VGA, machine="q35").format(inactive=True)
        from nova_pyvirt.hypervisors.qemu.definition import parse_definition
        from tests.fixtures.qemu72 import caps

        again = parse_definition(xml, lambda domain: caps()).format(inactive=True)
        self.assertEqual(xml, again)
