# SPDX-License-Identifier: Apache-2.0
"""What an interface's port has: <vlan>, <virtualport>, <bandwidth>, <ip>."""

import ipaddress
import uuid as uuids
from typing import Any

from lxml import etree

from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.model.kinds import (
    YES_NO,
    Count,
    Positive,
    Refusal,
    UInt,
    Value,
    Word,
    enum,
    uint,
    uuid,
)
from nova_pyvirt.model.xmlbind import Context, Element, child, children, field

_ANY_BASE = UInt(32, base=0)


class VlanTag(Element):
    """<tag>."""

    TAG = "tag"
    id = field("@id", uint(), required=True)
    native_mode = field("@nativeMode", enum("tagged", "untagged"))

    def after_parse(self, node: etree._Element) -> None:
        if self.id > 4095:
            detail = f"vlan tag id {self.id} too large (maximum 4095)"
            raise Refusal(detail, domain=From.NONE).error()


class Vlan(Element):
    """<vlan>."""

    TAG = "vlan"
    trunk = field("@trunk", YES_NO, blank=True)
    tags = children("tag", VlanTag)

    def after_parse(self, node: etree._Element) -> None:
        if not self.tags:
            detail = "missing tag id - each <vlan> must have at least one <tag id='n'/> subelement"
            raise Refusal(detail, domain=From.NONE).error()
        native = [tag for tag in self.tags if tag.native_mode is not None]
        if len(native) > 1:
            raise Refusal("duplicate native vlan setting", domain=From.NONE).error()
        if self.trunk is False:
            self._no_trunk(native)
            self.trunk = None
        elif len(self.tags) > 1:
            self.trunk = True

    def _no_trunk(self, native: list[VlanTag]) -> None:
        if len(self.tags) > 1:
            detail = (
                "invalid \"trunk='no'\" in <vlan> - trunk='yes' is required for more than one vlan"
                " tag"
            )
            raise Refusal(detail, domain=From.NONE).error()
        if native:
            detail = (
                "invalid configuration in <vlan> - \"trunk='no'\" is not allowed with a native"
                " vlan id"
            )
            raise Refusal(detail, domain=From.NONE).error()


#: parameter -> the largest number it takes, and what is said of a larger one
_NUMBERS = {
    "managerid": (0xFF, "value of managerid out of range"),
    "typeid": (0xFFFFFF, "value for typeid out of range"),
    "typeidversion": (0xFF, "value of typeidversion out of range"),
}
_PARAMETERS = ("managerid", "typeid", "typeidversion", "instanceid", "interfaceid", "profileid")
#: type -> what it uses
_USED = {
    "802.1Qbg": ("managerid", "typeid", "typeidversion", "instanceid"),
    "802.1Qbh": ("profileid",),
    "openvswitch": ("interfaceid", "profileid"),
    "midonet": ("interfaceid",),
}
#: what nobody else can give
_NEEDED = {
    "802.1Qbg": ("managerid", "typeid", "typeidversion"),
    "802.1Qbh": ("profileid",),
    "midonet": ("interfaceid",),
}
#: the uuid that is made up when it is not given
_GENERATED = {
    "802.1Qbg": ("instanceid",),
    "openvswitch": ("interfaceid",),
    None: ("instanceid", "interfaceid"),
}
_PROFILE = 40


class VirtualPort(Element):
    """<virtualport>: the port of a managed switch."""

    TAG = "virtualport"
    type = field(
        "@type",
        Word("unknown virtualport type %s", "802.1Qbg", "802.1Qbh", "openvswitch", "midonet",
             domain=From.NONE),
    )  # fmt: skip
    managerid = field("parameters/@managerid")
    typeid = field("parameters/@typeid")
    typeidversion = field("parameters/@typeidversion")
    instanceid = field("parameters/@instanceid")
    interfaceid = field("parameters/@interfaceid")
    profileid = field("parameters/@profileid")

    def after_parse(self, node: etree._Element) -> None:
        for name, (top, detail) in _NUMBERS.items():
            text = self.__dict__.get(name)
            if text is None:
                continue
            number = _parameter(text, name)
            if number > top:
                raise Refusal(detail, domain=From.NONE).error()
            self.__dict__[name] = str(number)
        for name in ("instanceid", "interfaceid"):
            text = self.__dict__.get(name)
            if text is not None:
                self.__dict__[name] = _uuid(text, name)
        self.profileid = self.profileid or None
        if len((self.profileid or "").encode()) >= _PROFILE:
            raise Refusal("profileid parameter too long", domain=From.NONE).error()

    def check(self, *, complete: bool) -> None:
        """
        :param complete: must everything be here, because no network will add it?
        :raises libvirtError: XML_ERROR
        """
        if complete:
            self._check_complete()
        if self.type is None:
            return
        extra = [n for n in _PARAMETERS
                 if n not in _USED[self.type] and self.__dict__.get(n) is not None]  # fmt: skip
        if extra and self.type != "midonet":
            first = "profileid" if self.type == "802.1Qbg" and "profileid" in extra else extra[0]
            detail = f"extra {first} unsupported in <virtualport type='{self.type}'>"
            raise Refusal(detail, domain=From.NETWORK).error()
        for name in extra:
            del self.__dict__[name]

    def _check_complete(self) -> None:
        if self.type is None:
            raise Refusal("missing required virtualport type", domain=From.NONE).error()
        for name in _NEEDED.get(self.type, ()):
            if self.__dict__.get(name) is None:
                detail = f"missing {name} in <virtualport type='{self.type}'>"
                raise Refusal(detail, domain=From.NETWORK).error()

    def generate(self) -> None:
        """Makes up the uuids by which the switch will know the port."""
        for name in _GENERATED.get(self.type, ()):
            if self.__dict__.get(name) is None:
                self.__dict__[name] = str(uuids.uuid4())


