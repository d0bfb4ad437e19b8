# SPDX-License-Identifier: Apache-2.0
"""The host's memory: how much, how much is free, huge pages, page merging."""

import re
from typing import NamedTuple

from nova_pyvirt.core.host.sysfs import HostFs
from nova_pyvirt.errors import Code, From, check_flags, error, invalid_arg
from nova_pyvirt.util.native import os
from nova_pyvirt.util.typed import UInt, ULLong

_NODE = "sys/devices/system/node"
_HUGE = "sys/kernel/mm/hugepages"
_KSM = "sys/kernel/mm/ksm"
#: VIR_NODE_MEMORY_STATS_ALL_CELLS
ALL_CELLS = -1
#: VIR_TYPED_PARAM_STRING_OKAY
_STRING_OKAY = 4
_STATS = (("MemTotal", "total"), ("MemFree", "free"), ("Buffers", "buffers"), ("Cached", "cached"))
#: a line that somebody here wants; the others are many
_MEMINFO = re.compile(r"^(?:Node \d+ )?(MemTotal|MemFree|Buffers|Cached):\s+(\d+) kB", re.MULTILINE)
_KSM_PARAMETERS = (
    ("shm_pages_to_scan", UInt),
    ("shm_sleep_millisecs", UInt),
    ("shm_pages_shared", ULLong),
    ("shm_pages_sharing", ULLong),
    ("shm_pages_unshared", ULLong),
    ("shm_pages_volatile", ULLong),
    ("shm_full_scans", ULLong),
    ("shm_merge_across_nodes", UInt),
)
_FUNCTION_STATS = "virHostMemGetStats"


class Pages(NamedTuple):
    """A pool of pages. :ivar size: KiB; :ivar total: pages in it; :ivar free: unused ones"""

    size: int
    total: int
    free: int


def nodes(fs: HostFs) -> list[int]:
    """The NUMA nodes; empty where the kernel has no NUMA."""
    return fs.numbered(_NODE, "node")


def max_node(fs: HostFs) -> int:
    return max(nodes(fs), default=0)


def _meminfo(fs: HostFs, node: int) -> dict[str, int]:
    """KiB by name; node -1 is the whole host."""
    name = "proc/meminfo" if node == ALL_CELLS else f"{_NODE}/node{node}/meminfo"
    return {key: int(value) for key, value in _MEMINFO.findall(fs.require(name))}


def node_memory(fs: HostFs, node: int) -> tuple[int, int]:
    """A node's memory and its free part, bytes."""
    info = _meminfo(fs, node)
    return info.get("MemTotal", 0) * 1024, info.get("MemFree", 0) * 1024


def total(fs: HostFs) -> int:
    """All memory, bytes; more than that of the nodes when some was added later."""
    return _meminfo(fs, ALL_CELLS)["MemTotal"] << 10


def free(fs: HostFs) -> int:
    """virNodeGetFreeMemory, bytes."""
    return sum(node_memory(fs, node)[1] for node in nodes(fs) or [ALL_CELLS])


def cells_free(fs: HostFs, start: int, cells: int) -> list[int]:
    """virNodeGetCellsFreeMemory: bytes of at most `cells` nodes from `start` on."""
    last = max_node(fs)
    check_start(start, last)
    known = set(nodes(fs) or [0])
    found = []
    for cell in range(start, min(last, start + cells - 1) + 1):
        whole = ALL_CELLS if not nodes(fs) else cell
        found.append(node_memory(fs, whole)[1] if cell in known else 0)
    return found


def check_start(start: int, last: int) -> None:
    """:raises libvirtError: INTERNAL_ERROR"""
    if start > last:
        detail = f"start cell {start} out of range (0-{last})"
        raise error(Code.INTERNAL_ERROR, detail, domain=From.NONE)


