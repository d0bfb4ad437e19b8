# SPDX-License-Identifier: Apache-2.0
"""Aliases: the ids that devices have in QEMU (qemuAssignDeviceAliases)."""

from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.domain import Domain


def assign(domain: Domain) -> None:
    """Gives every device without one an alias."""
    devices = domain.devices
    for disk in devices.disks:
        disk.alias = disk.alias or _disk(disk, domain)
    for controller in devices.controllers:
        controller.alias = controller.alias or _controller(controller, domain)
    for prefix, items in (
        ("net", devices.interfaces),
        ("serial", devices.serials),
        ("parallel", devices.parallels),
        ("channel", devices.channels),
        ("input", devices.inputs),
        ("sound", devices.sounds),
        ("video", devices.videos),
        ("watchdog", devices.watchdogs),
        ("rng", devices.rngs),
        ("panic", devices.panics),
    ):
        for number, device in enumerate(items):
            device.alias = device.alias or f"{prefix}{number}"
    for number, console in enumerate(devices.consoles):
        mirrored = number == 0 and console.target_type == "serial" and devices.serials
        console.alias = (
            devices.serials[0].alias if mirrored else console.alias or f"console{number}"
        )
    if devices.memballoon is not None and devices.memballoon.model != "none":
        devices.memballoon.alias = devices.memballoon.alias or "balloon0"


def _disk(disk: Disk, domain: Domain) -> str:
    if disk.bus in ("virtio", "usb"):
        same = [d for d in domain.devices.disks if d.bus == disk.bus]
        number = next(i for i, d in enumerate(same) if d is disk)
        return f"{disk.bus}-disk{number}"
    address = disk.address
    bus = {"sata": "sata", "scsi": "scsi", "fdc": "fdc"}.get(disk.bus, "ide")
    if bus == "scsi" and _scsi_model(domain, address.controller) != "lsilogic":
        return f"scsi{address.controller}-{address.bus}-{address.target}-{address.unit}"
    return f"{bus}{address.controller}-{address.bus}-{address.unit}"


def _scsi_model(domain: Domain, index: int) -> str | None:
    for controller in domain.devices.controllers:
        if controller.type == "scsi" and controller.index == index:
            return str(controller.model)
    return None


def _controller(controller: Controller, domain: Domain) -> str:
    kind, index = controller.type, controller.index
    if kind == "pci":
        return "pcie.0" if controller.model == "pcie-root" else f"pci.{index}"
    if kind in ("ide", "sata") and index == 0:
        return "ide"
    if kind == "usb":
        return "usb" if index == 0 else f"usb{index}"
    return f"{kind}{index}"
