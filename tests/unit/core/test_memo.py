# SPDX-License-Identifier: Apache-2.0
"""Kept texts: given again while nothing changed, made anew after any change at any depth."""

from collections.abc import Callable

from lxml import etree

from nova_pyvirt.core.memo import Memo
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase

XML = """<domain type='qemu'><name>m</name><uuid>11111111-aaaa-4bbb-8ccc-000000000001</uuid>
<memory>1024</memory><vcpu>1</vcpu><os><type arch='x86_64'>hvm</type><boot dev='hd'/></os>
<metadata><a xmlns='urn:a'><b c='1'>text</b></a></metadata>
<devices><disk type='file' device='disk'><driver name='qemu'/>
<source file='/a'/><target dev='vda' bus='virtio'/></disk>
<disk type='file' device='disk'><driver name='qemu'/>
<source file='/b'/><target dev='vdb' bus='virtio'/></disk></devices>
</domain>"""


class MemoTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.domain = Domain.parse(etree.fromstring(XML))
        self.made = 0
        self.memo = Memo(2)

    def text(self, form: str = "") -> str:
        def make() -> str:
            self.made += 1
            return self.domain.format(secure=form == "secure")

        return self.memo.text(self.domain, form, make)

    def test_made_once_for_each_form(self) -> None:
        first = self.text()
        self.assertEqual(first, self.text())
        self.text("secure")
        self.text("secure")
        self.assertEqual(2, self.made)

    def test_every_change_shows(self) -> None:
        domain = self.domain
        disks = domain.devices.disks
        other = disks[0].copy()
        changes: list[Callable[[], object]] = [
            lambda: setattr(domain, "memory", 2048),
            lambda: setattr(domain, "title", "t"),
            lambda: setattr(disks[1].source, "file", "/c"),
            lambda: setattr(disks[0], "source", disks[0].source.copy()),
            lambda: setattr(disks[0].source, "file", "/d"),
            lambda: disks.__setitem__(0, other),
            lambda: setattr(other.source, "file", "/e"),
            lambda: disks.reverse(),
            lambda: disks.pop(),
            lambda: setattr(domain.metadata[0][0], "text", "new"),
            lambda: domain.metadata[0].set("k", "v"),
            lambda: delattr(domain, "title"),
        ]
        for number, change in enumerate(changes):
            self.text()
            change()
            self.assertEqual(domain.format(), self.text(), f"change {number}")

    def test_only_the_last_are_kept(self) -> None:
        self.text()
        for _ in range(2):
            other = self.domain.copy()
            self.memo.text(other, "", other.format)
        self.text()
        self.assertEqual(2, self.made)
