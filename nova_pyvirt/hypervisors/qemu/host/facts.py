# SPDX-License-Identifier: Apache-2.0
"""What a command line needs to know of this host."""

from typing import Any

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.hypervisors.qemu.host import hugepages, memory
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import time


def host_context(state: QemuState) -> dict[str, Any]:
    """Fields of CommandContext."""
    fs = state.view.fs
    now = int(time.time())
    return {
        "hugetlbfs": hugepages.mounts(fs),
        "default_hugepage": hugepages.default_size(fs),
        "host_nodes": _nodes(fs),
        "memory_dir": state.paths.memory_dir,
        "now": now,
        "utc_offset": time.localtime(now).tm_gmtoff,
    }


def memory_directories(state: QemuState, domain: Domain, lib_dir: str) -> list[str]:
    """The directories of one run for memory that is a file.

    :param lib_dir: the run's own directory
    """
    short_name = lib_dir.rpartition("/")[2].removeprefix("domain-")
    mounts = hugepages.mounts(state.view.fs).values()
    return memory.directories(domain, mounts, state.paths.memory_dir, short_name)


def _nodes(fs: HostFs) -> frozenset[int] | None:
    try:
        text = fs.path("sys/devices/system/node/online").read_text().strip()
    except OSError:
        return None
    return frozenset(cpuset.parse(text)) if text else None
