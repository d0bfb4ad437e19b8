# SPDX-License-Identifier: Apache-2.0
"""Copying a disk to another place while the guest uses it (qemuDomainBlockCopyCommon)."""

import stat
from contextlib import ExitStack
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu import audit, identity, status
from nova_pyvirt.hypervisors.qemu.blockjobs import images
from nova_pyvirt.hypervisors.qemu.blockjobs.create import create
from nova_pyvirt.hypervisors.qemu.blockjobs.job import (
    REUSE_EXT,
    SHALLOW,
    BlockJob,
    Kind,
    check_idle,
    check_supported,
    find_disk,
)
from nova_pyvirt.hypervisors.qemu.blockjobs.starting import run
from nova_pyvirt.hypervisors.qemu.command import qmp
from nova_pyvirt.hypervisors.qemu.command.devices import blockdev
from nova_pyvirt.hypervisors.qemu.host import disks as hosted
from nova_pyvirt.hypervisors.qemu.host import needs
from nova_pyvirt.hypervisors.qemu.hotplug import host
from nova_pyvirt.hypervisors.qemu.hotplug.disk import number_nodes
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Plug
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.common import shallow
from nova_pyvirt.model.devices.disk import BackingStore, Disk, Mirror
from nova_pyvirt.util.files import unlink
from nova_pyvirt.util.native import os

TRANSIENT_JOB: Final = 4
SYNCHRONOUS_WRITES: Final = 8


def copy(
    state: QemuState,
    vm: DomainObj,
    path: str,
    described: Disk,
    options: dict[str, Any],
    flags: int,
) -> None:
    """Starts it. The caller holds the MODIFY job.

    :param described: a disk with the new image alone: type, source, format, backing
    :param options: QEMU's, e.g. speed in bytes per second, granularity
    :raises libvirtError: INVALID_ARG, CONFIG_UNSUPPORTED, OPERATION_INVALID, BLOCK_COPY_ACTIVE,
        SYSTEM_ERROR, what QEMU says; nothing is left then
    """
    disk = find_disk(vm, path)
    check_idle(vm, disk)
    check_supported(disk)
    if not flags & TRANSIENT_JOB and vm.persistent:
        raise errors.error(Code.OPERATION_INVALID, "domain is not transient")
    if disk.backing is None or disk.backing.source is None:
        flags &= ~SHALLOW
    new = _new(disk, described)
    existing = _check(disk, new, flags)
    try:
        with ExitStack() as undo:
            _copy(state, vm, disk, new, existing, options, flags, undo)
            undo.pop_all()
    except libvirtError:
        audit.device(vm, "disks", disk, new, "mirror", success=False)
        raise
    audit.device(vm, "disks", disk, new, "mirror")


def _new(disk: Disk, described: Disk) -> Disk:
    """The disk as it would be with the new image."""
    found: Disk = shallow(disk)
    for key in images.IMAGE:
        found.__dict__[key] = described.__dict__.get(key)
    found.auth, found.encryption = described.auth, described.encryption
    found.mirror = found.private = None
    found.readonly = None
    return found


def _check(disk: Disk, new: Disk, flags: int) -> bool:
    """Whether the image is there already; settles its format."""
    has_backing = new.backing is not None and new.backing.source is not None
    if has_backing and not flags & SHALLOW:
        detail = "backingStore of mirror without VIR_DOMAIN_BLOCK_COPY_SHALLOW doesn't make sense"
        raise errors.error(Code.INVALID_ARG, detail)
    if flags & SHALLOW and not flags & REUSE_EXT and new.format == "raw":
        detail = f"shallow copy of disk '{disk.target}' into a raw file is not possible"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    local = new.type in ("file", "block")
    existing = _look(disk, new, bool(flags & REUSE_EXT)) if local else bool(flags & REUSE_EXT)
    if new.format is None:
        new.format = hosted.probe_format(str(new.path)) if flags & REUSE_EXT and local else None
        if new.format is None and flags & REUSE_EXT:
            detail = "reused mirror destination format must be specified"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        new.format = new.format or disk.format
    if disk.shareable and not disk.readonly and new.format != "raw":
        detail = "can't pivot a shared disk to a storage volume not supporting sharing"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    if not flags & SHALLOW and not has_backing:
        new.backing = BackingStore()
    return existing


