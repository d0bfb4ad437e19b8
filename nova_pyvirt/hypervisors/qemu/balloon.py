# SPDX-License-Identifier: Apache-2.0
"""What the balloon device tells of a guest's memory (qemu_monitor_json.c)."""

from typing import Final

from nova_pyvirt.hypervisors.qemu.monitor import Monitor, QMPCommandError
from nova_pyvirt.model.domain import Domain

_NOT_COLLECTED: Final = (1 << 64) - 1
_ACTUAL, _LAST_UPDATE = 6, 9  # virDomainMemoryStatTags
#: QEMU's name: virDomainMemoryStatTags, divisor
_STATS: Final = {
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


def balloon_stats(definition: Domain, monitor: Monitor) -> list[tuple[int, int]]:
    """(virDomainMemoryStatTags, KiB or a count); nothing without a balloon, its size alone when
    the guest is silent.

    :raises libvirtError: QEMU does not answer
    """
    balloon = definition.devices.memballoon
    if balloon is None or balloon.model in (None, "none"):
        return []
    stats = [(_ACTUAL, int(monitor.command("query-balloon", kind="query")["actual"]) // 1024)]
    path = {"path": f"/machine/peripheral/{balloon.alias}", "property": "guest-stats"}
    try:
        answer = monitor.command("qom-get", path, kind="query")
    except QMPCommandError:
        return stats
    for name, (tag, divisor) in _STATS.items():
        value = int(answer["stats"].get(name, _NOT_COLLECTED))
        if value not in (_NOT_COLLECTED, -1):
            stats.append((tag, value // divisor))
    return [*stats, (_LAST_UPDATE, int(answer.get("last-update", 0)))]
