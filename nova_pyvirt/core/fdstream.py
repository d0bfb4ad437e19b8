# SPDX-License-Identifier: Apache-2.0
"""A stream over a file descriptor: terminals, sockets, files (libvirt's virFDStream).

Watching is done on the loop's thread, once for each call of the watcher: a condition that still
holds is told again after the next read or write, so a reader that is slow costs nobody anything.
"""

import errno
from collections.abc import Callable
from typing import Final, TypeVar

from nova_pyvirt.core.stream import ERROR, HANGUP, READABLE, WOULD_BLOCK, WRITABLE, Stream
from nova_pyvirt.errors import Code, From, error, libvirtError, system_error
from nova_pyvirt.util import loop
from nova_pyvirt.util.native import os, select, threading

T = TypeVar("T")
_POLL: Final = (
    (select.POLLIN, READABLE),
    (select.POLLOUT, WRITABLE),
    (select.POLLERR, ERROR),
    (select.POLLHUP, HANGUP),
)


class FdStream:
    """The driver of a stream that somebody has opened.

    :param owner: the stream; its mode decides whether calls block
    :param fd: ours from now on
    :param on_close: called once, when the stream has ended in whatever way
    """

    def __init__(
        self, owner: Stream, fd: int, *, on_close: Callable[[], object] | None = None
    ) -> None:
        self._owner = owner
        self._fd = fd
        self._on_close = on_close
        self._lock = threading.Lock()
        self._ended = False
        self._busy = 0
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._events = 0
        self._callback: Callable[[int], None] | None = None
        os.set_blocking(fd, False)

    # --- data

    def send(self, data: bytes) -> int:
        """:raises libvirtError: SYSTEM_ERROR, INTERNAL_ERROR when the stream has ended"""
        return self._work(select.POLLOUT, WRITABLE, lambda fd: os.write(fd, data), "write to")

    def recv(self, size: int, flags: int = 0) -> bytes | int:
        """A terminal whose other side is gone is at its end.

        :raises libvirtError: SYSTEM_ERROR, INTERNAL_ERROR when the stream has ended
        """

        def read(fd: int) -> bytes:
            try:
                return os.read(fd, size)
            except OSError as exc:
                if exc.errno == errno.EIO:
                    return b""
                raise

        return self._work(select.POLLIN, READABLE, read, "read from")

    def send_hole(self, length: int, flags: int = 0) -> None:
        """:raises libvirtError: INTERNAL_ERROR: there are no holes in a stream of bytes"""
        raise error(Code.INTERNAL_ERROR, "unexpected stream hole", domain=From.STREAMS)

    def recv_hole(self, flags: int = 0) -> int:
        """:raises libvirtError: as send_hole()"""
        raise error(Code.INTERNAL_ERROR, "unexpected stream hole", domain=From.STREAMS)

    def _work(self, mask: int, event: int, act: Callable[[int], T], what: str) -> T | int:
        """act(fd), waiting for it to be possible unless the stream is non-blocking."""
        with self._lock:
            if self._ended:
                raise _not_open()
            self._busy += 1
        try:
            while True:
                try:
                    return act(self._fd)
                except BlockingIOError:
                    if self._owner.nonblock:
                        return WOULD_BLOCK
                    self._wait(mask)
                except OSError as exc:
                    detail = f"cannot {what} stream"
                    raise system_error(exc.errno or 0, detail, domain=From.STREAMS) from exc
        finally:
            self._leave()
            self._watch(event)

    def _wait(self, mask: int) -> None:
        poll = select.poll()
        poll.register(self._fd, mask)
        poll.register(self._wake_read, select.POLLIN)
        poll.poll()
        if self._ended:
            raise _not_open()

    # --- the end

    def finish(self) -> None:
        """Ends it; everything that was sent has been handed over."""
        self._end()

    def abort(self) -> None:
        """Ends it."""
        self._end()

    def _end(self) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
            self._busy += 1
            os.write(self._wake_write, b"x")
        self.event_remove_callback()
        self._leave()
        if self._on_close is not None:
            self._on_close()

    def _leave(self) -> None:
        """Whoever is last closes the descriptors: nobody may use a number that is another's."""
        with self._lock:
            self._busy -= 1
            if self._busy or not self._ended or self._fd < 0:
                return
            numbers = (self._fd, self._wake_read, self._wake_write)
            self._fd = self._wake_read = self._wake_write = -1
        for fd in numbers:
            os.close(fd)

    # --- watching

    def event_add_callback(self, events: int, callback: Callable[[int], None]) -> None:
        self._callback = callback
        self.event_update_callback(events)

    def event_update_callback(self, events: int) -> None:
        self._events = events
        for event in (READABLE, WRITABLE):
            self._watch(event)

    def event_remove_callback(self) -> None:
        self._callback = None
        fd = self._fd
        if fd >= 0 and self._events:
            self._events = 0
            loop.get().remove_reader(fd)
            loop.get().remove_writer(fd)

    def _watch(self, event: int) -> None:
        """Tells, once, when `event` holds; if it is asked for."""
        with self._lock:
            if self._callback is None or not self._events & event or self._ended:
                return
            fd = self._fd
        add = loop.get().add_reader if event == READABLE else loop.get().add_writer
        add(fd, self._ready, fd, event)

    def _ready(self, fd: int, event: int) -> None:
        """On the loop's thread."""
        remove = loop.get().remove_reader if event == READABLE else loop.get().remove_writer
        remove(fd)
        poll = select.poll()
        poll.register(fd, select.POLLIN | select.POLLOUT)
        state = dict(poll.poll(0)).get(fd, 0)
        seen = sum(bit for mask, bit in _POLL if state & mask) & (self._events | ERROR | HANGUP)
        callback = self._callback
        if callback is not None and seen:
            callback(seen)


class DataStream:
    """The driver of a stream that gives what is in memory already; nothing can be sent."""

    def __init__(self, data: bytes) -> None:
        self._data: memoryview | None = memoryview(data)
        self._callback: Callable[[int], None] | None = None
        self._events = 0

    def send(self, data: bytes) -> int:
        """:raises libvirtError: SYSTEM_ERROR: it is for reading"""
        raise system_error(errno.EBADF, "cannot write to stream", domain=From.STREAMS)

    def recv(self, size: int, flags: int = 0) -> bytes | int:
        """:raises libvirtError: INTERNAL_ERROR when the stream has ended"""
        if self._data is None:
            raise _not_open()
        part, self._data = bytes(self._data[:size]), self._data[size:]
        self._tell()
        return part

    def send_hole(self, length: int, flags: int = 0) -> None:
        """:raises libvirtError: as send()"""
        self.send(b"")

    def recv_hole(self, flags: int = 0) -> int:
        """:raises libvirtError: INTERNAL_ERROR: there are no holes"""
        raise error(Code.INTERNAL_ERROR, "unexpected stream hole", domain=From.STREAMS)

    def finish(self) -> None:
        self._data = None
        self._callback = None

    def abort(self) -> None:
        self.finish()

    def event_add_callback(self, events: int, callback: Callable[[int], None]) -> None:
        self._callback = callback
        self.event_update_callback(events)

    def event_update_callback(self, events: int) -> None:
        self._events = events
        self._tell()

    def event_remove_callback(self) -> None:
        self._callback = None

    def _tell(self) -> None:
        callback = self._callback
        if callback is not None and self._events & READABLE:
            callback(READABLE)


def _not_open() -> libvirtError:
    return error(Code.INTERNAL_ERROR, "stream is not open", domain=From.STREAMS)
