# SPDX-License-Identifier: Apache-2.0
"""Reading and setting the values of control groups, with libvirt's errors (vircgroup.c)."""

from typing import Final, Protocol

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup import layout
from nova_pyvirt.errors import Code, From, libvirtError, system_error

#: KiB that mean no limit (VIR_DOMAIN_MEMORY_PARAM_UNLIMITED)
UNLIMITED: Final = 9007199254740991
_EINVAL: Final = 22


class Values(Protocol):
    """The values of one group; version 1 and 2 name and write them differently."""

    def cpu_shares(self) -> int: ...
    def set_cpu_shares(self, shares: int) -> None: ...
    def cpu_bandwidth(self) -> tuple[int, int]:
        """(period, quota) in microseconds; -1 is no quota."""

    def set_cpu_bandwidth(self, period: int, quota: int) -> None:
        """0 leaves a value as it is; a negative quota is none."""

    def cpus(self) -> str: ...
    def set_cpus(self, cpus: str) -> None: ...
    def mems(self) -> str: ...
    def set_mems(self, nodes: str) -> None: ...
    def memory_limit(self, kind: str) -> int:
        """KiB; `kind` is hard, soft or swap."""

    def set_memory_limit(self, kind: str, kib: int) -> None: ...
    def memory_used(self) -> int:
        """KiB."""

    def weight(self) -> int: ...
    def set_weight(self, weight: int) -> None: ...
    def device_value(self, name: str, device: str) -> int:
        """A device's weight or limit; `device` is MAJOR:MINOR, 0 is none."""

    def set_device_value(self, name: str, device: str, value: int) -> None: ...
    def cpu_time(self) -> int:
        """Nanoseconds."""

    def cpu_times(self) -> tuple[int, int]:
        """(user, system) nanoseconds."""

    def cpu_time_each(self) -> list[int]:
        """Nanoseconds on each CPU of the host."""


def read(path: str) -> str:
    """A value, without end of line.

    :raises libvirtError: SYSTEM_ERROR
    """
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError as exc:
        detail = f"Unable to read from '{path}'"
        raise system_error(exc.errno or 0, detail, domain=From.CGROUP) from exc


def number(path: str) -> int:
    """A value that is a number.

    :raises libvirtError: SYSTEM_ERROR, INTERNAL_ERROR
    """
    text = read(path)
    try:
        return int(text)
    except ValueError:
        detail = f"Unable to parse '{text}' as an integer"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.CGROUP) from None


def write(path: str, value: object) -> None:
    """Sets a value.

    :raises libvirtError: SYSTEM_ERROR
    """
    try:
        layout.write(path, str(value))
    except OSError as exc:
        detail = f"Unable to write to '{path}'"
        if exc.errno == _EINVAL:
            detail = f"Invalid value '{value}' for '{path.rpartition('/')[2]}'"
        raise system_error(exc.errno or 0, detail, domain=From.CGROUP) from exc


def by_device(text: str, device: str) -> str:
    """What a file says of a device: ``8:0 VALUE`` a line; "" nothing."""
    for line in text.splitlines():
        found, _, value = line.partition(" ")
        if found == device:
            return value.strip()
    return ""


def out_of_range(detail: str) -> libvirtError:
    """INVALID_ARG for a value that no kernel takes."""
    return errors.error(Code.INVALID_ARG, detail, domain=From.CGROUP)
