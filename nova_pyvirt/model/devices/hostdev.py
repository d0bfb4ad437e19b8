# SPDX-License-Identifier: Apache-2.0
"""<hostdev>: devices of the host."""

import re
from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import VIRTIO_MODELS, Device, HostAddress
from nova_pyvirt.model.devices.interface import TEAMING
from nova_pyvirt.model.devices.storage import Auth, SourceHost
from nova_pyvirt.model.kinds import (
    ON_OFF,
    YES_NO,
    Count,
    Hex,
    Int,
    Kind,
    Loose,
    PositiveHex,
    Refusal,
    Word,
    enum,
    invalid,
    missing,
    uuid,
)
from nova_pyvirt.model.xmlbind import Element, child, children, field, flag


class HostdevSource(Element):
    """<source>."""

    TAG = "source"
    BY = "../type"
    startup_policy = field("@startupPolicy", enum("mandatory", "requisite", "optional"))
    auto_address = field("@autoAddress", YES_NO, of=("usb",))
    missing = field("@missing", YES_NO, live=True, of=("usb",))
    guest_reset = field("@guestReset", enum("off", "uninitialized", "on"), of=("usb",))
    write_filtering = field("@writeFiltering", YES_NO, of=("pci",))
    protocol = field("@protocol", of=("scsi", "scsi_host"))
    name = field("@name", of=("scsi",))
    wwpn = field("@wwpn", of=("scsi_host",))
    vendor = field("vendor/@id", PositiveHex(4), required=True, of=("usb",))
    product = field("product/@id", Hex(4), required=True, of=("usb",))
    hosts = children("host", SourceHost, of=("scsi",))
    auth = child("auth", Auth, of=("scsi",))
    initiator = field("initiator/iqn/@name", of=("scsi",))
    adapter = field("adapter/@name", blank=True, of=("scsi",))
    address = child("address", HostAddress)
    block = field("block", of=("storage",))
    char = field("char", of=("misc",))
    interface = field("interface", of=("net",))


#: "naa.", then 16 digits
_WWPN = re.compile(r"naa\.(?:0x)?[0-9a-fA-F]{16}\Z")
#: models by type
_MODELS = {
    "mdev": ("vfio-pci", "vfio-ccw", "vfio-ap"),
    "scsi_host": ("default", *VIRTIO_MODELS),
}


class Hostdev(Device):
    """A host's device in the guest."""

    TAG = "hostdev"
    BY = "type"
    mode = field("@mode", Word("unknown hostdev mode '%s'", "subsystem", "capabilities"))
    type = field(
        "@type",
        Word("unknown host device source address type '%s'", "usb", "pci", "scsi", "scsi_host",
             "mdev", "storage", "misc", "net"),
        required=Refusal("missing source address type"),
    )  # fmt: skip
    managed = field("@managed", Loose(YES_NO))
    sgio = field("@sgio", enum("filtered", "unfiltered"))
    rawio = field("@rawio", YES_NO)
    model = field("@model")
    display = field("@display", ON_OFF, of=("mdev",))
    ramfb = field("@ramfb", ON_OFF, of=("mdev",))
    driver_name = field("driver/@name", enum("kvm", "vfio", "xen"), of=("pci",))
    source = child("source", HostdevSource)
    teaming_type = field("teaming/@type", TEAMING, blank=True)
    teaming_persistent = field("teaming/@persistent", blank=True)
    readonly = flag("readonly")
    shareable = flag("shareable")

    def after_parse(self, node: etree._Element) -> None:
        self.mode = self.mode or "subsystem"
        if self.source is None:
            detail = "Missing <source> element in hostdev device"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if self.managed is None:
            self.managed = False
        if self.type != "scsi":
            self.readonly = self.shareable = False
        if self.type not in ("mdev", "scsi_host") and self.model is not None:
            detail = f"'model' attribute in <hostdev> is only supported when type='{self.type}'"
            raise Refusal(detail).error()
        self._check_model()
        self._check_source()
        if self.teaming_persistent is not None and self.teaming_type is None:
            detail = "unknown teaming type '(null)'"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()

    def _check_model(self) -> None:
        known = _MODELS.get(self.type)
        if known is None or self.model in known:
            return
        if self.model is not None:
            raise invalid(self.model, "model", "hostdev")
        if self.type == "mdev":
            raise missing("model", "hostdev")

    def _check_source(self) -> None:
        source = self.source
        if self.type == "usb":
            _check_usb(source)
        if source.startup_policy is not None and self.type != "usb":
            detail = "Setting startupPolicy is only allowed for USB devices"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
        for name in ("sgio", "rawio"):
            if self.__dict__.get(name) is not None and self.type != "scsi":
                raise Refusal(f"{name} is only supported for scsi host device").error()
        if self.type == "pci" and source.address is not None:
            source.address.check_pci()
        if self.type == "scsi":
            _check_scsi(source)
        elif self.type == "scsi_host":
            _check_vhost(source)
        elif self.type == "mdev":
            _check_mdev(source)


