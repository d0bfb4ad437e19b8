# SPDX-License-Identifier: Apache-2.0
"""Ports handed out to guests' displays (libvirt's virportallocator)."""

import errno

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.util.native import socket, threading


class PortAllocator:
    """Ports of one range; a port is in use while somebody holds it or something listens on it."""

    def __init__(self, name: str, first: int, last: int) -> None:
        self.name = name
        self.first = first
        self.last = last
        self._lock = threading.Lock()
        self._held: set[int] = set()

    def acquire(self) -> int:
        """A free port.

        :raises libvirtError: INTERNAL_ERROR when none is left
        """
        with self._lock:
            for port in range(self.first, self.last + 1):
                if port not in self._held and is_free(port):
                    self._held.add(port)
                    return port
        raise error(
            Code.INTERNAL_ERROR,
            f"Unable to find an unused port in range '{self.name}' ({self.first}-{self.last})",
            domain=From.NONE,
        )

    def hold(self, port: int) -> None:
        """Keeps a port that a definition names, or that a running guest has."""
        with self._lock:
            self._held.add(port)

    def held(self) -> list[int]:
        """The ports that somebody holds."""
        with self._lock:
            return sorted(self._held)

    def release(self, port: int) -> None:
        with self._lock:
            self._held.discard(port)


def is_free(port: int) -> bool:
    """Whether nothing listens on a port, of any address of this host."""
    for family, address in ((socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")):
        if not _bindable(family, address, port):
            return False
    return True


def _bindable(family: int, address: str, port: int) -> bool:
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError:
        return True  # the host has no such address family
    with sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            sock.bind((address, port))
        except OSError as exc:
            return exc.errno == errno.EADDRNOTAVAIL
    return True
