# SPDX-License-Identifier: Apache-2.0
"""Starting, pausing, resetting and ending domains (qemu_driver.c)."""

import logging

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import AsyncJob, Job
from nova_pyvirt.core.jobdata import Operation
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import Detail, Life, Paused, Running, Shutoff, State
from nova_pyvirt.core.timeline import Timeline
from nova_pyvirt.errors import Code, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu import agentless, cpus, status, stop
from nova_pyvirt.hypervisors.qemu.definition import parse_definition
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import async_job, job
from nova_pyvirt.hypervisors.qemu.ops import restore
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.start import start_process
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)

PAUSED, AUTODESTROY, BYPASS_CACHE, FORCE_BOOT, VALIDATE, RESET_NVRAM = (1 << n for n in range(6))
GRACEFUL, REMOVE_LOGS = 1, 2
#: virDomainShutdownFlagValues and virDomainRebootFlagValues alike
ACPI, AGENT = 1, 2


def create(state: QemuState, conn: object, dom: DomainRef, flags: int) -> DomainRef:
    """qemuDomainCreateWithFlags.

    :param conn: the connection an AUTODESTROY guest belongs to
    :returns: the reference with the new id
    :raises libvirtError: OPERATION_INVALID when it runs already, and what the start says
    """
    known = PAUSED | AUTODESTROY | BYPASS_CACHE | FORCE_BOOT | RESET_NVRAM
    check_flags(flags, known, "qemuDomainCreateWithFlags")
    vm = state.domains.find(dom)
    with async_job(vm, AsyncJob.START, "virDomainCreateWithFlags", Operation.START, flags) as data:
        if vm.active:
            raise errors.error(Code.OPERATION_INVALID, "domain is already running")
        saved = os.path.exists(state.paths.save_file(vm.name))
        data.operation = Operation.RESTORE if saved else Operation.START
        if _from_managed_save(state, vm, flags):
            return vm.ref
        data.operation = Operation.START
        return _start(state, conn, vm, flags)


def create_xml(state: QemuState, conn: object, xml: str, flags: int) -> DomainRef:
    """qemuDomainCreateXML: a transient domain, or a run of a defined one with this definition.

    :raises libvirtError: see parse_definition; OPERATION_INVALID when it runs; what the start says
    """
    known = PAUSED | AUTODESTROY | VALIDATE | RESET_NVRAM
    check_flags(flags, known, "qemuDomainCreateXML")
    definition = parse_definition(
        xml,
        state.caps_for,
        nvram_dir=state.paths.nvram_dir,
        schemas=state.schemas if flags & VALIDATE else None,
    )
    vm = state.domains.add(definition, lambda: state.new_domain(definition), live=True)
    try:
        with (
            async_job(vm, AsyncJob.START, "virDomainCreateXML", Operation.START, flags),
            restore.running_as(vm, definition) as persistent,
        ):
            return _start(state, conn, vm, flags, persistent=persistent)
    except BaseException:
        if not vm.persistent and not vm.active:
            state.domains.remove(vm)
        raise


def _start(
    state: QemuState, conn: object, vm: DomainObj, flags: int, persistent: Domain | None = None
) -> DomainRef:
    paused = bool(flags & PAUSED)
    start_process(
        state,
        vm,
        paused=paused,
        autodestroy=conn if flags & AUTODESTROY else None,
        reset_nvram=bool(flags & RESET_NVRAM),
        persistent=persistent,
    )
    with vm.lock:
        state.bus.lifecycle(vm.ref, Life.STARTED, Detail.STARTED_BOOTED)
        if paused:
            state.bus.lifecycle(vm.ref, Life.SUSPENDED, Detail.SUSPENDED_PAUSED)
        return vm.ref


def _from_managed_save(state: QemuState, vm: DomainObj, flags: int) -> bool:
    """Runs the domain from its saved memory, unless FORCE_BOOT drops that or it is torn or gone."""
    path = state.paths.save_file(vm.name)
    vm.has_managed_save = os.path.exists(path)
    if not vm.has_managed_save:
        return False
    if not flags & FORCE_BOOT:
        return restore.from_managed_save(
            state,
            vm,
            paused=bool(flags & PAUSED),
            direct=bool(flags & BYPASS_CACHE),
            reset_nvram=bool(flags & RESET_NVRAM),
        )
    try:
        os.unlink(path)
    except OSError as exc:
        detail = f"cannot remove managed save file {path}"
        raise system_error(exc.errno or 0, detail) from exc
    vm.has_managed_save = False
    return False


def suspend(state: QemuState, dom: DomainRef) -> None:
    """qemuDomainSuspend: no-op on a paused domain.

    :raises libvirtError: OPERATION_INVALID when it is off or asleep; QMPTimeout
    """
    vm = state.domains.find(dom)
    _require_active(vm)
    with job(vm, Job.SUSPEND, "virDomainSuspend", active=True):
        if vm.state is State.PMSUSPENDED:
            raise errors.error(Code.OPERATION_INVALID, "domain is pmsuspended")
        if vm.state is not State.PAUSED:
            cpus.stop(state, vm, Paused.USER)
            status.try_save(state, vm)


def resume(state: QemuState, dom: DomainRef) -> None:
    """qemuDomainResume.

    :raises libvirtError: OPERATION_INVALID when it is off or runs already; QMPTimeout
    """
    vm = state.domains.find(dom)
    _require_active(vm)
    with job(vm, Job.MODIFY, "virDomainResume", active=True):
        if vm.state is State.PMSUSPENDED:
            raise errors.error(Code.OPERATION_INVALID, "domain is pmsuspended")
        if vm.state is State.RUNNING:
            raise errors.error(Code.OPERATION_INVALID, "domain is already running")
        cpus.start(state, vm, Running.UNPAUSED)
        status.try_save(state, vm)


