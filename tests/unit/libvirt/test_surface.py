# SPDX-License-Identifier: Apache-2.0
"""Names, signatures and constants of the drop-in, against the API data."""

import inspect
from typing import Any

from nova_pyvirt import api, libvirt, libvirt_lxc, libvirt_qemu
from tests.base import TestCase

_MODULES = {"libvirt": libvirt, "libvirt_qemu": libvirt_qemu, "libvirt_lxc": libvirt_lxc}


def _find(python: str) -> Any:
    owner, _, name = python.partition(".")
    holder = _MODULES.get(owner) or getattr(libvirt, owner)
    return getattr(holder, name)


class SurfaceTest(TestCase):
    def test_every_call_has_its_method_with_libvirts_signature(self) -> None:
        for row in api.rows():
            with self.subTest(row.python):
                parameters = list(inspect.signature(_find(row.python)).parameters.values())
                shown = [p for p in parameters if p.name != "self"]
                given = [(p.name, None if p.default is p.empty else repr(p.default)) for p in shown]
                self.assertEqual([(a.name, a.default) for a in row.args], given)

    def test_constants_are_those_of_9_0_0(self) -> None:
        shown = {n: getattr(libvirt, n) for n in dir(libvirt) if n.startswith("VIR_")}
        expected = {n: v for n, v in api.BASE.items() if n.startswith("VIR_")}
        self.assertEqual(expected, shown)

    def test_later_constants_are_there_by_name(self) -> None:
        self.assertEqual(27, libvirt.VIR_DOMAIN_EVENT_ID_NIC_MAC_CHANGE)
        with self.assertRaises(AttributeError):
            libvirt.VIR_DOMAIN_EVENT_ID_NONSENSE  # noqa: B018

    def test_classes_carry_libvirts_names(self) -> None:
        classes = [n for n in dir(libvirt) if n.startswith("vir") and n[3].isupper()]
        classes = [n for n in classes if inspect.isclass(getattr(libvirt, n))]
        self.assertEqual(14, len(classes))

    def test_star_import_brings_constants(self) -> None:
        self.assertIn("VIR_DOMAIN_START_PAUSED", libvirt.__all__)

    def test_version(self) -> None:
        self.assertEqual(9000000, libvirt.getVersion())
        self.assertEqual((9000000, 9000000), libvirt.getVersion("qemu"))
        self.assertEqual(0, libvirt.virInitialize())
