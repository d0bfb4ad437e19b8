# SPDX-License-Identifier: Apache-2.0
"""Forms of devices: live and inactive, secrets, mirrored consoles."""

from lxml import etree

from nova_pyvirt.model.devices.devices import Devices
from nova_pyvirt.model.xmlbind import Context
from tests.base import TestCase

INACTIVE = Context(inactive=True)
LIVE = Context()


def devices(xml: str) -> Devices:
    return Devices.parse(etree.fromstring(f"<devices>{xml}</devices>"))


class Forms(TestCase):
    def test_aliases_of_users_stay(self) -> None:
        found = devices(
            "<rng model='virtio'><alias name='rng0'/><backend model='random'/></rng>"
            "<rng model='virtio'><alias name='ua-mine'/><backend model='random'/></rng>"
        )
        self.assertIn("rng0", found.to_xml(LIVE))
        self.assertNotIn("rng0", found.to_xml(INACTIVE))
        self.assertIn("ua-mine", found.to_xml(INACTIVE))

    def test_password_only_in_the_secure_form(self) -> None:
        found = devices("<graphics type='vnc' passwd='sesame'/>")
        self.assertNotIn("sesame", found.to_xml(LIVE))
        self.assertIn("sesame", found.to_xml(Context(secure=True)))

    def test_ports_that_were_chosen_are_not_part_of_the_definition(self) -> None:
        found = devices(
            "<graphics type='vnc' port='5901' autoport='yes'><listen type='address'/></graphics>"
        )
        self.assertIn("port='5901'", found.to_xml(LIVE))
        self.assertIn("port='-1'", found.to_xml(INACTIVE))

    def test_console_mirrors_the_serial_port(self) -> None:
        found = devices(
            "<serial type='file'><source path='/log'/><target port='0'/></serial>"
            "<console type='pty'><target type='serial'/></console>"
        )
        self.assertEqual(2, found.to_xml(LIVE).count("<source path='/log'/>"))

    def test_pseudo_terminal_belongs_to_the_running_guest(self) -> None:
        found = devices(
            "<serial type='pty'><source path='/dev/pts/3'/><target port='0'/></serial>"
            "<console type='pty'><target type='serial'/></console>"
        )
        self.assertIn("<console type='pty' tty='/dev/pts/3'>", found.to_xml(LIVE))
        self.assertNotIn("/dev/pts", found.to_xml(INACTIVE))

    def test_layers_that_were_found_are_not_part_of_the_definition(self) -> None:
        found = devices(
            "<disk><source file='/top'/><backingStore type='file'><format type='raw'/>"
            "<source file='/below'/></backingStore><target dev='vda'/></disk>"
        )
        self.assertIn("/below", found.to_xml(INACTIVE))
        found.disks[0].backing.detected = True
        self.assertNotIn("/below", found.to_xml(INACTIVE))
        self.assertIn("/below", found.to_xml(LIVE))

    def test_a_copy_is_independent(self) -> None:
        one = devices("<disk><source file='/a'/><target dev='vda'/></disk>")
        two = one.copy()
        two.disks[0].source.file = "/b"
        self.assertEqual("/a", one.disks[0].path)

    def test_pci_addresses_are_hexadecimal_others_are_not(self) -> None:
        found = devices(
            "<hub type='usb'><address type='usb' bus='11' port='1'/></hub>"
            "<rng model='virtio'><address type='pci' bus='0x0b' slot='10'/><backend model='random'/></rng>"
        )
        written = found.to_xml(LIVE)
        self.assertIn("<address type='usb' bus='11' port='1'/>", written)
        self.assertIn("domain='0x0000' bus='0x0b' slot='0x0a' function='0x0'", written)
