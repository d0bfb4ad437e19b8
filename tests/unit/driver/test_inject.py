# SPDX-License-Identifier: Apache-2.0
"""The injection: complete, repeatable, and refused when another libvirt is in use."""

import sys
from types import ModuleType
from unittest import mock

from nova_pyvirt.driver import inject
from tests import base


class InjectTest(base.TestCase):
    def setUp(self) -> None:
        super().setUp()
        patch = mock.patch.dict(sys.modules)
        patch.start()
        self.addCleanup(patch.stop)
        for name in ("libvirt", "libvirt_qemu", "libvirtmod_qemu", *inject._NOVA_USERS):
            sys.modules.pop(name, None)

    def test_names(self) -> None:
        ours = inject.install()
        self.assertIs(ours, sys.modules["libvirt"])
        self.assertEqual("nova_pyvirt.libvirt", ours.__name__)
        self.assertTrue(hasattr(sys.modules["libvirt_qemu"], "qemuMonitorCommand"))
        self.assertTrue(
            callable(vars(sys.modules["libvirtmod_qemu"])["virDomainQemuMonitorCommand"])
        )

    def test_twice(self) -> None:
        self.assertIs(inject.install(), inject.install())

    def test_another_libvirt_is_refused_by_name(self) -> None:
        other = ModuleType("libvirt")
        other.__file__ = "/usr/lib/python3/dist-packages/libvirt.py"
        sys.modules["libvirt"] = other
        with self.assertRaisesRegex(inject.TooLate, "dist-packages/libvirt.py"):
            inject.install()
        self.assertIs(other, sys.modules["libvirt"])

    def test_another_libvirt_in_a_module_of_nova_is_refused(self) -> None:
        guest = ModuleType("nova.virt.libvirt.guest")
        vars(guest)["libvirt"] = ModuleType("libvirt")
        sys.modules["nova.virt.libvirt.guest"] = guest
        with self.assertRaisesRegex(inject.TooLate, "nova.virt.libvirt.guest"):
            inject.install()

    def test_a_module_of_nova_that_found_none_gets_ours(self) -> None:
        guest = ModuleType("nova.virt.libvirt.guest")
        vars(guest).update(libvirt=None, libvirtmod_qemu=None)
        sys.modules["nova.virt.libvirt.guest"] = guest
        ours = inject.install()
        self.assertIs(ours, vars(guest)["libvirt"])
        self.assertIs(sys.modules["libvirtmod_qemu"], vars(guest)["libvirtmod_qemu"])
