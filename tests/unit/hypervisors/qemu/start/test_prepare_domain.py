# SPDX-License-Identifier: Apache-2.0
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

from nova_pyvirt.core.ports import PortAllocator
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.start import prepare_domain
from nova_pyvirt.hypervisors.qemu.start.context import Start
from tests.base import TestCase
from tests.fixtures.qemu72 import define

FIRST = 25900


class PortsTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ports = PortAllocator("test", FIRST, FIRST + 9)
        self.undo = ExitStack()
        state = SimpleNamespace(vnc_ports=self.ports)
        private = SimpleNamespace(undo=self.undo)
        self.start = cast(Start, SimpleNamespace(state=state, private=private, chosen=[]))

    def chosen(self, xml: str) -> Any:
        graphics = define(xml).devices.graphics[0]
        prepare_domain._ports(self.start, graphics)
        return graphics

    def test_a_plain_port_of_spice(self) -> None:
        graphics = self.chosen("<graphics type='spice' autoport='yes'/>")
        self.assertEqual((str(FIRST), None), (graphics.port, graphics.tls_port))
        self.assertEqual([FIRST], self.ports.held())
        self.undo.close()
        self.assertEqual([], self.ports.held())

    def test_ports_that_are_named(self) -> None:
        self.chosen("<graphics type='spice' port='5999'/>")
        self.assertEqual([5999], self.ports.held())

    def test_encrypted_ports_are_not_chosen(self) -> None:
        for xml in ("<graphics type='spice' autoport='yes' defaultMode='secure'/>",
                    "<graphics type='spice' autoport='yes'><channel name='main' mode='secure'/>"
                    "</graphics>"):  # fmt: skip
            with self.subTest(xml), self.assertRaisesRegex(libvirtError, "spice TLS is disabled"):
                self.chosen(xml)

    def test_displays_without_a_port(self) -> None:
        self.chosen("<graphics type='spice'><listen type='none'/></graphics>")
        self.chosen("<graphics type='vnc'><listen type='socket' socket='/s'/></graphics>")
        self.assertEqual([], self.ports.held())

    def test_vnc(self) -> None:
        self.assertEqual(str(FIRST), self.chosen("<graphics type='vnc' autoport='yes'/>").port)
        self.chosen("<graphics type='vnc' port='5999'/>")
        self.assertEqual([5999, FIRST], self.ports.held())
