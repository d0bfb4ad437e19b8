# SPDX-License-Identifier: Apache-2.0
"""<interface>."""

from nova_pyvirt.model.devices.common import Address, Device, address, alias
from nova_pyvirt.model.kinds import ON_OFF, YES_NO, enum, uint
from nova_pyvirt.model.xmlbind import child, field, raw


class Interface(Device):
    """A network interface."""

    TAG = "interface"
    type = field(
        "@type",
        enum("ethernet", "vhostuser", "server", "client", "mcast", "network", "bridge",
             "internal", "direct", "hostdev", "udp", "user", "vdpa", "null"),
    )  # fmt: skip
    managed = field("@managed", YES_NO)
    trust_guest = field("@trustGuestRxFilters", YES_NO)
    mac = field("mac/@address")
    source_bridge = field("source/@bridge")
    source_network = field("source/@network")
    source_portgroup = field("source/@portgroup")
    source_dev = field("source/@dev")
    source_mode = field("source/@mode")
    source_type = field("source/@type")
    source_path = field("source/@path")
    source_address = child("source/address", Address)
    vlan = raw("vlan")
    virtualport = raw("virtualport")
    bandwidth = raw("bandwidth")
    target = field("target/@dev")
    target_managed = field("target/@managed", YES_NO)
    guest_dev = field("guest/@dev")
    model = field("model/@type")
    driver_name = field("driver/@name", enum("vhost", "qemu", "vfio"))
    queues = field("driver/@queues", uint())
    rx_queue_size = field("driver/@rx_queue_size", uint())
    tx_queue_size = field("driver/@tx_queue_size", uint())
    event_idx = field("driver/@event_idx", ON_OFF)
    boot_order = field("boot/@order", uint())
    filterref = raw("filterref")
    link = field("link/@state", enum("up", "down"))
    mtu = field("mtu/@size", uint())
    alias = alias()
    address = address()
