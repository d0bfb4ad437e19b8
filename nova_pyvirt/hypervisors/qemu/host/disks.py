# SPDX-License-Identifier: Apache-2.0
"""A guest's images before it starts: are they there, what is below them, which node is which."""

import errno
import stat
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from nova_pyvirt.errors import Code, From, error, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu.block import chain
from nova_pyvirt.hypervisors.qemu.command.devices import blockdev
from nova_pyvirt.hypervisors.qemu.identity import Identity
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.util.native import os

if TYPE_CHECKING:
    from nova_pyvirt.hypervisors.qemu.start.context import Start

#: format -> where in a file, what it begins with
_MAGIC: Final = {
    "qcow2": (0, (b"QFI\xfb\0\0\0\x02", b"QFI\xfb\0\0\0\x03")),
    "qed": (0, (b"QED\0",)),
    "luks": (0, (b"LUKS\xba\xbe",)),
    "vhdx": (0, (b"vhdxfile",)),
    "vdi": (0x40, (b"\x7f\x10\xda\xbe",)),
}
#: formats that can have an image below
_BACKED: Final = ("cow", "qcow", "qcow2", "qed", "vmdk")


def prepare(start: "Start") -> None:
    """Checks the images, fills in their backing chains and numbers the block nodes.

    :raises libvirtError: SYSTEM_ERROR for an image that can't be read
    """
    disks = start.definition.devices.disks
    described = {
        id(disk): 0 if disk.type == "vhostuser" else 1 + len(blockdev.layers(disk))
        for disk in disks
    }
    for disk in disks:
        check(disk, start.identity)
    start.private.node_index = _number_all(disks, described)


def check(disk: Disk, user: Identity | None, *, formats: bool = True) -> None:
    """Checks a disk's images and fills in the backing chain.

    :param user: QEMU's, None = our own
    :param formats: whether the image is what the definition says; else QEMU finds out
    :raises libvirtError: SYSTEM_ERROR for an image that can't be read
    """
    if disk.path is not None and disk.type in ("file", "block", "dir"):
        _check(disk, user, formats)
    disk.cache = blockdev.cache_mode(disk) or disk.cache  # what a shared one has is shown
    chain.fill(disk)
    _check_chain(disk, user)


def check_new(disk: Disk, user: Identity | None) -> None:
    """Can QEMU's user go where a new image is to be?

    :raises libvirtError: SYSTEM_ERROR
    """
    if disk.path is not None and disk.type in ("file", "block"):
        _check_reach(user, disk.path)


def probe_format(path: str) -> str:
    """What kind of image a file begins as; raw when it is none that is known.

    :raises libvirtError: SYSTEM_ERROR
    """
    for kind, (offset, magics) in _MAGIC.items():
        if _head(path, offset, len(magics[0])) in magics:
            return kind
    return "raw"


def number(disk: Disk, first: int) -> int:
    """Numbers the block nodes of a disk's chain, the top image first; the last number."""
    layer: Any = disk
    last = first - 1
    while layer is not None and layer.source is not None:
        last += 1
        if layer is disk:
            layer.source.index = last
        else:
            layer.index = last
        layer = layer.backing
    return last


def _check(disk: Disk, user: Identity | None, formats: bool) -> None:
    """A missing source is an error, or is left out when the disk's startup policy says so."""
    path = str(disk.path)
    try:
        info = os.stat(path)
    except OSError as exc:
        if _may_be_missing(disk):
            disk.source = None
            return
        what = f"Cannot access storage file '{path}'"
        if disk.format not in _BACKED:  # libvirt looks for it as itself, not as QEMU's user
            raise system_error(exc.errno or 0, what, domain=From.STORAGE) from exc
        raise _no_access(user, what, exc.errno or 0) from exc
    if disk.type == "file" and stat.S_ISDIR(info.st_mode):
        raise _no_access(user, f"Cannot access storage file '{path}'", errno.EISDIR)
    if disk.type == "block" and not (stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode)):
        detail = f"'{path}' is neither a character nor a block device"
        raise error(Code.INTERNAL_ERROR, detail)
    _check_reach(user, path)
    if formats and disk.type != "dir":
        _check_format(path, disk.format)


def _check_reach(user: Identity | None, path: str) -> None:
    """QEMU's user must be able to go where the image is; the image itself will be its own."""
    if user is None or user.uid == 0:
        return
    uid, gid = user
    directory = os.path.dirname(os.path.realpath(path))
    while True:
        if not _may_pass(directory, uid, gid):
            raise _no_access(user, f"Cannot access storage file '{path}'", errno.EACCES)
        if directory == "/":
            return
        directory = os.path.dirname(directory)


def _may_pass(directory: str, uid: int, gid: int) -> bool:
    """By the mode; True when an access control list decides."""
    info = os.stat(directory)
    if info.st_uid == uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid == gid:
        return bool(info.st_mode & stat.S_IXGRP)
    if info.st_mode & stat.S_IXOTH:
        return True
    try:
        return bool(os.getxattr(directory, "system.posix_acl_access"))
    except OSError:
        return False


def _check_format(path: str, kind: str | None) -> None:
    """An image that is not what the definition says: QEMU would say it and end."""
    known = _MAGIC.get(kind or "raw")
    if known is None:
        return
    offset, magics = known
    if _head(path, offset, len(magics[0])) not in magics:
        detail = f"Could not open '{path}': Image is not in {kind} format"
        raise error(Code.INTERNAL_ERROR, detail)


def _head(path: str, offset: int, size: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(size)
    except OSError as exc:
        detail = f"Cannot access storage file '{path}'"
        raise system_error(exc.errno or 0, detail, domain=From.STORAGE) from exc


def _may_be_missing(disk: Disk) -> bool:
    if disk.source is None or disk.device not in ("cdrom", "floppy"):
        return False
    return disk.source.startup_policy in ("optional", "requisite")


def _check_chain(disk: Disk, user: Identity | None) -> None:
    layer = disk.backing
    while layer is not None and layer.source is not None:
        path = layer.source.file or layer.source.dev
        if path is not None and not os.path.exists(path):
            what = f"Cannot access backing file '{path}' of storage file '{disk.path}'"
            raise _no_access(user, what, 2)
        layer = layer.backing


def _no_access(user: Identity | None, what: str, number: int) -> libvirtError:
    uid, gid = user or (os.geteuid(), os.getegid())
    return system_error(number, f"{what} (as uid:{uid}, gid:{gid})", domain=From.STORAGE)


def _number_all(disks: Sequence[Disk], described: Mapping[int, int]) -> int:
    """Numbers of the disks' block nodes, from the last disk to the first; the last number. Images that
    the definition names come first, a drive without a medium counts, then those that were found.

    :param described: how many images of a disk the definition names, by the disk's id()
    """
    last = 0
    chains = [(disk, [disk, *blockdev.layers(disk)]) for disk in reversed(disks)]
    for disk, images in chains:
        count = described[id(disk)]
        for place in range(count):
            last += 1
            if place < len(images):
                _give(images[place], disk, last)
    for disk, images in chains:
        for image in images[described[id(disk)] :]:
            last += 1
            _give(image, disk, last)
    return last


def _give(image: Any, disk: Disk, last: int) -> None:
    if image is not disk:
        image.index = last
    elif not disk.empty and disk.type != "vhostuser":
        disk.source.index = last
