# SPDX-License-Identifier: Apache-2.0
"""Memory: -m, the back-ends of RAM, NUMA cells (qemuBuildMemCommandLine, qemuBuildNumaCommandLine)."""

from dataclasses import dataclass
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.command.context import CommandContext, on_off, props
from nova_pyvirt.hypervisors.qemu.postparse import initial_memory
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.cpu import CPU, NumaCell
from nova_pyvirt.model.domain import Domain

Args = list[str]
#: KiB of an ordinary page
_PAGE = 4
_HIERARCHY = ("memory", "first-level", "second-level", "third-level")


@dataclass(frozen=True, slots=True)
class Region:
    """Some memory that needs a back-end.

    :ivar ident: the object's id
    :ivar size: KiB
    :ivar node: guest NUMA node, None = none
    :ivar system: the RAM of a machine without NUMA; keeps the block's name of older QEMUs
    :ivar page: KiB of the pages asked for this region alone, 0 = not said
    :ivar path: a file or device that is the memory (nvdimm)
    :ivar nodes: host nodes asked for this region alone
    :ivar access: shared or private, asked for this region alone
    :ivar discard: asked for this region alone
    """

    ident: str
    size: int
    node: int | None = None
    system: bool = False
    page: int = 0
    path: str | None = None
    nodes: str | None = None
    access: str | None = None
    discard: bool | None = None
    align: int | None = None
    pmem: bool | None = None
    prealloc: bool = True


