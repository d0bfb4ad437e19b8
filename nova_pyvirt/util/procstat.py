# SPDX-License-Identifier: Apache-2.0
"""The kernel's line about a process or a thread (proc(5), /proc/PID/stat)."""

from typing import Final

from nova_pyvirt.util.native import os

#: fields that somebody wants, by their place behind the command's name
STATE, USER, SYSTEM, START, RSS, PROCESSOR = 0, 11, 12, 19, 21, 36
#: ns in a tick of USER and SYSTEM, KiB in a page of RSS
TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
PAGE_KIB: Final = os.sysconf("SC_PAGE_SIZE") // 1024


def read(pid: int, thread: int | None = None, root: str = "/proc") -> list[bytes]:
    """The fields behind the command's name.

    Without Python's file objects: it is read for each domain at each call for its figures.

    :raises OSError: there is no such process, or it ends just now
    """
    path = f"{root}/{pid}/stat" if thread is None else f"{root}/{pid}/task/{thread}/stat"
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        line = os.read(fd, 4096)
    finally:
        os.close(fd)
    # the name may hold spaces and brackets: what counts begins behind the last bracket
    return line.rpartition(b")")[2].split()


def processor_time(pid: int) -> int:
    """User and system time in ns; 0 when the process is gone."""
    try:
        fields = read(pid)
    except OSError:
        return 0
    return (int(fields[USER]) + int(fields[SYSTEM])) * TICK_NS
