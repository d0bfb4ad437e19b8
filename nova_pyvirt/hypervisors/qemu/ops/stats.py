# SPDX-License-Identifier: Apache-2.0
"""What a running guest has used: vCPU threads, disks, interfaces, memory (qemu_driver.c)."""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu import cpumaps
from nova_pyvirt.hypervisors.qemu.balloon import balloon_stats
from nova_pyvirt.hypervisors.qemu.block import qom
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.host import proc
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.ops.bandwidth import find_interface
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.hypervisors.qemu.statgroups.devices import SHARED
from nova_pyvirt.util.typed import LLong, Params, ULLong

STRING_OKAY: Final = 4
VCPU_RUNNING: Final = 1
_RSS: Final = 7  # virDomainMemoryStatTags
#: VIR_DOMAIN_BLOCK_STATS_* in libvirt's order: QEMU's name
_BLOCK: Final = {
    "wr_bytes": "wr_bytes",
    "wr_operations": "wr_operations",
    "rd_bytes": "rd_bytes",
    "rd_operations": "rd_operations",
    "flush_operations": "flush_operations",
    "wr_total_times": "wr_total_time_ns",
    "rd_total_times": "rd_total_time_ns",
    "flush_total_times": "flush_total_time_ns",
}


def get_vcpus(state: QemuState, dom: DomainRef) -> tuple[list[list[int]], list[bytes]]:
    """qemuDomainGetVcpus: (number, VIR_VCPU_RUNNING, CPU time ns, host CPU) and affinity of each.

    :raises libvirtError: OPERATION_INVALID when it is off, or its vCPUs have no threads of their
        own
    """
    vm = state.domains.find(dom)
    with vm.lock:
        if not vm.active:
            detail = "cannot retrieve vcpu information for inactive domain"
            raise errors.error(Code.OPERATION_INVALID, detail)
        pid, threads = vm.private.pid, dict(vm.private.vcpu_pids)
    if not threads:
        raise errors.error(Code.OPERATION_INVALID, "cpu affinity is not supported")
    info, maps = [], []
    for number, thread in threads.items():
        used = proc.times(pid, thread)
        info.append([number, VCPU_RUNNING, used.total, used.cpu])
        maps.append(cpumaps.affinity(thread))
    return info, maps


def get_cpu_stats(
    state: QemuState, dom: DomainRef, start: int, count: int, flags: int
) -> list[Params] | int:
    """qemuDomainGetCPUStats, nanoseconds.

    :param start: the first host CPU; -1 for the sum of all of them
    :returns: the parameters of each CPU; how many CPUs there are when `count` is 0
    :raises libvirtError: OPERATION_INVALID, OPERATION_UNSUPPORTED, SYSTEM_ERROR
    """
    check_flags(flags, STRING_OKAY, "qemuDomainGetCPUStats")
    vm = state.domains.find(dom)
    with vm.lock:
        vm.require_active()
        cgroup, numbers = vm.private.cgroup, list(vm.private.vcpu_pids)
    if not cgroup.has("cpuacct"):
        raise errors.error(Code.OPERATION_INVALID, "cgroup CPUACCT controller is not mounted")
    values = cgroup.values("cpuacct")
    if start == -1:
        user, system = values.cpu_times()
        return [
            {
                "cpu_time": ULLong(values.cpu_time()),
                "user_time": ULLong(user),
                "system_time": ULLong(system),
            }
        ]
    cpus = 1 + max(state.view.fs.cpu_list("sys/devices/system/cpu/present") or cpumaps.host())
    if count == 0:
        return cpus
    if start >= cpus:
        detail = f"start_cpu {start} larger than maximum of {cpus - 1}"
        raise errors.error(Code.INVALID_ARG, detail, domain=From.CGROUP)
    used = values.cpu_time_each()
    each = [cgroup.thread(f"vcpu{n}").values("cpuacct").cpu_time_each() for n in numbers]
    return [
        {
            "cpu_time": ULLong(used[cpu] if cpu < len(used) else 0),
            "vcpu_time": ULLong(sum(one[cpu] for one in each if cpu < len(one))),
        }
        for cpu in range(start, min(start + count, cpus))
    ]


def block_stats(state: QemuState, dom: DomainRef, path: str) -> tuple[int, int, int, int, int]:
    """qemuDomainBlockStats: reads, bytes read, writes, bytes written, -1; "" sums all disks.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID
    """
    found = _block(state, dom, path, "virDomainBlockStats")
    order = ("rd_operations", "rd_bytes", "wr_operations", "wr_bytes")
    reads, read, writes, written = (found[name] for name in order)
    return reads, read, writes, written, -1


def block_stats_flags(state: QemuState, dom: DomainRef, path: str, flags: int) -> Params:
    """qemuDomainBlockStatsFlags: VIR_DOMAIN_BLOCK_STATS_*."""
    check_flags(flags, STRING_OKAY, "qemuDomainBlockStatsFlags")
    found = _block(state, dom, path, "virDomainBlockStatsFlags")
    return {name: LLong(value) for name, value in found.items()}


def _block(state: QemuState, dom: DomainRef, path: str, api: str) -> dict[str, int]:
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, api, active=True):
        alias = _disk_alias(vm, path)
        rows: list[dict[str, Any]] = vm.private.mon.command("query-blockstats", kind="query")
    found = {qom.alias_of(row): row["stats"] for row in rows if qom.alias_of(row)}
    if alias is not None and alias not in found:
        detail = f"cannot find statistics for device '{alias}'"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    chosen = list(found.values()) if alias is None else [found[alias]]
    return {name: sum(int(row[key]) for row in chosen) for name, key in _BLOCK.items()}


def _disk_alias(vm: DomainObj, path: str) -> str | None:
    """The device of a disk that is named by its target or its source; None for all disks."""
    if not path:
        return None
    with vm.lock:
        disk = qom.find(vm.definition, path)
    if disk is None:
        raise errors.error(Code.INVALID_ARG, f"invalid path: {path}")
    return str(disk.alias)


def interface_stats(state: QemuState, dom: DomainRef, device: str) -> tuple[int, ...]:
    """qemuDomainInterfaceStats: bytes, packets, errors, drops received, then the same sent.

    A tap's other end is the guest: what the host sends, the guest receives.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID; INTERNAL_ERROR for one without a device on
        the host
    """
    vm = state.domains.find(dom)
    with vm.lock:
        vm.require_active()
        net = find_interface(vm.definition, device)
        name, kind = net.target, net.type
    if not name:
        raise errors.error(Code.INTERNAL_ERROR, "Interface name not provided", domain=From.NONE)
    received, sent = proc.link(name)
    return (*received, *sent) if kind in SHARED else (*sent, *received)


def memory_stats(state: QemuState, dom: DomainRef, flags: int) -> list[tuple[int, int]]:
    """qemuDomainMemoryStats: (virDomainMemoryStatTags, KiB or a count).

    :raises libvirtError: OPERATION_INVALID when it is off
    """
    check_flags(flags, 0, "qemuDomainMemoryStats")
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, "virDomainMemoryStats", active=True):
        stats = balloon_stats(vm.definition, vm.private.mon)
        pid = vm.private.pid
    return [*stats, (_RSS, proc.times(pid).rss)]
