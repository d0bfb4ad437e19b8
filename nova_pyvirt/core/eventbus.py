# SPDX-License-Identifier: Apache-2.0
"""Events of domains and other objects: who wants which, and handing them over in order.

emit() only calls callbacks that enqueue, so it may run under a domain's lock; that keeps the
order of one domain's events.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.refs import DomainRef, SecretRef
from nova_pyvirt.core.states import EventID, Life
from nova_pyvirt.errors import Code
from nova_pyvirt.util.native import threading

Callback = Callable[..., None]


@dataclass(slots=True)
class _Registration:
    owner: object
    event: int
    uuid: bytes | None
    callback: Callback


class EventBus:
    """The subscribers of one driver."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0
        self._registered: dict[int, _Registration] = {}

    def register(self, owner: object, uuid: bytes | None, event: int, callback: Callback) -> int:
        """Adds a subscriber.

        :param owner: the connection it belongs to
        :param uuid: only this domain's events; None = all
        :returns: the number to deregister it with
        """
        with self._lock:
            ident = self._next
            self._next += 1
            self._registered[ident] = _Registration(owner, int(event), uuid, callback)
            return ident

    def deregister(self, ident: int) -> None:
        """:raises libvirtError: INVALID_ARG when nobody has that number"""
        with self._lock:
            if self._registered.pop(ident, None) is None:
                raise errors.error(Code.INVALID_ARG, f"could not find event callback {ident}")

    def drop_owner(self, owner: object) -> None:
        """Forgets every subscription of a closed connection."""
        with self._lock:
            for ident in [i for i, r in self._registered.items() if r.owner is owner]:
                del self._registered[ident]

    def emit(self, ref: DomainRef | SecretRef, event: int, *args: Any) -> None:
        """Hands an event to its subscribers, in the order of registration."""
        with self._lock:
            wanted = [
                r.callback
                for r in self._registered.values()
                if r.event == event and (r.uuid is None or r.uuid == ref.uuid)
            ]
        for callback in wanted:
            callback(ref, *args)

    def lifecycle(self, ref: DomainRef, event: Life, detail: int) -> None:
        """A lifecycle event (virDomainEventType and its detail)."""
        self.emit(ref, EventID.LIFECYCLE, int(event), int(detail))
