# SPDX-License-Identifier: Apache-2.0
"""Events of streams: at most one call waits for the loop for each stream."""

from typing import Any

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.libvirt.events.registry import events_of
from nova_pyvirt.libvirt.handle import ConnectionHandle
from nova_pyvirt.util.native import threading


class StreamWatch:
    """The watch of one stream."""

    def __init__(self, conn: ConnectionHandle, stream: Any, data: dict[str, Any]) -> None:
        self._queue = events_of(conn).queue
        if not self._queue.start():
            text = "could not initialize domain event timer"
            raise error(Code.INTERNAL_ERROR, text, domain=From.NONE)
        self._stream: Any = stream
        self._data = data
        self._lock = threading.Lock()
        self._pending = 0

    def happened(self, events: int) -> None:
        """On a thread of the core."""
        with self._lock:
            queued, self._pending = self._pending, self._pending | events
        if not queued:
            self._queue.put(self._call)

    def _call(self) -> None:
        with self._lock:
            events, self._pending = self._pending, 0
        stream = self._stream
        if stream is not None:
            stream._dispatchStreamEventCallback(events, self._data)

    def end(self) -> None:
        """No more calls."""
        self._stream = None
