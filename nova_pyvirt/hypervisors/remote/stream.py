# SPDX-License-Identifier: Apache-2.0
"""A stream over the wire, seen from the client (core.stream.StreamDriver)."""

from collections.abc import Callable
from typing import Final

from nova_pyvirt.core.stream import (
    HANGUP,
    IN_HOLE,
    READABLE,
    WOULD_BLOCK,
    WRITABLE,
    Stream,
)
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.util.native import threading
from nova_pyvirt.wire.client import ClientStream
from nova_pyvirt.wire.packet import STREAM_CHUNK, Kind, Packet, Status, load_error

_STOP_AT_HOLE: Final = 1
_HOLE_BYTES: Final = 12


class RemoteStream:
    """Data in order of arrival; an error or the end stays at hand once seen."""

    def __init__(self, wire: ClientStream, owner: Stream) -> None:
        self._wire = wire
        self._owner = owner
        self._data = b""
        self._hole = 0
        self._eof = False
        self._events = 0
        self._callback: Callable[[int], None] | None = None
        self._lock = threading.RLock()
        wire.on_packet = self._notify

    def send(self, data: bytes) -> int:
        self._raise_failure()
        piece = data[:STREAM_CHUNK]
        self._wire.send(piece)
        return len(piece)

    def send_hole(self, length: int, flags: int = 0) -> None:
        self._raise_failure()
        payload = length.to_bytes(8, "big", signed=True) + flags.to_bytes(4, "big")
        self._wire.send(payload, kind=Kind.STREAM_HOLE)

    def recv(self, size: int, flags: int = 0) -> bytes | int:
        with self._lock:
            while not self._data and not self._hole and not self._eof:
                packet = self._wire.recv(0 if self._owner.nonblock else None)
                if packet is None:
                    return WOULD_BLOCK
                self._take(packet)
            if self._hole:
                if flags & _STOP_AT_HOLE:
                    return IN_HOLE
                size = min(size, self._hole)
                self._hole -= size
                return bytes(size)
            data, self._data = self._data[:size], self._data[size:]
            return data

    def recv_hole(self, flags: int = 0) -> int:
        with self._lock:
            length, self._hole = self._hole, 0
            return length

    def _take(self, packet: Packet) -> None:
        if packet.status == Status.ERROR:
            self._wire.release()
            raise load_error(packet.payload)
        if packet.kind == Kind.STREAM_HOLE:
            if len(packet.payload) != _HOLE_BYTES:
                raise error(Code.RPC, "malformed stream hole", domain=From.RPC)
            self._hole = int.from_bytes(packet.payload[:8], "big", signed=True)
        elif packet.status == Status.CONTINUE and packet.payload:
            self._data = packet.payload
        else:
            self._eof = True

    def _raise_failure(self) -> None:
        """An error the server sent while we only write."""
        final = self._wire.final
        if final is not None and final.status == Status.ERROR:
            self._wire.release()
            raise load_error(final.payload)

    def finish(self) -> None:
        self._end(Status.OK)

    def abort(self) -> None:
        self._end(Status.ERROR)

    def _end(self, status: int) -> None:
        """Says how it ends and waits for the server's confirmation."""
        try:
            self._raise_failure()
            self._wire.send(b"", status)
            final = self._wire.wait_end()
            if final.status == Status.ERROR and final.payload:
                raise load_error(final.payload)
        finally:
            self._wire.release()

    def event_add_callback(self, events: int, callback: Callable[[int], None]) -> None:
        self._callback = callback
        self.event_update_callback(events)

    def event_update_callback(self, events: int) -> None:
        self._events = events
        self._notify()

    def event_remove_callback(self) -> None:
        self._callback = None

    def _notify(self) -> None:
        events = WRITABLE
        if self._data or self._hole or self._eof or self._wire.packets or self._wire.final:
            events |= READABLE
        if self._wire.broken:
            events |= HANGUP
        callback, wanted = self._callback, events & (self._events | HANGUP)
        if callback is not None and wanted:
            callback(wanted)
