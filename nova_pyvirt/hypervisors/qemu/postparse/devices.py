# SPDX-License-Identifier: Apache-2.0
"""Devices that a definition leaves out, and what it doesn't say of those it has."""

import re
import secrets

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.postparse.machine import is_q35
from nova_pyvirt.model.devices.chardev import Console, Serial
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.display import Input, Video
from nova_pyvirt.model.devices.misc import Audio, MemBalloon
from nova_pyvirt.model.domain import Domain

_TARGET_BUS = (("hd", "ide"), ("sd", "scsi"), ("vd", "virtio"), ("xvd", "xen"), ("fd", "fdc"))


def complete(domain: Domain) -> None:
    """Defaults of each device, and the devices that a domain always has."""
    _complete_disks(domain)
    _complete_interfaces(domain)
    _complete_chardevs(domain)
    _complete_displays(domain)
    _add_controllers(domain)


def _complete_disks(domain: Domain) -> None:
    sata = is_q35(domain)
    for disk in domain.devices.disks:
        disk.driver_name = disk.driver_name or "qemu"
        if disk.bus is None:
            bus = next((b for prefix, b in _TARGET_BUS if disk.target.startswith(prefix)), "ide")
            disk.bus = "sata" if bus == "ide" and sata else bus
        if disk.format is None and disk.source is not None:
            disk.format = "raw"
        if disk.device == "cdrom":
            disk.readonly = True
        if disk.address is None and disk.bus in ("ide", "scsi", "sata", "fdc"):
            disk.address = drive_address(disk)


def drive_index(target: str) -> int:
    """vda -> 0, sdb -> 1, sdaa -> 26."""
    match = re.match(r"[a-z]*?d([a-z]+)\d*\Z", target)
    if match is None:
        raise errors.error(
            Code.INTERNAL_ERROR, f"Unknown disk name '{target}' and no address specified",
            domain=From.DOMAIN,
        )  # fmt: skip
    index = 0
    for letter in match[1]:
        index = index * 26 + ord(letter) - 96
    return index - 1


def drive_address(disk: Disk) -> object:
    """Where a disk's name puts it on its controller."""
    from nova_pyvirt.model.devices.common import Address

    index = drive_index(disk.target)
    per_bus, units = {"ide": (4, 2), "fdc": (2, 2), "sata": (6, 6), "scsi": (7, 7)}[disk.bus]
    controller, rest = divmod(index, per_bus)
    bus, unit = divmod(rest, units)
    return Address(type="drive", controller=controller, bus=bus, target=0, unit=unit)


def _complete_interfaces(domain: Domain) -> None:
    for nic in domain.devices.interfaces:
        if nic.mac is None:
            nic.mac = "52:54:00:" + secrets.token_bytes(3).hex(":")
        nic.model = nic.model or ("e1000e" if is_q35(domain) else "rtl8139")
        target = nic.target or ""
        if target.startswith(("vnet", "macvtap", "macvlan")):
            nic.target = None


def _complete_chardevs(domain: Domain) -> None:
    devices = domain.devices
    for port, serial in enumerate(devices.serials):
        serial.target_type = serial.target_type or "isa-serial"
        serial.target_model = serial.target_model or serial.target_type
        serial.port = port if serial.port is None else serial.port
    for port, parallel in enumerate(devices.parallels):
        parallel.port = port if parallel.port is None else parallel.port
    for port, console in enumerate(devices.consoles):
        console.target_type = console.target_type or "serial"
        console.port = port if console.port is None else console.port
    if devices.serials and not devices.consoles:
        devices.consoles.insert(0, Console(target_type="serial", port=0))
    if devices.consoles and devices.consoles[0].target_type == "serial":
        if not devices.serials:
            console = devices.consoles[0]
            serial = Serial(target_type="isa-serial", target_model="isa-serial", port=0)
            copy_backend(console, serial)
            devices.serials.append(serial)
        copy_backend(devices.serials[0], devices.consoles[0])


