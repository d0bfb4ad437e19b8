# SPDX-License-Identifier: Apache-2.0
"""Definitions on disk: written whole, and only when they changed."""

import os
import shutil
import tempfile
from pathlib import Path

from nova_pyvirt.core.statusfile import write_config
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase

XML = """<domain type='qemu'><name>a--b</name><memory>1</memory>
<os><type arch='x86_64'>hvm</type></os></domain>"""


class ConfigFileTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.mkdtemp(prefix="conf")
        self.addCleanup(shutil.rmtree, directory)
        self.path = Path(directory, "a.xml")
        self.domain = Domain.load(XML)
        write_config(str(self.path), self.domain)
        self.inode = self.path.stat().st_ino

    def _written(self) -> bool:
        write_config(str(self.path), self.domain)
        before, self.inode = self.inode, self.path.stat().st_ino
        return self.inode != before

    def test_a_comment_that_is_legal(self) -> None:
        self.assertIn("virsh edit a- -b", self.path.read_text())
        self.assertEqual("a--b", Domain.load(self.path.read_text()).name)

    def test_the_same_again_is_not_written(self) -> None:
        self.assertFalse(self._written())

    def test_every_other_is(self) -> None:
        self.domain.title = "t"
        self.assertTrue(self._written())
        self.path.write_text(self.path.read_text()[:-1])
        self.assertTrue(self._written())
        self.path.write_text(self.path.read_text().replace("a--b", "a--c"))
        self.assertTrue(self._written())
        self.path.chmod(0o644)
        self.assertTrue(self._written())
        self.assertEqual(0o600, self.path.stat().st_mode & 0o777)

    def test_a_link_is_replaced_not_followed(self) -> None:
        other = self.path.with_name("other")
        os.rename(self.path, other)
        self.path.symlink_to(other)
        self.assertTrue(self._written())
        self.assertFalse(self.path.is_symlink())
