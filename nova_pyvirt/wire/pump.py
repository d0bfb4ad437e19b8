# SPDX-License-Identifier: Apache-2.0
"""One native thread for all client connections of the process: it reads while nobody calls.

A caller who waits for his reply reads the socket himself (no thread switch on the way of a call)
and takes it away from the pump meanwhile: `disarm`/`arm` are one epoll_ctl each.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from nova_pyvirt.util.native import os, select, threading, time

LOG = logging.getLogger(__name__)
_LONG = 3600.0


class Watched(Protocol):
    """What the pump watches; its methods run on the pump's thread and must not wait."""

    def on_readable(self) -> None: ...

    def abandon(self, parent: int) -> None:
        """This is a child of the process that made it: nothing of it may be touched any more."""

    def on_tick(self, now: float) -> float:
        """Does what is due; returns when to be called again (monotonic seconds)."""


class Pump:
    """The thread exists while something is watched."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epoll: select.epoll | None = None
        self._watched: dict[int, Watched] = {}
        self._wake = -1
        self._pid = 0

    def add(self, fd: int, watched: Watched) -> None:
        """Begins to read `fd` for `watched`."""
        with self._lock:
            if self._epoll is None or self._pid != os.getpid():
                self._start()
            self._watched[fd] = watched
            assert self._epoll is not None  # for mypy
            self._epoll.register(fd, select.EPOLLIN | select.EPOLLRDHUP)
        self.poke()

    def remove(self, fd: int) -> None:
        """Forgets `fd`; call it before closing the descriptor."""
        with self._lock:
            if self._watched.pop(fd, None) is not None and self._epoll is not None:
                self._epoll.unregister(fd)
        self.poke()

    def disarm(self, fd: int) -> None:
        """Somebody else reads `fd` now."""
        self._modify(fd, 0)

    def arm(self, fd: int) -> None:
        """The pump reads `fd` again."""
        self._modify(fd, select.EPOLLIN | select.EPOLLRDHUP)

    def _modify(self, fd: int, mask: int) -> None:
        epoll = self._epoll
        if epoll is None:
            return
        try:
            epoll.modify(fd, mask)
        except (OSError, ValueError):  # removed meanwhile
            LOG.debug("fd %d is no longer watched", fd)

    def poke(self) -> None:
        """Makes the thread look at its timers anew."""
        with self._lock:
            if self._epoll is not None and self._pid == os.getpid():
                os.eventfd_write(self._wake, 1)

    def forget(self) -> None:
        """In a child of our process: the descriptors are copies of ones that the parent uses."""
        watched, self._watched = list(self._watched.values()), {}
        self._lock = threading.Lock()
        epoll, self._epoll = self._epoll, None
        if epoll is None:
            return
        epoll.close()
        os.close(self._wake)
        for one in watched:
            one.abandon(self._pid)

    def _start(self) -> None:
        self._pid = os.getpid()
        self._watched = {}
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll = select.epoll()
        self._epoll.register(self._wake, select.EPOLLIN)
        args = (self._epoll, self._wake)
        threading.Thread(target=self._run, args=args, name="rpc-pump", daemon=True).start()

    def _run(self, epoll: "select.epoll", wake: int) -> None:
        wait = 0.0
        while True:
            for fd, _ in epoll.poll(wait):
                if fd == wake:
                    os.eventfd_read(wake)
                elif (watched := self._watched.get(fd)) is not None:
                    self._guarded(watched.on_readable)
            now = time.monotonic()
            wait = min([_LONG, *(self._tick(w, now) for w in list(self._watched.values()))])
            with self._lock:
                if not self._watched:
                    self._epoll = None
                    epoll.close()
                    os.close(wake)
                    return

    def _tick(self, watched: Watched, now: float) -> float:
        due: list[float] = []
        self._guarded(lambda: due.append(watched.on_tick(now)))
        return max(0.0, due[0] - now) if due else _LONG

    @staticmethod
    def _guarded(call: Callable[[], object]) -> None:
        try:
            call()
        except Exception:  # one connection's trouble must not end the others' thread
            LOG.exception("RPC connection failed")


PUMP = Pump()
os.register_at_fork(after_in_child=PUMP.forget)
