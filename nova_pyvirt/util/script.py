# SPDX-License-Identifier: Apache-2.0
"""Running somebody else's program: a time limit and a limit of output, both for the whole group.

A program that leaves children behind is taken at its own end: what they hold open is not waited
for. Nothing it does can block us or fill our memory.
"""

import signal
from dataclasses import dataclass
from typing import IO, Final

from nova_pyvirt.util.native import os, select, subprocess, time

_CHUNK: Final = 1 << 16


class ScriptTimeout(Exception):
    """It was still running when its time was over; it and its children have been killed."""


@dataclass(frozen=True, slots=True)
class Done:
    """A program that has ended.

    :ivar status: exit status, negative = killed by that signal
    :ivar output: its standard output, whole or cut at the limit
    :ivar errors: its standard error, likewise
    :ivar cut: whether there was more standard output
    """

    status: int
    output: bytes
    errors: bytes
    cut: bool


def run(argv: list[str], stdin: bytes, env: dict[str, str], *, timeout: float, limit: int) -> Done:
    """Runs a program in a session of its own.

    :param timeout: seconds
    :param limit: bytes kept of each of its outputs
    :raises OSError: it can't be executed
    :raises ScriptTimeout: see there
    """
    fd = os.memfd_create("stdin", os.MFD_CLOEXEC)
    try:
        _write(fd, stdin)
        process = subprocess.Popen(
            argv,
            stdin=fd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            cwd="/",
            start_new_session=True,
        )
    finally:
        os.close(fd)
    with process:
        try:
            return _follow(process, time.monotonic() + timeout, limit)
        except ScriptTimeout:
            _kill_group(process)
            raise


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)


def _follow(process: "subprocess.Popen[bytes]", deadline: float, limit: int) -> Done:
    """Reads both outputs until the program itself has ended."""
    assert process.stdout is not None and process.stderr is not None  # both are pipes
    kept = {pipe.fileno(): bytearray() for pipe in (process.stdout, process.stderr)}
    out = process.stdout.fileno()
    total = 0
    pidfd = os.pidfd_open(process.pid)
    try:
        poll = select.poll()
        for fd in (*kept, pidfd):
            poll.register(fd, select.POLLIN)
        ended = False
        while not ended:
            left = deadline - time.monotonic()
            if left <= 0:
                raise ScriptTimeout
            ready = [fd for fd, _event in poll.poll(left * 1000)]
            ended = pidfd in ready
            for fd in kept if ended else ready:
                got = _drain(fd, kept[fd], limit, whole=ended) if fd in kept else 0
                total += got if fd == out else 0
                if not got and fd in kept and not ended:
                    poll.unregister(fd)  # the program has closed it
    finally:
        os.close(pidfd)
    status = process.wait()
    output, errors = (bytes(kept[pipe.fileno()]) for pipe in (process.stdout, process.stderr))
    return Done(status, output, errors, total > limit)


def _drain(fd: int, kept: bytearray, limit: int, *, whole: bool) -> int:
    """What can be read now: one piece, or all of it; how many bytes that was."""
    os.set_blocking(fd, False)
    total = 0
    while True:
        try:
            data = os.read(fd, _CHUNK)
        except BlockingIOError:
            return total or 1  # nothing now, but not the end either
        if not data:
            return total
        total += len(data)
        kept += data[: max(0, limit - len(kept))]
        if not whole or total > limit:
            return total


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """The program leads its session, hence its process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    pipes: tuple[IO[bytes] | None, ...] = (process.stdout, process.stderr)
    for pipe in pipes:
        if pipe is not None:
            pipe.close()
