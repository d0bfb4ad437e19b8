# SPDX-License-Identifier: Apache-2.0
"""Applications' elements in a definition."""

from lxml import etree

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.model import metadata
from tests.base import TestCase

URI = "http://example.org/x"


def _metadata(inner: str) -> etree._Element:
    return etree.fromstring(f"<metadata>{inner}</metadata>")


class MetadataTest(TestCase):
    def test_an_element_is_found_without_its_namespace(self) -> None:
        node = _metadata(f"<a:b xmlns:a='{URI}' k='1'><a:c>v</a:c></a:b>")
        self.assertEqual('<b k="1">\n  <c>v</c>\n</b>', metadata.find(node, URI))
        self.assertIsNone(metadata.find(node, "urn:other"))
        self.assertIsNone(metadata.find(None, URI))

    def test_other_namespaces_within_stay(self) -> None:
        node = _metadata(f"<a:b xmlns:a='{URI}' xmlns:o='urn:o'><o:c/></a:b>")
        found = metadata.find(node, URI) or ""
        self.assertIn('xmlns:o="urn:o"', found)
        self.assertIn("<o:c/>", found)

    def test_an_element_gets_the_namespace_and_replaces_its_like(self) -> None:
        old = _metadata(f"<a:b xmlns:a='{URI}'/><o:o xmlns:o='urn:o'/>")
        new = metadata.replaced(old, "<n><m/></n>", "key", URI)
        assert new is not None
        self.assertEqual(["{urn:o}o", f"{{{URI}}}n"], [node.tag for node in new])
        self.assertIn(f'<key:n xmlns:key="{URI}"><key:m/></key:n>', etree.tostring(new).decode())
        self.assertEqual(f"{{{URI}}}b", old[0].tag)

    def test_removing(self) -> None:
        old = _metadata(f"<a:b xmlns:a='{URI}'/>")
        new = metadata.replaced(old, None, None, URI)
        assert new is not None
        self.assertEqual(0, len(new))
        self.assertIsNone(metadata.replaced(None, None, None, URI))

    def test_bad_prefixes(self) -> None:
        for key, xml in (
            ("a:b", "<x/>"),
            ("1", "<x/>"),
            ("", "<x/>"),
            ("p", "<x xmlns:p='urn:q'/>"),
        ):
            with self.subTest(key), self.assertRaises(libvirtError) as caught:
                metadata.replaced(None, xml, key, URI)
            self.assertEqual(Code.INTERNAL_ERROR, caught.exception.get_error_code())

    def test_one_element_for_each_namespace(self) -> None:
        node = _metadata(
            f"<plain/><a:b xmlns:a='{URI}'/><c:d xmlns:c='{URI}'/><o:o xmlns:o='urn:o'/>"
        )
        metadata.tidy(node)
        self.assertEqual([f"{{{URI}}}b", "{urn:o}o"], [child.tag for child in node])
