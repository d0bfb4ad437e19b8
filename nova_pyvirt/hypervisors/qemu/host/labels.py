# SPDX-License-Identifier: Apache-2.0
"""Which files of a guest belong to whom while it runs (security_dac.c).

libvirt leaves images that guests share (read-only ones, those below others) to QEMU's user for
ever; here they go back with the last guest that uses them, where the file system can remember.
"""

from collections.abc import Iterator
from typing import NamedTuple

from nova_pyvirt.core.security import dac
from nova_pyvirt.core.settings import Settings
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import identity
from nova_pyvirt.hypervisors.qemu.identity import Identity
from nova_pyvirt.hypervisors.qemu.limits.devices import hostdev_paths
from nova_pyvirt.model.devices.common import SecurityLabel
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.domain import Domain


class Owned(NamedTuple):
    """A file and its owner while the guest runs.

    :ivar alone: no other guest uses it: it may be given back without having been remembered
    """

    path: str
    owner: Identity
    alone: bool


def take(settings: Settings, definition: Domain) -> None:
    """Gives a guest's files to its QEMU's user.

    :raises libvirtError: SYSTEM_ERROR, INVALID_ARG for a label that names nobody; what was given is
        to be taken back by give_back()
    """
    for path, owner, _alone in owned(settings, definition):
        remember = settings.remember_owner
        dac.take(path, *owner, holder=definition.uuid, remember=remember)


def give_back(settings: Settings, definition: Domain) -> None:
    """The files' first owners have them again; files that take() did not come to stay as they are."""
    try:
        found = list(owned(settings, definition))
    except libvirtError:
        return  # it names nobody: nothing was given
    for path, owner, alone in found:
        remembered = settings.remember_owner
        if remembered or alone:
            dac.restore(path, *owner, holder=definition.uuid, remembered=remembered, alone=alone)


def owned(settings: Settings, definition: Domain) -> Iterator[Owned]:
    """The files that change their owner for a guest, each once.

    :raises libvirtError: INVALID_ARG for a label that names nobody
    """
    mine = identity.of(definition, settings)
    label = identity.dac_label(definition)
    if mine is None or not settings.dynamic_ownership or (label and not label.relabel):
        return
    seen: set[str] = set()
    for path, owner, alone in (*_images(definition, mine), *_others(definition, mine)):
        if path not in seen:
            seen.add(path)
            yield Owned(path, owner, alone)


def _images(definition: Domain, mine: Identity) -> Iterator[Owned]:
    for disk in definition.devices.disks:
        if disk.type in ("file", "block"):
            yield from image(disk, mine)


def image(disk: Disk, mine: Identity) -> Iterator[Owned]:
    """A disk's image and those below it; a label of the source's own comes first."""
    owner = _override(disk.source.seclabels if disk.source is not None else [], mine)
    if disk.path and owner is not None:
        yield Owned(disk.path, owner, alone=not disk.readonly and not disk.shareable)
    layer = disk.backing
    while layer is not None and layer.source is not None:
        path = layer.source.local_path
        own = _override(layer.source.seclabels, owner)
        if path and own is not None:
            yield Owned(path, own, alone=False)
        layer = layer.backing
    mirror = disk.mirror
    if mirror is not None and mirror.job == "copy" and mirror.source.local_path and owner:
        yield Owned(mirror.source.local_path, owner, alone=True)


def _override(labels: list[SecurityLabel], owner: Identity | None) -> Identity | None:
    """None: it stays whose it is."""
    for label in labels:
        if label.model in (None, "dac"):
            if label.relabel is False or label.labelskip:
                return None
            return identity.parse(label.label) if label.label else owner
    return owner


def _others(definition: Domain, mine: Identity) -> Iterator[Owned]:
    """Firmware variables, what QEMU boots directly, devices of the host."""
    devices, boot = definition.devices, definition.os
    alone = [definition.nvram_path]
    chars = (*devices.serials, *devices.parallels, *devices.channels, *devices.consoles)
    alone += [char.source_path for char in chars if char.type == "dev"]
    alone += [item.source_evdev for item in devices.inputs]
    alone += [tpm.device for tpm in devices.tpms]
    alone += [memory.path for memory in devices.memories]
    for hostdev in devices.hostdevs:
        alone += [path for path in hostdev_paths(hostdev) if path != "/dev/vfio/vfio"]
    yield from (Owned(path, mine, alone=True) for path in alone if path)
    shared = (boot.kernel, boot.initrd, boot.dtb)
    yield from (Owned(path, mine, alone=False) for path in shared if path)
