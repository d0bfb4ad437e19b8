# SPDX-License-Identifier: Apache-2.0
"""A client's outgoing packets: sent at once when the socket takes them, else queued, bounded."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from nova_pyvirt.util.native import os, socket, threading
from nova_pyvirt.wire import fds as fdpass


class Output:
    """Thread-safe; packets go out whole and in order.

    :param sock: non-blocking socket
    :param limit: bytes queued before the client counts as gone
    :param on_blocked: called with True when the socket must be watched for room, False when not;
        with the lock held, so that the watch always fits the queue
    :param on_dead: called when the limit is passed; must only mark and shut down
    """

    def __init__(
        self,
        sock: "socket.socket",
        tls: Any,
        limit: int,
        on_blocked: Callable[[bool], None],
        on_dead: Callable[[str], None],
    ) -> None:
        self._sock = sock
        self._tls = tls
        self._limit = limit
        self._on_blocked = on_blocked
        self._on_dead = on_dead
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._queue: deque[bytes | int] = deque()
        self._closed = False
        self.queued = 0

    def send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """One packet; descriptors are duplicated, so the caller's stay his."""
        dead = ""
        with self._lock:
            if self._closed:
                return
            if self._tls is not None:
                data = self._tls.encrypt(data)
            if not self._queue:
                data = self._try(data)
            blocked = bool(data) and not self._queue
            if data:
                self._queue.append(data)
                self.queued += len(data)
            for fd in fds:
                self._queue.append(os.dup(fd))
            if fds and not blocked:
                self._flush()
                blocked = bool(self._queue)
            if self.queued > self._limit:
                dead = f"{self.queued} bytes unread"
            elif blocked:
                self._on_blocked(True)
        if dead:
            self._on_dead(dead)

    def _try(self, data: bytes) -> bytes:
        """Sends what fits; returns the rest."""
        try:
            sent = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            return data
        except OSError:
            self._closed = True  # the reader sees the end and cleans up
            return b""
        return data[sent:]

    def _flush(self) -> None:
        while self._queue:
            item = self._queue[0]
            if isinstance(item, int):
                try:
                    fdpass.send(self._sock, (item,))
                except (BlockingIOError, InterruptedError):
                    return
                except OSError:
                    self._closed = True
                self._queue.popleft()
                os.close(item)
                continue
            rest = self._try(item)
            self.queued -= len(item) - len(rest)
            if rest:
                self._queue[0] = rest
                return
            self._queue.popleft()

    def flush(self) -> None:
        """The socket has room again."""
        with self._lock:
            self._flush()
            if not self._queue:
                self._on_blocked(False)
            self._room.notify_all()

    def wait_room(self, below: int) -> bool:
        """Waits until fewer than `below` bytes are queued; False when the client is gone."""
        with self._room:
            self._room.wait_for(lambda: self._closed or self.queued < below)
            return not self._closed

    def close(self) -> None:
        """Drops what is queued."""
        with self._lock:
            self._closed = True
            for item in self._queue:
                if isinstance(item, int):
                    os.close(item)
            self._queue.clear()
            self.queued = 0
            self._room.notify_all()
