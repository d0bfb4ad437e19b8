# SPDX-License-Identifier: Apache-2.0
"""Events that change a domain's state, as libvirt tells them (qemu_process.c)."""

import signal
from typing import Any, Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import (
    Detail,
    EventID,
    Life,
    Paused,
    PMSuspended,
    Running,
    Shutdown,
    State,
)
from nova_pyvirt.hypervisors.qemu import autodump, reboot, status, transitions
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import threading

#: QEMU's watchdog actions -> virDomainEventWatchdogAction
WATCHDOG_ACTIONS: Final = {
    "none": 0,
    "pause": 1,
    "reset": 2,
    "poweroff": 3,
    "shutdown": 4,
    "debug": 5,
    "inject-nmi": 6,
}
IO_ERROR_ACTIONS: Final = {"ignore": 0, "stop": 1, "report": 2}


def on_stop(state: QemuState, vm: DomainObj, _data: dict[str, Any], _when: float) -> None:
    """STOP: the guest stands still; not told between power-off and a fake reboot."""
    with vm.lock:
        private = vm.private
        reason, private.paused_reason = private.paused_reason, int(Paused.UNKNOWN)
        asked = reason != Paused.UNKNOWN
        if vm.state is not State.RUNNING or private.paused_shutdown:
            return
        transitions.paused(state, vm, reason)
    if not asked:  # who asked writes it himself
        status.save_soon(state, vm)


def on_resume(state: QemuState, vm: DomainObj, _data: dict[str, Any], _when: float) -> None:
    """RESUME: the guest runs."""
    with vm.lock:
        private = vm.private
        asked = private.running_reason != Running.UNKNOWN
        reason = private.running_reason or int(Running.UNPAUSED)
        private.running_reason = int(Running.UNKNOWN)
        if vm.state is State.RUNNING:
            return
        transitions.resumed(state, vm, reason)
    if not asked:
        status.save_soon(state, vm)


def on_shutdown(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """SHUTDOWN: the guest has powered off, or QEMU was told to end; QEMU waits (-no-shutdown)."""
    with vm.lock:
        if vm.state is State.SHUTDOWN or not vm.active:
            return
        private = vm.private
        again = private.fake_reboot or vm.definition.on_poweroff == "restart"
        if again and not private.being_destroyed:
            private.paused_shutdown = True
        else:
            again = False
            vm.set_state(State.SHUTDOWN, Shutdown.UNKNOWN)
            state.bus.lifecycle(vm.ref, Life.SHUTDOWN, _shutdown_detail(data))
    if again:
        reboot.fake_reboot(state, vm)
        return
    if private.being_destroyed:
        return
    status.try_save(state, vm)  # before QEMU can be gone: it says that the end was orderly
    if private.process is not None:
        private.process.signal(signal.SIGTERM)


def _shutdown_detail(data: dict[str, Any]) -> int:
    by_guest = data.get("guest")
    if by_guest is None:
        return Detail.SHUTDOWN_FINISHED
    return Detail.SHUTDOWN_GUEST if by_guest else Detail.SHUTDOWN_HOST


def on_reset(state: QemuState, vm: DomainObj, _data: dict[str, Any], _when: float) -> None:
    """RESET: told as a reboot, except while the domain starts."""
    with vm.lock:
        if vm.state is State.PAUSED and vm.reason == Paused.STARTING_UP:
            return
        vm.private.fake_reboot = False
        state.bus.emit(vm.ref, EventID.REBOOT)
    status.save_soon(state, vm)


def on_watchdog(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """WATCHDOG: told; action pause is a state too."""
    action = WATCHDOG_ACTIONS.get(str(data.get("action")), 0)
    with vm.lock:
        state.bus.emit(vm.ref, EventID.WATCHDOG, action)
        if action == WATCHDOG_ACTIONS["pause"] and vm.state is State.RUNNING:
            transitions.paused(state, vm, Paused.WATCHDOG)
        dump = any(item.action == "dump" for item in vm.definition.devices.watchdogs)
    status.save_soon(state, vm)
    if dump:  # needs a job, which the worker must not wait for
        threading.Thread(
            target=autodump.of_watchdog,
            args=(state, vm, vm.private),
            name="watchdog",
            daemon=True,
        ).start()


def on_wakeup(state: QemuState, vm: DomainObj, _data: dict[str, Any], _when: float) -> None:
    """WAKEUP: from suspend to RAM."""
    with vm.lock:
        state.bus.emit(vm.ref, EventID.PMWAKEUP, 0)
        if vm.state is State.PMSUSPENDED:
            vm.set_state(State.RUNNING, Running.WAKEUP)
            state.bus.lifecycle(vm.ref, Life.STARTED, Detail.STARTED_WAKEUP)
    status.save_soon(state, vm)


def on_suspend(state: QemuState, vm: DomainObj, _data: dict[str, Any], _when: float) -> None:
    """SUSPEND: the guest sleeps in RAM."""
    with vm.lock:
        state.bus.emit(vm.ref, EventID.PMSUSPEND, 0)
        if vm.state is State.RUNNING:
            vm.set_state(State.PMSUSPENDED, PMSuspended.UNKNOWN)
            state.bus.lifecycle(vm.ref, Life.PMSUSPENDED, Detail.PMSUSPENDED_MEMORY)
    status.save_soon(state, vm)


def on_suspend_disk(state: QemuState, vm: DomainObj, _data: dict[str, Any], _when: float) -> None:
    """SUSPEND_DISK: the guest is about to power off with its memory on disk."""
    with vm.lock:
        state.bus.emit(vm.ref, EventID.PMSUSPEND_DISK, 0)
        if vm.state is State.RUNNING:
            vm.set_state(State.PMSUSPENDED, PMSuspended.UNKNOWN)
            state.bus.lifecycle(vm.ref, Life.PMSUSPENDED, Detail.PMSUSPENDED_DISK)
    status.save_soon(state, vm)
