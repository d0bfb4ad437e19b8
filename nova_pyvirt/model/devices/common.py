# SPDX-License-Identifier: Apache-2.0
"""What devices share: address, alias, boot order, virtio options."""

from typing import Any

from nova_pyvirt.model.kinds import ON_OFF, Hex, UInt, enum, uint
from nova_pyvirt.model.xmlbind import Context, Element, child, field

_NUMBER = UInt(32, base=0)


class Address(Element):
    """<address>: where a device sits; which attributes count depends on the type."""

    TAG = "address"
    type = field("@type")
    # pci
    domain = field("@domain", Hex(4))
    bus = field("@bus", _NUMBER)
    slot = field("@slot", Hex(2))
    function = field("@function", Hex(1))
    multifunction = field("@multifunction", ON_OFF)
    # drive, ccid, virtio-serial
    controller = field("@controller", uint())
    target = field("@target", uint())
    unit = field("@unit", uint())
    port = field("@port")
    # isa, dimm
    iobase = field("@iobase", Hex(1))
    irq = field("@irq", Hex(1))
    base = field("@base", Hex(1, bits=64))
    device = field("@device")

    def before_format(self, ctx: Context) -> "Address":
        """PCI buses are written in hexadecimal, others in decimal."""
        if self.type != "pci":
            return self
        shown = PCIAddress.__new__(PCIAddress)
        shown.__dict__ = self.__dict__
        return shown

    def key(self) -> tuple[int, int, int, int]:
        """A PCI address as numbers."""
        return self.domain or 0, self.bus or 0, self.slot or 0, self.function or 0


class PCIAddress(Address):
    """An address whose bus is written as libvirt writes PCI buses."""

    TAG = "address"
    bus = field("@bus", Hex(2))


class Device(Element):
    """Base of devices: an alias and an address, declared last in each."""

    alias: Any
    address: Any


def alias() -> Any:
    """<alias name=>: user aliases (ua-) stay, others are shown of a running domain only."""
    return field("alias/@name", show=lambda dev, ctx: not ctx.inactive or dev.alias[:3] == "ua-")


def address() -> Any:
    """<address>."""
    return child("address", Address)


VIRTIO_OPTIONS = ("iommu", "ats", "packed", "page_per_vq")
VIRTIO_MODELS = enum("virtio", "virtio-transitional", "virtio-non-transitional")
