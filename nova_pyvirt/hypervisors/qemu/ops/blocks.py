# SPDX-License-Identifier: Apache-2.0
"""Disks of a domain: sizes, contents, errors (qemu_driver.c)."""

import re
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu import identity
from nova_pyvirt.hypervisors.qemu.block import qom, sizes
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.identity import Identity
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os

RESIZE_BYTES: Final = 1
_DEV: Final = re.compile(r"(?P<target>[^\[\]]+)(?:\[(?P<index>\d+)\])?")
_ULL_MAX: Final = (1 << 64) - 1
#: QEMU's io-status: virDomainDiskErrorCode
_IO_STATUS: Final = {"failed": 1, "nospace": 2}


def get_block_info(state: QemuState, dom: DomainRef, path: str, flags: int) -> tuple[int, int, int]:
    """qemuDomainGetBlockInfo: capacity, allocation, physical size in bytes.

    :raises libvirtError: INVALID_ARG, OPERATION_UNSUPPORTED; SYSTEM_ERROR for an image that can't
        be read
    """
    check_flags(flags, 0, "qemuDomainGetBlockInfo")
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, "virDomainGetBlockInfo"):
        with vm.lock:
            disk = qom.find(vm.definition, path)
            active = vm.active
        if disk is None:
            raise _invalid(f"invalid path {path} not assigned to domain")
        _not_vhostuser(disk, "block info")
        if disk.empty:
            raise _invalid(f"disk '{path}' does not currently have a source assigned")
        if not active:
            found = sizes.measure(disk)
            return found.capacity, found.allocation, found.physical
        return _running(vm, disk)


def _running(vm: DomainObj, disk: Disk) -> tuple[int, int, int]:
    """What QEMU says; the end on the host is looked at for files with holes."""
    info, stats = vm.private.mon.batch([("query-block", None), ("query-blockstats", None)])
    image: dict[str, Any] = next(
        (row.get("inserted", {}).get("image", {}) for row in info
         if qom.alias_of(row) == disk.alias), {},
    )  # fmt: skip
    row: dict[str, Any] = next((row for row in stats if qom.alias_of(row) == disk.alias), {})
    capacity = int(image.get("virtual-size", 0))
    actual = int(image.get("actual-size", capacity))
    highest = _highest(row)
    image_file = disk.type == "file" and disk.format == "qcow2"
    allocation = actual if highest is None or image_file else highest
    physical = actual
    if not actual or allocation in (0, actual):
        allocation = allocation or actual
        end = sizes.physical_size(disk.path) if disk.path else None
        physical = actual if end is None else end
    return capacity, allocation, physical


def _highest(row: dict[str, Any]) -> int | None:
    """The highest offset written, of the node that holds the file."""
    parent = row.get("parent", {}).get("stats", {})
    found = parent.get("wr_highest_offset", row.get("stats", {}).get("wr_highest_offset"))
    return None if found is None else int(found)


def _invalid(detail: str) -> libvirtError:
    return errors.error(Code.INVALID_ARG, detail)


def _not_vhostuser(disk: Disk, what: str) -> None:
    if disk.type == "vhostuser":
        verb = "are" if what.endswith("s") else "is"
        detail = f"{what} {verb} not supported for vhostuser disk"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)


def block_resize(state: QemuState, dom: DomainRef, path: str, size: int, flags: int) -> None:
    """qemuDomainBlockResize: KiB, bytes with RESIZE_BYTES.

    :raises libvirtError: INVALID_ARG, OVERFLOW, OPERATION_UNSUPPORTED, OPERATION_INVALID; what
        QEMU says
    """
    check_flags(flags, RESIZE_BYTES, "qemuDomainBlockResize")
    if not flags & RESIZE_BYTES:
        if size > _ULL_MAX // 1024:
            raise errors.error(Code.OVERFLOW, f"size must be less than {_ULL_MAX // 1024}")
        size *= 1024
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainBlockResize", active=True):
        with vm.lock:
            disk = qom.find(vm.definition, path)
        if disk is None:
            raise _invalid(f"disk '{path}' was not found in the domain config")
        _not_vhostuser(disk, "block resize")
        if disk.format in ("qcow2", "qed"):
            size = (size + 511) // 512 * 512
        if disk.empty or disk.readonly:
            detail = f"can't resize empty or readonly disk '{disk.target}'"
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
        args = {"node-name": qom.format_node(disk), "size": size}
        vm.private.mon.command("block_resize", args)


