# SPDX-License-Identifier: Apache-2.0
"""The images of a running guest's disk: named, looked up, taken out of the chain.

An image is the :class:`Disk` itself for the topmost, a :class:`BackingStore` for those below. Each
has a number, which is in the names of its block nodes.
"""

import json
import re
from itertools import pairwise
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.block import chain, qom
from nova_pyvirt.hypervisors.qemu.command.devices import blockdev, netstorage
from nova_pyvirt.model.devices.disk import BackingStore, Disk, DiskSource
from nova_pyvirt.util.native import os

#: what of a disk says which image is on top
IMAGE: Final = ("type", "source", "format", "backing", "cache_max_size")
_INDEXED: Final = re.compile(r"(.*)\[(\d+)\]\Z")


def images(disk: Disk) -> list[Any]:
    """A disk's images from the top; none without a medium."""
    return [] if disk.empty else [disk, *blockdev.layers(disk)]


def number(image: Any) -> int:
    """The number in the names of an image's nodes."""
    if isinstance(image, BackingStore):
        return int(image.index or 0)
    return int(image.source.index or 0)


def node(image: Any) -> str:
    """The name of an image's node."""
    return f"libvirt-{number(image)}-format"


def path(image: Any) -> str:
    """Where an image is, for messages and for finding it."""
    source: DiskSource = image.source
    return str(source.local_path or source.name or source.volume or "")


def of_number(disk: Disk, wanted: int) -> Any:
    """The image with a number; None = there is none."""
    return next((image for image in images(disk) if number(image) == wanted), None)


def lookup(disk: Disk, name: str | None, below: Any = None) -> tuple[Any, Any]:
    """An image of the chain, and the one above it (virStorageSourceChainLookup).

    :param name: its path, or TARGET[NUMBER]; None = the lowest
    :param below: only images under this one
    :raises libvirtError: INVALID_ARG
    """
    every = images(disk)
    first = every.index(below) + 1 if below is not None else 0
    indexed = _INDEXED.match(name or "")
    wanted = int(indexed[2]) if indexed else 0
    if indexed and wanted and indexed[1] != disk.target:
        detail = f"requested target '{indexed[1]}' does not match target '{disk.target}'"
        raise errors.error(Code.INVALID_ARG, detail)
    for at in range(first, len(every)):
        image, above = every[at], every[at - 1] if at else None
        if name is None:
            found = at == len(every) - 1
        elif wanted:
            found = number(image) == wanted
        else:
            found = _same_file(name, image, above)
        if found:
            return image, above
    raise _not_found(disk, name, wanted, below)


def _same_file(name: str, image: Any, above: Any) -> bool:
    if name == path(image):
        return True
    local = image.source.local_path
    if local is None or ("/" not in name and above is None):
        return False
    start = os.path.dirname(path(above)) if above is not None else "."
    try:
        return os.path.samefile(os.path.join(start, name), local)
    except OSError:
        return False


def _not_found(disk: Disk, name: str | None, wanted: int, below: Any) -> libvirtError:
    where = f"in chain for '{disk.target}'"
    if wanted:
        detail = f"could not find backing store index '{wanted}' {where}"
    elif name is None:
        detail = f"could not find base image {where}"
    elif below is not None:
        detail = f"could not find image '{name}' beneath '{path(below)}' {where}"
    else:
        detail = f"could not find image '{name}' {where}"
    return errors.error(Code.INVALID_ARG, detail, domain=errors.From.STORAGE)


def backing_string(image: Any) -> str:
    """How an image is named in the header of the one above it."""
    source: DiskSource = image.source
    if source.local_path is not None:
        return source.local_path
    file = netstorage.props(source, None, "") if image.type == "network" else {}
    known = {key: value for key, value in file.items() if value is not None}
    return "json:" + json.dumps({"driver": image.format or "raw", "file": known})


def relative_string(every: list[Any], first: Any, last: Any) -> str:
    """The same, relative as it is in the images' headers now, from below `first` down to `last`.

    :raises libvirtError: OPERATION_INVALID when one of them is named by its whole path
    """
    found = ""
    for above, image in pairwise(every[every.index(first) :]):
        name = chain.backing_name(path(above)) if above.source.local_path else None
        if name is None or os.path.isabs(name):
            detail = "can't keep relative backing relationship"
            raise errors.error(Code.OPERATION_INVALID, detail)
        found = os.path.join(os.path.dirname(found), name)
        if image is last:
            break
    return found


def put_on_top(disk: Disk, image: Any) -> None:
    """Another image takes the place of the topmost; those between them are the caller's."""
    mine = number(image)
    for key in IMAGE:
        disk.__dict__[key] = image.__dict__.get(key)
    disk.source.index = mine


def persistent(vm: DomainObj, disk: Disk) -> Disk | None:
    """The disk of the persistent definition that has the same image on top."""
    if vm.new_definition is None:
        return None
    for other in vm.new_definition.devices.disks:
        if other.target == disk.target and _same_place(other, disk):
            return other  # type: ignore[no-any-return]
    return None


def same_chain(disk: Disk, other: Disk, last: Any) -> bool:
    """Whether another definition of a disk names the same images down to one, or to the end."""
    mine, theirs = images(disk), images(other)
    for at, image in enumerate(mine):
        if at >= len(theirs) or not _same_place(image, theirs[at]):
            return False
        if image is last:
            return True
    return last is None and len(theirs) == len(mine)


def _same_place(one: Any, other: Any) -> bool:
    if one.type != other.type or one.source is None or other.source is None:
        return False
    keys = ("file", "dev", "dir", "protocol", "name", "pool", "volume")
    return all(getattr(one.source, key) == getattr(other.source, key) for key in keys)


def as_persistent(disk: Disk, image: Any) -> None:
    """The persistent definition's disk has another image: what belongs to the run is left out."""
    copy = image.copy()
    copy.source.index = copy.source.private = None
    for key in IMAGE:
        disk.__dict__[key] = copy.__dict__.get(key)
    layer: Any = disk
    while layer.backing is not None and layer.backing.source is not None:
        if layer.backing.detected:
            layer.backing = None
            return
        layer = layer.backing
        layer.index = layer.source.index = layer.source.private = None


def device_node(disk: Disk) -> str:
    """The node that a disk's device reads from.

    :raises libvirtError: OPERATION_INVALID without a medium
    """
    if disk.copy_on_read:
        return f"libvirt-CoR-{disk.target}"
    found = qom.format_node(disk)
    if found is None:
        raise errors.error(Code.OPERATION_INVALID, f"disk '{disk.target}' has no source")
    return found
