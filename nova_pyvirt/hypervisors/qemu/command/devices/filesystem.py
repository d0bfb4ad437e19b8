# SPDX-License-Identifier: Apache-2.0
"""Directories and memory that are shared."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.context import escape
from nova_pyvirt.hypervisors.qemu.command.devices.guest import (
    Args,
    Guest,
    Props,
    device,
    object_,
    on_off,
    positive,
)
from nova_pyvirt.model.devices.filesystem import Filesystem, Shmem

_SECURITY = {"mapped": "mapped", "passthrough": "passthrough", "squash": "none"}


def filesystems(guest: Guest) -> Args:
    """-fsdev, -chardev, -device."""
    args: Args = []
    for item in guest.devices.filesystems:
        args += _virtiofs(guest, item) if item.driver_type == "virtiofs" else _9p(guest, item)
    return args


def _virtiofs(guest: Guest, item: Filesystem) -> Args:
    chardev = f"chr-vu-{item.alias}"
    path = item.source_socket or f"{guest.ctx.lib_dir}/{item.alias}-fs.sock"
    found = guest.virtio(item, "vhost-user-fs", None) | {
        "id": item.alias,
        "chardev": chardev,
        "queue-size": positive(item.queue),
        "tag": item.target,
        "bootindex": item.boot_order,
        **guest.place(item),
    }
    return ["-chardev", f"socket,id={chardev},path={escape(path)}", *device(found)]


def _9p(guest: Guest, item: Filesystem) -> Args:
    words = ["handle" if item.driver_type == "handle" else "local"]
    if item.accessmode and words == ["local"]:
        words.append(f"security_model={_SECURITY[item.accessmode]}")
    if item.multidevs not in (None, "default"):
        words.append(f"multidevs={item.multidevs}")
    for name, mode in (("fmode", item.fmode), ("dmode", item.dmode)):
        if mode:
            words.append(f"{name}={mode:04o}")
    if item.wrpolicy not in (None, "default"):
        words.append(f"writeout={item.wrpolicy}")
    words += [f"id=fsdev-{item.alias}", f"path={escape(item.source_dir or '')}"]
    if item.readonly:
        words.append("readonly")
    found = guest.virtio(item, "virtio-9p", item.model) | {
        "id": item.alias,
        "fsdev": f"fsdev-{item.alias}",
        "mount_tag": item.target,
        **guest.place(item),
    }
    return ["-fsdev", ",".join(words), *device(found)]


def shmems(guest: Guest) -> Args:
    """Inter-VM shared memory.

    :raises libvirtError: XML_ERROR for a size that isn't a power of two
    """
    args: Args = []
    for item in guest.devices.shmems:
        size = item.size or 0
        if size & (size - 1):
            raise errors.error(Code.XML_ERROR, "shmem size must be a power of two")
        if size and size < 1 << 20:
            detail = "shmem size must be at least 1 MiB (1024 KiB)"
            raise errors.error(Code.XML_ERROR, detail)
        if item.address is None or item.address.type != "pci":
            detail = "only 'pci' addresses are supported for the shared memory device"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        if item.model == "ivshmem":
            args += device(_legacy(guest, item))
            continue
        if not item.server:
            args += object_(
                "memory-backend-file", f"shmmem-{item.alias}",
                mem_path=f"/dev/shm/{item.name}", size=size, share=True,
            )  # fmt: skip
        args += device(_shmem(guest, item))
        if item.server:
            path = item.server_path or f"/var/lib/libvirt/shmem-{item.name}-sock"
            args += ["-chardev", f"socket,id=char{item.alias},path={escape(path)}"]
    return args


def _legacy(guest: Guest, item: Shmem) -> Props:
    return {
        "driver": "ivshmem",
        "id": item.alias,
        "size": f"{item.size >> 20}m",
        "shm": None if item.server else item.name,
        "chardev": f"char{item.alias}" if item.server else None,
        "msi": True if item.msi else None,
        "vectors": positive(item.vectors),
        "ioeventfd": item.ioeventfd,
        **guest.place(item),
    }


def _shmem(guest: Guest, item: Shmem) -> Props:
    master = None
    if not item.server and item.role:
        master = item.role == "master"
    return {
        "driver": item.model,
        "id": item.alias,
        "chardev": f"char{item.alias}" if item.server else None,
        "memdev": None if item.server else f"shmmem-{item.alias}",
        "master": on_off(master),
        "vectors": positive(item.vectors),
        "ioeventfd": item.ioeventfd,
        **guest.place(item),
    }
