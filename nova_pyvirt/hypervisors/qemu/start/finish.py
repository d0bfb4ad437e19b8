# SPDX-License-Identifier: Apache-2.0
"""Last stage: passwords, memory, lifecycle actions; the guest runs (qemuProcessFinishStartup)."""

from typing import Any

from nova_pyvirt.core.states import Paused, Running, State
from nova_pyvirt.errors import system_error
from nova_pyvirt.hypervisors.qemu import cpus, status
from nova_pyvirt.hypervisors.qemu.block import throttle
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.hypervisors.qemu.start.init import begin_hook
from nova_pyvirt.util.breakpoints import reach


def run(start: Start) -> None:
    """:raises libvirtError: QEMU refuses, SYSTEM_ERROR for the status file, HOOK_SCRIPT_FAILED"""
    with start.private.stage("finish"):
        commands = _passwords(start) + _links(start) + _balloon(start) + _actions(start)
        commands += throttle.at_start(start.definition)
        if commands:
            start.private.mon.batch(commands, kind="change")
    with start.private.stage("cont"):
        if start.paused:
            reason = Paused.MIGRATION if start.incoming else Paused.USER
            start.vm.set_state(State.PAUSED, reason)
        elif start.incoming is None:
            cpus.start(start.state, start.vm, Running.BOOTED)
    reach("start-cont")
    with start.private.stage("status"):
        try:
            status.save(start.state, start.vm)
        except OSError as exc:
            raise system_error(exc.errno or 0, "cannot write the domain's status") from exc
    begin_hook(start, "started")
    _watch(start)
    reach("start-end")


def _watch(start: Start) -> None:
    """From here on QEMU's end is the guest's end, not the start's failure."""
    private = start.private
    with start.vm.lock:
        private.started = True
    if not private.mon.alive and private.worker is not None:
        private.worker.eof("QEMU has ended")  # told before, when it was nobody's business yet


def _passwords(start: Start) -> list[tuple[str, dict[str, Any]]]:
    """A VNC password; an empty one denies every login (CVE-2016-5008)."""
    commands: list[tuple[str, dict[str, Any]]] = []
    settings = start.state.settings
    defaults = {"vnc": settings.vnc_password, "spice": settings.spice_password}
    for graphics in start.definition.devices.graphics:
        default = defaults.get(graphics.type)
        password = graphics.password if graphics.password is not None else default
        if graphics.type in ("vnc", "spice") and password is not None:
            commands.append(("set_password", {"protocol": graphics.type, "password": password}))
            when = "never" if password else "now"
            commands.append(("expire_password", {"protocol": graphics.type, "time": when}))
    return commands


def _links(start: Start) -> list[tuple[str, dict[str, Any]]]:
    """Interfaces whose cable is out."""
    return [
        ("set_link", {"name": interface.alias, "up": False})
        for interface in start.definition.devices.interfaces
        if interface.link == "down"
    ]


def _balloon(start: Start) -> list[tuple[str, dict[str, Any]]]:
    """Less memory than the maximum, from the start."""
    definition = start.definition
    balloon = definition.devices.memballoon
    wanted = definition.current_memory
    if balloon is None or balloon.model == "none" or not wanted or wanted >= definition.memory:
        return []
    return [("balloon", {"value": wanted * 1024})]


def _actions(start: Start) -> list[tuple[str, dict[str, Any]]]:
    """A guest's reset ends it when the definition says so."""
    if start.definition.on_reboot == "destroy":
        return [("set-action", {"reboot": "shutdown"})]
    return []
