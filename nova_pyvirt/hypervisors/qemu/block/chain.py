# SPDX-License-Identifier: Apache-2.0
"""Backing chains of local images, read from their headers (QEMU's docs/interop/qcow2).

A format is never guessed: an image whose header does not say its backing file's format has a raw
one, as libvirt decides.
"""

import struct

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, system_error
from nova_pyvirt.model.devices.disk import BackingStore, Disk, DiskSource
from nova_pyvirt.util.native import os

_QCOW2 = b"QFI\xfb"
_BACKING_FORMAT = 0xE2792ACA
_HEADER = struct.Struct(">4sIQI")
_MAX_DEPTH = 200
_MAX_NAME = 1023


def fill(disk: Disk) -> None:
    """Gives a live disk its <backingStore> elements, down to an empty one.

    :raises libvirtError: SYSTEM_ERROR when an image can't be read, OPERATION_FAILED for a chain
        that is damaged or has no end
    """
    if disk.backing is not None or disk.path is None or disk.type not in ("file", "block"):
        return
    owner: Disk | BackingStore = disk
    path, kind = disk.path, disk.format
    for _ in range(_MAX_DEPTH):
        below = backing_of(path) if kind == "qcow2" else None
        if below is None:
            owner.backing = BackingStore()  # the end is shown where what is above it is
            return
        path, kind = below
        layer = BackingStore(type="file", format=kind, source=DiskSource(file=path))
        layer.detected = True
        owner.backing = layer
        owner = layer
    raise errors.error(Code.OPERATION_FAILED, f"backing chain of '{disk.path}' is too deep")


def backing_of(path: str) -> tuple[str, str] | None:
    """(path, format) of a qcow2 image's backing file; None without one."""
    found = _backing(path)
    if found is None:
        return None
    return os.path.normpath(os.path.join(os.path.dirname(path), found[0])), found[1]


def backing_name(path: str) -> str | None:
    """The name of a qcow2 image's backing file as its header has it, relative to its own."""
    found = _backing(path)
    return found[0] if found is not None else None


def _backing(path: str) -> tuple[str, str] | None:
    try:
        with open(path, "rb") as file:
            head = file.read(65536)
    except OSError as exc:
        detail = f"Cannot access storage file '{path}'"
        raise system_error(exc.errno or 0, detail) from exc
    if len(head) < _HEADER.size or head[:4] != _QCOW2:
        return None  # QEMU will say what is wrong with it
    _, version, offset, size = _HEADER.unpack_from(head)
    if not offset:
        return None
    if size > _MAX_NAME or offset + size > len(head):
        raise errors.error(Code.OPERATION_FAILED, f"the header of '{path}' is damaged")
    name = head[offset : offset + size].decode("utf-8", "surrogateescape")
    return name, _backing_format(head, version, offset) or "raw"


def _backing_format(head: bytes, version: int, end: int) -> str | None:
    at = 72 if version < 3 else struct.unpack_from(">I", head, 100)[0]
    while at + 8 <= min(end, len(head)):
        kind, length = struct.unpack_from(">II", head, at)
        if kind == _BACKING_FORMAT:
            return head[at + 8 : at + 8 + length].decode("ascii", "replace")
        if kind == 0:
            return None
        at += 8 + (length + 7 & ~7)
    return None
