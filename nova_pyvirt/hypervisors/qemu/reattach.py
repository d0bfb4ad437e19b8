# SPDX-License-Identifier: Apache-2.0
"""The monitor of a guest that was found running, and the guest's state as QEMU has it now."""

import logging
from collections.abc import Sequence
from typing import Any, Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.states import Paused, Running, Shutoff, State
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import cpus, livecpu, recover, status, stop
from nova_pyvirt.hypervisors.qemu.blockjobs import recover as blockjobs
from nova_pyvirt.hypervisors.qemu.events.dispatch import worker_for
from nova_pyvirt.hypervisors.qemu.hotplug import recover as devices
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.limits.settle import settle_later, unsettled
from nova_pyvirt.hypervisors.qemu.monitor import Deadlines, Monitor, QMPTimeout
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.start.refresh import count, refresh
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import threading

LOG = logging.getLogger(__name__)
#: seconds that a QEMU may take to greet us before the others are not kept waiting
GREETING: Final = 2.0
#: seconds that one which did not may take: as long as the guest lives
_PATIENCE: Final = 365 * 86400.0
#: QEMU's run states -> what we show (qemuMonitorVMStatusToPausedReason)
_RUN_STATES: Final = {
    "running": (State.RUNNING, int(Running.UNKNOWN)),
    "paused": (State.PAUSED, int(Paused.USER)),
    "prelaunch": (State.PAUSED, int(Paused.USER)),
    "inmigrate": (State.PAUSED, int(Paused.MIGRATION)),
    "postmigrate": (State.PAUSED, int(Paused.MIGRATION)),
    "finish-migrate": (State.PAUSED, int(Paused.MIGRATION)),
    "io-error": (State.PAUSED, int(Paused.IOERROR)),
    "save-vm": (State.PAUSED, int(Paused.SAVE)),
    "restore-vm": (State.PAUSED, int(Paused.UNKNOWN)),
    "shutdown": (State.PAUSED, int(Paused.SHUTTING_DOWN)),
    "suspended": (State.PMSUSPENDED, 0),
    "watchdog": (State.PAUSED, int(Paused.WATCHDOG)),
    "guest-panicked": (State.CRASHED, 1),
    "internal-error": (State.PAUSED, int(Paused.UNKNOWN)),
    "debug": (State.PAUSED, int(Paused.UNKNOWN)),
}


def attach(state: QemuState, vm: DomainObj, written: Sequence[Any], *, lost: bool) -> None:
    """Connects to the monitor and brings the domain's state up to date.

    A QEMU that does not answer holds nobody up: the rest is done when it does. One that cannot be
    reached any more is kept too; its guest can be destroyed.

    :param written: the status file's private part
    :param lost: nothing says in which state the guest was
    """
    private: QemuPrivate = vm.private
    assert private.process is not None  # it was found
    private.worker = worker_for(state, vm)
    try:
        with job(vm, Job.MODIFY, f"init-{vm.name}"):
            if stop.is_stopped(private.process.pid):
                raise QMPTimeout("QEMU monitor greeting", vm.name, 0)
            _connect(state, vm, private, GREETING)
            reach("reconnect-attached")
            _update(state, vm, written, lost)
    except QMPTimeout as exc:
        LOG.error("domain %s: QEMU does not answer, and is taken over when it does: %s",
                  vm.name, exc)  # fmt: skip
        _unwatched(private)
        threading.Thread(
            target=_late, args=(state, vm, private, written, lost), name="late", daemon=True
        ).start()
    except libvirtError as exc:
        _close(private)
        LOG.error("domain %s runs without a monitor: %s", vm.name, exc)
        _unwatched(private)


def _late(
    state: QemuState, vm: DomainObj, private: QemuPrivate, written: Sequence[Any], lost: bool
) -> None:
    """The same when QEMU answers at last; ends with QEMU or with the driver state."""
    try:
        if private.monitor is None:
            _connect(state, vm, private, _PATIENCE)
        private.mon.command("query-status", kind="query", deadline=_PATIENCE)
        with job(vm, Job.MODIFY, f"init-{vm.name}"):
            if vm.private is private and vm.active:
                _update(state, vm, written, lost)
                LOG.info("domain %s: QEMU answers again", vm.name)
        status.try_save(state, vm)
    except libvirtError as exc:
        LOG.warning("domain %s is not attached: %s", vm.name, exc)


