# SPDX-License-Identifier: Apache-2.0
"""The table's vCPUs, memory, pins and limits."""

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu.ops import memory, pinning, vcpus
from nova_pyvirt.hypervisors.qemu.slots.base import Slots


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
