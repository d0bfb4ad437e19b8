# SPDX-License-Identifier: Apache-2.0
"""Block jobs of a guest that is found running (qemuBlockJobRefreshJobs)."""

import logging
from collections.abc import Sequence
from typing import Any

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.hypervisors.qemu.blockjobs.ending import end_later, ready
from nova_pyvirt.hypervisors.qemu.blockjobs.job import BlockJob
from nova_pyvirt.hypervisors.qemu.blockjobs.record import read
from nova_pyvirt.hypervisors.qemu.state import QemuState

LOG = logging.getLogger(__name__)


def recover(state: QemuState, vm: DomainObj, elements: Sequence[Any]) -> None:
    """Takes the jobs over: those that are over by now are ended, those that QEMU does not know are
    forgotten. The owner of a job calls, without the lock.

    :raises libvirtError: QEMU does not answer
    """
    known = read(elements)
    if not known:
        return
    rows = vm.private.mon.command("query-jobs", kind="query")
    now = {str(row["id"]): str(row["status"]) for row in rows}
    for job in known.values():
        if job.name not in now:
            LOG.warning("domain %s: QEMU does not know block job %s", vm.name, job.name)
            _forget(vm, job)
            continue
        with vm.lock:
            vm.private.blockjobs[job.name] = job
            if now[job.name] == "ready":
                ready(state, vm, job)
        if now[job.name] == "concluded":
            job.concluded.set()
            end_later(state, vm, job)


def _forget(vm: DomainObj, job: BlockJob) -> None:
    with vm.lock:
        for disk in vm.definition.devices.disks:
            if disk.target == job.target:
                disk.mirror = None
