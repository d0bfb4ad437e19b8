# SPDX-License-Identifier: Apache-2.0
"""BLOCK: disks and, when asked for, the images below them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.block import qom, sizes
from nova_pyvirt.hypervisors.qemu.statgroups.request import Request
from nova_pyvirt.model.devices.disk import BackingStore, Disk
from nova_pyvirt.util.native import os
from nova_pyvirt.util.typed import UInt, ULLong

#: libvirt's name: QEMU's
_FRONT: Final = {
    "rd.reqs": "rd_operations",
    "rd.bytes": "rd_bytes",
    "rd.times": "rd_total_time_ns",
    "wr.reqs": "wr_operations",
    "wr.bytes": "wr_bytes",
    "wr.times": "wr_total_time_ns",
    "fl.reqs": "flush_operations",
    "fl.times": "flush_total_time_ns",
}


@dataclass(slots=True)
class _Answer:
    """What QEMU says: of devices by alias, of nodes by name."""

    devices: dict[str, dict[str, Any]] = field(default_factory=dict)
    stats: dict[str, dict[str, Any]] = field(default_factory=dict)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)


def disks(request: Request) -> None:
    """block.N.*: bytes, operations, nanoseconds."""
    answer = _ask(request)
    request.found["block.count"] = UInt(0)
    number = 0
    for disk in request.definition.devices.disks:
        for layer in _layers(disk, request.backing):
            _one(request, number, disk, layer, answer)
            number += 1
    request.found["block.count"] = UInt(number)


def _ask(request: Request) -> _Answer:
    if request.monitor is None:
        return _Answer()
    try:
        devices, stats, nodes = request.monitor.batch(
            [
                ("query-blockstats", None),
                ("query-blockstats", {"query-nodes": True}),
                ("query-named-block-nodes", {"flat": True}),
            ]
        )
    except libvirtError:  # blocked storage must not hide what is known without it
        return _Answer()
    return _Answer(
        {qom.alias_of(row): row for row in devices},
        {str(row["node-name"]): row for row in stats if "node-name" in row},
        {str(row["node-name"]): row for row in nodes},
    )


def _layers(disk: Disk, backing: bool) -> Iterator[Disk | BackingStore]:
    """The disk itself, then what is below it."""
    if disk.empty:
        return
    yield disk
    layer = disk.backing if backing and disk.type != "vhostuser" else None
    while layer is not None and layer.source is not None:
        yield layer
        layer = layer.backing


def _one(
    request: Request, number: int, disk: Disk, layer: Disk | BackingStore, answer: _Answer
) -> None:
    found, head = request.found, f"block.{number}"
    path = layer.source.local_path
    found[f"{head}.name"] = str(disk.target)
    if path:
        found[f"{head}.path"] = path
    index = layer.source.index if isinstance(layer, Disk) else layer.index
    if index:
        found[f"{head}.backingIndex"] = UInt(index)
    if request.private is None:
        _from_file(request, head, disk)
        return
    if isinstance(layer, Disk) and disk.alias in answer.devices:
        stats = answer.devices[disk.alias]["stats"]
        for name, theirs in _FRONT.items():
            found[f"{head}.{name}"] = ULLong(stats[theirs])
    if index:
        _from_nodes(request, head, index, path, answer)


def _from_file(request: Request, head: str, disk: Disk) -> None:
    """A guest that is off: its images are looked at."""
    if not disk.path or not os.path.exists(disk.path):
        return
    try:
        size = sizes.measure(disk)
    except libvirtError:
        return
    request.found[f"{head}.allocation"] = ULLong(size.allocation)
    request.found[f"{head}.capacity"] = ULLong(size.capacity)
    request.found[f"{head}.physical"] = ULLong(size.physical)


def _from_nodes(request: Request, head: str, index: int, path: str | None, answer: _Answer) -> None:
    found, name = request.found, f"libvirt-{index}-format"
    row, node = answer.stats.get(name), answer.nodes.get(name)
    if row is None or node is None:
        return
    parent = row.get("parent", {}).get("stats", {})
    found[f"{head}.allocation"] = ULLong(parent.get("wr_highest_offset", 0))
    image = node.get("image", {})
    if image.get("virtual-size"):
        found[f"{head}.capacity"] = ULLong(image["virtual-size"])
    physical = image.get("actual-size") or (sizes.physical_size(path) if path else None)
    if physical is not None:
        found[f"{head}.physical"] = ULLong(physical)
    threshold = answer.nodes.get(f"libvirt-{index}-storage", {}).get("write_threshold")
    if threshold:
        found[f"{head}.threshold"] = ULLong(threshold)
