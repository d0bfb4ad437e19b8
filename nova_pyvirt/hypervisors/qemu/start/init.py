# SPDX-License-Identifier: Apache-2.0
"""First stage: from an inactive domain to one that starts up (qemuProcessInit)."""

import uuid

from nova_pyvirt import errors
from nova_pyvirt.core.states import Paused, State
from nova_pyvirt.core.timeline import Timeline
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.load import complete
from nova_pyvirt.hypervisors.qemu.prepare import caps_of_run
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate, partition_of
from nova_pyvirt.hypervisors.qemu.start.context import Incoming, Start
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.breakpoints import reach


def run(start: Start) -> None:
    """The live copy of the definition, id, state; nothing has changed when it fails."""
    state, vm = start.state, start.vm
    check_inactive(start)
    complete(state, vm)
    timeline = Timeline()
    definition = vm.definition
    with timeline.stage("init"):
        caps = caps_of_run(definition, state.caps_for(definition))
        live = definition.copy()
        orig_cpu = live.cpu.copy() if live.cpu is not None else None
        _take_over(start.incoming, live)
    with vm.lock:
        check_inactive(start)
        ident = state.next_id()
        lib_dir = state.paths.domain_lib_dir(ident, definition.name)
        vm.private = start.private = QemuPrivate(
            caps,
            lib_dir,
            state.machine_name(ident, definition.name),
            partition_of(live),
            timeline=timeline,
        )
        if start.autodestroy is not None:
            start.private.autodestroy = True
            state.autodestroy[vm.uuid] = start.autodestroy
        start.private.orig_cpu = orig_cpu
        if vm.persistent:
            vm.new_definition = start.persistent or definition
        vm.definition = live
        live.id = vm.id = ident
        state.starts.add(vm, timeline)
        vm.set_state(State.PAUSED, Paused.STARTING_UP)
    reach("start-init")


def _take_over(incoming: Incoming | None, live: Domain) -> None:
    """What a guest that comes from somewhere brings along, and what it must notice."""
    if incoming is None:
        return
    if incoming.cpu is not None:
        live.cpu = incoming.cpu
    if incoming.new_genid and live.genid is not None:
        live.genid = str(uuid.uuid4())


def check_inactive(start: Start) -> None:
    """:raises libvirtError: OPERATION_INVALID when the domain runs, whether we manage it or not"""
    vm = start.vm
    if vm.active:
        raise errors.error(Code.OPERATION_INVALID, "VM is already active")
    pid = start.state.unmanaged_pid(vm.definition)
    if pid is not None:
        raise errors.error(
            Code.OPERATION_INVALID,
            f"domain '{vm.name}' still runs as process {pid}, which could not be taken over",
        )


def prepare_hook(start: Start) -> None:
    """:raises libvirtError: HOOK_SCRIPT_FAILED"""
    start.private.check_wanted()
    begin_hook(start, "prepare")


def begin_hook(start: Start, operation: str) -> None:
    """A hook of the start, which it may refuse.

    :raises libvirtError: HOOK_SCRIPT_FAILED
    """
    hooks = start.state.hooks
    if not hooks:
        return
    with start.private.timeline.stage(f"hook-{operation}"):
        hooks.call(start.vm.name, operation, "begin", None, start.definition.format(secure=True))
