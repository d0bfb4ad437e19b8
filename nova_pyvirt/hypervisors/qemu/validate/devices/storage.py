# SPDX-License-Identifier: Apache-2.0
"""Sources of disks (virDomainDiskDefValidateSource, vhost-user)."""

import re
from typing import Any

from nova_pyvirt.errors import From
from nova_pyvirt.hypervisors.qemu.validate.common import bad_xml, unsupported, unsupported_domain
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.storage import Cookie, DiskSource, Encryption
from nova_pyvirt.model.domain import Domain

#: protocol that knows users -> the type their secrets must have
_AUTH = {"rbd": "ceph", "iscsi": "iscsi"} | dict.fromkeys(("http", "https", "ftp", "ftps", "ssh"))
_NOT_IN_VALUE = re.compile(r'[\x01-\x20",;\\]')
_NOT_IN_NAME = re.compile(r'[\x01-\x20",;\\()<>@:/\[\]?={}]')
_NOT_VHOST = (
    "cache", "error_policy", "io", "ioeventfd", "copy_on_read", "discard", "iothread",
    "detect_zeroes", "iotune", "backing", "encryption", "readonly", "shareable", "transient",
    "serial", "wwn", "vendor", "product", "auth",
)  # fmt: skip
_LUN_PROTOCOLS = ("iscsi",)


def check(disk: Disk) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED, XML_ERROR"""
    source = disk.source
    if source is not None and source.auth is not None and disk.auth is not None:
        raise unsupported_domain("an <auth> definition already found for disk source")
    if source is not None and source.encryption is not None and disk.encryption is not None:
        raise unsupported_domain("an <encryption> definition already found for disk source")
    layer: Any = disk
    while layer is not None:
        if layer.source is not None:
            _layer(layer)
        layer = layer.backing
    if disk.device == "lun":
        _lun(disk)
    if source is None:
        return
    _startup(disk)
    if disk.type == "nvme" and not source.namespace:
        raise unsupported_domain("NVMe namespace can't be zero")


def check_formats(disk: Disk) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED for an image that QEMU can't read, or not write"""
    _format(disk, read_only=bool(disk.readonly))
    layer = disk.backing
    while layer is not None and layer.source is not None:
        _format(layer, read_only=True)
        layer = layer.backing


def _layer(image: Any) -> None:
    source = image.source
    auth = source.auth or getattr(image, "auth", None)
    if auth is not None and image.type == "network":
        _auth(source.protocol, auth)
    encryption = source.encryption or getattr(image, "encryption", None)
    if encryption is not None:
        if encryption.cipher is not None:
            detail = "supplying <cipher> for domain disk definition is unnecessary"
            raise unsupported_domain(detail)
        if encryption.format == "luks-any":
            raise unsupported_domain("unknown volume encryption format type luks-any")
    rbd = image.type == "network" and source.protocol == "rbd"
    if source.snapshot and not rbd:
        raise bad_xml("<snapshot> element is currently supported only with 'rbd' disks")
    if source.config_file and not rbd:
        raise bad_xml("<config> element is currently supported only with 'rbd' disks")


def _format(image: Any, *, read_only: bool) -> None:
    if image.type == "network":
        _cookies(image.source.cookies)
        _protocol(image.source)
    if image.format == "cow":
        raise unsupported("'cow' storage format is not supported")
    encryption = image.source.encryption if image.source is not None else None
    _encrypted(image, encryption or getattr(image, "encryption", None))
    if image.format == "dir":
        raise unsupported(
            "'directory' storage format is not directly supported by QEMU, use 'dir' disk type"
            " instead"
        )
    if image.format == "iso":
        raise unsupported(
            "storage format 'iso' is not directly supported by QEMU, use 'raw' instead"
        )
    if image.format == "fat" and image.type not in ("volume", "dir"):
        raise unsupported("storage format 'fat' is supported only with 'dir' storage type")
    if image.type == "dir":
        if image.format not in (None, "fat"):
            raise unsupported("storage type 'dir' requires use of storage format 'fat'")
        if not read_only:
            raise unsupported("virtual FAT storage can't be accessed in read-write mode")


def _encrypted(image: Any, encryption: Encryption | None) -> None:
    if encryption is None:
        return
    if encryption.format in ("default", "qcow"):
        raise unsupported("old qcow/qcow2 encryption is not supported")
    if encryption.engine == "qemu":
        if encryption.format == "luks" and image.format not in ("qcow2", "raw"):
            raise unsupported("encryption is supported only with 'raw' and 'qcow2' image format")
        if encryption.format == "luks2":
            raise unsupported("luks2 is currently not supported by the qemu encryption engine")
    elif image.type != "network" and image.source.protocol != "rbd":
        raise unsupported("librbd encryption is supported only with RBD backed disks")


