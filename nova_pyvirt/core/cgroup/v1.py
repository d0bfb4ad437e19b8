# SPDX-License-Identifier: Apache-2.0
"""The values of a version 1 control group (vircgroupv1.c)."""

from typing import Final

from nova_pyvirt.core.cgroup.values import (
    UNLIMITED,
    by_device,
    number,
    out_of_range,
    read,
    write,
)
from nova_pyvirt.util.native import os

#: KiB that the kernel shows when there is no limit: whole pages
_KERNEL_MAXIMUM = (((1 << 63) - 1) & -os.sysconf("SC_PAGE_SIZE")) >> 10
_LIMITS: Final = {
    "hard": "memory.limit_in_bytes",
    "soft": "memory.soft_limit_in_bytes",
    "swap": "memory.memsw.limit_in_bytes",
}
_DEVICE: Final = {
    "weight": "weight_device",
    "read_iops": "throttle.read_iops_device",
    "write_iops": "throttle.write_iops_device",
    "read_bytes": "throttle.read_bps_device",
    "write_bytes": "throttle.write_bps_device",
}
_TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class V1:
    """One group.

    :param paths: controller -> directory
    """

    def __init__(self, paths: dict[str, str]) -> None:
        self.paths = paths

    def cpu_shares(self) -> int:
        return number(f"{self.paths['cpu']}/cpu.shares")

    def set_cpu_shares(self, shares: int) -> None:
        write(f"{self.paths['cpu']}/cpu.shares", shares)

    def cpu_bandwidth(self) -> tuple[int, int]:
        path = self.paths["cpu"]
        return number(f"{path}/cpu.cfs_period_us"), number(f"{path}/cpu.cfs_quota_us")

    def set_cpu_bandwidth(self, period: int, quota: int) -> None:
        path = self.paths["cpu"]
        if period:
            _check(period, 1000, 1000000, "cfs_period")
            write(f"{path}/cpu.cfs_period_us", period)
        if quota:
            if quota > 0:
                _check(quota, 1000, 18446744073709551, "cfs_quota")
            write(f"{path}/cpu.cfs_quota_us", max(quota, -1))

    def cpus(self) -> str:
        return read(f"{self.paths['cpuset']}/cpuset.cpus")

    def set_cpus(self, cpus: str) -> None:
        write(f"{self.paths['cpuset']}/cpuset.cpus", cpus)

    def mems(self) -> str:
        return read(f"{self.paths['cpuset']}/cpuset.mems")

    def set_mems(self, nodes: str) -> None:
        path = self.paths["cpuset"]
        write(f"{path}/cpuset.memory_migrate", 1)
        write(f"{path}/cpuset.mems", nodes)

    def memory_limit(self, kind: str) -> int:
        kib = number(f"{self.paths['memory']}/{_LIMITS[kind]}") >> 10
        return UNLIMITED if kib >= _KERNEL_MAXIMUM else kib

    def set_memory_limit(self, kind: str, kib: int) -> None:
        value = -1 if kib >= UNLIMITED else kib << 10
        write(f"{self.paths['memory']}/{_LIMITS[kind]}", value)

    def memory_used(self) -> int:
        return number(f"{self.paths['memory']}/memory.usage_in_bytes") >> 10

    def _weights(self) -> str:
        """bfq has names of its own."""
        base = f"{self.paths['blkio']}/blkio"
        return f"{base}.bfq" if os.path.exists(f"{base}.bfq.weight") else base

    def weight(self) -> int:
        return number(f"{self._weights()}.weight")

    def set_weight(self, weight: int) -> None:
        write(f"{self._weights()}.weight", weight)

    def _device_file(self, name: str) -> str:
        if name == "weight":
            return f"{self._weights()}.{_DEVICE[name]}"
        return f"{self.paths['blkio']}/blkio.{_DEVICE[name]}"

    def device_value(self, name: str, device: str) -> int:
        return int(by_device(read(self._device_file(name)), device) or 0)

    def set_device_value(self, name: str, device: str, value: int) -> None:
        write(self._device_file(name), f"{device} {value}")

    def cpu_time(self) -> int:
        return number(f"{self.paths['cpuacct']}/cpuacct.usage")

    def cpu_times(self) -> tuple[int, int]:
        words = read(f"{self.paths['cpuacct']}/cpuacct.stat").split()
        found = dict(zip(words[::2], words[1::2], strict=False))
        return int(found.get("user", 0)) * _TICK_NS, int(found.get("system", 0)) * _TICK_NS

    def cpu_time_each(self) -> list[int]:
        text = read(f"{self.paths['cpuacct']}/cpuacct.usage_percpu")
        return [int(word) for word in text.split()]

    def deny_devices(self) -> None:
        """No device may be used any more."""
        write(f"{self.paths['devices']}/devices.deny", "a")

    def allow_device(self, device: str, *, deny: bool = False) -> None:
        """:param device: as the kernel takes it, e.g. ``c 1:3 rw``"""
        write(f"{self.paths['devices']}/devices.{'deny' if deny else 'allow'}", device)


def _check(value: int, low: int, high: int, name: str) -> None:
    if not low <= value <= high:
        raise out_of_range(f"{name} '{value}' must be in range ({low}, {high})")
