# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.core.host.sysfs import format_list, parse_list
from nova_pyvirt.errors import libvirtError
from tests.unit.core.host.fake import FakeHost


class ListTest(FakeHost):
    def test_both_ways(self) -> None:
        for text, numbers in (("0-3,8", [0, 1, 2, 3, 8]), ("5", [5]), ("", [])):
            self.assertEqual(numbers, parse_list(text))
            self.assertEqual(text, format_list(numbers))


class HostFsTest(FakeHost):
    def test_missing(self) -> None:
        self.assertIsNone(self.fs.read("nowhere"))
        self.assertIsNone(self.fs.number("nowhere"))
        self.assertEqual([], self.fs.numbered("nowhere", "node"))
        with self.assertRaisesRegex(libvirtError, "^cannot open /nowhere: No such file"):
            self.fs.require("nowhere")

    def test_no_number(self) -> None:
        self.write("a", "x")
        with self.assertRaisesRegex(libvirtError, "Invalid value 'x' in file '/a'"):
            self.fs.number("a")
