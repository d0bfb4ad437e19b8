# SPDX-License-Identifier: Apache-2.0
"""Starting a domain: the table of contents (libvirt's qemuProcessStart)."""

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import Detail, Life, Shutoff
from nova_pyvirt.errors import system_error
from nova_pyvirt.hypervisors.qemu import audit, stop
from nova_pyvirt.hypervisors.qemu.start import (
    finish,
    init,
    launch,
    memory,
    prepare_domain,
    prepare_host,
    refresh,
)
from nova_pyvirt.hypervisors.qemu.start.context import Incoming, Start
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain

__all__ = ["Incoming", "Start", "start_process"]


def start_process(
    state: QemuState,
    vm: DomainObj,
    *,
    paused: bool,
    autodestroy: object | None = None,
    reset_nvram: bool = False,
    incoming: Incoming | None = None,
    persistent: Domain | None = None,
) -> None:
    """Starts QEMU for a domain. The caller holds its START job, not its lock.

    Each stage hands what it acquires to the run's undo stack; a failure at any of them ends the run
    and leaves nothing but SHUTOFF/FAILED.

    :param autodestroy: the connection whose end is the guest's
    :param incoming: the guest's memory comes from there
    :param persistent: the persistent definition, when this run has another one
    :raises libvirtError: what the stage says; OPERATION_INVALID when it runs already
    """
    start = Start(state, vm, paused, autodestroy, reset_nvram, incoming, persistent)
    init.run(start)
    try:
        init.prepare_hook(start)
        prepare_domain.run(start)
        prepare_host.run(start)
        launch.run(start)
        memory.run(start)
        refresh.run(start)
        finish.run(start)
    except BaseException as exc:
        private = start.private
        private.timeline.end(str(exc) or type(exc).__name__)
        audit.started(start.definition, private.pid, _reason(start), success=False)
        start.close()  # what follows may need descriptors
        destroyed = private.being_destroyed
        stop.stop_process(state, vm, Shutoff.DESTROYED if destroyed else Shutoff.FAILED)
        if private.announced:  # subscribers were told that it runs
            detail = Detail.STOPPED_DESTROYED if destroyed else Detail.STOPPED_FAILED
            state.bus.lifecycle(vm.ref, Life.STOPPED, detail)
        if isinstance(exc, OSError):
            raise system_error(exc.errno or 0, f"cannot start domain '{vm.name}'") from exc
        raise
    else:
        start.private.timeline.end()
        audit.started(start.definition, start.private.pid, _reason(start), success=True)
    finally:
        start.close()


def _reason(start: Start) -> str:
    """How the guest came to be, in an audit record."""
    return "booted" if start.incoming is None else "restored"
