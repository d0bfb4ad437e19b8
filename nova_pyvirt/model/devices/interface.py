# SPDX-License-Identifier: Apache-2.0
"""<interface>."""

from lxml import etree

from nova_pyvirt.model.devices.common import Device, HostAddress, Reconnect
from nova_pyvirt.model.kinds import ON_OFF, YES_NO, enum, uint
from nova_pyvirt.model.xmlbind import Element, child, children, field

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


class VlanTag(Element):
    """<tag>."""

    TAG = "tag"
    id = field("@id", uint())
    native_mode = field("@nativeMode", enum("tagged", "untagged"))


class Vlan(Element):
    """<vlan>."""

    TAG = "vlan"
    trunk = field("@trunk", YES_NO)
    tags = children("tag", VlanTag)


class VirtualPort(Element):
    """<virtualport>: the port of a managed switch."""

    TAG = "virtualport"
    type = field("@type", enum("none", "802.1Qbg", "802.1Qbh", "openvswitch", "midonet"))
    managerid = field("parameters/@managerid")
    typeid = field("parameters/@typeid")
    typeidversion = field("parameters/@typeidversion")
    instanceid = field("parameters/@instanceid")
    interfaceid = field("parameters/@interfaceid")
    profileid = field("parameters/@profileid")


class Rate(Element):
    """KiB a second; burst in KiB."""

    average = field("@average", uint(64))
    peak = field("@peak", uint(64))
    floor = field("@floor", uint(64))
    burst = field("@burst", uint(64))


class Bandwidth(Element):
    """<bandwidth>."""

    TAG = "bandwidth"
    inbound = child("inbound", Rate)
    outbound = child("outbound", Rate)


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


class IP(Element):
    """<ip>."""

    TAG = "ip"
    address = field("@address")
    family = field("@family")
    prefix = field("@prefix", uint())
    peer = field("@peer")


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
    start = field("@start", uint())
    end = field("@end", uint())
    to = field("@to", uint())
    exclude = field("@exclude", YES_NO)


class PortForward(Element):
    """<portForward>."""

    TAG = "portForward"
    proto = field("@proto", enum("tcp", "udp"))
    address = field("@address")
    dev = field("@dev")
    ranges = children("range", ForwardRange)


class Interface(Device, virtio=True):
    """A network interface."""

    TAG = "interface"
    type = field("@type", TYPES)
    managed = field("@managed", YES_NO)
    trust_guest = field("@trustGuestRxFilters", YES_NO)
    mac = field("mac/@address")
    mac_type = field("mac/@type", enum("generated", "static"))
    mac_check = field("mac/@check", YES_NO)
    source_type = field("source/@type")
    source_path = field("source/@path")
    source_bridge = field("source/@bridge")
    source_network = field("source/@network")
    source_portgroup = field("source/@portgroup")
    source_portid = field("source/@portid", live=True)
    source_name = field("source/@name")
    source_dev = field("source/@dev")
    source_mode = field("source/@mode")
    source_host = field("source/@address")
    source_port = field("source/@port", uint())
    local_host = field("source/local/@address")
    local_port = field("source/local/@port", uint())
    host_ips = children("source/ip", IP)
    host_routes = children("source/route", Route)
    source_address = child("source/address", HostAddress)
    source_reconnect = child("source/reconnect", Reconnect)
    vlan = child("vlan", Vlan)
    virtualport = child("virtualport", VirtualPort)
    bandwidth = child("bandwidth", Bandwidth)
    port_isolated = field("port/@isolated", YES_NO)
    ips = children("ip", IP)
    routes = children("route", Route)
    script = field("script/@path")
    downscript = field("downscript/@path")
    backenddomain = field("backenddomain/@name")
    target = field("target/@dev")
    target_managed = field("target/@managed", YES_NO)
    guest_dev = field("guest/@dev")
    model = field("model/@type")
    driver_name = field("driver/@name", enum("vhost", "qemu", "vfio", "kvm", "xen", "default"))
    txmode = field("driver/@txmode", enum("iothread", "timer"))
    ioeventfd = field("driver/@ioeventfd", ON_OFF)
    event_idx = field("driver/@event_idx", ON_OFF)
    queues = field("driver/@queues", uint())
    rx_queue_size = field("driver/@rx_queue_size", uint())
    tx_queue_size = field("driver/@tx_queue_size", uint())
    rss = field("driver/@rss", ON_OFF)
    rss_hash_report = field("driver/@rss_hash_report", ON_OFF)
    host_csum = field("driver/host/@csum", ON_OFF)
    host_gso = field("driver/host/@gso", ON_OFF)
    host_tso4 = field("driver/host/@tso4", ON_OFF)
    host_tso6 = field("driver/host/@tso6", ON_OFF)
    host_ecn = field("driver/host/@ecn", ON_OFF)
    host_ufo = field("driver/host/@ufo", ON_OFF)
    host_mrg_rxbuf = field("driver/host/@mrg_rxbuf", ON_OFF)
    guest_csum = field("driver/guest/@csum", ON_OFF)
    guest_tso4 = field("driver/guest/@tso4", ON_OFF)
    guest_tso6 = field("driver/guest/@tso6", ON_OFF)
    guest_ecn = field("driver/guest/@ecn", ON_OFF)
    guest_ufo = field("driver/guest/@ufo", ON_OFF)
    backend_type = field("backend/@type", enum("default"))
    backend_tap = field("backend/@tap")
    backend_vhost = field("backend/@vhost")
    backend_log = field("backend/@logFile")
    teaming_type = field("teaming/@type", enum("persistent", "transient"))
    teaming_persistent = field("teaming/@persistent")
    filterref = child("filterref", FilterRef)
    link = field("link/@state", enum("default", "up", "down"))
    mtu = field("mtu/@size", uint())
    sndbuf = field("tune/sndbuf", uint(64))
    coalesce_rx = field("coalesce/rx/frames/@max", uint())
    port_forwards = children("portForward", PortForward)

    def after_parse(self, node: etree._Element) -> None:
        for name in ("target", "script", "downscript", "model"):
            if self.__dict__.get(name) == "":
                self.__dict__[name] = None
        if self.model is not None and self.model.lower() in KNOWN_MODELS:
            self.model = self.model.lower()
        if self.filterref is not None and self.type not in _FILTERED:
            self.filterref = None
        if not self.is_virtio:
            self.backend_vhost = None
        if (self.queues or 0) <= 1:
            self.queues = None
        if not self.coalesce_rx:
            self.coalesce_rx = None
        if self.link == "default":
            self.link = None
        if self.driver_name == "default":
            self.driver_name = None

    @property
    def is_virtio(self) -> bool:
        """Does the guest see a virtio device?"""
        return (self.model or "").startswith("virtio")
