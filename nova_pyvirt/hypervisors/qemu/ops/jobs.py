# SPDX-License-Identifier: Apache-2.0
"""Long-running jobs as clients see them: figures, and their end (qemu_driver.c)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import AsyncJob, Job
from nova_pyvirt.core.jobdata import JobData, JobStatus
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import jobstats
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.ops.dump import MEMORY_ONLY
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import time
from nova_pyvirt.util.typed import Params

COMPLETED, KEEP_COMPLETED = 1, 2
ABORT_POSTCOPY = 1
_CONTROL_OK, _CONTROL_JOB, _CONTROL_OCCUPIED, _CONTROL_ERROR = range(4)
#: virDomainControlErrorReason: the monitor is lost
_ERROR_MONITOR: Final = 2
#: async job -> why it can't be aborted
_NOT_THESE: Final = {
    AsyncJob.NONE: "no job is active on the domain",
    AsyncJob.MIGRATION_IN: "cannot abort incoming migration; use virDomainDestroy instead",
    AsyncJob.START: "cannot abort VM start; use virDomainDestroy instead",
}


def get_job_info(state: QemuState, dom: DomainRef) -> list[int]:
    """The twelve numbers of virDomainJobInfo; zeros without a job.

    :raises libvirtError: OPERATION_INVALID when the domain is off; QEMU does not answer
    """
    data = _running(state.domains.find(dom))
    return [0] * 12 if data is None else jobstats.to_info(data)


def get_job_stats(state: QemuState, dom: DomainRef, flags: int) -> tuple[int, Params]:
    """(virDomainJobType, statistics).

    :param flags: COMPLETED asks for the last job that came to its end; reading it forgets it,
        unless KEEP_COMPLETED
    :raises libvirtError: see get_job_info()
    """
    check_flags(flags, COMPLETED | KEEP_COMPLETED, "qemuDomainGetJobStats")
    vm = state.domains.find(dom)
    if not flags & COMPLETED:
        return _params(_running(vm))
    with vm.lock:
        found = _params(vm.jobs.completed if vm.jobs.current is None else None)
        if found[0] and not flags & KEEP_COMPLETED:
            vm.jobs.completed = None
    return found


def _params(data: JobData | None) -> tuple[int, Params]:
    if data is None or data.status is JobStatus.NONE:
        return 0, {}
    return int(data.type), jobstats.to_params(data)


def _running(vm: DomainObj) -> JobData | None:
    """The job under way with fresh figures."""
    if vm.jobs.async_job is AsyncJob.MIGRATION_IN:
        detail = "migration statistics are available only on the source host"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    with job(vm, Job.QUERY, "virDomainGetJobStats", active=True):
        data = vm.jobs.current
        if data is not None:
            jobstats.fetch(vm, vm.private.mon, data)
        return data


def get_control_info(state: QemuState, dom: DomainRef, flags: int) -> tuple[int, int, int]:
    """virDomainControlInfo: state, details, milliseconds since; from memory.

    :raises libvirtError: OPERATION_INVALID when the domain is off
    """
    check_flags(flags, 0, "qemuDomainGetControlInfo")
    vm = state.domains.find(dom)
    with vm.lock:
        vm.require_active()
        if vm.private.monitor is None and vm.private.started:
            return _CONTROL_ERROR, _ERROR_MONITOR, 0
        holder, current, waiting = vm.jobs.holder, vm.jobs.current, vm.jobs.pending()
        if holder is None:
            return _CONTROL_OK, 0, 0
        if current is not None:
            return _CONTROL_JOB, 0, int((time.monotonic() - current.started) * 1000)
        age = max((age for _command, age in waiting), default=holder.age)
        return _CONTROL_OCCUPIED, 0, int(age * 1000)


def abort_job(state: QemuState, dom: DomainRef, flags: int) -> None:
    """qemuDomainAbortJobFlags: QEMU is told to stop; the job's own call ends with an error.

    :raises libvirtError: OPERATION_INVALID when there is nothing that can be aborted
    """
    check_flags(flags, ABORT_POSTCOPY, "qemuDomainAbortJobFlags")
    vm = state.domains.find(dom)
    with job(vm, Job.ABORT, "virDomainAbortJob", active=True):
        with vm.lock:
            kind, private = vm.jobs.async_job, vm.private
            postcopy = vm.jobs.current is not None and vm.jobs.current.status in (
                JobStatus.POSTCOPY, JobStatus.POSTCOPY_PAUSED,
            )  # fmt: skip
            _check_abort(kind, vm.jobs.flags, postcopy, flags)
            vm.jobs.aborted = True
            vm.jobs.notify()
        private.mon.command("migrate-pause" if postcopy else "migrate_cancel")


def _check_abort(kind: AsyncJob, job_flags: int, postcopy: bool, flags: int) -> None:
    why = _NOT_THESE.get(kind)
    if flags & ABORT_POSTCOPY and (kind is not AsyncJob.MIGRATION_OUT or not postcopy):
        why = "current job is not outgoing migration in post-copy mode"
    elif kind is AsyncJob.DUMP and job_flags & MEMORY_ONLY:
        why = "cannot abort memory-only dump"
    elif postcopy and not flags & ABORT_POSTCOPY:
        why = "cannot abort migration in post-copy mode"
    if why is not None:
        raise errors.error(Code.OPERATION_INVALID, why)
