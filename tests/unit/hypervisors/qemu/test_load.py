# SPDX-License-Identifier: Apache-2.0
"""Definitions that are read while their emulator can't be asked, and completed later."""

from types import SimpleNamespace
from typing import Any

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu import load
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase
from tests.fixtures.qemu72 import caps

XML = """<domain type='qemu'><name>a</name><memory>65536</memory>{vcpu}
<os><type arch='x86_64' machine='pc'>hvm</type></os><devices>
<interface type='user'/></devices></domain>"""


class TestIncomplete(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.gone = True
        paths = SimpleNamespace(nvram_dir="/nvram")
        self.state: Any = SimpleNamespace(caps_for=self.caps_for, paths=paths)

    def caps_for(self, _definition: Domain) -> Any:
        if self.gone:
            raise system_error(2, "Cannot check QEMU binary /q")
        return caps()

    def read(self, vcpu: str = "") -> Domain:
        return load.read_definition(self.state, XML.format(vcpu=vcpu))

    def test_it_can_be_shown_and_counted(self) -> None:
        definition = self.read()
        self.assertTrue(definition.incomplete)
        self.assertEqual((1, 65536), (definition.vcpu_count, definition.current_memory))
        self.assertIn("<currentMemory", definition.format(inactive=True))

    def test_what_is_wrong_is_refused_all_the_same(self) -> None:
        for vcpu, code in (("-5", Code.XML_ERROR), ("100000000", Code.CONFIG_UNSUPPORTED)):
            with self.subTest(vcpu), self.assertRaises(libvirtError) as caught:
                self.read(f"<vcpu>{vcpu}</vcpu>")
            self.assertEqual(code, caught.exception.get_error_code())

    def test_completed_at_its_start(self) -> None:
        definition = self.read()
        vm = DomainObj(definition)
        with self.assertRaisesRegex(libvirtError, "Cannot check QEMU binary /q"):
            load.complete(self.state, vm)
        self.assertIs(definition, vm.definition)
        self.gone = False
        load.complete(self.state, vm)
        self.assertFalse(vm.definition.incomplete)
        self.assertTrue(vm.definition.devices.interfaces[0].mac)
        self.assertEqual(definition.uuid, vm.definition.uuid)

    def test_changed_before_its_start(self) -> None:
        """A change makes a copy: that one is no more complete."""
        vm = DomainObj(self.read().copy())
        vm.definition.title = "new"
        self.gone = False
        load.complete(self.state, vm)
        self.assertTrue(vm.definition.devices.interfaces[0].mac)
        self.assertEqual("new", vm.definition.title)

    def test_a_whole_one_stays(self) -> None:
        self.gone = False
        definition = self.read()
        vm = DomainObj(definition)
        load.complete(self.state, vm)
        self.assertIs(definition, vm.definition)