def copy_backend(source: object, target: object) -> None:
    """The first console is the first serial port: same back-end."""
    for name, value in source.__dict__.items():
        if name == "type" or name.startswith(("source_", "log_", "protocol")):
            target.__dict__[name] = value


def _complete_displays(domain: Domain) -> None:
    devices = domain.devices
    for graphics in devices.graphics:
        if graphics.type not in ("vnc", "spice"):
            continue
        if graphics.socket or graphics.listen_type == "socket":
            continue
        graphics.listen_type = graphics.listen_type or "address"
        if graphics.listen_type == "address":
            graphics.listen = graphics.listen or graphics.listen_address
            graphics.listen_address = graphics.listen
        if graphics.autoport is None and graphics.port in (None, "-1"):
            graphics.autoport = True
        if graphics.autoport:
            graphics.port = "-1" if graphics.type == "vnc" else None
        if graphics.autoport is None:
            graphics.autoport = False
    if devices.graphics and not devices.videos:
        devices.videos.append(Video(model="cirrus"))
    for number, video in enumerate(devices.videos):
        _complete_video(video, primary=number == 0)
    if devices.graphics and not devices.audios:
        devices.audios.append(Audio(id=1, type="none"))
    devices.inputs = [d for d in devices.inputs if d.bus != "ps2"]
    for item in devices.inputs:
        item.bus = item.bus or "usb"
    devices.inputs += [Input(type="mouse", bus="ps2"), Input(type="keyboard", bus="ps2")]
    if devices.memballoon is None:
        devices.memballoon = MemBalloon(model="virtio")


def _complete_video(video: Video, *, primary: bool) -> None:
    model = video.model = video.model or "cirrus"
    if model != "none":
        video.heads = video.heads or 1
        if primary:
            video.primary = True
    if video.vram is None and model in ("cirrus", "vga", "vmvga"):
        video.vram = 16384
    if model == "qxl":
        video.ram = video.ram or 65536
        video.vram = video.vram or 65536
        video.vgamem = video.vgamem or 16384


def _add_controllers(domain: Domain) -> None:
    """Controllers that devices need and nobody listed; libvirt's order: usb, pci, then buses."""
    devices = domain.devices
    have = {(c.type, c.index) for c in devices.controllers}
    q35 = is_q35(domain)
    for number, controller in enumerate(c for c in devices.controllers if c.type == "usb"):
        controller.index = controller.index or number
        controller.model = controller.model or "piix3-uhci"
    if not any(kind == "usb" for kind, _ in have):
        model = "qemu-xhci" if q35 else "piix3-uhci"
        devices.controllers.append(Controller(type="usb", index=0, model=model))
    for controller in devices.controllers:
        controller.index = controller.index or 0
        if controller.type == "scsi":
            controller.model = controller.model or "lsilogic"
    if q35 and ("sata", 0) not in have:
        devices.controllers.append(Controller(type="sata", index=0))
    if not any(c.type == "pci" and c.index == 0 for c in devices.controllers):
        root = Controller(type="pci", index=0, model="pcie-root" if q35 else "pci-root")
        devices.controllers.append(root)
    _add_disk_controllers(domain, have)
    if devices.channels and not any(kind == "virtio-serial" for kind, _ in have):
        devices.controllers.append(Controller(type="virtio-serial", index=0))


def _add_disk_controllers(domain: Domain, have: set[tuple[str, int]]) -> None:
    needed: dict[str, int] = {}
    for disk in domain.devices.disks:
        if disk.bus in ("ide", "scsi", "fdc", "sata") and disk.address is not None:
            needed[disk.bus] = max(needed.get(disk.bus, 0), disk.address.controller or 0)
    known = {(c.type, c.index) for c in domain.devices.controllers} | have
    for kind, top in needed.items():
        for index in range(top + 1):
            if (kind, index) not in known:
                model = "lsilogic" if kind == "scsi" else None
                domain.devices.controllers.append(Controller(type=kind, index=index, model=model))
