# SPDX-License-Identifier: Apache-2.0
"""A job's figures: from QEMU's answers, into what jobInfo and jobStats say (qemu_domainjob.c)."""

import logging
from collections.abc import Mapping
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.jobdata import Figures, JobData, JobStatus
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.monitor import Monitor, QMPTimeout
from nova_pyvirt.util.native import time
from nova_pyvirt.util.typed import Int, Params, ULLong

LOG = logging.getLogger(__name__)
#: statuses under which QEMU itself knows more
_ASK: Final = (
    JobStatus.MIGRATING,
    JobStatus.HYPERVISOR_COMPLETED,
    JobStatus.POSTCOPY,
    JobStatus.PAUSED,
    JobStatus.POSTCOPY_PAUSED,
)
#: query-migrate's status -> ours; others don't change it
_STATUS: Final = {
    "postcopy-active": JobStatus.POSTCOPY,
    "postcopy-recover": JobStatus.POSTCOPY,
    "postcopy-paused": JobStatus.POSTCOPY_PAUSED,
    "completed": JobStatus.HYPERVISOR_COMPLETED,
    "none": JobStatus.NONE,
    "failed": JobStatus.FAILED,
    "cancelled": JobStatus.CANCELED,
    "pre-switchover": JobStatus.PAUSED,
    "device": JobStatus.MIGRATING,
}
#: what query-migrate says of the memory: its name -> jobStats' name
_RAM: Final = (
    ("total", "memory_total"),
    ("transferred", "memory_processed"),
    ("remaining", "memory_remaining"),
)
_PAGES: Final = (
    ("duplicate", "memory_constant"),
    ("normal", "memory_normal"),
    ("normal-bytes", "memory_normal_bytes"),
)
_RATES: Final = (
    ("dirty-pages-rate", "memory_dirty_rate"),
    ("dirty-sync-count", "memory_iteration"),
    ("postcopy-requests", "memory_postcopy_requests"),
)
_DISK: Final = (
    ("total", "disk_total"),
    ("transferred", "disk_processed"),
    ("remaining", "disk_remaining"),
)
_CACHE: Final = (
    ("cache-size", "compression_cache"),
    ("bytes", "compression_bytes"),
    ("pages", "compression_pages"),
    ("cache-miss", "compression_cache_misses"),
    ("overflow", "compression_overflow"),
)


def take_status(data: JobData, word: str) -> None:
    """A migration's status as QEMU's event or query says it."""
    data.status = _STATUS.get(word, data.status)


def take_migration(data: JobData, answer: Mapping[str, Any]) -> None:
    """query-migrate's answer. The status stays what the events made it."""
    stats: dict[str, int] = {}
    for part, prefix in (("ram", "ram"), ("disk", "disk"), ("xbzrle-cache", "cache")):
        for key, value in answer.get(part, {}).items():
            if isinstance(value, int | float):
                stats[f"{prefix}.{key}"] = int(value)
    if mbps := answer.get("ram", {}).get("mbps"):
        stats["ram.bps"] = int(mbps * (1000 * 1000 / 8))
    if mbps := answer.get("disk", {}).get("mbps"):
        stats["disk.bps"] = int(mbps * (1000 * 1000 / 8))
    for key in ("setup-time", "cpu-throttle-percentage"):
        if key in answer:
            stats[key] = int(answer[key])
    done = answer.get("status") == "completed"
    downtime = answer.get("downtime" if done else "expected-downtime")
    data.downtime = None if downtime is None else int(downtime)
    data.error = answer.get("error-desc", data.error)
    data.stats = stats


def finish(data: JobData) -> None:
    """Times of a job that has come to its end."""
    data.look()
    if data.stopped:
        data.downtime = int((time.monotonic() - data.stopped) * 1000)


def fetch(vm: DomainObj, monitor: Monitor, data: JobData) -> None:
    """Fresh figures for somebody who asks; the job goes on. A QEMU too busy to say leaves the
    last ones.

    :raises libvirtError: QEMU has ended; OPERATION_FAILED when a memory dump is lost
    """
    data.look()
    try:
        if data.figures in (Figures.MIGRATION, Figures.SAVEDUMP) and data.status in _ASK:
            answer = monitor.command("query-migrate", kind="query")
            with vm.lock:
                take_migration(data, answer)
        elif data.figures is Figures.MEMDUMP:
            _fetch_dump(monitor, data)
    except QMPTimeout as exc:
        LOG.warning("domain %s: figures of its job: %s", vm.name, exc)


def _fetch_dump(monitor: Monitor, data: JobData) -> None:
    answer = monitor.command("query-dump", kind="query")
    take_dump(data, answer)
    if answer.get("status") not in ("active", "completed"):
        raise errors.error(
            Code.OPERATION_FAILED, f"dump query failed, status={answer.get('status')}"
        )