def memory(domain: Domain, caps: QemuCaps, ctx: CommandContext) -> Args:
    """-m, the one back-end of a machine without NUMA, -overcommit."""
    initial = initial_memory(domain)
    if domain.max_memory:
        size = f"size={initial}k,slots={domain.max_memory_slots},maxmem={domain.max_memory}k"
    else:
        size = str(initial // 1024)
    args = ["-m", size]
    machine = caps.machine(domain.os.machine, domain.type)
    if not (domain.cpu is not None and domain.cpu.cells):
        if machine and machine.default_ram_id:
            region = Region(machine.default_ram_id, initial, system=True)
            args += objects(backend(domain, caps, ctx, region), caps)
        else:
            args += _options(domain, ctx)
    locked = domain.memory_backing is not None and domain.memory_backing.locked
    args += ["-overcommit", f"mem-lock={on_off(bool(locked))}"]
    return args


def _bare(domain: Domain, caps: QemuCaps) -> bool:
    """Has the guest's first memory no back-end object? Older machines only: their NUMA cells have one
    just when they need it."""
    machine = caps.machine(domain.os.machine, domain.type)
    cpu = domain.cpu
    if cpu is None or not cpu.cells:
        return machine is None or not machine.default_ram_id
    if machine is None or not machine.numa_mem_supported or _has_hmat(cpu):
        return False
    return not any(_needs_backend(domain, cell) for cell in cpu.cells)


def _needs_backend(domain: Domain, cell: NumaCell) -> bool:
    tune, backing = domain.numatune, domain.memory_backing
    if cell.mem_access or (tune and any(item.cellid == cell.id for item in tune.memnodes)):
        return True
    if backing is None:
        return False
    own = [p for p in backing.pages if p.nodeset and cell.id in cpuset.parse(p.nodeset)]
    return bool(backing.access or backing.source in ("file", "memfd")) or any(
        page.size != _PAGE for page in own
    )


def _has_hmat(cpu: CPU) -> bool:
    return bool(cpu.latencies or cpu.bandwidths or any(c.caches for c in cpu.cells))


def _options(domain: Domain, ctx: CommandContext) -> Args:
    """-mem-prealloc and -mem-path, for memory without a back-end (qemuBuildMemPathStr)."""
    backing = domain.memory_backing
    if backing is None:
        return []
    page = backing.pages[0].size if backing.pages else 0
    huge = bool(backing.hugepages) and page != _PAGE
    args = ["-mem-prealloc"] if _filled_at_once(domain) else []
    if huge:
        args += ["-mem-path", _path(ctx, page or ctx.default_hugepage, "ram")]
    elif backing.source == "file":
        args += ["-mem-path", _path(ctx, 0, "ram")]
    return args


def _filled_at_once(domain: Domain) -> bool:
    """Does memory without a back-end have all its pages from the start?"""
    backing = domain.memory_backing
    if backing is None:
        return False
    page = backing.pages[0].size if backing.pages else 0
    return (bool(backing.hugepages) and page != _PAGE) or backing.allocation == "immediate"


def objects(values: dict[str, Any], caps: QemuCaps) -> Args:
    """-object of a back-end, before it that of the threads which fill it on its host nodes."""
    args: Args = []
    if caps.has("thread-context") and values.get("host-nodes") and values.get("prealloc"):
        ident = f"tc-{values['id']}"
        nodes = values["host-nodes"]
        args += ["-object", props(qom_type="thread-context", id=ident, node_affinity=nodes)]
        values = {**values, "prealloc-context": ident}
    return [*args, "-object", props(**values)]


def backend(domain: Domain, caps: QemuCaps, ctx: CommandContext, region: Region) -> dict[str, Any]:
    """The properties of a memory-backend-* object.

    :raises libvirtError: INTERNAL_ERROR when no hugetlbfs has pages of the size
    """
    access = region.access or _cell(domain, region, "mem_access") or _global(domain, "access")
    discard = region.discard
    if discard is None:
        discard = _cell(domain, region, "discard")
    if discard is None and _global(domain, "discard"):
        discard = True
    page = region.page or _page(domain, ctx, region.node)
    page = 0 if page == _PAGE else page
    source = _global(domain, "source")
    kind, values = "memory-backend-file", dict[str, Any]()
    canonical = region.system
    if region.path is None and source == "memfd":
        kind = "memory-backend-memfd"
        if page:
            values |= {"hugetlb": True, "hugetlbsize": page << 10}
    elif page or region.path is not None or access or source == "file":
        values["mem-path"] = region.path or _path(ctx, page, region.ident)
        if region.path is None:
            values["discard-data"] = discard
    else:
        kind, canonical = "memory-backend-ram", False
    if access and kind != "memory-backend-ram":
        values["share"] = access == "shared"
    if canonical and caps.has("memory-backend-file.x-use-canonical-path-for-ramblock-id"):
        values["x-use-canonical-path-for-ramblock-id"] = False
    if region.prealloc and not (_bare(domain, caps) and _filled_at_once(domain)):
        filled = page or (region.path and not region.pmem)
        if filled or _global(domain, "allocation") == "immediate":
            values["prealloc"] = True
        values["prealloc-threads"] = _global(domain, "allocation_threads")
    values |= {"size": region.size << 10, "align": region.align and region.align << 10}
    values |= {"pmem": region.pmem, **_host_nodes(domain, ctx, region)}
    return {"qom-type": kind, "id": region.ident} | {
        k: v for k, v in values.items() if v is not None
    }


def _global(domain: Domain, name: str) -> Any:
    backing = domain.memory_backing
    return None if backing is None else getattr(backing, name)


def _cell(domain: Domain, region: Region, name: str) -> Any:
    cells = domain.cpu.cells if domain.cpu is not None else []
    if region.node is None or region.node >= len(cells):
        return None
    return getattr(cells[region.node], name)


def _page(domain: Domain, ctx: CommandContext, node: int | None) -> int:
    """KiB of the huge pages for a node; 0 = ordinary ones."""
    backing = domain.memory_backing
    if backing is None:
        return 0
    master = 0
    for page in backing.pages:
        if page.nodeset is None:
            master = page.size
        elif node is not None and node in cpuset.parse(page.nodeset):
            return int(page.size)
    if backing.hugepages and not backing.pages:
        return ctx.default_hugepage
    return master


def _path(ctx: CommandContext, page: int, ident: str) -> str:
    if not page:
        return f"{ctx.memory_dir}/{ctx.short_name}/{ident}"
    if not ctx.hugetlbfs:
        raise errors.error(
            Code.INTERNAL_ERROR,
            "hugetlbfs filesystem is not mounted or disabled by administrator config",
        )
    mount = ctx.hugetlbfs.get(page)
    if mount is None:
        detail = f"Unable to find any usable hugetlbfs mount for {page} KiB"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    return f"{mount}/libvirt/qemu/{ctx.short_name}"


def _host_nodes(domain: Domain, ctx: CommandContext, region: Region) -> dict[str, Any]:
    """Where the memory must be: per cell, for the whole domain, or anywhere.

    :raises libvirtError: CONFIG_UNSUPPORTED for a node the host lacks; INTERNAL_ERROR when numad
        should have chosen
    """
    tune = domain.numatune
    mode, nodes = (tune.mode, tune.nodeset) if tune is not None else (None, None)
    if tune is not None and tune.placement == "auto":
        nodes = ctx.auto_nodeset
        if nodes is None and region.nodes is None:
            detail = "Advice from numad is needed in case of automatic numa placement"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
    for item in tune.memnodes if tune is not None else []:
        if item.cellid == region.node:
            mode, nodes = item.mode, item.nodeset
    if region.nodes is not None:
        nodes = region.nodes
    if not nodes:
        return {}
    numbers = cpuset.parse(nodes)
    missing = [] if ctx.host_nodes is None else [n for n in numbers if n not in ctx.host_nodes]
    if missing:
        detail = f"NUMA node {missing[0]} is unavailable"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.NONE)
    if mode == "restrictive":
        return {}
    policy = {"preferred": "preferred", "interleave": "interleave"}.get(mode or "strict", "bind")
    return {"host-nodes": numbers, "policy": policy}


