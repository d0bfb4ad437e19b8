# SPDX-License-Identifier: Apache-2.0
"""The calls for block jobs (qemu_driver.c): flags, units, the domain's job."""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.blockjobs import control, copy, starting
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.params import validate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model import document
from nova_pyvirt.model.devices.disk import BackingStore, Disk, DiskSource
from nova_pyvirt.util.typed import Params, UInt, ULLong

_LLONG_MAX: Final = (1 << 63) - 1
#: VIR_DOMAIN_BLOCK_REBASE_*
_REBASE_COPY: Final = 8
_REBASE_COPY_RAW: Final = 4
_REBASE_COPY_DEV: Final = 32
_REBASE_BYTES: Final = 64
_REBASE_SHALLOW: Final = 1
_REBASE_REUSE_EXT: Final = 2
_COMMIT_BYTES: Final = 16
#: parameters of a copy, and QEMU's names where they are others
_KINDS: Final = {"bandwidth": ULLong, "granularity": UInt, "buf-size": ULLong}
_QEMU: Final = {"bandwidth": "speed"}


def _speed(bandwidth: int, in_bytes: int) -> int:
    """Bytes per second.

    :raises libvirtError: OVERFLOW
    """
    if in_bytes:
        return bandwidth
    if bandwidth > _LLONG_MAX >> 20:
        detail = f"bandwidth must be less than {_LLONG_MAX >> 20}"
        raise errors.error(Code.OVERFLOW, detail)
    return bandwidth << 20


def pull(state: QemuState, dom: DomainRef, path: str, bandwidth: int, flags: int) -> None:
    """qemuDomainBlockPull: MiB/s, with flag 64 B/s.

    :raises libvirtError: see starting.pull()
    """
    check_flags(flags, _REBASE_BYTES, "qemuDomainBlockPull")
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainBlockPull", active=True):
        starting.pull(state, vm, path, None, _speed(bandwidth, flags & _REBASE_BYTES), flags)


def rebase(
    state: QemuState, dom: DomainRef, path: str, base: str | None, bandwidth: int, flags: int
) -> None:
    """qemuDomainBlockRebase: a pull down to an image, or a copy to a path.

    :raises libvirtError: see starting.pull(), copy.copy()
    """
    check_flags(flags, 127, "qemuDomainBlockRebase")
    vm = state.domains.find(dom)
    in_bytes = flags & _REBASE_BYTES
    if not flags & _REBASE_COPY:
        if flags & starting.REBASE_RELATIVE and base is None:
            detail = "flag VIR_DOMAIN_BLOCK_REBASE_RELATIVE is valid only with non-null base"
            raise errors.error(Code.INVALID_ARG, detail)
        with job(vm, Job.MODIFY, "virDomainBlockRebase", active=True):
            starting.pull(state, vm, path, base, _speed(bandwidth, in_bytes), flags)
        return
    speed = _speed(bandwidth, in_bytes)
    if flags & starting.REBASE_RELATIVE:
        detail = "Relative backing during copy not supported yet"
        raise errors.error(Code.ARGUMENT_UNSUPPORTED, detail)
    block = bool(flags & _REBASE_COPY_DEV)
    source = DiskSource(dev=base) if block else DiskSource(file=base)
    new = Disk(type="block" if block else "file", source=source)
    new.format = "raw" if flags & _REBASE_COPY_RAW else None
    kept = flags & (_REBASE_SHALLOW | _REBASE_REUSE_EXT)
    with job(vm, Job.MODIFY, "virDomainBlockRebase", active=True):
        copy.copy(state, vm, path, new, {"speed": speed} if speed else {}, kept)


def block_copy(
    state: QemuState,
    dom: DomainRef,
    path: str,
    xml: str,
    params: Params,
    flags: int,
) -> None:
    """qemuDomainBlockCopy.

    :param xml: a <disk> with the new image
    :param params: bandwidth in B/s, granularity and buf-size in bytes
    :raises libvirtError: INVALID_ARG, NO_SOURCE, XML_ERROR; see copy.copy()
    """
    check_flags(flags, 15, "qemuDomainBlockCopy")
    options = _options(params)
    vm = state.domains.find(dom)
    new = _described(xml)
    with job(vm, Job.MODIFY, "virDomainBlockCopy", active=True):
        copy.copy(state, vm, path, new, options, flags)


def _options(params: Params) -> dict[str, Any]:
    validate(params, _KINDS)
    given = {name: int(value) for name, value in params.items() if isinstance(value, int)}
    granularity, speed = given.get("granularity", 0), given.get("bandwidth", 0)
    if granularity & (granularity - 1):
        raise errors.error(Code.INVALID_ARG, "granularity must be power of 2")
    if speed > _LLONG_MAX:
        detail = f"bandwidth must be less than '{_LLONG_MAX}' bytes/s ({_LLONG_MAX >> 20} MiB/s)"
        raise errors.error(Code.INVALID_ARG, detail)
    return {_QEMU.get(name, name): value for name, value in given.items() if value}


def _described(xml: str) -> Disk:
    """A disk with an image alone.

    :raises libvirtError: XML_DETAIL, XML_ERROR, NO_SOURCE
    """
    node = document.load(xml, "disk", name="(disk_definition)")
    found = Disk.parse(node)
    if found.empty:
        raise errors.error(Code.NO_SOURCE, domain=From.DOMAIN)
    if found.source is not None:
        found.source.index = None
    if found.backing is not None and found.backing.source is None:
        found.backing = BackingStore()
    return found


def commit(
    state: QemuState,
    dom: DomainRef,
    path: str,
    base: str | None,
    top: str | None,
    bandwidth: int,
    flags: int,
) -> None:
    """qemuDomainBlockCommit: MiB/s, with flag 16 B/s.

    :raises libvirtError: see starting.commit()
    """
    check_flags(flags, 31, "qemuDomainBlockCommit")
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainBlockCommit", active=True):
        speed = _speed(bandwidth, flags & _COMMIT_BYTES)
        starting.commit(state, vm, path, base, top, speed, flags)


def get_info(
    state: QemuState, dom: DomainRef, path: str, flags: int
) -> tuple[int, int, int, int, int]:
    """qemuDomainGetBlockJobInfo: found, type, bandwidth (MiB/s, with flag 1 B/s), cur, end.

    :raises libvirtError: OPERATION_INVALID, INVALID_ARG
    """
    check_flags(flags, 1, "qemuDomainGetBlockJobInfo")
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, "virDomainGetBlockJobInfo", active=True):
        return control.info(vm, path, in_bytes=bool(flags))


def abort(state: QemuState, dom: DomainRef, path: str, flags: int) -> None:
    """qemuDomainBlockJobAbort.

    :raises libvirtError: see control.abort()
    """
    check_flags(flags, 3, "qemuDomainBlockJobAbort")
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainBlockJobAbort", active=True):
        control.abort(state, vm, path, flags)


def set_speed(state: QemuState, dom: DomainRef, path: str, bandwidth: int, flags: int) -> None:
    """qemuDomainBlockJobSetSpeed: MiB/s, with flag 1 B/s.

    :raises libvirtError: OVERFLOW, OPERATION_INVALID, INVALID_ARG
    """
    check_flags(flags, 1, "qemuDomainBlockJobSetSpeed")
    speed = _speed(bandwidth, flags)
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainBlockJobSetSpeed", active=True):
        control.set_speed(vm, path, speed)
