# SPDX-License-Identifier: Apache-2.0
"""The table's statistics."""

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu.ops import allstats, blocks, dirtyrate, stats
from nova_pyvirt.hypervisors.qemu.slots.base import Slots
from nova_pyvirt.util.typed import Params


class StatsSlots(Slots):
    """What guests have used."""

    def domain_get_vcpus(self, dom: DomainRef) -> tuple[list[list[int]], list[bytes]]:
        return stats.get_vcpus(self.state, dom)

    def domain_block_stats(self, dom: DomainRef, path: str) -> tuple[int, ...]:
        return stats.block_stats(self.state, dom, path)

    def domain_block_stats_flags(self, dom: DomainRef, path: str, flags: int) -> Params:
        return stats.block_stats_flags(self.state, dom, path, flags)

    def domain_interface_stats(self, dom: DomainRef, device: str) -> tuple[int, ...]:
        return stats.interface_stats(self.state, dom, device)

    def domain_memory_stats(self, dom: DomainRef, flags: int) -> list[tuple[int, int]]:
        return stats.memory_stats(self.state, dom, flags)

    def domain_get_cpu_stats(
        self, dom: DomainRef, start: int, count: int, flags: int
    ) -> list[Params] | int:
        return stats.get_cpu_stats(self.state, dom, start, count, flags)

    def connect_get_all_domain_stats(
        self, doms: list[DomainRef], groups: int, flags: int
    ) -> list[tuple[DomainRef, Params]]:
        return allstats.get_all_domain_stats(self.state, doms, groups, flags)

    def domain_start_dirty_rate_calc(self, dom: DomainRef, seconds: int, flags: int) -> None:
        dirtyrate.start_dirty_rate_calc(self.state, dom, seconds, flags)

    # --- disks

    def domain_get_block_info(self, dom: DomainRef, path: str, flags: int) -> tuple[int, ...]:
        return blocks.get_block_info(self.state, dom, path, flags)

    def domain_block_resize(self, dom: DomainRef, path: str, size: int, flags: int) -> None:
        blocks.block_resize(self.state, dom, path, size, flags)

    def domain_block_peek(
        self, dom: DomainRef, path: str, offset: int, size: int, flags: int
    ) -> bytes:
        return blocks.block_peek(self.state, dom, path, offset, size, flags)

    def domain_set_block_threshold(
        self, dom: DomainRef, dev: str, threshold: int, flags: int
    ) -> None:
        blocks.set_block_threshold(self.state, dom, dev, threshold, flags)

    def domain_get_disk_errors(self, dom: DomainRef, flags: int) -> list[tuple[str, int]]:
        return blocks.get_disk_errors(self.state, dom, flags)

    def domain_memory_peek(self, dom: DomainRef, start: int, size: int, flags: int) -> bytes:
        return blocks.memory_peek(self.state, dom, start, size, flags)
