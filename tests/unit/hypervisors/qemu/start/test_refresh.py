# SPDX-License-Identifier: Apache-2.0
"""What a run adds to the live definition, and takes from it."""

from types import SimpleNamespace
from typing import cast

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.hypervisors.qemu.start import refresh
from tests.base import TestCase
from tests.fixtures.qemu72 import define

DRIVES = """
<disk device='cdrom'><driver type='qcow2'/><target dev='hda' bus='ide'/></disk>
<disk device='cdrom'><driver type='qcow2'/><source file='/i'/><target dev='hdb' bus='ide'/></disk>
"""


class EmptyDrivesTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.definition = define(DRIVES)
        refresh.forget_formats(cast(DomainObj, SimpleNamespace(definition=self.definition)))

    def test_only_a_medium_has_a_format(self) -> None:
        empty, full = self.definition.devices.disks
        self.assertEqual((None, "qcow2"), (empty.format, full.format))
        self.assertIn("<driver name='qemu'/>", self.definition.format())

    def test_another_host_is_told_one(self) -> None:
        self.assertNotIn("<driver name='qemu'/>", self.definition.format(migratable=True))
