# SPDX-License-Identifier: Apache-2.0
"""Limits of disks as QEMU's block_set_io_throttle takes them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nova_pyvirt.hypervisors.qemu.block import qom
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.domain import Domain

#: libvirt's name: QEMU's, in the order of libvirt's parameters
FIELDS: Final = {
    "total_bytes_sec": "bps",
    "read_bytes_sec": "bps_rd",
    "write_bytes_sec": "bps_wr",
    "total_iops_sec": "iops",
    "read_iops_sec": "iops_rd",
    "write_iops_sec": "iops_wr",
    "total_bytes_sec_max": "bps_max",
    "read_bytes_sec_max": "bps_rd_max",
    "write_bytes_sec_max": "bps_wr_max",
    "total_iops_sec_max": "iops_max",
    "read_iops_sec_max": "iops_rd_max",
    "write_iops_sec_max": "iops_wr_max",
    "size_iops_sec": "iops_size",
    "group_name": "group",
    "total_bytes_sec_max_length": "bps_max_length",
    "read_bytes_sec_max_length": "bps_rd_max_length",
    "write_bytes_sec_max_length": "bps_wr_max_length",
    "total_iops_sec_max_length": "iops_max_length",
    "read_iops_sec_max_length": "iops_rd_max_length",
    "write_iops_sec_max_length": "iops_wr_max_length",
}


def arguments(device: str, values: Mapping[str, int], group: str | None) -> dict[str, Any]:
    """QEMU wants every number but the lengths of bursts, which it takes only when positive."""
    args: dict[str, Any] = {"id": device}
    for ours, theirs in FIELDS.items():
        value = values.get(ours, 0)
        if ours != "group_name" and (value or not ours.endswith("_length")):
            args[theirs] = value
    if group:
        args["group"] = group
    return args


def at_start(domain: Domain) -> list[tuple[str, dict[str, Any]]]:
    """Commands for the disks of a definition that have limits (qemuProcessSetupDiskThrottling)."""
    return commands(domain.devices.disks)


def commands(disks: Iterable[Disk]) -> list[tuple[str, dict[str, Any]]]:
    """The same for some disks."""
    wanted = []
    for disk in disks:
        tune = disk.iotune
        if tune is None or disk.empty or disk.type == "vhostuser":
            continue
        values = {name: tune.__dict__.get(name) or 0 for name in FIELDS if name != "group_name"}
        if any(values.values()):
            args = arguments(qom.device(disk), values, tune.group_name)
            wanted.append(("block_set_io_throttle", args))
    return wanted
