# SPDX-License-Identifier: Apache-2.0
"""A drop-in for libvirt-python's `libvirt_qemu`: QEMU's monitor and the guest agent, unchecked.

`libvirtmod_qemu` stands for the C module, which nova calls by itself.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import IO, Any, Final

from nova_pyvirt.api import constant, row
from nova_pyvirt.api.events import Family
from nova_pyvirt.api.refusals import origin_of
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.libvirt import virConnect, virDomain
from nova_pyvirt.libvirt.call import Ref, Str, Tuple, as_tuple, bind, checked, guarded, typed
from nova_pyvirt.libvirt.events.registry import Registration, deregister, register
from nova_pyvirt.libvirt.handle import Handle
from nova_pyvirt.util.native import os

VIR_DOMAIN_QEMU_MONITOR_COMMAND_DEFAULT: Final = 0
VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP: Final = 1
VIR_DOMAIN_QEMU_AGENT_COMMAND_MIN: Final = int(constant("VIR_DOMAIN_QEMU_AGENT_COMMAND_MIN"))
VIR_DOMAIN_QEMU_AGENT_COMMAND_BLOCK: Final = -2
VIR_DOMAIN_QEMU_AGENT_COMMAND_DEFAULT: Final = -1
VIR_DOMAIN_QEMU_AGENT_COMMAND_NOWAIT: Final = 0
VIR_DOMAIN_QEMU_AGENT_COMMAND_SHUTDOWN: Final = 60
VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX: Final = 1
VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_NOCASE: Final = 2

_MONITOR: Final = Family("Monitor", "qemuMonitorEventCallbackID", "domain_qemu_monitor", ())

_COMMAND: Str = bind("virDomainQemuMonitorCommand", typed, args="cmd:z flags:I")
_COMMAND_WITH_FILES: Tuple = bind(
    "virDomainQemuMonitorCommandWithFiles", as_tuple, args="cmd:z files:O flags:I"
)
_AGENT: Str = bind("virDomainQemuAgentCommand", args="cmd:z timeout:i flags:I")
_ATTACH: Ref = bind("virDomainQemuAttach", args="pid_value:I flags:I")
_REGISTER = checked(
    "virConnectDomainQemuMonitorEventRegister", args="dom:o event:z cb:O opaque:O flags:I"
)
_DEREGISTER = checked("virConnectDomainQemuMonitorEventDeregister", args="callbackID:i")


def qemuMonitorCommand(domain: virDomain, cmd: str, flags: int) -> str:
    """virDomainQemuMonitorCommand (libvirt 0.8.3): the monitor's reply.

    :param cmd: a QMP command as JSON text, or with VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP a human one
    """
    return _COMMAND(domain, cmd, flags)


def qemuMonitorCommandWithFiles(
    domain: virDomain,
    cmd: str,
    files: list[int] = [],  # noqa: B006 - the drop-in's signature; it is not changed
    flags: int = 0,
) -> tuple[str, list[IO[bytes]]]:
    """virDomainQemuMonitorCommandWithFiles (libvirt 8.2.0): the reply and files QEMU opened."""
    result, fds = _COMMAND_WITH_FILES(domain, cmd, list(files), flags)
    return result, [os.fdopen(fd, "r+b", buffering=0) for fd in fds]


def qemuAgentCommand(domain: virDomain, cmd: str, timeout: int, flags: int) -> str:
    """virDomainQemuAgentCommand (libvirt 0.10.0): the guest agent's reply.

    :param timeout: seconds, or VIR_DOMAIN_QEMU_AGENT_COMMAND_*
    """
    return _AGENT(domain, cmd, timeout, flags)


def qemuAttach(conn: virConnect, pid_value: int, flags: int) -> virDomain:
    """virDomainQemuAttach (libvirt 0.9.4): takes over a QEMU that somebody else started."""
    return virDomain(conn, _ATTACH(conn, pid_value, flags))


def qemuMonitorEventRegister(
    conn: virConnect,
    dom: virDomain | None,
    event: str | None,
    cb: Callable[..., Any],
    opaque: Any,
    flags: int = 0,
) -> int:
    """virConnectDomainQemuMonitorEventRegister (libvirt 1.2.3).

    :param event: QEMU's name of the event, None = all
    :param cb: cb(conn, dom, event, seconds, microseconds, details, opaque)
    :returns: the number for qemuMonitorEventDeregister
    """
    function = "virConnectDomainQemuMonitorEventRegister"
    _REGISTER(conn, dom, event, cb, opaque, flags)
    data = {"cb": cb, "conn": conn, "opaque": opaque}
    ref = None if dom is None or dom._o is None else dom._o.ref

    def target(handle: Handle, args: tuple[Any, ...]) -> None:
        event_name, seconds, micros, details = args
        dom_ = virDomain(conn, handle)
        _dispatchQemuMonitorEventCallback(conn, dom_, event_name, seconds, micros, details, data)

    def run(handle: Handle) -> int:
        key = (None if ref is None else ref.uuid, event, flags)
        made = Registration(handle.conn, _MONITOR.name, 0, key, False, target)
        origin = origin_of(row(function))
        slot = handle.conn.slot("connect_domain_qemu_monitor_event_register", function, origin)
        return register(made, lambda _ref, _id, call: slot(ref, event, call, flags), ref)

    number = int(guarded(conn, run))
    conn.__dict__.setdefault(_MONITOR.attribute, {})[number] = opaque
    return number


def qemuMonitorEventDeregister(conn: virConnect, callbackID: int) -> None:
    """virConnectDomainQemuMonitorEventDeregister (libvirt 1.2.3)."""
    function = "virConnectDomainQemuMonitorEventDeregister"
    _DEREGISTER(conn, callbackID)

    def run(handle: Handle) -> None:
        origin = origin_of(row(function))
        slot = handle.conn.slot("connect_domain_qemu_monitor_event_deregister", function, origin)
        deregister(handle.conn, slot, callbackID)

    guarded(conn, run)
    conn.__dict__.get(_MONITOR.attribute, {}).pop(callbackID, None)


def _dispatchQemuMonitorEventCallback(
    conn: virConnect,
    dom: virDomain,
    event: str,
    seconds: int,
    micros: int,
    details: str | None,
    cbData: dict[str, Any],
) -> int:
    cbData["cb"](conn, dom, event, seconds, micros, details, cbData["opaque"])
    return 0


class _Raw:
    """An object that has nothing but its handle: what the C module's functions get."""

    _kind = "virDomain"

    def __init__(self, handle: Handle | None) -> None:
        self._o = handle


def _monitor_command(handle: Handle | None, cmd: str, flags: int) -> str | None:
    """The C module's function: None instead of an exception, the error is the thread's last one."""
    try:
        return _COMMAND(_Raw(handle), cmd, flags)
    except libvirtError:
        return None


def _agent_command(handle: Handle | None, cmd: str, timeout: int, flags: int) -> str | None:
    try:
        return _AGENT(_Raw(handle), cmd, timeout, flags)
    except libvirtError:
        return None


libvirtmod_qemu = SimpleNamespace(
    virDomainQemuMonitorCommand=_monitor_command,
    virDomainQemuAgentCommand=_agent_command,
)
