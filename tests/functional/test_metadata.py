# SPDX-License-Identifier: Apache-2.0
"""Metadata of a domain through the driver's table: definitions, files and events."""

import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any

from nova_pyvirt.core import registry
from nova_pyvirt.core.states import EventID
from nova_pyvirt.errors import Code, libvirtError
from tests.base import TestCase

XML = """<domain type='qemu'><name>m</name><memory>32768</memory><vcpu>1</vcpu>
<os><type arch='x86_64'>hvm</type></os></domain>"""
URI = "http://example.org/x"
DESCRIPTION, TITLE, ELEMENT = 0, 1, 2
LIVE, CONFIG = 1, 2


@unittest.skipUnless(shutil.which("qemu-system-x86_64"), "needs QEMU")
class MetadataTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = tempfile.mkdtemp(prefix="md")
        self.addCleanup(shutil.rmtree, self.root)
        self.table = self._open()
        self.dom = self.table.domain_define_xml(XML)
        self.seen: list[tuple[int, str | None]] = []
        self.table.connect_domain_event_register_any(
            None, EventID.METADATA_CHANGE, lambda ref, kind, uri: self.seen.append((kind, uri))
        )

    def _open(self) -> Any:
        table = registry.open_connection(f"qemu:///embed?root={self.root}", 0, None)
        self.addCleanup(table.close)
        return table

    def _set(self, kind: int, text: str | None, uri: str | None = None, flags: int = 0) -> None:
        self.table.domain_set_metadata(self.dom, kind, text, "k" if uri else None, uri, flags)

    def _get(self, kind: int, uri: str | None = None, flags: int = 0) -> str:
        return str(self.table.domain_get_metadata(self.dom, kind, uri, flags))

    def _code(self, *args: Any) -> int:
        with self.assertRaises(libvirtError) as caught:
            self._get(*args)
        return int(caught.exception.get_error_code())

    def test_every_kind_lasts(self) -> None:
        for kind, text, uri in (
            (TITLE, "t", None),
            (DESCRIPTION, "d\n<e>", None),
            (ELEMENT, "<a/>", URI),
        ):
            self.assertEqual(Code.NO_DOMAIN_METADATA, self._code(kind, uri))
            self._set(kind, text, uri)
            self.assertEqual(text, self._get(kind, uri))
        self.assertEqual([(TITLE, None), (DESCRIPTION, None), (ELEMENT, URI)], self.seen)
        self.table.close()
        self.table = self._open()
        self.assertEqual(["d\n<e>", "t"], [self._get(kind) for kind in (DESCRIPTION, TITLE)])
        self.assertEqual("<a/>", self._get(ELEMENT, URI))

    def test_removing(self) -> None:
        self._set(TITLE, "t")
        self._set(ELEMENT, "<a/>", URI)
        before = self.table.domain_get_xml_desc(self.dom, 0)
        self.assertIn("<k:a ", before)
        self._set(TITLE, None)
        self._set(ELEMENT, None, URI)
        self.assertEqual(Code.NO_DOMAIN_METADATA, self._code(TITLE))
        self.assertNotIn("k:a", self.table.domain_get_xml_desc(self.dom, 0))

    def test_refusals_change_nothing(self) -> None:
        for args in (
            (9, "x"),
            (TITLE, "x", None, LIVE),
            (TITLE, "x", None, 64),
            (ELEMENT, "<a", URI),
        ):
            with self.assertRaises(libvirtError):
                self._set(*args)
        self.assertEqual(Code.INVALID_ARG, self._code(9))
        self.assertEqual(Code.INVALID_ARG, self._code(TITLE, None, LIVE | CONFIG))
        self.assertEqual(Code.OPERATION_INVALID, self._code(TITLE, None, LIVE))
        self.assertEqual([], self.seen)

    def test_a_file_that_cannot_be_written(self) -> None:
        self._set(TITLE, "old")
        path = next(Path(self.root).rglob("m.xml"))
        shutil.move(path.parent, f"{path.parent}.gone")
        with self.assertRaises(libvirtError) as caught:
            self._set(TITLE, "new")
        self.assertEqual(Code.SYSTEM_ERROR, caught.exception.get_error_code())
        self.assertEqual("old", self._get(TITLE))
        shutil.move(f"{path.parent}.gone", path.parent)
