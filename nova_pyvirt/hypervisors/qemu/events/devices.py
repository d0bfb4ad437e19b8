# SPDX-License-Identifier: Apache-2.0
"""Events about a domain's devices: told to subscribers, kept in the live definition."""

from typing import Any, Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import EventID, Paused, State
from nova_pyvirt.hypervisors.qemu import plug, status, transitions, unplug
from nova_pyvirt.hypervisors.qemu.block import qom
from nova_pyvirt.hypervisors.qemu.events.lifecycle import IO_ERROR_ACTIONS
from nova_pyvirt.hypervisors.qemu.hotplug import remove
from nova_pyvirt.hypervisors.qemu.state import QemuState

#: VNC and SPICE events -> virDomainEventGraphicsPhase
GRAPHICS_PHASES: Final = {
    "VNC_CONNECTED": 0,
    "VNC_INITIALIZED": 1,
    "VNC_DISCONNECTED": 2,
    "SPICE_CONNECTED": 0,
    "SPICE_INITIALIZED": 1,
    "SPICE_DISCONNECTED": 2,
}
_FAMILIES: Final = {"ipv4": 0, "ipv6": 1, "unix": 2}


def on_io_error(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """BLOCK_IO_ERROR."""
    action = IO_ERROR_ACTIONS.get(str(data.get("action")), 2)
    why = "enospc" if data.get("nospace") else ""
    with vm.lock:
        path, alias = _disk(vm, str(data.get("device") or data.get("qom-path") or ""), data)
        state.bus.emit(vm.ref, EventID.IO_ERROR, path, alias, action)
        state.bus.emit(vm.ref, EventID.IO_ERROR_REASON, path, alias, action, why)
        if action == IO_ERROR_ACTIONS["stop"] and vm.state is State.RUNNING:
            transitions.paused(state, vm, Paused.IOERROR)
    status.save_soon(state, vm)


def _disk(vm: DomainObj, device: str, data: dict[str, Any]) -> tuple[str, str]:
    """Path and alias of the disk an event means, ("", "") when it is none of the definition's."""
    node = str(data.get("node-name") or "")
    for disk in vm.definition.devices.disks:
        alias = disk.alias or ""
        names = device.replace("drive-", "").split("/")
        if alias and alias in names:
            return disk.path or "", alias
    found = qom.of_node(vm.definition, node) if node else None
    return (found[0].path or "", found[0].alias or "") if found else ("", "")


def on_rtc_change(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """RTC_CHANGE: the guest has set its clock; offset in seconds from the host's."""
    offset = int(data.get("offset", 0))
    with vm.lock:
        clock = vm.definition.clock
        if clock is not None and clock.offset == "variable":
            offset += vm.private.clock_base
            clock.adjustment = str(offset)
        state.bus.emit(vm.ref, EventID.RTC_CHANGE, offset)
    status.save_soon(state, vm)


def on_balloon(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """BALLOON_CHANGE: the guest has given back or got memory; QEMU's bytes, our KiB."""
    actual = int(data["actual"]) // 1024
    with vm.lock:
        vm.definition.current_memory = actual
        state.bus.emit(vm.ref, EventID.BALLOON_CHANGE, actual)
    status.save_soon(state, vm)


def on_tray(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """DEVICE_TRAY_MOVED."""
    opened = bool(data.get("tray-open"))
    with vm.lock:
        _path, alias = _disk(vm, str(data.get("device") or data.get("id") or ""), {})
        if not alias:
            return
        for disk in vm.definition.devices.disks:
            if disk.alias == alias:
                disk.tray = "open" if opened else None
        waiter = vm.private.trays.get(alias)
        if opened and waiter is not None:
            waiter.set()
        state.bus.emit(vm.ref, EventID.TRAY_CHANGE, alias, 0 if opened else 1)
    status.save_soon(state, vm)


def on_deleted(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """DEVICE_DELETED: the guest has let go of a device."""
    alias = str(data.get("device") or "")
    if not alias or unplug.tell(vm, alias, gone=True):
        return
    if _is_vcpu(alias):  # nobody waits any more: the guest took its time
        plug.removed(vm, alias)
        status.save_soon(state, vm)
    else:
        remove.later(state, vm, alias)


def _is_vcpu(alias: str) -> bool:
    return alias.startswith("vcpu") and alias[4:].isdigit()


def on_graphics(
    name: str, state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float
) -> None:
    """A display's client came or went."""
    server, client = data.get("server", {}), data.get("client", {})
    scheme = str(server.get("auth", ""))
    identity = [
        (kind, str(client[key]))
        for key, kind in (("x509_dname", "x509dname"), ("sasl_username", "saslUsername"))
        if client.get(key)
    ]
    args = (GRAPHICS_PHASES[name], _address(client), _address(server), scheme, identity)
    with vm.lock:
        state.bus.emit(vm.ref, EventID.GRAPHICS, *args)


def _address(end: dict[str, Any]) -> dict[str, Any]:
    return {
        "family": _FAMILIES.get(str(end.get("family")), 0),
        "node": str(end.get("host", "")),
        "service": str(end.get("service", "")),
    }


def on_serial_port(state: QemuState, vm: DomainObj, data: dict[str, Any], _when: float) -> None:
    """VSERPORT_CHANGE: the guest has opened or closed a channel."""
    ident = str(data.get("id", ""))
    word = "connected" if data.get("open") else "disconnected"
    with vm.lock:
        for channel in vm.definition.devices.channels:
            if channel.alias != ident:
                continue
            channel.target_state = word
            if channel.target_name == "org.qemu.guest_agent.0":
                number = 1 if data.get("open") else 2
                state.bus.emit(vm.ref, EventID.AGENT_LIFECYCLE, number, 2)
    status.save_soon(state, vm)
