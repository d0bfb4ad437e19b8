# SPDX-License-Identifier: Apache-2.0
"""Documents from the model's own declarations: every element and attribute turns up sooner or
later, also those that nobody wrote a test for."""

import random
import re
from typing import Any

from lxml import etree

from nova_pyvirt.model import kinds
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.xmlbind import Element, Field

#: one step of a path; a namespace may hold slashes
STEP = re.compile(r"(?:\{[^}]*\})?[^/{]+")
#: how much of a class one document uses, and how far down
_SHARE = 0.3
DEPTH = 6
_TEXTS = ("a", "vda", "sda", "eth0", "/tmp/x", "virtio", "52:54:00:00:00:01", "10.0.0.1", "1",
          "c7a5fdbd-edaf-9455-926a-d65c16db1809", "passphrase", "unix", "http")  # fmt: skip


def base(rng: random.Random) -> etree._Element:
    """A domain that would be accepted, and what the model knows beside it."""
    machine = rng.choice(("pc", "pc", "q35", "q35", "isapc", "virt"))
    root = etree.Element("domain", type=rng.choice(("kvm", "kvm", "qemu")))
    for tag, text in (("name", "guest"), ("memory", "1048576"), ("vcpu", "2")):
        etree.SubElement(root, tag).text = text
    os_type = etree.SubElement(etree.SubElement(root, "os"), "type", machine=machine)
    os_type.text = "hvm"
    etree.SubElement(root, "devices")
    fill(root, Domain, rng, 0)
    return root


def fill(node: etree._Element, cls: type[Element], rng: random.Random, depth: int) -> None:
    """Some of what a class declares; elements below DEPTH stay empty."""
    share = _SHARE if depth else 0.15
    for item in cls._fields.values():
        if not (item.required or rng.random() < share):
            continue
        if item.element is None:
            _set(node, item, rng)
        else:
            for _ in range(rng.choice((1, 1, 2)) if item.many else 1):
                kid = _place(node, item.path, fresh=item.many)
                if depth < DEPTH:
                    fill(kid, item.element, rng, depth + 1)


def _place(node: etree._Element, path: str, *, fresh: bool) -> etree._Element:
    steps = [step for step in STEP.findall(path) if not step.startswith("@") and step != "."]
    for number, step in enumerate(steps):
        found = None if fresh and number == len(steps) - 1 else node.find(step)
        node = etree.SubElement(node, step) if found is None else found
    return node


def _set(node: etree._Element, item: Field, rng: random.Random) -> None:
    target = _place(node, item.path, fresh=False)
    name = item.path.rpartition("/")[2]
    text = sample(item.kind, rng)
    if name.startswith("@"):
        if target.get(name[1:]) is None:
            target.set(name[1:], text)
    elif not item.is_flag and not item.is_raw and not target.text:
        target.text = text


def sample(kind: Any, rng: random.Random) -> str:
    """A text that the kind accepts."""
    if isinstance(kind, kinds.Value | kinds.Loose):
        return sample(kind.kind, rng)
    if isinstance(kind, kinds.Enum | kinds.Word):
        return str(rng.choice(sorted(kind.words)))
    if isinstance(kind, kinds.Bool):
        return rng.choice((kind.true, kind.false))
    if isinstance(kind, kinds.UInt | kinds.Int | kinds.Memory):
        return rng.choice(("0", "1", "2", "3", "8", "64", "1024", "4096", "65536"))
    if isinstance(kind, kinds.CPUSet):
        return rng.choice(("0", "0-1", "1,^1,0", "0-3"))
    return rng.choice(_TEXTS)
