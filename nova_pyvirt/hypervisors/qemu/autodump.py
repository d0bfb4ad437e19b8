# SPDX-License-Identifier: Apache-2.0
"""Core dumps that nobody calls for: of a guest that has panicked, or whose watchdog has expired."""

import logging
from datetime import datetime

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import AsyncJob
from nova_pyvirt.core.jobdata import JobData, Operation
from nova_pyvirt.core.states import Running
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import cpus, status
from nova_pyvirt.hypervisors.qemu.jobs import async_job
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.saveimage import memdump
from nova_pyvirt.hypervisors.qemu.saveimage.create import Target
from nova_pyvirt.hypervisors.qemu.state import QemuState

LOG = logging.getLogger(__name__)
#: virDomainCoreDumpFlags: VIR_DUMP_MEMORY_ONLY
MEMORY_ONLY = 16


def path(state: QemuState, vm: DomainObj) -> str:
    """A file of its own in auto_dump_path: ID-NAME-TIME, as libvirt names it."""
    directory = state.settings.auto_dump_path or state.paths.dump_dir
    return f"{directory}/{vm.id}-{vm.name[:20]}-{datetime.now():%Y-%m-%d-%H:%M:%S}"


def write(state: QemuState, vm: DomainObj, private: QemuPrivate, data: JobData) -> None:
    """Dumps the guest's memory. The owner of the DUMP job calls.

    :raises libvirtError: SYSTEM_ERROR, OPERATION_FAILED
    """
    target = Target(path(state, vm), direct=state.settings.auto_dump_bypass_cache)
    memdump.run(vm, private, data, target, "elf")
    LOG.warning("domain %s: its memory is in %s", vm.name, target.path)


def of_watchdog(state: QemuState, vm: DomainObj, private: QemuPrivate) -> None:
    """The guest stands still since its watchdog has expired; it runs on with or without dump."""
    try:
        with async_job(vm, AsyncJob.DUMP, "watchdog", Operation.DUMP, MEMORY_ONLY) as data:
            with vm.lock:
                if not vm.active or vm.private is not private:
                    return
            try:
                write(state, vm, private, data)
            except libvirtError as exc:
                LOG.error("domain %s could not be dumped: %s", vm.name, exc)
            cpus.start(state, vm, Running.UNPAUSED)
    except libvirtError as exc:
        LOG.error("domain %s stands still since its watchdog has expired: %s", vm.name, exc)
    status.try_save(state, vm)
