# SPDX-License-Identifier: Apache-2.0
"""Closes connections whose last object was collected.

The collector runs in whatever thread allocates, also in one of ours that holds a lock which closing
needs: a finalizer only says what is to be closed. Nothing here waits, or takes a lock that a
finalizer could meet.
"""

from collections.abc import Callable
from typing import Final

from nova_pyvirt.util.native import os, queue, threading

#: seconds at the end of the process
_END: Final = 10.0


class _Closer:
    """One process's thread, and what it is to do."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.tasks: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        threading.Thread(target=self._main, name="closer", daemon=True).start()

    def _main(self) -> None:
        while True:
            self.tasks.get()()


_guard = threading.Lock()
_closer: _Closer | None = None


def ready() -> None:
    """The thread is there, also in a child of the process that had it. Not for finalizers."""
    global _closer
    with _guard:
        if _closer is None or _closer.pid != os.getpid():
            _closer = _Closer()


def close_later(close: Callable[[], object]) -> None:
    """Has a connection closed; in a child of the process that opened it there is nothing to close."""
    closer = _closer
    if closer is not None and closer.pid == os.getpid():
        closer.tasks.put(close)


def drain() -> None:
    """Waits until what was to be closed is closed. Not for finalizers."""
    done = threading.Event()
    close_later(done.set)
    if _closer is not None and _closer.pid == os.getpid():
        done.wait(_END)
