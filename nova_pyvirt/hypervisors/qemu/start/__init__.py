# SPDX-License-Identifier: Apache-2.0
"""Starting a domain: the table of contents (libvirt's qemuProcessStart)."""

import logging
from typing import Final

from nova_pyvirt.core import ports
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import Detail, Life, Shutoff
from nova_pyvirt.errors import libvirtError, system_error
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

LOG = logging.getLogger(__name__)
#: what QEMU says of a port, or of a socket of its own
_IN_USE: Final = "Address already in use"  # its environment has no language
#: starts of a domain whose chosen ports are lost to others each time
_PORT_TRIES: Final = 4


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
    before = vm.definition
    for left in reversed(range(_PORT_TRIES)):
        start = Start(state, vm, paused, autodestroy, reset_nvram, incoming, persistent)
        try:
            _attempt(start)
            return
        except libvirtError as exc:
            if not left or not _lost_port(start, str(exc)):
                raise
            LOG.warning(
                "domain %s is started again: a port chosen for it was lost: %s", vm.name, exc
            )
            vm.definition = before


def _lost_port(start: Start, said: str) -> bool:
    """Whether the start may have failed because somebody else, who knows nothing of our list, took
    a port between our look at it and QEMU's; he may have let go of it again.
    """
    if not start.chosen or start.private.announced or start.vm.reason != Shutoff.FAILED:
        return False
    if start.incoming is not None and start.incoming.fd is not None:
        return False  # what comes from there comes once
    return _IN_USE in said or not all(ports.is_free(port) for port in start.chosen)


def _attempt(start: Start) -> None:
    """One start; see start_process()."""
    state, vm = start.state, start.vm
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
