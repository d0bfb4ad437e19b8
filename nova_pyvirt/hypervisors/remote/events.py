# SPDX-License-Identifier: Apache-2.0
"""Events from a server: which message belongs to which callback, and what the callback gets."""

import logging
from collections import deque
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from nova_pyvirt.hypervisors.remote.shapes import program
from nova_pyvirt.util.native import threading
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.packet import Packet
from nova_pyvirt.wire.xdr import XDRError

LOG = logging.getLogger(__name__)

#: addresses are dicts for callbacks
_GRAPHICS: Final = 5
_PM: Final = frozenset({11, 12, 14})


@cache
def by_proc() -> dict[int, protocol.Event]:
    """Event kinds by the number of their callback message."""
    return {e.callback: e for e in protocol.events() if e.callback}


@cache
def by_id() -> dict[tuple[str, int], protocol.Event]:
    """Event kinds by family and id."""
    return {(e.family, e.id): e for e in protocol.events()}


def _address(value: tuple[Any, ...]) -> dict[str, Any]:
    family, node, service = value
    return {"family": family, "node": node, "service": service}


def load(packet: Packet) -> tuple[protocol.Event, int, Any, tuple[Any, ...]]:
    """Event kind, callback id, ref, the callback's arguments."""
    event = by_proc()[packet.proc]
    remote = program(protocol.REMOTE)
    values = remote.decode(remote.procs[packet.proc].ret, packet.payload)
    callback_id, *rest = values
    if event.family == "Domain" and event.id in _PM:
        reason, msg = rest
        return event, callback_id, msg[0], (reason,)
    if len(rest) == 1 and type(rest[0]) is tuple:  # the message of the legacy form inside
        rest = list(rest[0])
    ref, *args = rest
    if event.family == "Domain" and event.id == _GRAPHICS:
        phase, local, far, scheme, subject = args
        args = [phase, _address(local), _address(far), scheme, subject]
    return event, callback_id, ref, tuple(args)


class EventTable:
    """The callbacks of one connection by the server's callback ids.

    Events that overtake the reply of their registration are kept until it comes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: dict[tuple[str, int], Callable[..., None]] = {}
        self._early: deque[tuple[tuple[str, int], Any, tuple[Any, ...]]] = deque(maxlen=256)
        self._pending = 0

    def begin(self) -> None:
        """A registration is on its way."""
        with self._lock:
            self._pending += 1

    def add(self, family: str, callback_id: int, callback: Callable[..., None]) -> None:
        """The registration's reply came."""
        key = (family, callback_id)
        with self._lock:
            self._pending -= 1
            self._callbacks[key] = callback
            kept = [e for e in self._early if e[0] == key]
            for event in kept:
                self._early.remove(event)
            if not self._pending:
                self._early.clear()
            for _, ref, args in kept:
                callback(ref, *args)

    def failed(self) -> None:
        """The registration was refused."""
        with self._lock:
            self._pending -= 1

    def remove(self, family: str, callback_id: int) -> None:
        with self._lock:
            self._callbacks.pop((family, callback_id), None)

    def deliver(self, packet: Packet) -> None:
        """One event packet (on a reading thread)."""
        if packet.program == protocol.QEMU:
            self._deliver_monitor(packet)
            return
        if packet.program != protocol.REMOTE or packet.proc not in by_proc():
            return
        try:
            event, callback_id, ref, args = load(packet)
        except XDRError:
            LOG.warning("malformed event %d", packet.proc)
            return
        self._hand(event.family, callback_id, ref, args)

    def _hand(self, family: str, callback_id: int, ref: Any, args: tuple[Any, ...]) -> None:
        with self._lock:
            callback = self._callbacks.get((family, callback_id))
            if callback is None and self._pending:
                self._early.append(((family, callback_id), ref, args))
        if callback is not None:
            callback(ref, *args)

    def _deliver_monitor(self, packet: Packet) -> None:
        qemu = program(protocol.QEMU)
        proc = qemu.procs.get(packet.proc)
        if proc is None or not proc.event:
            return
        callback_id, dom, event, seconds, micros, details = qemu.decode(proc.ret, packet.payload)
        self._hand("Monitor", callback_id, dom, (event, seconds, micros, details))
