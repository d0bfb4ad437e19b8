# SPDX-License-Identifier: Apache-2.0
"""The table's vCPUs, memory, pins and limits."""

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu.ops import (
    bandwidth,
    blkio,
    iothreads,
    iotune,
    memory,
    memtune,
    numa,
    perf,
    pinning,
    scheduler,
    vcpus,
)
from nova_pyvirt.hypervisors.qemu.slots.base import Slots
from nova_pyvirt.util.typed import Params


class TuningSlots(Slots):
    """What guests get."""

    def domain_get_max_vcpus(self, dom: DomainRef) -> int:
        return vcpus.get_max_vcpus(self.state, dom)

    def domain_get_vcpus_flags(self, dom: DomainRef, flags: int) -> int:
        return vcpus.get_vcpus_flags(self.state, dom, flags)

    def domain_set_vcpus(self, dom: DomainRef, count: int) -> None:
        vcpus.set_vcpus_flags(self.state, dom, count, 1)

    def domain_set_vcpus_flags(self, dom: DomainRef, count: int, flags: int) -> None:
        vcpus.set_vcpus_flags(self.state, dom, count, flags)

    def domain_set_vcpu(self, dom: DomainRef, vcpumap: str, on: int, flags: int) -> None:
        vcpus.set_vcpu(self.state, dom, vcpumap, on, flags)

    def domain_pin_vcpu(self, dom: DomainRef, vcpu: int, cpumap: bytes) -> None:
        pinning.pin_vcpu_flags(self.state, dom, vcpu, cpumap, 1)

    def domain_pin_vcpu_flags(self, dom: DomainRef, vcpu: int, cpumap: bytes, flags: int) -> None:
        pinning.pin_vcpu_flags(self.state, dom, vcpu, cpumap, flags)

    def domain_get_vcpu_pin_info(self, dom: DomainRef, flags: int) -> list[bytes]:
        return pinning.get_vcpu_pin_info(self.state, dom, flags)

    def domain_pin_emulator(self, dom: DomainRef, cpumap: bytes, flags: int) -> None:
        pinning.pin_emulator(self.state, dom, cpumap, flags)

    def domain_get_emulator_pin_info(self, dom: DomainRef, flags: int) -> bytes:
        return pinning.get_emulator_pin_info(self.state, dom, flags)

    def domain_set_memory(self, dom: DomainRef, kib: int) -> None:
        memory.set_memory_flags(self.state, dom, kib, 1)

    def domain_set_max_memory(self, dom: DomainRef, kib: int) -> None:
        memory.set_memory_flags(self.state, dom, kib, memory.MAXIMUM)

    def domain_set_memory_flags(self, dom: DomainRef, kib: int, flags: int) -> None:
        memory.set_memory_flags(self.state, dom, kib, flags)

    def domain_set_memory_stats_period(self, dom: DomainRef, period: int, flags: int) -> None:
        memory.set_memory_stats_period(self.state, dom, period, flags)

    # --- I/O threads

    def domain_get_io_thread_info(self, dom: DomainRef, flags: int) -> list[tuple[int, bytes]]:
        return iothreads.get_iothread_info(self.state, dom, flags)

    def domain_pin_io_thread(self, dom: DomainRef, number: int, cpumap: bytes, flags: int) -> None:
        iothreads.pin_iothread(self.state, dom, number, cpumap, flags)

    def domain_add_io_thread(self, dom: DomainRef, number: int, flags: int) -> None:
        iothreads.add_iothread(self.state, dom, number, flags)

    def domain_del_io_thread(self, dom: DomainRef, number: int, flags: int) -> None:
        iothreads.del_iothread(self.state, dom, number, flags)

    def domain_set_io_thread_params(
        self, dom: DomainRef, number: int, params: Params, flags: int
    ) -> None:
        iothreads.set_iothread_params(self.state, dom, number, params, flags)


class LimitSlots(Slots):
    """What guests may take."""

    def domain_get_scheduler_type(self, dom: DomainRef) -> tuple[str, int]:
        return scheduler.get_scheduler_type(self.state, dom)

    def domain_get_scheduler_parameters(self, dom: DomainRef) -> Params:
        return scheduler.get_scheduler_parameters(self.state, dom, 0)

    def domain_get_scheduler_parameters_flags(self, dom: DomainRef, flags: int) -> Params:
        return scheduler.get_scheduler_parameters(self.state, dom, flags)

    def domain_set_scheduler_parameters(self, dom: DomainRef, params: Params) -> None:
        scheduler.set_scheduler_parameters(self.state, dom, params, 0)

    def domain_set_scheduler_parameters_flags(
        self, dom: DomainRef, params: Params, flags: int
    ) -> None:
        scheduler.set_scheduler_parameters(self.state, dom, params, flags)

    def domain_get_memory_parameters(self, dom: DomainRef, flags: int) -> Params:
        return memtune.get_memory_parameters(self.state, dom, flags)

    def domain_set_memory_parameters(self, dom: DomainRef, params: Params, flags: int) -> None:
        memtune.set_memory_parameters(self.state, dom, params, flags)

    def domain_get_blkio_parameters(self, dom: DomainRef, flags: int) -> Params:
        return blkio.get_blkio_parameters(self.state, dom, flags)

    def domain_set_blkio_parameters(self, dom: DomainRef, params: Params, flags: int) -> None:
        blkio.set_blkio_parameters(self.state, dom, params, flags)

    def domain_get_numa_parameters(self, dom: DomainRef, flags: int) -> Params:
        return numa.get_numa_parameters(self.state, dom, flags)

    def domain_set_numa_parameters(self, dom: DomainRef, params: Params, flags: int) -> None:
        numa.set_numa_parameters(self.state, dom, params, flags)

    def domain_get_interface_parameters(
        self, dom: DomainRef, device: str | None, flags: int
    ) -> Params:
        return bandwidth.get_interface_parameters(self.state, dom, device, flags)

    def domain_set_interface_parameters(
        self, dom: DomainRef, device: str, params: Params, flags: int
    ) -> None:
        bandwidth.set_interface_parameters(self.state, dom, device, params, flags)

    def domain_get_block_io_tune(self, dom: DomainRef, disk: str | None, flags: int) -> Params:
        return iotune.get_block_io_tune(self.state, dom, disk, flags)

    def domain_set_block_io_tune(
        self, dom: DomainRef, disk: str, params: Params, flags: int
    ) -> None:
        iotune.set_block_io_tune(self.state, dom, disk, params, flags)

    def domain_get_perf_events(self, dom: DomainRef, flags: int) -> Params:
        return perf.get_perf_events(self.state, dom, flags)

    def domain_set_perf_events(self, dom: DomainRef, params: Params, flags: int) -> None:
        perf.set_perf_events(self.state, dom, params, flags)
