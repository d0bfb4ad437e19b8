# SPDX-License-Identifier: Apache-2.0
"""The guest's own sleep: to bring it about takes its agent, to end it a virtual key press."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.job_matrix import AgentJob, Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import agentless
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import agent_job, job
from nova_pyvirt.hypervisors.qemu.state import QemuState

#: virNodeSuspendTarget
_MEM, _DISK, _HYBRID = range(3)
_TARGETS: Final = (_MEM, _DISK, _HYBRID)


def pm_suspend(state: QemuState, dom: DomainRef, target: int, duration: int, flags: int) -> None:
    """qemuDomainPMSuspendForDuration.

    :param target: virNodeSuspendTarget
    :param duration: seconds; only 0, until somebody wakes it
    :raises libvirtError: ARGUMENT_UNSUPPORTED, INVALID_ARG; OPERATION_INVALID when it does not
        run; OPERATION_UNSUPPORTED and INTERNAL_ERROR when the machine can't sleep so
    """
    check_flags(flags, 0, "qemuDomainPMSuspendForDuration")
    if duration:
        detail = "Duration not supported. Use 0 for now"
        raise errors.error(Code.ARGUMENT_UNSUPPORTED, detail)
    if target not in _TARGETS:
        raise errors.error(Code.INVALID_ARG, f"Unknown suspend target: {target}")
    vm = state.domains.find(dom)
    with agent_job(vm, AgentJob.MODIFY, "virDomainPMSuspendForDuration"):
        raise agentless.refusal(vm)


def pm_wakeup(state: QemuState, dom: DomainRef, flags: int) -> None:
    """qemuDomainPMWakeup.

    :raises libvirtError: OPERATION_INVALID when it is off, INTERNAL_ERROR when it is awake
    """
    check_flags(flags, 0, "qemuDomainPMWakeup")
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainPMWakeup", active=True):
        vm.private.mon.command("system_wakeup")
        vm.private.worker.drain()
