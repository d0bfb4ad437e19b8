# SPDX-License-Identifier: Apache-2.0
"""Who gets which events of a connection (libvirt's object_event.c, the client's half)."""

from collections.abc import Callable
from typing import Any

from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.libvirt.events.queue import EventQueue
from nova_pyvirt.libvirt.handle import ConnectionHandle, Handle
from nova_pyvirt.util.native import offload, threading


class Registration:
    """One callback.

    :ivar key: UUID or name of the only object whose events are wanted, None = all
    :ivar target: calls the user's callback: target(handle, args), on the loop's thread
    :ivar table_id: the driver table's own number
    """

    def __init__(
        self, conn: ConnectionHandle, family: str, event: int, key: Any, legacy: bool, target: Any
    ) -> None:
        self.conn = conn
        self.family = family
        self.event = event
        self.key = key
        self.legacy = legacy
        self.target = target
        self.table_id = -1
        self.active = True

    def happened(self, ref: Any, *args: Any) -> None:
        """On a thread of the core: only queues."""
        self.conn.events.queue.put(self._deliver, ref, args)

    def _deliver(self, ref: Any, args: tuple[Any, ...]) -> None:
        if self.active:
            self.target(Handle(self.conn, ref), args)

    def same(self, other: "Registration") -> bool:
        """Whether libvirt would take both for the same callback."""
        mine = (self.family, self.event, self.key, self.legacy)
        return mine == (other.family, other.event, other.key, other.legacy)


class ConnectionEvents:
    """All callbacks of a connection."""

    def __init__(self, conn: ConnectionHandle) -> None:
        self._conn = conn
        self._lock = threading.Lock()
        self._callbacks: dict[int, Registration] = {}
        self._next = 0
        self.queue = EventQueue(getattr(conn.table, "events_in_caller", False))

    def add(self, made: Registration) -> int:
        """Takes a callback; its number.

        :raises libvirtError: INVALID_ARG when there is the same, INTERNAL_ERROR without event loop
        """
        with self._lock:
            if any(made.same(known) for known in self._callbacks.values()):
                text = "event callback already tracked"
                raise error(Code.INVALID_ARG, text, domain=From.NONE)
            if not self.queue.start(pin=False):
                text = "could not initialize domain event timer"
                raise error(Code.INTERNAL_ERROR, text, domain=From.NONE)
            number = self._next
            self._next += 1
            self._callbacks[number] = made
        self._conn.hold(made)
        return number

    def remove(self, number: int) -> Registration:
        """Drops a callback; what is queued for it is not delivered."""
        with self._lock:
            made = self._callbacks.pop(number, None)
            if not self._callbacks:
                self.queue.rest()
        if made is None:
            text = f"event callback id {number} not registered"
            raise error(Code.INVALID_ARG, text, domain=From.NONE)
        made.active = False
        return made


def events_of(conn: ConnectionHandle) -> ConnectionEvents:
    """The connection's callbacks."""
    if conn.events is None:
        conn.events = ConnectionEvents(conn)
    made: ConnectionEvents = conn.events
    return made


def register(made: Registration, slot: Callable[..., Any], ref: Any) -> int:
    """Registers with the driver table and keeps the callback; its number.

    :param slot: slot(ref, event, callback) -> the table's number
    """
    events = events_of(made.conn)
    number = events.add(made)
    try:
        made.table_id = offload(slot, ref, made.event, made.happened)
    except libvirtError:
        events.remove(number)
        made.conn.release(made)
        raise
    return number


def deregister(conn: ConnectionHandle, slot: Callable[..., Any], number: int) -> None:
    """Drops a callback and tells the driver table."""
    made = events_of(conn).remove(number)
    try:
        offload(slot, made.table_id)
    finally:
        conn.release(made)
