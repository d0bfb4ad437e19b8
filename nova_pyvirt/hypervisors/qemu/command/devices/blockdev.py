# SPDX-License-Identifier: Apache-2.0
"""Block nodes (qemu_block.c): a storage node and a format node for every image of a chain."""

from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.command.context import NULL
from nova_pyvirt.hypervisors.qemu.command.devices import netstorage
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, Guest, Props, object_, option
from nova_pyvirt.hypervisors.qemu.command.devices.secrets import secret, secret_alias
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.storage import BackingStore, DiskSource, Encryption
from nova_pyvirt.model.domain import Domain

#: cache mode -> direct, no-flush, write-cache of the device
CACHE = {
    "none": (True, False, True),
    "writethrough": (False, False, False),
    "writeback": (False, False, True),
    "directsync": (True, False, False),
    "unsafe": (False, True, True),
}
#: formats that can have an image below
_BACKED = ("cow", "qcow", "qcow2", "qed", "vmdk")
_DRIVERS = {"ploop": "parallels", "vhd": "vhdx", "fat": "raw", "raw": "raw"}
_NO_FORMAT = ("cow", "iso", "dir", "none")
_PR_HELPER = "pr-helper0"


def layers(disk: Disk) -> list[BackingStore]:
    """The images below a disk's own, the nearest first."""
    found: list[BackingStore] = []
    layer = disk.backing
    while layer is not None and layer.source is not None:
        found.append(layer)
        layer = layer.backing
    return found


def node_numbers(domain: Domain) -> dict[str, int]:
    """The number in the node names of each disk's top image; every image of a chain counts, the
    last disk first."""
    numbers: dict[str, int] = {}
    count = 0
    for disk in reversed(domain.devices.disks):
        if disk.type == "vhostuser":
            continue
        if not disk.empty:
            numbers[disk.target] = disk.source.index or count + 1
        count += 1 + len(layers(disk))  # a drive without a medium counts
    return numbers


def chain_numbers(disk: Disk, top: int) -> list[int]:
    """The numbers of all images of a chain, the topmost first; an image that has none follows the
    one above it.

    :param top: of the topmost
    """
    return [top, *(layer.index or top + place for place, layer in enumerate(layers(disk), 1))]


def top_node(disk: Disk, number: int) -> str | None:
    """The node that the device uses; None without a medium."""
    if disk.empty:
        return None
    return f"libvirt-CoR-{disk.target}" if disk.copy_on_read else f"libvirt-{number}-format"


def nodes(guest: Guest, disk: Disk, number: int) -> Args:
    """-blockdev of a disk's chain from the bottom, with the objects the nodes need.

    :param number: of the top image
    :raises libvirtError: CONFIG_UNSUPPORTED, INTERNAL_ERROR for an image QEMU can't have;
        NO_STORAGE_POOL for a volume that no pool has been asked for
    """
    if disk.type == "vhostuser":
        return _vhost_user(guest, disk)
    if disk.empty:
        return []
    args: Args = []
    below: str | None = None
    chain, numbers = layers(disk), chain_numbers(disk, number)
    for depth in range(len(chain), -1, -1):
        image: Disk | BackingStore = chain[depth - 1] if depth else disk
        ident = numbers[depth]
        args += objects(guest, image, ident)
        for node in image_nodes(guest, disk, image, ident, below):
            args += option("-blockdev", node)
        below = f"libvirt-{ident}-format"
    if disk.copy_on_read:
        args += option("-blockdev", copy_on_read(disk, number))
    return args


def copy_on_read(disk: Disk, number: int) -> Props:
    """The node that copies what is read from images below."""
    return {
        "driver": "copy-on-read",
        "node-name": f"libvirt-CoR-{disk.target}",
        "file": f"libvirt-{number}-format",
        "discard": "unmap",
    }


def _vhost_user(guest: Guest, disk: Disk) -> Args:
    words = f"socket,id=chr-vu-{disk.alias},path={disk.source.path.replace(',', ',,')}"
    again = disk.source.reconnect
    if again is not None and again.enabled is not None:
        words += f",reconnect={again.timeout if again.enabled else 0}"
    return ["-chardev", words]


def encryption_of(image: Any) -> Encryption | None:
    """Where the definition has it: in the source or beside it."""
    if image.source is not None and image.source.encryption is not None:
        found: Encryption = image.source.encryption
        return found
    return getattr(image, "encryption", None)


def objects(guest: Guest, image: Any, number: int) -> Args:
    """Secrets, TLS credentials and reservation managers of one image."""
    source: DiskSource = image.source
    storage = f"libvirt-{number}-storage"
    args: Args = []
    pr = source.reservations
    if pr is not None and pr.managed is False:
        args += object_("pr-manager-helper", f"pr-helper-{storage}", path=pr.path)
    auth = source.auth or getattr(image, "auth", None)
    if auth is not None:
        args += secret(guest, secret_alias(storage, "auth"), auth.secret)
    encryption = encryption_of(image)
    if encryption is not None and encryption.secrets:
        alias = secret_alias(f"libvirt-{number}-format", "encryption")
        args += secret(guest, alias, encryption.secrets[0])
    if source.cookies:
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in source.cookies)
        args += secret(guest, secret_alias(storage, "httpcookie"), cookies)
    if source.tls:
        args += object_(
            "tls-creds-x509", f"obj{storage}_tls0", dir=guest.ctx.tls_dir, endpoint="client",
            verify_peer=True,
        )  # fmt: skip
    return args


