# SPDX-License-Identifier: Apache-2.0
"""Disks of a running guest: found by name, and named as QEMU does (qemu_alias.c)."""

from collections.abc import Iterator
from typing import Any

from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.storage import DiskSource
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


def layers(disk: Disk) -> Iterator[tuple[int, DiskSource | None]]:
    """A running guest's disk, from the top image down: the number in libvirt's node names, and
    what the image is."""
    if disk.source is not None and disk.source.index is not None:
        yield int(disk.source.index), disk.source
    layer: Any = disk.backing
    while layer is not None:
        if layer.index is not None:
            yield int(layer.index), layer.source
        layer = layer.backing


def of_node(domain: Domain, node: str) -> tuple[Disk, int, DiskSource | None] | None:
    """Whose layer a block node is: the disk, the layer's number, the layer; None = nobody's."""
    for disk in domain.devices.disks:
        for number, source in layers(disk):
            if node.startswith(f"libvirt-{number}-"):
                return disk, number, source
    return None