def _check_usb(source: HostdevSource) -> None:
    if (source.vendor is None) != (source.product is None):
        name = "vendor" if source.vendor is None else "product"
        raise Refusal(f"missing {name}", Code.INTERNAL_ERROR).error()
    for name in ("bus", "device") if source.address is not None else ():
        if getattr(source.address, name) is None:
            raise missing(name, "address")


def _check_mdev(source: HostdevSource) -> None:
    where = source.address
    if where is None or where.uuid is None:
        name = "<address> element" if where is None else "'uuid' attribute for element <address>"
        raise Refusal(f"Missing {name}", Code.CONFIG_UNSUPPORTED).error()
    where.uuid = uuid(where.uuid)
    if where.uuid is None:
        detail = "Cannot parse uuid attribute of element <address>"
        raise Refusal(detail, Code.INTERNAL_ERROR).error()


def _check_protocol(source: HostdevSource, kind: str, words: tuple[str | None, ...]) -> None:
    if source.protocol not in words:
        detail = f"Unknown {kind} subsystem protocol '{source.protocol}'"
        raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()


def _check_vhost(source: HostdevSource) -> None:
    if source.protocol is None:
        raise Refusal("Missing scsi_host subsystem protocol").error()
    _check_protocol(source, "scsi_host", ("vhost",))
    if source.wwpn is None:
        raise Refusal("missing vhost-scsi hostdev source wwpn").error()
    if _WWPN.match(source.wwpn) is None:
        raise Refusal("malformed 'wwpn' value").error()


def _check_scsi(source: HostdevSource) -> None:
    _check_protocol(source, "SCSI", (None, "adapter", "iscsi"))
    if source.protocol == "iscsi":
        if source.name is None:
            raise Refusal("missing iSCSI hostdev source path name").error()
        if not source.hosts:
            raise Refusal("missing the host address for the iSCSI hostdev").error()
        if len(source.hosts) > 1:
            detail = "only one source host address may be specified for the iSCSI hostdev"
            raise Refusal(detail).error()
    else:
        if source.address is None:
            raise Refusal("'address' must be specified for scsi hostdev source").error()
        for name in ("bus", "target", "unit"):
            if getattr(source.address, name) is None:
                raise missing(name, "address")
        if source.adapter is None:
            raise Refusal("'adapter' name must be specified for scsi hostdev source").error()


class _Version(Kind):
    """JJ.MN, two digits behind the point; -1 for any."""

    def parse(self, text: str, attribute: str, element: str) -> str | None:
        major, _, minor = text.partition(".")
        if text == "-1":
            return None
        if not (major.isdigit() and minor.isdigit()) or len(minor) > 2 or int(major) > 99:
            raise Refusal(f"Cannot parse USB device version {text}").error()
        return f"{int(major)}.{minor.ljust(2, '0')}"


class _Wildcard(Int):
    """A number in any base, written in hexadecimal; -1 for any."""

    def __init__(self, digits: int) -> None:
        super().__init__(base=0)
        self.digits = digits

    def parse(self, text: str, attribute: str, element: str) -> Any:
        number = super().parse(text, attribute, element)
        return None if number == -1 else number

    def format(self, value: int) -> str:
        return f"0x{value & 0xFFFFFFFF:0{self.digits}X}"


class USBFilter(Element):
    """<usbdev>."""

    TAG = "usbdev"
    usb_class = field("@class", _Wildcard(2))
    vendor = field("@vendor", _Wildcard(4))
    product = field("@product", _Wildcard(4))
    version = field("@version", _Version())
    allow = field("@allow", YES_NO, required=True)

    def after_parse(self, node: etree._Element) -> None:
        if self.usb_class is not None and self.usb_class > 0xFF:
            detail = f"Invalid USB Class code 0x{self.usb_class:x}"
            raise Refusal(detail, Code.INTERNAL_ERROR).error()


class RedirFilter(Element):
    """<redirfilter>."""

    TAG = "redirfilter"
    KEEP = False
    rules = children("usbdev", USBFilter)


class Lease(Element):
    """<lease>: a lock of a lock manager."""

    TAG = "lease"
    lockspace = field("lockspace")
    key = field("key")
    path = field(
        "target/@path",
        required=Refusal("Missing 'path' attribute to 'target' element for lease"),
    )
    offset = field("target/@offset", Count(64))

    def after_parse(self, node: etree._Element) -> None:
        if self.key is None:
            raise Refusal("Missing 'key' element for lease").error()
        if self.lockspace is None:
            raise Refusal("Missing 'lockspace' element for lease").error()
        if node.find("target") is None:
            raise Refusal("Missing 'target' element for lease").error()
