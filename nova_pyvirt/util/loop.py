# SPDX-License-Identifier: Apache-2.0
"""One asyncio loop on a native thread: it owns every QMP session, pidfd and listening socket.

The loop's selector (epoll), self-pipe and thread are unpatched ones, so it runs beside eventlet's
hub. Callers wait on a native future, never on asyncio's or concurrent.futures' (whose locks
eventlet may have replaced: a native thread cannot wake a green lock).

Callbacks run on the loop's thread: they must be short and must not wait.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from nova_pyvirt.util.native import Future, os, selectors, socket, threading

T = TypeVar("T")

#: What asyncio and qemu.qmp log to from the loop's thread: nothing. A handler's lock may be green,
#: and the loop must not wait for one. Errors are kept in LoopThread.errors instead.
quiet_logger = logging.Logger("nova_pyvirt.loop")
quiet_logger.disabled = True


class _Loop(asyncio.SelectorEventLoop):
    """asyncio's loop on the unpatched selector and with an unpatched self-pipe."""

    _ssock: socket.socket
    _csock: socket.socket
    _internal_fds: int
    _add_reader: Callable[..., Any]
    _read_from_self: Callable[[], None]

    def _make_self_pipe(self) -> None:
        self._ssock, self._csock = socket.socketpair()
        self._ssock.setblocking(False)
        self._csock.setblocking(False)
        self._internal_fds += 1
        self._add_reader(self._ssock.fileno(), self._read_from_self)

    def descriptors(self) -> list[int]:
        """The loop's own, which a forked child inherits and must not use."""
        selector: Any = self._selector  # type: ignore[attr-defined]
        return [selector.fileno(), self._ssock.fileno(), self._csock.fileno()]


