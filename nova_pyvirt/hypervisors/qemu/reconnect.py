# SPDX-License-Identifier: Apache-2.0
"""Taking over the guests that run when a driver state opens (qemuProcessReconnect).

Two sources say what runs: status files, and the processes themselves. A QEMU whose status file is
lost, or damaged, is known by the name and uuid of its command line. A healthy QEMU is never killed,
and a domain whose QEMU lives is never shown as off: it could be started a second time.
"""

import logging
import shutil
from dataclasses import dataclass
from typing import Any, Final

from nova_pyvirt.core.cgroup import Cgroup, machine_name
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.security import dac
from nova_pyvirt.core.states import Paused, Running, Shutoff, State
from nova_pyvirt.core.statusfile import Status, read_status
from nova_pyvirt.core.timeline import Timeline
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import cpus, status, stop
from nova_pyvirt.hypervisors.qemu.events.dispatch import worker_for
from nova_pyvirt.hypervisors.qemu.host import labels, processes
from nova_pyvirt.hypervisors.qemu.host.processes import Found
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.monitor import Deadlines, Monitor
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate, partition_of
from nova_pyvirt.hypervisors.qemu.process import Process
from nova_pyvirt.hypervisors.qemu.start.refresh import refresh
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.files import unlink
from nova_pyvirt.util.native import os, threading

LOG = logging.getLogger(__name__)
#: seconds that a QEMU may take to greet us; one that doesn't is kept, without a monitor
GREETING: Final = 2.0
#: QEMU's run states -> what we show (qemuMonitorVMStatusToPausedReason)
_RUN_STATES: Final = {
    "running": (State.RUNNING, int(Running.UNKNOWN)),
    "paused": (State.PAUSED, int(Paused.USER)),
    "prelaunch": (State.PAUSED, int(Paused.STARTING_UP)),
    "inmigrate": (State.PAUSED, int(Paused.MIGRATION)),
    "postmigrate": (State.PAUSED, int(Paused.MIGRATION)),
    "finish-migrate": (State.PAUSED, int(Paused.MIGRATION)),
    "io-error": (State.PAUSED, int(Paused.IOERROR)),
    "save-vm": (State.PAUSED, int(Paused.SAVE)),
    "restore-vm": (State.PAUSED, int(Paused.UNKNOWN)),
    "shutdown": (State.PAUSED, int(Paused.SHUTTING_DOWN)),
    "suspended": (State.PMSUSPENDED, 0),
    "watchdog": (State.PAUSED, int(Paused.WATCHDOG)),
    "guest-panicked": (State.CRASHED, 1),
    "internal-error": (State.PAUSED, int(Paused.UNKNOWN)),
    "debug": (State.PAUSED, int(Paused.UNKNOWN)),
}


@dataclass(slots=True)
class _Run:
    """A guest to take over; `status` is None when its status file is of no use."""

    vm: DomainObj
    process: Process
    found: Found
    status: Status | None


