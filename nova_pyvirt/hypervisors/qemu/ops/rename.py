# SPDX-License-Identifier: Apache-2.0
"""Another name for a domain that is off (qemuDomainRename, qemuDomainRenameCallback)."""

import logging
import shutil

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job import job
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import Detail, Life, State
from nova_pyvirt.core.statusfile import write_config
from nova_pyvirt.errors import Code, From, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)


def rename(state: QemuState, dom: DomainRef, new_name: str, flags: int) -> int:
    """qemuDomainRename: its files and its entry in the list move; uuid, state and log stay.

    :returns: 0
    :raises libvirtError: OPERATION_INVALID for one that runs, is transient, has a managed save
        image, or when the name is taken; XML_ERROR for a name that files can't have; SYSTEM_ERROR for the files:
        it has its old name then
    """
    check_flags(flags, 0, "qemuDomainRename")
    vm = state.domains.find(dom)
    with vm.lock, job(vm.jobs, Job.MODIFY, "virDomainRename"):
        _check(vm)
        old = vm.name
        if new_name == old:
            detail = "Can't rename domain to itself"
            raise errors.error(Code.OPERATION_INVALID, detail, domain=From.DOMAIN)
        state.domains.rename(vm, old, new_name)
        try:
            _move(state, vm, old, new_name)
        except BaseException:
            state.domains.rename(vm, new_name, old)
            raise
        state.bus.lifecycle(
            DomainRef(old, vm.uuid, vm.id), Life.UNDEFINED, Detail.UNDEFINED_RENAMED
        )
        state.bus.lifecycle(vm.ref, Life.DEFINED, Detail.DEFINED_RENAMED)
    return 0


def _check(vm: DomainObj) -> None:
    why = None
    if vm.active:
        why = "cannot rename active domain"
    elif not vm.persistent:
        why = "cannot rename a transient domain"
    elif vm.has_managed_save:
        why = "domain with a managed saved state can't be renamed"
    elif vm.state is not State.SHUTOFF:
        why = "domain has to be shutoff before renaming"
    if why:
        raise errors.error(Code.OPERATION_INVALID, why)


def _move(state: QemuState, vm: DomainObj, old: str, new: str) -> None:
    """The new files first: who dies in between leaves two definitions, of which the newer counts."""
    for refused in ("/", "\n"):
        if refused in new:
            detail = f"name {new} cannot contain {refused!r}"
            raise errors.error(Code.XML_ERROR, detail, domain=From.QEMU)
    if new in (".", ".."):  # libvirt would remove the directory of all domains' snapshots
        raise errors.error(Code.XML_ERROR, f"invalid name {new}", domain=From.QEMU)
    _clear(state, new)
    vm.definition.name = new
    try:
        if vm.autostart:
            _link(state, new)
        _move_moments(state, old, new)
        _write(state, vm)
        reach("rename-written")
    except BaseException:
        vm.definition.name = old
        _move_moments(state, new, old)
        _clear_what_goes(state, new)
        raise
    _clear_what_goes(state, old)


def _write(state: QemuState, vm: DomainObj) -> None:
    path = state.paths.config_file(vm.name)
    try:
        write_config(path, vm.definition)
    except OSError as exc:
        detail = f"Failed to create file '{path}.new'"
        raise system_error(exc.errno or 0, detail, domain=From.NONE) from exc


def _link(state: QemuState, name: str) -> None:
    link, path = state.paths.autostart_link(name), state.paths.config_file(name)
    try:
        os.symlink(path, link)
    except OSError as exc:
        detail = f"Failed to create symlink '{link} to '{path}'"
        raise system_error(exc.errno or 0, detail) from exc


def _moments(state: QemuState, name: str) -> tuple[str, str]:
    """Where a domain's snapshots and checkpoints are described."""
    return f"{state.paths.snapshot_dir}/{name}", f"{state.paths.checkpoint_dir}/{name}"


def _move_moments(state: QemuState, old: str, new: str) -> None:
    for source, target in zip(_moments(state, old), _moments(state, new), strict=True):
        if not os.path.isdir(source):
            continue
        try:
            os.rename(source, target)
        except OSError as exc:
            raise system_error(exc.errno or 0, f"cannot rename '{source}'") from exc


def _clear(state: QemuState, name: str) -> None:
    """Nobody's files of a name are removed.

    :raises libvirtError: SYSTEM_ERROR
    """
    path, link = state.paths.config_file(name), state.paths.autostart_link(name)
    for file, there in ((path, os.path.exists(path)), (link, os.path.islink(link))):
        if not there:
            continue
        try:
            os.unlink(file)
        except OSError as exc:
            raise system_error(exc.errno or 0, f"Failed to unlink '{file}'") from exc
    for directory in _moments(state, name):
        if os.path.isdir(directory):
            try:
                shutil.rmtree(directory)
            except OSError as exc:
                raise system_error(exc.errno or 0, f"Cannot delete '{directory}'") from exc


def _clear_what_goes(state: QemuState, name: str) -> None:
    """As far as it goes: the domain has its name already."""
    try:
        _clear(state, name)
    except libvirtError as exc:
        LOG.warning("left of the name %s: %s", name, exc)