def stats(fs: HostFs, cell: int, flags: int = 0) -> dict[str, ULLong]:
    """virNodeGetMemoryStats, KiB: total and free; buffers and cached of the whole host only."""
    check_flags(flags, 0, _FUNCTION_STATS)
    if cell == 0 and not nodes(fs):
        cell = ALL_CELLS
    if cell != ALL_CELLS and cell > max_node(fs):
        text = f"cellNum in {_FUNCTION_STATS} must be less than or equal to {max_node(fs)}"
        raise invalid_arg(_FUNCTION_STATS, "cellNum", text)
    info = _meminfo(fs, cell)
    wanted = _STATS if cell == ALL_CELLS else _STATS[:2]
    found = {name: ULLong(info[key]) for key, name in wanted if key in info}
    if not found:
        raise error(Code.INTERNAL_ERROR, "no available memory line found", domain=From.NONE)
    return found


def page_size() -> int:
    """The system's page size, KiB."""
    return os.sysconf("SC_PAGESIZE") // 1024


def _pool_folder(node: int) -> str:
    return _HUGE if node == ALL_CELLS else f"{_NODE}/node{node}/hugepages"


def pools(fs: HostFs, node: int = ALL_CELLS) -> list[Pages]:
    """All pools of a node or (-1) of the host, the smallest pages first.

    Huge pages are carved out of ordinary memory, so those in the pool are not counted twice.
    """
    folder = _pool_folder(node)
    huge = []
    for size in fs.numbered_pools(folder):
        base = f"{folder}/hugepages-{size}kB"
        all_ = fs.number(f"{base}/nr_hugepages") or 0
        huge.append(Pages(size, all_, fs.number(f"{base}/free_hugepages") or 0))
    taken = sum(pool.size * 1024 * pool.total for pool in huge)
    have, unused = (total(fs), free(fs)) if node == ALL_CELLS else node_memory(fs, node)
    size = page_size() * 1024
    return sorted([Pages(page_size(), (have - taken) // size, unused // size), *huge])


def _free_pages(fs: HostFs, node: int, size: int) -> int:
    if size == page_size():
        unused = free(fs) if node == ALL_CELLS else node_memory(fs, node)[1]
        return unused // (size * 1024)
    return fs.number(f"{pool(fs, node, size)}/free_hugepages") or 0


def pool(fs: HostFs, node: int, size: int) -> str:
    """The directory of a pool of huge pages.

    :param node: -1: the whole host's; :param size: KiB
    :raises libvirtError: OPERATION_FAILED when there is none
    """
    found = f"{_pool_folder(node)}/hugepages-{size}kB"
    if not fs.exists(found):
        if node == ALL_CELLS:
            detail = f"page size {size} is not available"
        elif node not in nodes(fs):
            detail = f"NUMA node {node} is not available"
        else:
            detail = f"page size {size} is not available on node {node}"
        raise error(Code.OPERATION_FAILED, detail, domain=From.NONE)
    return found


def free_pages(fs: HostFs, sizes: list[int], start: int, cells: int, flags: int = 0) -> list[int]:
    """virNodeGetFreePages: for each of `cells` nodes from `start` on, the free pages of each size.

    :param sizes: KiB
    :param start: first node, -1: the whole host
    """
    check_flags(flags, 0, "qemuNodeGetFreePages", domain=From.QEMU)
    last = max_node(fs)
    if not nodes(fs) and start == 0 and cells == 1:
        start = ALL_CELLS
    check_start(start, last)
    found = [
        _free_pages(fs, cell, size)
        for cell in range(start, min(last, start + cells - 1) + 1)
        for size in sizes
    ]
    if not found:
        raise error(Code.INTERNAL_ERROR, "no suitable info found", domain=From.NONE)
    return found


def merging(name: str) -> str:
    """The file of a parameter of page merging, VIR_NODE_MEMORY_SHARED_*."""
    return f"{_KSM}/{name.removeprefix('shm_')}"


def parameters(fs: HostFs, flags: int = 0) -> dict[str, UInt | ULLong]:
    """virNodeGetMemoryParameters: the kernel's page merging; what it lacks is left out."""
    check_flags(flags, _STRING_OKAY, "virHostMemGetParameters")
    found: dict[str, UInt | ULLong] = {}
    for name, kind in _KSM_PARAMETERS:
        value = fs.number(merging(name))
        if value is not None:
            found[name] = kind(value)
    return found
