# SPDX-License-Identifier: Apache-2.0
"""The host's processors: count, shape, clock, use."""

import re
from functools import lru_cache
from typing import NamedTuple

from nova_pyvirt.core.host.memory import total
from nova_pyvirt.core.host.sysfs import HostFs, format_list
from nova_pyvirt.errors import Code, From, check_flags, error, invalid_arg
from nova_pyvirt.util.native import os
from nova_pyvirt.util.typed import ULLong

_CPU = "sys/devices/system/cpu"
_NODE = "sys/devices/system/node"
#: VIR_NODE_CPU_STATS_ALL_CPUS
ALL_CPUS = -1
#: /proc/cpuinfo's name of the clock, by architecture
_CLOCK = {"x86_64": "cpu MHz", "i686": "cpu MHz", "ppc64": "clock", "ppc64le": "clock"}
_FUNCTION_STATS = "virHostCPUGetStatsLinux"


class NodeInfo(NamedTuple):
    """virNodeInfo. :ivar memory: KiB; :ivar mhz: 0 when not known"""

    model: str
    memory: int
    cpus: int
    mhz: int
    nodes: int
    sockets: int
    cores: int
    threads: int


class Place(NamedTuple):
    """Where a processor sits. :ivar siblings: the hardware threads of its core"""

    socket: int
    die: int
    core: int
    siblings: tuple[int, ...]


def host_arch() -> str:
    """The host's architecture, libvirt's name."""
    machine = os.uname().machine
    return {"i386": "i686", "i486": "i686", "i586": "i686", "arm64": "aarch64"}.get(
        machine, machine
    )


def present(fs: HostFs) -> list[int]:
    return fs.cpu_list(f"{_CPU}/present") or []


def online(fs: HostFs) -> list[int]:
    return fs.cpu_list(f"{_CPU}/online") or []


def count(fs: HostFs) -> int:
    """The highest processor number present, plus one."""
    numbers = present(fs)
    return numbers[-1] + 1 if numbers else 0


def place(fs: HostFs, cpu: int) -> Place | None:
    """Where `cpu` sits; None for one that is offline (the kernel takes its topology away)."""
    base = f"{_CPU}/cpu{cpu}/topology"
    if not fs.exists(base):
        return None
    siblings = fs.cpu_list(f"{base}/thread_siblings_list") or [cpu]
    return Place(
        _topology(fs, base, "physical_package_id"),
        _topology(fs, base, "die_id"),
        _topology(fs, base, "core_id"),
        tuple(siblings),
    )


def _topology(fs: HostFs, base: str, name: str) -> int:
    """A topology number; -1 and a missing file mean the kernel doesn't know."""
    text = fs.read(f"{base}/{name}")
    return max(0, int(text)) if text else 0


def node_info(fs: HostFs, arch: str | None = None) -> NodeInfo:
    """virNodeGetInfo.

    When the machine is not regular (nodes of different shape, processors offline), one node with
    all processors as cores is reported: the product must cover every processor number.
    """
    arch = arch or host_arch()
    shapes = _shapes(str(fs.root), tuple(present(fs)), tuple(online(fs)))
    cpus = sum(shape[0] for shape in shapes)
    offline = sum(shape[1] for shape in shapes)
    sockets, cores, threads = (max(shape[i] for shape in shapes) for i in (2, 3, 4))
    for value, what in ((cpus, "CPUs"), (sockets, "sockets"), (threads, "threads")):
        if value == 0:
            raise error(Code.INTERNAL_ERROR, f"no {what} found", domain=From.NONE)
    count_nodes = len(shapes)
    if count_nodes * sockets * cores * threads != cpus + offline:
        count_nodes, sockets, cores, threads = 1, 1, cpus + offline, 1
    memory = total(fs) // 1024
    return NodeInfo(arch, memory, cpus, _mhz(fs, arch), count_nodes, sockets, cores, threads)


