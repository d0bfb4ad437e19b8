# SPDX-License-Identifier: Apache-2.0
"""Disks as the guest sees them (qemuBuildDiskDeviceProps); their block nodes are in blockdev."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices import blockdev
from nova_pyvirt.hypervisors.qemu.command.devices.guest import (
    Args,
    Guest,
    Props,
    device,
    object_,
    on_off,
    positive,
)
from nova_pyvirt.hypervisors.qemu.postparse import is_q35
from nova_pyvirt.model.devices.disk import Disk

_IDE = ("ide", "sata")


def reservation_manager(guest: Guest) -> Args:
    """-object of the helper that serves all disks with managed reservations."""
    for disk in guest.devices.disks:
        pr = disk.source.reservations if disk.source is not None else None
        if pr is not None and pr.managed is not False:
            path = f"{guest.ctx.lib_dir}/pr-helper0.sock"
            return object_("pr-manager-helper", "pr-helper0", path=path)
    return []


def disks(guest: Guest) -> Args:
    """-blockdev and -device of every disk."""
    args = _floppies(guest)
    numbers = blockdev.node_numbers(guest.domain)
    for disk in guest.devices.disks:
        if disk.transient and disk.share_backing:
            continue  # plugged into the running guest
        args += blockdev.nodes(guest, disk, numbers.get(disk.target, 0))
        args += device(props(guest, disk, numbers.get(disk.target, 0)))
    return args


def _floppies(guest: Guest) -> Args:
    floppies = [d for d in guest.devices.disks if d.bus == "fdc"]
    if not floppies:
        return []
    index: dict[str, int | None] = {"A": None, "B": None}
    for disk in floppies:
        unit = disk.address.unit if disk.address is not None else 0
        index["B" if unit else "A"] = guest.bootindex(disk)
    if is_q35(guest.domain):
        values = {f"bootindex{drive}": number for drive, number in index.items()}
        return device({"driver": "isa-fdc", **values})
    args: Args = []
    for drive, number in index.items():
        if number:
            args += ["-global", f"isa-fdc.bootindex{drive}={number}"]
    return args


def props(guest: Guest, disk: Disk, number: int) -> Props:
    """The properties of one disk.

    :param number: of its top block node
    :raises libvirtError: INTERNAL_ERROR for a bus without a device, INVALID_ARG for a bad wwn
    """
    found = _driver(guest, disk)
    if disk.bus == "virtio":
        place = guest.place(disk)
        # libvirt has the virtio options before, the queues after
        found = _virtio(guest, disk) | place
    else:
        found |= guest.place(disk, disk.bus)
    vhost = disk.type == "vhostuser"
    chardev = f"chr-vu-{disk.alias}" if vhost else None
    drive = None if vhost else blockdev.top_node(disk, number)
    werror, rerror = _policies(disk)
    removable = None
    if disk.bus == "usb" and guest.caps.has("usb-storage.removable"):
        removable = bool(disk.removable)
    return found | {
        "device_id": _vpd(disk),
        "share-rw": True if disk.shareable else None,
        "drive": drive,
        "chardev": chardev,
        "id": disk.alias,
        "bootindex": None if disk.device == "floppy" else guest.bootindex(disk),
        "logical_block_size": positive(disk.logical_block_size),
        "physical_block_size": positive(disk.physical_block_size),
        "wwn": _wwn(disk),
        "rotation_rate": positive(disk.rotation_rate),
        "vendor": disk.vendor,
        "product": disk.product,
        "removable": removable,
        "write-cache": _write_cache(disk),
        "cyls": positive(disk.cylinders),
        "heads": positive(disk.heads),
        "secs": positive(disk.sectors),
        "bios-chs-trans": disk.translation,
        "serial": _serial(disk),
        "werror": werror,
        "rerror": rerror,
    }


def _driver(guest: Guest, disk: Disk) -> Props:
    if disk.bus in _IDE:
        return {"driver": "ide-cd" if disk.device == "cdrom" else "ide-hd"}
    if disk.bus == "scsi":
        return {"driver": {"lun": "scsi-block", "cdrom": "scsi-cd"}.get(disk.device, "scsi-hd")}
    name = {"usb": "usb-storage", "fdc": "floppy", "virtio": ""}.get(disk.bus)
    if name is None:
        detail = f"unsupported disk bus '{disk.bus}' with device setup"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    return {"driver": name}


def _virtio(guest: Guest, disk: Disk) -> Props:
    vhost = disk.type == "vhostuser"
    scsi = None
    if not vhost and guest.caps.has("virtio-blk-pci.scsi"):
        if disk.device == "lun":
            scsi = True
        elif not guest.caps.has("virtio-blk-pci.scsi.default.disabled"):
            scsi = False
    return guest.virtio(disk, "vhost-user-blk" if vhost else "virtio-blk", disk.model) | {
        "iothread": f"iothread{disk.iothread}" if disk.iothread else None,
        "ioeventfd": disk.ioeventfd,
        "event_idx": disk.event_idx,
        "scsi": scsi,
        "num-queues": positive(disk.queues),
        "queue-size": positive(disk.queue_size),
    }


def _vpd(disk: Disk) -> str | None:
    """The identification page of SCSI disks, which had the drive's name once."""
    if disk.bus != "scsi" or disk.device == "lun":
        return None
    return str(disk.serial) if disk.serial else f"drive-{disk.alias}"


def _wwn(disk: Disk) -> int | None:
    if not disk.wwn:
        return None
    try:
        return int(disk.wwn, 16)
    except ValueError:
        detail = f"Failed to parse wwn '{disk.wwn}' as number"
        raise errors.error(Code.INVALID_ARG, detail) from None


def _write_cache(disk: Disk) -> str | None:
    mode = blockdev.cache_mode(disk)
    if mode is None or disk.device == "lun":
        return None
    return on_off(blockdev.CACHE[mode][2])


def _serial(disk: Disk) -> str | None:
    """A backslash protects blanks, as it did when options were text."""
    return disk.serial.replace(" ", "\\ ") if disk.serial else None


def _policies(disk: Disk) -> tuple[str | None, str | None]:
    werror, rerror = disk.error_policy, disk.rerror_policy
    if werror == "enospace":
        return "enospc", rerror
    return werror, rerror or werror
