# SPDX-License-Identifier: Apache-2.0
"""The host's NUMA cells and last-level caches, as capabilities show them.

Read anew on each call: a processor that was offline at the first look must not be missing for
ever after.
"""

import re
from typing import NamedTuple

from nova_pyvirt.core.host.cpu import Place, online, place, present
from nova_pyvirt.core.host.memory import ALL_CELLS, Pages, node_memory, nodes, pools
from nova_pyvirt.core.host.sysfs import HostFs

_NODE = "sys/devices/system/node"
_CPU = "sys/devices/system/cpu"
#: smaller caches are not shown
_CACHE_LEVEL = 3
_CACHE_TYPES = {"Unified": "both", "Instruction": "code", "Data": "data"}
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class Cell(NamedTuple):
    """A NUMA cell.

    :ivar memory: KiB
    :ivar distances: cell -> relative distance
    :ivar cpus: processor -> where it sits, None for one that is offline
    """

    id: int
    memory: int
    pages: list[Pages]
    distances: dict[int, int]
    cpus: dict[int, Place | None]


class Cache(NamedTuple):
    """A cache bank. :ivar size: bytes; :ivar kind: both, code or data"""

    level: int
    id: int
    kind: str
    size: int
    cpus: tuple[int, ...]


def cells(fs: HostFs) -> list[Cell]:
    """All cells; one with everything where the kernel has no NUMA."""
    found = [_cell(fs, node) for node in nodes(fs)]
    return found or [_only_cell(fs)]


def _cell(fs: HostFs, node: int) -> Cell:
    base = f"{_NODE}/node{node}"
    distances = [int(value) for value in (fs.read(f"{base}/distance") or "").split()]
    cpus = fs.cpu_list(f"{base}/cpulist") or []
    return Cell(
        node,
        node_memory(fs, node)[0] // 1024,
        pools(fs, node),
        {cell: value for cell, value in zip(nodes(fs), distances, strict=False) if value},
        {cpu: place(fs, cpu) for cpu in cpus},
    )


def _only_cell(fs: HostFs) -> Cell:
    memory = node_memory(fs, ALL_CELLS)[0] // 1024
    return Cell(0, memory, [], {}, {cpu: place(fs, cpu) for cpu in present(fs)})


def caches(fs: HostFs) -> list[Cache]:
    """Cache banks of level 3 and up, by level and number; offline processors tell nothing."""
    found: set[Cache] = set()
    for cpu in online(fs):
        for index in fs.numbered(f"{_CPU}/cpu{cpu}/cache", "index"):
            bank = _bank(fs, f"{_CPU}/cpu{cpu}/cache/index{index}")
            if bank is not None:
                found.add(bank)
    return sorted(found)


def _bank(fs: HostFs, base: str) -> Cache | None:
    level, id_ = fs.number(f"{base}/level"), fs.number(f"{base}/id")
    kind = _CACHE_TYPES.get(fs.read(f"{base}/type") or "")
    size = re.fullmatch(r"(\d+)([KMG]?)", fs.read(f"{base}/size") or "")
    cpus = fs.cpu_list(f"{base}/shared_cpu_list")
    if level is None or level < _CACHE_LEVEL or id_ is None or not kind or not size or not cpus:
        return None
    return Cache(level, id_, kind, int(size.group(1)) * _UNITS[size.group(2)], tuple(cpus))
