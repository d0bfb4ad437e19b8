# SPDX-License-Identifier: Apache-2.0
"""Which files of a guest belong to QEMU's user while it runs."""

from collections.abc import Iterator

from nova_pyvirt.core.security import dac
from nova_pyvirt.core.settings import Settings
from nova_pyvirt.model.domain import Domain


def paths(definition: Domain) -> list[str]:
    """Images with what is below them, firmware variables, and what QEMU boots directly."""
    return list(dict.fromkeys(path for path in _all(definition) if path))


def take(settings: Settings, definition: Domain) -> None:
    """Gives a guest's files to QEMU's user.

    :raises libvirtError: SYSTEM_ERROR; what was given is to be taken back by give_back()
    """
    if settings.uid is None or settings.gid is None or not settings.dynamic_ownership:
        return
    for path in paths(definition):
        dac.take(
            path,
            settings.uid,
            settings.gid,
            holder=definition.uuid,
            remember=settings.remember_owner,
        )


def give_back(settings: Settings, definition: Domain) -> None:
    """The files' first owners have them again; files that take() did not come to stay as they are."""
    if settings.uid is None or settings.gid is None or not settings.dynamic_ownership:
        return
    for path in paths(definition):
        dac.restore(
            path,
            settings.uid,
            settings.gid,
            holder=definition.uuid,
            remembered=settings.remember_owner,
        )


def _all(definition: Domain) -> Iterator[str | None]:
    for disk in definition.devices.disks:
        if disk.type not in ("file", "block"):
            continue
        yield disk.path
        layer = disk.backing
        while layer is not None and layer.source is not None:
            yield layer.source.file or layer.source.dev
            layer = layer.backing
    yield definition.nvram_path
    yield definition.os.kernel
    yield definition.os.initrd
