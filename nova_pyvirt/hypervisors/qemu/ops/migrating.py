# SPDX-License-Identifier: Apache-2.0
"""What a migration may cost, set and asked before it and while it runs (qemu_driver.c)."""

from typing import Final, NoReturn

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.state import QemuState

POSTCOPY: Final = 1
_DOWNTIME, _CACHE = "downtime-limit", "xbzrle-cache-size"
_SPEED, _POSTCOPY_SPEED = "max-bandwidth", "max-postcopy-bandwidth"
_MIB: Final = 1 << 20
#: MiB/s: what libvirt says when nobody has set anything
_UNLIMITED: Final = ((1 << 63) - 1) // _MIB
_ULL_MAX: Final = (1 << 64) - 1


def _set(vm: DomainObj, name: str, value: int, caller: str) -> None:
    with job(vm, Job.MIGRATION_OP, caller, active=True):
        vm.private.mon.command("migrate-set-parameters", {name: value})


def _get(vm: DomainObj, name: str, caller: str) -> int:
    with job(vm, Job.QUERY, caller, active=True):
        return int(vm.private.mon.command("query-migrate-parameters", kind="query")[name])


def set_max_downtime(state: QemuState, dom: DomainRef, downtime: int, flags: int) -> None:
    """qemuDomainMigrateSetMaxDowntime, milliseconds.

    :raises libvirtError: OPERATION_INVALID when it is off; what QEMU says
    """
    check_flags(flags, 0, "qemuDomainMigrateSetMaxDowntime")
    _set(state.domains.find(dom), _DOWNTIME, downtime, "virDomainMigrateSetMaxDowntime")


def get_max_downtime(state: QemuState, dom: DomainRef, flags: int) -> int:
    """qemuDomainMigrateGetMaxDowntime, milliseconds.

    :raises libvirtError: OPERATION_INVALID when it is off
    """
    check_flags(flags, 0, "qemuDomainMigrateGetMaxDowntime")
    return _get(state.domains.find(dom), _DOWNTIME, "virDomainMigrateGetMaxDowntime")


def set_compression_cache(state: QemuState, dom: DomainRef, size: int, flags: int) -> None:
    """qemuDomainMigrateSetCompressionCache, bytes.

    :raises libvirtError: OPERATION_INVALID when it is off; what QEMU says
    """
    check_flags(flags, 0, "qemuDomainMigrateSetCompressionCache")
    _set(state.domains.find(dom), _CACHE, size, "virDomainMigrateSetCompressionCache")


def get_compression_cache(state: QemuState, dom: DomainRef, flags: int) -> int:
    """qemuDomainMigrateGetCompressionCache, bytes.

    :raises libvirtError: OPERATION_INVALID when it is off
    """
    check_flags(flags, 0, "qemuDomainMigrateGetCompressionCache")
    return _get(state.domains.find(dom), _CACHE, "virDomainMigrateGetCompressionCache")


def set_max_speed(state: QemuState, dom: DomainRef, speed: int, flags: int) -> None:
    """qemuDomainMigrateSetMaxSpeed, MiB/s; of a domain that is off it is kept for later.

    :raises libvirtError: OVERFLOW; OPERATION_INVALID for POSTCOPY when it is off
    """
    check_flags(flags, POSTCOPY, "qemuDomainMigrateSetMaxSpeed")
    vm = state.domains.find(dom)
    most = _ULL_MAX // _MIB if flags else _UNLIMITED
    if not 0 <= speed <= most:
        raise errors.error(Code.OVERFLOW, f"bandwidth must be less than {most + 1}")
    if flags:
        _set(vm, _POSTCOPY_SPEED, speed * _MIB, "virDomainMigrateSetMaxSpeed")
        return
    if vm.active:
        _set(vm, _SPEED, speed * _MIB, "virDomainMigrateSetMaxSpeed")
    state.migration_speeds[vm.uuid] = speed


def get_max_speed(state: QemuState, dom: DomainRef, flags: int) -> int:
    """qemuDomainMigrateGetMaxSpeed, MiB/s.

    :raises libvirtError: OPERATION_INVALID for POSTCOPY when it is off
    """
    check_flags(flags, POSTCOPY, "qemuDomainMigrateGetMaxSpeed")
    vm = state.domains.find(dom)
    if flags:
        return _get(vm, _POSTCOPY_SPEED, "virDomainMigrateGetMaxSpeed") // _MIB
    return state.migration_speeds.get(vm.uuid, _UNLIMITED)


def start_post_copy(state: QemuState, dom: DomainRef, flags: int) -> NoReturn:
    """qemuDomainMigrateStartPostCopy: :raises libvirtError: OPERATION_INVALID, no migration"""
    check_flags(flags, 0, "qemuDomainMigrateStartPostCopy")
    vm = state.domains.find(dom)
    with job(vm, Job.MIGRATION_OP, "virDomainMigrateStartPostCopy", active=True):
        detail = "post-copy can only be started while outgoing migration is in progress"
        raise errors.error(Code.OPERATION_INVALID, detail)
