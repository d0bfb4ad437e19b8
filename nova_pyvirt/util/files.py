# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or absent, and never somebody else's link."""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import os, threading

#: what a temporary file's name ends in; one that is found was left by a death
TEMPORARY: Final = ".new"


def write_atomic(path: str, data: bytes, mode: int = 0o600, *, sync: bool = True) -> None:
    """Writes a temporary file beside `path`, syncs it and renames it over `path`.

    :param sync: whether it must survive the host's crash, not only ours
    :raises OSError: nothing is left behind then
    """
    temporary = f"{path}{TEMPORARY}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(temporary, flags, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        reach("file-written")
        os.rename(temporary, path)
        reach("file-renamed")
    except OSError:
        unlink(temporary)
        raise


def holds(path: str, data: bytes, mode: int = 0o600) -> bool:
    """Is `path` a regular file with just this content and mode?"""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        info = os.fstat(fd)
        if info.st_mode != stat.S_IFREG | mode or info.st_size != len(data):
            return False
        return os.read(fd, len(data) + 1) == data
    except OSError:
        return False
    finally:
        os.close(fd)


def unlink(path: str) -> bool:
    """Removes a file; False when there was none or it can't be removed."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def read_private(path: str, limit: int = 16 << 20) -> bytes:
    """A regular file's content, links not followed.

    :raises OSError: not there, a link, not a regular file
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        return file.read(limit)


class SpareDescriptors:
    """Descriptors kept for those who must give things back when there are no others left."""

    _COUNT: Final = 3

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fds: list[int] = []
        self._closed = False
        self._fill()

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Some descriptors are free inside."""
        self._drop()
        try:
            yield
        finally:
            self._fill()

    def close(self) -> None:
        self._closed = True
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            fds, self._fds = self._fds, []
        for fd in fds:
            os.close(fd)

    def _fill(self) -> None:
        with self._lock:
            while len(self._fds) < self._COUNT and not self._closed:
                try:
                    self._fds.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
                except OSError:
                    return  # next time
