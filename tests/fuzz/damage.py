# SPDX-License-Identifier: Apache-2.0
"""Ways to damage a document: its tree, then its text."""

import copy
import random
from collections.abc import Callable
from typing import Final

from lxml import etree

NASTY: Final = (
    "", " ", "-1", "0", "1", "-0", "00", "0x", "0x10", "010", "1e3", "1.5", "+1", "nan", "4294967295",
    "4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551615",
    "18446744073709551616", "-9223372036854775809", "9" * 40, "0" * 5000, "9" * 5000, "a" * 70000,
    "yes", "no", "on", "off", "none", "default", "auto", "..", ".", "/", "a/b", "../../etc/passwd",
    ",", "a,b", "a=b", "%s%n", "${x}", "'", '"', "<&>", "\u00e9", "\u202e", "\U0001f600", "\n",
    "a\nb", "\t", "1-", "-", "^", "1-99999999", "0-16383", "16384", "5-1", "1,,2", "^1",
    "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "52:54:00:zz:00:01", "0.0.0.0", "::", "::1/129",
    "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "c7a5fdbd",
    "pci", "usb", "drive", "virtio", "scsi", "hvm", "exe", "x86_64", "aarch64", "q35", "isapc",
    "KiB", "b", "EiB", "ZiB", "2.0.0.0.0", "1.2.3.4.5", "none ", "\u0660", "\u00b2",
)  # fmt: skip

Damage = Callable[[etree._Element, random.Random], None]


#: elements of a document that is large enough
_MANY = 1000


def _nodes(root: etree._Element) -> list[etree._Element]:
    return [node for node in root.iter() if isinstance(node.tag, str)]


def _value(root: etree._Element, rng: random.Random) -> None:
    node = rng.choice(_nodes(root))
    names = list(node.attrib)
    if names and rng.random() < 0.8:
        node.set(rng.choice(names), rng.choice(NASTY))
    else:
        node.text = rng.choice(NASTY)


def _drop_attribute(root: etree._Element, rng: random.Random) -> None:
    node = rng.choice(_nodes(root))
    if node.attrib:
        del node.attrib[rng.choice(list(node.attrib))]


def _drop(root: etree._Element, rng: random.Random) -> None:
    node = rng.choice(_nodes(root))
    parent = node.getparent()
    if parent is not None:
        parent.remove(node)


def _twice(root: etree._Element, rng: random.Random) -> None:
    nodes = _nodes(root)
    node = rng.choice(nodes)
    parent = node.getparent()
    if parent is not None:
        # copies of copies would grow without end
        for _ in range(rng.choice((1, 1, 2, 40)) if len(nodes) < _MANY else 1):
            parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(node))


def _move(root: etree._Element, rng: random.Random) -> None:
    nodes = _nodes(root)
    node, target = rng.choice(nodes), rng.choice(nodes)
    if node is not root and node not in (target, *target.iterancestors()):
        target.append(node)


def _swap_tags(root: etree._Element, rng: random.Random) -> None:
    nodes = _nodes(root)
    one, other = rng.choice(nodes), rng.choice(nodes)
    one.tag, other.tag = other.tag, one.tag


def _foreign(root: etree._Element, rng: random.Random) -> None:
    node = rng.choice(_nodes(root))
    etree.SubElement(node, rng.choice(("foo", "{urn:x}foo", "address", "driver", "source")))
    node.set(rng.choice(("foo", "{urn:x}foo", "type", "index")), rng.choice(NASTY[:40]))


def _deep(root: etree._Element, rng: random.Random) -> None:
    node = rng.choice(_nodes(root))
    tag = node.tag if rng.random() < 0.5 else "backingStore"
    for _ in range(rng.choice((3, 30, 120, 300))):
        node = etree.SubElement(node, tag, dict(node.attrib))


_TREE: Final[tuple[Damage, ...]] = (
    _value, _value, _value, _value, _drop_attribute, _drop, _twice, _move, _swap_tags, _foreign,
    _deep,
)  # fmt: skip
_INSERTED: Final = ("<", ">", "&", "]]>", "<!--", "<?x?>", "&x;", "&#0;", "&#x10ffff;", "\0", "\x01",
                    "<![CDATA[", "'", '"', "\u00e9", "</domain>", "<domain>")  # fmt: skip
_HEADS: Final = (
    '<?xml version="1.0"?>', '<?xml version="1.0" encoding="latin1"?>',
    '<?xml version="1.0" encoding="utf-16"?>', '<!DOCTYPE domain SYSTEM "file:///etc/passwd">',
    '<!DOCTYPE domain [<!ENTITY x "y">]>', '<!DOCTYPE domain [<!ENTITY x SYSTEM "/etc/passwd">]>',
    '<!DOCTYPE domain [<!ENTITY x "&x;">]>', "\ufeff", "\n\n", "garbage",
    '<!DOCTYPE domain [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY x "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>',
)  # fmt: skip


def damaged(root: etree._Element, rng: random.Random) -> str | bytes:
    """The document as text after up to a dozen damages."""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 5, 12))):
        try:
            rng.choice(_TREE)(root, rng)
        except ValueError:  # lxml itself won't hold such a text or tag
            continue
    text = etree.tostring(root, encoding="unicode")
    if rng.random() < 0.8:
        return text
    return _damaged_text(text, rng)


def _damaged_text(text: str, rng: random.Random) -> str | bytes:
    at = rng.randrange(len(text) + 1)
    way = rng.randrange(6)
    if way == 0:
        return text[:at]
    if way == 1:
        return text[:at] + rng.choice(_INSERTED) + text[at:]
    if way == 2:
        return rng.choice(_HEADS) + text.replace(">guest<", ">&x;<", rng.randrange(2))
    if way == 3:
        return text[:at] + text[at + rng.randrange(1, 30) :]
    if way == 4:
        data = bytearray(text.encode())
        data[rng.randrange(len(data))] = rng.randrange(256)
        return bytes(data)
    return text * rng.randrange(2, 4)
