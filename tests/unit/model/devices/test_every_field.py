# SPDX-License-Identifier: Apache-2.0
"""Every attribute and element that a device's class declares is read and written."""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from nova_pyvirt.model.devices import devices  # noqa: F401 - registers the classes
from nova_pyvirt.model.devices.common import HostPCIAddress, PCIAddress
from nova_pyvirt.model.devices.graphics import Port
from nova_pyvirt.model.devices.storage import PROTOCOLS, DiskSource
from nova_pyvirt.model.kinds import Bool, CPUSet, Enum, Hex, Int, Kind, Memory, UInt, Value, Word
from nova_pyvirt.model.xmlbind import Context, Element, Field
from tests.base import TestCase

#: what must be there for the rest to be kept, besides what the class itself says
REQUIRED = {
    "controller": {"@type": "pci", "@model": "pci-root"}, "graphics": {"@type": "egl-headless"},
    "input": {"@type": "mouse"}, "memory": {"@model": "nvdimm", "target/size": "4096"},
    "rng": {"backend": "", "backend/@model": "builtin"}, "hostdev": {"@type": "usb", "source": ""},
    "redirdev": {"@type": "spicevmc"}, "tpm": {"backend/@type": "passthrough"},
    "disk": {"@device": "disk"}, "interface": {"@type": "ethernet", "model/@type": "virtio"},
    "channel": {"@type": "pty", "target/@type": "virtio"},
    "auth": {"@username": "u", "secret/@usage": "s"}, "host": {"@name": "h"},
    "filesystem": {"source/@socket": "s"}, "smartcard": {"@mode": "passthrough", "@type": "null"},
    "secret": {"@usage": "s"},
    "encryption": {"@format": "luks"}, "backend": {"@model": "egd", "@type": "unix"}, "cookie": {".": "v"},
    "lease": {"key": "k", "lockspace": "l", "target/@path": "p"}, "vlan": {"tag/@id": "1"},
    "backingStore": {"@type": "file", "format/@type": "raw", "source": ""},
    "reservations": {"@managed": "yes"}, "ip": {"@address": "10.0.0.1"},
    "reconnect": {"@enabled": "yes", "@timeout": "1"}, "panic": {}, "address": {"@type": "isa"},
    "memballoon": {"@model": "virtio"},
}  # fmt: skip
MDEV = {"@type": "mdev", "@model": "vfio-pci", "source/address/@uuid": "0" * 32}
#: the same for the sources of disks of some types, or by some protocols
SOURCES: dict[str, dict[str, str]] = {
    protocol: {"@protocol": protocol, "@name": "p/n"} for protocol in PROTOCOLS.words
} | {
    "nvme": {"@type": "pci", "@namespace": "1", "address/@slot": "1"},
    "vhostuser": {"@type": "unix", "@path": "/s"},
    "volume": {"@pool": "p", "@volume": "v"},
    "network": {"@protocol": "nbd"},
}
#: the same for elements of a kind that no attribute of their own says
KINDS: dict[str, dict[str, dict[str, str]]] = {
    "address": {"dimm": {"@type": "dimm", "@slot": "0"}},
    "channel": {
        "guestfwd": {
            "@type": "pty",
            "target/@type": "guestfwd",
            "target/@address": "10.0.0.1",
            "target/@port": "1",
        },
        "virtio": {"@type": "pty", "target/@type": "virtio"},
        "xen": {"@type": "pty", "target/@type": "xen"},
    },
    "controller": {
        "usb": {"@type": "usb", "@model": "qemu-xhci"},
        "virtio-serial": {"@type": "virtio-serial", "@model": "virtio"},
    },
    "hostdev": {"mdev": MDEV},
    "interface": {"virtio": {"@type": "ethernet", "model/@type": "virtio"}},
    "tpm": {
        "passthrough": {"backend/@type": "passthrough"},
        "emulator": {"backend/@type": "emulator"},
        "external": {"backend/@type": "external", "backend/source/@type": "unix"},
    },
}
#: the same for one field
WITH = {
    ("memory", "source/nodemask"): {"@model": "dimm"}, ("reservations", "@managed"): {
        "source/@type": "unix", "source/@path": "p", "source/@mode": "client"},
    ("rng", "rate/@period"): {"rate/@bytes": "1"}, ("disk", "wwn"): {},
    ("memory", "source/pagesize"): {"@model": "dimm"},
    ("memory", "target/block"): {"@model": "virtio-mem"},
    ("memory", "target/requested"): {"@model": "virtio-mem"},
    ("memory", "target/current"): {"@model": "virtio-mem"},
    ("hostdev", "@sgio"): {"@type": "scsi", "source/@protocol": "iscsi", "source/@name": "n",
                           "source/host/@name": "h"},
    ("hostdev", "@rawio"): {"@type": "scsi", "source/@protocol": "iscsi", "source/@name": "n",
                            "source/host/@name": "h"},
    ("address", "@domain"): {"@type": "pci"}, ("address", "@slot"): {"@type": "pci"},
    ("address", "@function"): {"@type": "pci"}, ("address", "@multifunction"): {"@type": "pci"},
    ("seclabel", "label"): {"@type": "static", "label": "l"},
    ("seclabel", "@labelskip"): {"@labelskip": "yes"},
    ("serial", "@type"): {"target/@type": "usb-serial"},
    ("disk", "target/@tray"): {"@device": "cdrom"},
    ("smartcard", "database"): {"@mode": "host"}, ("smartcard", "certificate/"): {"@mode": "host"},
    ("video", "model/@ram"): {"model/@type": "qxl"},
    ("video", "model/@vram64"): {"model/@type": "qxl"},
    ("video", "model/@vgamem"): {"model/@type": "qxl"},
    ("hostdev", "@display"): MDEV, ("hostdev", "@ramfb"): MDEV,
}  # fmt: skip
WITH |= {
    ("disk", f"geometry/@{name}"): dict.fromkeys(
        ("geometry/@cyls", "geometry/@heads", "geometry/@secs"), "2"
    )
    for name in ("cyls", "heads", "secs", "trans")
}
WITH |= {
    (tag, "log/@append"): {"log/@file": "f"}
    for tag in ("serial", "parallel", "console", "channel", "redirdev", "smartcard", "backend")
}
#: fields whose value decides about others, or that only one kind of an element has
SPECIAL = {
    ("host", "@transport"), ("host", "@socket"), ("host", "@port"), ("graphics", "@type"),
    ("graphics", "@listen"), ("backend", "protocol/@type"), ("smartcard", "protocol/@type"),
    ("serial", "protocol/@type"), ("parallel", "protocol/@type"), ("console", "protocol/@type"),
    ("channel", "protocol/@type"), ("redirdev", "protocol/@type"), ("interface", "driver/@name"),
    ("interface", "driver/@queues"), ("interface", "model/@type"), ("interface", "@type"),
    ("address", "@type"), ("channel", "@type"), ("channel", "target/@type"), ("source", "@type"),
    ("source", "@protocol"), ("source", "@mode"), ("address", "@port"),
    ("channel", "target/@address"), ("parallel", "@type"),
    ("console", "@type"), ("smartcard", "@mode"), ("tpm", "backend/@type"),
    ("disk", "driver/@error_policy"), ("disk", "driver/@rerror_policy"), ("hostdev", "@type"),
    ("hostdev", "readonly"), ("hostdev", "shareable"),
    ("hostdev", "@model"), ("backend", "@model"), ("backend", "@type"), ("backend", "."),
    ("usbdev", "@version"), ("controller", "@model"), ("controller", "model/@name"),
    ("controller", "@type"), ("secret", "@uuid"), ("auth", "@type"), ("memory", "@model"), ("memory", "uuid"),
    ("interface", "@trustGuestRxFilters"), ("graphics", "@connected"),
    ("graphics", "@socket"), ("graphics", "@passwdValidTo"),
    ("tpm", "backend/encryption/@secret"), ("vlan", "@trunk"), ("ip", "@address"),
    ("ip", "@family"), ("ip", "@peer"), ("portForward", "@address"), ("seclabel", "@labelskip"),
    ("backingStore", "@type"), ("reservations", "source/@type"), ("reservations", "source/@path"),
    ("reservations", "source/@mode"), ("virtualport", "parameters/@managerid"),
    ("virtualport", "parameters/@typeid"), ("virtualport", "parameters/@typeidversion"),
    ("virtualport", "parameters/@instanceid"), ("virtualport", "parameters/@interfaceid"),
    ("video", "model/acceleration"), ("video", "model/@primary"), ("graphics", "@autoport"),
    ("hostdev", "@managed"), ("interface", "@managed"), ("interface", "source/@mode"),
    ("hostdev", "teaming/@persistent"),
    ("interface", "teaming/@persistent"), ("memory", "target/label/size"), ("disk", "wwn"),
}  # fmt: skip
#: elements that need more around them: tests/fixtures/domains has them
ELSEWHERE = {
    ("source", "slices/slice"), ("disk", "iotune"), ("graphics", "gl"), ("interface", "bandwidth"),
    ("backend", "source"), ("serial", "source"), ("parallel", "source"), ("console", "source"),
    ("channel", "source"), ("smartcard", "source"), ("source", "address"), ("disk", "source"),
    ("redirdev", "source"), ("sound", "codec"),
    ("devices", "redirfilter"),
    ("encryption", "cipher"), ("encryption", "ivgen"), ("bandwidth", "inbound"),
    ("bandwidth", "outbound"), ("interface", "virtualport"), ("redirdev", "address"),
    ("audio", "input"), ("audio", "output"), ("disk", "privateData"), ("source", "privateData"),
    ("disk", "mirror"),
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
    if isinstance(kind, Port):
        return [("5901", "5901")]
    if isinstance(kind, Int):
        return [("1", 1)]
    if isinstance(kind, Word):
        return [(word, word) for word in sorted(kind.words)]
    if isinstance(kind, Value):
        return samples(kind.kind)
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


def required(cls: type[Element], path: str, of: tuple[str, ...] = ()) -> dict[str, str]:
    """What must be there for one field to be kept, of an element of one of some kinds."""
    found: dict[str, str] = {}
    for item in cls._fields.values():
        parent = item.path.rpartition("/")[0]
        if item.required and (not parent or path.startswith(f"{parent}/")):
            if not item.of or set(of) & set(item.of):
                found[item.path] = samples(item.kind)[0][0]
    found |= REQUIRED.get(cls.TAG, {})
    if cls is DiskSource:
        found |= SOURCES.get(of[0] if of else "", {})
    elif (of and of[0] in KINDS.get(cls.TAG, {})) or (of and of[0] in KINDS.get(cls.TAG, {})):
        found |= KINDS[cls.TAG][of[0]]
    elif of and cls.BY and not cls.BY.startswith(".."):
        found[f"@{cls.BY}"] = of[0]
    return found | WITH.get((cls.TAG, path), {})


def within(cls: type[Element], node: etree._Element, of: tuple[str, ...]) -> etree._Element:
    """The element in a parent of the kind that it goes by."""
    if cls.BY.startswith("../"):
        kind = of[0] if of else "-"
        if cls is DiskSource and kind in PROTOCOLS.words:
            kind = "network"
        parent = etree.Element("parent", {cls.BY[3:]: kind})
        parent.append(node)
    return node


def fields(cls: type[Element]) -> Iterator[Field]:
    for item in cls._fields.values():
        if item.element is None and (cls.TAG, item.path) not in SPECIAL:
            yield item


def elements(cls: type[Element]) -> Iterator[Field]:
    """Fields that are elements of their own."""
    for item in cls._fields.values():
        if item.element is not None and (cls.TAG, item.path) not in ELSEWHERE:
            yield item


class EveryField(TestCase):
    def check(self, cls: type[Element], item: Field, text: str, value: Any) -> None:
        node = build(cls, {**required(cls, item.path, item.of), item.path: text})
        parsed = cls.parse(within(cls, node, item.of))
        self.assertEqual(value, getattr(parsed, item.name))
        written = parsed.to_xml(EVERYTHING)
        again = cls.parse(within(cls, etree.fromstring(written), item.of))
        self.assertEqual(value, getattr(again, item.name), written)

    def test_read_and_written(self) -> None:
        for cls in classes():
            for item in fields(cls):
                wanted = [("", True)] if item.is_flag else samples(item.kind)
                for text, value in wanted:
                    with self.subTest(cls=cls.__name__, path=item.path, text=text):
                        self.check(cls, item, text, value)

    def test_elements_within(self) -> None:
        for cls in classes():
            for item in elements(cls):
                with self.subTest(cls=cls.__name__, path=item.path):
                    root = build(cls, required(cls, f"{item.path}/", item.of))
                    within(cls, root, item.of)
                    for old in root.findall(item.path):
                        old.getparent().remove(old)
                    *steps, _ = item.path.split("/")
                    parent = root
                    for step in steps:
                        found = parent.find(step)
                        parent = etree.SubElement(parent, step) if found is None else found
                    inner = build(item.element, required(item.element, "", item.of))
                    inner.tag = item.path.rpartition("/")[2]
                    parent.append(inner)
                    parsed = cls.parse(root)
                    self.assertTrue(getattr(parsed, item.name))
                    written = parsed.to_xml(EVERYTHING)
                    again = cls.parse(within(cls, etree.fromstring(written), item.of))
                    self.assertTrue(getattr(again, item.name), written)

    def test_special_ones_exist(self) -> None:
        known = {(cls.TAG, item.path) for cls in classes() for item in cls._fields.values()}
        self.assertEqual(set(), SPECIAL - known)

    def test_bad_words_are_refused(self) -> None:
        for cls in classes():
            for item in fields(cls):
                if isinstance(item.kind, Enum | Bool) and not item.live:
                    with self.subTest(cls=cls.__name__, path=item.path):
                        values = required(cls, item.path, item.of) | {item.path: "no such word"}
                        with self.assertRaisesRegex(Exception, "Invalid value"):
                            cls.parse(within(cls, build(cls, values), item.of))

    def test_what_only_another_kind_has_is_dropped_unread(self) -> None:
        for cls in classes():
            kinds = {kind for item in cls._fields.values() for kind in item.of}
            for item in (i for i in fields(cls) if i.of):
                for other in sorted(kinds - set(item.of)):
                    with self.subTest(cls=cls.__name__, path=item.path, kind=other):
                        values = {item.path: "no such word"} | required(cls, "", (other,))
                        node = within(cls, build(cls, values), (other,))
                        if set(cls.kinds_of(node)) & set(item.of):
                            continue
                        parsed = cls.parse(node)
                        self.assertFalse(getattr(parsed, item.name))
