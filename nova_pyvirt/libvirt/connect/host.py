# SPDX-License-Identifier: Apache-2.0
"""The host: versions, capabilities, CPUs, memory, suspending."""

from operator import index
from typing import Any, Final

from nova_pyvirt.errors import libvirtError, set_last_error
from nova_pyvirt.libvirt.call import (
    Dict,
    Int,
    List,
    Str,
    Strs,
    Tuple,
    as_dict,
    as_list,
    as_tuple,
    bind,
    checked,
    typed,
)
from nova_pyvirt.libvirt.connect.base import Base
from nova_pyvirt.libvirt.convert import check_dict, cpu_list, hinted, like
from nova_pyvirt.libvirt.handle import Handle
from nova_pyvirt.util import typed as kinds

_MAX_CELLS: Final = 10000
_IDENTITY: Final[dict[str, type]] = {"process-id": kinds.LLong}


def _node(handle: Handle, result: Any) -> list[Any]:
    """Model, memory (KiB there, MiB here), CPUs, MHz, nodes, sockets, cores, threads."""
    model, memory, *rest = result
    return [model, memory >> 10, *rest]


_CONNECT_GET_HOSTNAME: Str = bind("virConnectGetHostname")
_CONNECT_GET_TYPE: Str = bind("virConnectGetType")
_CONNECT_GET_VERSION: Int = bind("virConnectGetVersion")
_CONNECT_GET_LIB_VERSION: Int = bind("virConnectGetLibVersion")
_GET_URI = checked("virConnectGetURI")
_CONNECT_GET_CAPABILITIES: Str = bind("virConnectGetCapabilities")
_CONNECT_GET_DOMAIN_CAPABILITIES: Str = bind("virConnectGetDomainCapabilities")
_CONNECT_GET_SYSINFO: Str = bind("virConnectGetSysinfo")
_CONNECT_GET_MAX_VCPUS: Int = bind("virConnectGetMaxVcpus")
_NODE_GET_INFO: List = bind("virNodeGetInfo", _node)
_GET_CPU_MAP: Tuple = bind("virNodeGetCPUMap", as_tuple)
_CONNECT_GET_CPU_MODEL_NAMES: Strs = bind("virConnectGetCPUModelNames")
_NODE_GET_CPU_STATS: Dict = bind("virNodeGetCPUStats", as_dict)
_CONNECT_COMPARE_CPU: Int = bind("virConnectCompareCPU")
_CONNECT_COMPARE_HYPERVISOR_CPU: Int = bind("virConnectCompareHypervisorCPU")
_CONNECT_BASELINE_CPU: Str = bind("virConnectBaselineCPU")
_CONNECT_BASELINE_HYPERVISOR_CPU: Str = bind("virConnectBaselineHypervisorCPU")
_NODE_GET_MEMORY_STATS: Dict = bind("virNodeGetMemoryStats", as_dict)
_NODE_GET_MEMORY_PARAMETERS: Dict = bind("virNodeGetMemoryParameters")
_OLD_PARAMETERS: Dict = bind("virNodeGetMemoryParameters", typed)
_SET_MEMORY_PARAMETERS: Int = bind("virNodeSetMemoryParameters")
_NODE_GET_FREE_MEMORY: Int = bind("virNodeGetFreeMemory")
_NODE_GET_CELLS_FREE_MEMORY: List = bind("virNodeGetCellsFreeMemory", as_list)
_GET_FREE_PAGES: List = bind(
    "virNodeGetFreePages", as_list, args="pages:O startCell:i cellCount:I flags:I"
)
_ALLOC_PAGES: Int = bind(
    "virNodeAllocPages", args="sizes:O counts:O startCell:i cellCount:I flags:I"
)
_NODE_GET_SECURITY_MODEL: List = bind("virNodeGetSecurityModel", as_list)
_NODE_GET_SEV_INFO: Dict = bind("virNodeGetSEVInfo")
_NODE_SUSPEND_FOR_DURATION: Int = bind("virNodeSuspendForDuration")
_CONNECT_IS_ALIVE: Int = bind("virConnectIsAlive")
_CONNECT_IS_ENCRYPTED: Int = bind("virConnectIsEncrypted")
_CONNECT_IS_SECURE: Int = bind("virConnectIsSecure")
_CONNECT_SET_KEEP_ALIVE: Int = bind("virConnectSetKeepAlive")
_SET_IDENTITY: Int = bind("virConnectSetIdentity")


