# SPDX-License-Identifier: Apache-2.0
"""Interfaces (virDomainNetDefValidate, qemuValidateDomainDeviceDefNetwork)."""

import ipaddress

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.validate.common import (
    bad_xml,
    no_virtio_options,
    unsupported,
    unsupported_domain,
)
from nova_pyvirt.model.devices.interface import KNOWN_MODELS, Interface
from nova_pyvirt.model.domain import Domain

_HOST_TYPES = ("usb", "pci", "scsi", "scsi_host", "mdev")
_MTU = ("network", "bridge", "ethernet", "vhostuser", "direct")
_COALESCE = ("network", "bridge", "ethernet", "direct")
_VLAN = ("hostdev", "vdpa", "network")


def check(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: XML_ERROR, CONFIG_UNSUPPORTED, INTERNAL_ERROR"""
    for nic in domain.devices.interfaces:
        _source(nic)
        _general(nic)
        _addresses(nic)
        _virtio(nic, caps)
        _teaming(nic)
        if nic.type == "vdpa" and not caps.has("netdev.vhost-vdpa"):
            raise unsupported("vDPA devices are not supported with this QEMU binary")


def _source(nic: Interface) -> None:
    kind = nic.type
    if kind == "bridge" and nic.source_bridge is None:
        raise _missing("bridge", "source")
    if kind == "internal" and nic.source_name is None:
        raise _missing("name", "source")
    if kind == "network" and nic.source_network is None:
        raise _missing("network", "source")
    if kind == "direct" and nic.source_dev is None:
        raise _missing("dev", "source")
    if kind == "vdpa" and nic.source_dev is None:
        raise _missing("dev", "source")
    if kind == "hostdev" and (nic.source_address is None or not nic.source_address.type):
        raise bad_xml("missing source address type")
    if kind == "hostdev" and nic.source_address.type not in _HOST_TYPES:
        raise unsupported_domain(
            f"unknown host device source address type '{nic.source_address.type}'"
        )
    if kind == "vhostuser":
        _vhost_user(nic)
    if kind in ("client", "server", "mcast", "udp"):
        if nic.source_port is None:
            raise _missing("port", "source")
        if nic.source_host is None and kind != "server":
            raise _missing("address", "source")


def _missing(attribute: str, element: str) -> errors.libvirtError:
    text = f"Missing required attribute '{attribute}' in element '{element}'"
    return errors.error(Code.XML_ERROR, text, domain=From.XML)


def _internal(detail: str, domain: From = From.QEMU) -> errors.libvirtError:
    return errors.error(Code.INTERNAL_ERROR, detail, domain=domain)


def _vhost_user(nic: Interface) -> None:
    for name in ("type", "path", "mode"):
        if getattr(nic, f"source_{name}") is None:
            raise _missing(name, "source")
    if nic.source_type != "unix":
        raise unsupported_domain(f"Type='{nic.source_type}' unsupported for <interface"
                                 " type='vhostuser'>")  # fmt: skip
    again = nic.source_reconnect
    if nic.source_mode == "server" and again is not None and again.enabled is not None:
        raise unsupported_domain(
            "'reconnect' attribute unsupported 'server' mode for <interface type='vhostuser'>"
        )
    if not nic.is_virtio:
        raise _internal(
            "Wrong or no <model> 'type' attribute specified with <interface type='vhostuser'/>."
            " vhostuser requires the virtio-net* frontend", From.DOMAIN,
        )  # fmt: skip


def _general(nic: Interface) -> None:
    if (nic.host_ips or nic.host_routes) and nic.type != "ethernet":
        raise unsupported_domain(
            "Invalid attempt to set network interface host-side IP route and/or address info on"
            f" interface of type '{nic.type}'. This is only supported on interfaces of type"
            " 'ethernet'"
        )
    if nic.target_managed is False and nic.type != "ethernet":
        raise unsupported_domain(
            f"unmanaged target dev is not supported on interfaces of type '{nic.type}'"
        )
    port = nic.virtualport
    openvswitch = port is not None and port.type == "openvswitch"
    if nic.vlan is not None and nic.vlan.tags and nic.type not in _VLAN:
        passthrough = nic.type == "direct" and nic.source_mode == "passthrough"
        if not passthrough and not (nic.type == "bridge" and openvswitch):
            raise unsupported_domain(
                f"interface {nic.mac} - vlan tag not supported for this connection type"
            )
    if nic.bandwidth is not None and nic.type == "hostdev":
        raise unsupported_domain(
            f"interface {nic.mac} - bandwidth settings are not supported for hostdev interfaces"
        )
    if nic.port_isolated and nic.type not in ("network", "bridge"):
        raise unsupported_domain(
            f"interface {nic.mac} - <port isolated='yes'/> is not supported for network"
            f" interfaces with type='{nic.type}'"
        )
    if nic.mtu and nic.type not in _MTU:
        raise unsupported(f"setting MTU on interface type {nic.type} is not supported yet")
    if nic.coalesce_rx and nic.type not in _COALESCE:
        raise unsupported(f"coalesce settings on interface type {nic.type} are not supported")
    if nic.script and nic.type != "ethernet":
        raise unsupported(f"scripts are not supported on interfaces of type {nic.type}")


def _addresses(nic: Interface) -> None:
    if nic.type == "user":
        families = [ipaddress.ip_address(ip.address).version for ip in nic.ips]
        if nic.routes:
            raise unsupported(
                "Invalid attempt to set network interface guest-side IP route, not supported by QEMU"
            )
        for ip, family in zip(nic.ips, families, strict=True):
            _user_address(nic, ip, family)
        for family in (4, 6):
            if families.count(family) > 1:
                raise unsupported(f"Only one IPv{family} address per interface is allowed")
    elif nic.type != "vdpa" and (nic.ips or nic.routes):
        raise unsupported(
            "Invalid attempt to set network interface guest-side IP route and/or address info, not"
            " supported by QEMU"
        )


def _user_address(nic: Interface, ip: object, family: int) -> None:
    prefix, peer = getattr(ip, "prefix", None), getattr(ip, "peer", None)
    if peer:
        raise unsupported("Invalid attempt to set peer IP for guest")
    if family == 4 and prefix and not 4 <= prefix <= 27:
        detail = "invalid prefix, must be in range of 4-27"
        raise errors.error(Code.XML_ERROR, detail, domain=From.QEMU)
    if family == 6 and prefix and prefix > 120:
        raise errors.error(Code.XML_ERROR, "prefix too long", domain=From.QEMU)
    if family == 6 and prefix and prefix != 64:
        raise unsupported(f"unsupported IPv6 address prefix='{prefix}' - must be 64")


def _virtio(nic: Interface, caps: QemuCaps) -> None:
    if not nic.is_virtio:
        no_virtio_options(nic)
        if nic.type == "vdpa":
            model = nic.model if nic.model in KNOWN_MODELS else "unknown"
            raise unsupported(f"invalid model for interface of type '{nic.type}': '{model}'")
        return
    for name in ("rx_queue_size", "tx_queue_size"):
        size = getattr(nic, name)
        if size and size & (size - 1):
            raise unsupported(f"{name} has to be a power of two")
    if nic.rss is not None and not caps.has("virtio-net.rss"):
        raise unsupported("virtio rss is not supported with this QEMU binary")
    if nic.rss_hash_report is not None and not caps.has("virtio-net.rss"):
        raise unsupported("virtio rss hash report is not supported with this QEMU binary")


def _teaming(nic: Interface) -> None:
    kind = nic.teaming_type
    if kind is None:
        return
    if kind == "transient":
        if not nic.teaming_persistent:
            raise unsupported_domain(
                "teaming persistent attribute must be set if teaming type is 'transient'"
            )
        if nic.type not in ("hostdev", "network"):
            raise unsupported(
                f"virtio-net teaming transient interface must be type='hostdev', not '{nic.type}'"
            )
        return
    if nic.teaming_persistent:
        raise unsupported_domain(
            f"teaming persistent attribute not allowed if teaming type is '{kind}'"
        )
    if not nic.is_virtio:
        raise unsupported(
            "virtio-net teaming persistent interface must be <model type='virtio'/>, not"
            f" '{nic.model}'"
        )
