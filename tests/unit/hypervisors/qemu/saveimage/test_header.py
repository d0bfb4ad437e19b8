# SPDX-License-Identifier: Apache-2.0
"""The head of save images, in libvirt's format."""

import struct

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.saveimage import header
from nova_pyvirt.hypervisors.qemu.saveimage.header import Header, Incomplete
from tests.base import TestCase


class TestHeader(TestCase):
    def test_layout(self) -> None:
        head = Header("<domain/>", "<cookie/>", running=True, compressed=1)
        data = head.pack(header.PARTIAL)
        self.assertEqual(b"LibvirtQemudPart", data[:16])
        room = 10 + 10 + 65536
        self.assertEqual((2, room, 1, 1, 10), struct.unpack_from("=5I", data, 16))
        self.assertEqual(92 + room, len(data))
        self.assertEqual(b"<domain/>\0<cookie/>\0\0", data[92:113])
        self.assertEqual(header.MAGIC, head.numbers(header.MAGIC)[:16])
        self.assertEqual(data[16:92], head.numbers(header.MAGIC)[16:])

    def test_and_back(self) -> None:
        data = Header("<domain/>", "<cookie/>", running=False).pack(header.MAGIC)
        numbers = header.parse(data[: header.SIZE])
        got = header.assemble(numbers, data[header.SIZE :])
        self.assertEqual(("<domain/>", "<cookie/>", False), (got.xml, got.cookie, got.running))

    def test_of_a_host_of_the_other_kind(self) -> None:
        data = header.MAGIC + struct.pack(">5I", 2, 100, 1, 0, 0) + bytes(56)
        numbers = header.parse(data)
        self.assertEqual((100, True), (numbers.room, numbers.running))

    def test_changed_xml_must_fit(self) -> None:
        data = Header("<domain/>").pack(header.MAGIC)
        got = header.assemble(header.parse(data[: header.SIZE]), data[header.SIZE :])
        got.xml = "x" * 60000
        self.assertEqual(len(data), len(got.pack(header.MAGIC)))
        got.xml = "x" * 70000
        self.refused("new xml too large to fit in file", lambda: got.pack(header.MAGIC))

    def refused(self, words: str, what: object) -> None:
        with self.assertRaises(libvirtError) as caught:
            what()  # type: ignore[operator]
        self.assertEqual(Code.OPERATION_FAILED, caught.exception.get_error_code())
        self.assertIn(words, str(caught.exception))

    def test_bad_heads(self) -> None:
        good = Header("<domain/>", "<c/>").pack(header.MAGIC)
        for data, words in (
            (b"junk" * 30, "image magic is incorrect"),
            (header.MAGIC + struct.pack("=I", 99) + bytes(72), "(1660944384 > 2)"),
            (header.MAGIC + struct.pack("=2I", 2, 0) + bytes(68), "invalid header data length: 0"),
            (header.MAGIC + struct.pack("=2I", 2, 1 << 31) + bytes(68), "length: -2147483648"),
        ):
            with self.subTest(words):
                self.refused(words, lambda: header.parse(data))  # noqa: B023
        for data in (b"", good[:91], header.PARTIAL + bytes(100)):
            with self.assertRaises(Incomplete):
                header.parse(data)
        numbers = header.parse(good[:92])
        self.refused("failed to read domain XML", lambda: header.assemble(numbers, b"<dom"))
        self.refused("failed to read cookie", lambda: header.assemble(numbers, good[92:120]))
