# SPDX-License-Identifier: Apache-2.0
"""What QEMU tells of block jobs, and what their ends make of a disk's chain (qemu_blockjob.c)."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.statusfile import write_config
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import jobs, status
from nova_pyvirt.hypervisors.qemu.blockjobs import images
from nova_pyvirt.hypervisors.qemu.blockjobs.create import job_error
from nova_pyvirt.hypervisors.qemu.blockjobs.job import BlockJob, Kind, Told, tell
from nova_pyvirt.hypervisors.qemu.hotplug import host
from nova_pyvirt.hypervisors.qemu.hotplug.disk import removals
from nova_pyvirt.hypervisors.qemu.hotplug.plug import take_back
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.common import shallow
from nova_pyvirt.model.devices.disk import BackingStore, Disk
from nova_pyvirt.util.files import unlink
from nova_pyvirt.util.native import threading

LOG = logging.getLogger(__name__)
_ENDED: Final = {"completed": Told.COMPLETED, "failed": Told.FAILED, "cancelled": Told.CANCELED}


def on_job(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """JOB_STATUS_CHANGE."""
    name, now = str(data.get("id")), str(data.get("status"))
    with vm.lock:
        job = vm.private.blockjobs.get(name)
        if job is None:
            return
        if now == "ready":
            ready(state, vm, job)
        if now != "concluded":
            return
        job.concluded.set()
        if job.awaited:
            return
    end_later(state, vm, job)


def end_later(state: QemuState, vm: DomainObj, job: BlockJob) -> None:
    """conclude() beside the caller, who may hold the domain's job."""
    threading.Thread(target=_end, args=(state, vm, job), name="blockjob", daemon=True).start()


def ready(state: QemuState, vm: DomainObj, job: BlockJob) -> None:
    """Both images are the same: the job can be ended either way. QEMU may say it again later. The
    caller holds the domain's lock.
    """
    if job.state not in ("new", "running"):
        return
    job.state = "ready"
    disk = _disk(vm, job)
    if disk is not None and disk.mirror is not None:
        disk.mirror.ready = "yes"
    tell(state, vm, job, Told.READY)
    status.save_soon(state, vm)


def _end(state: QemuState, vm: DomainObj, job: BlockJob) -> None:
    private = vm.private
    while vm.active and vm.private is private:
        try:
            with jobs.job(vm, Job.MODIFY, "block job", active=True):
                if vm.private is private:
                    conclude(state, vm, job)
            return
        except libvirtError as exc:
            if not vm.active or vm.private is not private:
                return  # the guest has ended
            if exc.get_error_code() != Code.OPERATION_TIMEOUT:
                LOG.warning("domain %s: block job %s: %s", vm.name, job.name, exc)
                return
            LOG.warning("domain %s: block job %s is over, and waits: %s", vm.name, job.name, exc)


def _disk(vm: DomainObj, job: BlockJob) -> Disk | None:
    found = (disk for disk in vm.definition.devices.disks if disk.target == job.target)
    return next(found, None)


def conclude(state: QemuState, vm: DomainObj, job: BlockJob) -> None:
    """QEMU is through with a job: the chain is what it has become. The caller holds the domain's
    job; whoever comes second finds nothing to do.

    :raises libvirtError: QEMU does not answer
    """
    known: dict[str, BlockJob] = vm.private.blockjobs
    if known.get(job.name) is not job:
        return
    error = job_error(vm, job.name)
    take_back(vm, "job-dismiss", {"id": job.name})
    pivoted = job.state == "pivoting"
    end = "failed" if error is not None else "completed"
    if job.state == "aborting":
        end = "cancelled"
    job.error = error or ""
    disk = _disk(vm, job)
    if disk is not None:
        _change(state, vm, job, disk, success=end == "completed", pivoted=pivoted)
    with vm.lock:
        known.pop(job.name, None)
        job.state = end
        tell(state, vm, job, _ENDED[end])
    status.try_save(state, vm)


def _change(
    state: QemuState, vm: DomainObj, job: BlockJob, disk: Disk, *, success: bool, pivoted: bool
) -> None:
    if job.kind is Kind.PULL and success:
        _pulled(state, vm, job, disk)
    elif job.kind is Kind.COMMIT and success:
        _committed(state, vm, job, disk)
    elif job.kind is Kind.ACTIVE_COMMIT:
        if success:
            _active_committed(state, vm, job, disk)
        with vm.lock:
            disk.mirror = None
    elif job.kind is Kind.COPY and disk.mirror is not None:
        if success and pivoted:
            _pivoted(state, vm, job, disk)
        else:
            _dropped(state, vm, job, disk)


