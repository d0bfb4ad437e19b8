# SPDX-License-Identifier: Apache-2.0
"""Events to clients: registrations by callback id (and the old ones without), messages."""

import logging
from collections.abc import Callable
from typing import Any, Final

from nova_pyvirt.daemon.dispatch import Call, handles
from nova_pyvirt.daemon.session import Session
from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.hypervisors.remote.events import by_id
from nova_pyvirt.hypervisors.remote.shapes import program
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.packet import Kind, Status, pack
from nova_pyvirt.wire.xdr import XDRError

LOG = logging.getLogger(__name__)

#: family: (procedures' prefix, slots' prefix, kind for the policy)
FAMILIES: Final = {
    "Domain": ("connect_domain_event_callback_", "connect_domain_event_", "domain"),
    "Network": ("connect_network_event_", "connect_network_event_", "network"),
    "StoragePool": ("connect_storage_pool_event_", "connect_storage_pool_event_", "storage_pool"),
    "NodeDevice": ("connect_node_device_event_", "connect_node_device_event_", "node_device"),
    "Secret": ("connect_secret_event_", "connect_secret_event_", "secret"),
}
_GRAPHICS: Final = 5
_PM: Final = frozenset({11, 12, 14})
_MONITOR_EVENT: Final = 6


def _arguments(event: protocol.Event, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """A callback's arguments as the message's members."""
    if event.family != "Domain":
        return args
    if event.id == _GRAPHICS:
        phase, local, far, scheme, subject = args
        addresses = [(a["family"], a["node"], a["service"]) for a in (local, far)]
        return (phase, *addresses, scheme, list(subject))
    return args


def message(
    event: protocol.Event, callback_id: int | None, ref: Any, args: tuple[Any, ...]
) -> bytes:
    """The event's packet; without a callback id in the old form."""
    remote = program(protocol.REMOTE)
    args = _arguments(event, args)
    if callback_id is None:
        number = event.legacy
        value: tuple[Any, ...] = (ref,) if event.id in _PM else (ref, *args)
    else:
        number = event.callback
        if event.family == "Domain" and event.id in _PM:
            value = (callback_id, args[0] if args else 0, (ref,))
        elif event.family == "Domain" and event.legacy:
            value = (callback_id, (ref, *args))
        else:
            value = (callback_id, ref, *args)
    payload = remote.encode(remote.procs[number].ret, value)
    return pack(protocol.REMOTE, number, Kind.MESSAGE, 1, Status.OK, payload)


def _sender(call: Call, event: protocol.Event, callback_id: int | None) -> Callable[..., None]:
    """The callback given to the table: it only encodes and queues."""
    session, policy = call.session, call.server.policy
    kind = FAMILIES[event.family][2]

    def send(ref: Any, *args: Any) -> None:
        if not policy.allows(session.peer, kind, ref, "getattr"):
            return
        try:
            data = message(event, callback_id, ref, args)
        except XDRError:
            LOG.exception("event %s/%d does not fit its message", event.family, event.id)
            return
        session.output.send(data)

    return send


def _event(family: str, event_id: int) -> protocol.Event:
    event = by_id().get((family, event_id))
    if event is None:
        text = f"unsupported {_label(family)} event ID {event_id}"
        raise error(Code.INTERNAL_ERROR, text, domain=From.RPC)
    return event


def _label(family: str) -> str:
    return {"StoragePool": "storage pool", "NodeDevice": "node device"}.get(family, family.lower())


def _register(family: str) -> Callable[[Call], bytes]:
    def register(call: Call) -> bytes:
        event_id, ref = call.args
        event = _event(family, event_id)
        state = call.session.state
        callback_id = state.next_callback
        state.next_callback += 1
        slot = call.slot(FAMILIES[family][1] + "register_any")
        table_id = slot(ref, event_id, _sender(call, event, callback_id))
        state.callbacks[family, callback_id] = table_id
        return call.reply(callback_id)

    return register


def _deregister(family: str) -> Callable[[Call], bytes]:
    def deregister(call: Call) -> bytes:
        (callback_id,) = call.args
        table_id = call.session.state.callbacks.pop((family, callback_id), None)
        if table_id is None:
            text = f"{_label(family)} event callback {callback_id} not registered"
            raise error(Code.INTERNAL_ERROR, text, domain=From.RPC)
        call.slot(FAMILIES[family][1] + "deregister_any")(table_id)
        return b""

    return deregister


for _family, (_prefix, _, _) in FAMILIES.items():
    handles(_prefix + "register_any")(_register(_family))
    handles(_prefix + "deregister_any")(_deregister(_family))


def _register_legacy(call: Call, event_id: int) -> None:
    """Clients older than callback ids: one registration for each kind of event."""
    event = _event("Domain", event_id)
    key = ("Legacy", event_id)
    if not event.legacy:
        raise error(Code.INTERNAL_ERROR, f"unsupported event ID {event_id}", domain=From.RPC)
    if key in call.session.state.callbacks:
        text = f"domain event {event_id} already registered"
        raise error(Code.INTERNAL_ERROR, text, domain=From.RPC)
    slot = call.slot("connect_domain_event_register_any")
    call.session.state.callbacks[key] = slot(None, event_id, _sender(call, event, None))


def _deregister_legacy(call: Call, event_id: int) -> None:
    table_id = call.session.state.callbacks.pop(("Legacy", event_id), None)
    if table_id is None:
        text = f"domain event {event_id} not registered"
        raise error(Code.INTERNAL_ERROR, text, domain=From.RPC)
    call.slot("connect_domain_event_deregister_any")(table_id)


@handles("connect_domain_event_register")
def event_register(call: Call) -> bytes:
    _register_legacy(call, 0)
    return call.reply(1)


@handles("connect_domain_event_deregister")
def event_deregister(call: Call) -> bytes:
    _deregister_legacy(call, 0)
    return call.reply(0)


@handles("connect_domain_event_register_any")
def event_register_any(call: Call) -> bytes:
    _register_legacy(call, call.args[0])
    return b""


@handles("connect_domain_event_deregister_any")
def event_deregister_any(call: Call) -> bytes:
    _deregister_legacy(call, call.args[0])
    return b""


@handles("connect_domain_monitor_event_register", protocol.QEMU)
def monitor_register(call: Call) -> bytes:
    dom, event, flags = call.args
    session, state = call.session, call.session.state
    callback_id = state.next_callback
    state.next_callback += 1
    qemu = program(protocol.QEMU)
    policy = call.server.policy

    def send(ref: Any, name: str, seconds: int, micros: int, details: str | None) -> None:
        if not policy.allows(session.peer, "domain", ref, "getattr"):
            return
        value = (callback_id, ref, name, seconds, micros, details)
        payload = qemu.encode("qemu_domain_monitor_event_msg", value)
        packet = pack(protocol.QEMU, _MONITOR_EVENT, Kind.MESSAGE, 1, Status.OK, payload)
        session.output.send(packet)

    slot = call.slot("connect_domain_qemu_monitor_event_register")
    state.callbacks["Monitor", callback_id] = slot(dom, event, send, flags)
    return call.reply(callback_id)


@handles("connect_domain_monitor_event_deregister", protocol.QEMU)
def monitor_deregister(call: Call) -> bytes:
    (callback_id,) = call.args
    table_id = call.session.state.callbacks.pop(("Monitor", callback_id), None)
    if table_id is None:
        text = f"qemu monitor event callback {callback_id} not registered"
        raise error(Code.INTERNAL_ERROR, text, domain=From.RPC)
    call.slot("connect_domain_qemu_monitor_event_deregister")(table_id)
    return b""


def deregister_all(session: Session, table: Any) -> None:
    """The client is gone."""
    for (family, _), table_id in list(session.state.callbacks.items()):
        prefix = FAMILIES.get(family, FAMILIES["Domain"])[1]
        name = prefix + "deregister_any"
        if family == "Monitor":
            name = "connect_domain_qemu_monitor_event_deregister"
        try:
            getattr(table, name)(table_id)
        except libvirtError as exc:
            LOG.debug("client %d: %s", session.number, exc)
    session.state.callbacks.clear()
