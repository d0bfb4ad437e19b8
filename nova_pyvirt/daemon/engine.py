# SPDX-License-Identifier: Apache-2.0
"""The daemon's threads: one of them waits for all descriptors (the leader), the others do calls.

Leader/follower: the thread that reads a call hands the waiting to the next thread and does the call
itself, so no thread switch stands between a request and its reply. A thread is always left to wait,
whatever the calls do: keepalive is answered while every worker is stuck.

Low-priority calls use at most ``workers`` threads; ``priority`` more are kept for calls that never
wait for a guest.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from nova_pyvirt.util.native import os, select, threading, time

LOG = logging.getLogger(__name__)
TICK: Final = 1.0


class Handler(Protocol):
    """Who owns a descriptor; called by the leader, must not wait."""

    def on_ready(self, events: int) -> None: ...


class Job:
    """A call to do: `high` when it never waits for a guest."""

    __slots__ = ("high", "run")

    def __init__(self, run: Callable[[], None], high: bool) -> None:
        self.run = run
        self.high = high


class Engine:
    """The pool.

    :param workers: threads for ordinary calls
    :param priority: threads more for high-priority calls
    :param on_tick: called by the leader about once a second
    """

    def __init__(self, workers: int, priority: int, on_tick: Callable[[float], None]) -> None:
        self.workers = workers
        self.priority = priority
        self._on_tick = on_tick
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._lock = threading.Lock()
        self._idle: list[Any] = []  # locks of threads that wait for work
        self._leading = False
        self._threads = 0
        self._low_running = 0
        self._high: deque[Job] = deque()
        self._low: deque[Job] = deque()
        self._stopping = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._next_tick = time.monotonic() + TICK
        self._done = threading.Event()

    # --- descriptors

    def watch(self, fd: int, handler: Handler, events: int = select.EPOLLIN) -> None:
        """Begins to watch `fd`."""
        self._handlers[fd] = handler
        self._epoll.register(fd, events)

    def change(self, fd: int, events: int) -> None:
        """Watches `fd` for other events."""
        if fd in self._handlers:
            self._epoll.modify(fd, events)

    def unwatch(self, fd: int) -> None:
        """Forgets `fd`; before it is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    # --- jobs

    def submit(self, job: Job) -> None:
        """Queues a job and sees to it that a thread takes it."""
        with self._lock:
            (self._high if job.high else self._low).append(job)
            self._staff()

    def _staff(self) -> None:
        """Wakes or makes a thread for the job just queued (lock held)."""
        if self._idle:
            self._idle.pop().release()
        elif self._threads < self.workers + self.priority + 1:
            self._spawn()

    def _spawn(self) -> None:
        self._threads += 1
        threading.Thread(target=self._main, name=f"rpc-{self._threads}", daemon=True).start()

    def _take(self) -> Job | None:
        """The next job that may run (lock held)."""
        if self._high:
            return self._high.popleft()
        if self._low and self._low_running < self.workers:
            self._low_running += 1
            return self._low.popleft()
        return None

    def _main(self) -> None:
        mine = threading.Lock()
        mine.acquire()
        while True:
            with self._lock:
                if self._stopping:
                    self._threads -= 1
                    self._leave()
                    return
                job = self._take() if self._covered() else None
                lead = job is None and not self._leading
                if lead:
                    self._leading = True
                elif job is None:
                    self._idle.append(mine)
            if job is not None:
                self._do(job)
            elif lead:
                self._lead()
            else:
                mine.acquire()

    def _covered(self) -> bool:
        """Somebody leads, or can be got to lead, while this thread works (lock held)."""
        if self._leading:
            return True
        if not (self._high or self._low_free()):
            return False
        if not self._idle and self._threads >= self.workers + self.priority + 1:
            return False
        # whoever is woken finds nobody leading; this thread goes on with a job
        self._staff()
        return True

    def _do(self, job: Job) -> None:
        try:
            job.run()
        except Exception:  # a bug fails one call, not the daemon's thread
            LOG.exception("call failed")
        if not job.high:
            with self._lock:
                self._low_running -= 1

    def _lead(self) -> None:
        """Waits for descriptors until there is work or somebody else should lead."""
        while not self._stopping:
            wait = max(0.0, self._next_tick - time.monotonic())
            for fd, events in self._epoll.poll(wait):
                self._ready(fd, events)
            now = time.monotonic()
            if now >= self._next_tick:
                self._next_tick = now + TICK
                self._on_tick(now)
            with self._lock:
                if (self._high or self._low_free()) and self._can_hand_over():
                    self._leading = False
                    return
        with self._lock:
            self._leading = False

    def _low_free(self) -> bool:
        return bool(self._low) and self._low_running < self.workers

    def _can_hand_over(self) -> bool:
        return bool(self._idle) or self._threads < self.workers + self.priority + 1

    def _ready(self, fd: int, events: int) -> None:
        if fd == self._wake:
            os.eventfd_read(fd)
            return
        handler = self._handlers.get(fd)
        if handler is None:
            return
        try:
            handler.on_ready(events)
        except Exception:  # one client's trouble must not end the daemon
            LOG.exception("descriptor %d failed", fd)
            self.unwatch(fd)

    def queue(self, job: Job) -> None:
        """The leader's own way to queue: he takes the first job himself when he leaves."""
        with self._lock:
            (self._high if job.high else self._low).append(job)

    # --- life

    def start(self) -> None:
        """Starts the first thread."""
        with self._lock:
            self._spawn()

    def stop(self) -> None:
        """Ends all threads; calls in progress are finished first."""
        with self._lock:
            self._stopping = True
            for lock in self._idle:
                lock.release()
            self._idle.clear()
            if not self._threads:
                self._done.set()
        os.eventfd_write(self._wake, 1)

    def wait(self, deadline: float | None = None) -> bool:
        """Whether all threads have ended."""
        return self._done.wait(deadline)

    def _leave(self) -> None:
        if self._threads == 0:
            self._done.set()

    def counts(self) -> dict[str, int]:
        """What virt-admin shows of the pool."""
        with self._lock:
            return {
                "nWorkers": self._threads,
                "freeWorkers": len(self._idle) + int(self._leading),
                "jobQueueDepth": len(self._high) + len(self._low),
            }