def numa(domain: Domain, caps: QemuCaps, ctx: CommandContext) -> Args:
    """-numa and the back-ends of the cells.

    :raises libvirtError: CONFIG_UNSUPPORTED when no cell has processors
    """
    cpu = domain.cpu
    if cpu is None or not cpu.cells:
        return []
    hmat, needed = _has_hmat(cpu), not _bare(domain, caps)
    master = next((c.id for c in cpu.cells if c.cpus), None)
    if master is None:
        detail = "At least one NUMA node has to have CPUs"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    backends = [
        backend(domain, caps, ctx, Region(f"ram-node{c.id}", c.memory, c.id)) for c in cpu.cells
    ]
    args = [] if needed else _options(domain, ctx)
    for cell, values in zip(cpu.cells, backends, strict=True):
        if needed:
            args += objects(values, caps)
        words = [f"node,nodeid={cell.id}", *_cpus(cell)]
        if hmat:
            words.append(f"initiator={_initiator(cpu, cell, master)}")
        words.append(f"memdev=ram-node{cell.id}" if needed else f"mem={cell.memory // 1024}")
        args += ["-numa", ",".join(words)]
    return args + _distances(cpu) + (_hmat(cpu) if hmat else [])


def _cpus(cell: NumaCell) -> Args:
    runs = cpuset.ranges(cpuset.parse(cell.cpus)) if cell.cpus else []
    return [f"cpus={a}" if a == b else f"cpus={a}-{b}" for a, b in runs]


def _initiator(cpu: CPU, cell: NumaCell, master: int) -> int:
    """The node whose processors reach the cell best."""
    if cell.cpus:
        return int(cell.id)
    best: tuple[int, int] | None = None
    for link in cpu.latencies:
        if link.target == cell.id and link.type == "access":
            if best is None or link.value < best[0]:
                best = (link.value, link.initiator)
    if best is None:
        for link in cpu.bandwidths:
            if link.target == cell.id and link.type == "access":
                if best is None or -link.value < best[0]:
                    best = (-link.value, link.initiator)
    return master if best is None else best[1]


def _distances(cpu: CPU) -> Args:
    """All distances when one is set; those nobody set are 10 and 20, or the other direction's."""
    if not any(cell.distances for cell in cpu.cells):
        return []
    given = {(c.id, s.id): s.value for c in cpu.cells for s in c.distances}
    args: Args = []
    for src in range(len(cpu.cells)):
        for dst in range(len(cpu.cells)):
            value = given.get((src, dst)) or given.get((dst, src)) or (10 if src == dst else 20)
            args += ["-numa", f"dist,src={src},dst={dst},val={value}"]
    return args


def _hmat(cpu: CPU) -> Args:
    args: Args = []
    for kind, links, unit in (
        ("latency", cpu.latencies, ""),
        ("bandwidth", cpu.bandwidths, "K"),
    ):
        for link in links:
            args += ["-numa", (
                f"hmat-lb,initiator={link.initiator},target={link.target},"
                f"hierarchy={_HIERARCHY[link.cache or 0]},data-type={link.type}-{kind},"
                f"{kind}={link.value}{unit}"
            )]  # fmt: skip
    for cell in cpu.cells:
        for cache in cell.caches:
            words = [f"hmat-cache,node-id={cell.id}", f"size={cache.size}K", f"level={cache.level}"]
            ways = {"full": "complex"}.get(cache.associativity, cache.associativity or "none")
            policy = {"writeback": "write-back", "writethrough": "write-through"}
            words += [f"associativity={ways}", f"policy={policy.get(cache.policy, 'none')}"]
            if cache.line:
                words.append(f"line={cache.line}")
            args += ["-numa", ",".join(words)]
    return args
