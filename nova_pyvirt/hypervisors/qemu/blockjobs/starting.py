# SPDX-License-Identifier: Apache-2.0
"""Pull and commit: what moves between the images of a chain (qemuDomainBlockPullCommon,
qemuBlockCommit)."""

from collections.abc import Mapping
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import status
from nova_pyvirt.hypervisors.qemu.blockjobs import images
from nova_pyvirt.hypervisors.qemu.blockjobs.job import (
    BlockJob,
    Kind,
    check_idle,
    check_supported,
    find_disk,
)
from nova_pyvirt.hypervisors.qemu.limits import devices
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.disk import Mirror

#: QEMU leaves a job that is over for us to look at
KEEP: Final = {"auto-finalize": True, "auto-dismiss": False}
REBASE_RELATIVE: Final = 16
COMMIT_SHALLOW: Final = 1
COMMIT_DELETE: Final = 2
COMMIT_ACTIVE: Final = 4
COMMIT_RELATIVE: Final = 8


def run(state: QemuState, vm: DomainObj, job: BlockJob, command: str, args: Any) -> None:
    """Starts a job in QEMU. It is known before: its events may come before the answer.

    :raises libvirtError: QEMU refuses
    """
    known: dict[str, BlockJob] = vm.private.blockjobs
    with vm.lock:
        known[job.name] = job
    try:
        vm.private.mon.command(command, {**_given(args), **KEEP}, kind="block")
    except BaseException:
        with vm.lock:
            known.pop(job.name, None)
        raise
    with vm.lock:
        if job.state == "new":
            job.state = "running"
    status.try_save(state, vm)


def _given(args: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in args.items() if value not in (None, "")}


def pull(
    state: QemuState, vm: DomainObj, path: str, base: str | None, speed: int, flags: int
) -> None:
    """What is in the images above one comes into the topmost. The caller holds the MODIFY job.

    :param base: the image that remains below; None = none does
    :param speed: bytes per second, 0 = no limit
    :raises libvirtError: INVALID_ARG, BLOCK_COPY_ACTIVE, OPERATION_UNSUPPORTED, what QEMU says
    """
    disk = find_disk(vm, path)
    check_idle(vm, disk)
    check_supported(disk)
    below = images.lookup(disk, base, disk)[0] if base is not None else None
    name = ""
    if below is not None:
        name = images.backing_string(below)
        if flags & REBASE_RELATIVE:
            name = images.relative_string(images.images(disk), disk, below)
    device = images.device_node(disk)
    node = images.node(disk)
    job = BlockJob(f"pull-{disk.target}-{node}", Kind.PULL, disk.target, flags=flags)
    job.base = images.number(below) if below is not None else 0
    args = {
        "device": node if not disk.copy_on_read else device,
        "job-id": job.name,
        "speed": speed,
        "base-node": images.node(below) if below is not None else None,
        "backing-file": name,
    }
    run(state, vm, job, "block-stream", args)


def commit(
    state: QemuState,
    vm: DomainObj,
    path: str,
    base: str | None,
    top: str | None,
    speed: int,
    flags: int,
) -> None:
    """What is in some images goes into the one below them. The caller holds the MODIFY job.

    :param base: that one; None = the lowest, or the next with COMMIT_SHALLOW
    :param top: the first that goes; None = the topmost, which needs COMMIT_ACTIVE
    :raises libvirtError: INVALID_ARG, BLOCK_COPY_ACTIVE, OPERATION_UNSUPPORTED, OPERATION_INVALID
    """
    disk = find_disk(vm, path)
    first, above = disk, None
    if top is not None and top != disk.target:
        first, above = images.lookup(disk, top)
    last = first.backing if base is None and flags & COMMIT_SHALLOW else None
    if last is None:
        last, _above = images.lookup(disk, base, first)
    check_supported(disk)
    check_idle(vm, disk)
    _check_commit(disk, first, last, flags)
    active = first is disk
    job = BlockJob(
        f"commit-{disk.target}-{images.node(first)}",
        Kind.ACTIVE_COMMIT if active else Kind.COMMIT,
        disk.target,
        base=images.number(last),
        top=images.number(first),
        parent=images.number(above) if above is not None else 0,
        delete=bool(flags & COMMIT_DELETE),
        flags=flags,
    )
    name = ""
    if above is not None:
        name = images.backing_string(last)
        if flags & COMMIT_RELATIVE:
            name = images.relative_string(images.images(disk), above, last)
    for image in (last, above):
        if image is not None and image is not disk and image.source.dev:
            devices.allow(vm.private.cgroup, image.source.dev)
    args = {
        "device": images.device_node(disk),
        "job-id": job.name,
        "speed": speed,
        "top-node": images.node(first),
        "base-node": images.node(last),
        "backing-file": name,
    }
    with vm.lock:
        disk.mirror = _mirror(last) if active else None
    try:
        run(state, vm, job, "block-commit", args)
    except BaseException:
        with vm.lock:
            disk.mirror = None
        raise


def _check_commit(disk: Any, first: Any, last: Any, flags: int) -> None:
    if disk.empty:
        detail = f"disk {disk.target} has no source file to be committed"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    detail = ""
    if first is disk and not flags & COMMIT_ACTIVE:
        detail = f"commit of '{disk.target}' active layer requires active flag"
    elif first is not disk and flags & COMMIT_ACTIVE:
        detail = f"active commit requested but '{images.path(first)}' is not active"
    elif first.backing is None or first.backing.source is None:
        detail = (
            f"top '{images.path(first)}' in chain for '{images.path(disk)}' has no backing file"
        )
    elif flags & COMMIT_SHALLOW and last is not first.backing:
        detail = (
            f"base '{images.path(last)}' is not immediately below '{images.path(first)}' in chain"
            f" for '{images.path(disk)}'"
        )
    if detail:
        raise errors.error(Code.INVALID_ARG, detail)


def _mirror(base: Any) -> Mirror:
    """How the definition shows where the topmost image is committed to."""
    found = Mirror(type=base.type, format=base.format, source=base.source.copy())
    found.source.index = images.number(base)
    found.job = "active-commit"
    return found
