# SPDX-License-Identifier: Apache-2.0
"""The introspection socket of a state directory: its owner answers what it is doing.

One request and one answer a connection, each a line of JSON: ``{"tables": ["jobs", ...]}`` gives
``{"jobs": [...], ...}`` (nova_pyvirt/core/introspect/reports.py names the tables). Only the owner of
the directory and root get an answer.
"""

import json
import logging
import struct
from collections.abc import Callable
from typing import Any, Final

from nova_pyvirt.core.introspect.listener import Listener, read_until
from nova_pyvirt.core.introspect.reports import KINDS, REPORTS
from nova_pyvirt.util.files import unlink
from nova_pyvirt.util.native import os, socket

LOG = logging.getLogger(__name__)
_LIMIT: Final = 4096


def serve_unix(path: str) -> Callable[[], None]:
    """Answers on a socket; the result ends that. A path that cannot be used is told in the log.

    :param path: below a directory whose lock this process holds: what is there is a dead one's
    """
    unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        os.chmod(path, 0o600)
    except OSError as exc:
        sock.close()
        LOG.warning("no introspection socket %s: %s", path, exc)
        return _nothing
    listener = Listener(sock, answer, "introspect")

    def close() -> None:
        listener.close()
        unlink(path)

    return close


def _nothing() -> None:
    """There is nothing to end."""


def answer(client: "socket.socket") -> None:
    """One client's request.

    :raises OSError: the client is slow, or went away
    """
    if peer_uid(client) not in (0, os.geteuid()):
        return
    client.sendall(json.dumps(_tables(read_until(client, b"\n", _LIMIT))).encode() + b"\n")


def peer_uid(client: "socket.socket") -> int:
    """Who is at the other end of a UNIX socket."""
    raw = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", raw)[1])


def _tables(request: bytes) -> dict[str, Any]:
    try:
        wanted = json.loads(request)["tables"]
    except (ValueError, TypeError, KeyError):
        return {"error": 'expected a line like {"tables": ["domains"]}'}
    return {kind: REPORTS.collect(kind) for kind in KINDS if kind in wanted}
