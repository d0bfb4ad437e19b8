# SPDX-License-Identifier: Apache-2.0
"""Disks of a running guest: found by name, and named as QEMU does (qemu_alias.c)."""

from typing import Any

from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.domain import Domain

_PERIPHERAL = "/machine/peripheral/"


def find(domain: Domain, path: str, *, ambiguous: bool = False) -> Disk | None:
    """The disk with that target, or the only one with that source (virDomainDiskByName).

    :param ambiguous: the first one will do when several have the source
    """
    for disk in domain.devices.disks:
        if disk.target == path:
            return disk  # type: ignore[no-any-return]
    found = [disk for disk in domain.devices.disks if path and disk.path == path]
    return found[0] if found and (ambiguous or len(found) == 1) else None


def device(disk: Disk) -> str:
    """What QEMU's commands call the device that has the disk's data."""
    alias = str(disk.alias)
    if disk.bus == "virtio":
        return f"{_PERIPHERAL}{alias}/virtio-backend"
    if disk.bus == "usb":
        return f"{_PERIPHERAL}{alias}/{alias}.0/legacy[0]"
    return alias


def format_node(disk: Disk) -> str | None:
    """The name of the node that a disk's device reads from; None when it is empty."""
    index = disk.source.index if disk.source is not None else None
    return None if index is None else f"libvirt-{index}-format"


def alias_of(row: dict[str, Any]) -> str:
    """The device's id in a row of QEMU's block lists."""
    name = str(row.get("qdev") or row.get("device") or "").removeprefix(_PERIPHERAL)
    return name.partition("/")[0].removeprefix("drive-")