def shutdown_flags(state: QemuState, dom: DomainRef, flags: int) -> None:
    """qemuDomainShutdownFlags: asks the guest to power off.

    :raises libvirtError: OPERATION_INVALID unless it runs; ARGUMENT_UNSUPPORTED without an agent
    """
    check_flags(flags, ACPI | AGENT, "qemuDomainShutdownFlags")
    vm = state.domains.find(dom)
    again = vm.definition.on_poweroff in ("restart", "rename-restart")
    if flags == AGENT:
        raise _no_agent(vm)
    with job(vm, Job.MODIFY, "virDomainShutdownFlags"):
        if vm.state is not State.RUNNING:
            raise errors.error(Code.OPERATION_INVALID, "domain is not running")
        _set_fake_reboot(state, vm, again)
        vm.private.mon.command("system_powerdown")


def reboot(state: QemuState, dom: DomainRef, flags: int) -> None:
    """qemuDomainReboot: asks the guest to power off and runs it again then.

    :raises libvirtError: OPERATION_INVALID unless it is active; ARGUMENT_UNSUPPORTED without agent
    """
    check_flags(flags, ACPI | AGENT, "qemuDomainReboot")
    vm = state.domains.find(dom)
    if flags == AGENT:
        raise _no_agent(vm)
    again = vm.definition.on_reboot not in ("destroy", "preserve")
    with job(vm, Job.MODIFY, "virDomainReboot", active=True):
        _set_fake_reboot(state, vm, again)
        vm.private.mon.command("system_powerdown")


def _no_agent(vm: DomainObj) -> libvirtError:
    if not vm.active:
        return errors.error(Code.OPERATION_INVALID, "domain is not running")
    return agentless.refusal(vm)


def _set_fake_reboot(state: QemuState, vm: DomainObj, value: bool) -> None:
    with vm.lock:
        changed = vm.private.fake_reboot is not value
        vm.private.fake_reboot = value
    if changed:
        status.try_save(state, vm)


def reset(state: QemuState, dom: DomainRef, flags: int) -> None:
    """qemuDomainReset: as by the reset button.

    :raises libvirtError: OPERATION_INVALID when it is off
    """
    check_flags(flags, 0, "qemuDomainReset")
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainReset", active=True):
        vm.private.mon.command("system_reset")
        vm.private.worker.drain()
        with vm.lock:
            vm.private.fake_reboot = False
            if vm.state is State.CRASHED:
                vm.set_state(State.PAUSED, Paused.CRASHED)
        status.try_save(state, vm)


def destroy_flags(state: QemuState, dom: DomainRef, flags: int) -> None:
    """qemuDomainDestroyFlags. Needs no monitor; a QEMU that hangs is killed within 3 s.

    :raises libvirtError: OPERATION_INVALID when it is off; SYSTEM_ERROR when QEMU survives, with
        GRACEFUL
    """
    check_flags(flags, GRACEFUL | REMOVE_LOGS, "qemuDomainDestroyFlags")
    vm = state.domains.find(dom)
    destroy(state, vm, graceful=bool(flags & GRACEFUL))
    if flags & REMOVE_LOGS:
        _remove_logs(state, vm.name)


def destroy(state: QemuState, vm: DomainObj, *, graceful: bool = False) -> None:
    """Ends a domain; see destroy_flags()."""
    with vm.lock:
        vm.require_active()
        private = vm.private
        private.being_destroyed = True
        vm.jobs.notify()
        starting = vm.jobs.async_job is AsyncJob.START
    timeline = Timeline()
    try:
        stop.end_qemu(private, timeline, force=not graceful)
    except libvirtError:
        private.being_destroyed = False
        raise
    if starting:
        _await_start(vm)
    try:
        _finish_destroy(state, vm, private, timeline, starting)
    except libvirtError:
        private.being_destroyed = False
        if private.worker is not None:
            private.worker.eof("QEMU has ended")  # nobody else will see to it
        raise


def _finish_destroy(
    state: QemuState, vm: DomainObj, private: QemuPrivate, timeline: Timeline, starting: bool
) -> None:
    with job(vm, Job.DESTROY, "virDomainDestroyFlags"):
        if not vm.active or vm.private is not private:
            if starting:
                return
            vm.require_active()
            return
        stop.stop_process(state, vm, Shutoff.DESTROYED, timeline)
        stop.announce(state, vm, Detail.STOPPED_DESTROYED)


def _await_start(vm: DomainObj) -> None:
    """The start under way sees that it is not wanted any more, and gives back what it has."""
    with vm.lock:
        vm.jobs.wait_for(lambda: vm.jobs.async_job is not AsyncJob.START, vm.jobs.wait)


def _remove_logs(state: QemuState, name: str) -> None:
    directory = state.paths.log_dir
    for entry in os.listdir(directory):
        if entry == f"{name}.log" or entry.startswith(f"{name}.log."):
            try:
                os.unlink(f"{directory}/{entry}")
            except OSError as exc:
                LOG.warning("the log %s could not be removed: %s", entry, exc)


def autodestroy(state: QemuState, conn: object) -> None:
    """A connection has closed: its guests end."""
    for uuid in [u for u, owner in list(state.autodestroy.items()) if owner is conn]:
        state.autodestroy.pop(uuid, None)
        vm = state.domains.by_uuid(uuid)
        if vm is None or not vm.active:
            continue
        try:
            destroy(state, vm)
        except libvirtError as exc:
            LOG.warning("domain %s of a closed connection: %s", vm.name, exc)


def _require_active(vm: DomainObj) -> None:
    """Before the job: a domain that is off is nothing to wait for."""
    with vm.lock:
        vm.require_active()
