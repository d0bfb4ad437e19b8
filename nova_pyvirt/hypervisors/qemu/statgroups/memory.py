# SPDX-License-Identifier: Apache-2.0
"""BALLOON and DIRTYRATE: the guest's memory, how fast it changes."""

from typing import Any, Final

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.balloon import balloon_stats
from nova_pyvirt.hypervisors.qemu.host import proc
from nova_pyvirt.hypervisors.qemu.statgroups.request import Request
from nova_pyvirt.util.typed import Int, LLong, ULLong

#: virDomainMemoryStatTags: name; the balloon's size has its own
_TAGS: Final = {
    0: "swap_in", 1: "swap_out", 2: "major_fault", 3: "minor_fault", 4: "unused", 5: "available",
    7: "rss", 8: "usable", 9: "last-update", 10: "disk_caches", 11: "hugetlb_pgalloc",
    12: "hugetlb_pgfail",
}  # fmt: skip
_MEASURED: Final = 2
_STATUS: Final = {"unstarted": 0, "measuring": 1, "measured": _MEASURED}


def balloon(request: Request) -> None:
    """balloon.*: KiB; counts."""
    definition = request.definition
    device = definition.devices.memballoon
    has = device is not None and device.model not in (None, "none")
    current = definition.current_memory if has else definition.memory
    request.found["balloon.current"] = ULLong(current or definition.memory)
    request.found["balloon.maximum"] = ULLong(definition.memory)
    if request.monitor is None or request.private is None:
        return
    try:
        stats = balloon_stats(definition, request.monitor)
        stats.append((7, proc.times(request.private.pid).rss))
    except libvirtError:
        return
    for tag, value in stats:
        if tag in _TAGS:
            request.found[f"balloon.{_TAGS[tag]}"] = ULLong(value)


def dirty_rate(request: Request) -> None:
    """dirtyrate.*: what startDirtyRateCalc measured last."""
    if request.monitor is None or not request.has("query-dirty-rate"):
        return
    answer: dict[str, Any] = request.monitor.command("query-dirty-rate", kind="query")
    found, status = request.found, _STATUS.get(str(answer.get("status")), 0)
    mode = str(answer.get("mode", "page-sampling"))
    found["dirtyrate.calc_status"] = Int(status)
    found["dirtyrate.calc_start_time"] = LLong(answer.get("start-time", 0))
    found["dirtyrate.calc_period"] = Int(answer.get("calc-time", 0))
    found["dirtyrate.calc_mode"] = mode
    if status != _MEASURED:
        return
    found["dirtyrate.megabytes_per_second"] = LLong(answer.get("dirty-rate", 0))
    for row in answer.get("vcpu-dirty-rate", ()) if mode == "dirty-ring" else ():
        name = f"dirtyrate.vcpu.{row['id']}.megabytes_per_second"
        found[name] = ULLong(row["dirty-rate"])
