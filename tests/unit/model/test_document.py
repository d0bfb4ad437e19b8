# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.model import document
from nova_pyvirt.util.native import time
from tests.base import TestCase

_LEVELS = "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(12))
BOMB = f'<!DOCTYPE d [<!ENTITY a "{"a" * 40}">{_LEVELS}]><domain><title>&m;</title></domain>'
FILE = '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/hostname">]><domain><name>x&a;</name></domain>'
PARAMETER = '<!DOCTYPE d [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]><domain/>'
QUADRATIC = f'<!DOCTYPE d [<!ENTITY a "{"a" * 100000}">]><domain>{"&a;" * 50000}</domain>'


class DocumentTest(TestCase):
    def refused(self, xml: str | bytes) -> libvirtError:
        start = time.monotonic()
        with self.assertRaises(libvirtError) as caught:
            document.load(xml, "domain")
        self.assertLess(time.monotonic() - start, 0.05)
        return caught.exception

    def test_bombs(self) -> None:
        for xml in (BOMB, QUADRATIC, "<domain>" + "<a>" * 5000):
            with self.subTest(xml[:60]):
                self.assertEqual(Code.XML_DETAIL, self.refused(xml).get_error_code())

    def test_nothing_outside_is_read(self) -> None:
        for xml in (FILE, PARAMETER):
            with self.subTest(xml):
                self.assertIn("not defined", self.refused(xml).get_error_message())

    def test_internal_entities(self) -> None:
        xml = '<!DOCTYPE d [<!ENTITY a "hi">]><domain><name>&a;</name></domain>'
        self.assertEqual("hi", document.load(xml, "domain").findtext("name"))

    def test_limits(self) -> None:
        deep = "<domain>" + "<a>" * 200 + "</a>" * 200 + "</domain>"
        for xml in (deep, "<domain>" + " " * (4 << 20)):
            self.assertEqual(Code.XML_ERROR, self.refused(xml).get_error_code())

    def test_words(self) -> None:
        for xml, words in (
            ("", "(domain_definition):1: Document is empty\n(null)\n^"),
            ("hello", "(domain_definition):1: Start tag expected, '<' not found\nhello\n^"),
            ("<network/>", "XML error: expecting root element of 'domain', not 'network'"),
        ):
            with self.subTest(xml):
                self.assertEqual(words, self.refused(xml).get_error_message())

    def test_broken_text(self) -> None:
        for xml in ("<domain>\0</domain>", "<domain>\ud800</domain>", b"<domain>\xff</domain>"):
            with self.subTest(xml):
                self.refused(xml)
