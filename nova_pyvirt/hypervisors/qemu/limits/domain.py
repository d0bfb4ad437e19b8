# SPDX-License-Identifier: Apache-2.0
"""Limits of a whole guest: memory, block I/O, processor share, devices (domain_cgroup.c)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup import UNLIMITED, Cgroup
from nova_pyvirt.errors import Code, From, libvirtError, system_error
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import BlkioDevice
from nova_pyvirt.util.native import os

#: <blkiotune><device> -> the control group's name for it
BLKIO: Final = {
    "weight": "weight",
    "read_iops_sec": "read_iops",
    "write_iops_sec": "write_iops",
    "read_bytes_sec": "read_bytes",
    "write_bytes_sec": "write_bytes",
}


def apply(domain: Domain, cgroup: Cgroup) -> None:
    """Sets what the definition says.

    :raises libvirtError: CONFIG_UNSUPPORTED when the host can't, SYSTEM_ERROR
    """
    _blkio(domain, cgroup)
    _memory(domain, cgroup)
    _cpu(domain, cgroup)


def _missing(detail: str) -> libvirtError:
    return errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.NONE)


def _blkio(domain: Domain, cgroup: Cgroup) -> None:
    tune = domain.blkiotune
    if tune is None or not (tune.weight or tune.devices):
        return
    if not cgroup.has("blkio"):
        raise _missing("Block I/O tuning is not available on this host")
    values = cgroup.values("blkio")
    if tune.weight:
        values.set_weight(tune.weight)
    for device in tune.devices:
        set_blkio_device(cgroup, device)


def set_blkio_device(cgroup: Cgroup, device: BlkioDevice) -> None:
    """Limits of one block device of the host.

    :raises libvirtError: SYSTEM_ERROR
    """
    number = device_number(device.path)
    for ours, name in BLKIO.items():
        value = device.__dict__.get(ours)
        if value:
            cgroup.values("blkio").set_device_value(name, number, value)


def device_number(path: str) -> str:
    """MAJOR:MINOR of a block device.

    :raises libvirtError: SYSTEM_ERROR when there is none
    """
    try:
        info = os.stat(path)
    except OSError as exc:
        detail = f"Path '{path}' is not accessible"
        raise system_error(exc.errno or 0, detail, domain=From.CGROUP) from exc
    if (info.st_mode & 0o170000) != 0o060000:
        detail = f"Path '{path}' must be a block device"
        raise system_error(22, detail, domain=From.CGROUP)
    return f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}"


def _memory(domain: Domain, cgroup: Cgroup) -> None:
    tune = domain.memtune
    limits = {
        kind: value
        for kind, value in (
            ("hard", tune.hard_limit), ("soft", tune.soft_limit), ("swap", tune.swap_hard_limit),
        )
        if value and value < UNLIMITED
    } if tune is not None else {}  # fmt: skip
    if limits and not cgroup.has("memory"):
        raise _missing("Memory cgroup is not available on this host")
    for kind, value in limits.items():
        cgroup.values("memory").set_memory_limit(kind, value)


def _cpu(domain: Domain, cgroup: Cgroup) -> None:
    tune = domain.cputune
    if tune is None:
        return
    period, quota = tune.global_period or 0, tune.global_quota or 0
    if not cgroup.has("cpu"):
        if tune.shares is not None:
            raise _missing("CPU tuning is not available on this host")
        if period or quota:
            raise _missing("cgroup cpu is required for scheduler tuning")
        return
    if tune.shares is not None:
        cgroup.values("cpu").set_cpu_shares(tune.shares)
    cgroup.values("cpu").set_cpu_bandwidth(period, quota)
