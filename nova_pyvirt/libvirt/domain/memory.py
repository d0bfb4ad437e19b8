# SPDX-License-Identifier: Apache-2.0
"""A domain's memory: size, statistics, contents."""

from typing import Any

from nova_pyvirt.libvirt.call import Bytes, Dict, Int, bind, typed
from nova_pyvirt.libvirt.convert import check_dict, like
from nova_pyvirt.libvirt.domain.shapes import memory_stats
from nova_pyvirt.libvirt.objects import Owned

_DOMAIN_GET_MAX_MEMORY: Int = bind("virDomainGetMaxMemory")
_DOMAIN_SET_MAX_MEMORY: Int = bind("virDomainSetMaxMemory")
_DOMAIN_SET_MEMORY: Int = bind("virDomainSetMemory")
_DOMAIN_SET_MEMORY_FLAGS: Int = bind("virDomainSetMemoryFlags")
_DOMAIN_MEMORY_STATS: Dict = bind("virDomainMemoryStats", memory_stats, args="flags:I")
_DOMAIN_SET_MEMORY_STATS_PERIOD: Int = bind("virDomainSetMemoryStatsPeriod")
_DOMAIN_GET_MEMORY_PARAMETERS: Dict = bind("virDomainGetMemoryParameters")
_OLD_DOMAIN_GET_MEMORY_PARAMETERS: Dict = bind("virDomainGetMemoryParameters", typed)
_DOMAIN_SET_MEMORY_PARAMETERS: Int = bind("virDomainSetMemoryParameters")
_DOMAIN_MEMORY_PEEK: Bytes = bind("virDomainMemoryPeek", typed)


class Memory(Owned):
    """Methods of virDomain."""

    def maxMemory(self) -> int:
        """virDomainGetMaxMemory (libvirt 0.0.3; domain:read)."""
        return _DOMAIN_GET_MAX_MEMORY(self)

    def setMaxMemory(self, memory: int) -> int:
        """virDomainSetMaxMemory (libvirt 0.0.3; domain:write)."""
        return _DOMAIN_SET_MAX_MEMORY(self, memory)

    def setMemory(self, memory: int) -> int:
        """virDomainSetMemory (libvirt 0.1.1; domain:write)."""
        return _DOMAIN_SET_MEMORY(self, memory)

    def setMemoryFlags(self, memory: int, flags: int = 0) -> int:
        """virDomainSetMemoryFlags (libvirt 0.9.0; domain:write)."""
        return _DOMAIN_SET_MEMORY_FLAGS(self, memory, flags)

    def memoryStats(self) -> dict[str, Any]:
        """virDomainMemoryStats (libvirt 0.7.5; domain:read)."""
        return _DOMAIN_MEMORY_STATS(self, 0)

    def setMemoryStatsPeriod(self, period: int, flags: int = 0) -> int:
        """virDomainSetMemoryStatsPeriod (libvirt 1.1.1; domain:write)."""
        return _DOMAIN_SET_MEMORY_STATS_PERIOD(self, period, flags)

    def memoryParameters(self, flags: int = 0) -> dict[str, Any]:
        """virDomainGetMemoryParameters (libvirt 0.8.5; domain:read)."""
        return _DOMAIN_GET_MEMORY_PARAMETERS(self, flags)

    def setMemoryParameters(self, params: dict[str, Any], flags: int = 0) -> int:
        """virDomainSetMemoryParameters (libvirt 0.8.5).

        :param params: some of what :meth:`memoryParameters` shows: read first
        :raises LookupError: `params` is empty or has a name that was not read
        :raises TypeError: a value has another type
        """
        check_dict(params)
        known = _OLD_DOMAIN_GET_MEMORY_PARAMETERS(self, flags)
        return _DOMAIN_SET_MEMORY_PARAMETERS(self, like(params, known), flags)

    def memoryPeek(self, start: int, size: int, flags: int = 0) -> bytes:
        """virDomainMemoryPeek (libvirt 0.4.2; domain:mem-read)."""
        return _DOMAIN_MEMORY_PEEK(self, start, size, flags)