def block_peek(
    state: QemuState, dom: DomainRef, path: str, offset: int, size: int, flags: int
) -> bytes:
    """qemuDomainBlockPeek: a raw image's contents.

    :raises libvirtError: INVALID_ARG, OPERATION_UNSUPPORTED, SYSTEM_ERROR
    """
    check_flags(flags, 0, "qemuDomainBlockPeek")
    vm = state.domains.find(dom)
    with vm.lock:
        disk = qom.find(vm.definition, path)
    if disk is None:
        raise _invalid(f"disk '{path}' not found in domain")
    _not_vhostuser(disk, "peeking")
    if disk.format != "raw":
        detail = f"peeking is only supported for disk with 'raw' format not '{disk.format}'"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    if disk.path is None:
        detail = f"storage file reading is not supported for storage type {disk.type}"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    data = _read(disk.path, offset, size)
    if len(data) < size:
        raise _invalid(f"'{path}' starting from {offset} has only {len(data)} bytes available")
    return data


def _read(path: str, offset: int, size: int) -> bytes:
    try:
        with open(path, "rb") as file:
            return os.pread(file.fileno(), size, offset)
    except (OSError, OverflowError) as exc:
        number = exc.errno if isinstance(exc, OSError) else None
        raise system_error(number or 22, f"Failed to read file '{path}'") from exc


def set_block_threshold(
    state: QemuState, dom: DomainRef, dev: str, threshold: int, flags: int
) -> None:
    """qemuDomainSetBlockThreshold: BLOCK_THRESHOLD, once, when `dev` is written to beyond there.

    :param dev: a disk's target, with ``[N]`` for a layer of it
    :param threshold: bytes; 0 = none
    :raises libvirtError: INVALID_ARG, OPERATION_INVALID, OPERATION_UNSUPPORTED; what QEMU says
    """
    check_flags(flags, 0, "qemuDomainSetBlockThreshold")
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainSetBlockThreshold", active=True):
        with vm.lock:
            number, indexed = _layer(vm.definition, dev)
        args = {"node-name": f"libvirt-{number}-storage", "write-threshold": threshold}
        vm.private.mon.command("block-set-write-threshold", args)
        with vm.lock:
            watched: set[int] = vm.private.indexed_thresholds
            watched.discard(number)
            if indexed:
                watched.add(number)


def _layer(definition: Domain, dev: str) -> tuple[int, bool]:
    """The number of a disk's layer in node names, and whether `dev` has it."""
    found = _DEV.fullmatch(dev)
    if found is None:
        raise _invalid(f"failed to parse block device '{dev}'")
    target, index = found["target"], int(found["index"] or 0)
    disk = next((one for one in definition.devices.disks if one.target == target), None)
    if disk is None:
        raise _invalid(f"failed to find disk '{target}'")
    _not_vhostuser(disk, "setting device threshold")
    numbers = [number for number, _source in qom.layers(disk)]
    if (index and index not in numbers) or not numbers:
        raise _invalid(f"failed to find disk '{dev}'")
    return index or numbers[0], bool(index)


def get_disk_errors(state: QemuState, dom: DomainRef, flags: int) -> list[tuple[str, int]]:
    """qemuDomainGetDiskErrors: (target, virDomainDiskErrorCode) of each disk with an error."""
    check_flags(flags, 0, "qemuDomainGetDiskErrors")
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, "virDomainGetDiskErrors", active=True):
        rows = vm.private.mon.command("query-block", kind="query")
    codes = {qom.alias_of(row): _IO_STATUS.get(str(row.get("io-status"))) for row in rows}
    return [
        (str(disk.target), code)
        for disk in vm.definition.devices.disks
        if (code := codes.get(str(disk.alias)))
    ]


VIRTUAL, PHYSICAL = 1, 2


def memory_peek(state: QemuState, dom: DomainRef, start: int, size: int, flags: int) -> bytes:
    """qemuDomainMemoryPeek: the guest's memory, by the first vCPU's addresses or physical ones.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID; what QEMU says
    """
    check_flags(flags, VIRTUAL | PHYSICAL, "qemuDomainMemoryPeek")
    vm = state.domains.find(dom)
    if flags not in (VIRTUAL, PHYSICAL):
        raise _invalid("flags parameter must be VIR_MEMORY_VIRTUAL or VIR_MEMORY_PHYSICAL")
    with job(vm, Job.QUERY, "virDomainMemoryPeek", active=True):
        path = f"{vm.private.lib_dir}/qemu.mem"
        try:
            _make(path, identity.of(vm.definition, state.settings))
            args = {"val": start, "size": size, "filename": path}
            vm.private.mon.command("memsave" if flags == VIRTUAL else "pmemsave", args)
            return _read(path, 0, size)
        finally:
            _remove(path)


def _make(path: str, user: Identity | None) -> None:
    """A file that QEMU may write and nobody else may read."""
    try:
        _remove(path)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if user is not None:
                os.fchown(fd, *user)
        finally:
            os.close(fd)
    except OSError as exc:
        raise system_error(exc.errno or 0, f'mkstemp("{path}") failed', domain=From.QEMU) from exc


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
