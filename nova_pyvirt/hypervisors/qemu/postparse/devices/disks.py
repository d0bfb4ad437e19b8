# SPDX-License-Identifier: Apache-2.0
"""Disks: bus, driver, format, place on the controller (virDomainDiskDefPostParse)."""

import re
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.postparse.bounds import CONTROLLERS
from nova_pyvirt.model.devices.common import Address
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.storage import DEFAULT_PORTS, DiskSource
from nova_pyvirt.model.domain import Domain

_NAME = re.compile(r"(?:fd|hd|vd|sd|xvd|ubd)([a-z]+)\d*\Z")
_PREFIXES = (("hd", "ide"), ("sd", "scsi"), ("vd", "virtio"), ("xvd", "xen"), ("ubd", "uml"))
#: units of a controller and of one of its buses
_UNITS = {"ide": (4, 2), "fdc": (2, 2), "sata": (6, 6), "scsi": (7, 7)}


def name_index(target: str | None) -> int | None:
    """vda -> 0, sdb -> 1, sdaa -> 26; None for other names."""
    match = _NAME.match(target or "")
    if match is None:
        return None
    index = 0
    for letter in match[1]:
        index = index * 26 + ord(letter) - 96
    return index - 1


def drive_index(target: str) -> int:
    """The same, for a disk that has no address.

    :raises libvirtError: XML_ERROR
    """
    index = name_index(target)
    if index is None:
        detail = f"Unknown disk name '{target}' and no address specified"
        raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
    return index


def drive_address(disk: Disk) -> Address:
    """Where a disk's name puts it on its controller.

    :raises libvirtError: XML_ERROR, also for a name so far on that nobody has the controllers
    """
    controller, rest = divmod(drive_index(disk.target), _UNITS[disk.bus][0])
    if controller > CONTROLLERS:
        detail = f"Unknown disk name '{disk.target}' and no address specified"
        raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
    bus, unit = divmod(rest, _UNITS[disk.bus][1])
    return Address(type="drive", controller=controller, bus=bus, target=0, unit=unit)


def sort(domain: Domain) -> None:
    """The order of a list into which disks were put by bus and name (virDomainDiskInsert)."""
    buses: dict[str | None, list[Disk]] = {}
    for disk in domain.devices.disks:
        buses.setdefault(disk.bus, []).append(disk)
    domain.devices.disks = [disk for bus in buses.values() for disk in sorted(bus, key=_rank)]


def _rank(disk: Disk) -> int:
    index = name_index(disk.target)
    return -1 if index is None else index


def insert(disks: list[Disk], disk: Disk) -> None:
    """Puts a disk behind those of its bus whose names come before."""
    bus = [place for place, other in enumerate(disks) if other.bus == disk.bus]
    later = [place for place in bus if _rank(disks[place]) > _rank(disk)]
    disks.insert(min(later) if later else bus[-1] + 1 if bus else len(disks), disk)


def complete(domain: Domain) -> None:
    """:raises libvirtError: XML_ERROR for a name that says no place"""
    for disk in domain.devices.disks:
        placed = disk.address is not None
        complete_one(disk)
        if disk.bus == "scsi" and not placed:
            _no_hostdev(domain, disk)


def _no_hostdev(domain: Domain, disk: Disk) -> None:
    where = disk.address
    for device in domain.devices.hostdevs:
        other = device.address
        if device.type != "scsi" or other is None or other.type != "drive":
            continue
        if (other.controller, other.bus, other.target, other.unit) == (
            where.controller, where.bus, where.target, where.unit,
        ):  # fmt: skip
            raise errors.error(
                Code.CONFIG_UNSUPPORTED,
                f"using disk target name '{disk.target}' conflicts with SCSI host device address"
                f" controller='{where.controller}' bus='0' target='0' unit='{where.unit}",
                domain=From.DOMAIN,
            )


def complete_one(disk: Disk) -> None:
    """The defaults of one disk."""
    if disk.target is None:
        raise errors.error(Code.NO_TARGET, disk.path, domain=From.DOMAIN)
    disk.target = disk.target.removeprefix("ioemu:")
    if disk.driver_name is None:
        disk.driver_name = "qemu"
    if disk.bus in (None, "none"):
        disk.bus = _default_bus(disk)
    if disk.source is None and disk.type in ("file", "block", "dir"):
        disk.__dict__.pop("source", None)
    if disk.format in (None, "none") and disk.type != "volume":
        disk.format = "raw"
    if disk.device == "cdrom":
        disk.readonly = True
    if disk.snapshot == "default" or (disk.snapshot == "no" and disk.readonly):
        disk.snapshot = None
    if disk.snapshot is None and disk.type == "vhostuser":
        disk.snapshot = "no"
    layer: Any = disk
    while layer is not None:
        if layer.source is not None:
            _complete_source(layer, layer.source)
        layer = layer.backing
    if disk.source is None:
        disk.type = "file"  # what libvirt calls a drive without a medium
    if disk.cache == "default":
        disk.cache = None
    _encryption_engine(disk)
    if disk.address is None:
        if disk.bus in _UNITS:
            disk.address = drive_address(disk)
        else:
            drive_index(disk.target)


def _default_bus(disk: Disk) -> str:
    if disk.device == "floppy":
        return "fdc"
    return next((bus for prefix, bus in _PREFIXES if disk.target.startswith(prefix)), "ide")


def _complete_source(image: Any, source: DiskSource) -> None:
    if image.type == "network" and source.protocol == "iscsi":
        if source.name and "/" not in source.name:
            source.name += "/0"
    if image.type == "nvme" and source.managed is None:
        source.managed = True
    for host in source.hosts if image.type == "network" else ():
        if host.transport is None and not host.port:
            host.port = DEFAULT_PORTS.get(source.protocol)


def _encryption_engine(disk: Disk) -> None:
    layer = disk
    while layer is not None:
        for owner in (layer.source, layer):
            encryption = getattr(owner, "encryption", None)
            if encryption is not None and encryption.engine is None:
                encryption.engine = "qemu"
        layer = layer.backing