def take_dump(data: JobData, answer: Mapping[str, Any]) -> None:
    """query-dump's answer, and DUMP_COMPLETED's result."""
    data.stats = {key: int(answer.get(key, 0)) for key in ("total", "completed")}
    if answer.get("status") == "completed":
        data.status = JobStatus.COMPLETED


def to_info(data: JobData) -> list[int]:
    """virDomainJobInfo: type, elapsed and left ms, data/memory/file total, processed, remaining."""
    stats = data.stats
    memory = file = (0, 0, 0)
    if data.figures in (Figures.MIGRATION, Figures.SAVEDUMP):
        memory = _triple(stats, "ram")
    if data.figures is Figures.MIGRATION:
        file = _triple(stats, "disk")
    elif data.figures is Figures.MEMDUMP:
        done = stats.get("completed", 0)
        memory = (stats.get("total", 0), done, stats.get("total", 0) - done)
    elif data.figures is Figures.BACKUP:
        done = stats.get("transferred", 0)
        file = (stats.get("total", 0), done, stats.get("total", 0) - done)
    whole = tuple(a + b for a, b in zip(memory, file, strict=True))
    return [int(data.type), data.elapsed, 0, *whole, *memory, *file]


def _triple(stats: Mapping[str, int], part: str) -> tuple[int, int, int]:
    total, done, left = (
        stats.get(f"{part}.{key}", 0) for key in ("total", "transferred", "remaining")
    )
    return total, done, left


def to_params(data: JobData) -> Params:
    """jobStats' typed parameters, the type apart.

    :raises libvirtError: INTERNAL_ERROR for a job that has no figures
    """
    params: Params = {"operation": Int(data.operation), "time_elapsed": ULLong(data.elapsed)}
    if data.figures in (Figures.MIGRATION, Figures.SAVEDUMP):
        _migration_params(params, data)
    elif data.figures is Figures.MEMDUMP:
        total, done = data.stats.get("total", 0), data.stats.get("completed", 0)
        for key, value in (("total", total), ("processed", done), ("remaining", total - done)):
            params[f"memory_{key}"] = ULLong(value)
    elif data.figures is Figures.BACKUP:
        _backup_params(params, data)
    else:
        raise errors.error(Code.INTERNAL_ERROR, "invalid job statistics type")
    return params


def _migration_params(params: Params, data: JobData) -> None:
    stats = data.stats
    if data.downtime is not None:
        params["downtime"] = ULLong(data.downtime)
    if "setup-time" in stats:
        params["setup_time"] = ULLong(stats["setup-time"])
    whole = [a + b for a, b in zip(_triple(stats, "ram"), _triple(stats, "disk"), strict=True)]
    for key, value in zip(("total", "processed", "remaining"), whole, strict=True):
        params[f"data_{key}"] = ULLong(value)
    _copy(params, stats, "ram", _RAM)
    if stats.get("ram.bps"):
        params["memory_bps"] = ULLong(stats["ram.bps"])
    if "ram.duplicate" in stats:
        _copy(params, stats, "ram", _PAGES)
    _copy(params, stats, "ram", _RATES)
    if stats.get("ram.page-size"):
        params["memory_page_size"] = ULLong(stats["ram.page-size"])
    if data.figures is Figures.SAVEDUMP:
        return
    _copy(params, stats, "disk", _DISK)
    if stats.get("disk.bps"):
        params["disk_bps"] = ULLong(stats["disk.bps"])
    if "cache.cache-size" in stats:
        _copy(params, stats, "cache", _CACHE)
    if stats.get("cpu-throttle-percentage"):
        params["auto_converge_throttle"] = Int(stats["cpu-throttle-percentage"])


def _backup_params(params: Params, data: JobData) -> None:
    stats = data.stats
    total, done = stats.get("total", 0), stats.get("transferred", 0)
    if total or done:
        for key, value in (("total", total), ("processed", done), ("remaining", total - done)):
            params[f"disk_{key}"] = ULLong(value)
    if stats.get("tmp_used") or stats.get("tmp_total"):
        params["disk_temp_used"] = ULLong(stats.get("tmp_used", 0))
        params["disk_temp_total"] = ULLong(stats.get("tmp_total", 0))
    if data.status is not JobStatus.ACTIVE:
        params["success"] = data.status is JobStatus.COMPLETED
    if data.error:
        params["errmsg"] = data.error


def _copy(
    params: Params, stats: Mapping[str, int], part: str, names: tuple[tuple[str, str], ...]
) -> None:
    for theirs, ours in names:
        params[ours] = ULLong(stats.get(f"{part}.{theirs}", 0))
