# SPDX-License-Identifier: Apache-2.0
"""The daemon's tables for operators: its clients and its threads."""

import pwd
from collections.abc import Callable, Mapping

from nova_pyvirt import conf
from nova_pyvirt.core.introspect import REPORTS, Row, metrics, serve_unix
from nova_pyvirt.daemon.server import Server
from nova_pyvirt.daemon.session import Peer, Session

#: name of the socket, beside those of the daemon
SOCKET = "pyvirtd-sock"


def publish(servers: Mapping[str, Server], directory: str) -> Callable[[], None]:
    """Makes the tables available; the result ends that.

    :param servers: by name
    :param directory: where the daemon's UNIX sockets are; "" when it has none
    """
    ends = [
        REPORTS.add(
            {
                "sessions": lambda: _sessions(servers),
                "workers": lambda: [workers_row(name, one) for name, one in servers.items()],
            }
        ),
        metrics.serve(),
    ]
    if conf.CONF.introspection.socket and directory:
        ends.append(serve_unix(f"{directory}/{SOCKET}"))

    def end() -> None:
        for one in reversed(ends):
            one()

    return end


def _sessions(servers: Mapping[str, Server]) -> list[Row]:
    return [
        session_row(name, session) for name, one in servers.items() for session in one.sessions()
    ]


def session_row(server: str, session: Session) -> Row:
    """A client; calls are those being worked on or read ahead, queued the bytes it has not read."""
    peer = session.peer
    running, waiting = session.load()
    return {
        "server": server,
        "id": session.number,
        "service": session.service,
        "user": _user(peer),
        "pid": peer.pid,
        "address": peer.address,
        "readonly": session.readonly,
        "authenticated": session.authenticated,
        "open": session.table is not None,
        "uri": str(getattr(session.table, "uri", "") or ""),
        "since": session.since,
        "calls": running,
        "waiting": waiting,
        "queued": session.output.queued,
        "streams": len(session.streams),
    }


def _user(peer: Peer) -> str:
    """Who it is: the authenticated name, or the UNIX user."""
    if peer.name or peer.uid is None:
        return peer.name
    try:
        return pwd.getpwuid(peer.uid).pw_name
    except KeyError:
        return str(peer.uid)


def workers_row(name: str, server: Server) -> Row:
    """What virt-admin shows of the pool."""
    made = server.settings
    limits = {"maxWorkers": made.max_workers, "prioWorkers": made.prio_workers}
    return {"server": name, **server.engine.counts(), **limits}
