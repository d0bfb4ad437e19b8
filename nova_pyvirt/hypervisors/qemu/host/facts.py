# SPDX-License-Identifier: Apache-2.0
"""What a command line needs to know of this host."""

from typing import Any

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.hypervisors.qemu.host import hugepages, memory
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import time


def host_context(state: QemuState, domain: Domain) -> dict[str, Any]:
    """Fields of CommandContext. The host's memory is looked at where the definition says how it is
    to be used.
    """
    now = int(time.time())
    settings = state.settings
    sasl = [
        directory
        for used, directory in (
            (settings.vnc_sasl, settings.vnc_sasl_dir),
            (settings.spice_sasl, settings.spice_sasl_dir),
        )
        if used and directory
    ]
    return {
        **(_memory(state) if _is_placed(domain) else {}),
        "memory_dir": memory_dir(state),
        "vnc_listen": settings.vnc_listen,
        "vnc_password": settings.vnc_password is not None,
        "vnc_tls": (settings.vnc_tls_dir or settings.tls_dir) if settings.vnc_tls else None,
        "vnc_tls_verify": settings.vnc_tls_verify,
        "vnc_sasl": settings.vnc_sasl,
        "spice_listen": settings.spice_listen,
        "spice_password": settings.spice_password is not None,
        "spice_tls_dir": settings.spice_tls_dir,
        "spice_sasl": settings.spice_sasl,
        "sasl_dir": sasl[0] if sasl else None,
        "tls_dir": settings.tls_dir,
        "dump_guest_core": settings.dump_guest_core,
        "process_name": settings.set_process_name,
        "timestamps": settings.log_timestamp,
        "deprecation": settings.deprecation,
        "now": now,
        "utc_offset": time.localtime(now).tm_gmtoff,
    }


def _is_placed(domain: Domain) -> bool:
    cells = domain.cpu.cells if domain.cpu is not None else ()
    asked = (domain.memory_backing, domain.numatune, domain.devices.memories, cells)
    return any(bool(one) for one in asked)


def _memory(state: QemuState) -> dict[str, Any]:
    fs = state.view.fs
    return {
        "hugetlbfs": _mounts(state),
        "default_hugepage": hugepages.default_size(fs),
        "host_nodes": _nodes(fs),
    }


def memory_directories(state: QemuState, domain: Domain, lib_dir: str) -> list[str]:
    """The directories of one run for memory that is a file.

    :param lib_dir: the run's own directory
    """
    short_name = lib_dir.rpartition("/")[2].removeprefix("domain-")
    mounts = _mounts(state).values() if _is_placed(domain) else ()
    return memory.directories(domain, mounts, memory_dir(state), short_name)


def memory_dir(state: QemuState) -> str:
    """Where memory that is a file lies."""
    wanted = state.settings.memory_backing_dir
    return state.paths.memory_dir if wanted is None else f"{wanted}/libvirt/qemu"


def _mounts(state: QemuState) -> dict[int, str]:
    """Mount points of huge pages by KiB of their pages: the named ones, or all."""
    found = hugepages.mounts(state.view.fs)
    named = state.settings.hugetlbfs_mount
    if named is None:
        return found
    return {size: mount for size, mount in found.items() if mount in named}


def _nodes(fs: HostFs) -> frozenset[int] | None:
    try:
        text = fs.path("sys/devices/system/node/online").read_text().strip()
    except OSError:
        return None
    return frozenset(cpuset.parse(text)) if text else None
