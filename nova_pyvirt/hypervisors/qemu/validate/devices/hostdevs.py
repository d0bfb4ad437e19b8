# SPDX-License-Identifier: Apache-2.0
"""Host devices (virDomainHostdevDefValidate, qemuValidateDomainDeviceDefHostdev)."""

from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.validate.common import bad_xml, unsupported, unsupported_domain
from nova_pyvirt.hypervisors.qemu.validate.devices.disks import check_scsi_place
from nova_pyvirt.model.devices.hostdev import Hostdev
from nova_pyvirt.model.domain import Domain

_PLACES = {
    "pci": (("pci", "unassigned"), Code.INTERNAL_ERROR,
            "PCI host devices must use 'pci' or 'unassigned' address type"),
    "scsi": (("drive",), Code.CONFIG_UNSUPPORTED,
             "SCSI host device must use 'drive' address type"),
    "scsi_host": (("pci", "ccw"), Code.CONFIG_UNSUPPORTED,
                  "SCSI_host host device must use 'pci' or 'ccw' address type"),
    "usb": (("usb",), Code.CONFIG_UNSUPPORTED, "USB host device must use 'usb' address type"),
}  # fmt: skip


def check(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: XML_ERROR, CONFIG_UNSUPPORTED, INTERNAL_ERROR"""
    seen: list[Hostdev] = []
    for item in domain.devices.hostdevs:
        _one(domain, item, caps)
        if any(_same(other, item) for other in seen):
            raise bad_xml("Hostdev already exists in the domain configuration")
        seen.append(item)
    ramfb = [h for h in domain.devices.hostdevs if h.ramfb]
    if len(ramfb) > 1:
        raise unsupported_domain("Only one vgpu device can have 'ramfb' enabled")


def _same(one: Hostdev, other: Hostdev) -> bool:
    """Are they the same device of the host (virDomainHostdevMatch)?"""
    if one.mode != "subsystem" or (one.mode, one.type) != (other.mode, other.type):
        return False
    if one.type == "usb":
        place = _place(one)
        if place[1] and place[5]:
            return place == _place(other)
        source, second = one.source, other.source
        return bool((source.vendor, source.product) == (second.vendor, second.product))
    return one.source.protocol == other.source.protocol and _identity(one) == _identity(other)


def _place(item: Hostdev) -> tuple[Any, ...]:
    names = ("domain", "bus", "slot", "function", "uuid", "device", "target", "unit")
    where = item.source.address
    return tuple(getattr(where, name, None) or 0 for name in names)


def _identity(item: Hostdev) -> tuple[Any, ...]:
    source = item.source
    if source.protocol == "iscsi":
        host = source.hosts[0] if source.hosts else None
        return (source.name, getattr(host, "name", None), getattr(host, "port", None))
    return (source.adapter, source.wwpn, *_place(item))


def _one(domain: Domain, item: Hostdev, caps: QemuCaps) -> None:
    if item.mode == "capabilities":
        raise unsupported(f"hostdev mode 'capabilities' is not supported in {domain.type}")
    if item.type == "pci" and item.source.address is None:
        raise bad_xml("Missing <address> element in pci hostdev device")
    kind = item.address.type if item.address is not None else None
    wanted = _PLACES.get(item.type)
    if wanted is not None and kind not in (None, "none", *wanted[0]):
        raise errors.error(wanted[1], wanted[2], domain=From.DOMAIN)
    if item.sgio == "unfiltered":
        raise unsupported_domain("unfiltered sgio is no longer supported")
    if item.type == "mdev":
        _mdev(domain, item, caps)
    elif item.type == "pci" and item.source.write_filtering is not None:
        raise unsupported(
            "Write filtering of PCI device configuration space is not supported by qemu"
        )
    elif item.type == "scsi" and kind == "drive":
        check_scsi_place(domain, item.address)
    elif item.type == "scsi_host" and item.boot_order:
        raise unsupported("booting from assigned devices is not supported by vhost SCSI devices")
    if item.teaming_type is not None:
        if item.teaming_type != "transient":
            raise unsupported_domain("teaming hostdev devices must have type='transient'")
        if not item.teaming_persistent:
            raise unsupported_domain(
                "missing required persistent attribute in hostdev teaming element"
            )
        if item.type != "pci":
            raise unsupported_domain("teaming is only supported for pci hostdev devices")


def _mdev(domain: Domain, item: Hostdev, caps: QemuCaps) -> None:
    if item.model == "vfio-ap":
        raise unsupported("VFIO AP device assignment is not supported by this version of QEMU")
    if item.model == "vfio-ccw":
        raise unsupported("VFIO CCW device assignment is not supported by this version of QEMU")
    if item.boot_order:
        raise unsupported(
            "booting from assigned devices is not supported by mediated devices of model vfio-pci"
        )
    if item.display and not domain.devices.graphics:
        raise unsupported("graphics device is needed for attribute value 'display=on' in <hostdev>")
