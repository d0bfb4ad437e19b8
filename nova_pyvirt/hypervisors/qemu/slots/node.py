# SPDX-License-Identifier: Apache-2.0
"""The table's calls about the host."""

from typing import Any

from nova_pyvirt.core.host import pools
from nova_pyvirt.core.host.suspend import SLEEP
from nova_pyvirt.hypervisors.qemu.caps import connect as caps
from nova_pyvirt.hypervisors.qemu.caps import sev
from nova_pyvirt.hypervisors.qemu.params import validate
from nova_pyvirt.hypervisors.qemu.slots.base import Slots
from nova_pyvirt.util.typed import Params


class NodeSlots(Slots):
    """What the host has, and what changes it."""

    def node_get_info(self) -> Any:
        return caps.node_get_info(self.state.view)

    def node_get_cpu_map(self, flags: int) -> tuple[int, bytes, int]:
        return caps.node_get_cpu_map(self.state.view, flags)

    def node_get_cpu_stats(self, cpu: int, flags: int) -> Params:
        return dict(caps.node_get_cpu_stats(self.state.view, cpu, flags))

    def node_get_memory_stats(self, cell: int, flags: int) -> Params:
        return dict(caps.node_get_memory_stats(self.state.view, cell, flags))

    def node_get_memory_parameters(self, flags: int) -> Params:
        return dict(caps.node_get_memory_parameters(self.state.view, flags))

    def node_get_cells_free_memory(self, start: int, cells: int) -> list[int]:
        return caps.node_get_cells_free_memory(self.state.view, start, cells)

    def node_get_free_memory(self) -> int:
        return caps.node_get_free_memory(self.state.view)

    def node_get_free_pages(self, *args: Any) -> list[int]:
        return caps.node_get_free_pages(self.state.view, *args)

    def node_get_security_model(self) -> tuple[str, str]:
        return caps.node_get_security_model(self.state.view)

    def node_get_sev_info(self, flags: int) -> Params:
        return sev.of_host(self.state.view, flags)

    def node_alloc_pages(self, *args: Any) -> int:
        return pools.allocate(self.state.view.fs, *args)

    def node_set_memory_parameters(self, params: Params, flags: int) -> None:
        validate(params, pools.PARAMETERS)
        pools.set_parameters(self.state.view.fs, params, flags)

    def node_suspend_for_duration(self, target: int, duration: int, flags: int) -> None:
        SLEEP.suspend(self.state.view.fs, target, duration, flags)
