# SPDX-License-Identifier: Apache-2.0
"""Disks (virDomainDiskDefValidate, qemuValidateDomainDeviceDefDisk)."""

import re
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.postparse import is_i440fx
from nova_pyvirt.hypervisors.qemu.postparse.devices.disks import name_index
from nova_pyvirt.hypervisors.qemu.validate.common import (
    bad_xml,
    no_virtio_options,
    unsupported,
    unsupported_domain,
)
from nova_pyvirt.hypervisors.qemu.validate.devices import storage
from nova_pyvirt.model.devices.common import Address
from nova_pyvirt.model.devices.disk import Disk, IOTune
from nova_pyvirt.model.domain import Domain

_ADDRESSES = {
    "ide": ("drive",), "fdc": ("drive",), "scsi": ("drive",), "sata": ("drive",),
    "virtio": ("pci", "ccw", "virtio-mmio", "virtio-s390"), "xen": (), "uml": (),
    "sd": (),
}  # fmt: skip
_BUSES = {"ide", "scsi", "virtio", "usb", "sata", "fdc", "sd", "xen"}
_PREFIXES = ("hd", "sd", "vd", "xvd", "ubd")
_SERIAL = re.compile(r"[A-Za-z0-9_ .+-]*\Z")
_PARTITION = re.compile(r"[a-z]+(\d+)\Z")
_THROTTLE_MAX = 1000000000000000
_VENDOR, _PRODUCT = 8, 16


def internal(detail: str, domain: From = From.QEMU) -> errors.libvirtError:
    """libvirt's odd choice for some refusals."""
    return errors.error(Code.INTERNAL_ERROR, detail, domain=domain)


