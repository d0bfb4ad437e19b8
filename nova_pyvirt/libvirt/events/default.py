# SPDX-License-Identifier: Apache-2.0
"""The default event loop: what virEventRunDefaultImpl runs, one iteration at a time."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from nova_pyvirt.libvirt.events.guard import guarded
from nova_pyvirt.util.native import offload, os, select, threading, time

#: VIR_EVENT_HANDLE_*: poll's bit
_BITS: Final = (
    (1, select.POLLIN),
    (2, select.POLLOUT),
    (4, select.POLLERR),
    (8, select.POLLHUP),
)

HandleCallback = Callable[[int, int, int, Any], object]
TimeoutCallback = Callable[[int, Any], object]


def _to_poll(events: int) -> int:
    return sum(bit for event, bit in _BITS if events & event)


def _from_poll(bits: int) -> int:
    events = sum(event for event, bit in _BITS if bits & bit)
    return events | 4 if bits & select.POLLNVAL else events


class _Watched(NamedTuple):
    """A file descriptor; `events` are VIR_EVENT_HANDLE_*."""

    fd: int
    events: int
    callback: HandleCallback
    opaque: Any


class _Timer(NamedTuple):
    """A timer; `interval` in ms, negative = off; `due` on the monotonic clock."""

    interval: int
    due: float
    callback: TimeoutCallback
    opaque: Any


class DefaultLoop:
    """Handles and timers; any thread may change them while another runs the loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = threading.RLock()
        self._handles: dict[int, _Watched] = {}
        self._timers: dict[int, _Timer] = {}
        self._next_watch = 1
        self._next_timer = 1
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def wake(self) -> None:
        """Ends a wait in progress."""
        os.eventfd_write(self._wake, 1)

    def add_handle(self, fd: int, events: int, callback: HandleCallback, opaque: Any) -> int:
        """Watches a descriptor; the number of the watch."""
        with self._lock:
            watch = self._next_watch
            self._next_watch += 1
            self._handles[watch] = _Watched(fd, events, callback, opaque)
        self.wake()
        return watch

    def update_handle(self, watch: int, events: int) -> None:
        """Changes what is watched for."""
        with self._lock:
            known = self._handles.get(watch)
            if known is not None:
                self._handles[watch] = known._replace(events=events)
        self.wake()

    def remove_handle(self, watch: int) -> int:
        """0, -1 when there is no such watch."""
        with self._lock:
            known = self._handles.pop(watch, None)
        self.wake()
        return -1 if known is None else 0

    def add_timeout(self, interval: int, callback: TimeoutCallback, opaque: Any) -> int:
        """Starts a timer; its number."""
        with self._lock:
            timer = self._next_timer
            self._next_timer += 1
            self._timers[timer] = _Timer(interval, _due(interval), callback, opaque)
        self.wake()
        return timer

    def update_timeout(self, timer: int, interval: int) -> None:
        """Changes a timer; it counts from now."""
        with self._lock:
            known = self._timers.get(timer)
            if known is not None:
                self._timers[timer] = known._replace(interval=interval, due=_due(interval))
        self.wake()

    def remove_timeout(self, timer: int) -> int:
        """0, -1 when there is no such timer."""
        with self._lock:
            known = self._timers.pop(timer, None)
        self.wake()
        return -1 if known is None else 0

    def run_once(self) -> None:
        """Waits until something happens and calls its callbacks, on this thread."""
        with self._running:
            ready = offload(self._wait)
            self._run_timers()
            for fd, bits in ready:
                self._run_handles(fd, _from_poll(bits))

    def _wait(self) -> list[tuple[int, int]]:
        poll = select.poll()
        with self._lock:
            wanted: dict[int, int] = {self._wake: select.POLLIN}
            for watched in self._handles.values():
                wanted[watched.fd] = wanted.get(watched.fd, 0) | _to_poll(watched.events)
            due = min((t.due for t in self._timers.values() if t.interval >= 0), default=None)
        for fd, bits in wanted.items():
            poll.register(fd, bits)
        wait = None if due is None else max(0.0, (due - time.monotonic()) * 1000)
        ready = poll.poll(wait)
        if any(fd == self._wake for fd, _ in ready):
            os.eventfd_read(self._wake)
        return [(fd, bits) for fd, bits in ready if fd != self._wake]

    def _run_timers(self) -> None:
        now = time.monotonic()
        with self._lock:
            due = [n for n, t in self._timers.items() if t.interval >= 0 and t.due <= now]
        for number in due:
            with self._lock:
                timer = self._timers.get(number)
                if timer is None or timer.interval < 0:
                    continue
                self._timers[number] = timer._replace(due=_due(timer.interval))
            guarded(timer.callback, number, timer.opaque)

    def _run_handles(self, fd: int, events: int) -> None:
        with self._lock:
            watches = [n for n, w in self._handles.items() if w.fd == fd]
        for number in watches:
            with self._lock:
                watched = self._handles.get(number)
            if watched is None:
                continue
            # errors and the end are told whether asked for or not, as poll does
            happened = events & (watched.events | 12)
            if happened:
                guarded(watched.callback, number, fd, happened, watched.opaque)


def _due(interval: int) -> float:
    return time.monotonic() + interval / 1000
