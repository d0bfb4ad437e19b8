# SPDX-License-Identifier: Apache-2.0
"""Resource limits of a QEMU process (qemu.conf's max_*, locked memory)."""

from nova_pyvirt.core.settings import Settings
from nova_pyvirt.model.domain import Domain

#: KiB that a guest with passed-through devices locks besides its memory
_DEVICES = 1 << 20
_UNLIMITED = -1


def of(domain: Domain, settings: Settings) -> dict[str, tuple[int, int]]:
    """Name as in RLIMIT_*, lower case: (soft, hard); what isn't there stays as we have it."""
    core = settings.max_core
    limits = {"core": (core, core)}
    if settings.max_processes:
        limits["nproc"] = (settings.max_processes, settings.max_processes)
    if settings.max_files:
        limits["nofile"] = (settings.max_files, settings.max_files)
    locked = _locked(domain)
    if locked is not None:
        limits["memlock"] = (locked, locked)
    return limits


def _locked(domain: Domain) -> int | None:
    """Bytes of memory that QEMU locks; None when it locks none (qemuDomainGetMemLockLimitBytes)."""
    tune, backing = domain.memtune, domain.memory_backing
    hard = tune.hard_limit if tune is not None else None
    if backing is not None and backing.locked:
        return hard << 10 if hard else _UNLIMITED
    passed = [d for d in domain.devices.hostdevs if d.type in ("pci", "mdev")]
    passed += [n for n in domain.devices.interfaces if n.type in ("hostdev", "vdpa")]
    if not passed:
        return None
    return (hard or int(domain.max_memory or domain.memory) + _DEVICES) << 10
