# SPDX-License-Identifier: Apache-2.0
"""Guest NUMA: cells, distances, memory-side caches, interconnects."""

from nova_pyvirt.hypervisors.qemu.validate.common import bad_xml
from nova_pyvirt.model.cpu import CPU, Latency, NumaCell
from nova_pyvirt.model.domain import Domain


def check(domain: Domain) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED, XML_ERROR"""
    cpu = domain.cpu
    if cpu is None or not cpu.cells:
        return
    for cell in cpu.cells:
        _distances(cell, len(cpu.cells))
        _caches(cell)
    links: list[Latency] = [*cpu.latencies, *cpu.bandwidths]
    for number, link in enumerate(links):
        _link(cpu, link, links[:number])


def _distances(cell: NumaCell, count: int) -> None:
    for sibling in cell.distances:
        if sibling.id >= count:
            raise bad_xml(
                f"'sibling_id {sibling.id}' does not refer to a valid cell within NUMA"
                f" 'cell id {cell.id}'"
            )
        own = sibling.id == cell.id
        if not 10 <= sibling.value <= 255 or own != (sibling.value == 10):
            raise bad_xml(
                f"'value {sibling.value}' is invalid for 'sibling id {sibling.id}' under"
                f" NUMA 'cell id {cell.id}'"
            )


def _caches(cell: NumaCell) -> None:
    seen: set[int] = set()
    for cache in cell.caches:
        if cache.level is None or cache.level > 3:
            raise bad_xml("Ain't nobody heard of that much cache level")
        if cache.level in seen:
            raise bad_xml(f"Cache level '{cache.level}' already defined")
        seen.add(cache.level)


def _link(cpu: CPU, link: Latency, before: list[Latency]) -> None:
    count = len(cpu.cells)
    if link.initiator is None or link.initiator >= count:
        raise bad_xml("'initiator' refers to a non-existent NUMA node")
    if link.target is None or link.target >= count:
        raise bad_xml("'target' refers to a non-existent NUMA node")
    if not cpu.cells[link.initiator].cpus:
        raise bad_xml("NUMA nodes without CPUs can't be initiator")
    if link.cache and link.cache not in {c.level for c in cpu.cells[link.target].caches}:
        raise bad_xml("'cache' refers to a non-existent NUMA node cache")
    for other in before:
        if _key(link) == _key(other):
            raise bad_xml("Duplicate info for NUMA latencies")
        there = (other.initiator, other.target)
        if link.initiator != link.target and (link.target, link.initiator) == there:
            raise bad_xml("Link already defined")


def _key(link: Latency) -> tuple[object, ...]:
    return type(link), link.initiator, link.target, link.cache, link.type
