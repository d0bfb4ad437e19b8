# SPDX-License-Identifier: Apache-2.0
"""Disks: block nodes and the devices that show them (qemuBuildDisksCommandLine)."""

from collections.abc import Iterator, Mapping
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.bootorder import bootindexes
from nova_pyvirt.hypervisors.qemu.command.context import NULL, CommandContext, pci_props, props
from nova_pyvirt.model.devices.disk import BackingStore, Disk, DiskSource
from nova_pyvirt.model.domain import Domain

#: cache mode -> direct, no-flush, write-cache of the device
_CACHE = {
    "none": (True, False, True),
    "writethrough": (False, False, False),
    "writeback": (False, False, True),
    "directsync": (True, False, False),
    "unsafe": (False, True, True),
}


def disks(domain: Domain, ctx: CommandContext, buses: Mapping[int, str]) -> list[str]:
    """-blockdev and -device of every disk."""
    args: list[str] = []
    boot = bootindexes(domain)
    numbers = node_numbers(domain)
    for disk in domain.devices.disks:
        has_media = disk.path is not None or disk.type == "network"
        if has_media:
            for node in blockdevs(disk, ctx, numbers[disk.target]):
                args += ["-blockdev", props(**node)]
        args += ["-device", _device(disk, numbers[disk.target], buses, boot, has_media)]
    return args


def layers(disk: Disk) -> list[BackingStore]:
    """The images below a disk's own, the nearest first."""
    found: list[BackingStore] = []
    layer = disk.backing
    while layer is not None and layer.source is not None:
        found.append(layer)
        layer = layer.backing
    return found


def node_numbers(domain: Domain) -> dict[str, int]:
    """The number in the node names of each disk's top image; every image of a chain counts, the last
    disk first."""
    numbers: dict[str, int] = {}
    count = 0
    for disk in reversed(domain.devices.disks):
        numbers[disk.target] = count + 1
        if disk.source is not None:
            count += 1 + len(layers(disk))
    return numbers


def blockdevs(disk: Disk, ctx: CommandContext, number: int) -> Iterator[dict[str, Any]]:
    """The block nodes of a disk, from the bottom of its chain."""
    chain = layers(disk)
    below: str | None = None
    for depth in range(len(chain), 0, -1):
        layer, ident = chain[depth - 1], number + depth
        yield _storage(disk, layer.source.file or layer.source.dev, ident)
        yield _format(disk, layer.format or "raw", ident, below, read_only=True)
        below = f"libvirt-{ident}-format"
    if disk.type == "network":
        yield _network(disk, number)
    else:
        yield _storage(disk, disk.path or "", number)
    kind, read_only = disk.format or "raw", bool(disk.readonly)
    yield _format(disk, kind, number, below, read_only=read_only, top=True, ends=not ctx.standalone)


def _cache(disk: Disk) -> dict[str, bool] | None:
    if disk.cache in (None, "default"):
        return None
    direct, no_flush, _ = _CACHE[disk.cache]
    return {"direct": direct, "no-flush": no_flush}


def _storage(disk: Disk, path: str, number: int) -> dict[str, Any]:
    driver = "host_device" if disk.type == "block" else "file"
    if disk.type == "block" and disk.device == "cdrom":
        driver = "host_cdrom"
    return {
        "driver": driver,
        "filename": path,
        "aio": disk.io,
        "node_name": f"libvirt-{number}-storage",
        "cache": _cache(disk),
        "auto_read_only": True,
        "discard": "unmap",
    }


def _network(disk: Disk, number: int) -> dict[str, Any]:
    return network_source(disk.source) | {
        "node_name": f"libvirt-{number}-storage",
        "cache": _cache(disk),
        "auto_read_only": True,
        "discard": "unmap",
    }


