# SPDX-License-Identifier: Apache-2.0
"""Taking over the guests that run when a driver state opens (qemuProcessReconnect).

A healthy QEMU is never killed, and a domain whose QEMU lives is never started a second time.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from nova_pyvirt.core.cgroup import Cgroup
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import Paused, Shutoff, State
from nova_pyvirt.core.statusfile import Status
from nova_pyvirt.core.timeline import Timeline
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import reattach, recover, status, stop
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.host import labels, net, swtpm, virtiofsd
from nova_pyvirt.hypervisors.qemu.host.facts import memory_directories
from nova_pyvirt.hypervisors.qemu.host.processes import Found
from nova_pyvirt.hypervisors.qemu.hotplug import recover as devices
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate, partition_of
from nova_pyvirt.hypervisors.qemu.process import Process
from nova_pyvirt.hypervisors.qemu.runs import HELD_CHILD, Run, find
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.hypervisors.qemu.sweep import sweep
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import os, time
from nova_pyvirt.util.parallel import run_all

LOG = logging.getLogger(__name__)
#: guests that are taken over at once
PARALLEL: Final = 32


def reconnect_all(state: QemuState) -> None:
    """Takes over every running guest, in parallel; those that ended meanwhile are cleaned up."""
    reach("reconnect-begin")
    runs = find(state)
    reach("reconnect-found")
    calls = [partial(_ended, state, vm, known) for vm, known in runs.ended]
    calls += [partial(_take_over, state, run) for run in runs.alive]
    run_all(calls, PARALLEL, "reconnect")
    reach("reconnect-done")
    sweep(state)


def _ended(state: QemuState, vm: DomainObj, known: Status) -> None:
    """The guest ended while nobody watched: what it had is given back."""
    try:
        _clean_up(state, vm, known)
    except libvirtError as exc:
        LOG.error("domain %s could not be cleaned up: %s", vm.name, exc)
        _show_persistent(state, vm)


def _clean_up(state: QemuState, vm: DomainObj, known: Status) -> None:
    ident = int(known.definition.id or -1)
    state.seen_id(ident)
    orderly = known.state is State.SHUTDOWN
    starting = known.state is State.PAUSED and known.reason == Paused.STARTING_UP
    private = _private(state, vm, known, ident)
    with vm.lock:
        vm.private, vm.id = private, ident
    _own_resources(state, vm)
    reason = Shutoff.SHUTDOWN if orderly else Shutoff.FAILED if starting else Shutoff.CRASHED
    if recover.was_saved(known.private):
        reason = Shutoff.SAVED
    stop.stop_process(state, vm, reason)
    if not vm.persistent:
        state.domains.remove(vm)


def _private(
    state: QemuState, vm: DomainObj, known: Status | None, ident: int, found: Found | None = None
) -> QemuPrivate:
    elements = known.private if known is not None else ()
    lib_dir = status.attributes(elements, "libDir").get("path")
    if not lib_dir and found is not None:
        lib_dir = found.lib_dir
    machine = status.attributes(elements, "pyvirt").get("machine")
    private = QemuPrivate(
        _caps_of_run(state, vm.definition, elements),
        lib_dir or state.paths.domain_lib_dir(ident, vm.name),
        machine or state.machine_name(ident, vm.name),
        timeline=Timeline.load(elements),
    )
    private.taints += [str(node.get("flag")) for node in elements if node.tag == "taint"]
    private.partition = partition_of(vm.definition)
    private.autodestroy = status.attributes(elements, "pyvirt").get("autodestroy") == "yes"
    private.orig_cpu = status.orig_cpu(elements)
    devices.load(private, elements)
    private.fake_reboot = any(node.tag == "fakereboot" for node in elements)
    return private


def _caps_of_run(state: QemuState, definition: Domain, elements: Sequence[Any]) -> QemuCaps:
    """What the QEMU that runs can do, as the status file has it: the program of its name may be
    another one now, or gone.
    """
    flags = frozenset(status.flags(elements))
    try:
        caps = state.caps_for(definition)
    except libvirtError as exc:
        LOG.warning("domain %s: its emulator can't be asked any more: %s", definition.name, exc)
        emulator = definition.devices.emulator or ""
        return QemuCaps(emulator, 0, "", definition.os.arch, flags, {})
    return replace(caps, flags=flags) if flags else caps


def _take_over(state: QemuState, run: Run) -> None:
    vm, ident = run.vm, run.found.ident
    state.seen_id(ident)
    private = _private(state, vm, run.status, ident, run.found)
    private.process = run.process
    private.started = True
    with vm.lock:
        vm.private, vm.id, vm.definition.id = private, ident, ident
        if run.status is not None and not run.lost:
            vm.set_state(run.status.state, run.status.reason)
        else:
            vm.set_state(State.PAUSED, Paused.UNKNOWN)
    _own_resources(state, vm)
    state.starts.add(vm, private.timeline)
    if private.autodestroy:
        _orphaned(state, vm)
        return
    reach("reconnect-taken")
    written = run.status.private if run.status is not None else ()
    reattach.attach(state, vm, written, lost=run.lost)
    reach("reconnect-settled")
    if vm.active:
        _save(state, vm, lost=run.lost)
        _hook(state, vm)


def _save(state: QemuState, vm: DomainObj, *, lost: bool) -> None:
    try:
        status.save(state, vm, backup=lost)
    except OSError as exc:
        LOG.warning("the status of domain %s could not be written: %s", vm.name, exc)


def _orphaned(state: QemuState, vm: DomainObj) -> None:
    """An AUTODESTROY guest: the connection it belonged to ended with our predecessor."""
    LOG.warning("domain %s ends: its connection is gone", vm.name)
    stop.stop_process(state, vm, Shutoff.DESTROYED)
    if not vm.persistent:
        state.domains.remove(vm)


def _show_persistent(state: QemuState, vm: DomainObj) -> None:
    """A domain that could not be taken over: its configuration is all there is to show."""
    with vm.lock:
        if vm.new_definition is not None:
            vm.definition, vm.new_definition = vm.new_definition, None
    if not vm.persistent:
        state.domains.remove(vm)


def _own_resources(state: QemuState, vm: DomainObj) -> None:
    """What the run's end gives back, as if we had started it."""
    private, settings = vm.private, state.settings
    undo = private.undo
    undo.callback(_remove_tree, private.lib_dir)
    channels = f"{state.paths.channel_dir}/{os.path.basename(private.lib_dir)}"
    undo.callback(_remove_tree, channels)
    for path in memory_directories(state, vm.definition, private.lib_dir):
        undo.callback(_remove_tree, path)
    for beside in (swtpm, virtiofsd):
        beside.take_over(undo, state.paths, vm.definition, private.lib_dir)
    private.cgroup = Cgroup.find(private.machine, partition=private.partition)
    undo.callback(_remove_group, private.cgroup)
    for graphics in vm.definition.devices.graphics:
        for ports, number in (
            (state.vnc_ports, graphics.port),
            (state.vnc_ports, graphics.tls_port),
            (state.websocket_ports, graphics.websocket),
        ):
            if graphics.type in ("vnc", "spice") and number and int(number) > 0:
                ports.hold(int(number))
                undo.callback(ports.release, int(number))
    for nic in vm.definition.devices.interfaces:
        if nic.type in net.TAP_TYPES:
            undo.callback(net.disconnect, nic)
    undo.callback(lambda: labels.give_back(settings, devices.with_pending(vm)))


def _remove_group(group: Cgroup) -> None:
    """The control group, when its last process has gone: a child that our predecessor held back
    from becoming QEMU ends by itself, but not at once.
    """
    end = time.monotonic() + HELD_CHILD
    for path in group.procs():
        for pid in _members(path):
            process = Process.adopt(pid)
            if process is not None:
                process.wait(max(end - time.monotonic(), 0))
                process.close()
    group.remove()


def _members(path: str) -> list[int]:
    try:
        with open(path, encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _remove_tree(path: str) -> None:
    shutil.rmtree(path, ignore_errors=True)


def _hook(state: QemuState, vm: DomainObj) -> None:
    if not state.hooks or not vm.active:
        return
    try:
        state.hooks.call(vm.name, "reconnect", "begin", None, vm.definition.format(secure=True))
    except libvirtError as exc:
        LOG.warning("domain %s: hook reconnect: %s", vm.name, exc)
