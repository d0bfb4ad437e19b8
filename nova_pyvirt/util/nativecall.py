# SPDX-License-Identifier: Apache-2.0
"""Future on native locks, and the bridge from greenthreads to native threads.

Part of :mod:`nova_pyvirt.util.native`, which exports it; import it from there.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    import os
    import queue
    import threading
else:  # set by native before it imports this module
    os = sys.modules["nova_pyvirt.util.native.os"]
    queue = sys.modules["nova_pyvirt.util.native.queue"]
    threading = sys.modules["nova_pyvirt.util.native.threading"]

T = TypeVar("T")
P = ParamSpec("P")

#: native threads that greenthreads' calls may occupy at once
MAX_WORKERS = 64


class Future(Generic[T]):
    """One result, set once by one thread, waited for by any number of native threads.

    The gate is a lock that is held until the result is there: the cheapest wake-up Python has,
    and one that no monkey-patching replaces.
    """

    __slots__ = ("_callbacks", "_done", "_error", "_gate", "_guard", "_value")

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._gate = threading.Lock()
        self._gate.acquire()
        self._done = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future[T]], object]] | None = None

    def done(self) -> bool:
        return self._done

    def set_result(self, value: T) -> bool:
        """Ends the future with a value; False when it had ended already."""
        return self._finish(value, None)

    def set_exception(self, error: BaseException) -> bool:
        """Ends the future with an exception; False when it had ended already."""
        return self._finish(None, error)

    def result(self, timeout: float | None = None) -> T:
        """The value, or the exception raised.

        :param timeout: seconds; None waits for ever
        :raises TimeoutError: no result within the timeout
        """
        if not self._done:
            self.wait(timeout)
        if self._error is not None:
            raise self._error
        value: T = self._value
        return value

    def wait(self, timeout: float | None = None) -> None:
        """Waits until the future has ended.

        :raises TimeoutError: it has not within `timeout` seconds
        """
        if not self._gate.acquire(timeout=-1 if timeout is None else max(timeout, 0)):
            raise TimeoutError
        self._gate.release()  # the next waiter's turn

    def add_done_callback(self, callback: Callable[["Future[T]"], object]) -> None:
        """Calls `callback(self)` on the thread that ends the future, or at once when it has ended."""
        with self._guard:
            if not self._done:
                self._callbacks = [*(self._callbacks or ()), callback]
                return
        callback(self)

    def _finish(self, value: Any, error: BaseException | None) -> bool:
        with self._guard:
            if self._done:
                return False
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, None
        self._gate.release()
        for callback in callbacks or ():
            callback(self)
        return True


class _Job:
    """A call on its way through a worker; `wake` is an eventfd that the greenthread waits on."""

    __slots__ = ("abandoned", "call", "error", "finished", "guard", "value", "wake")

    def __init__(self, call: Callable[[], Any], wake: int) -> None:
        self.call = call
        self.wake = wake
        self.guard = threading.Lock()
        self.abandoned = False
        self.finished = False
        self.value: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """On the worker. A call that its caller gave up before it began is not made."""
        if not self.abandoned:
            try:
                self.value = self.call()
            except BaseException as err:  # noqa: BLE001 - raised again in the caller
                self.error = err
        with self.guard:
            self.finished = True
            if self.abandoned:
                os.close(self.wake)
            else:
                os.eventfd_write(self.wake, 1)

    def abandon(self) -> None:
        """The caller was interrupted: whoever is last closes the descriptor."""
        with self.guard:
            self.abandoned = True
            if self.finished:
                os.close(self.wake)


class _Pool:
    """Daemon threads, as many as were ever busy at once, at most MAX_WORKERS."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._guard = threading.Lock()
        self._workers = 0
        self._unserved = 0  # jobs queued or running
        self._wakes: list[int] = []

    def call(self, trampoline: Callable[..., Any], call: Callable[[], T]) -> T:
        job = _Job(call, self._submit_wake())
        self._submit(job)
        try:
            trampoline(job.wake, read=True)
            os.eventfd_read(job.wake)
        except BaseException:  # GreenletExit, Timeout
            job.abandon()
            raise
        self._keep_wake(job.wake)
        if job.error is not None:
            try:
                raise job.error
            finally:
                job.error = None  # the traceback holds this frame: no cycle
        value: T = job.value
        return value

    def _submit(self, job: _Job) -> None:
        with self._guard:
            self._unserved += 1
            grow = self._unserved > self._workers and self._workers < MAX_WORKERS
            self._workers += grow
            number = self._workers
        self._jobs.put(job)
        if grow:
            threading.Thread(target=self._work, name=f"offload-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            job.run()
            del job
            with self._guard:
                self._unserved -= 1

    def _submit_wake(self) -> int:
        with self._guard:
            if self._wakes:
                return self._wakes.pop()
        return os.eventfd(0, os.EFD_CLOEXEC)

    def _keep_wake(self, wake: int) -> None:
        with self._guard:
            if len(self._wakes) < MAX_WORKERS:
                self._wakes.append(wake)
                return
        os.close(wake)


_pool = _Pool()


def _renew() -> None:
    """In a forked child none of the pool's threads exist."""
    global _pool
    _pool = _Pool()


os.register_at_fork(after_in_child=_renew)


def _trampoline() -> Callable[..., Any] | None:
    """eventlet's wait on a descriptor when the caller may use it: it is in a greenthread.

    A hub belongs to the thread that made it: a native thread has none, and may block. So must
    the hub's own greenlet, which has nobody to switch to.
    """
    hubs = sys.modules.get("eventlet.hubs")
    if hubs is None:
        return None
    hub = getattr(getattr(hubs, "_threadlocal", None), "hub", None)
    if hub is None or sys.modules["greenlet"].getcurrent() is hub.greenlet:
        return None
    trampoline: Callable[..., Any] = hubs.trampoline
    return trampoline


def on_hub() -> bool:
    """Whether the caller is a greenthread, where blocking would stop all others."""
    return _trampoline() is not None


def offload(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls fn(*args, **kwargs), which may block the OS thread, and returns what it returns.

    In a greenthread the call runs on a native thread while the greenthread waits cooperatively;
    anywhere else it is a plain call. When the greenthread is interrupted (GreenletExit, eventlet's
    Timeout) the call goes on to its own end, unless it had not begun, and its result is dropped.
    """
    if "eventlet.hubs" not in sys.modules:
        return fn(*args, **kwargs)
    trampoline = _trampoline()
    if trampoline is None:
        return fn(*args, **kwargs)
    return _pool.call(trampoline, lambda: fn(*args, **kwargs))
