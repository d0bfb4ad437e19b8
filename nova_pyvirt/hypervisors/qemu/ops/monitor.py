# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor for callers: commands as they are, events as they come (qemu_driver.c)."""

import json
from collections.abc import Sequence
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import jsontext, taints
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.monitorevents import NOCASE, REGEX, Callback
from nova_pyvirt.hypervisors.qemu.state import QemuState

HMP: Final = 1
_FUNCTION: Final = "qemuDomainQemuMonitorCommandWithFiles"


def monitor_command(
    state: QemuState, dom: DomainRef, cmd: str, flags: int, fds: Sequence[int] = ()
) -> str:
    """qemuDomainQemuMonitorCommand: QEMU's reply as JSON, or with HMP as text.

    The domain is marked as tainted: we don't know what was done to it.

    :param fds: at most one descriptor that QEMU gets with the command
    :raises libvirtError: OPERATION_INVALID, INTERNAL_ERROR for no JSON, OPERATION_TIMEOUT
    """
    check_flags(flags, HMP, _FUNCTION)
    if len(fds) > 1:
        detail = "at most 1 fd can be passed to qemu along with a command"
        raise errors.error(Code.INVALID_ARG, detail)
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, "virDomainQemuMonitorCommand", active=True):
        taints.mark(state, vm, "custom-monitor")
        monitor, deadline = vm.private.mon, state.settings.block_deadline
        if flags & HMP:
            args = {"command-line": cmd}
            return str(monitor.command("human-monitor-command", args, deadline=deadline, fds=fds))
        message = jsontext.parse(cmd)
        if not isinstance(message, dict):
            message = {"execute": message}  # QEMU will say what is wrong with it
        reply = monitor.raw(message, deadline=deadline, fds=fds)
        return json.dumps(reply, separators=(",", ":"))


def register(
    state: QemuState,
    owner: object,
    dom: DomainRef | None,
    event: str | None,
    callback: Callback,
    flags: int,
) -> int:
    """qemuConnectDomainQemuMonitorEventRegister.

    :param callback: callback(ref, event, seconds, microseconds, details as JSON or None)
    :returns: the number to deregister it with
    """
    check_flags(flags, REGEX | NOCASE, "qemuConnectDomainQemuMonitorEventRegister")
    uuid = dom.uuid if dom is not None else None
    return state.monitor_events.register(owner, uuid, event, flags, callback)
