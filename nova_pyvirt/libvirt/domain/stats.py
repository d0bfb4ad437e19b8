# SPDX-License-Identifier: Apache-2.0
"""Statistics of devices and CPUs."""

from typing import Any

from nova_pyvirt.libvirt.call import Dict, Int, List, Tuple, as_dict, as_tuple, bind
from nova_pyvirt.libvirt.handle import Handle
from nova_pyvirt.libvirt.objects import Owned

_DOMAIN_BLOCK_STATS: Tuple = bind("virDomainBlockStats", as_tuple)
_DOMAIN_BLOCK_STATS_FLAGS: Dict = bind("virDomainBlockStatsFlags")
_DOMAIN_INTERFACE_STATS: Tuple = bind("virDomainInterfaceStats", as_tuple)


def _cpu_stats(handle: Handle, result: Any) -> list[dict[str, Any]]:
    """The parameters of each CPU."""
    return [as_dict(handle, one) for one in result]


_CPU_ARGS = "start_cpu:i ncpus:I flags:I"
_CPUS: Int = bind("virDomainGetCPUStats", args=_CPU_ARGS)
_GET_CPU_STATS: List = bind("virDomainGetCPUStats", _cpu_stats, args=_CPU_ARGS)
_DOMAIN_START_DIRTY_RATE_CALC: Int = bind("virDomainStartDirtyRateCalc")


class Stats(Owned):
    """Methods of virDomain."""

    def blockStats(self, path: str) -> tuple[Any, ...]:
        """virDomainBlockStats (libvirt 0.3.2; domain:read)."""
        return _DOMAIN_BLOCK_STATS(self, path)

    def blockStatsFlags(self, path: str, flags: int = 0) -> dict[str, Any]:
        """virDomainBlockStatsFlags (libvirt 0.9.5; domain:read)."""
        return _DOMAIN_BLOCK_STATS_FLAGS(self, path, flags)

    def interfaceStats(self, path: str) -> tuple[Any, ...]:
        """virDomainInterfaceStats (libvirt 0.3.2; domain:read)."""
        return _DOMAIN_INTERFACE_STATS(self, path)

    def getCPUStats(self, total: bool, flags: int = 0) -> list[dict[str, Any]]:
        """virDomainGetCPUStats (libvirt 0.9.10; domain:read).

        :param total: one dict of VIR_DOMAIN_CPU_STATS_* for all CPUs of the host, else one for each
        """
        if total:
            return _GET_CPU_STATS(self, -1, 1, flags)
        return _GET_CPU_STATS(self, 0, _CPUS(self, 0, 0, flags), flags)

    def startDirtyRateCalc(self, seconds: int, flags: int = 0) -> int:
        """virDomainStartDirtyRateCalc (libvirt 7.2.0; domain:write)."""
        return _DOMAIN_START_DIRTY_RATE_CALC(self, seconds, flags)
