# SPDX-License-Identifier: Apache-2.0
"""How much memory and how many vCPUs."""

from typing import Final

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.test import fixture
from nova_pyvirt.hypervisors.test.slots import CONFIG, LIVE, Base, bad_argument, invalid, slot
from nova_pyvirt.model.domain import Domain

_MAXIMUM: Final = 4


class MemorySlots(Base):
    """Sizes; memory in KiB."""

    @slot()
    def domain_get_max_memory(self, dom: DomainRef) -> int:
        return int(self.vm(dom).definition.memory)

    @slot()
    def domain_set_max_memory(self, dom: DomainRef, memory: int) -> None:
        self.domain_set_memory_flags(dom, memory, _MAXIMUM)

    @slot()
    def domain_set_memory(self, dom: DomainRef, memory: int) -> None:
        self.domain_set_memory_flags(dom, memory, LIVE)

    @slot("testDomainSetMemoryFlags", LIVE | CONFIG | _MAXIMUM)
    def domain_set_memory_flags(self, dom: DomainRef, memory: int, flags: int) -> None:
        made = self.one(dom, flags)
        if not flags & _MAXIMUM:
            if memory > made.memory:
                raise bad_argument("cannot set memory higher than max memory")
            made.current_memory = memory
            return
        if made is self.vm(dom).definition and self.vm(dom).active:
            raise invalid("cannot resize the maximum memory on an active domain")
        if made.cpu is not None and made.cpu.cells:
            detail = "initial memory size of a domain with NUMA nodes cannot be modified with"
            raise invalid(f"{detail} this API")
        if made.max_memory and made.max_memory < memory:
            raise invalid("cannot set initial memory size greater than the maximum memory size")
        made.memory = memory
        made.current_memory = min(made.current_memory, memory)

    @slot("testDomainSetMemoryStatsPeriod", LIVE | CONFIG)
    def domain_set_memory_stats_period(self, dom: DomainRef, period: int, flags: int) -> None:
        made = self.one(dom, flags)
        balloon = made.devices.memballoon
        if balloon is None or balloon.model == "none":
            detail = "No memory balloon device configured, can not set the collection period"
            raise invalid(detail)
        balloon.period = period

    @slot()
    def domain_get_max_vcpus(self, dom: DomainRef) -> int:
        return self.domain_get_vcpus_flags(dom, LIVE | _MAXIMUM)

    @slot("testDomainGetVcpusFlags", LIVE | CONFIG | _MAXIMUM)
    def domain_get_vcpus_flags(self, dom: DomainRef, flags: int) -> int:
        made = self.one(dom, flags)
        return int(made.vcpu_max) if flags & _MAXIMUM else made.vcpu_count

    @slot()
    def domain_set_vcpus(self, dom: DomainRef, count: int) -> None:
        self.domain_set_vcpus_flags(dom, count, LIVE)

    @slot("testDomainSetVcpusFlags", LIVE | CONFIG | _MAXIMUM)
    def domain_set_vcpus_flags(self, dom: DomainRef, count: int, flags: int) -> None:
        if count > fixture.MAX_VCPUS:
            detail = "requested cpu amount exceeds maximum supported amount"
            raise bad_argument(f"{detail} ({count} > {fixture.MAX_VCPUS})")
        live, config = self.both(self.vm(dom), flags)
        for made in (live, None if flags & _MAXIMUM else config):
            if made is not None and made.vcpu_max < count:
                detail = f"requested cpu amount exceeds maximum ({count} > {made.vcpu_max})"
                raise bad_argument(detail)
        if live is not None:
            _set(live, count)
        if config is not None and flags & _MAXIMUM:
            present = config.vcpu_count
            config.vcpu_max = count
            _set(config, min(present, count))
        elif config is not None:
            _set(config, count)


def _set(made: Domain, count: int) -> None:
    """How many of a definition's vCPUs there are."""
    made.vcpu_current = None if count == made.vcpu_max else count
    for number, vcpu in enumerate(made.vcpus):
        vcpu.enabled = number < count