def check(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: for a disk that can't be, or two in one place"""
    for disk in domain.devices.disks:
        storage.check(disk)
        _general(disk)
        _iotune(disk)
        if disk.type == "vhostuser":
            storage.check_vhost_user(domain, disk)
        _names(disk)
        _frontend(domain, disk)
        _properties(disk, caps)
        _place(domain, disk)
        _transient(disk)
        _shared(disk)
        storage.check_formats(disk)
        _iothread(domain, disk)
    _duplicates(domain)
    _groups(domain)


def _general(disk: Disk) -> None:
    if disk.sgio == "unfiltered":
        raise unsupported_domain("unfiltered sgio is no longer supported")
    if disk.device != "lun":
        if disk.source is not None and disk.source.reservations is not None:
            raise unsupported_domain("<reservations/> allowed only for lun devices")
        if disk.rawio is not None:
            raise unsupported_domain("rawio can be used only with device='lun'")
        if disk.sgio is not None:
            raise unsupported_domain("sgio can be used only with device='lun'")
    kind = disk.address.type if disk.address is not None else None
    if kind not in (None, "none") and kind not in _ADDRESSES.get(disk.bus, (kind,)):
        raise unsupported_domain(
            f"Invalid address type '{kind}' for the disk '{disk.target}' with the bus type"
            f" '{disk.bus}'"
        )
    if disk.bus != "virtio":
        _only_virtio(disk)
    if disk.tray is not None and disk.device not in ("cdrom", "floppy"):
        raise unsupported_domain("tray is only valid for cdrom and floppy")
    for name, size in (("vendor", _VENDOR), ("product", _PRODUCT)):
        value = getattr(disk, name)
        if value and not value.isprintable():
            raise bad_xml(f"disk {name} is not printable string")
        if value and len(value) > size:
            raise unsupported_domain(f"disk {name} is more than {size} characters")
    if disk.bus not in _BUSES:
        raise internal(f"Invalid bus type '{disk.bus}' for disk", From.DOMAIN)
    if disk.removable is not None and disk.bus != "usb":
        raise bad_xml("removable is only valid for usb disks")


def _only_virtio(disk: Disk) -> None:
    if disk.model is not None:
        raise unsupported_domain(f"disk model '{disk.model}' not supported for bus '{disk.bus}'")
    if disk.queues:
        raise unsupported_domain(
            "queues attribute in disk driver element is only supported by virtio-blk"
        )
    if disk.event_idx is not None:
        raise unsupported_domain("disk event_idx mode supported only for virtio bus")
    if disk.ioeventfd is not None:
        raise unsupported_domain("disk ioeventfd mode supported only for virtio bus")
    no_virtio_options(disk)


def _names(disk: Disk) -> None:
    target = disk.target
    floppy = disk.device == "floppy"
    if floppy and disk.bus not in ("fdc",):
        raise internal(f"Invalid bus type '{disk.bus}' for floppy disk", From.DOMAIN)
    if not floppy and disk.bus == "fdc":
        raise internal(f"Invalid bus type '{disk.bus}' for disk", From.DOMAIN)
    if floppy and not target.startswith("fd"):
        raise internal(f"Invalid floppy device name: {target}", From.DOMAIN)
    if disk.device in ("disk", "lun") and not target.startswith(_PREFIXES):
        raise internal(f"Invalid harddisk device name: {target}", From.DOMAIN)
    if disk.empty and disk.device == "disk":
        raise errors.error(Code.NO_SOURCE, target, domain=From.DOMAIN)
    if disk.driver_name != "qemu":
        raise unsupported(f"unsupported driver name '{disk.driver_name}' for disk '{target}'")
    if name_index(target) is None:
        raise unsupported(f"invalid disk target '{target}'")
    match = _PARTITION.match(target)
    if match is not None and int(match[1]):
        raise unsupported(
            f"invalid disk target '{target}', partitions can't appear in disk targets"
        )


def _shared(disk: Disk) -> None:
    """Only raw images know no metadata that one guest could hide from another."""
    shared = disk.shareable and not disk.readonly and disk.type != "vhostuser"
    if shared and disk.format not in ("raw", None):
        raise unsupported(
            f"shared access for disk '{disk.target}' requires use of supported storage format"
        )


def _frontend(domain: Domain, disk: Disk) -> None:
    bus, target = disk.bus, disk.target
    if disk.cylinders and disk.heads and disk.sectors and bus in ("usb", "sd"):
        raise unsupported(f"CHS geometry can not be set for '{bus}' bus")
    if disk.translation is not None and bus != "ide":
        raise unsupported(f"CHS translation mode can only be set for 'ide' bus not '{bus}'")
    if disk.serial and bus == "sd":
        raise internal(f"Serial property not supported for drive bus '{bus}'")
    if disk.device == "cdrom" and bus in ("virtio", "sd"):
        raise unsupported(f"disk type of '{target}' does not support ejectable media")
    if disk.copy_on_read:
        if disk.readonly:
            raise unsupported(f"copy_on_read is not compatible with read-only disk '{target}'")
        if disk.device in ("cdrom", "floppy"):
            raise unsupported(f"copy_on_read is not supported with removable disk '{target}'")
    if disk.wwn and bus not in ("ide", "scsi"):
        raise unsupported("Only ide and scsi disk support wwn")
    if (disk.vendor or disk.product) and bus != "scsi":
        raise unsupported("Only scsi disk supports vendor and product")
    if disk.device == "lun":
        _lun(disk)
    if disk.rotation_rate:
        if bus not in ("scsi", "ide", "sata"):
            raise internal("rotation rate is only valid for SCSI/IDE/SATA bus")
        if disk.device != "disk":
            raise internal("rotation rate is only valid for disk device")
    if bus in ("ide", "sata") and disk.readonly and disk.device == "disk":
        raise unsupported(f"readonly {bus} disks are not supported")


def _lun(disk: Disk) -> None:
    if disk.bus not in ("scsi", "virtio"):
        raise unsupported(f"disk device='lun' is not supported for bus='{disk.bus}'")
    if disk.copy_on_read:
        raise unsupported(f"copy_on_read is not compatible with 'lun' disk '{disk.target}'")
    if disk.wwn:
        raise unsupported("Setting wwn is not supported for lun device")
    if disk.vendor or disk.product:
        raise unsupported("Setting vendor or product is not supported for lun device")
    if disk.serial and disk.bus == "scsi":
        raise unsupported("scsi-block 'lun' devices do not support the serial property")


def _properties(disk: Disk, caps: QemuCaps) -> None:
    if disk.serial and not _SERIAL.match(disk.serial):
        raise internal(f"driver serial '{disk.serial}' contains unsafe characters")
    if disk.io == "native" and disk.cache not in ("none", "directsync"):
        raise unsupported("io='native' needs either no disk cache or directsync cache mode")
    if disk.io == "io_uring" and not caps.has("aio.io_uring"):
        raise unsupported("io uring is not supported by this QEMU binary")
    if disk.device == "lun" and disk.bus == "virtio" and disk.type == "network":
        raise unsupported("virtio 'lun' devices need a local source")


def _place(domain: Domain, disk: Disk) -> None:
    where = disk.address
    if disk.bus == "usb" and where is not None and where.type != "usb":
        raise internal("unexpected address type for usb disk")
    if where is None or where.type != "drive":
        return
    if disk.bus == "ide":
        if (where.controller or 0) > 0 and is_i440fx(domain):
            raise internal("Only 1 IDE controller is supported")
        if where.target:
            raise unsupported("target must be 0 for ide controller")
    elif disk.bus == "fdc":
        if where.controller:
            raise internal("Only 1 fdc controller is supported")
        if where.bus:
            raise internal("Only 1 fdc bus is supported")
        if where.target:
            raise unsupported("target must be 0 for controller fdc")
    elif disk.bus == "sata":
        if where.bus:
            raise unsupported("bus must be 0 for sata controller")
        if where.target:
            raise unsupported("target must be 0 for sata controller")
    elif disk.bus == "scsi":
        check_scsi_place(domain, where)


def check_scsi_place(domain: Domain, where: Address) -> None:
    """:raises libvirtError: for a place that the controller's model doesn't have"""
    models = {c.index: c.model for c in domain.devices.controllers if c.type == "scsi"}
    model = models.get(where.controller or 0)
    if where.bus:
        raise internal("SCSI controller only supports 1 bus")
    if model in ("lsilogic", "ncr53c90", "dc390", "am53c974"):
        if where.target:
            raise unsupported(f"target must be 0 for controller model '{model}'")
        if (where.unit or 0) > 7:
            raise unsupported("This QEMU doesn't support target greater than 7")
    elif (where.target or 0) > 255:
        raise unsupported("This QEMU doesn't support target greater than 255")


def _transient(disk: Disk) -> None:
    if not disk.transient:
        return
    if disk.empty:
        raise unsupported(f"transient disk '{disk.target}' must not be empty")
    if disk.readonly:
        raise unsupported(f"transient disk '{disk.target}' must not be read-only")
    if disk.type != "file":
        raise unsupported(f"transient disk supported only with 'file' type ({disk.target})")
    if disk.device != "disk":
        raise unsupported(f"transient disk supported only with 'disk' device ({disk.target})")
    if disk.share_backing and disk.bus not in ("usb", "virtio", "scsi"):
        raise unsupported(
            f"disk bus '{disk.bus}' doesn't support transiend disk backing image sharing"
        )


def _iothread(domain: Domain, disk: Disk) -> None:
    if not disk.iothread:
        return
    if disk.bus != "virtio":
        raise unsupported(f"IOThreads not available for bus {disk.bus} target {disk.target}")
    if disk.iothread not in known_iothreads(domain):
        raise unsupported(f"Disk iothread '{disk.iothread}' not defined in iothreadid")


def known_iothreads(domain: Domain) -> set[int]:
    """Numbers of the I/O threads a domain has."""
    found = {thread.id for thread in domain.iothread_ids}
    number = 1
    while len(found) < (domain.iothreads or 0):
        found.add(number)
        number += 1
    return found


def _iotune(disk: Disk) -> None:
    tune: IOTune | None = disk.iotune
    if tune is None:
        return
    for kind in ("bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max"):
        total = getattr(tune, f"total_{kind}")
        if total and (getattr(tune, f"read_{kind}") or getattr(tune, f"write_{kind}")):
            raise bad_xml(f"total and read/write {kind} cannot be set at the same time")
    numbers = {n: v for n, v in tune.__dict__.items() if isinstance(v, int)}
    if tune.group_name and not numbers:
        raise unsupported("group_name can be configured only together with settings")
    if any(v > _THROTTLE_MAX for n, v in numbers.items() if not n.endswith("length")):
        detail = f"block I/O throttle limit must be no more than {_THROTTLE_MAX} using QEMU"
        raise errors.error(Code.ARGUMENT_UNSUPPORTED, detail)


def _groups(domain: Domain) -> None:
    """Disks of one throttling group have one set of limits."""
    known: dict[str, Disk] = {}
    for disk in domain.devices.disks:
        tune = disk.iotune
        if tune is None or not tune.group_name:
            continue
        other = known.setdefault(tune.group_name, disk)
        if other is not disk and _limits(other) != _limits(disk):
            raise unsupported(f"different iotunes for disks {disk.target} and {other.target}")


def _limits(disk: Disk) -> dict[str, Any]:
    return {n: v for n, v in disk.iotune.__dict__.items() if v}


def _said(disk: Disk) -> str:
    name = disk.source.name if disk.source is not None else None
    return disk.path or name or "(null)"


def _targets(domain: Domain) -> None:
    targets: dict[str, Disk] = {}
    for disk in domain.devices.disks:
        other = targets.setdefault(disk.target, disk)
        if other is not disk:
            raise bad_xml(
                f"target '{disk.target}' duplicated for disk sources '{_said(other)}' and"
                f" '{_said(disk)}'"
            )


def _duplicates(domain: Domain) -> None:
    places: dict[tuple[Any, ...], Any] = {}
    _targets(domain)
    for disk in domain.devices.disks:
        where = disk.address
        if where is None or where.type != "drive":
            continue
        key = (disk.bus, where.controller, where.bus, where.target, where.unit)
        first = places.setdefault(key, disk)
        if first is not disk:
            raise unsupported_domain(
                f"Found duplicate drive address for disk with target name '{first.target}'"
                f" controller='{where.controller}' bus='{where.bus}' target='{where.target}'"
                f" unit='{where.unit}'"
            )