def network_source(source: DiskSource) -> dict[str, Any]:
    """Driver and place of an image on the network.

    :raises libvirtError: CONFIG_UNSUPPORTED for a protocol that is not ours
    """
    head: dict[str, Any]
    if source.protocol == "nbd":
        head = {"driver": "nbd", "server": _server(source), "export": source.name}
    elif source.protocol == "rbd":
        pool, _, image = (source.name or "").partition("/")
        servers = [{"host": h.name, "port": h.port or "6789"} for h in source.hosts]
        head = {"driver": "rbd", "pool": pool, "image": image, "server": servers or None}
    elif source.protocol in ("http", "https", "ftp", "ftps"):
        host = source.hosts[0]
        port = f":{host.port}" if host.port else ""
        url = f"{source.protocol}://{host.name}{port}/{source.name or ''}"
        head = {"driver": source.protocol, "url": url}
    else:
        raise errors.error(
            Code.CONFIG_UNSUPPORTED, f"network disk protocol '{source.protocol}' not supported"
        )
    return head


def _server(source: DiskSource) -> dict[str, str]:
    host = source.hosts[0]
    if host.transport == "unix":
        return {"type": "unix", "path": host.socket}
    return {"type": "inet", "host": host.name, "port": host.port or "10809"}


def _format(
    disk: Disk,
    kind: str,
    number: int,
    below: str | None,
    *,
    read_only: bool,
    top: bool = False,
    ends: bool = True,
) -> dict[str, Any]:
    node: dict[str, Any] = {
        "node_name": f"libvirt-{number}-format",
        "read_only": read_only,
        "discard": disk.discard if top else None,
        "detect_zeroes": disk.detect_zeroes if top else None,
        "cache": _cache(disk),
        "driver": kind,
        "file": f"libvirt-{number}-storage",
    }
    out = {k: v for k, v in node.items() if v is not None}
    if below is not None:
        out["backing"] = below
    elif kind in ("qcow2", "qed", "vmdk") and ends:
        out["backing"] = NULL
    return out


def _device(
    disk: Disk,
    number: int,
    buses: Mapping[int, str],
    boot: Mapping[int, int],
    has_media: bool,
) -> str:
    drive = f"libvirt-{number}-format" if has_media else None
    tail: dict[str, Any] = {"drive": drive, "id": disk.alias, "bootindex": boot.get(id(disk))}
    if disk.cache not in (None, "default"):
        tail["write_cache"] = "on" if _CACHE[disk.cache][2] else "off"
    tail["serial"] = disk.serial
    tail["werror"] = _werror(disk)
    tail["rerror"] = disk.rerror_policy or (
        disk.error_policy if disk.error_policy in ("stop", "report", "ignore") else None
    )
    if disk.bus == "virtio":
        head = {
            "driver": "virtio-blk-pci",
            "iothread": f"iothread{disk.iothread}" if disk.iothread else None,
            "num_queues": disk.queues,
            "ioeventfd": disk.ioeventfd,
            "event_idx": disk.event_idx,
        }
        return props(**head, **pci_props(disk.address, buses), **tail)
    where = disk.address
    if disk.bus in ("ide", "sata"):
        driver = "ide-cd" if disk.device == "cdrom" else "ide-hd"
        if disk.bus == "ide":
            return props(driver=driver, bus=f"ide.{where.bus}", unit=where.unit, **tail)
        return props(driver=driver, bus=f"ide.{where.unit}", **tail)
    if disk.bus == "scsi":
        driver = {"cdrom": "scsi-cd", "lun": "scsi-block"}.get(disk.device, "scsi-hd")
        return props(
            driver=driver, bus=f"scsi{where.controller}.0", channel=0, scsi_id=where.target,
            lun=where.unit, device_id=f"drive-{disk.alias}", **tail,
        )  # fmt: skip
    if disk.bus == "usb":
        return props(driver="usb-storage", bus="usb.0", removable=disk.removable, **tail)
    if disk.bus == "fdc":
        return props(driver="floppy", unit=where.unit, drive=drive, id=disk.alias)
    raise errors.error(Code.CONFIG_UNSUPPORTED, f"unsupported disk bus '{disk.bus}'")


def _werror(disk: Disk) -> str | None:
    policy: str | None = disk.error_policy
    return "enospc" if policy == "enospace" else policy
