# SPDX-License-Identifier: Apache-2.0
"""Changing an interface of a running guest: link, bridge (qemuDomainChangeNet)."""

import logging
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import audit
from nova_pyvirt.hypervisors.qemu.host import bandwidth, needs, net
from nova_pyvirt.hypervisors.qemu.hotplug import compat
from nova_pyvirt.hypervisors.qemu.hotplug.find import find_interface
from nova_pyvirt.hypervisors.qemu.postparse.devices.interfaces import generate_mac
from nova_pyvirt.model.devices.interface import Interface

LOG = logging.getLogger(__name__)
_DRIVER: Final = (
    "driver_name", "txmode", "ioeventfd", "event_idx", "queues", "rx_queue_size", "tx_queue_size",
    "host_csum", "host_gso", "host_tso4", "host_tso6", "host_ecn", "host_ufo", "host_mrg_rxbuf",
    "guest_csum", "guest_tso4", "guest_tso6", "guest_ecn", "guest_ufo", "rss", "rss_hash_report",
)  # fmt: skip
_OPTIONS: Final = ("iommu", "ats", "packed", "page_per_vq")
#: what a new description need not say: it stays as it is
_KEPT: Final = ("target", "address", "alias", "rom_bar", "rom_file", "boot_order", "rom_enabled")
_CONNECTIONS: Final = {
    "server": ("source_host", "source_port"), "client": ("source_host", "source_port"),
    "mcast": ("source_host", "source_port"), "udp": ("source_host", "source_port"),
    "internal": ("source_name",),
}  # fmt: skip
#: types that nothing can be changed of
_FIXED: Final = ("vhostuser", "hostdev", "vdpa", "null", "vds")


def change(vm: DomainObj, new: Interface) -> None:
    """
    :param new: a whole description, with its defaults
    :raises libvirtError: DEVICE_MISSING; OPERATION_UNSUPPORTED for what can't be changed,
        OPERATION_FAILED for a bridge that isn't there; SYSTEM_ERROR, what QEMU says
    """
    old = find_interface(vm.definition, new)
    compat.check(vm.definition, "interfaces", new, old, live=True)
    if old.type in ("hostdev", "vdpa"):
        raise _unsupported(f"cannot change config of '{old.type}' network interface type")
    new.mac = new.mac or generate_mac()
    if new.mac != old.mac:
        raise _unsupported(
            f"cannot change network interface mac address from {old.mac} to {new.mac}"
        )
    _check_device(old, new)
    needs.check_interface(new)
    if new.type in ("hostdev", "vdpa"):
        raise _unsupported(f"cannot change network interface type to '{new.type}'")
    if old.type == new.type and new.type in _FIXED:
        raise _unsupported(f"unable to change config on '{new.type}' network type")
    if _reconnects(old, new):
        raise _unsupported(f"unable to change config on '{new.type}' network type")
    if old.bandwidth != new.bandwidth and new.type in net.TAP_TYPES:
        bandwidth.limit(old.target, new.bandwidth)
    if old.source_bridge != new.source_bridge:
        _bridge(vm, old, new)
    if (old.link or "up") != (new.link or "up"):
        args = {"name": str(old.alias), "up": new.link != "down"}
        vm.private.mon.command("set_link", args)
    with vm.lock:
        _take_over(old, new)


def _unsupported(detail: str) -> libvirtError:
    return errors.error(Code.OPERATION_UNSUPPORTED, detail)


def _check_device(old: Interface, new: Interface) -> None:
    """What the guest sees of it."""
    if old.model != new.model:
        known = f"from {old.model or '<null>'} to {new.model or '<null>'}"
        raise _unsupported(f"cannot modify network device model {known}")
    if old.is_virtio and _differ(old, new, *_DRIVER):
        raise _unsupported("cannot modify virtio network device driver attributes")
    if _differ(old, new, *_OPTIONS):
        raise _unsupported("cannot modify virtio network device driver options")
    if _differ(old, new, "script"):
        raise _unsupported("cannot modify network device script attribute")
    for key in _KEPT:
        if new.__dict__.get(key) is None:
            new.__dict__[key] = old.__dict__.get(key)
    if old.target != new.target:
        raise _unsupported("cannot modify network device tap name")
    if old.address is not None and new.address is not None:
        if old.address.type != new.address.type or old.address.key() != new.address.key():
            raise _unsupported("cannot modify network device guest PCI address")
    for key, what in (
        ("rom_bar", "device rom bar setting"), ("rom_file", "rom file"),
        ("boot_order", "device boot index setting"), ("rom_enabled", "device rom enabled setting"),
    ):  # fmt: skip
        if getattr(old, key) != getattr(new, key):
            raise _unsupported(f"cannot modify network {what}")
    if _differ(old, new, "mtu"):
        raise _unsupported("cannot modify MTU")


def _differ(old: Interface, new: Interface, *names: str) -> bool:
    return any((getattr(old, name) or None) != (getattr(new, name) or None) for name in names)


def _reconnects(old: Interface, new: Interface) -> bool:
    """Would it need another back-end?"""
    if _differ(old, new, "sndbuf", "source_dev", "source_mode", "virtualport"):
        return True
    if old.type != new.type:
        return not {old.type, new.type} <= {"bridge", "network"}
    return _differ(old, new, *_CONNECTIONS.get(new.type, ()))


def _bridge(vm: DomainObj, old: Interface, new: Interface) -> None:
    name, before, after = str(old.target), old.source_bridge, new.source_bridge
    if not before or not after:
        raise errors.error(Code.INTERNAL_ERROR, "Missing bridge name")
    if not net.exists(after):
        raise errors.error(Code.OPERATION_FAILED, f"bridge {after} doesn't exist")
    try:
        net.leave(before, name)
    except libvirtError as exc:  # the bridge may have been made anew
        LOG.warning("domain %s: %s", vm.name, exc)
    audit.device(vm, "interfaces", old, None, "detach")
    try:
        net.join(after, name)
    except libvirtError:
        audit.device(vm, "interfaces", None, new, "attach", success=False)
        net.join(before, name)
        raise
    audit.device(vm, "interfaces", None, new, "attach")


def _take_over(old: Interface, new: Interface) -> None:
    """What can be changed is the new one's."""
    values: dict[str, Any] = new.__dict__
    for name in ("type", "source_bridge", "link", "trust_guest", "bandwidth", "filterref", "vlan",
                 "port_isolated", "coalesce_rx"):  # fmt: skip
        old.__dict__[name] = values.get(name)
