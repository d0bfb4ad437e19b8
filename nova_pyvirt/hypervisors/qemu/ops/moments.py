# SPDX-License-Identifier: Apache-2.0
"""Snapshots, checkpoints and block jobs, which this driver doesn't make: it says that there are
none. Where another manager has left a domain's snapshots, it doesn't say so.
"""

from typing import Final, NamedTuple, NoReturn

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.block import qom
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.util.native import os

_LLONG_MAX: Final = (1 << 63) - 1


class Kind(NamedTuple):
    """Snapshots or checkpoints.

    :ivar list_flags: of the calls that list
    :ivar code: of "there is no such one"
    """

    word: str
    list_flags: int
    code: Code


SNAPSHOTS: Final = Kind("snapshot", 0x7FF, Code.NO_DOMAIN_SNAPSHOT)
CHECKPOINTS: Final = Kind("checkpoint", 0xF, Code.NO_DOMAIN_CHECKPOINT)


def check_none(state: QemuState, dom: DomainRef, kind: Kind, flags: int, function: str) -> None:
    """A listing: there is nothing to list.

    :raises libvirtError: NO_SUPPORT when another manager has left some
    """
    check_flags(flags, kind.list_flags, function)
    _none_of(state, state.domains.find(dom), kind)


def not_found(
    state: QemuState, dom: DomainRef, kind: Kind, name: str, flags: int, function: str
) -> NoReturn:
    """A look-up: :raises libvirtError: NO_DOMAIN_SNAPSHOT, NO_DOMAIN_CHECKPOINT, NO_SUPPORT"""
    check_flags(flags, 0, function)
    _none_of(state, state.domains.find(dom), kind)
    raise errors.error(kind.code, f"no domain {kind.word} with matching name '{name}'")


def current_snapshot(state: QemuState, dom: DomainRef, flags: int) -> NoReturn:
    """qemuDomainSnapshotCurrent: :raises libvirtError: NO_DOMAIN_SNAPSHOT, NO_SUPPORT"""
    check_flags(flags, 0, "qemuDomainSnapshotCurrent")
    _none_of(state, state.domains.find(dom), SNAPSHOTS)
    detail = "the domain does not have a current snapshot"
    raise errors.error(Code.NO_DOMAIN_SNAPSHOT, detail)


def has_current_snapshot(state: QemuState, dom: DomainRef, flags: int) -> int:
    """qemuDomainHasCurrentSnapshot: 0."""
    check_flags(flags, 0, "qemuDomainHasCurrentSnapshot")
    _none_of(state, state.domains.find(dom), SNAPSHOTS)
    return 0


def _none_of(state: QemuState, vm: DomainObj, kind: Kind) -> None:
    """What libvirt keeps of them is one file each, in a directory of the domain's name."""
    try:
        left = os.listdir(f"{state.paths.lib_dir}/{kind.word}/{vm.name}")
    except OSError:
        return
    if left:
        detail = f"domain '{vm.name}' has {kind.word}s of another manager"
        raise errors.error(Code.NO_SUPPORT, detail)


def get_block_job_info(
    state: QemuState, dom: DomainRef, disk: str, flags: int
) -> tuple[int, int, int, int, int]:
    """qemuDomainGetBlockJobInfo: found, type, bandwidth, cur, end.

    :raises libvirtError: OPERATION_INVALID, INVALID_ARG
    """
    check_flags(flags, 1, "qemuDomainGetBlockJobInfo")
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, "virDomainGetBlockJobInfo", active=True):
        _target(vm, disk)
    return 0, 0, 0, 0, 0


def block_job_abort(state: QemuState, dom: DomainRef, disk: str, flags: int) -> NoReturn:
    """qemuDomainBlockJobAbort: :raises libvirtError: OPERATION_INVALID, INVALID_ARG"""
    check_flags(flags, 3, "qemuDomainBlockJobAbort")
    _refuse(state.domains.find(dom), disk, "virDomainBlockJobAbort")


def block_job_set_speed(
    state: QemuState, dom: DomainRef, disk: str, bandwidth: int, flags: int
) -> NoReturn:
    """qemuDomainBlockJobSetSpeed, MiB/s or with flag 1 B/s.

    :raises libvirtError: OVERFLOW, OPERATION_INVALID, INVALID_ARG
    """
    check_flags(flags, 1, "qemuDomainBlockJobSetSpeed")
    if not flags and bandwidth > _LLONG_MAX >> 20:
        detail = f"bandwidth must be less than {_LLONG_MAX >> 20}"
        raise errors.error(Code.OVERFLOW, detail, domain=From.QEMU)
    _refuse(state.domains.find(dom), disk, "virDomainBlockJobSetSpeed")


def _refuse(vm: DomainObj, disk: str, caller: str) -> NoReturn:
    with job(vm, Job.MODIFY, caller, active=True):
        target = _target(vm, disk)
    detail = f"disk {target} does not have an active block job"
    raise errors.error(Code.INVALID_ARG, detail)


def _target(vm: DomainObj, path: str) -> str:
    with vm.lock:
        disk: Disk | None = qom.find(vm.definition, path)
    if disk is None:
        raise errors.error(Code.INVALID_ARG, f"disk '{path}' not found in domain")
    return str(disk.target)
