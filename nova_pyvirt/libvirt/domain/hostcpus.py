# SPDX-License-Identifier: Apache-2.0
"""How many CPUs the host has: the length of CPU maps."""

from typing import Any

from nova_pyvirt.libvirt.call import Int, bind
from nova_pyvirt.libvirt.handle import Handle


def _count(handle: Handle, result: Any) -> int:
    return int(result[0])


_CPUS: Int = bind("virNodeGetCPUMap", _count)


class _Connection:
    """A connection as calls want it."""

    _kind = "virConnect"

    def __init__(self, handle: Handle | None) -> None:
        self._o = handle


def host_cpus(obj: Any) -> int:
    """CPUs of the object's host, present or not."""
    handle = obj._o
    return _CPUS(_Connection(None if handle is None else handle.conn), 0)
