# SPDX-License-Identifier: Apache-2.0
"""Changes of a running domain's state, each with its event; the domain's lock is held."""

from typing import Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import Crashed, Detail, Life, Paused, Running, State
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import time

#: reason of a pause -> the event's detail
_SUSPENDED: Final = {
    Paused.MIGRATION: Detail.SUSPENDED_MIGRATED,
    Paused.FROM_SNAPSHOT: Detail.SUSPENDED_FROM_SNAPSHOT,
    Paused.IOERROR: Detail.SUSPENDED_IOERROR,
    Paused.WATCHDOG: Detail.SUSPENDED_WATCHDOG,
    Paused.POSTCOPY: Detail.SUSPENDED_POSTCOPY,
    Paused.POSTCOPY_FAILED: Detail.SUSPENDED_POSTCOPY_FAILED,
    Paused.API_ERROR: Detail.SUSPENDED_API_ERROR,
}
_RESUMED: Final = {
    Running.MIGRATED: Detail.RESUMED_MIGRATED,
    Running.FROM_SNAPSHOT: Detail.RESUMED_FROM_SNAPSHOT,
    Running.RESTORED: Detail.RESUMED_FROM_SNAPSHOT,
    Running.POSTCOPY: Detail.RESUMED_POSTCOPY,
    Running.POSTCOPY_FAILED: Detail.RESUMED_POSTCOPY_FAILED,
}


def paused(state: QemuState, vm: DomainObj, reason: int) -> None:
    """The guest stands still."""
    vm.set_state(State.PAUSED, reason)
    if vm.jobs.current is not None:
        vm.jobs.current.stopped = time.monotonic()
    detail = _SUSPENDED.get(Paused(reason), Detail.SUSPENDED_PAUSED)
    state.bus.lifecycle(vm.ref, Life.SUSPENDED, detail)


def resumed(state: QemuState, vm: DomainObj, reason: int) -> None:
    """The guest runs."""
    vm.set_state(State.RUNNING, reason)
    vm.private.announced = True
    detail = _RESUMED.get(Running(reason), Detail.RESUMED_UNPAUSED)
    state.bus.lifecycle(vm.ref, Life.RESUMED, detail)


def crashed(state: QemuState, vm: DomainObj) -> None:
    """The guest has panicked."""
    vm.set_state(State.CRASHED, Crashed.PANICKED)
    state.bus.lifecycle(vm.ref, Life.CRASHED, Detail.CRASHED_PANICKED)
