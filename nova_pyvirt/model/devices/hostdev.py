# SPDX-License-Identifier: Apache-2.0
"""<hostdev>: devices of the host."""

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import Device, HostAddress
from nova_pyvirt.model.devices.storage import Auth, SourceHost
from nova_pyvirt.model.kinds import ON_OFF, YES_NO, Hex, Kind, enum, uint
from nova_pyvirt.model.xmlbind import Element, child, children, field, flag


class HostdevSource(Element):
    """<source>."""

    TAG = "source"
    startup_policy = field("@startupPolicy", enum("default", "mandatory", "requisite", "optional"))
    auto_address = field("@autoAddress", YES_NO)
    missing = field("@missing", YES_NO, live=True)
    guest_reset = field("@guestReset", enum("default", "off", "uninitialized", "on"))
    write_filtering = field("@writeFiltering", YES_NO)
    protocol = field("@protocol", enum("adapter", "iscsi", "none", "vhost"))
    name = field("@name")
    wwpn = field("@wwpn")
    vendor = field("vendor/@id", Hex(4))
    product = field("product/@id", Hex(4))
    hosts = children("host", SourceHost)
    auth = child("auth", Auth)
    initiator = field("initiator/iqn/@name")
    adapter = field("adapter/@name")
    address = child("address", HostAddress)
    block = field("block")
    char = field("char")
    interface = field("interface")


class Hostdev(Device):
    """A host's device in the guest."""

    TAG = "hostdev"
    mode = field("@mode", enum("subsystem", "capabilities"))
    type = field("@type", enum("usb", "pci", "scsi", "scsi_host", "mdev", "storage", "misc", "net"))
    managed = field("@managed", YES_NO)
    sgio = field("@sgio", enum("default", "filtered", "unfiltered"))
    rawio = field("@rawio", YES_NO)
    model = field("@model")
    display = field("@display", ON_OFF)
    ramfb = field("@ramfb", ON_OFF)
    driver_name = field("driver/@name", enum("default", "kvm", "vfio", "xen"))
    source = child("source", HostdevSource)
    teaming_type = field("teaming/@type", enum("persistent", "transient"))
    teaming_persistent = field("teaming/@persistent")
    readonly = flag("readonly")
    shareable = flag("shareable")

    def after_parse(self, node: etree._Element) -> None:
        self.mode = self.mode or "subsystem"
        if self.type is None:
            detail = "missing source address type"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
        if self.source is None:
            detail = "Missing <source> element in hostdev device"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if self.managed is None:
            self.managed = False
        if self.type != "mdev":
            self.display = self.ramfb = None
        if self.type not in ("mdev", "scsi_host"):
            self.model = None


class _Version(Kind):
    """JJ.MN, two digits behind the point; -1 for any."""

    def parse(self, text: str, attribute: str, element: str) -> str | None:
        major, _, minor = text.partition(".")
        if text == "-1":
            return None
        if not major.isdigit() or (minor and not minor.isdigit()) or len(minor) > 2:
            detail = f"Cannot parse USB device version {text}"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
        return f"{int(major)}.{minor.ljust(2, '0')}"


class USBFilter(Element):
    """<usbdev>."""

    TAG = "usbdev"
    usb_class = field("@class", Hex(2))
    vendor = field("@vendor", Hex(4))
    product = field("@product", Hex(4))
    version = field("@version", _Version())
    allow = field("@allow", YES_NO)


class RedirFilter(Element):
    """<redirfilter>."""

    TAG = "redirfilter"
    rules = children("usbdev", USBFilter)


class Lease(Element):
    """<lease>: a lock of a lock manager."""

    TAG = "lease"
    lockspace = field("lockspace")
    key = field("key")
    path = field("target/@path")
    offset = field("target/@offset", uint(64))
