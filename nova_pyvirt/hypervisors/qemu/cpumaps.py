# SPDX-License-Identifier: Apache-2.0
"""Host CPU maps: libvirt's bytes, the ranges of definitions, numbers."""

from collections.abc import Iterable

from nova_pyvirt import errors
from nova_pyvirt.core.host.sysfs import HostFs
from nova_pyvirt.errors import Code, system_error
from nova_pyvirt.model import cpuset
from nova_pyvirt.util.native import os


def numbers(data: bytes) -> list[int]:
    """The CPUs of a map, a bit each, lowest first."""
    return [n for n in range(len(data) * 8) if data[n // 8] >> n % 8 & 1]


def data(cpus: Iterable[int]) -> bytes:
    """A map of CPUs, as short as can be; b"" of none."""
    made = bytearray()
    for cpu in cpus:
        if cpu // 8 >= len(made):
            made.extend(bytes(cpu // 8 + 1 - len(made)))
        made[cpu // 8] |= 1 << cpu % 8
    return bytes(made)


def given(cpumap: bytes, detail: str = "Empty cpu list for pinning") -> str:
    """The map a caller gives, as a definition writes it.

    :raises libvirtError: INVALID_ARG when it is empty
    """
    cpus = numbers(cpumap)
    if not cpus:
        raise errors.error(Code.INVALID_ARG, detail)
    return cpuset.text(cpus)


def host(fs: HostFs | None = None) -> list[int]:
    """The CPUs of the host that are online."""
    found = (fs or HostFs()).cpu_list("sys/devices/system/cpu/online")
    return found or sorted(os.sched_getaffinity(0))


def pin_thread(thread: int, cpus: str) -> None:
    """Lets a thread run on these CPUs only (virProcessSetAffinity).

    :raises libvirtError: SYSTEM_ERROR
    """
    try:
        os.sched_setaffinity(thread, cpuset.parse(cpus))
    except OSError as exc:
        detail = f"cannot set CPU affinity on process {thread}"
        raise system_error(exc.errno or 0, detail) from exc


def affinity(thread: int) -> bytes:
    """The CPUs a thread may use.

    :raises libvirtError: SYSTEM_ERROR when it is gone
    """
    try:
        return data(os.sched_getaffinity(thread))
    except OSError as exc:
        detail = f"cannot get CPU affinity of process {thread}"
        raise system_error(exc.errno or 0, detail) from exc