def reconnect_all(state: QemuState) -> None:
    """Takes over every running guest, in parallel; those that ended meanwhile are cleaned up."""
    running = {found.uuid: found for found in processes.scan(state.paths.lib_dir)}
    runs = [run for run in _from_status(state, running) if run is not None]
    runs += [run for run in _without_status(state, running) if run is not None]
    threads = [threading.Thread(target=_take_over, args=(state, run), daemon=True) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _sweep(state)


def _sweep(state: QemuState) -> None:
    """Directories of starts that were cut off before there was a process."""
    used = {found.lib_dir for found in processes.scan(state.paths.lib_dir)}
    for parent in (state.paths.lib_dir, state.paths.channel_dir):
        for entry in os.listdir(parent):
            if entry.startswith("domain-") and f"{state.paths.lib_dir}/{entry}" not in used:
                _remove_tree(f"{parent}/{entry}")


def _from_status(state: QemuState, running: dict[str, Found]) -> "list[_Run | None]":
    directory = state.paths.state_dir
    names = sorted(entry[:-4] for entry in os.listdir(directory) if entry.endswith(".xml"))
    return [_one_status(state, name, running) for name in names]


def _one_status(state: QemuState, name: str, running: dict[str, Found]) -> _Run | None:
    path = state.paths.status_file(name)
    try:
        known = read_status(path)
    except (OSError, ValueError, libvirtError) as exc:
        LOG.error("the status file %s cannot be used: %s", path, exc)
        if not any(found.name == name for found in running.values()):
            unlink(path)
        return None
    found = running.pop(known.definition.uuid, None)
    vm = _object(state, known)
    if found is None:
        _ended(state, vm, known)
        return None
    process = Process.adopt(found.pid, found.started)
    if process is None:
        _ended(state, vm, known)
        return None
    return _Run(vm, process, found, known)


def _object(state: QemuState, known: Status) -> DomainObj:
    """The domain object, with the live definition in place."""
    definition = known.definition
    vm = state.domains.by_uuid(definition.uuid_bytes)
    if vm is None:
        vm = state.domains.add(definition, lambda: state.new_domain(definition), live=False)
    elif vm.persistent:
        vm.new_definition = vm.definition
    vm.definition = definition
    return vm


def _ended(state: QemuState, vm: DomainObj, known: Status) -> None:
    """The guest ended while nobody watched: what it had is given back."""
    ident = int(known.definition.id or -1)
    state.seen_id(ident)
    orderly = known.state is State.SHUTDOWN
    starting = known.state is State.PAUSED and known.reason == Paused.STARTING_UP
    private = _private(state, vm, known, ident)
    with vm.lock:
        vm.private, vm.id = private, ident
    _own_resources(state, vm)
    reason = Shutoff.SHUTDOWN if orderly else Shutoff.FAILED if starting else Shutoff.CRASHED
    stop.stop_process(state, vm, reason)
    if not vm.persistent:
        state.domains.remove(vm)


def _without_status(state: QemuState, running: dict[str, Found]) -> "list[_Run | None]":
    """QEMUs of ours that no status file tells of, by the definition we have of them."""
    runs: list[_Run | None] = []
    for found in running.values():
        vm = state.domains.by_name(found.name)
        if vm is None or vm.definition.uuid != found.uuid:
            LOG.error(
                "QEMU process %d runs a guest %r (%s) nobody has defined: it is left alone",
                found.pid, found.name, found.uuid,
            )  # fmt: skip
            continue
        process = Process.adopt(found.pid, found.started)
        if process is None:
            continue
        LOG.warning("domain %s: its status was lost, QEMU %d is taken over", vm.name, found.pid)
        vm.new_definition, vm.definition = vm.definition, vm.definition.copy()
        vm.definition.id = found.ident
        runs.append(_Run(vm, process, found, None))
    return runs


def _private(
    state: QemuState, vm: DomainObj, known: Status | None, ident: int, found: Found | None = None
) -> QemuPrivate:
    elements = known.private if known is not None else ()
    lib_dir = status.attributes(elements, "libDir").get("path")
    if not lib_dir and found is not None:
        lib_dir = found.lib_dir
    machine = status.attributes(elements, "pyvirt").get("machine")
    private = QemuPrivate(
        state.caps_for(vm.definition),
        lib_dir or state.paths.domain_lib_dir(ident, vm.name),
        machine or machine_name(ident, vm.name, root=state.paths.root),
        timeline=Timeline.load(elements),
    )
    private.partition = partition_of(vm.definition)
    private.fake_reboot = status.attributes(elements, "fakereboot").get("state") == "yes"
    return private


def _take_over(state: QemuState, run: _Run) -> None:
    vm, ident = run.vm, run.found.ident
    state.seen_id(ident)
    try:
        private = _private(state, vm, run.status, ident, run.found)
    except libvirtError as exc:
        LOG.error("domain %s: its emulator is not usable any more: %s", vm.name, exc)
        run.process.close()
        return
    private.process = run.process
    private.started = True
    with vm.lock:
        vm.private, vm.id, vm.definition.id = private, ident, ident
        if run.status is not None:
            vm.set_state(run.status.state, run.status.reason)
        else:
            vm.set_state(State.PAUSED, Paused.UNKNOWN)
    _own_resources(state, vm)
    state.starts.add(vm, private.timeline)
    with job(vm, Job.MODIFY, f"init-{vm.name}"):
        try:
            _attach(state, vm)
            _settle(state, vm, run.status is None)
        except libvirtError as exc:
            _no_monitor(state, vm, exc)
    status.try_save(state, vm)
    _hook(state, vm)


def _own_resources(state: QemuState, vm: DomainObj) -> None:
    """What the run's end gives back, as if we had started it."""
    private, settings = vm.private, state.settings
    undo = private.undo
    undo.callback(_remove_tree, private.lib_dir)
    channels = f"{state.paths.channel_dir}/{os.path.basename(private.lib_dir)}"
    undo.callback(_remove_tree, channels)
    private.cgroup = Cgroup.find(private.machine, partition=private.partition)
    undo.callback(private.cgroup.remove)
    for graphics in vm.definition.devices.graphics:
        if graphics.type == "vnc" and graphics.port and graphics.port != "-1":
            state.vnc_ports.hold(int(graphics.port))
            undo.callback(state.vnc_ports.release, int(graphics.port))
    if settings.uid is not None and settings.dynamic_ownership:
        for path in labels.paths(vm.definition):
            undo.callback(dac.restore, path, remembered=settings.remember_owner)


def _remove_tree(path: str) -> None:
    shutil.rmtree(path, ignore_errors=True)


def _attach(state: QemuState, vm: DomainObj) -> None:
    """The monitor again; the socket's path may be gone, then /proc has no way in either."""
    private, settings = vm.private, state.settings
    worker = worker_for(state, vm)
    private.worker = worker
    private.monitor = Monitor.connect(
        private.monitor_path,
        name=vm.name,
        on_event=worker.event,
        on_eof=worker.eof,
        deadline=GREETING,
        process=private.process,
        deadlines=Deadlines(
            settings.query_deadline, settings.change_deadline, settings.block_deadline
        ),
    )
    refresh(vm, private.monitor)


def _settle(state: QemuState, vm: DomainObj, lost: bool) -> None:
    """The state as QEMU has it now; a shutdown or reboot half done is finished."""
    private = vm.private
    answer: dict[str, Any] = private.mon.command("query-status", kind="query")
    now, reason = _RUN_STATES.get(str(answer.get("status")), (State.PAUSED, 0))
    with vm.lock:
        before = (vm.state, vm.reason)
        if now is State.PAUSED and reason == Paused.STARTING_UP and not lost:
            starting = True
        else:
            starting = False
            if vm.state is not now and vm.state is not State.SHUTDOWN:
                vm.set_state(now, reason)
    if starting or before == (State.PAUSED, Paused.STARTING_UP):
        _finish_start(state, vm, now)
    elif (now is State.PAUSED and reason == Paused.SHUTTING_DOWN) or before[0] is State.SHUTDOWN:
        _finish_shutdown(state, vm)


def _finish_start(state: QemuState, vm: DomainObj, now: State) -> None:
    """We died while it started: it has booted if its CPUs run, else it never will."""
    if now is State.RUNNING:
        with vm.lock:
            vm.set_state(State.RUNNING, Running.BOOTED)
        return
    LOG.warning("domain %s had not been started completely: it is ended", vm.name)
    stop.stop_process(state, vm, Shutoff.DAEMON)
    if not vm.persistent:
        state.domains.remove(vm)


def _finish_shutdown(state: QemuState, vm: DomainObj) -> None:
    private = vm.private
    if private.fake_reboot or vm.definition.on_poweroff == "restart":
        private.paused_shutdown = True
        private.mon.command("system_reset")
        cpus.start(state, vm, Running.BOOTED)
        private.paused_shutdown = private.fake_reboot = False
        return
    with vm.lock:
        vm.set_state(State.SHUTDOWN, 0)
    stop.stop_process(state, vm, Shutoff.SHUTDOWN)
    if not vm.persistent:
        state.domains.remove(vm)


def _no_monitor(state: QemuState, vm: DomainObj, exc: libvirtError) -> None:
    """QEMU does not talk to us: the guest is kept, and can be destroyed."""
    private = vm.private
    if private is None:
        return
    monitor, private.monitor = private.monitor, None
    if monitor is not None:
        monitor.close()
    LOG.error("domain %s runs without a monitor: %s", vm.name, exc)
    worker = private.worker
    if private.process is not None and worker is not None:
        private.process.on_exit(lambda: worker.eof("QEMU has ended"))


def _hook(state: QemuState, vm: DomainObj) -> None:
    if not state.hooks or not vm.active:
        return
    try:
        state.hooks.call(vm.name, "reconnect", "begin", None, vm.definition.format(secure=True))
    except libvirtError as exc:
        LOG.warning("domain %s: hook reconnect: %s", vm.name, exc)
