# SPDX-License-Identifier: Apache-2.0
"""Bytes between QEMU and a file, past the page cache if wished (libvirt's iohelper).

QEMU gets one end of a socket pair, a native thread of ours copies. QEMU never waits for the disk,
and never meets its errors; a target that hangs hangs our thread alone, and both ends can be shut
at any time. When we die QEMU meets the end of the stream: nothing half done is taken for whole.
"""

import fcntl
import mmap
import stat
from collections.abc import Callable
from typing import Final

from nova_pyvirt.util.native import os, select, socket, threading

#: bytes copied at once; a multiple of every block size, as O_DIRECT wants it
CHUNK: Final = 1 << 20
#: bytes in flight between QEMU and us
_IN_FLIGHT: Final = 1 << 20


class Pump:
    """One copy under way, from a socket into a file or from a file into a socket.

    :ivar peer: the other side's end of the socket, until :meth:`given` closes it
    :ivar error: what stopped the copy
    :ivar on_end: called when the copy has ended, on its thread
    """

    def __init__(self, fd: int, *, writing: bool, skip: int = 0) -> None:
        """
        :param fd: the file, at the place to begin; becomes ours
        :param writing: from the socket into the file
        :param skip: bytes at the begin of what is read that nobody wants
        """
        self.on_end: Callable[[], object] = bool
        self._skip = skip
        self._ended = threading.Event()
        self.error: OSError | None = None
        self._fd = fd
        self._ours, self.peer = socket.socketpair()
        for end in (self._ours, self.peer):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _IN_FLIGHT)
        self._direct = bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)
        self._waitable = not stat.S_ISREG(os.fstat(fd).st_mode)
        if self._waitable:
            os.set_blocking(fd, False)
        self._wake = os.eventfd(0, os.EFD_CLOEXEC)
        run = self._write_file if writing else self._read_file
        self._thread = threading.Thread(target=self._main, args=(run,), name="pump", daemon=True)
        self._thread.start()

    def given(self) -> None:
        """The other side has its end: ours of it closes, so that its end is the stream's."""
        self.peer.close()

    @property
    def ended(self) -> bool:
        """Whether everything is copied, or never will be."""
        return self._ended.is_set()

    def finish(self) -> None:
        """Waits until everything is copied, and on the disk.

        :raises OSError: the file could not be read or written
        """
        self.given()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def abort(self, deadline: float = 2.0) -> None:
        """Ends the copy now. A thread that the kernel holds in a write is left behind.

        :param deadline: seconds to wait for it
        """
        self.given()
        os.eventfd_write(self._wake, 1)
        try:
            self._ours.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the other side has gone, and so has the connection
        self._thread.join(deadline)

    def close(self) -> None:
        """Gives back what is left; after finish() or abort()."""
        self.given()
        if not self._thread.is_alive() and self._wake >= 0:
            os.close(self._wake)
            self._wake = -1

    def _main(self, run: Callable[[memoryview], None]) -> None:
        try:
            run(memoryview(mmap.mmap(-1, CHUNK)))  # page-aligned, as O_DIRECT wants it
        except OSError as exc:
            self.error = OSError(exc.errno, exc.strerror)  # without frames that keep the buffer
        finally:
            self._ours.close()
            os.close(self._fd)
            self._ended.set()
            self.on_end()

    def _write_file(self, view: memoryview) -> None:
        while True:
            filled = 0
            while filled < CHUNK:  # whole chunks: O_DIRECT takes no others but the last
                count = self._ours.recv_into(view[filled:])
                if not count:
                    break
                filled += count
                if self._waitable:
                    break
            if filled < CHUNK and self._direct:
                self._cached()
            self._put(view[:filled])
            if not filled:
                break
        if not self._waitable:
            os.fdatasync(self._fd)

    def _put(self, data: memoryview) -> None:
        while data:
            if self._waitable and not self._ready():
                raise ConnectionAbortedError("the copy was aborted")
            data = data[os.write(self._fd, data) :]

    def _ready(self) -> bool:
        """Waits until a pipe takes something; False when the copy is to end."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        poll.register(self._wake, select.POLLIN)
        return all(fd != self._wake for fd, _event in poll.poll())

    def _cached(self) -> None:
        """The last, odd bytes can't go past the cache."""
        flags = fcntl.fcntl(self._fd, fcntl.F_GETFL)
        fcntl.fcntl(self._fd, fcntl.F_SETFL, flags & ~os.O_DIRECT)
        self._direct = False

    def _read_file(self, view: memoryview) -> None:
        while count := os.readv(self._fd, [view]):
            skip, self._skip = min(self._skip, count), max(self._skip - count, 0)
            try:
                self._ours.sendall(view[skip:count])
            except (BrokenPipeError, ConnectionResetError):
                return  # the reader has had enough, or has ended: it says why itself
            if count < CHUNK and self._direct:
                self._cached()