def image_nodes(
    guest: Guest, disk: Disk, image: Any, number: int, below: str | None
) -> list[Props]:
    """The nodes of one image, the storage first.

    :param below: the node under it; None at the end of a chain
    """
    top = image is disk
    read_only = bool(disk.readonly) if top else True
    storage = storage_node(guest, disk, image, number)
    found = [storage]
    source = image.source
    sliced = source.slices[0] if source.slices else None
    file = storage["node-name"]
    fmt = image.format or "raw"
    encrypted = encryption_of(image) is not None and fmt == "raw"
    if sliced is not None and (fmt != "raw" or encrypted):
        file = f"libvirt-{number}-slice-sto"
        found.append({
            "driver": "raw", "node-name": file, "offset": sliced.offset, "size": sliced.size,
            "file": storage["node-name"], "auto-read-only": True, "discard": "unmap",
            "cache": _cache(disk),
        })  # fmt: skip
        sliced = None
    node = format_node(disk, image, number, read_only=read_only)
    if sliced is not None and fmt == "raw":
        node |= {"offset": sliced.offset, "size": sliced.size}
    node["file"] = file
    if below is not None and fmt not in _BACKED:
        detail = f"storage format '{fmt}' does not support backing store"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    if fmt in _BACKED and (below is not None or image.backing is not None):
        node["backing"] = below or NULL
    found.append(node)
    return found


def cache_mode(disk: Disk) -> str | None:
    """The cache mode; a disk that guests share has none. None = QEMU's own."""
    if disk.cache not in (None, "default"):
        return str(disk.cache)
    return "none" if disk.shareable and not disk.readonly else None


def _cache(disk: Disk) -> dict[str, bool] | None:
    mode = cache_mode(disk)
    if mode is None:
        return None
    direct, no_flush, _ = CACHE[mode]
    return {"direct": direct, "no-flush": no_flush}


def storage_node(guest: Guest, disk: Disk, image: Any, number: int) -> Props:
    """The node that reads and writes the data itself."""
    name = f"libvirt-{number}-storage"
    return _protocol(guest, disk, image, name) | {
        "node-name": name,
        "cache": _cache(disk),
        "auto-read-only": True,
        "discard": "unmap",
    }


def _protocol(guest: Guest, disk: Disk, image: Any, name: str) -> Props:
    source: DiskSource = image.source
    if image.type in ("file", "block"):
        pr = source.reservations
        manager = None
        if pr is not None:
            manager = f"pr-helper-{name}" if pr.managed is False else _PR_HELPER
        return {
            "driver": "file" if image.type == "file" else "host_device",
            "filename": source.file or source.dev,
            "aio": disk.io,
            "pr-manager": manager,
        }
    if image.type == "dir":
        floppy = disk.device == "floppy"
        return {"driver": "vvfat", "dir": source.dir, "floppy": floppy, "rw": not disk.readonly}
    if image.type == "nvme":
        return {"driver": "nvme", "device": source.address.text(), "namespace": source.namespace}
    if image.type == "network":
        return netstorage.props(source, source.auth or getattr(image, "auth", None), name)
    detail = f"no storage pool with matching name '{source.pool}'"
    raise errors.error(Code.NO_STORAGE_POOL, detail, domain=From.STORAGE)


def format_node(disk: Disk, image: Any, number: int, *, read_only: bool) -> Props:
    """The node that understands the image's format."""
    name = f"libvirt-{number}-format"
    zeroes = disk.detect_zeroes if image is disk else None
    if zeroes == "unmap" and disk.discard != "unmap":
        zeroes = "on"
    return {
        "node-name": name,
        "read-only": read_only,
        "discard": disk.discard,
        "detect-zeroes": zeroes,
        "cache": _cache(disk),
    } | _format(image, name)


def _format(image: Any, name: str) -> Props:
    fmt = image.format or "raw"
    encryption = encryption_of(image)
    qemu = encryption is not None and encryption.engine in (None, "qemu")
    key = secret_alias(name, "encryption")
    if fmt in ("raw", "fat"):
        if qemu and encryption is not None and encryption.format == "luks":
            return {"driver": "luks", "key-secret": key}
        return {"driver": "raw"}
    if fmt in _NO_FORMAT:
        detail = f"mishandled storage format '{fmt}'"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    found: Props = {"driver": _DRIVERS.get(fmt, fmt)}
    if fmt in ("qcow", "qcow2") and qemu and encryption is not None and encryption.secrets:
        kind = "luks" if encryption.format == "luks" else "aes"
        found["encrypt"] = {"format": kind, "key-secret": key}
    if fmt == "qcow2" and image.cache_max_size:
        found["cache-size"] = image.cache_max_size
    return found
