# SPDX-License-Identifier: Apache-2.0
"""Core dumps of guests (qemuDomainCoreDumpWithFormat)."""

import logging
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import AsyncJob
from nova_pyvirt.core.jobdata import Figures, JobData, Operation
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import Detail, Paused, Running, Shutoff, State
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import cpus, status, stop
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import async_job, open_to_others
from nova_pyvirt.hypervisors.qemu.migration import allowed
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.saveimage import create, filters, memdump
from nova_pyvirt.hypervisors.qemu.saveimage.create import Target
from nova_pyvirt.hypervisors.qemu.state import QemuState

LOG = logging.getLogger(__name__)
CRASH, LIVE, BYPASS_CACHE, RESET, MEMORY_ONLY = (1 << n for n in range(5))
#: virDomainCoreDumpFormat -> QEMU's word; raw is ELF
FORMATS: Final = ("elf", "kdump-zlib", "kdump-lzo", "kdump-snappy", "win-dmp")


def core_dump(state: QemuState, dom: DomainRef, path: str, fmt: int, flags: int) -> None:
    """Writes the guest's memory into a file; it stands still meanwhile, unless LIVE.

    :param fmt: virDomainCoreDumpFormat; others than RAW need MEMORY_ONLY
    :param flags: CRASH ends the guest then, RESET resets it
    :raises libvirtError: OPERATION_INVALID when it is off; INVALID_ARG, OPERATION_UNSUPPORTED for
        the format; SYSTEM_ERROR, OPERATION_FAILED for the file: the guest runs on
    """
    known = LIVE | CRASH | BYPASS_CACHE | RESET | MEMORY_ONLY
    check_flags(flags, known, "qemuDomainCoreDumpWithFormat")
    vm = state.domains.find(dom)
    with async_job(
        vm, AsyncJob.DUMP, "virDomainCoreDump", Operation.DUMP, flags, closed=True
    ) as data:
        with vm.lock:
            vm.require_active()
            private: QemuPrivate = vm.private
            data.figures = Figures.MEMDUMP if flags & MEMORY_ONLY else Figures.SAVEDUMP
            running = vm.state is State.RUNNING
        status.try_save(state, vm)
        _dump(state, vm, private, data, Target(path, 0, bool(flags & BYPASS_CACHE)), fmt, flags)
        if flags & CRASH:
            stop.stop_process(state, vm, Shutoff.CRASHED)
        elif flags & RESET:
            private.mon.command("system_reset")
        if running and not flags & CRASH:
            cpus.run_on(state, vm, private, Running.UNPAUSED, "a dump")
    if flags & CRASH:
        stop.announce(state, vm, Detail.STOPPED_CRASHED)


def _dump(
    state: QemuState,
    vm: DomainObj,
    private: QemuPrivate,
    data: JobData,
    target: Target,
    fmt: int,
    flags: int,
) -> None:
    """Pauses and writes; runs the guest on when that fails."""
    paused = done = False
    try:
        if not flags & LIVE and vm.state is State.RUNNING:
            cpus.stop(state, vm, Paused.DUMP)
            status.try_save(state, vm)
            paused = True
        open_to_others(vm)
        write(state, vm, private, data, target, fmt, flags)
        done = True
    except libvirtError as exc:
        raise create.reason(vm, private, exc) from exc
    finally:
        if paused and not done:
            cpus.run_on(state, vm, private, Running.UNPAUSED, "a dump")


def write(
    state: QemuState,
    vm: DomainObj,
    private: QemuPrivate,
    data: JobData,
    target: Target,
    fmt: int,
    flags: int,
) -> None:
    """doCoreDump: the file alone; the owner of the DUMP job calls.

    :raises libvirtError: see core_dump()
    """
    if flags & MEMORY_ONLY:
        if not 0 <= fmt < len(FORMATS):
            raise errors.error(Code.INVALID_ARG, f"unknown dumpformat '{fmt}'")
        memdump.run(vm, private, data, target, FORMATS[fmt])
        return
    if fmt:
        detail = "kdump-compressed format is only supported with memory-only dump"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    allowed.check(vm, private)
    compressed = filters.choose(state.settings.dump_image_format, "dump", lenient=True)
    create.dump(state, vm, private, Target(target.path, compressed, target.direct))
