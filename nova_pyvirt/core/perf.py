# SPDX-License-Identifier: Apache-2.0
"""The kernel's performance counters of a process (perf_event_open(2); libvirt's virperf.c)."""

import ctypes
import fcntl
import struct
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From, system_error
from nova_pyvirt.util.native import os

_HARDWARE, _SOFTWARE = 0, 1
#: name: (type, number) of the kernel's counter; None: a counter the kernel has no more
EVENTS: Final[dict[str, tuple[int, int] | None]] = {
    "cmt": None,
    "mbmt": None,
    "mbml": None,
    "cpu_cycles": (_HARDWARE, 0),
    "instructions": (_HARDWARE, 1),
    "cache_references": (_HARDWARE, 2),
    "cache_misses": (_HARDWARE, 3),
    "branch_instructions": (_HARDWARE, 4),
    "branch_misses": (_HARDWARE, 5),
    "bus_cycles": (_HARDWARE, 6),
    "stalled_cycles_frontend": (_HARDWARE, 7),
    "stalled_cycles_backend": (_HARDWARE, 8),
    "ref_cpu_cycles": (_HARDWARE, 9),
    "cpu_clock": (_SOFTWARE, 0),
    "task_clock": (_SOFTWARE, 1),
    "page_faults": (_SOFTWARE, 2),
    "context_switches": (_SOFTWARE, 3),
    "cpu_migrations": (_SOFTWARE, 4),
    "page_faults_min": (_SOFTWARE, 5),
    "page_faults_maj": (_SOFTWARE, 6),
    "alignment_faults": (_SOFTWARE, 7),
    "emulation_faults": (_SOFTWARE, 8),
}
#: architecture: the system call's number
_CALLS: Final = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "ppc64le": 319, "s390x": 331}
#: type, size, config, then nothing up to the flags
_ATTR: Final = struct.Struct("=IIQQQQQ16x")
_DISABLED, _INHERIT = 1, 2
_IOC_ENABLE: Final = 0x2400
_CLOEXEC: Final = 8


class PerfEvents:
    """The counters of one process that are switched on."""

    def __init__(self) -> None:
        self._fds: dict[str, int] = {}

    def enabled(self, name: str) -> bool:
        return name in self._fds

    def enable(self, name: str, pid: int) -> None:
        """Counts from now on; threads that start later count too.

        :raises libvirtError: ARGUMENT_UNSUPPORTED, SYSTEM_ERROR
        """
        if name in self._fds:
            return
        event = EVENTS[name]
        detail = f"unable to enable host cpu perf event for {name}"
        if event is None:
            raise errors.error(Code.ARGUMENT_UNSUPPORTED, detail, domain=From.PERF)
        fd = _open(*event, pid)
        if fd < 0:
            number = ctypes.get_errno()
            detail = f"unable to open host cpu perf event for {name}"
            raise system_error(number, detail, domain=From.PERF)
        try:
            fcntl.ioctl(fd, _IOC_ENABLE, 0)
        except OSError as exc:
            os.close(fd)
            raise system_error(exc.errno or 0, detail, domain=From.PERF) from exc
        self._fds[name] = fd

    def disable(self, name: str) -> None:
        fd = self._fds.pop(name, None)
        if fd is not None:
            os.close(fd)

    def read(self) -> dict[str, int]:
        """What each counter has come to."""
        return {name: int.from_bytes(os.read(fd, 8), "little") for name, fd in self._fds.items()}

    def close(self) -> None:
        for name in list(self._fds):
            self.disable(name)


def _open(kind: int, number: int, pid: int) -> int:
    """The counter's descriptor, -1 with errno."""
    call = _CALLS.get(os.uname().machine)
    if call is None:
        ctypes.set_errno(38)
        return -1
    attr = _ATTR.pack(kind, _ATTR.size, number, 0, 0, 0, _DISABLED | _INHERIT)
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(call, attr, pid, -1, -1, _CLOEXEC))
