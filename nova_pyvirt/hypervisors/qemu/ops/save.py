# SPDX-License-Identifier: Apache-2.0
"""Saving guests to files, and the heads of those files (qemu_driver.c)."""

import logging
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import AsyncJob
from nova_pyvirt.core.jobdata import Figures, Operation
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import Detail, Paused, Running, Shutoff, State
from nova_pyvirt.errors import Code, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu import cpus, migratable, status, stop
from nova_pyvirt.hypervisors.qemu.definition import parse_definition
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import async_job, open_to_others
from nova_pyvirt.hypervisors.qemu.migration import allowed
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.saveimage import create, filters
from nova_pyvirt.hypervisors.qemu.saveimage.create import Target
from nova_pyvirt.hypervisors.qemu.saveimage.header import Header
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import os
from nova_pyvirt.util.typed import Params

LOG = logging.getLogger(__name__)
BYPASS_CACHE, RUNNING, PAUSED, RESET_NVRAM = 1, 2, 4, 8
_KNOWN: Final = BYPASS_CACHE | RUNNING | PAUSED
_PARAM_FILE, _PARAM_DXML = "file", "dxml"


def save(
    state: QemuState, dom: DomainRef, path: str, xml: str | None = None, flags: int = 0
) -> None:
    """qemuDomainSaveFlags: the guest's memory goes into a file, the guest ends.

    :param xml: the definition to store instead of the live one; the same machine to the guest
    :raises libvirtError: OPERATION_INVALID when it is off or can't be saved; SYSTEM_ERROR and
        OPERATION_FAILED for the file: the guest runs on then
    """
    check_flags(flags, _KNOWN, "qemuDomainSaveFlags")
    fmt = filters.choose(state.settings.save_image_format, "save")
    vm = state.domains.find(dom)
    with vm.lock:
        vm.require_active()
    _save(state, vm, Target(path, fmt, bool(flags & BYPASS_CACHE)), xml, flags, "virDomainSave")


def save_params(state: QemuState, dom: DomainRef, params: Params, flags: int) -> None:
    """qemuDomainSaveParams: save(), or managed_save() without a file.

    :raises libvirtError: INVALID_ARG for a parameter nobody knows; see save()
    """
    check_flags(flags, _KNOWN, "qemuDomainSaveParams")
    check_params(params)
    vm = state.domains.find(dom)
    path, xml = params.get(_PARAM_FILE), params.get(_PARAM_DXML)
    if path is None:
        _managed_save(state, vm, None if xml is None else str(xml), flags, "virDomainSaveParams")
        return
    fmt = filters.choose(state.settings.save_image_format, "save")
    with vm.lock:
        vm.require_active()
    target = Target(str(path), fmt, bool(flags & BYPASS_CACHE))
    _save(state, vm, target, None if xml is None else str(xml), flags, "virDomainSaveParams")


def check_params(params: Params) -> None:
    """:raises libvirtError: INVALID_ARG for a name or a type that save and restore don't know"""
    for name, value in params.items():
        if name not in (_PARAM_FILE, _PARAM_DXML):
            detail = f"parameter '{name}' not supported"
            raise errors.error(Code.ARGUMENT_UNSUPPORTED, detail, domain=errors.From.NONE)
        if not isinstance(value, str):
            detail = (
                f"invalid type '{type(value).__name__}' for parameter '{name}', expected 'string'"
            )
            raise errors.error(Code.INVALID_ARG, detail, domain=errors.From.NONE)


def managed_save(state: QemuState, dom: DomainRef, flags: int) -> None:
    """qemuDomainManagedSave: save() into our own directory; the next start restores.

    :raises libvirtError: OPERATION_INVALID for a transient domain or one that is off; see save()
    """
    check_flags(flags, _KNOWN, "qemuDomainManagedSave")
    _managed_save(state, state.domains.find(dom), None, flags, "virDomainManagedSave")


def _managed_save(state: QemuState, vm: DomainObj, xml: str | None, flags: int, api: str) -> None:
    with vm.lock:
        vm.require_active()
        if not vm.persistent:
            detail = "cannot do managed save for transient domain"
            raise errors.error(Code.OPERATION_INVALID, detail)
    fmt = filters.choose(state.settings.save_image_format, "save")
    target = Target(state.paths.save_file(vm.name), fmt, bool(flags & BYPASS_CACHE))
    _save(state, vm, target, xml, flags, api, managed=True)


def managed_save_remove(state: QemuState, dom: DomainRef, flags: int) -> None:
    """qemuDomainManagedSaveRemove.

    :raises libvirtError: SYSTEM_ERROR, also when there is none
    """
    check_flags(flags, 0, "qemuDomainManagedSaveRemove")
    vm = state.domains.find(dom)
    path = state.paths.save_file(vm.name)
    try:
        os.unlink(path)
    except OSError as exc:
        detail = f"Failed to remove managed save file '{path}'"
        raise system_error(exc.errno or 0, detail, domain=errors.From.QEMU) from exc
    with vm.lock:
        vm.has_managed_save = False


def _save(
    state: QemuState,
    vm: DomainObj,
    target: Target,
    xml: str | None,
    flags: int,
    api: str,
    *,
    managed: bool = False,
) -> None:
    """Pauses, writes, ends; a failure on the way runs the guest again."""
    with async_job(vm, AsyncJob.SAVE, api, Operation.SAVE, flags, closed=True) as data:
        with vm.lock:
            if not vm.active:
                raise errors.error(Code.INTERNAL_ERROR, "guest unexpectedly quit")
            private: QemuPrivate = vm.private
            data.figures = Figures.SAVEDUMP
            was_running = vm.state is State.RUNNING
            private.saving = target.path
        allowed.check(vm, private)
        status.try_save(state, vm)
        done = False
        try:
            if was_running:
                cpus.stop(state, vm, Paused.SAVE)
                status.try_save(state, vm)
            open_to_others(vm)
            running = bool(flags & RUNNING) or (was_running and not flags & PAUSED)
            header = Header(
                _xml(state, vm, private, xml),
                migratable.cookie(vm.definition),
                running=running,
                compressed=target.compressed,
            )
            create.save(state, vm, private, target, header)
            done = True
        except libvirtError as exc:
            raise create.reason(vm, private, exc) from exc
        finally:
            if not done:
                private.saving = ""
                if was_running:
                    cpus.run_on(state, vm, private, Running.SAVE_CANCELED, "a save")
                elif vm.private is private:
                    status.try_save(state, vm)
        with vm.lock:
            if managed:  # unless somebody has removed it meanwhile
                vm.has_managed_save = os.path.exists(target.path)
        stop.stop_process(state, vm, Shutoff.SAVED)
    stop.announce(state, vm, Detail.STOPPED_SAVED)


def _xml(state: QemuState, vm: DomainObj, private: QemuPrivate, xml: str | None) -> str:
    """The definition that goes into the image."""
    with vm.lock:
        live = vm.definition
    if xml is None:
        return migratable.xml(live, private.orig_cpu)
    given = parse_definition(xml, state.caps_for, nvram_dir=state.paths.nvram_dir)
    migratable.check_same_machine(live, private.orig_cpu, given)
    return migratable.xml(given, None)
