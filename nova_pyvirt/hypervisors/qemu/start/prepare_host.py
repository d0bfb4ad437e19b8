# SPDX-License-Identifier: Apache-2.0
"""Third stage: the host's side of the guest (qemuProcessPrepareHost)."""

import shutil
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup import UNIFIED, Cgroup
from nova_pyvirt.core.security import dac
from nova_pyvirt.errors import Code, system_error
from nova_pyvirt.hypervisors.qemu import status
from nova_pyvirt.hypervisors.qemu.host import disks, files, net, opened, swtpm, virtiofsd
from nova_pyvirt.hypervisors.qemu.host.facts import memory_directories
from nova_pyvirt.hypervisors.qemu.limits import domain, threads
from nova_pyvirt.hypervisors.qemu.process import Reserved
from nova_pyvirt.hypervisors.qemu.start import preflight
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.hypervisors.qemu.start.prepare_domain import channel_dir
from nova_pyvirt.model.tuning import Resource
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.files import unlink
from nova_pyvirt.util.native import os

#: bytes of the key (QEMU_DOMAIN_MASTER_KEY_LEN)
_KEY_SIZE: Final = 32


def run(start: Start) -> None:
    """Checks of what the guest needs first: they cost nothing. Then directories, NVRAM, networks.

    :raises libvirtError: SYSTEM_ERROR, CONFIG_UNSUPPORTED
    """
    with start.private.stage("preflight"):
        preflight.check(start)
    with start.private.stage("prepare-host"):
        disks.prepare(start)
        _announce(start)
        _groups(start)
        start.reserved = _child(start)
        _directories(start)
        _master_key(start)
        _nvram(start)
        _logs(start)
        unlink(start.state.paths.pid_file(start.vm.name))
        start.host_paths.update(opened.paths(start.definition, start.state.view.fs))
        opened.prepare(start)
        swtpm.prepare(start)
        virtiofsd.prepare(start)
        net.prepare(start)
    reach("start-prepare-host")


def _announce(start: Start) -> None:
    """The status file: from here on whoever comes after our death knows what there is to undo."""
    try:
        status.save(start.state, start.vm)
    except OSError as exc:
        raise system_error(exc.errno or 0, "cannot write the domain's status") from exc
    reach("start-announced")


def _groups(start: Start) -> None:
    """The run's control group, which its process is born in, and those of its threads, with their
    limits: to make a version 2 group for threads costs a grace period (5-15 ms) once there are
    processes.

    :raises libvirtError: CONFIG_UNSUPPORTED, SYSTEM_ERROR
    """
    private = start.private
    if not private.partition.startswith("/"):
        detail = f"Resource partition '{private.partition}' must start with '/'"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    private.cgroup = Cgroup.create(
        private.machine,
        partition=private.partition,
        controllers=start.state.settings.cgroup_controllers,
    )
    private.undo.callback(private.cgroup.remove)
    if private.cgroup.paths and start.definition.resource is None:
        start.definition.resource = Resource(partition=private.partition)
    domain.apply(start.definition, private.cgroup)
    start.groups = threads.groups(start.definition, private.cgroup)


def _child(start: Start) -> Reserved:
    """The process that is to be QEMU, forked while the rest is prepared."""
    cgroup = start.private.cgroup
    files = cgroup.joining(start.groups[threads.EMULATOR])
    return start.state.spawner.reserve(cgroup.paths.get(UNIFIED), files)


def _directories(start: Start) -> None:
    """The run's own directories, removed with it."""
    wanted = [start.private.lib_dir]
    channels = channel_dir(start)
    if any(
        (channel.source_path or "").startswith(f"{channels}/")
        for channel in start.definition.devices.channels
    ):
        wanted.append(channels)
    wanted += memory_directories(start.state, start.definition, start.private.lib_dir)
    for path in wanted:
        start.private.undo.callback(shutil.rmtree, path, ignore_errors=True)
        try:
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            os.makedirs(path, 0o750, exist_ok=True)
        except OSError as exc:
            raise system_error(exc.errno or 0, f"unable to create directory {path}") from exc
        own(start, path)


def _master_key(start: Start) -> None:
    """The run's key for secrets; libvirtd ends a guest that has none when it takes it over.

    :raises libvirtError: SYSTEM_ERROR
    """
    path = start.private.master_key_path
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(os.urandom(_KEY_SIZE))
    except OSError as exc:
        raise system_error(exc.errno or 0, f"failed to write the master key {path}") from exc
    own(start, path)


def own(start: Start, path: str) -> None:
    """Gives a file of the run's own to QEMU's user, when QEMU has one."""
    user, holder = start.identity, start.definition.uuid
    if user is not None:
        dac.take(path, *user, holder=holder, remember=False)


def _nvram(start: Start) -> None:
    """The guest's own UEFI variables, copied from the template the first time."""
    path, nvram = start.definition.nvram_path, start.definition.os.nvram
    if path is None or nvram is None:
        return
    template = getattr(nvram, "template", None)
    if os.path.exists(path) and not start.reset_nvram:
        return
    if not template:
        raise errors.error(
            Code.OPERATION_FAILED,
            f"unable to find any master var store for loader: {start.definition.os.loader.path}",
        )
    temporary = f"{path}.new"
    try:
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        shutil.copyfile(template, temporary)
        os.chmod(temporary, 0o600)
        os.rename(temporary, path)
    except OSError as exc:
        unlink(temporary)
        raise system_error(exc.errno or 0, f"Failed to create nvram file '{path}'") from exc


def _logs(start: Start) -> None:
    """Files into which QEMU copies a character device's output: they must be its own."""
    devices = start.definition.devices
    for device in (*devices.serials, *devices.parallels, *devices.consoles, *devices.channels):
        files.make_for(device, start.identity, start.definition.uuid)
