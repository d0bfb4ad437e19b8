# SPDX-License-Identifier: Apache-2.0
"""Whatever the model declares is read, written and read again by a test: here, from documents in
tests/fixtures/domains, or one by one in devices/test_every_field.py. A new field without a document
fails."""

from collections.abc import Iterator

from lxml import etree

from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.xmlbind import Context, Element
from tests.base import TestCase
from tests.fixtures import domains
from tests.unit.model.devices import test_every_field as single

#: classes that only help to write another
VIEWS = {"PCIAddress", "HostPCIAddress"}
#: what no document of a caller can say: where a block job writes to, what a status file has
UNASKED = {"Mirror", "PrivateData"}
Name = tuple[str, str]


def said(element: Element) -> Iterator[Name]:
    """(class, path) of every field that has a value, here or below."""
    for item in element._fields.values():
        value = element.__dict__.get(item.name)
        if value is None or value == [] or (item.is_flag and not value):
            continue
        yield type(element).__name__, item.path
        for kid in value if isinstance(value, list) else (value,):
            if isinstance(kid, Element):
                yield from said(kid)


def declared() -> set[Name]:
    """All that there is."""
    own = [c for c in Element.registry if c.__module__.startswith("nova_pyvirt.model.")]
    skipped = VIEWS | UNASKED
    return {
        (c.__name__, item.path)
        for c in own
        if c.TAG and c.__name__ not in skipped
        for item in c._fields.values()
        if item.element is None or item.element.__name__ not in skipped
    }


def tried_alone() -> set[Name]:
    """What the other test tries."""
    return {
        (c.__name__, item.path)
        for c in single.classes()
        for item in (*single.fields(c), *single.elements(c))
    }


class CoverageTest(TestCase):
    def test_every_declaration_is_exercised(self) -> None:
        found: set[Name] = set()
        for text in domains.texts().values():
            found |= set(said(Domain.load(text)))
        self.assertEqual(set(), declared() - found - tried_alone())

    def test_nothing_is_lost_in_writing(self) -> None:
        live = Context(secure=True)
        for name, text in domains.texts().items():
            with self.subTest(name):
                domain = Domain.load(text)
                written = domain.to_xml(live)
                again = Domain.load(written)
                self.assertEqual(written, again.to_xml(live))
                self.assertEqual(set(said(domain)), set(said(again)) | self._status_only(domain))

    @staticmethod
    def _status_only(domain: Domain) -> set[Name]:
        clock = domain.clock
        return {("Clock", "@adjustment0")} if clock is not None and clock.adjustment0 else set()

    def test_documents_keep_their_form(self) -> None:
        """What we write of a document in libvirt's own form is that document."""
        for name, text in domains.texts().items():
            with self.subTest(name):
                written = Domain.load(text).format(secure=True, status=True)
                self.assertEqual(_plain(text), _plain(written))


def _plain(text: str) -> str:
    return etree.tostring(etree.fromstring(text), method="c14n").decode()
