# SPDX-License-Identifier: Apache-2.0
"""What devices share: address, alias, boot order, ROM, virtio options."""

import itertools
from typing import Any, ClassVar

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.kinds import (
    ON_OFF,
    TEXT,
    YES_NO,
    Hex,
    Hexadecimal,
    HexCount,
    Positive,
    Refusal,
    UInt,
    Word,
    missing,
    uint,
)
from nova_pyvirt.model.xmlbind import Context, Element, Field, child, field

ANY_BASE = UInt(32, base=0)
ULL = UInt(64)
VIRTIO_MODELS = ("virtio", "virtio-transitional", "virtio-non-transitional")
_TYPES = Word(
    "unknown address type '%s'",
    "pci", "drive", "virtio-serial", "ccid", "usb", "spapr-vio", "virtio-s390", "ccw",
    "virtio-mmio", "isa", "dimm", "unassigned",
)  # fmt: skip


_PCI, _CCW = ("pci",), ("ccw",)
#: how many hubs and a port a path on USB may have
_USB_DEPTH = 4


def shallow(element: Any) -> Any:
    """A copy that shares what the element holds; for forms of writing."""
    found = object.__new__(type(element))
    found.__dict__ = dict(element.__dict__)
    return found


class Address(Element):
    """<address>: where a device sits; which attributes count depends on the type.

    :ivar zpci: does it ask for what only S/390 has?
    """

    TAG = "address"
    BY = "type"
    type = field(
        "@type",
        _TYPES,
        required=Refusal("No type specified for device address", Code.INTERNAL_ERROR),
    )
    domain = field("@domain", Hex(4), of=_PCI)
    controller = field("@controller", uint(), of=("drive", "virtio-serial", "ccid"))
    bus = field("@bus", ANY_BASE, of=("pci", "drive", "virtio-serial", "usb"))
    target = field("@target", uint(), of=("drive",))
    slot = field("@slot", ANY_BASE, of=("pci", "ccid", "dimm"))
    unit = field("@unit", uint(), of=("drive",))
    port = field("@port", of=("virtio-serial", "usb"))
    function = field("@function", Hex(1), of=_PCI)
    multifunction = field("@multifunction", ON_OFF, of=_PCI)
    iobase = field("@iobase", HexCount(1), of=("isa",))
    irq = field("@irq", HexCount(1), of=("isa",))
    base = field("@base", Hexadecimal(1, bits=64), of=("dimm",))
    reg = field("@reg", Hex(8, bits=64), of=("spapr-vio",))
    cssid = field("@cssid", Hex(1), of=_CCW)
    ssid = field("@ssid", Hex(1), of=_CCW)
    devno = field("@devno", Hex(4), of=_CCW)
    zpci: bool = False

    def after_parse(self, node: etree._Element) -> None:
        for name in _DEFAULTS.get(self.type, ()):
            if self.__dict__.get(name) is None:
                self.__dict__[name] = 0
        for name in _DECIMAL.get(self.type, ()):
            if node.get(name) is not None:
                _COUNT.parse(str(node.get(name)), name, "address")
        if self.type == "virtio-serial":
            port = "0" if self.port is None else self.port
            self.port = str(_COUNT.parse(port, "port", "address"))
        elif self.type == "virtio-s390":
            raise Refusal("virtio-s390 bus doesn't have an address").error()
        elif self.type == "pci":
            check_pci_address(self.__dict__)
            self.zpci = node.find("zpci") is not None
        elif self.type == "dimm" and node.get("slot") is None:
            raise missing("slot", "address")
        elif self.type == "usb" and self.port is not None:
            self.port = _usb_port(self.port)

    def before_format(self, ctx: Context) -> "Address":
        view = _VIEWS.get(self.type)
        if view is None:
            return self
        shown = object.__new__(view)
        shown.__dict__ = self.__dict__
        return shown

    def key(self) -> tuple[int, int, int, int]:
        """A PCI address as numbers."""
        return self.domain or 0, self.bus or 0, self.slot or 0, self.function or 0


def _usb_port(text: str) -> str | None:
    """A port, or a path of them through hubs; it ends before a 0, and None wants one chosen."""
    parts = text.split(".", _USB_DEPTH)
    try:
        numbers = [_COUNT.parse(part, "port", "address") for part in parts]
    except errors.libvirtError:
        numbers = []
    if not 0 < len(numbers) <= _USB_DEPTH:
        detail = "Cannot parse <address> 'port' attribute"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DEVICE)
    return ".".join(map(str, itertools.takewhile(bool, numbers))) or None


class PCIAddress(Address):
    """An address as libvirt writes those on PCI."""

    TAG = "address"
    bus = field("@bus", Hex(2))
    slot = field("@slot", Hex(2))


_COUNT = uint()
#: numbers that must be decimal, by type
_DECIMAL = {"drive": ("bus",), "virtio-serial": ("bus",), "ccid": ("slot",), "usb": ("bus",),
            "dimm": ("slot",)}  # fmt: skip
_VIEWS = {"pci": PCIAddress}
_DEFAULTS = {
    "pci": ("domain", "bus", "slot", "function"),
    "drive": ("controller", "bus", "target", "unit"),
    "virtio-serial": ("controller", "bus"),
    "ccid": ("controller", "slot"),
    "usb": ("bus",),
    "dimm": ("slot",),
}


def check_pci_address(values: dict[str, Any]) -> None:
    """:raises libvirtError: XML_ERROR for a number that PCI doesn't have"""
    for name, top in (("domain", 0xFFFF), ("bus", 0xFF), ("slot", 0x1F), ("function", 7)):
        value = values.get(name) or 0
        if value > top:
            text = f"Invalid PCI address {name}='0x{value:x}', must be <= 0x{top:X}"
            if name == "function":
                text = f"Invalid PCI address function=0x{value:x}, must be <= 7"
            raise errors.error(Code.XML_ERROR, text, domain=From.NONE)


