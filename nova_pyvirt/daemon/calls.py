# SPDX-License-Identifier: Apache-2.0
"""Handlers of the connection's own procedures: open, features, close callbacks."""

from typing import Final

from nova_pyvirt.daemon.dispatch import Call, handles
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.packet import Kind, Status, pack

RO: Final = 1
_KEEPALIVE: Final = 10
#: features that are the daemon's own: fd passing, keepalive, callback ids, close callbacks
_OURS: Final = frozenset({8, _KEEPALIVE, 14, 15})
#: typed string parameters, new argument order of networkUpdate: every driver of ours
_ALWAYS: Final = frozenset({9, 16})
_CONNECTION_CLOSED: Final = 362


@handles("connect_open")
def connect_open(call: Call) -> bytes:
    session = call.session
    if session.table is not None:
        raise error(Code.INTERNAL_ERROR, "connection already open", domain=From.RPC)
    name, flags = call.args
    if session.readonly:
        flags |= RO
    session.table = call.server.opener(name, flags)
    session.readonly = bool(flags & RO)
    session.opened()
    return b""


@handles("connect_close")
def connect_close(call: Call) -> bytes:
    """The table is closed with the session, when its last call is over."""
    return b""


@handles("connect_get_uri")
def connect_get_uri(call: Call) -> bytes:
    return call.reply(call.session.table.uri)


@handles("connect_is_secure")
def connect_is_secure(call: Call) -> bytes:
    """What lies behind the daemon is this host."""
    return call.reply(1)


@handles("connect_supports_feature")
def connect_supports_feature(call: Call) -> bytes:
    (feature,) = call.args
    if feature == _KEEPALIVE:
        call.session.start_keepalive()
    if feature in _OURS or feature in _ALWAYS:
        return call.reply(1)
    if call.session.table is None:
        raise error(Code.INTERNAL_ERROR, "connection not open", domain=From.RPC)
    slot = getattr(call.session.table, "connect_supports_feature", None)
    return call.reply(int(slot(feature)) if slot is not None else 0)


@handles("connect_set_identity")
def connect_set_identity(call: Call) -> bytes:
    """Clients are who the socket says they are; a proxy's word about others is not taken."""
    return b""


@handles("connect_register_close_callback")
def connect_register_close_callback(call: Call) -> bytes:
    session = call.session
    if session.state.close_callback:
        text = "A close callback is already registered"
        raise error(Code.INTERNAL_ERROR, text, domain=From.RPC)
    session.state.close_callback = True
    slot = getattr(session.table, "connect_register_close_callback", None)
    if slot is not None:
        slot(lambda reason: _closed(call, reason))
    return b""


def _closed(call: Call, reason: int) -> None:
    payload = reason.to_bytes(4, "big", signed=True)
    data = pack(protocol.REMOTE, _CONNECTION_CLOSED, Kind.MESSAGE, 1, Status.OK, payload)
    call.session.output.send(data)


@handles("connect_unregister_close_callback")
def connect_unregister_close_callback(call: Call) -> bytes:
    session = call.session
    if not session.state.close_callback:
        text = "A different callback was requested"
        raise error(Code.INVALID_ARG, text, domain=From.RPC)
    session.state.close_callback = False
    slot = getattr(session.table, "connect_unregister_close_callback", None)
    if slot is not None:
        slot()
    return b""
