# SPDX-License-Identifier: Apache-2.0
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, cast

from nova_pyvirt.core.ports import PortAllocator
from nova_pyvirt.core.settings import Settings
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
        self.settings = Settings()
        state = SimpleNamespace(vnc_ports=self.ports, settings=self.settings)
        private = SimpleNamespace(undo=self.undo, lib_dir="/lib/domain-1-a")
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

    def test_encrypted_ports_where_certificates_are(self) -> None:
        self.settings.spice_tls = True
        graphics = self.chosen("<graphics type='spice' autoport='yes'/>")
        self.assertEqual((str(FIRST), str(FIRST + 1)), (graphics.port, graphics.tls_port))
        graphics = self.chosen("<graphics type='spice' autoport='yes' defaultMode='secure'/>")
        self.assertEqual(str(FIRST + 2), graphics.tls_port)
        self.assertEqual(3, len(self.ports.held()))

    def listening(self, xml: str) -> Any:
        graphics = define(xml).devices.graphics[0]
        prepare_domain._listen(self.start, graphics)
        return graphics

    def test_addresses_and_sockets_by_default(self) -> None:
        self.settings.vnc_listen, self.settings.spice_listen = "::1", "10.0.0.1"
        for kind, address in (("vnc", "::1"), ("spice", "10.0.0.1")):
            graphics = self.listening(f"<graphics type='{kind}' autoport='yes'/>")
            self.assertEqual(address, graphics.listen_address)
        self.settings.vnc_auto_unix_socket = self.settings.spice_auto_unix_socket = True
        for kind in ("vnc", "spice"):
            graphics = self.listening(f"<graphics type='{kind}' autoport='yes'/>")
            self.assertEqual("socket", graphics.listen_type)
            self.assertEqual(f"/lib/domain-1-a/{kind}.sock", graphics.listen_socket)
            graphics = self.listening(f"<graphics type='{kind}' autoport='yes' listen='1.2.3.4'/>")
            self.assertEqual("1.2.3.4", graphics.listen_address)

    def test_displays_without_a_port(self) -> None:
        self.chosen("<graphics type='spice'><listen type='none'/></graphics>")
        self.chosen("<graphics type='vnc'><listen type='socket' socket='/s'/></graphics>")
        self.assertEqual([], self.ports.held())

    def test_vnc(self) -> None:
        self.assertEqual(str(FIRST), self.chosen("<graphics type='vnc' autoport='yes'/>").port)
        self.chosen("<graphics type='vnc' port='5999'/>")
        self.assertEqual([5999, FIRST], self.ports.held())
