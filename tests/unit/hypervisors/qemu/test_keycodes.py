# SPDX-License-Identifier: Apache-2.0
"""Numbers of keys in libvirt's code sets and in QEMU's."""

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.keycodes import QNUM, to_qnum
from tests.base import TestCase


class TestKeycodes(TestCase):
    def test_return_key_in_every_set(self) -> None:
        numbers = (28, 28, 28, 0x5A, 0x5A, 0x24, 28, 40, 0x0D, 28)
        for codeset, number in enumerate(numbers):
            self.assertEqual(28, to_qnum(codeset, number), codeset)

    def test_extended_keys(self) -> None:
        self.assertEqual(0xD3, to_qnum(0, 111))  # delete
        self.assertEqual(0xB8, to_qnum(0, 100))  # right alt
        self.assertEqual(0xDB, to_qnum(7, 227))  # left meta, USB

    def test_unknown_keys(self) -> None:
        self.assertEqual(99999, to_qnum(QNUM, 99999))
        for codeset, key, name in ((0, 99999, "linux"), (5, 0xFFFF, "os_x"), (99, 1, "99")):
            with self.assertRaises(libvirtError) as caught:
                to_qnum(codeset, key)
            self.assertEqual(Code.INTERNAL_ERROR, caught.exception.get_error_code())
            self.assertIn(f"keycode {key} of {name} codeset", str(caught.exception))
