# SPDX-License-Identifier: Apache-2.0
"""<interface>."""

import re

from lxml import etree

from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import VIRTIO_MODELS, Device, HostAddress, Reconnect
from nova_pyvirt.model.devices.netport import IP, Bandwidth, PortForward, Route, VirtualPort, Vlan
from nova_pyvirt.model.kinds import (
    ON_OFF,
    YES_NO,
    Count,
    Int,
    Loose,
    Refusal,
    UInt,
    Value,
    Word,
    enum,
    invalid,
    uint,
)
from nova_pyvirt.model.xmlbind import Element, child, children, field

TEAMING = Word("unknown teaming type '%s'", "persistent", "transient")
TYPES = enum(
    "ethernet", "vhostuser", "server", "client", "mcast", "network", "bridge", "internal", "direct",
    "hostdev", "udp", "user", "vdpa", "null", "vds",
)  # fmt: skip


#: models that libvirt knows, in any case
KNOWN_MODELS = frozenset(
    ("netfront rtl8139 virtio e1000 e1000e virtio-transitional virtio-non-transitional usb-net"
     " spapr-vlan lan9118 smc91c111 vlance vmxnet vmxnet2 vmxnet3 am79c970a am79c973 82540em"
     " 82545em 82543gc").split()
)  # fmt: skip


#: types whose traffic can be filtered
_FILTERED = ("ethernet", "network", "bridge")


class FilterParameter(Element):
    """<parameter>."""

    TAG = "parameter"
    name = field("@name")
    value = field("@value")


class FilterRef(Element):
    """<filterref>."""

    TAG = "filterref"
    filter = field("@filter")
    parameters = children("parameter", FilterParameter)


class _Frames(UInt):
    """Of <coalesce>, with errors of its own."""

    def parse(self, text: str, attribute: str, element: str) -> int:
        number = _FRAMES.parse(text, attribute, element)
        if number > self.top:
            detail = f"value '{number}' is too big for coalesce parameter, maximum is '{self.top}'"
            raise Refusal(detail, Code.OVERFLOW).error()
        return int(number)


_FRAMES = Value("cannot parse value '%s' for coalesce parameter", uint(64), Code.XML_DETAIL)
_MODEL = re.compile(r"[a-zA-Z0-9_\-]*\Z")
_SOURCE = ("bridge", "network", "internal", "direct", "vhostuser", "vdpa", "client", "server",
           "mcast", "udp", "vds")  # fmt: skip
_SOCKET = ("client", "server", "mcast", "udp")
_VIRTIO = ("virtio",)
_MODES = {
    "direct": ("vepa", "private", "bridge", "passthrough"),
    "vhostuser": ("client", "server"),
}
#: types with a switch behind
_PORT = ("network", "bridge", "direct", "hostdev")


