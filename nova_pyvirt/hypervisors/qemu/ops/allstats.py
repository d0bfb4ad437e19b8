# SPDX-License-Identifier: Apache-2.0
"""Statistics of many domains at once (qemuConnectGetAllDomainStats)."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.monitor import Monitor
from nova_pyvirt.hypervisors.qemu.ops import lookup
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.hypervisors.qemu.statgroups import block, cpu, devices, memory
from nova_pyvirt.hypervisors.qemu.statgroups.request import Request
from nova_pyvirt.util.typed import Params

LOG = logging.getLogger(__name__)
#: filters that virConnectListAllDomains has too
_FILTERS: Final = 0b11 | 0b1100 | 0b11110000
NOWAIT, BACKING, ENFORCE = 1 << 29, 1 << 30, 1 << 31


@dataclass(frozen=True, slots=True)
class _Group:
    """:ivar monitor: does it ask QEMU?"""

    bit: int
    run: Callable[[Request], None]
    monitor: bool


def _nothing(request: Request) -> None:
    """MEMORY: the memory bandwidth of monitors that nobody here sets up."""


#: VIR_DOMAIN_STATS_*, in libvirt's order
_GROUPS: Final = (
    _Group(1 << 0, cpu.state, monitor=False),
    _Group(1 << 1, cpu.total, monitor=True),
    _Group(1 << 2, memory.balloon, monitor=True),
    _Group(1 << 3, cpu.vcpus, monitor=True),
    _Group(1 << 4, devices.interfaces, monitor=False),
    _Group(1 << 5, block.disks, monitor=True),
    _Group(1 << 6, devices.perf, monitor=False),
    _Group(1 << 7, devices.iothreads, monitor=True),
    _Group(1 << 8, _nothing, monitor=False),
    _Group(1 << 9, memory.dirty_rate, monitor=True),
    _Group(1 << 10, cpu.vm, monitor=True),
)
_SUPPORTED: Final = sum(group.bit for group in _GROUPS)


def get_all_domain_stats(
    state: QemuState, doms: Sequence[DomainRef], stats: int, flags: int
) -> list[tuple[DomainRef, Params]]:
    """The groups `stats` of some domains, or of all when `doms` is empty.

    A guest that does not answer is told of by what is known without it; nobody waits for a job
    longer than for any other call.

    :param stats: VIR_DOMAIN_STATS_*, 0 = all
    :raises libvirtError: INVALID_ARG; with ENFORCE_STATS ARGUMENT_UNSUPPORTED for unknown groups
    """
    check_flags(flags, _FILTERS | NOWAIT | BACKING | ENFORCE, "qemuConnectGetAllDomainStats")
    unknown = stats & ~_SUPPORTED
    groups = [group for group in _GROUPS if not stats or group.bit & stats]
    asks = any(group.monitor for group in groups)
    found = []
    for vm in _chosen(state, doms, flags & _FILTERS):
        if flags & ENFORCE and unknown:
            raise errors.error(
                Code.ARGUMENT_UNSUPPORTED,
                f"Stats types bits 0x{unknown:x} are not supported by this daemon or QEMU",
            )
        if asks and vm.active:
            with _monitor(vm, nowait=bool(flags & NOWAIT)) as monitor:
                found.append(_collect(vm, groups, monitor, flags))
        else:
            found.append(_collect(vm, groups, None, flags))
    return found


def _chosen(state: QemuState, doms: Sequence[DomainRef], filters: int) -> list[DomainObj]:
    if not doms:
        return [vm for vm in state.domains if not filters or lookup.wanted(vm, filters)]
    named = (state.domains.by_uuid(dom.uuid) for dom in doms)
    return [vm for vm in named if vm is not None and lookup.wanted(vm, filters)]


def _collect(
    vm: DomainObj, groups: Sequence[_Group], monitor: Monitor | None, flags: int
) -> tuple[DomainRef, Params]:
    with vm.lock:
        private = vm.private if vm.active else None
        request = Request(
            vm, vm.definition, private, monitor if private else None, bool(flags & BACKING)
        )
        ref = vm.ref
    for group in groups:
        try:
            group.run(request)
        except libvirtError as exc:
            LOG.debug("statistics of domain %s: %s", ref.name, exc)
    return ref, request.found


@contextmanager
def _monitor(vm: DomainObj, *, nowait: bool) -> Iterator[Monitor | None]:
    """The monitor of a running domain, under a QUERY job; None when it can't be had."""
    try:
        with vm.lock:
            vm.jobs.begin(Job.QUERY, "virConnectGetAllDomainStats", nowait=nowait)
    except libvirtError as exc:
        LOG.debug("statistics of domain %s without its QEMU: %s", vm.name, exc)
        yield None
        return
    try:
        private = vm.private
        yield private.monitor if private is not None else None
    finally:
        with vm.lock:
            vm.jobs.end()
