# SPDX-License-Identifier: Apache-2.0
"""A guest's images before it starts: are they there, what is below them, which node is which."""

import stat

from nova_pyvirt.errors import From, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu.block import chain
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.util.native import os


def prepare(start: Start) -> None:
    """Checks the images, fills in their backing chains and numbers the block nodes.

    :raises libvirtError: SYSTEM_ERROR for an image that can't be read
    """
    for disk in start.definition.devices.disks:
        if disk.path is not None and disk.type in ("file", "block", "dir"):
            _check(start, disk)
        chain.fill(disk)
        _check_chain(start, disk)
    _number(start)


def _check(start: Start, disk: Disk) -> None:
    """A missing source is an error, or is left out when the disk's startup policy says so."""
    path = str(disk.path)
    try:
        info = os.stat(path)
    except OSError as exc:
        if _may_be_missing(disk):
            disk.source = None
            return
        what = f"Cannot access storage file '{path}'"
        raise _no_access(start, what, exc.errno or 0) from exc
    if disk.type == "file" and stat.S_ISDIR(info.st_mode):
        raise _no_access(start, f"Cannot access storage file '{path}'", 21)


def _may_be_missing(disk: Disk) -> bool:
    if disk.source is None or disk.device not in ("cdrom", "floppy"):
        return False
    return disk.source.startup_policy in ("optional", "requisite")


def _check_chain(start: Start, disk: Disk) -> None:
    layer = disk.backing
    while layer is not None and layer.source is not None:
        path = layer.source.file or layer.source.dev
        if path is not None and not os.path.exists(path):
            what = f"Cannot access backing file '{path}' of storage file '{disk.path}'"
            raise _no_access(start, what, 2)
        layer = layer.backing


def _no_access(start: Start, what: str, number: int) -> libvirtError:
    settings = start.state.settings
    uid = settings.uid if settings.uid is not None else os.geteuid()
    gid = settings.gid if settings.gid is not None else os.getegid()
    return system_error(number, f"{what} (as uid:{uid}, gid:{gid})", domain=From.STORAGE)


def _number(start: Start) -> None:
    """Numbers of the disks' block nodes: the last disk is 1 (backing stores come after theirs)."""
    number = 0
    for disk in reversed(start.definition.devices.disks):
        layer = disk
        while layer is not None and layer.source is not None:
            number += 1
            if layer is disk:
                layer.source.index = number
            else:
                layer.index = number
            layer = layer.backing