class Interface(Device, virtio=True):
    """A network interface; what its source says depends on its type, what its driver says on its
    model."""

    TAG = "interface"
    BY = "type"
    type = field("@type", TYPES)
    managed = field("@managed", Loose(YES_NO), of=("hostdev",))
    trust_guest = field("@trustGuestRxFilters", YES_NO)
    mac = field("mac/@address")
    mac_type = field("mac/@type", enum("generated", "static"))
    mac_check = field("mac/@check", YES_NO)
    source_type = field("source/@type", of=("vhostuser",))
    source_path = field("source/@path", of=("vhostuser",))
    source_bridge = field("source/@bridge", of=("bridge",))
    source_network = field("source/@network", of=("network",))
    source_portgroup = field("source/@portgroup", of=("network",))
    source_portid = field("source/@portid", live=True, of=("network",))
    source_name = field("source/@name", of=("internal",))
    source_dev = field("source/@dev", of=("direct", "vdpa"))
    source_mode = field("source/@mode", of=("direct", "vhostuser"))
    source_host = field("source/@address", of=_SOCKET)
    source_port = field("source/@port", Int(), of=_SOCKET)
    local_host = field("source/local/@address", of=("udp",))
    local_port = field("source/local/@port", Int(), of=("udp",))
    host_ips = children("source/ip", IP)
    host_routes = children("source/route", Route)
    source_address = child("source/address", HostAddress, of=("hostdev",))
    source_reconnect = child("source/reconnect", Reconnect, of=("vhostuser",))
    vlan = child("vlan", Vlan)
    virtualport = child("virtualport", VirtualPort)
    bandwidth = child("bandwidth", Bandwidth)
    port_isolated = field("port/@isolated", YES_NO)
    ips = children("ip", IP)
    routes = children("route", Route)
    port_forwards = children("portForward", PortForward)
    script = field("script/@path", blank=True)
    downscript = field("downscript/@path", blank=True)
    backenddomain = field("backenddomain/@name", blank=True)
    target = field("target/@dev")
    target_managed = field("target/@managed", YES_NO)
    guest_dev = field("guest/@dev", blank=True)
    model = field("model/@type", blank=True)
    driver_name = field(
        "driver/@name",
        enum("vhost", "qemu", "vfio", "kvm", "xen"),
        of=("virtio", "hostdev"),
    )
    txmode = field("driver/@txmode", enum("iothread", "timer"), of=_VIRTIO)
    ioeventfd = field("driver/@ioeventfd", ON_OFF, of=_VIRTIO)
    event_idx = field("driver/@event_idx", ON_OFF, of=_VIRTIO)
    queues = field("driver/@queues", Count(), of=_VIRTIO)
    rx_queue_size = field("driver/@rx_queue_size", Count(), of=_VIRTIO)
    tx_queue_size = field("driver/@tx_queue_size", Count(), of=_VIRTIO)
    rss = field("driver/@rss", ON_OFF, of=_VIRTIO)
    rss_hash_report = field("driver/@rss_hash_report", ON_OFF, of=_VIRTIO)
    host_csum = field("driver/host/@csum", ON_OFF, of=_VIRTIO)
    host_gso = field("driver/host/@gso", ON_OFF, of=_VIRTIO)
    host_tso4 = field("driver/host/@tso4", ON_OFF, of=_VIRTIO)
    host_tso6 = field("driver/host/@tso6", ON_OFF, of=_VIRTIO)
    host_ecn = field("driver/host/@ecn", ON_OFF, of=_VIRTIO)
    host_ufo = field("driver/host/@ufo", ON_OFF, of=_VIRTIO)
    host_mrg_rxbuf = field("driver/host/@mrg_rxbuf", ON_OFF, of=_VIRTIO)
    guest_csum = field("driver/guest/@csum", ON_OFF, of=_VIRTIO)
    guest_tso4 = field("driver/guest/@tso4", ON_OFF, of=_VIRTIO)
    guest_tso6 = field("driver/guest/@tso6", ON_OFF, of=_VIRTIO)
    guest_ecn = field("driver/guest/@ecn", ON_OFF, of=_VIRTIO)
    guest_ufo = field("driver/guest/@ufo", ON_OFF, of=_VIRTIO)
    backend_type = field("backend/@type", enum("default"))
    backend_tap = field("backend/@tap")
    backend_vhost = field("backend/@vhost")
    backend_log = field("backend/@logFile")
    teaming_type = field("teaming/@type", TEAMING, blank=True)
    teaming_persistent = field("teaming/@persistent", blank=True)
    filterref = child("filterref", FilterRef)
    link = field("link/@state", Word("unknown interface link state '%s'", "up", "down"), blank=True)
    mtu = field("mtu/@size", Value("malformed mtu size", uint()), blank=True)
    sndbuf = field("tune/sndbuf", Value("sndbuf must be a positive integer", uint(64)))
    coalesce_rx = field("coalesce/rx/frames/@max", _Frames(), blank=True)

    def after_parse(self, node: etree._Element) -> None:
        self.type = self.type or "user"
        if self.target == "":
            self.target = None
        if self.model is not None and self.model.lower() in KNOWN_MODELS:
            self.model = self.model.lower()
        elif self.model is not None and not _MODEL.match(self.model):
            raise Refusal("Model name contains invalid characters", Code.INVALID_ARG).error()
        if self.source_mode is not None and self.source_mode not in _MODES[self.type]:
            raise invalid(self.source_mode, "mode", "source")
        self._check_port(has_source=node.find("source") is not None)
        if self.teaming_persistent is not None and self.teaming_type is None:
            detail = "unknown teaming type '(null)'"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
        if self.filterref is not None and self.type not in _FILTERED:
            self.filterref = None
        if not self.is_virtio:
            self.backend_vhost = None
        self.mtu = self.mtu or None
        if self.bandwidth is not None and self.bandwidth.empty:
            self.bandwidth = None
        if (self.queues or 0) <= 1:
            self.queues = None
        if not self.coalesce_rx:
            self.coalesce_rx = None

    def _check_port(self, *, has_source: bool) -> None:
        if self.type in _SOURCE and not has_source:
            detail = f"interface type='{self.type}' requires a 'source' element"
            raise Refusal(detail).error()
        port = self.virtualport
        if port is not None and self.type not in _PORT:
            detail = f"<virtualport> element unsupported for <interface type='{self.type}'>"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
        if port is not None:
            port.check(complete=self.type != "network")
        inbound = self.bandwidth.inbound if self.bandwidth is not None else None
        if inbound is not None and inbound.floor and self.type != "network":
            detail = "floor attribute is not supported for this config"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED, From.NONE).error()

    @classmethod
    def kinds_of(cls, node: etree._Element) -> tuple[str | None, ...]:
        """The type, and "virtio" for a virtio device of QEMU's own."""
        model = node.find("model")
        name = (model.get("type") or "").lower() if model is not None else ""
        virtio = name in VIRTIO_MODELS and node.get("type") != "hostdev"
        return (node.get("type"), "virtio" if virtio else None)

    @property
    def is_virtio(self) -> bool:
        """Does the guest see a virtio device?"""
        return (self.model or "").startswith("virtio")
