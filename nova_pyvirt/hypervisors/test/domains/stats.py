# SPDX-License-Identifier: Apache-2.0
"""Numbers that grow: as in libvirt's test driver they come from the clock."""

from typing import Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.domains.lookup import _wanted
from nova_pyvirt.hypervisors.test.domains.parameters import find_disk, find_interface
from nova_pyvirt.hypervisors.test.slots import Base, bad_argument, slot
from nova_pyvirt.util.native import time
from nova_pyvirt.util.typed import Int, Params, UInt, ULLong

_TOTAL, _USER, _SYSTEM = 12000000000, 5540000000, 6460000000
_CAPACITY, _ALLOCATION = 1099506450432, 1099511627776
_STATE, _IOTHREAD = 1, 64
_FILTERS: Final = 0xFF
_ENFORCE: Final = 1 << 31
_KNOWN: Final = 0xFF | 1 << 29 | 1 << 30 | _ENFORCE
_TAGS: Final = {"actual": 6, "unused": 4, "available": 5, "usable": 8, "caches": 10, "rss": 7}


def _micros() -> int:
    return int(time.time() * 1e6)


class StatsSlots(Base):
    """Statistics."""

    @slot()
    def domain_block_stats(self, dom: DomainRef, path: str) -> tuple[int, int, int, int, int]:
        if not path:
            detail = "summary statistics are not supported yet"
            raise error(Code.OPERATION_UNSUPPORTED, detail, domain=From.TEST)
        vm = self.active(dom)
        find_disk(vm.definition, path, f"invalid path: {path}")
        now = _micros()
        return now // 10, now // 20, now // 30, now // 40, now // 2_000_000

    @slot()
    def domain_interface_stats(self, dom: DomainRef, device: str) -> tuple[int, ...]:
        find_interface(self.active(dom).definition, device)
        now = _micros()
        received = now // 10, now // 100, now // 1_000_000, now // 2_000_000
        return (*received, now // 20, now // 110, now // 3_000_000, now // 4_000_000)

    @slot("testDomainGetBlockInfo")
    def domain_get_block_info(self, dom: DomainRef, path: str, flags: int) -> tuple[int, int, int]:
        made = self.vm(dom).definition
        disk = find_disk(made, path, f"invalid path {path} not assigned to domain")
        if disk.source is None:
            raise bad_argument(f"disk '{path}' does not currently have a source assigned")
        return _CAPACITY, _ALLOCATION, _ALLOCATION

    @slot("testDomainMemoryStats")
    def domain_memory_stats(self, dom: DomainRef, flags: int) -> list[tuple[int, int]]:
        made = self.active(dom).definition
        balloon = made.devices.memballoon
        if balloon is None or balloon.model == "none":
            return []
        size = made.current_memory
        values = {tag: 0 for tag in (0, 1, 2, 3, 11, 12)}
        values |= {9: 627319920, _TAGS["actual"]: size, _TAGS["available"]: size}
        values |= {_TAGS[name]: size // 2 for name in ("unused", "usable", "rss")}
        values[_TAGS["caches"]] = size // 8
        return sorted(values.items())

    @slot("testDomainGetCPUStats", 4)
    def domain_get_cpu_stats(
        self, dom: DomainRef, start: int, count: int, flags: int
    ) -> list[Params] | int:
        """All CPUs together (start -1), or each; with count 0 how many there are."""
        self.active(dom)
        if start == -1:
            total = {"cpu_time": _TOTAL, "user_time": _USER, "system_time": _SYSTEM}
            return [{name: ULLong(value) for name, value in total.items()}]
        cpus = self.world.node.cores
        if not count:
            return cpus
        if start >= cpus:
            raise bad_argument(f"start_cpu {start} larger than maximum of {cpus - 1}")
        each = _TOTAL // cpus
        return [
            {"cpu_time": ULLong(each + n), "vcpu_time": ULLong(each + n - 1234567890)}
            for n in range(start, min(cpus, start + count))
        ]

    @slot("testConnectGetAllDomainStats", _KNOWN)
    def connect_get_all_domain_stats(
        self, doms: list[DomainRef], stats: int, flags: int
    ) -> list[tuple[DomainRef, Params]]:
        unknown = stats & ~(_STATE | _IOTHREAD)
        if flags & _ENFORCE and unknown:
            detail = f"Stats types bits 0x{unknown:x} are not supported by this daemon"
            raise error(Code.ARGUMENT_UNSUPPORTED, detail, domain=From.TEST)
        known = [self.world.domains.by_uuid(dom.uuid) for dom in doms]
        chosen = [vm for vm in known if vm is not None] if doms else list(self.world.domains)
        wanted = [vm for vm in chosen if _wanted(vm, flags & _FILTERS)]
        return [(vm.ref, _stats(vm, stats or _STATE | _IOTHREAD)) for vm in wanted]


def _stats(vm: DomainObj, stats: int) -> Params:
    made: Params = {}
    if stats & _STATE:
        made |= {"state.state": Int(vm.state), "state.reason": Int(vm.reason)}
    if stats & _IOTHREAD and vm.active and vm.private.iothreads:
        made["iothread.count"] = UInt(len(vm.private.iothreads))
        for number, polling in vm.private.iothreads.items():
            for key, value in polling.items():
                name = f"iothread.{number}.{key.replace('_', '-')}"
                made[name] = ULLong(value) if key == "poll_max_ns" else UInt(value)
    return made
