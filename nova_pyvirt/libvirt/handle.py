# SPDX-License-Identifier: Apache-2.0
"""What stands behind ``_o``: the counterparts of libvirt's virConnectPtr, virDomainPtr etc.

A connection lives until close() and until the last object made from it is gone: every handle is a
holder, and the table is closed when the last holder leaves (libvirt's reference counts).
"""

import atexit
import weakref
from collections.abc import Callable
from typing import Any

from nova_pyvirt.core.drivertable import find_slot
from nova_pyvirt.errors import Code, ErrorTuple, error
from nova_pyvirt.libvirt.closer import close_later, drain, ready
from nova_pyvirt.util.native import os, threading


class Handle:
    """An object of a connection; `ref` is what slots get."""

    __slots__ = ("conn", "ref")

    conn: "ConnectionHandle"
    ref: Any

    def __init__(self, conn: "ConnectionHandle", ref: Any) -> None:
        self.conn = conn
        self.ref = ref
        conn.holders[id(self)] = None

    def free(self) -> None:
        """The object is gone; its finalizer calls."""
        self.conn.forget(self)


class ConnectionHandle(Handle):
    """An open connection.

    :ivar holders: ids of all that keeps it open (a dict: its single operations are atomic, and a
        finalizer may run between any two instructions)
    :ivar err: the connection's last error
    :ivar events: its event registrations (see events/registry.py), made when first needed
    """

    __slots__ = (
        "__weakref__",
        "_ending",
        "_pid",
        "cheap",
        "close_callback",
        "err",
        "events",
        "holders",
        "readonly",
        "slots",
        "table",
        "uri",
    )

    def __init__(self, table: Any) -> None:
        self.holders: dict[int, None] = {}
        self.table = table
        self.uri: str = table.uri
        self.readonly: bool = bool(table.readonly)
        self.cheap: frozenset[str] = getattr(table, "cheap", frozenset())
        self.slots: dict[str, Callable[..., Any]] = {}
        self.err: ErrorTuple | None = None
        self.events: Any = None
        self.close_callback: Any = None
        self._ending = threading.Lock()
        self._pid = os.getpid()
        super().__init__(self, None)
        _open.add(self)
        ready()

    def hold(self, holder: object) -> None:
        """Keeps the connection open until `holder` is released."""
        self.holders[id(holder)] = None

    def release(self, holder: object) -> bool:
        """A holder leaves; closes the table after the last one.

        :returns: whether the connection is still held
        """
        self.holders.pop(id(holder), None)
        if self.holders:
            return True
        self.end()
        return False

    def forget(self, holder: object) -> None:
        """release() for finalizers: others close the table."""
        self.holders.pop(id(holder), None)
        if not self.holders:
            close_later(self.end)

    def end(self) -> None:
        """Closes the table, once, and only in the process that opened it."""
        if self._pid == os.getpid() and self._ending.acquire(blocking=False):
            self.table.close()

    def slot(self, name: str, function: str, origin: int) -> Callable[..., Any]:
        """The table's slot.

        :param function: C function of the call, and
        :param origin: its error domain, for NO_SUPPORT
        """
        found = self.slots.get(name)
        if found is None:
            found = find_slot(self.table, name) if name else None
            if found is None:
                raise error(Code.NO_SUPPORT, function, domain=origin)
            self.slots[name] = found
        return found


_open: "weakref.WeakSet[ConnectionHandle]" = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Closes what is still open, as the death of libvirt's client does.

    Now and not in the finalizers of objects that outlive the interpreter's threads: to close a
    connection takes those threads.
    """
    drain()
    for connection in list(_open):
        connection.end()
