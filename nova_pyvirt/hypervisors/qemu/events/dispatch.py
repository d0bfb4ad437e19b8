# SPDX-License-Identifier: Apache-2.0
"""Which QMP event is handled by what."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.hypervisors.qemu import status
from nova_pyvirt.hypervisors.qemu.blockjobs import ending as ending_blockjobs
from nova_pyvirt.hypervisors.qemu.events import devices, ending, guest, jobs, lifecycle
from nova_pyvirt.hypervisors.qemu.events.worker import EventWorker
from nova_pyvirt.hypervisors.qemu.state import QemuState

Handler = Callable[[QemuState, DomainObj, dict[str, Any], float], None]

HANDLERS: Final[Mapping[str, Handler]] = {
    "STOP": lifecycle.on_stop,
    "RESUME": lifecycle.on_resume,
    "SHUTDOWN": lifecycle.on_shutdown,
    "RESET": lifecycle.on_reset,
    "WATCHDOG": lifecycle.on_watchdog,
    "WAKEUP": lifecycle.on_wakeup,
    "SUSPEND": lifecycle.on_suspend,
    "SUSPEND_DISK": lifecycle.on_suspend_disk,
    "GUEST_PANICKED": ending.on_panic,
    "BLOCK_IO_ERROR": devices.on_io_error,
    "RTC_CHANGE": devices.on_rtc_change,
    "BALLOON_CHANGE": devices.on_balloon,
    "DEVICE_TRAY_MOVED": devices.on_tray,
    "DEVICE_DELETED": devices.on_deleted,
    "VSERPORT_CHANGE": devices.on_serial_port,
    "GUEST_CRASHLOADED": guest.on_crashloaded,
    "MEMORY_FAILURE": guest.on_memory_failure,
    "MEMORY_DEVICE_SIZE_CHANGE": guest.on_memory_size,
    "DEVICE_UNPLUG_GUEST_ERROR": guest.on_unplug_error,
    "MEM_UNPLUG_ERROR": guest.on_unplug_error,
    "BLOCK_WRITE_THRESHOLD": guest.on_write_threshold,
    "MIGRATION": jobs.on_migration,
    "MIGRATION_PASS": jobs.on_migration_pass,
    "DUMP_COMPLETED": jobs.on_dump_completed,
    "JOB_STATUS_CHANGE": ending_blockjobs.on_job,
} | {name: partial(devices.on_graphics, name) for name in devices.GRAPHICS_PHASES}


def worker_for(state: QemuState, vm: DomainObj) -> EventWorker:
    """The worker of a domain's new run."""
    private = vm.private

    def handle(name: str, data: dict[str, Any], when: float) -> None:
        if vm.private is not private:
            return
        state.monitor_events.emit(vm.ref, name, data, when)
        handler = HANDLERS.get(name)
        if handler is not None and vm.active:
            handler(state, vm, data, when)

    def ended(reason: str) -> None:
        if vm.private is private:
            ending.on_eof(state, vm, reason)

    return EventWorker(vm.name, handle, ended, lambda: status.try_save(state, vm))
