# SPDX-License-Identifier: Apache-2.0
"""Sizes of local images, from their headers and the file system (storage_source.c)."""

import stat
import struct
from dataclasses import dataclass

from nova_pyvirt.errors import From, system_error
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.util.native import os

#: format: (signature's place, signature, number's place, number, what one of it is in bytes)
_HEADERS = {
    "qcow2": (0, b"QFI\xfb", 24, ">Q", 1),
    "qcow": (0, b"QFI\xfb", 24, ">Q", 1),
    "qed": (0, b"QED\0", 48, "<Q", 1),
    "vmdk": (0, b"KDMV", 12, "<Q", 512),
    "vdi": (64, b"\x7f\x10\xda\xbe", 368, "<Q", 1),
    "vpc": (0, b"conectix", 48, ">Q", 1),
    "cow": (0, b"OOOM", 1032, ">Q", 1),
}


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes.

    :ivar capacity: what the guest sees
    :ivar allocation: what it takes on the host
    :ivar physical: where it ends on the host
    """

    capacity: int
    allocation: int
    physical: int


def measure(disk: Disk) -> Sizes:
    """Looks at a disk's image.

    :raises libvirtError: SYSTEM_ERROR
    """
    path = str(disk.path)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as exc:
        detail = f"Failed to open file '{path}'"
        raise system_error(exc.errno or 0, detail, domain=From.QEMU) from exc
    try:
        info = os.fstat(fd)
        if stat.S_ISDIR(info.st_mode):
            return Sizes(0, 0, 0)
        if stat.S_ISREG(info.st_mode):
            allocation, physical = info.st_blocks * 512, info.st_size
        else:
            physical = os.lseek(fd, 0, os.SEEK_END)
            allocation = physical if disk.format in ("raw", None) else 0
        head = os.pread(fd, 2048, 0)
    except OSError as exc:
        raise system_error(
            exc.errno or 0, f"cannot read header '{path}'", domain=From.QEMU
        ) from exc
    finally:
        os.close(fd)
    return Sizes(capacity(head, disk.format, physical), allocation, physical)


def capacity(head: bytes, kind: str | None, physical: int) -> int:
    """The virtual size an image's header tells; its own size without such a header."""
    header = _HEADERS.get(kind or "raw")
    if header is None:
        return physical
    where, signature, at, number, unit = header
    if head[where : where + len(signature)] != signature or len(head) < at + 8:
        return physical
    return int(struct.unpack_from(number, head, at)[0]) * unit


def physical_size(path: str) -> int | None:
    """Where an image ends on the host; None when nobody can tell."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        info = os.fstat(fd)
        return info.st_size if stat.S_ISREG(info.st_mode) else os.lseek(fd, 0, os.SEEK_END)
    except OSError:
        return None
    finally:
        os.close(fd)
