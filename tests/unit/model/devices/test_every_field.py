# SPDX-License-Identifier: Apache-2.0
"""Every attribute and element that a device's class declares is read and written."""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from nova_pyvirt.model.devices import devices  # noqa: F401 - registers the classes
from nova_pyvirt.model.devices.common import HostPCIAddress, PCIAddress
from nova_pyvirt.model.kinds import Bool, CPUSet, Enum, Hex, Int, Kind, Memory, UInt
from nova_pyvirt.model.xmlbind import Context, Element, Field
from tests.base import TestCase

#: what must be there for the rest to be kept
REQUIRED = {
    "controller": {"@type": "pci"}, "graphics": {"@type": "egl-headless"},
    "input": {"@type": "mouse"}, "memory": {"@model": "dimm"}, "rng": {"@model": "virtio"},
    "memballoon": {"@model": "none"}, "hostdev": {"@type": "mdev", "source": ""},
    "redirdev": {"@type": "spicevmc"}, "tpm": {"backend/@type": "external"},
    "disk": {"@device": "disk"}, "interface": {"@type": "bridge", "model/@type": "virtio"},
    "channel": {"@type": "pty", "target/@type": "virtio"}, "auth": {"@username": "u"},
    "host": {"@name": "h"}, "seclabel": {}, "backend": {"@model": "random"},
    "smartcard": {"@mode": "host"},
}  # fmt: skip
#: fields whose value decides about others, or that only one kind of an element has
SPECIAL = {
    ("host", "@transport"), ("host", "@socket"), ("graphics", "@type"), ("graphics", "@listen"),
    ("backend", "protocol/@type"), ("smartcard", "protocol/@type"), ("interface", "link/@state"),
    ("serial", "protocol/@type"), ("parallel", "protocol/@type"), ("console", "protocol/@type"),
    ("channel", "protocol/@type"), ("redirdev", "protocol/@type"), ("interface", "driver/@name"),
    ("interface", "driver/@queues"), ("interface", "model/@type"), ("address", "@type"),
    ("controller", "pcihole64/@unit"), ("channel", "@type"), ("smartcard", "@mode"),
    ("disk", "driver/@error_policy"), ("disk", "driver/@rerror_policy"), ("hostdev", "@type"),
    ("tpm", "backend/@type"), ("backend", "@model"), ("usbdev", "@version"),
}  # fmt: skip
EVERYTHING = Context(secure=True)


def classes() -> list[type[Element]]:
    own = [c for c in Element.registry if c.__module__.startswith("nova_pyvirt.model.devices.")]
    return [c for c in own if c.TAG and c not in (PCIAddress, HostPCIAddress)]


def samples(kind: Kind | None) -> list[tuple[str, Any]]:
    """Texts and what they mean."""
    if isinstance(kind, Enum):
        return [(word, word) for word in sorted(kind.words)]
    if isinstance(kind, Bool):
        return [(kind.true, True), (kind.false, False)]
    if isinstance(kind, Hex):
        return [(kind.format(1), 1)]
    if isinstance(kind, CPUSet):
        return [("1-3", "1-3")]
    if isinstance(kind, Memory):
        return [("2048", 2048)]
    if isinstance(kind, UInt):
        return [("2", 2)]
    if isinstance(kind, Int):
        return [("5901", "5901")]
    name = type(kind).__name__
    if name == "Octal":
        return [("0644", 0o644)]
    if name in ("Bytes", "MiB"):
        return [("2097152", 2097152)]
    return [("text", "text")]


def build(cls: type[Element], values: dict[str, str]) -> etree._Element:
    """An element with some paths set."""
    root = etree.Element(cls.TAG)
    for path, text in values.items():
        node = root
        *steps, last = re.findall(r"[^/]+", path)
        for step in steps:
            found = node.find(step)
            node = etree.SubElement(node, step) if found is None else found
        if last.startswith("@"):
            node.set(last[1:], text)
        elif last == ".":
            node.text = text
        else:
            etree.SubElement(node, last).text = text or None
    return root


def fields(cls: type[Element]) -> Iterator[Field]:
    for item in cls._fields.values():
        if item.element is None and (cls.TAG, item.path) not in SPECIAL:
            yield item


class EveryField(TestCase):
    def check(self, cls: type[Element], item: Field, text: str, value: Any) -> None:
        parsed = cls.parse(build(cls, {**REQUIRED.get(cls.TAG, {}), item.path: text}))
        self.assertEqual(value, getattr(parsed, item.name))
        written = parsed.to_xml(EVERYTHING)
        again = cls.parse(etree.fromstring(written))
        self.assertEqual(value, getattr(again, item.name), written)

    def test_read_and_written(self) -> None:
        for cls in classes():
            for item in fields(cls):
                wanted = [("", True)] if item.is_flag else samples(item.kind)
                for text, value in wanted:
                    with self.subTest(cls=cls.__name__, path=item.path, text=text):
                        self.check(cls, item, text, value)

    def test_special_ones_exist(self) -> None:
        known = {(cls.TAG, item.path) for cls in classes() for item in cls._fields.values()}
        self.assertEqual(set(), SPECIAL - known)

    def test_bad_words_are_refused(self) -> None:
        for cls in classes():
            for item in fields(cls):
                if isinstance(item.kind, Enum | Bool):
                    with self.subTest(cls=cls.__name__, path=item.path):
                        node = build(cls, {**REQUIRED.get(cls.TAG, {}), item.path: "no such word"})
                        with self.assertRaisesRegex(Exception, "Invalid value"):
                            cls.parse(node)
