# SPDX-License-Identifier: Apache-2.0
"""Documents from anybody: what libvirt says of broken ones, and bombs."""

from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.model import document
from nova_pyvirt.util.native import time
from tests.base import TestCase


def _refusal(xml: str | bytes) -> libvirtError:
    try:
        document.load(xml, "domain")
    except libvirtError as exc:
        return exc
    raise AssertionError("accepted")


class SyntaxTest(TestCase):
    def test_the_place_is_shown(self) -> None:
        found = _refusal("<domain>")
        self.assertEqual(Code.XML_DETAIL, found.get_error_code())
        self.assertEqual(
            "(domain_definition):1: Premature end of data in tag domain line 1\n<domain>\n--------^",
            found.get_error_message(),
        )

    def test_tabs_are_kept_in_the_pointer_and_letters_count_as_bytes(self) -> None:
        message = _refusal("<domain>\n\té<a></b></domain>").get_error_message() or ""
        self.assertEqual(["\té<a></b></domain>", "\t---------^"], message.split("\n")[1:])

    def test_nothing_at_all(self) -> None:
        self.assertEqual(
            "(domain_definition):1: Document is empty\n(null)\n^", _refusal("").get_error_message()
        )

    def test_another_root(self) -> None:
        found = _refusal("<a:network/>")
        self.assertEqual(
            (Code.XML_ERROR, From.XML), (found.get_error_code(), found.get_error_domain())
        )
        self.assertIn("expecting root element of 'domain', not 'a:network'", str(found))

    def test_broken_text(self) -> None:
        for xml in ("<domain>\0</domain>", "<domain>\ud800</domain>", b"<domain>\xff</domain>"):
            with self.subTest(xml):
                self.assertIn(_refusal(xml).get_error_code(), (Code.XML_DETAIL, Code.XML_ERROR))


class WidthTest(TestCase):
    def test_very_many_attributes(self) -> None:
        wide = " ".join(f"a{number}='1'" for number in range(50000))
        for xml in (f"<domain {wide}/>", f"<domain b='>' {wide}/>"):
            begun = time.process_time()
            self.assertIn("more than 1000 attributes", str(_refusal(xml)))
            self.assertLess(time.process_time() - begun, 0.1)


class EntityTest(TestCase):
    def _title(self, dtd: str) -> str | None:
        root = document.load(f"<!DOCTYPE domain [{dtd}]><domain><t>a&x;b</t></domain>", "domain")
        return root[0].text

    def test_internal_ones_are_expanded(self) -> None:
        self.assertEqual("ahib", self._title("<!ENTITY y 'i'><!ENTITY x 'h&y;'>"))

    def test_files_are_never_read(self) -> None:
        self.assertEqual("ab", self._title("<!ENTITY x SYSTEM 'file:///etc/passwd'>"))
        self.assertEqual("ab", self._title("<!ENTITY x PUBLIC 'p' 'http://127.0.0.1/x'>"))

    def test_parameters_from_elsewhere_are_ignored(self) -> None:
        dtd = "<!ENTITY % p SYSTEM 'file:///etc/hostname'>%p;<!ENTITY x 'i'>"
        self.assertIn(self._title(dtd), ("ab", "aib"))

    def test_both_kinds_in_one_document(self) -> None:
        xml = (
            "<!DOCTYPE domain [<!ENTITY x SYSTEM 'f'><!ENTITY y 'h&z;'><!ENTITY z 'i'>]>"
            "<domain><t>&x;a&y;<u/>b&x;&y;c</t></domain>"
        )
        node = document.load(xml, "domain")[0]
        self.assertEqual(("ahi", "bhic"), (node.text, node[0].tail))


class BombTest(TestCase):
    """Each is refused at once."""

    def _refused(self, xml: str) -> None:
        start = time.monotonic()
        code = _refusal(xml).get_error_code()
        self.assertLess(time.monotonic() - start, 0.05)
        self.assertIn(code, (Code.XML_DETAIL, Code.XML_ERROR))

    def test_laughs(self) -> None:
        rows = "".join(f"<!ENTITY e{n + 1} '{f'&e{n};' * 10}'>" for n in range(9))
        head = f"<!DOCTYPE domain [<!ENTITY e0 'ha'>{rows}"
        self._refused(f"{head}]><domain><t>&e9;</t></domain>")
        self._refused(f"{head}<!ENTITY x SYSTEM 'f'>]><domain><t>&x;&e9;</t></domain>")

    def test_loops(self) -> None:
        loop = "<!DOCTYPE domain [<!ENTITY x SYSTEM 'f'><!ENTITY a '&b;'><!ENTITY b '&a;'>]>"
        self._refused(f"{loop}<domain><t>&a;</t></domain>")
        self._refused(f"{loop}<domain><t>&x;&a;</t></domain>")

    def test_quadratic(self) -> None:
        head = f"<!DOCTYPE domain [<!ENTITY a '{'x' * 50_000}'>]>"
        self._refused(f"{head}<domain><t>{'&a;' * 5000}</t></domain>")

    def test_depth(self) -> None:
        for depth in (129, 300, 5000, 100_000):
            self._refused(f"<domain>{'<a>' * depth}{'</a>' * depth}</domain>")

    def test_size(self) -> None:
        self._refused(f"<domain><t>{'x' * (5 << 20)}</t></domain>")

    def test_depth_that_is_allowed(self) -> None:
        depth = document.MAX_DEPTH - 1
        document.load(f"<domain>{'<a>' * depth}{'</a>' * depth}</domain>", "domain")
