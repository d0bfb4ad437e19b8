# SPDX-License-Identifier: Apache-2.0
"""Events about long-running jobs: they wake the thread that waits for the job."""

from typing import Any

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import AsyncJob
from nova_pyvirt.core.states import EventID
from nova_pyvirt.hypervisors.qemu.migration import wait
from nova_pyvirt.hypervisors.qemu.state import QemuState


def on_migration(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """MIGRATION: a new status."""
    with vm.lock:
        wait.on_migration(vm, str(data.get("status", "")))


def on_migration_pass(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """MIGRATION_PASS: the memory is gone through once more."""
    with vm.lock:
        if vm.jobs.async_job is not AsyncJob.NONE:
            state.bus.emit(vm.ref, EventID.MIGRATION_ITERATION, int(data.get("pass", 0)))


def on_dump_completed(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """DUMP_COMPLETED: a memory dump has come to its end, or has failed."""
    with vm.lock:
        vm.private.dumped = data
        vm.jobs.notify()
