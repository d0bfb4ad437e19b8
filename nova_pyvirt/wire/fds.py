# SPDX-License-Identifier: Apache-2.0
"""Descriptors over a UNIX socket: one dummy byte each, behind the packet they belong to."""

import array
from collections.abc import Sequence
from typing import Final

from nova_pyvirt.util.native import os, socket
from nova_pyvirt.wire.packet import MAX_FDS

_SPACE: Final = socket.CMSG_SPACE(MAX_FDS * 4)
_RIGHTS: Final = (socket.SOL_SOCKET, socket.SCM_RIGHTS)


def receive(sock: "socket.socket", size: int, fds: list[int], flags: int = 0) -> bytes:
    """Up to `size` bytes; descriptors that come along are added to `fds`, close-on-exec."""
    data, ancillary, _, _ = sock.recvmsg(size, _SPACE, flags | socket.MSG_CMSG_CLOEXEC)
    for level, type_, raw in ancillary:
        if (level, type_) == _RIGHTS:
            fds += array.array("i", raw[: len(raw) - len(raw) % 4])
    return data


def send(sock: "socket.socket", fds: Sequence[int]) -> None:
    """Sends each descriptor with its byte (blocking socket)."""
    for fd in fds:
        sock.sendmsg([b"\0"], [(*_RIGHTS, array.array("i", [fd]))])


def close_all(fds: Sequence[int]) -> None:
    """Closes descriptors nobody took."""
    for fd in fds:
        os.close(fd)