def _auth(protocol: str, auth: Any) -> None:
    if protocol not in _AUTH:
        raise unsupported_domain(f"authentication is not supported for protocol '{protocol}'")
    kind = auth.secret.type
    if kind not in ("none", "volume", "ceph", "iscsi", "tls", "vtpm"):
        raise unsupported_domain(f"unknown secret type '{'<null>' if kind is None else kind}'")
    if _AUTH[protocol] not in (None, kind):
        raise unsupported_domain(f"invalid secret type '{kind}'")


def _cookies(cookies: list[Cookie]) -> None:
    for number, cookie in enumerate(cookies):
        if _NOT_IN_NAME.search(cookie.name):
            raise bad_xml(f"cookie name '{cookie.name}' contains invalid characters", From.STORAGE)
        value = cookie.value
        if value.startswith('"'):
            value = value[1:-1] if value.endswith('"') else value
        if _NOT_IN_VALUE.search(value):
            detail = f"value of cookie '{cookie.name}' contains invalid characters"
            raise bad_xml(detail, From.STORAGE)
        if any(cookie.name == other.name for other in cookies[number + 1 :]):
            raise bad_xml(f"duplicate cookie '{cookie.name}'", From.STORAGE)


def _protocol(source: DiskSource) -> None:
    """What QEMU's drivers don't do (qemuDomainValidateStorageSource)."""
    if source.protocol == "tftp":
        raise unsupported("'tftp' protocol is not supported with this QEMU binary")
    if source.protocol == "nfs":
        if len(source.hosts) != 1:
            raise unsupported("'nfs' protocol requires the usage of exactly one host")
        if source.hosts[0].transport not in (None, "tcp"):
            raise unsupported("'nfs' host must use TCP protocol")
        if source.hosts[0].port is not None:
            raise unsupported("port cannot be specified in 'nfs' protocol host")
    if source.tls_hostname is not None and source.protocol != "nbd":
        raise unsupported("'tlsHostname' field is supported only with NBD disks")


def _startup(disk: Disk) -> None:
    policy = disk.source.startup_policy
    if policy is None:
        return
    if disk.type == "network":
        raise bad_xml(
            f"disk startupPolicy '{policy}' is not allowed for disk of '{disk.type}' type"
        )
    if policy == "requisite" and disk.device not in ("cdrom", "floppy"):
        raise bad_xml("disk startupPolicy 'requisite' is allowed only for cdrom or floppy")


def _lun(disk: Disk) -> None:
    source = disk.source
    if disk.type == "network":
        if source is None or source.protocol not in _LUN_PROTOCOLS:
            raise unsupported_domain(
                "disk device='lun' is not supported for protocol="
                f"'{source.protocol if source is not None else 'none'}'"
            )
    elif disk.type not in ("block", "volume"):
        raise unsupported_domain("disk device='lun' is only valid for block type disk source")
    if disk.format not in ("raw", None):
        raise unsupported_domain("disk device 'lun' must use 'raw' format")
    if source is not None and source.slices:
        raise unsupported_domain("disk device 'lun' doesn't support storage slice")
    if (source is not None and source.encryption is not None) or disk.encryption is not None:
        raise unsupported_domain("disk device 'lun' doesn't support encryption")


def check_vhost_user(domain: Domain, disk: Disk) -> None:
    """:raises libvirtError: for what the back-end decides, and without shared memory"""
    if disk.bus != "virtio":
        raise unsupported_domain("vhostuser disk supports only virtio bus")
    if disk.snapshot != "no":
        raise unsupported_domain("only snapshot=no is supported with vhostuser disk")
    for name in _NOT_VHOST:
        value = getattr(disk, name)
        if value not in (None, False):
            word = {"backing": "backingStore"}.get(name, name)
            raise unsupported_domain(f"{word} is not supported with vhostuser disk")
    if disk.cylinders or disk.heads or disk.sectors:
        raise unsupported_domain("geometry is not supported with vhostuser disk")
    if disk.logical_block_size or disk.physical_block_size:
        raise unsupported_domain("blockio is not supported with vhostuser disk")
    need_shared_memory(domain, "vhostuser")


def need_shared_memory(domain: Domain, name: str) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED when another process can't see the guest's memory"""
    backing = domain.memory_backing
    shared = backing is not None and backing.access == "shared"
    cells = domain.cpu.cells if domain.cpu is not None else []
    each = bool(cells) and all(
        cell.mem_access == "shared" or (cell.mem_access is None and shared) for cell in cells
    )
    if not (each if cells else shared):
        raise unsupported(f"'{name}' requires shared memory")
