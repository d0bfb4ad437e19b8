# SPDX-License-Identifier: Apache-2.0
"""Persistent definitions: define, undefine, autostart."""

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job import job
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import Detail, Life
from nova_pyvirt.core.statusfile import write_config
from nova_pyvirt.errors import Code, From, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu import status
from nova_pyvirt.hypervisors.qemu.definition import parse_definition
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.host import tpmstate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.files import unlink
from nova_pyvirt.util.native import os

DEFINE_VALIDATE = 1
MANAGED_SAVE, SNAPSHOTS, NVRAM, KEEP_NVRAM, CHECKPOINTS, TPM, KEEP_TPM = (1 << n for n in range(7))


def define_xml(state: QemuState, xml: str, flags: int) -> DomainRef:
    """qemuDomainDefineXMLFlags.

    :raises libvirtError: see parse_definition; OPERATION_FAILED when name and uuid clash;
        SYSTEM_ERROR when the file can't be written: nothing has changed then
    """
    check_flags(flags, DEFINE_VALIDATE, "qemuDomainDefineXMLFlags")
    definition = parse_definition(
        xml,
        state.caps_for,
        nvram_dir=state.paths.nvram_dir,
        schemas=state.schemas if flags & DEFINE_VALIDATE else None,
    )
    while True:
        vm = state.domains.add(definition, lambda: state.new_domain(definition), live=False)
        with vm.lock:
            if not vm.removed:  # else somebody has undefined it in between
                return _define(state, vm, definition)


def _define(state: QemuState, vm: DomainObj, definition: Domain) -> DomainRef:
    with vm.lock:
        added = not vm.persistent
        reach("define-begin")
        _save(state, vm, definition, fresh=added and not vm.active)
        reach("define-saved")
        if vm.active:
            vm.new_definition = definition
        else:
            vm.definition = definition
        vm.persistent = True
        if added:
            status.try_save(state, vm)
        detail = Detail.DEFINED_ADDED if added else Detail.DEFINED_UPDATED
        ref = vm.ref
        state.bus.lifecycle(ref, Life.DEFINED, detail)
        return ref


def _save(state: QemuState, vm: DomainObj, definition: Domain, *, fresh: bool) -> None:
    path = state.paths.config_file(definition.name)
    try:
        write_config(path, definition)
    except OSError as exc:
        if fresh:
            state.domains.remove(vm)
        detail = f"Failed to create file '{path}.new'"
        raise system_error(exc.errno or 0, detail, domain=From.NONE) from exc


def undefine(state: QemuState, dom: DomainRef, flags: int) -> None:
    """qemuDomainUndefineFlags.

    :raises libvirtError: NO_DOMAIN; OPERATION_INVALID for a transient domain or one with a
        managed save image or NVRAM and no flag that says what to do with it
    """
    known = MANAGED_SAVE | SNAPSHOTS | NVRAM | KEEP_NVRAM | CHECKPOINTS | TPM | KEEP_TPM
    check_flags(flags, known, "qemuDomainUndefineFlags")
    for both, what in ((NVRAM | KEEP_NVRAM, "nvram"), (TPM | KEEP_TPM, "TPM")):
        if flags & both == both:
            detail = f"cannot both keep and delete {what}"
            raise errors.error(Code.OPERATION_INVALID, detail)
    vm = state.domains.find(dom)
    with vm.lock, job(vm.jobs, Job.MODIFY, "virDomainUndefineFlags"):
        if not vm.persistent:
            raise errors.error(Code.OPERATION_INVALID, "cannot undefine transient domain")
        _drop_managed_save(state, vm, flags)
        _drop_nvram(vm, flags)
        if not vm.active:
            keep, remove = bool(flags & KEEP_TPM), bool(flags & TPM)
            tpmstate.forget(state.paths, vm.definition, keep=keep, remove=remove)
        vm.persistent = False
        status.try_save(state, vm)  # first: the file of a domain that stays is written again
        try:
            _drop_config(state, vm)
        except libvirtError:
            vm.persistent = True
            status.try_save(state, vm)
            raise
        reach("undefined")
        state.bus.lifecycle(vm.ref, Life.UNDEFINED, Detail.UNDEFINED_REMOVED)
        vm.autostart = False
        if vm.active:
            vm.new_definition = None
        else:
            state.domains.remove(vm)


def _drop_managed_save(state: QemuState, vm: DomainObj, flags: int) -> None:
    path = state.paths.save_file(vm.name)
    if vm.active or not os.path.exists(path):
        return
    if not flags & MANAGED_SAVE:
        raise errors.error(
            Code.OPERATION_INVALID,
            "Refusing to undefine while domain managed save image exists",
        )
    if not unlink(path):
        raise errors.error(Code.INTERNAL_ERROR, "Failed to remove domain managed save image")


def _drop_nvram(vm: DomainObj, flags: int) -> None:
    path = vm.definition.nvram_path
    if vm.active or path is None or not os.path.exists(path) or flags & KEEP_NVRAM:
        return
    if not flags & NVRAM:
        raise errors.error(Code.OPERATION_INVALID, "cannot undefine domain with nvram")
    try:
        os.unlink(path)
    except OSError as exc:
        raise system_error(exc.errno or 0, f"failed to remove nvram: {path}") from exc


def _drop_config(state: QemuState, vm: DomainObj) -> None:
    unlink(state.paths.autostart_link(vm.name))
    path = state.paths.config_file(vm.name)
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise system_error(exc.errno or 0, f"cannot remove config {path}") from exc


def get_autostart(state: QemuState, dom: DomainRef) -> int:
    """1 when the domain starts with the host."""
    return int(state.domains.find(dom).autostart)


def set_autostart(state: QemuState, dom: DomainRef, autostart: int) -> None:
    """:raises libvirtError: OPERATION_INVALID for a transient domain, SYSTEM_ERROR"""
    vm = state.domains.find(dom)
    with vm.lock, job(vm.jobs, Job.MODIFY, "virDomainSetAutostart"):
        if not vm.persistent:
            raise errors.error(Code.OPERATION_INVALID, "cannot set autostart for transient domain")
        wanted = bool(autostart)
        if wanted == vm.autostart:
            return
        link = state.paths.autostart_link(vm.name)
        if wanted:
            try:
                os.symlink(state.paths.config_file(vm.name), link)
            except FileExistsError:
                pass
            except OSError as exc:
                raise system_error(exc.errno or 0, f"Failed to create symlink '{link}'") from exc
        else:
            unlink(link)
        vm.autostart = wanted
