# SPDX-License-Identifier: Apache-2.0
"""What a running guest has used: vCPU threads, disks, interfaces, memory (qemu_driver.c)."""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, system_error
from nova_pyvirt.hypervisors.qemu import cpumaps
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import os
from nova_pyvirt.util.typed import LLong, Params

STRING_OKAY: Final = 4
VCPU_RUNNING: Final = 1
_TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE_KIB: Final = os.sysconf("SC_PAGE_SIZE") // 1024
_NOT_COLLECTED: Final = (1 << 64) - 1
_ACTUAL, _RSS, _LAST_UPDATE = 6, 7, 9  # virDomainMemoryStatTags
#: QEMU's name: virDomainMemoryStatTags, divisor
_BALLOON: Final = {
    "stat-swap-in": (0, 1024),
    "stat-swap-out": (1, 1024),
    "stat-major-faults": (2, 1),
    "stat-minor-faults": (3, 1),
    "stat-free-memory": (4, 1024),
    "stat-total-memory": (5, 1024),
    "stat-available-memory": (8, 1024),
    "stat-disk-caches": (10, 1024),
    "stat-htlb-pgalloc": (11, 1),
    "stat-htlb-pgfail": (12, 1),
}
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
_PERIPHERAL: Final = "/machine/peripheral/"


def get_vcpus(state: QemuState, dom: DomainRef) -> tuple[list[list[int]], list[bytes]]:
    """qemuDomainGetVcpus: (number, VIR_VCPU_RUNNING, CPU time ns, host CPU) and affinity of each.

    :raises libvirtError: OPERATION_INVALID when it is off
    """
    vm = state.domains.find(dom)
    with vm.lock:
        if not vm.active:
            detail = "cannot retrieve vcpu information for inactive domain"
            raise errors.error(Code.OPERATION_INVALID, detail)
        pid, threads = vm.private.pid, dict(vm.private.vcpu_pids)
    info, maps = [], []
    for number, thread in threads.items():
        words = _stat(f"/proc/{pid}/task/{thread}/stat")
        info.append([number, VCPU_RUNNING, _cpu_ns(words), int(words[36])])
        maps.append(cpumaps.affinity(thread))
    return info, maps


def _stat(path: str) -> list[str]:
    """proc(5) stat from the third field on.

    :raises libvirtError: SYSTEM_ERROR when the thread is gone
    """
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError as exc:
        raise system_error(exc.errno or 0, "cannot get vCPU placement & pCPU time") from exc


def _cpu_ns(words: list[str]) -> int:
    return (int(words[11]) + int(words[12])) * _TICK_NS


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
        rows = vm.private.mon.command("query-blockstats", kind="query")
    found = {_device(row): row["stats"] for row in rows if row.get("qdev") or row.get("device")}
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
        for disk in vm.definition.devices.disks:
            if path in (disk.target, disk.path):
                return str(disk.alias)
    raise errors.error(Code.INVALID_ARG, f"invalid path: {path}")


def _device(row: dict[str, Any]) -> str:
    """The device's id: a virtio disk's is /machine/peripheral/ID/virtio-backend."""
    name = str(row.get("qdev") or row["device"]).removeprefix(_PERIPHERAL)
    return name.partition("/")[0].removeprefix("drive-")


def interface_stats(state: QemuState, dom: DomainRef, device: str) -> tuple[int, ...]:
    """qemuDomainInterfaceStats: bytes, packets, errors, drops received, then the same sent.

    A tap's other end is the guest: what the host sends, the guest receives.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID
    """
    vm = state.domains.find(dom)
    with vm.lock:
        vm.require_active()
        for net in vm.definition.devices.interfaces:
            if device in (net.target, net.mac):
                name, direct = str(net.target), net.type == "direct"
                break
        else:
            raise errors.error(Code.INVALID_ARG, f"'{device}' is not a known interface")
    received, sent = _link(name)
    return (*received, *sent) if direct else (*sent, *received)


def _link(name: str) -> tuple[list[int], list[int]]:
    """(bytes, packets, errors, drops) received and sent by a device of the host."""
    with open("/proc/net/dev", encoding="ascii", errors="replace") as file:
        for line in file:
            found, _, numbers = line.partition(":")
            if found.strip() == name:
                words = [int(word) for word in numbers.split()]
                return words[0:4], words[8:12]
    raise errors.error(Code.INTERNAL_ERROR, "/proc/net/dev: Interface not found")


def memory_stats(state: QemuState, dom: DomainRef, flags: int) -> list[tuple[int, int]]:
    """qemuDomainMemoryStats: (virDomainMemoryStatTags, KiB or a count).

    :raises libvirtError: OPERATION_INVALID when it is off
    """
    check_flags(flags, 0, "qemuDomainMemoryStats")
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, "virDomainMemoryStats", active=True):
        stats = _balloon(vm)
        pid = vm.private.pid
    words = _stat(f"/proc/{pid}/stat")
    return [*stats, (_RSS, int(words[21]) * _PAGE_KIB)]


def _balloon(vm: DomainObj) -> list[tuple[int, int]]:
    """What the balloon device knows; nothing without one, its size alone with a silent guest."""
    balloon = vm.definition.devices.memballoon
    if balloon is None or balloon.model in (None, "none"):
        return []
    monitor = vm.private.mon
    stats = [(_ACTUAL, int(monitor.command("query-balloon", kind="query")["actual"]) // 1024)]
    path = {"path": f"{_PERIPHERAL}{balloon.alias}", "property": "guest-stats"}
    try:
        answer = monitor.command("qom-get", path, kind="query")
    except QMPCommandError:
        return stats
    for name, (tag, divisor) in _BALLOON.items():
        value = int(answer["stats"].get(name, _NOT_COLLECTED))
        if value not in (_NOT_COLLECTED, -1):
            stats.append((tag, value // divisor))
    return [*stats, (_LAST_UPDATE, int(answer.get("last-update", 0)))]
