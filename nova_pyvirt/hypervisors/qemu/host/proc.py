# SPDX-License-Identifier: Apache-2.0
"""What the kernel has counted for a guest's threads and interfaces (proc(5), virprocess.c)."""

from typing import Final, NamedTuple

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From, system_error
from nova_pyvirt.util import procstat

_WAIT: Final = ("se.statistics.wait_sum", "wait_sum")


class Times(NamedTuple):
    """Nanoseconds of processor time, the host CPU used last, KiB resident."""

    user: int
    system: int
    cpu: int
    rss: int

    @property
    def total(self) -> int:
        return self.user + self.system


def times(pid: int, thread: int | None = None, *, root: str = "/proc") -> Times:
    """Of a process, or of one of its threads.

    :raises libvirtError: SYSTEM_ERROR when it is gone
    """
    try:
        fields = procstat.read(pid, thread, root)
    except OSError as exc:
        raise system_error(exc.errno or 0, "cannot get vCPU placement & pCPU time") from exc
    return Times(
        int(fields[procstat.USER]) * procstat.TICK_NS,
        int(fields[procstat.SYSTEM]) * procstat.TICK_NS,
        int(fields[procstat.PROCESSOR]),
        int(fields[procstat.RSS]) * procstat.PAGE_KIB,
    )


def waited(pid: int, thread: int, *, root: str = "/proc") -> int:
    """Nanoseconds that a thread wanted a processor; 0 where the kernel doesn't count that."""
    for line in _lines(f"{root}/{pid}/task/{thread}/sched"):
        name, _, value = line.partition(":")
        if name.strip() in _WAIT:
            return int(float(value) * 1_000_000)
    return 0


def delayed(pid: int, thread: int, *, root: str = "/proc") -> int:
    """Nanoseconds that a thread stood in a run queue; 0 where the kernel doesn't count that."""
    for line in _lines(f"{root}/{pid}/task/{thread}/schedstat"):
        words = line.split()
        return int(words[1]) if len(words) > 1 else 0
    return 0


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.readlines()
    except OSError:
        return []


def link(name: str, *, root: str = "/proc") -> tuple[list[int], list[int]]:
    """(bytes, packets, errors, drops) received, and sent, by a device of the host.

    :raises libvirtError: INTERNAL_ERROR when there is none
    """
    for line in _lines(f"{root}/net/dev"):
        found, _, numbers = line.partition(":")
        if found.strip() == name:
            words = [int(word) for word in numbers.split()]
            return words[0:4], words[8:12]
    detail = "/proc/net/dev: Interface not found"
    raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.NONE)
