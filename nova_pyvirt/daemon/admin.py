# SPDX-License-Identifier: Apache-2.0
"""The admin program: what virt-admin asks of the daemon (libvirt-admin.h)."""

import logging
from collections.abc import Callable
from typing import Any, Final

from nova_pyvirt.daemon.dispatch import Call, Handler, handles
from nova_pyvirt.daemon.server import Server
from nova_pyvirt.daemon.session import Session
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.util.typed import UInt
from nova_pyvirt.wire import protocol

LOG = logging.getLogger(__name__)
LIB_VERSION: Final = 9_000_000
_UNIX: Final = 0
_TCP: Final = 1
_TLS: Final = 2
#: settings virt-admin may change: parameter: attribute
_POOL: Final = {"maxWorkers": "max_workers", "prioWorkers": "prio_workers"}
_LIMITS: Final = {
    "nclients_max": "max_clients",
    "nclients_unauth_max": "max_anonymous_clients",
}


class AdminTable:
    """The "connection" of an admin client: the servers of this daemon by name."""

    def __init__(self, servers: dict[str, Server]) -> None:
        self.servers = servers

    def server(self, ref: tuple[str, ...]) -> Server:
        """The named server; raises NO_SERVER."""
        found = self.servers.get(ref[0])
        if found is None:
            text = f"No server named '{ref[0]}'"
            raise error(Code.NO_SERVER, text, domain=From.RPC)
        return found

    def client(self, ref: tuple[Any, ...]) -> Session:
        """The client; raises NO_CLIENT."""
        return _client(self.server(ref[0]), ref[1])

    def close(self) -> None:
        """Nothing to end."""


def _client(server: Server, number: int) -> Session:
    for session in server.sessions():
        if session.number == number:
            return session
    raise error(Code.NO_CLIENT, f"No client with matching ID '{number}'", domain=From.RPC)


def _admin(name: str) -> Callable[[Handler], Handler]:
    return handles(name, protocol.ADMIN)


def _transport(session: Session) -> int:
    if session.peer.uid is not None:
        return _UNIX
    return _TLS if session.service == "tls" else _TCP


def _ref(name: str, session: Session) -> tuple[Any, ...]:
    return ((name,), session.number, int(session.since), _transport(session))


@_admin("connect_open")
def connect_open(call: Call) -> bytes:
    call.session.table = call.server.opener(None, call.args[0])
    call.session.opened()
    return b""


@_admin("connect_close")
def connect_close(call: Call) -> bytes:
    return b""


@_admin("connect_get_lib_version")
def connect_get_lib_version(call: Call) -> bytes:
    return call.reply(LIB_VERSION)


@_admin("connect_list_servers")
def connect_list_servers(call: Call) -> bytes:
    return call.reply([(name,) for name in call.session.table.servers])


@_admin("connect_lookup_server")
def connect_lookup_server(call: Call) -> bytes:
    name = call.args[0]
    call.session.table.server((name,))
    return call.reply((name,))


@_admin("server_get_threadpool_parameters")
def get_threadpool(call: Call) -> bytes:
    server = call.session.table.server(call.args[0])
    counts = server.engine.counts()
    made = server.settings
    values = {
        "minWorkers": 0,
        "maxWorkers": made.max_workers,
        "nWorkers": counts["nWorkers"],
        "freeWorkers": counts["freeWorkers"],
        "prioWorkers": made.prio_workers,
        "jobQueueDepth": counts["jobQueueDepth"],
    }
    return call.reply({k: UInt(v) for k, v in values.items()})


def _set(server: Server, params: dict[str, Any], known: dict[str, str]) -> None:
    for name, value in params.items():
        if name not in known:
            text = f"unsupported parameter '{name}'"
            raise error(Code.INVALID_ARG, text, domain=From.ADMIN)
        setattr(server.settings, known[name], int(value))


@_admin("server_set_threadpool_parameters")
def set_threadpool(call: Call) -> bytes:
    server = call.session.table.server(call.args[0])
    _set(server, call.args[1], _POOL)
    server.engine.workers = server.settings.max_workers
    server.engine.priority = server.settings.prio_workers
    return b""


@_admin("server_list_clients")
def list_clients(call: Call) -> bytes:
    ref = call.args[0]
    sessions = call.session.table.server(ref).sessions()
    return call.reply([_ref(ref[0], s) for s in sessions])


@_admin("server_lookup_client")
def lookup_client(call: Call) -> bytes:
    ref, number, _ = call.args
    return call.reply(_ref(ref[0], _client(call.session.table.server(ref), number)))


@_admin("client_get_info")
def client_get_info(call: Call) -> bytes:
    session = call.session.table.client(call.args[0])
    peer = session.peer
    info: dict[str, Any] = {"readonly": session.readonly}
    if peer.uid is not None:
        info |= {
            "unix_user_id": peer.uid,
            "unix_group_id": peer.gid,
            "unix_process_id": peer.pid,
        }
    else:
        info["sock_addr"] = peer.address
        if peer.name:
            info["tls_x509_dname"] = peer.name
    return call.reply(info)


@_admin("client_close")
def client_close(call: Call) -> bytes:
    call.session.table.client(call.args[0]).drop("closed by the administrator")
    return b""


@_admin("server_get_client_limits")
def get_client_limits(call: Call) -> bytes:
    server = call.session.table.server(call.args[0])
    sessions = server.sessions()
    values = {
        "nclients_max": server.settings.max_clients,
        "nclients": len(sessions),
        "nclients_unauth_max": server.settings.max_anonymous_clients,
        "nclients_unauth": sum(s.stranger for s in sessions),
    }
    return call.reply({k: UInt(v) for k, v in values.items()})


@_admin("server_set_client_limits")
def set_client_limits(call: Call) -> bytes:
    _set(call.session.table.server(call.args[0]), call.args[1], _LIMITS)
    return b""
