# SPDX-License-Identifier: Apache-2.0
"""The end of a run: QEMU is ended if it still lives, everything is given back (qemuProcessStop)."""

import logging
import signal
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.logfile import append
from nova_pyvirt.core.states import Life, Shutoff, State, reason_name
from nova_pyvirt.core.timeline import Timeline
from nova_pyvirt.errors import libvirtError, system_error
from nova_pyvirt.hypervisors.qemu import audit, status
from nova_pyvirt.hypervisors.qemu.host import tpmstate
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.process import Process
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util import procstat
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)
#: seconds after SIGTERM until SIGKILL; libvirt waits 10
TERM_WAIT: Final = 2.0
#: seconds that the kernel may take after SIGKILL
KILL_WAIT: Final = 5.0
#: seconds of SIGTERM alone under VIR_DOMAIN_DESTROY_GRACEFUL
GRACEFUL_WAIT: Final = 10.0
#: seconds for the events QEMU sent before it ended
EVENTS_WAIT: Final = 1.0
#: how often a process that doesn't end is looked at for being stopped, in seconds
_LOOK: Final = 0.2


def kill(process: Process, *, force: bool = True) -> None:
    """Ends QEMU: SIGTERM, and with `force` SIGKILL when that doesn't do.

    A QEMU that is stopped (SIGSTOP) can't react: it is killed at once.

    :raises libvirtError: SYSTEM_ERROR when it lives on
    """
    if not process.signal(signal.SIGTERM):
        return
    left = TERM_WAIT if force else GRACEFUL_WAIT
    while left > 0:
        if force and is_stopped(process.pid):
            break
        if process.wait(min(_LOOK, left)):
            return
        left -= _LOOK
    if force:
        process.signal(signal.SIGKILL)
        if process.wait(KILL_WAIT):
            return
    name = "SIGKILL" if force else "SIGTERM"
    detail = f"Failed to terminate process {process.pid} with {name}"
    raise system_error(16, detail, domain=errors.From.NONE)


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped the process: it can't answer anything."""
    try:
        return procstat.read(pid)[procstat.STATE] in (b"T", b"t")
    except OSError:
        return False


def stop_process(
    state: QemuState, vm: DomainObj, reason: Shutoff, timeline: Timeline | None = None
) -> None:
    """Ends a domain's run, whatever stage it has come to. Its job's owner calls, lock free.

    From the first moment on the domain is inactive for everybody else. Nothing here fails; how
    long each stage takes is kept as for a start.

    :param timeline: has what the caller has done towards the end already
    """
    timeline = timeline or Timeline()
    with vm.lock:
        if not vm.active:
            return
        private: QemuPrivate = vm.private
        private.being_destroyed = True
        live, pid = vm.definition, private.pid
        ident, vm.id = vm.id, -1
        vm.set_state(State.SHUTOFF, reason)
        vm.jobs.notify()
        state.stops.add(vm, timeline, ident)
    reach("stop-begin")
    _tell_log(state, vm.name, reason)
    _end_qemu(vm, private, timeline)
    with timeline.stage("hook-stopped"):
        hook(state, vm.name, "stopped", live)
    reach("stop-ended")
    with state.spare.lent():
        with timeline.stage("undo"):
            private.undo.close()
        reach("stop-undone")
        with timeline.stage("files"):
            _forget(state, vm, private)
    reach("stop-files")
    audit.stopped(live, pid, reason.name.lower())
    with timeline.stage("hook-release"):
        hook(state, vm.name, "release", live)
    timeline.end()
    LOG.info("domain %s (id %d) has ended: %s", vm.name, ident, reason.name.lower())


def _tell_log(state: QemuState, name: str, reason: Shutoff) -> None:
    path = state.paths.log_file(name)
    if os.path.exists(path):
        append(path, f"shutting down, reason={reason_name(State.SHUTOFF, reason)}")


def end_qemu(private: QemuPrivate, timeline: Timeline, *, force: bool = True) -> None:
    """kill(), and what QEMU said before its end has been handled.

    :raises libvirtError: SYSTEM_ERROR when it lives on
    """
    if private.process is not None:
        with timeline.stage("qemu"):
            kill(private.process, force=force)
    if private.monitor is not None and private.worker is not None:
        with timeline.stage("events"):
            private.worker.wait_eof(EVENTS_WAIT)


def _end_qemu(vm: DomainObj, private: QemuPrivate, timeline: Timeline) -> None:
    try:
        if not timeline.stages:  # destroy() has done so before
            end_qemu(private, timeline)
    except libvirtError as exc:
        LOG.error("domain %s: %s", vm.name, exc)
    monitor, private.monitor = private.monitor, None
    vm.jobs.pending = tuple
    if monitor is not None:
        monitor.close()
    if private.worker is not None:
        private.worker.stop()
    private.perf.close()


def hook(state: QemuState, name: str, operation: str, live: Domain) -> None:
    """A hook at the end of a run: what it says is ignored."""
    if not state.hooks:
        return
    try:
        state.hooks.call(name, operation, "end", None, live.format(secure=True))
    except libvirtError as exc:
        LOG.warning("domain %s: hook %s: %s", name, operation, exc)


def _forget(state: QemuState, vm: DomainObj, private: QemuPrivate) -> None:
    """Files go, the persistent definition takes the live one's place."""
    with vm.lock:
        status.remove(state, vm.name)
        if vm.new_definition is not None:
            vm.definition, vm.new_definition = vm.new_definition, None
        vm.definition.id = None
        vm.private = None
        state.autodestroy.pop(vm.uuid, None)
    if private.process is not None:
        private.process.close()


def announce(state: QemuState, vm: DomainObj, detail: int) -> None:
    """STOPPED; a transient domain is gone then."""
    with vm.lock:
        if not vm.persistent:
            state.domains.remove(vm)
            tpmstate.forget(state.paths, vm.definition)
        state.bus.lifecycle(vm.ref, Life.STOPPED, detail)
