# SPDX-License-Identifier: Apache-2.0
"""Aliases: the ids that devices have in QEMU (qemuAssignDeviceAliases)."""

import re
from typing import Any

from nova_pyvirt.hypervisors.qemu.postparse import is_i440fx, is_q35
from nova_pyvirt.hypervisors.qemu.postparse.devices.disks import name_index
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.domain import Domain

_CONSOLE = re.compile(r"(?:console|serial)(\d+)\Z")
_MEMORY = {"dimm": "dimm", "nvdimm": "nvdimm", "virtio-pmem": "virtiopmem",
           "virtio-mem": "virtiomem", "sgx-epc": "epc"}  # fmt: skip


def assign(domain: Domain) -> None:
    """Gives every device without one an alias."""
    devices = domain.devices
    for disk in devices.disks:
        disk.alias = disk.alias or disk_alias(domain, disk)
    for nic in devices.interfaces:
        prefix = "hostdev" if nic.type == "hostdev" else "net"
        nic.alias = nic.alias or next_alias(domain, prefix)
    for controller in devices.controllers:
        controller.alias = controller.alias or controller_alias(domain, controller)
    for prefix, items in (("fs", devices.filesystems), ("hostdev", devices.hostdevs),
                          ("rng", devices.rngs)):  # fmt: skip
        for device in items:
            device.alias = device.alias or next_alias(domain, prefix)
    for prefix, items in (
        ("sound", devices.sounds), ("redir", devices.redirdevs), ("video", devices.videos),
        ("input", devices.inputs), ("parallel", devices.parallels), ("serial", devices.serials),
        ("channel", devices.channels), ("hub", devices.hubs), ("shmem", devices.shmems),
        ("smartcard", devices.smartcards), ("watchdog", devices.watchdogs), ("tpm", devices.tpms),
        ("panic", devices.panics), ("crypto", devices.cryptos),
    ):  # fmt: skip
        for number, device in enumerate(items):
            device.alias = device.alias or f"{prefix}{number}"
    _consoles(domain)
    for memory in devices.memories:
        memory.alias = memory.alias or _memory(domain, memory)
    for name, device in (("vsock0", devices.vsock), ("iommu0", devices.iommu)):
        if device is not None:
            device.alias = device.alias or name
    if devices.memballoon is not None and devices.memballoon.model != "none":
        devices.memballoon.alias = devices.memballoon.alias or "balloon0"


def _consoles(domain: Domain) -> None:
    devices = domain.devices
    for number, console in enumerate(devices.consoles):
        if number == 0 and console.target_type == "serial" and devices.serials:
            console.alias = devices.serials[0].alias
        else:
            console.alias = console.alias or f"console{number}"


def next_alias(domain: Domain, prefix: str) -> str:
    """The prefix with the number behind the highest in use."""
    pattern = re.compile(rf"{prefix}(\d+)\Z")
    taken = [
        int(match[1])
        for device in domain.devices.each()
        if device.alias and (match := pattern.match(device.alias))
    ]
    return f"{prefix}{max(taken, default=-1) + 1}"


def next_console(domain: Domain) -> str:
    """The same for a console, where the first may bear a serial port's name."""
    names = [str(console.alias) for console in domain.devices.consoles]
    taken = [int(match[1]) for name in names if (match := _CONSOLE.match(name))]
    return f"console{max(taken, default=-1) + 1}"


def _memory(domain: Domain, memory: Any) -> str:
    prefix = _MEMORY[memory.model]
    if memory.model in ("dimm", "nvdimm") and memory.address is not None:
        return f"{prefix}{memory.address.slot}"
    return next_alias(domain, prefix)


def disk_alias(domain: Domain, disk: Disk) -> str:
    """By place for disks on a controller, by name for others."""
    where = disk.address
    if where is None or where.type != "drive":
        return f"{disk.bus}-disk{name_index(disk.target) or 0}"
    head = f"{disk.bus}{where.controller}-{where.bus}"
    if disk.bus == "scsi" and scsi_model(domain, where.controller) != "lsilogic":
        return f"{head}-{where.target}-{where.unit}"
    return f"{head}-{where.unit}"


def scsi_model(domain: Domain, index: int) -> str | None:
    """The model of a SCSI controller; None when there is none."""
    for controller in domain.devices.controllers:
        if controller.type == "scsi" and controller.index == index:
            return str(controller.model)
    return None


def controller_alias(domain: Domain, controller: Controller) -> str:
    """Its type and index, but for those that QEMU itself names."""
    kind, index = controller.type, controller.index
    if kind == "pci":
        return f"pcie.{index}" if controller.model == "pcie-root" else f"pci.{index}"
    if index == 0:
        built_in = (kind == "ide" and is_i440fx(domain)) or (kind == "sata" and is_q35(domain))
        if built_in:
            return "ide"
        if kind == "usb":
            return "usb"
        if kind == "scsi" and controller.model == "ncr53c90":
            return "scsi"
    return f"{kind}{index}"
