# SPDX-License-Identifier: Apache-2.0
"""A domain's log file: what we started, then what the process says (libvirt's log format)."""

import logging
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from shlex import quote
from types import TracebackType
from typing import Final

from nova_pyvirt.errors import From, error, libvirtError, system_error
from nova_pyvirt.errors.codes import Code
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)
#: as much of the log goes into an error
TAIL: Final = 1024


class LogFile:
    """The log of one start. Opened for appending, links not followed, private to us."""

    def __init__(self, path: str) -> None:
        """:raises libvirtError: SYSTEM_ERROR when it can't be opened"""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            self.fd = os.open(path, flags, 0o600)
        except OSError as exc:
            detail = f"failed to create logfile {path}"
            raise system_error(exc.errno or 0, detail, domain=From.QEMU) from exc
        info = os.fstat(self.fd)
        if not stat.S_ISREG(info.st_mode):
            os.close(self.fd)
            raise error(Code.INTERNAL_ERROR, f"logfile {path} is not a regular file")
        self.start = info.st_size

    def operation(self, message: str, qemu: str) -> None:
        """The first line of a block.

        :param message: e.g. ``starting up libvirt version: 9.0.0``
        :param qemu: QEMU's version with its package
        """
        host = os.uname()  # its name is not resolved: no start waits for a name server
        self._write(
            f"{timestamp()}: {message}, qemu version: {qemu}, kernel: {host.release},"
            f" hostname: {host.nodename}\n"
        )

    def command(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """The command, one option a line, as a shell takes it; and where the output begins."""
        self._write(shell_text(argv, env) + "\n")
        self.start = os.fstat(self.fd).st_size

    def line(self, text: str) -> None:
        self._write(f"{timestamp()}: {text}\n")

    def tail(self) -> str:
        """The end of what the process wrote, without end of line."""
        size = os.fstat(self.fd).st_size
        begin = max(self.start, size - TAIL)
        text = os.pread(self.fd, size - begin, begin).decode(errors="replace")
        lines = [line for line in text.splitlines() if "char device redirected to" not in line]
        return "\n".join(lines).strip()

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> "LogFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write(self, text: str) -> None:
        try:
            os.write(self.fd, text.encode())
        except OSError:
            pass  # a full disk must not keep a guest from starting


def append(path: str, text: str) -> None:
    """A line in the log of a domain that runs already; a log that can't be written is no failure."""
    try:
        with LogFile(path) as log:
            log.line(text)
    except libvirtError as exc:
        LOG.warning("the log %s could not be written: %s", path, exc)


def timestamp() -> str:
    """libvirt's form: 2024-01-31 12:00:00.123+0000."""
    now = datetime.now(UTC)
    return f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03d}+0000"


def shell_text(argv: Sequence[str], env: Mapping[str, str]) -> str:
    """Environment and command as libvirt prints them: an option and its value on one line."""
    lines = [f"{key}={quote(value)}" for key, value in env.items()] + [quote(argv[0])]
    for word in argv[1:]:
        if word.startswith("-") or not lines[-1].startswith("-") or " " in lines[-1]:
            lines.append(quote(word))
        else:
            lines[-1] += f" {quote(word)}"
    return " \\\n".join(lines)