def _parameter(text: str, name: str) -> int:
    try:
        return _ANY_BASE.parse(text, name, "parameters")
    except libvirtError:
        detail = f"cannot parse value of {name} parameter"
        raise Refusal(detail, domain=From.NONE).error() from None


def _uuid(text: str, name: str) -> str:
    found = uuid(text)
    if found is None:
        detail = f"cannot parse {name} parameter as a uuid"
        raise Refusal(detail, domain=From.NONE).error()
    return found


def _rate(name: str) -> Any:
    detail = f"could not convert bandwidth {name} value '%s'"
    return field(f"@{name}", Value(detail, uint(64), Code.CONFIG_UNSUPPORTED, From.NONE))


class Rate(Element):
    """KiB a second; burst in KiB."""

    average = _rate("average")
    peak = _rate("peak")
    floor = _rate("floor")
    burst = _rate("burst")

    def shown(self, ctx: Context) -> bool:
        """Does it limit, or promise, anything?"""
        return bool(self.average or self.peak or self.floor or self.burst)

    def after_parse(self, node: etree._Element) -> None:
        if self.average is None and self.floor is None:
            detail = "Missing mandatory average or floor attributes"
            raise Refusal(detail, Code.XML_DETAIL, From.NONE).error()
        if self.average is None and (self.peak is not None or self.burst is not None):
            detail = "'peak' and 'burst' require 'average' attribute"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED, From.NONE).error()


def _one(name: str) -> Refusal:
    return Refusal(f"Only one child <{name}> element allowed", Code.XML_DETAIL, From.NONE)


class Bandwidth(Element):
    """<bandwidth>."""

    TAG = "bandwidth"
    inbound = child("inbound", Rate, once=_one("inbound"))
    outbound = child("outbound", Rate, once=_one("outbound"))

    @property
    def empty(self) -> bool:
        """Does it limit nothing?"""
        return self.inbound is None and self.outbound is None

    def after_parse(self, node: etree._Element) -> None:
        if self.outbound is not None and self.outbound.floor:
            detail = "'floor' attribute allowed only in <inbound> element"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED, From.NONE).error()


class IP(Element):
    """<ip>."""

    TAG = "ip"
    address = field("@address", required=Refusal("Missing required address in <ip>"))
    family = field("@family")
    prefix = field("@prefix", Value("Invalid prefix value '%s' in <ip>", Count()))
    peer = field("@peer")

    def after_parse(self, node: etree._Element) -> None:
        version = _version(self.address)
        known = self.family if self.family in ("ipv4", "ipv6") else f"ipv{version}"
        if version is None or known != f"ipv{version}":
            raise Refusal(f"Invalid address '{self.address}' in <ip>").error()
        self.family = known
        if (self.prefix or 0) > (128 if version == 6 else 32):
            raise Refusal(f"Invalid prefix value '{self.prefix}' in <ip>").error()
        if self.peer is not None and _version(self.peer) != version:
            raise Refusal(f"Invalid peer '{self.peer}' in <ip>", Code.INVALID_ARG).error()


def _version(address: str) -> int | None:
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None


class Route(Element):
    """<route>."""

    TAG = "route"
    family = field("@family")
    address = field("@address")
    netmask = field("@netmask")
    prefix = field("@prefix", uint())
    gateway = field("@gateway")
    metric = field("@metric", uint())


class ForwardRange(Element):
    """<range>."""

    TAG = "range"
    start = field("@start", Positive())
    end = field("@end", Positive())
    to = field("@to", Positive())
    exclude = field("@exclude", YES_NO)


class PortForward(Element):
    """<portForward>."""

    TAG = "portForward"
    proto = field("@proto", enum("tcp", "udp"), required=True)
    address = field("@address")
    dev = field("@dev")
    ranges = children("range", ForwardRange)

    def after_parse(self, node: etree._Element) -> None:
        if self.address is not None and _version(self.address) is None:
            raise Refusal(f"Invalid address '{self.address}' in <portForward>").error()