class LoopThread:
    """The loop and its thread. Every method may be called from any native thread.

    After a fork the child's copy is dead: each call raises RuntimeError there; :func:`get` makes
    a new loop.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        #: the last exceptions that reached the loop, newest last, as texts
        self.errors: deque[str] = deque(maxlen=100)
        self._readers: set[int] = set()
        self._writers: set[int] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._holders: set[object] = set()
        self._loop = _Loop(selectors.EpollSelector())
        self._loop.set_exception_handler(self._on_error)
        self._thread = threading.Thread(target=self._main, name="pyvirt-loop", daemon=True)
        ready: Future[None] = Future()
        self._loop.call_soon(ready.set_result, None)
        self._thread.start()
        ready.result()

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _on_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")

    def on_thread(self) -> bool:
        """Whether the caller is the loop's own thread, which must never wait for the loop."""
        return threading.get_ident() == self._thread.ident

    def idle(self) -> bool:
        """Whether nobody uses the loop: no readers, no running coroutines, no holders."""
        return not self._readers and not self._writers and not self._tasks and not self._holders

    def hold(self, holder: object) -> None:
        """Keeps the loop from being released until `drop`; for users with transports on it."""
        self._holders.add(holder)

    def drop(self, holder: object) -> None:
        """Ends hold."""
        self._holders.discard(holder)

    def call_soon(self, fn: Callable[..., object], *args: Any) -> None:
        """Has fn(*args) called on the loop's thread, in order of the calls of this method.

        :raises RuntimeError: the loop has ended, or belongs to the parent process
        """
        if self.pid != os.getpid():
            raise RuntimeError("the event loop belongs to the parent process")
        self._loop.call_soon_threadsafe(fn, *args)

    def run(self, fn: Callable[..., T], *args: Any) -> T:
        """fn(*args) on the loop's thread; waits for the result.

        When the interpreter ends there is no other thread any more: the caller runs it himself.
        """
        if self.on_thread() or sys.is_finalizing():
            return fn(*args)
        future: Future[T] = Future()

        def on_loop() -> None:
            try:
                future.set_result(fn(*args))
            except Exception as err:  # noqa: BLE001 - raised again in the caller
                future.set_exception(err)

        self.call_soon(on_loop)
        return future.result()

    def submit(self, coro: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs a coroutine on the loop. The future's callbacks run on the loop's thread."""
        return self._submit(coro)[0]

    def call(self, coro: Coroutine[Any, Any, T], deadline: float | None = None) -> T:
        """Runs a coroutine on the loop and waits for its result.

        :param deadline: seconds; on expiry the coroutine is cancelled
        :raises TimeoutError: at the deadline
        """
        if self.on_thread() or sys.is_finalizing():
            coro.close()
            raise RuntimeError("the loop's thread must not wait for the loop, nor a dying process")
        future, cancel = self._submit(coro)
        try:
            return future.result(deadline)
        except BaseException:  # the deadline, or the waiting thread is being ended
            if not future.done():
                self.call_soon(cancel)
            raise

    def _submit(self, coro: Coroutine[Any, Any, T]) -> tuple[Future[T], Callable[[], None]]:
        future: Future[T] = Future()
        started: list[asyncio.Task[T]] = []

        def finish(task: asyncio.Task[T]) -> None:
            self._tasks.discard(task)
            if task.cancelled():
                future.set_exception(TimeoutError("cancelled"))
            elif (error := task.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(task.result())

        def start() -> None:
            task = self._loop.create_task(coro)
            started.append(task)
            self._tasks.add(task)
            task.add_done_callback(finish)

        def cancel() -> None:
            for task in started:
                task.cancel()

        try:
            self.call_soon(start)
        except RuntimeError:
            coro.close()
            raise
        return future, cancel

    def add_reader(self, fd: int, callback: Callable[..., object], *args: Any) -> None:
        """Has callback(*args) called on the loop's thread whenever fd is readable."""

        def add() -> None:
            self._loop.add_reader(fd, callback, *args)
            self._readers.add(fd)

        self.run(add)

    def remove_reader(self, fd: int) -> None:
        """Ends add_reader. When this returns the callback no longer runs; fd may be closed."""

        def remove() -> None:
            self._loop.remove_reader(fd)
            self._readers.discard(fd)

        self.run(remove)

    def add_writer(self, fd: int, callback: Callable[..., object], *args: Any) -> None:
        """The same whenever fd takes data. A fd that is watched twice is one user of the loop."""

        def add() -> None:
            self._loop.add_writer(fd, callback, *args)
            self._writers.add(fd)

        self.run(add)

    def remove_writer(self, fd: int) -> None:
        """Ends add_writer, as remove_reader ends add_reader."""

        def remove() -> None:
            self._loop.remove_writer(fd)
            self._writers.discard(fd)

        self.run(remove)

    def stop(self) -> None:
        """Ends the loop and its thread."""
        if sys.is_finalizing():
            return
        self.call_soon(self._loop.stop)
        if not self.on_thread():
            self._thread.join()

    def forget(self) -> None:
        """In a forked child: gives up the inherited descriptors without touching the parent's loop.

        The numbers stay taken (by /dev/null), so that the dead loop's own clean-up closes
        nothing else.
        """
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for fd in self._loop.descriptors():
            os.dup2(null, fd, inheritable=False)
        os.close(null)


_guard = threading.Lock()
_loop: LoopThread | None = None


def get() -> LoopThread:
    """The process's loop; started when there is none."""
    global _loop
    loop = _loop
    if loop is not None:
        return loop
    with _guard:
        if _loop is None:
            _loop = LoopThread()
        return _loop


def release() -> None:
    """Called by a user that is done: ends the loop when nobody else uses it."""
    global _loop
    with _guard:
        loop = _loop
        if loop is None or not loop.run(loop.idle):
            return
        _loop = None
    loop.stop()


def _after_fork() -> None:
    global _loop, _guard
    _guard = threading.Lock()
    loop, _loop = _loop, None
    if loop is not None:
        loop.forget()
        _parents.append(loop)


#: loops of the parents, kept: their destructors would touch what the parent still uses
_parents: list[LoopThread] = []
os.register_at_fork(after_in_child=_after_fork)
