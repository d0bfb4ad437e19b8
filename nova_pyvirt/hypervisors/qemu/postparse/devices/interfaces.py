# SPDX-License-Identifier: Apache-2.0
"""Interfaces: MAC address, model, names that the host gives."""

import re
import secrets

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.model.devices.interface import Interface
from nova_pyvirt.model.domain import Domain

_MAC = re.compile(r"([0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}\Z")
#: names of devices that libvirt makes; not kept in definitions
_OWN_NAMES = ("vnet", "macvtap", "macvlan")


def prepare(domain: Domain) -> None:
    """MAC addresses, identities of switch ports, and what a type doesn't use.

    :raises libvirtError: XML_ERROR
    """
    for nic in domain.devices.interfaces:
        _mac(nic)
        if nic.virtualport is not None:
            nic.virtualport.generate()
        _unused(nic)
        if nic.target and nic.target.startswith(_OWN_NAMES) and domain.id is None:
            if nic.type != "ethernet" or nic.target_managed is not False:
                nic.target = None


def _mac(nic: Interface) -> None:
    if nic.mac is None:
        nic.mac = generate_mac()
        return
    if _MAC.match(nic.mac) is None:
        detail = f"unable to parse mac address '{nic.mac}'"
        raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
    nic.mac = ":".join(f"{int(part, 16):02x}" for part in nic.mac.split(":"))
    if int(nic.mac[:2], 16) & 1:
        detail = f"expected unicast mac address, found multicast '{nic.mac}'"
        raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)


def generate_mac() -> str:
    """A MAC address as QEMU's guests have them."""
    return "52:54:00:" + secrets.token_bytes(3).hex(":")


def _unused(nic: Interface) -> None:
    if nic.type == "direct" and nic.source_mode is None:
        nic.source_mode = "vepa"
    if nic.type in ("hostdev", "vhostuser"):
        nic.managed = nic.managed or None


def complete(domain: Domain, caps: QemuCaps) -> None:
    """Models."""
    for nic in domain.devices.interfaces:
        if nic.model is None:
            if nic.type == "vdpa":
                nic.model = "virtio"
            elif nic.type != "hostdev":
                nic.model = default_model(caps)


def default_model(caps: QemuCaps) -> str:
    """The model of an interface that names none."""
    for model, flag in (("rtl8139", "rtl8139"), ("e1000", "e1000"), ("virtio", "virtio-net")):
        if caps.has(flag):
            return model
    return "rtl8139"
