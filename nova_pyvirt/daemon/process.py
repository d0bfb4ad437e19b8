# SPDX-License-Identifier: Apache-2.0
"""The daemon as a process: into the background, the pid file."""

import fcntl
import gc
import resource
import sys
from typing import Final

from nova_pyvirt.errors import Code, From, error, system_error
from nova_pyvirt.util.native import os

_READY: Final = b"\0"
#: new objects between two searches for cycles
_COLLECT_AFTER: Final = 20_000


def allow_many_clients() -> None:
    """As many descriptors as we may have: each client is one, each guest some."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def collect_less() -> None:
    """Python's search for cycles leaves what is loaded alone, and comes round less often.

    Answers to big calls are made of thousands of objects, none of them in a cycle: at the usual
    number the search starts several times in each of them.
    """
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


class Launch:
    """The parent's wait for its child in the background: it ends when the child serves.

    Fork comes first of all, before threads and sockets exist.
    """

    def __init__(self, fd: int = -1) -> None:
        self._fd = fd

    def ready(self) -> None:
        """Lets the parent end with success."""
        self._tell(_READY)

    def failed(self, text: str) -> None:
        """Lets the parent print `text` and end with failure."""
        self._tell(text.encode())

    def _tell(self, data: bytes) -> None:
        if self._fd != -1:
            os.write(self._fd, data)
            os.close(self._fd)
            self._fd = -1


def into_background() -> Launch:
    """Goes on in a child of its own session without terminal; the caller's process ends once the
    child says how it went.
    """
    reader, writer = os.pipe2(os.O_CLOEXEC)
    if os.fork():
        os.close(writer)
        _wait_and_exit(reader)
    os.close(reader)
    os.setsid()
    if os.fork():  # the session's leader goes: nothing can get a terminal any more
        os._exit(0)
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    return Launch(writer)


def _wait_and_exit(reader: int) -> None:
    said = b""
    while piece := os.read(reader, 4096):
        said += piece
    if said == _READY:
        os._exit(0)
    print(said.decode() or "pyvirtd: ended while starting", file=sys.stderr)
    sys.stderr.flush()
    os._exit(1)


class PidFile:
    """Our process id in a file that is locked while we live; a second daemon is refused."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as exc:
            text = f"Failed to open pid file '{path}'"
            raise system_error(exc.errno or 0, text, domain=From.NONE) from exc
        try:
            # the kind of lock libvirtd takes there (lockf): the two refuse each other
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            owner = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            text = f"the pid file '{path}' is in use by process {owner}"
            raise error(Code.OPERATION_INVALID, text, domain=From.NONE) from exc
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Removes it."""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass
        os.close(self._fd)