class HostAddress(Element):
    """<source><address>: a device of the host: PCI, USB, SCSI or mediated."""

    TAG = "address"
    BY = "type"
    type = field("@type", of=("interface",))
    uuid = field("@uuid", of=("mdev",))
    domain = field("@domain", Hex(4), of=_PCI)
    bus = field("@bus", ANY_BASE, of=("pci", "usb", "scsi"))
    slot = field("@slot", Hex(2), of=_PCI)
    function = field("@function", Hex(1), of=_PCI)
    device = field("@device", ANY_BASE, of=("usb",))
    target = field("@target", uint(), of=("scsi",))
    unit = field("@unit", ULL, of=("scsi",))

    @classmethod
    def kinds_of(cls, node: etree._Element) -> tuple[str | None, ...]:
        """What the device is: of a disk on PCI, of an interface its own type counts."""
        source = node.getparent()
        owner = source.getparent() if source is not None else None
        if owner is None or owner.tag == "interface":
            return (node.get("type"), "interface")
        return ("pci" if owner.tag == "disk" else owner.get("type"),)

    def before_format(self, ctx: Context) -> "HostAddress":
        if self.slot is None and self.function is None:
            return self
        shown = object.__new__(HostPCIAddress)
        shown.__dict__ = {"domain": 0, "bus": 0, "slot": 0, "function": 0} | self.__dict__
        return shown

    def check_pci(self) -> None:
        """:raises libvirtError: XML_ERROR for what can't be on PCI"""
        check_pci_address(self.__dict__)

    def text(self) -> str:
        """A PCI address as the kernel writes it."""
        return f"{self.domain or 0:04x}:{self.bus or 0:02x}:{self.slot or 0:02x}.{self.function or 0:x}"


class HostPCIAddress(HostAddress):
    """The same, of a PCI device."""

    TAG = "address"
    bus = field("@bus", Hex(2))


def _user_alias(device: Any, ctx: Context) -> bool:
    return not ctx.inactive or device.alias.startswith("ua-")


VIRTIO_OPTIONS = ("iommu", "ats", "packed", "page_per_vq")


class Device(Element):
    """Base of devices. A class with a tag gets, after its own fields, what every device has:
    boot order, alias, ROM, ACPI index and address; with ``virtio=True`` the virtio options too,
    before these or ``virtio_last``."""

    alias: Any
    address: Any
    boot_order: Any
    loadparm: Any
    master: Any
    rom_enabled: Any
    rom_bar: Any
    rom_file: Any
    acpi_index: Any
    iommu: Any
    ats: Any
    packed: Any
    page_per_vq: Any
    VIRTIO: ClassVar[bool] = False

    def __init_subclass__(cls, *, virtio: bool = False, virtio_last: bool = False) -> None:
        if cls.TAG and "address" not in cls._fields:
            cls.VIRTIO = virtio
            for name, item in _shared(virtio, last=virtio_last).items():
                setattr(cls, name, item)
        super().__init_subclass__()


def _shared(virtio: bool, *, last: bool) -> dict[str, Field]:
    options: dict[str, Field] = {}
    if virtio:
        options = {name: field(f"driver/@{name}", ON_OFF) for name in VIRTIO_OPTIONS}
    common: dict[str, Field] = {
        "boot_order": field("boot/@order", Positive(), required=True),
        "loadparm": field("boot/@loadparm"),
        "alias": field("alias/@name", TEXT, show=_user_alias),
        "master": field("master/@startport", uint()),
        "rom_enabled": field("rom/@enabled", YES_NO),
        "rom_bar": field("rom/@bar", ON_OFF),
        "rom_file": field("rom/@file"),
        "acpi_index": field("acpi/@index", Positive()),
        "address": child("address", Address),
    }
    return common | options if last else options | common


def _not_skipped(label: "SecurityLabel", ctx: Context) -> bool:
    return ctx.inactive or not label.labelskip


class SecurityLabel(Element):
    """<source><seclabel>: the label of one image or device."""

    TAG = "seclabel"
    model = field("@model")
    labelskip = field("@labelskip", YES_NO, live=True, show=lambda label, ctx: label.labelskip)
    relabel = field("@relabel", YES_NO, show=_not_skipped)
    label = field("label")

    def after_parse(self, node: etree._Element) -> None:
        if self.relabel is None:
            self.relabel = True

    def shown(self, ctx: Context) -> bool:
        """Without a label it says nothing about a domain that doesn't run."""
        return bool(self.label) or not self.relabel or not ctx.inactive


def check_labels(labels: list[SecurityLabel]) -> None:
    """:raises libvirtError: XML_DETAIL for two of one model, XML_ERROR for one without effect"""
    seen: set[str] = set()
    for label in labels:
        if label.model in seen:
            detail = f"seclabel for model {label.model} is already provided"
            raise Refusal(detail, Code.XML_DETAIL).error()
        if label.model is not None:
            seen.add(label.model)
        if label.label and label.relabel is False:
            model = label.model or "<null>"
            detail = f"Cannot specify a label if relabelling is turned off. model={model}"
            raise Refusal(detail).error()


class Reconnect(Element):
    """<reconnect>: does a socket that goes away come back? Seconds."""

    TAG = "reconnect"
    KEEP = False
    enabled = field("@enabled", YES_NO)
    timeout = field("@timeout", uint())

    def after_parse(self, node: etree._Element) -> None:
        if self.enabled and self.timeout is None:
            raise missing("timeout", "reconnect")
        if not self.enabled:
            self.timeout = None
