# SPDX-License-Identifier: Apache-2.0
"""The values of a version 2 control group (vircgroupv2.c)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup.values import (
    UNLIMITED,
    by_device,
    number,
    out_of_range,
    read,
    write,
)
from nova_pyvirt.errors import Code, From
from nova_pyvirt.util.native import os

_LIMITS: Final = {"hard": "memory.max", "soft": "memory.high", "swap": "memory.swap.max"}
_IO_MAX: Final = {
    "read_iops": "riops",
    "write_iops": "wiops",
    "read_bytes": "rbps",
    "write_bytes": "wbps",
}


class V2:
    """One group."""

    def __init__(self, path: str) -> None:
        self.path = path

    def cpu_shares(self) -> int:
        return number(f"{self.path}/cpu.weight")

    def set_cpu_shares(self, shares: int) -> None:
        if not 1 <= shares <= 10000:
            raise out_of_range(f"shares '{shares}' must be in range [1, 10000]")
        write(f"{self.path}/cpu.weight", shares)

    def cpu_bandwidth(self) -> tuple[int, int]:
        quota, _, period = read(f"{self.path}/cpu.max").partition(" ")
        return int(period or 100000), -1 if quota == "max" else int(quota)

    def set_cpu_bandwidth(self, period: int, quota: int) -> None:
        known, limit = self.cpu_bandwidth()
        period, quota = period or known, quota or limit
        write(f"{self.path}/cpu.max", f"{'max' if quota < 0 else quota} {period}")

    def cpus(self) -> str:
        return read(f"{self.path}/cpuset.cpus") or read(f"{self.path}/cpuset.cpus.effective")

    def set_cpus(self, cpus: str) -> None:
        write(f"{self.path}/cpuset.cpus", cpus)

    def mems(self) -> str:
        return read(f"{self.path}/cpuset.mems") or read(f"{self.path}/cpuset.mems.effective")

    def set_mems(self, nodes: str) -> None:
        write(f"{self.path}/cpuset.mems", nodes)

    def memory_limit(self, kind: str) -> int:
        text = read(f"{self.path}/{_LIMITS[kind]}")
        return UNLIMITED if text == "max" else min(int(text) >> 10, UNLIMITED)

    def set_memory_limit(self, kind: str, kib: int) -> None:
        write(f"{self.path}/{_LIMITS[kind]}", "max" if kib >= UNLIMITED else kib << 10)

    def memory_used(self) -> int:
        return number(f"{self.path}/memory.current") >> 10

    def _weight_file(self) -> str:
        bfq = f"{self.path}/io.bfq.weight"
        return bfq if os.path.exists(bfq) else f"{self.path}/io.weight"

    def weight(self) -> int:
        text = read(self._weight_file())
        return int(by_device(text, "default") or text.split()[0])

    def set_weight(self, weight: int) -> None:
        write(self._weight_file(), f"default {weight}")

    def device_value(self, name: str, device: str) -> int:
        if name == "weight":
            return int(by_device(read(self._weight_file()), device) or 0)
        words = by_device(read(f"{self.path}/io.max"), device).split()
        found = dict(word.split("=", 1) for word in words if "=" in word)
        value = found.get(_IO_MAX[name], "max")
        return 0 if value == "max" else int(value)

    def set_device_value(self, name: str, device: str, value: int) -> None:
        if name == "weight":
            write(self._weight_file(), f"{device} {value or 'default'}")
        else:
            write(f"{self.path}/io.max", f"{device} {_IO_MAX[name]}={value or 'max'}")

    def _cpu_stat(self) -> dict[str, int]:
        """Microseconds by name."""
        lines = (line.split() for line in read(f"{self.path}/cpu.stat").splitlines())
        return {words[0]: int(words[1]) for words in lines if len(words) == 2}

    def cpu_time(self) -> int:
        return self._cpu_stat().get("usage_usec", 0) * 1000

    def cpu_times(self) -> tuple[int, int]:
        stat = self._cpu_stat()
        return stat.get("user_usec", 0) * 1000, stat.get("system_usec", 0) * 1000

    def cpu_time_each(self) -> list[int]:
        raise errors.error(
            Code.OPERATION_UNSUPPORTED,
            "operation 'getCpuacctPercpuUsage' not supported for backend 'cgroup V2'",
            domain=From.CGROUP,
        )
