# SPDX-License-Identifier: Apache-2.0
"""A listening socket served by a native thread of its own, each client by a short-lived one."""

import logging
from collections.abc import Callable
from typing import Final

from nova_pyvirt.util.native import socket, threading

LOG = logging.getLogger(__name__)
#: seconds a client has for its request and for taking the answer
DEADLINE: Final = 5.0
#: clients served at the same time; more wait in the socket's queue
_CLIENTS: Final = 8


class Listener:
    """Serves until closed.

    :param sock: bound; begins to listen here
    :param handle: does one client; OSError from it (a client that went away) is its end
    """

    def __init__(
        self, sock: "socket.socket", handle: Callable[["socket.socket"], None], name: str
    ) -> None:
        self._sock = sock
        self._handle = handle
        self._name = name
        self._free = threading.BoundedSemaphore(_CLIENTS)
        sock.listen(128)
        self._thread = threading.Thread(target=self._accept, name=name, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """host:port, or the path."""
        found = self._sock.getsockname()
        return f"{found[0]}:{found[1]}" if isinstance(found, tuple) else str(found)

    def close(self) -> None:
        """No new clients; those being served are let go on."""
        try:
            self._sock.shutdown(socket.SHUT_RDWR)  # wakes accept()
        except OSError as exc:
            LOG.debug("%s: %s", self._name, exc)
        self._thread.join(DEADLINE)
        self._sock.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._sock.accept()
            except OSError:  # closed
                return
            self._free.acquire()
            threading.Thread(
                target=self._serve, args=(client,), name=f"{self._name}-client", daemon=True
            ).start()

    def _serve(self, client: "socket.socket") -> None:
        try:
            with client:
                client.settimeout(DEADLINE)
                self._handle(client)
        except OSError as exc:
            LOG.debug("%s: %s", self._name, exc)
        finally:
            self._free.release()


def read_until(client: "socket.socket", end: bytes, limit: int) -> bytes:
    """What a client sends up to `end`, which is left out; b"" when it sends too much or too little.

    :raises OSError: the client is slow
    """
    data = b""
    while end not in data:
        more = client.recv(limit)
        data += more
        if not more or len(data) > limit:
            return b""
    return data.partition(end)[0]
