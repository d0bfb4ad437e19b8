# SPDX-License-Identifier: Apache-2.0
"""A guest's memory into a descriptor (qemuMigrationSrcToFile)."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.jobdata import JobData, JobStatus
from nova_pyvirt.core.states import EventID, State
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import jobstats
from nova_pyvirt.hypervisors.qemu.migration import wait
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.state import QemuState

LOG = logging.getLogger(__name__)
#: the most that fits libvirt's MiB/s: a file needs no limit
_UNLIMITED: Final = (1 << 63) // (1 << 20) * (1 << 20) - (1 << 20)
_NAME: Final = "migrate"


def run(
    vm: DomainObj,
    private: QemuPrivate,
    data: JobData,
    fd: int,
    given: Callable[[], None],
    name: str,
) -> None:
    """Writes the guest's memory and devices into `fd`; its CPUs stand still afterwards.

    The job's owner calls, without the lock.

    :param fd: a socket's end; QEMU gets a copy
    :param given: called when QEMU has it
    :param name: what the job is called in errors ("domain save")
    :raises libvirtError: QEMU refuses, OPERATION_FAILED, OPERATION_ABORTED by abortJob
    """
    with vm.lock:
        private.migration = ""
        data.status = JobStatus.MIGRATING
    wait.enable_events(private)
    with _limits(vm, private):
        private.mon.command("getfd", {"fdname": _NAME}, fds=[fd])
        given()
        try:
            private.mon.command("migrate", {"uri": f"fd:{_NAME}", "detach": True})
        except QMPCommandError:
            private.mon.command("closefd", {"fdname": _NAME})
            raise
        try:
            wait.end(vm, private, data, name)
        except libvirtError:
            _cancel(vm, private, data)
            raise


def completed(state: QemuState, vm: DomainObj, data: JobData) -> None:
    """The figures are kept for who asks later, and told."""
    with vm.lock:
        vm.jobs.completed = done = data.finished()
        state.bus.emit(vm.ref, EventID.JOB_COMPLETED, jobstats.to_params(done))


def _cancel(vm: DomainObj, private: QemuPrivate, data: JobData) -> None:
    """QEMU stops what we don't want any more."""
    ended = data.status in (JobStatus.FAILED, JobStatus.CANCELED, JobStatus.HYPERVISOR_COMPLETED)
    if ended or not vm.active or private.being_destroyed:
        return
    try:
        private.mon.command("migrate_cancel")
    except libvirtError as exc:
        LOG.warning("domain %s: its migration could not be cancelled: %s", vm.name, exc)


@contextmanager
def _limits(vm: DomainObj, private: QemuPrivate) -> Iterator[None]:
    """No bandwidth limit while we write into a file.

    When the guest stands still there is no downtime to save either: with a limit above zero QEMU
    sends the whole memory in its last step, under its global lock, and answers nobody meanwhile.
    """
    wanted = {"max-bandwidth": _UNLIMITED}
    if vm.state is not State.RUNNING:
        wanted["downtime-limit"] = 0
    now = private.mon.command("query-migrate-parameters", kind="query")
    before = {key: now[key] for key in wanted if key in now}
    private.mon.command("migrate-set-parameters", wanted)
    try:
        yield
    finally:
        if before and private.monitor is not None and not private.being_destroyed:
            try:
                private.mon.command("migrate-set-parameters", before)
            except libvirtError as exc:
                LOG.debug("the limits of migrations stay: %s", exc)  # QEMU has ended, or hangs
