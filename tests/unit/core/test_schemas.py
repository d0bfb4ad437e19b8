# SPDX-License-Identifier: Apache-2.0
"""Validation against schemas: libvirt's error, and what happens where there are none."""

import os
import shutil
import tempfile
from pathlib import Path

from lxml import etree

from nova_pyvirt.core.schemas import Schemas
from nova_pyvirt.errors import Code, From, libvirtError
from tests.base import TestCase

RNG = """<element name="domain" xmlns="http://relaxng.org/ns/structure/1.0">
<element name="{}"><text/></element></element>"""


class SchemasTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = tempfile.mkdtemp(prefix="rng")
        self.addCleanup(shutil.rmtree, self.directory)
        self.path = Path(self.directory, "domain.rng")
        self.path.write_text(RNG.format("name"))
        self.schemas = Schemas(self.directory)

    def _refused(self, name: str, xml: str) -> libvirtError:
        with self.assertRaises(libvirtError) as caught:
            self.schemas.check(name, etree.fromstring(xml))
        return caught.exception

    def test_valid(self) -> None:
        self.schemas.check("domain.rng", etree.fromstring("<domain><name>n</name></domain>"))

    def test_invalid(self) -> None:
        found = self._refused("domain.rng", "<domain><name>n</name><foo/></domain>")
        self.assertEqual(
            (Code.XML_INVALID_SCHEMA, From.XML), (found.get_error_code(), found.get_error_domain())
        )
        self.assertEqual(
            "XML document failed to validate against schema: Unable to validate doc against"
            f" {self.path}\nDid not expect element foo there\n",
            found.get_error_message(),
        )

    def test_absent(self) -> None:
        found = self._refused("network.rng", "<network/>")
        self.assertEqual(Code.CONFIG_UNSUPPORTED, found.get_error_code())
        self.assertIn(f"{self.directory}/network.rng is not installed", str(found))

    def test_broken(self) -> None:
        self.path.write_text("<grammar")
        found = self._refused("domain.rng", "<domain/>")
        self.assertEqual(Code.INTERNAL_ERROR, found.get_error_code())

    def test_an_upgrade_is_seen(self) -> None:
        self.schemas.check("domain.rng", etree.fromstring("<domain><name>n</name></domain>"))
        self.path.write_text(RNG.format("title"))
        os.utime(self.path, ns=(1, 1))
        self.schemas.check("domain.rng", etree.fromstring("<domain><title>n</title></domain>"))
