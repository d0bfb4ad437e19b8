# SPDX-License-Identifier: Apache-2.0
"""Asking the process that holds a state directory what it is doing."""

import json
import struct
from collections.abc import Sequence
from typing import Final

from nova_pyvirt.core.introspect.reports import Row
from nova_pyvirt.util.native import socket

_DEADLINE: Final = 5.0


class Unreachable(Exception):
    """Nobody answers on the socket; the text says why."""


def ask(path: str, tables: Sequence[str]) -> dict[str, list[Row]]:
    """The tables by name, as server.py describes.

    :raises Unreachable: there is no such socket, no permission, or no answer in time
    """
    request = json.dumps({"tables": list(tables)}).encode() + b"\n"
    chunks: list[bytes] = []
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            # a connect with a timeout would not wait for room in the queue, this one does
            wait = struct.pack("ll", int(_DEADLINE), 0)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
            sock.connect(path)
            sock.settimeout(_DEADLINE)
            sock.sendall(request)
            while chunk := sock.recv(1 << 20):
                chunks.append(chunk)
    except OSError as exc:
        raise Unreachable(f"{path}: {exc}") from exc
    try:
        found = json.loads(b"".join(chunks))
    except ValueError as exc:
        raise Unreachable(f"{path}: no answer (another user's process?)") from exc
    return {table: found.get(table, []) for table in tables}
