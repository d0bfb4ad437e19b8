# SPDX-License-Identifier: Apache-2.0
"""The events of one connection on their way from the core's threads to the event loop's."""

from collections import deque
from collections.abc import Callable
from typing import Any

from nova_pyvirt.libvirt.events.guard import guarded
from nova_pyvirt.libvirt.events.loop import Implementation, implementation
from nova_pyvirt.util.native import os, threading

_READABLE = 1


class EventQueue:
    """Calls put by any thread, made in order by the thread that runs the event loop.

    The loop watches an eventfd, so the user's own loop functions are called only when the queue is
    started and ended, never from a thread of the core.

    :param direct: calls are put by the user's own threads only, inside calls of this API: the loop
        gets a timer instead, as libvirt's in-process drivers do it
    """

    def __init__(self, direct: bool = False) -> None:
        self._lock = threading.Lock()
        self._calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._direct = direct
        self._fd = -1
        self._watch = -1
        self._loop: Implementation | None = None
        self._pinned = False

    def start(self, *, pin: bool = True) -> bool:
        """Has the loop watch the queue; False when there is no loop.

        :param pin: until the connection's end, whatever :meth:`rest` says
        """
        self._pinned |= pin
        if self._loop is not None:
            return True
        loop = implementation()
        if loop is None:
            return False
        self._loop = loop
        if self._direct:
            self._watch = loop.add_timeout(0 if self._calls else -1, self._due, None)
            return True
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._watch = loop.add_handle(self._fd, _READABLE, self._ready, None)
        if self._calls:
            os.eventfd_write(self._fd, 1)
        return True

    def put(self, call: Callable[..., object], *args: Any) -> None:
        """Queues call(*args)."""
        self._calls.append((call, args))
        with self._lock:
            if self._fd >= 0:
                os.eventfd_write(self._fd, 1)
        if self._direct and self._loop is not None:
            self._loop.update_timeout(self._watch, 0)

    def _due(self, timer: int, opaque: Any) -> None:
        if self._loop is not None:
            self._loop.update_timeout(self._watch, -1)
            self._run()

    def _ready(self, watch: int, fd: int, events: int, opaque: Any) -> None:
        with self._lock:
            if self._fd < 0:
                return
            try:
                os.eventfd_read(self._fd)
            except BlockingIOError:  # another iteration took it
                return
        self._run()

    def _run(self) -> None:
        for _ in range(len(self._calls)):
            call, args = self._calls.popleft()
            guarded(call, *args)

    def rest(self) -> None:
        """Nobody has a callback any more: the loop has nothing to watch, until the next start."""
        if not self._pinned:
            self.end()

    def end(self) -> None:
        """The connection is over."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        if self._direct:
            loop.remove_timeout(self._watch)
        else:
            loop.remove_handle(self._watch)
            with self._lock:
                os.close(self._fd)
                self._fd = -1
        self._calls.clear()
