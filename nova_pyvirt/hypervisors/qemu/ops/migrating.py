# SPDX-License-Identifier: Apache-2.0
"""What a migration may cost, set and asked while a guest runs (qemu_driver.c)."""

from typing import Final, NoReturn

from nova_pyvirt import errors
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.state import QemuState

_DOWNTIME: Final = "downtime-limit"


def set_max_downtime(state: QemuState, dom: DomainRef, downtime: int, flags: int) -> None:
    """qemuDomainMigrateSetMaxDowntime, milliseconds.

    :raises libvirtError: OPERATION_INVALID when it is off; what QEMU says
    """
    check_flags(flags, 0, "qemuDomainMigrateSetMaxDowntime")
    vm = state.domains.find(dom)
    with job(vm, Job.MIGRATION_OP, "virDomainMigrateSetMaxDowntime", active=True):
        vm.private.mon.command("migrate-set-parameters", {_DOWNTIME: downtime})


def get_max_downtime(state: QemuState, dom: DomainRef, flags: int) -> int:
    """qemuDomainMigrateGetMaxDowntime, milliseconds.

    :raises libvirtError: OPERATION_INVALID when it is off
    """
    check_flags(flags, 0, "qemuDomainMigrateGetMaxDowntime")
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, "virDomainMigrateGetMaxDowntime", active=True):
        return int(vm.private.mon.command("query-migrate-parameters", kind="query")[_DOWNTIME])


def start_post_copy(state: QemuState, dom: DomainRef, flags: int) -> NoReturn:
    """qemuDomainMigrateStartPostCopy: :raises libvirtError: OPERATION_INVALID, no migration"""
    check_flags(flags, 0, "qemuDomainMigrateStartPostCopy")
    vm = state.domains.find(dom)
    with job(vm, Job.MIGRATION_OP, "virDomainMigrateStartPostCopy", active=True):
        detail = "post-copy can only be started while outgoing migration is in progress"
        raise errors.error(Code.OPERATION_INVALID, detail)
