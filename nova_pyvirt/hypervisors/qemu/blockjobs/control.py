# SPDX-License-Identifier: Apache-2.0
"""Block jobs under way: how far they are, how fast, how they end."""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import status
from nova_pyvirt.hypervisors.qemu.blockjobs import images
from nova_pyvirt.hypervisors.qemu.blockjobs.ending import conclude, end_later
from nova_pyvirt.hypervisors.qemu.blockjobs.job import WORDS, BlockJob, Kind, find_disk, of
from nova_pyvirt.hypervisors.qemu.command import qmp
from nova_pyvirt.hypervisors.qemu.command.devices import blockdev
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Plug
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.common import shallow
from nova_pyvirt.model.devices.disk import Disk

ABORT_ASYNC: Final = 1
ABORT_PIVOT: Final = 2
_MIB: Final = 1 << 20


def info(vm: DomainObj, path: str, *, in_bytes: bool) -> tuple[int, int, int, int, int]:
    """Whether there is a job, its virDomainBlockJobType, bandwidth, cur, end.

    :raises libvirtError: INVALID_ARG; QEMU does not answer
    """
    job = of(vm, find_disk(vm, path))
    if job is None:
        return 0, 0, 0, 0, 0
    rows = vm.private.mon.command("query-block-jobs", kind="query")
    row = next((row for row in rows if row.get("device") == job.name), None)
    if row is None:
        return 1, int(job.kind), 0, 0, 1
    cur, end, speed = int(row["offset"]), int(row["len"]), int(row["speed"])
    ready = bool(row.get("ready"))
    if cur == end == 0:  # it has not begun, or has nothing to do
        cur, end = int(ready), 1
    elif not ready and cur == end:  # who polls must not take it for done
        cur -= 1
    if not in_bytes:
        speed = -(-speed // _MIB)
    return 1, int(job.kind), speed, cur, end


def set_speed(vm: DomainObj, path: str, speed: int) -> None:
    """:param speed: bytes per second
    :raises libvirtError: INVALID_ARG; what QEMU says
    """
    job = _job(vm, find_disk(vm, path))
    vm.private.mon.command("block-job-set-speed", {"device": job.name, "speed": speed})


def _job(vm: DomainObj, disk: Disk) -> BlockJob:
    job = of(vm, disk)
    if job is None:
        detail = f"disk {disk.target} does not have an active block job"
        raise errors.error(Code.INVALID_ARG, detail)
    return job


def abort(state: QemuState, vm: DomainObj, path: str, flags: int) -> None:
    """Ends a job, with ABORT_PIVOT so that the guest goes on with the other image. The caller holds
    the MODIFY job.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID, BLOCK_COPY_ACTIVE; OPERATION_FAILED when
        the pivot fails, OPERATION_TIMEOUT when QEMU takes too long: it goes on then
    """
    disk = find_disk(vm, path)
    job = _job(vm, disk)
    if job.state in ("aborting", "pivoting"):
        detail = f"block job on disk '{disk.target}' is still being ended"
        raise errors.error(Code.OPERATION_INVALID, detail)
    if job.concluded.is_set():  # by itself, just now
        conclude(state, vm, job)
        _job(vm, disk)
    pivot = bool(flags & ABORT_PIVOT)
    with vm.lock:
        job.awaited = not flags & ABORT_ASYNC
    try:
        if pivot:
            _pivot(state, vm, disk, job)
        else:
            vm.private.mon.command("block-job-cancel", {"device": job.name})
            _state(vm, disk, job, "aborting", "abort")
        status.try_save(state, vm)
        if job.awaited:
            _await(state, vm, job)
    finally:
        _release(state, vm, job)
    if pivot and job.state == "failed":
        why = f": {job.error}" if job.error else ""
        detail = f"block job '{job.name}' failed while pivoting{why}"
        raise errors.error(Code.OPERATION_FAILED, detail)


def _state(vm: DomainObj, disk: Disk, job: BlockJob, word: str, mirror: str) -> None:
    with vm.lock:
        job.state = word
        if disk.mirror is not None:
            disk.mirror.ready = mirror


def _await(state: QemuState, vm: DomainObj, job: BlockJob) -> None:
    seconds = vm.private.mon.deadlines.block
    if not job.concluded.wait(seconds):
        detail = f"block job '{job.name}' did not end within {seconds:g} s"
        raise errors.error(Code.OPERATION_TIMEOUT, detail)
    conclude(state, vm, job)


def _release(state: QemuState, vm: DomainObj, job: BlockJob) -> None:
    """Nobody waits any more: an end that was told to the waiter alone is dealt with."""
    with vm.lock:
        missed = job.awaited and job.concluded.is_set()
        job.awaited = False
        missed = missed and vm.private is not None and job.name in vm.private.blockjobs
    if missed:
        end_later(state, vm, job)


def _pivot(state: QemuState, vm: DomainObj, disk: Disk, job: BlockJob) -> None:
    if job.state != "ready":
        detail = f"block job '{job.name}' not ready for pivot yet"
        raise errors.error(Code.BLOCK_COPY_ACTIVE, detail)
    if job.kind not in (Kind.COPY, Kind.ACTIVE_COMMIT):
        detail = f"job type '{WORDS[job.kind]}' does not support pivot"
        raise errors.error(Code.OPERATION_INVALID, detail)
    if (
        job.opens_late
        and disk.mirror.backing is not None
        and disk.mirror.backing.source is not None
    ):
        _open_below(state, vm, disk)
    vm.private.mon.command("job-complete", {"id": job.name}, kind="block")
    _state(vm, disk, job, "pivoting", "pivot")


def _open_below(state: QemuState, vm: DomainObj, disk: Disk) -> None:
    """The images below a copy that was there before: opened when it is complete."""
    below: Any = disk.mirror.backing
    chain: Disk = shallow(disk)
    for key in images.IMAGE:
        chain.__dict__[key] = below.__dict__.get(key)
    chain.readonly = True
    plug = Plug(state, vm, "disks", chain, vm.definition)
    with plug.undo:
        for command in qmp.commands(blockdev.nodes(plug.guest(), chain, images.number(below))):
            plug.run(command)
        args = {"node": images.node(below), "overlay": images.node(disk.mirror)}
        vm.private.mon.command("blockdev-snapshot", args, kind="block")
        plug.undo.pop_all()