def _close(private: QemuPrivate) -> None:
    monitor, private.monitor = private.monitor, None
    if monitor is not None:
        monitor.close()


def _unwatched(private: QemuPrivate) -> None:
    """Without a monitor the process itself tells its end."""
    process, worker = private.process, private.worker
    if process is not None and worker is not None:
        process.on_exit(lambda: worker.eof("QEMU has ended"))


def _connect(state: QemuState, vm: DomainObj, private: QemuPrivate, deadline: float) -> None:
    settings, worker = state.settings, private.worker
    assert worker is not None  # attach() has made it
    monitor = Monitor.connect(
        private.monitor_path,
        name=vm.name,
        on_event=worker.event,
        on_eof=worker.eof,
        deadline=deadline,
        process=private.process,
        deadlines=Deadlines(
            settings.query_deadline, settings.change_deadline, settings.block_deadline
        ),
        on_attempt=private.abandon.append,
    )
    with vm.lock:
        private.monitor = monitor
    vm.jobs.pending = monitor.pending


def _update(state: QemuState, vm: DomainObj, written: Sequence[Any], lost: bool) -> None:
    half_known = lost or (vm.state, vm.reason) == (State.PAUSED, Paused.STARTING_UP)
    asked = livecpu.questions(vm.definition) if half_known else []
    livecpu.update(vm, refresh(vm, vm.private.mon, asked))
    settle_later(vm, unsettled(vm))
    try:
        count(vm)
    except libvirtError as exc:
        LOG.warning("domain %s: %s", vm.name, exc)
    _settle(state, vm, lost)
    recover.recover(state, vm, written)
    blockjobs.recover(state, vm, written)
    if vm.active and devices.recover(state, vm, written):
        refresh(vm, vm.private.mon)  # what QEMU says of the new ones


def _settle(state: QemuState, vm: DomainObj, lost: bool) -> None:
    """The state as QEMU has it now; a shutdown or reboot half done is finished."""
    private = vm.private
    answer: dict[str, Any] = private.mon.command("query-status", kind="query")
    now, reason = _RUN_STATES.get(str(answer.get("status")), (State.PAUSED, 0))
    with vm.lock:
        before = (vm.state, vm.reason)
        if lost or (vm.state is not now and vm.state is not State.SHUTDOWN):
            vm.set_state(now, reason)
    if before == (State.PAUSED, Paused.STARTING_UP):
        _finish_start(state, vm, now)
    elif (now is State.PAUSED and reason == Paused.SHUTTING_DOWN) or before[0] is State.SHUTDOWN:
        _finish_shutdown(state, vm)


def _finish_start(state: QemuState, vm: DomainObj, now: State) -> None:
    """We died while it started: it has booted if its CPUs run, else it never will."""
    if now is State.RUNNING:
        with vm.lock:
            vm.set_state(State.RUNNING, Running.BOOTED)
        return
    LOG.warning("domain %s had not been started completely: it is ended", vm.name)
    stop.stop_process(state, vm, Shutoff.DAEMON)
    if not vm.persistent:
        state.domains.remove(vm)


def _finish_shutdown(state: QemuState, vm: DomainObj) -> None:
    private = vm.private
    if private.fake_reboot or vm.definition.on_poweroff == "restart":
        private.paused_shutdown = True
        private.mon.command("system_reset")
        cpus.start(state, vm, Running.BOOTED)
        private.paused_shutdown = private.fake_reboot = False
        return
    with vm.lock:
        vm.set_state(State.SHUTDOWN, 0)
    stop.stop_process(state, vm, Shutoff.SHUTDOWN)
    if not vm.persistent:
        state.domains.remove(vm)