class Host(Base):
    """Methods of virConnect."""

    def getHostname(self) -> str:
        """virConnectGetHostname (libvirt 0.3.0; connect:getattr)."""
        return _CONNECT_GET_HOSTNAME(self)

    def getType(self) -> str:
        """virConnectGetType (libvirt 0.0.3; connect:getattr)."""
        return _CONNECT_GET_TYPE(self)

    def getVersion(self) -> int:
        """virConnectGetVersion (libvirt 0.0.3; connect:getattr)."""
        return _CONNECT_GET_VERSION(self)

    def getLibVersion(self) -> int:
        """virConnectGetLibVersion (libvirt 0.7.3; connect:getattr)."""
        return _CONNECT_GET_LIB_VERSION(self)

    def getURI(self) -> str:
        """virConnectGetURI (libvirt 0.3.0)."""
        _GET_URI(self)
        handle = self._o
        return "" if handle is None else handle.conn.uri

    def getCapabilities(self) -> str:
        """virConnectGetCapabilities (libvirt 0.2.1; connect:read)."""
        return _CONNECT_GET_CAPABILITIES(self)

    def getDomainCapabilities(
        self,
        emulatorbin: str | None = None,
        arch: str | None = None,
        machine: str | None = None,
        virttype: str | None = None,
        flags: int = 0,
    ) -> str:
        """virConnectGetDomainCapabilities (libvirt 1.2.7; connect:write)."""
        return _CONNECT_GET_DOMAIN_CAPABILITIES(self, emulatorbin, arch, machine, virttype, flags)

    def getSysinfo(self, flags: int = 0) -> str:
        """virConnectGetSysinfo (libvirt 0.8.8; connect:read)."""
        return _CONNECT_GET_SYSINFO(self, flags)

    def getMaxVcpus(self, type: str | None) -> int:
        """virConnectGetMaxVcpus (libvirt 0.2.1; connect:read)."""
        return _CONNECT_GET_MAX_VCPUS(self, type)

    def getInfo(self) -> list[Any]:
        """virNodeGetInfo (libvirt 0.1.0; connect:read)."""
        return _NODE_GET_INFO(self)

    def getCPUMap(self, flags: int = 0) -> tuple[int, list[bool], int]:
        """virNodeGetCPUMap (libvirt 1.0.0; connect:read): CPUs, which are online, how many."""
        cpus, cpumap, online = _GET_CPU_MAP(self, flags)
        return cpus, cpu_list(cpumap, cpus), online

    def getCPUModelNames(self, arch: str, flags: int = 0) -> list[str]:
        """virConnectGetCPUModelNames (libvirt 1.1.3; connect:read)."""
        return _CONNECT_GET_CPU_MODEL_NAMES(self, arch, flags)

    def getCPUStats(self, cpuNum: int, flags: int = 0) -> dict[str, Any]:
        """virNodeGetCPUStats (libvirt 0.9.3; connect:read)."""
        return _NODE_GET_CPU_STATS(self, cpuNum, flags)

    def compareCPU(self, xmlDesc: str, flags: int = 0) -> int:
        """virConnectCompareCPU (libvirt 0.7.5; connect:read)."""
        return _CONNECT_COMPARE_CPU(self, xmlDesc, flags)

    def compareHypervisorCPU(
        self,
        emulator: str | None,
        arch: str | None,
        machine: str | None,
        virttype: str | None,
        xmlCPU: str,
        flags: int = 0,
    ) -> int:
        """virConnectCompareHypervisorCPU (libvirt 4.4.0; connect:write)."""
        return _CONNECT_COMPARE_HYPERVISOR_CPU(
            self, emulator, arch, machine, virttype, xmlCPU, flags
        )

    def baselineCPU(self, xmlCPUs: list[str] | None, flags: int = 0) -> str:
        """virConnectBaselineCPU (libvirt 0.7.7; connect:read)."""
        return _CONNECT_BASELINE_CPU(self, xmlCPUs or None, flags)

    def baselineHypervisorCPU(
        self,
        emulator: str | None,
        arch: str | None,
        machine: str | None,
        virttype: str | None,
        xmlCPUs: list[str] | None,
        flags: int = 0,
    ) -> str:
        """virConnectBaselineHypervisorCPU (libvirt 4.4.0; connect:write)."""
        return _CONNECT_BASELINE_HYPERVISOR_CPU(
            self, emulator, arch, machine, virttype, xmlCPUs or None, flags
        )

    def getMemoryStats(self, cellNum: int, flags: int = 0) -> dict[str, Any]:
        """virNodeGetMemoryStats (libvirt 0.9.3; connect:read)."""
        return _NODE_GET_MEMORY_STATS(self, cellNum, flags)

    def getMemoryParameters(self, flags: int = 0) -> dict[str, Any]:
        """virNodeGetMemoryParameters (libvirt 0.10.2; connect:read)."""
        return _NODE_GET_MEMORY_PARAMETERS(self, flags)

    def setMemoryParameters(self, params: dict[str, Any], flags: int = 0) -> int:
        """virNodeSetMemoryParameters (libvirt 0.10.2; connect:write).

        :param params: some of what :meth:`getMemoryParameters` shows, which is read first
        """
        check_dict(params)
        known = _OLD_PARAMETERS(self, flags)
        return _SET_MEMORY_PARAMETERS(self, like(params, known), flags)

    def getFreeMemory(self) -> int:
        """virNodeGetFreeMemory (libvirt 0.3.3; connect:read)."""
        return _NODE_GET_FREE_MEMORY(self)

    def getCellsFreeMemory(self, startCell: int, maxCells: int) -> list[Any]:
        """virNodeGetCellsFreeMemory (libvirt 0.3.3; connect:read): bytes free in each cell."""
        if startCell < 0 or maxCells <= 0 or startCell + maxCells > _MAX_CELLS:
            set_last_error(None)
            raise libvirtError("virNodeGetCellsFreeMemory() failed")
        return _NODE_GET_CELLS_FREE_MEMORY(self, startCell, maxCells)

    def getFreePages(
        self, pages: list[int], startCell: int, maxCells: int, flags: int = 0
    ) -> dict[int, dict[int, int]]:
        """virNodeGetFreePages (libvirt 1.2.6; connect:read): free pages by cell and size.

        :param pages: sizes in KiB
        """
        if not isinstance(pages, list):
            raise TypeError("pagesize must be list")
        if not maxCells:
            raise LookupError("cellCount must not be zero")
        counts = _GET_FREE_PAGES(self, [index(p) for p in pages], startCell, maxCells, flags)
        width = len(pages)
        rows = [counts[at : at + width] for at in range(0, len(counts), width)] if width else []
        return {startCell + n: dict(zip(pages, row, strict=False)) for n, row in enumerate(rows)}

    def allocPages(
        self, pages: dict[int, int], startCell: int = 0, cellCount: int = 0, flags: int = 0
    ) -> int:
        """virNodeAllocPages (libvirt 1.2.9; connect:write): cells that got pages.

        :param pages: number of pages by size in KiB
        """
        if not isinstance(pages, dict):
            raise TypeError("pages must be a dictionary")
        if not pages:
            raise LookupError("Need non-empty dictionary to pages attribute")
        sizes = [index(size) for size in pages]
        counts = [index(count) for count in pages.values()]
        return _ALLOC_PAGES(self, sizes, counts, startCell, cellCount, flags)

    def getSecurityModel(self) -> list[Any]:
        """virNodeGetSecurityModel (libvirt 0.6.1; connect:read)."""
        return _NODE_GET_SECURITY_MODEL(self)

    def getSEVInfo(self, flags: int = 0) -> dict[str, Any]:
        """virNodeGetSEVInfo (libvirt 4.5.0)."""
        return _NODE_GET_SEV_INFO(self, flags)

    def suspendForDuration(self, target: int, duration: int, flags: int = 0) -> int:
        """virNodeSuspendForDuration (libvirt 0.9.8; connect:pm-control)."""
        return _NODE_SUSPEND_FOR_DURATION(self, target, duration, flags)

    def isAlive(self) -> int:
        """virConnectIsAlive (libvirt 0.9.8)."""
        return _CONNECT_IS_ALIVE(self)

    def isEncrypted(self) -> int:
        """virConnectIsEncrypted (libvirt 0.7.3)."""
        return _CONNECT_IS_ENCRYPTED(self)

    def isSecure(self) -> int:
        """virConnectIsSecure (libvirt 0.7.3)."""
        return _CONNECT_IS_SECURE(self)

    def setKeepAlive(self, interval: int, count: int) -> int:
        """virConnectSetKeepAlive (libvirt 0.9.8)."""
        return _CONNECT_SET_KEEP_ALIVE(self, interval, count)

    def setIdentity(self, params: dict[str, Any], flags: int = 0) -> int:
        """virConnectSetIdentity (libvirt 5.8.0; connect:write).

        :param params: VIR_CONNECT_IDENTITY_*
        """
        if not isinstance(params, dict):
            raise TypeError("migration params must be a dictionary")
        return _SET_IDENTITY(self, hinted(params, _IDENTITY), flags)
