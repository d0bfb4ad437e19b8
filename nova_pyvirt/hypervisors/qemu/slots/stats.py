# SPDX-License-Identifier: Apache-2.0
"""The table's statistics."""

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu.ops import stats
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