def _pulled(state: QemuState, vm: DomainObj, job: BlockJob, disk: Disk) -> None:
    """The image that was the base is right below the topmost."""
    base = images.of_number(disk, job.base) if job.base else None
    if base is not None and disk.backing is base:
        return
    every = images.images(disk)
    gone = every[1 : every.index(base) if base is not None else len(every)]
    config = images.persistent(vm, disk)
    named = config is not None and images.same_chain(disk, config, base)
    with _changing(state, vm, disk, gone):
        disk.backing = base if base is not None else BackingStore()
        if config is not None:
            config.backing = _below(config, len(gone)) if named else None
    _store(state, vm, config)


def _below(disk: Disk, count: int) -> Any:
    """What is below as many images under the topmost."""
    layer = disk.backing
    for _ in range(count):
        layer = layer.backing
    return layer if layer is not None else BackingStore()


def _committed(state: QemuState, vm: DomainObj, job: BlockJob, disk: Disk) -> None:
    """The image above those that were committed is right above the base."""
    every = images.images(disk)
    top, base = images.of_number(disk, job.top), images.of_number(disk, job.base)
    if top is None or base is None or top is disk:
        return
    gone = every[every.index(top) : every.index(base)]
    above = every[every.index(top) - 1]
    config = images.persistent(vm, disk)
    named = config is not None and images.same_chain(disk, config, base)
    with _changing(state, vm, disk, gone):
        above.backing = base
        if config is not None:
            if named:
                theirs = images.images(config)
                theirs[every.index(above)].backing = theirs[every.index(base)]
            else:
                config.backing = None
    _store(state, vm, config)
    _delete(job, gone)


def _active_committed(state: QemuState, vm: DomainObj, job: BlockJob, disk: Disk) -> None:
    """The base is the topmost image."""
    base = images.of_number(disk, job.base)
    if base is None:
        return
    every = images.images(disk)
    gone = [shallow(disk), *every[1 : every.index(base)]]
    config = images.persistent(vm, disk)
    named = config is not None and images.same_chain(disk, config, base)
    with _changing(state, vm, disk, gone):
        if config is not None:
            images.as_persistent(config, images.images(config)[len(gone)] if named else base)
        images.put_on_top(disk, base)
    _store(state, vm, config)
    _delete(job, gone)


def _pivoted(state: QemuState, vm: DomainObj, job: BlockJob, disk: Disk) -> None:
    """The copy is the disk's image."""
    mirror = disk.mirror
    inherits = job.shallow_new and (mirror.backing is None or mirror.backing.source is None)
    old: Disk = shallow(disk)
    gone = [old] if inherits else images.images(old)
    gone[0] = old
    config = images.persistent(vm, disk)
    with _changing(state, vm, disk, gone):
        if inherits:
            mirror.backing = disk.backing
        if config is not None:
            images.as_persistent(config, mirror)
        images.put_on_top(disk, mirror)
        disk.mirror = None
    _store(state, vm, config)


def _dropped(state: QemuState, vm: DomainObj, job: BlockJob, disk: Disk) -> None:
    """The copy is nobody's any more; it stays where it is."""
    mirror = disk.mirror
    copied: Disk = shallow(disk)
    for key in images.IMAGE:
        copied.__dict__[key] = mirror.__dict__.get(key)
    gone = [copied] if job.opens_late else [copied, *images.images(copied)[1:]]
    whole = host.having(vm.definition, "disks", copied)
    with vm.lock:
        disk.mirror = None
    for image in gone:
        _remove(vm, image)
    host.give_back(state, vm, whole, vm.definition)


@contextmanager
def _changing(state: QemuState, vm: DomainObj, disk: Disk, gone: Sequence[Any]) -> Iterator[None]:
    """The chain changes inside; afterwards images that are gone are QEMU's and the guest's no more."""
    before = host.having(vm.definition, "disks", _frozen(disk))
    with vm.lock:
        yield
    for image in gone:
        _remove(vm, image)
    host.give_back(state, vm, before, vm.definition)


def _frozen(disk: Disk) -> Disk:
    """A disk whose chain stays as it is now."""
    found: Disk = shallow(disk)
    layer: Any = found
    while layer.backing is not None:
        layer.backing = shallow(layer.backing)
        layer = layer.backing
    return found


def _remove(vm: DomainObj, image: Any) -> None:
    """An image's nodes, and what they needed."""
    for command, args in removals(image, images.number(image)):
        take_back(vm, command, args)


def _delete(job: BlockJob, gone: list[Any]) -> None:
    for image in gone if job.delete else ():
        if image.type == "file" and not unlink(images.path(image)):
            LOG.warning("committed image %s could not be removed", images.path(image))


def _store(state: QemuState, vm: DomainObj, config: Disk | None) -> None:
    """The persistent definition names the images as they are now."""
    if config is None or vm.new_definition is None:
        return
    try:
        write_config(state.paths.config_file(vm.name), vm.new_definition)
    except OSError as exc:
        LOG.warning("domain %s: its definition could not be written: %s", vm.name, exc)
