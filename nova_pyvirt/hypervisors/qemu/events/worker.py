# SPDX-License-Identifier: Apache-2.0
"""One worker per running domain: its events in order, never on the loop, never on a caller."""

import logging
from collections.abc import Callable
from typing import Any, Final

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.util.native import queue, threading, time

LOG = logging.getLogger(__name__)

#: seconds after which changes are written though more events wait
_LATEST: Final = 1.0
Handle = Callable[[str, dict[str, Any], float], None]


class EventWorker:
    """Runs `handle` for each QMP event, and `ended` once when QEMU's monitor has ended.

    :meth:`event` and :meth:`eof` only enqueue, and are what the monitor calls.

    :param save: writes down what events have changed
    """

    def __init__(
        self,
        name: str,
        handle: Handle,
        ended: Callable[[str], None],
        save: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._handle = handle
        self._ended = ended
        self._save = save
        self._changed: float | None = None
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._eof = threading.Event()
        self._thread = threading.Thread(target=self._main, name=f"ev-{name}"[:15], daemon=True)
        self._thread.start()

    def event(self, name: str, data: dict[str, Any], when: float) -> None:
        """A QMP event; `when` in seconds since the epoch."""
        self._queue.put(lambda: self._handle(name, data, when))

    def changed(self) -> None:
        """An event has changed the domain: `save` is called when no more of them wait, and at
        least every second; a guest that makes events must not make us write files.
        """
        if self._changed is None:
            self._changed = time.monotonic()

    def eof(self, reason: str) -> None:
        """The monitor has ended."""
        self._queue.put(lambda: self._end(reason))

    def drain(self, deadline: float = 5.0) -> bool:
        """Waits until what was enqueued before has been handled; at once on the worker itself."""
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            return True
        done = threading.Event()
        self._queue.put(done.set)
        return bool(done.wait(deadline))

    def wait_eof(self, deadline: float) -> bool:
        """Waits until the monitor's end has come through the queue, hence all events before it."""
        if threading.current_thread() is self._thread:
            return True
        return bool(self._eof.wait(deadline))

    def stop(self) -> None:
        """Ends the thread when it has done what is enqueued."""
        self._queue.put(None)

    def _end(self, reason: str) -> None:
        self._eof.set()
        self._ended(reason)

    def _main(self) -> None:
        while (task := self._queue.get()) is not None:
            try:
                task()
            except libvirtError as exc:
                LOG.warning("an event of domain %s could not be handled: %s", self._name, exc)
            except OSError as exc:
                LOG.warning("an event of domain %s could not be handled: %s", self._name, exc)
            self._save_changes()
        self._eof.set()

    def _save_changes(self) -> None:
        since = self._changed
        if since is None:
            return
        if self._queue.empty() or time.monotonic() - since > _LATEST:
            self._changed = None
            self._save()