def _look(disk: Disk, new: Disk, reuse: bool) -> bool:
    """Whether there is an image at a path of this host."""
    path = str(new.path)
    if not os.path.isabs(path):
        detail = "absolute path must be used as block copy target"
        raise errors.error(Code.INVALID_ARG, detail)
    try:
        info = os.stat(path)
    except FileNotFoundError as exc:
        if reuse or new.type == "block":
            detail = f"missing destination file for disk {disk.target}: {path}"
            raise system_error(exc.errno or 0, detail) from exc
        return False
    except OSError as exc:
        detail = "unable to verify existence of block copy target"
        raise system_error(exc.errno or 0, detail) from exc
    if stat.S_ISBLK(info.st_mode):
        return True
    if info.st_size and not reuse:
        detail = (
            f"external destination file for disk {disk.target} already exists and is not a block"
            f" device: {path}"
        )
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    if new.type == "block":
        detail = (
            f"blockdev flag requested for disk {disk.target}, but file '{path}' is not a block"
            " device"
        )
        raise errors.error(Code.INVALID_ARG, detail)
    return reuse


def _copy(
    state: QemuState,
    vm: DomainObj,
    disk: Disk,
    new: Disk,
    existing: bool,
    options: dict[str, Any],
    flags: int,
    undo: ExitStack,
) -> None:
    if not existing and new.type == "file":
        _touch(str(new.path), undo)
    user = identity.of(vm.definition, state.settings)
    if flags & REUSE_EXT:
        hosted.check(new, user)
    else:
        hosted.check_new(new, user)
    needs.check_secrets(new, state.secrets)
    number_nodes(vm, new)
    whole = host.having(vm.definition, "disks", new)
    host.acquire(state, vm, whole, undo)
    plug = Plug(state, vm, "disks", new, whole)
    undo.enter_context(plug.undo)
    if flags & REUSE_EXT:
        # the topmost alone; see BlockJob.opens_late
        alone: Disk = shallow(new)
        alone.backing = BackingStore()
        for command in qmp.commands(blockdev.nodes(plug.guest(), alone, images.number(new))):
            plug.run(command)
    else:
        create(plug, disk, new, shallow_copy=bool(flags & SHALLOW))
    job = BlockJob(f"copy-{disk.target}-{images.node(disk)}", Kind.COPY, disk.target, flags=flags)
    job.shallow_new = bool(flags & SHALLOW) and not flags & REUSE_EXT
    args = {
        "job-id": job.name,
        "device": images.device_node(disk),
        "target": images.node(new),
        "sync": "top" if flags & SHALLOW else "full",
        "copy-mode": "write-blocking" if flags & SYNCHRONOUS_WRITES else None,
        **options,
    }
    with vm.lock:
        disk.mirror = _mirror(new)
        undo.callback(_drop_mirror, vm, disk)
    run(state, vm, job, "blockdev-mirror", args)
    plug.undo.pop_all()
    status.try_save(state, vm)


def _touch(path: str, undo: ExitStack) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        os.close(os.open(path, flags, 0o600))
    except OSError as exc:
        raise system_error(exc.errno or 0, "failed to create copy target") from exc
    undo.callback(unlink, path)


def _mirror(new: Disk) -> Mirror:
    """How the definition shows it as long as the job lasts."""
    found = Mirror(type=new.type, format=new.format, source=new.source, backing=new.backing)
    if new.type == "file":
        found.file, found.format_attr = new.path, new.format
    found.job = "copy"
    return found


def _drop_mirror(vm: DomainObj, disk: Disk) -> None:
    with vm.lock:
        disk.mirror = None