#: online, offline, sockets, most cores in a socket, most threads in a core
_Shape = tuple[int, int, int, int, int]


@lru_cache(maxsize=8)
def _shapes(root: str, exist: tuple[int, ...], active: tuple[int, ...]) -> list[_Shape]:
    """Of each node; of the whole host where the nodes have no processors. Where a processor sits
    does not change while it is online.
    """
    fs = HostFs(root)
    every, some = frozenset(exist), frozenset(active)
    nodes = fs.numbered(_NODE, "node")
    shapes = [_shape(fs, f"{_NODE}/node{node}", every, some) for node in nodes]
    if not sum(shape[0] for shape in shapes):
        return [_shape(fs, _CPU, every, some)]
    return shapes


def _shape(fs: HostFs, folder: str, exist: frozenset[int], active: frozenset[int]) -> _Shape:
    cores: dict[int, set[int]] = {}
    threads = on = off = 0
    for cpu in fs.numbered(folder, "cpu"):
        if cpu not in exist:
            continue
        if cpu not in active:
            off += 1
            continue
        on += 1
        where = place(fs, cpu) or Place(0, 0, cpu, (cpu,))
        cores.setdefault(where.socket, set()).add(where.core)
        threads = max(threads, len(where.siblings))
    most = max((len(found) for found in cores.values()), default=0)
    return on, off, len(cores), most, threads


def _mhz(fs: HostFs, arch: str) -> int:
    """The last processor's clock, as libvirt shows it; 0 when the kernel doesn't tell."""
    name = _CLOCK.get(arch)
    if name is None:
        return 0
    found = re.findall(rf"^{name}\s*:\s*(\d+)", fs.require("proc/cpuinfo"), re.MULTILINE)
    return int(found[-1]) if found else 0


def cpu_map(fs: HostFs, flags: int = 0) -> tuple[int, bytes, int]:
    """virNodeGetCPUMap: processors present, which of them are online (a bit each, the lowest first),
    how many are."""
    check_flags(flags, 0, "virHostCPUGetMap")
    active = online(fs)
    size = count(fs)
    bits = sum(1 << cpu for cpu in active)
    return size, bits.to_bytes(-(-size // 8), "little"), len(active)


def cpu_stats(fs: HostFs, cpu: int, flags: int = 0) -> dict[str, ULLong]:
    """virNodeGetCPUStats: kernel, user, idle and iowait time in ns of one processor or (-1) all."""
    check_flags(flags, 0, "virHostCPUGetStats")
    wanted = "cpu" if cpu == ALL_CPUS else f"cpu{cpu}"
    start = f"{wanted} "
    for line in fs.require("proc/stat").splitlines():
        if not line.startswith(start):
            continue
        ticks = [int(field) for field in line.split()[1:]] + [0] * 10
        user, nice, system, idle, iowait, irq, softirq = ticks[:7]
        ns = 10**9 // os.sysconf("SC_CLK_TCK")
        return {
            "kernel": ULLong((system + irq + softirq) * ns),
            "user": ULLong((user + nice) * ns),
            "idle": ULLong(idle * ns),
            "iowait": ULLong(iowait * ns),
        }
    raise invalid_arg(_FUNCTION_STATS, "cpuNum", f"Invalid cpuNum in {_FUNCTION_STATS}")


def microcode(fs: HostFs) -> int:
    """The CPU's microcode version, 0 when not known."""
    found = re.search(r"^microcode\s*:\s*(\w+)", fs.read("proc/cpuinfo") or "", re.MULTILINE)
    return int(found.group(1), 0) if found else 0


def physical_bits(fs: HostFs) -> int | None:
    """The width of physical addresses."""
    found = re.search(r"^address sizes\s*:\s*(\d+)", fs.read("proc/cpuinfo") or "", re.MULTILINE)
    return int(found.group(1)) if found else None


def siblings_text(where: Place) -> str:
    """The siblings as capabilities show them, e.g. ``0-1``."""
    return format_list(list(where.siblings))
