# SPDX-License-Identifier: Apache-2.0
"""I/O threads of a domain."""

from typing import Any, Final

from nova_pyvirt.libvirt.call import Int, List, as_list, bind
from nova_pyvirt.libvirt.convert import cpu_bytes, cpu_list, hinted
from nova_pyvirt.libvirt.domain.hostcpus import host_cpus
from nova_pyvirt.libvirt.objects import Owned
from nova_pyvirt.util import typed

_GET_IO_THREAD_INFO: List = bind("virDomainGetIOThreadInfo", as_list)
_HINTS: Final[dict[str, type]] = {
    "poll_max_ns": typed.ULLong,
    "poll_grow": typed.UInt,
    "poll_shrink": typed.UInt,
    "thread_pool_min": typed.Int,
    "thread_pool_max": typed.Int,
}
_DOMAIN_ADD_IO_THREAD: Int = bind("virDomainAddIOThread")
_DOMAIN_DEL_IO_THREAD: Int = bind("virDomainDelIOThread")
_DOMAIN_PIN_IO_THREAD: Int = bind("virDomainPinIOThread")
_SET_IO_THREAD_PARAMS: Int = bind("virDomainSetIOThreadParams")


class IOThread(Owned):
    """Methods of virDomain."""

    def ioThreadInfo(self, flags: int = 0) -> list[tuple[int, list[bool]]]:
        """virDomainGetIOThreadInfo (libvirt 1.2.14; domain:read): id and host CPUs of each."""
        cpus = host_cpus(self)
        return [(number, cpu_list(m, cpus)) for number, m in _GET_IO_THREAD_INFO(self, flags)]

    def addIOThread(self, iothread_id: int, flags: int = 0) -> int:
        """virDomainAddIOThread (libvirt 1.2.15; domain:write)."""
        return _DOMAIN_ADD_IO_THREAD(self, iothread_id, flags)

    def delIOThread(self, iothread_id: int, flags: int = 0) -> int:
        """virDomainDelIOThread (libvirt 1.2.15; domain:write)."""
        return _DOMAIN_DEL_IO_THREAD(self, iothread_id, flags)

    def pinIOThread(self, iothread_val: int, cpumap: tuple[bool, ...], flags: int = 0) -> int:
        """virDomainPinIOThread (libvirt 1.2.14).

        :param cpumap: for each CPU of the host whether it may be used
        """
        return _DOMAIN_PIN_IO_THREAD(self, iothread_val, cpu_bytes(cpumap, host_cpus(self)), flags)

    def setIOThreadParams(self, iothread_val: int, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainSetIOThreadParams (libvirt 4.10.0; domain:write).

        :param params: VIR_DOMAIN_IOTHREAD_*
        """
        if not isinstance(params, dict):
            raise TypeError("IOThread polling params must be a dictionary")
        return _SET_IO_THREAD_PARAMS(self, iothread_val, hinted(params, _HINTS) or None, flags)
