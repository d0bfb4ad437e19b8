# SPDX-License-Identifier: Apache-2.0
"""Where a guest's threads run and how much of a processor they get (qemuProcessSetupPid)."""

import logging
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup import Cgroup
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import cpumaps
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import Sched
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)
#: the name of QEMU's own group
EMULATOR: Final = "emulator"
_POLICIES = {"batch": os.SCHED_BATCH, "idle": os.SCHED_IDLE, "fifo": os.SCHED_FIFO,
             "rr": os.SCHED_RR}  # fmt: skip


def _emulator_group(domain: Domain, cgroup: Cgroup) -> Cgroup:
    """The group of QEMU itself, which is in it before it runs: so are the threads it starts.

    :raises libvirtError: SYSTEM_ERROR, CONFIG_UNSUPPORTED
    """
    tune = domain.cputune
    period, quota = (tune.emulator_period, tune.emulator_quota) if tune else (0, 0)
    return _group(
        domain, cgroup, EMULATOR, _emulator_cpus(domain), (period or 0, quota or 0), _mems(domain)
    )


def vcpu_group(domain: Domain, cgroup: Cgroup, number: int) -> Cgroup:
    """The group of one vCPU's thread.

    :raises libvirtError: SYSTEM_ERROR, CONFIG_UNSUPPORTED
    """
    tune = domain.cputune
    limit = (tune.period or 0, tune.quota or 0) if tune else (0, 0)
    mems = _cell_mems(domain, number) or _mems(domain)
    return _group(domain, cgroup, f"vcpu{number}", _vcpu_cpus(domain, number), limit, mems)


def iothread_group(domain: Domain, cgroup: Cgroup, number: int) -> Cgroup:
    """The group of an I/O thread.

    :raises libvirtError: SYSTEM_ERROR, CONFIG_UNSUPPORTED
    """
    tune = domain.cputune
    limit = (tune.iothread_period or 0, tune.iothread_quota or 0) if tune else (0, 0)
    cpus = _iothread_cpus(domain, number)
    return _group(domain, cgroup, f"iothread{number}", cpus, limit, _mems(domain))


def groups(domain: Domain, cgroup: Cgroup) -> dict[str, Cgroup]:
    """The groups, by name, of what the guest starts with: QEMU itself, vCPUs, I/O threads.

    :raises libvirtError: SYSTEM_ERROR, CONFIG_UNSUPPORTED
    """
    enabled = [vcpu.id for vcpu in domain.vcpus if vcpu.enabled] or range(domain.vcpu_count)
    found = {EMULATOR: _emulator_group(domain, cgroup)}
    found |= {f"vcpu{number}": vcpu_group(domain, cgroup, number) for number in enabled}
    for iothread in domain.iothread_ids:
        name = f"iothread{iothread.id}"
        found[name] = iothread_group(domain, cgroup, iothread.id)
    return found


def place_emulator(domain: Domain, pid: int) -> None:
    """Where QEMU itself runs, once it is in its group.

    :raises libvirtError: SYSTEM_ERROR
    """
    _affinity(pid, _emulator_cpus(domain))


def place_vcpu(domain: Domain, number: int, thread: int) -> None:
    """Where, and how urgently, the thread of a vCPU runs.

    :raises libvirtError: SYSTEM_ERROR
    """
    _affinity(thread, _vcpu_cpus(domain, number))
    for sched in domain.cputune.vcpuscheds if domain.cputune else ():
        if sched.vcpus and number in cpuset.parse(sched.vcpus):
            _schedule(thread, sched)


def place_iothread(domain: Domain, number: int, thread: int) -> None:
    """The same for an I/O thread.

    :raises libvirtError: SYSTEM_ERROR
    """
    _affinity(thread, _iothread_cpus(domain, number))
    for sched in domain.cputune.iothreadscheds if domain.cputune else ():
        if sched.iothreads and number in cpuset.parse(sched.iothreads):
            _schedule(thread, sched)


def limited(domain: Domain) -> bool:
    """Whether it matters to the guest which group its threads are in."""
    return bool(domain.cputune or domain.vcpu_cpuset or domain.numatune)


def _emulator_cpus(domain: Domain) -> str | None:
    tune = domain.cputune
    return _text((tune.emulator_cpuset if tune else None) or domain.vcpu_cpuset)


def _vcpu_cpus(domain: Domain, number: int) -> str | None:
    return _text(vcpu_pin(domain, number) or domain.vcpu_cpuset)


def _iothread_cpus(domain: Domain, number: int) -> str | None:
    return _text(iothread_pin(domain, number) or domain.vcpu_cpuset)


def _text(cpus: object) -> str | None:
    return str(cpus) if cpus else None


def vcpu_pin(domain: Domain, number: int) -> str | None:
    """<vcpupin> of a vCPU."""
    pins = domain.cputune.vcpupins if domain.cputune else ()
    return next((pin.cpuset for pin in pins if pin.vcpu == number), None)


def iothread_pin(domain: Domain, number: int) -> str | None:
    """<iothreadpin> of an I/O thread."""
    pins = domain.cputune.iothreadpins if domain.cputune else ()
    return next((pin.cpuset for pin in pins if pin.iothread == number), None)


def _group(
    domain: Domain,
    cgroup: Cgroup,
    name: str,
    cpus: str | None,
    limit: tuple[int, int],
    mems: str | None,
) -> Cgroup:
    """:param limit: (period, quota) in microseconds, 0 as the kernel has it"""
    if any(limit) and not cgroup.has("cpu"):
        detail = "cgroup cpu is required for scheduler tuning"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    if not (cgroup.has("cpu") or cgroup.has("cpuset")):
        return Cgroup({})
    group = cgroup.thread(name)
    if group.has("cpuset"):
        values = group.values("cpuset")
        if cpus:
            values.set_cpus(cpus)
        if mems:
            values.set_mems(mems)
    if group.has("cpu"):
        group.values("cpu").set_cpu_bandwidth(*limit)
    return group


def _affinity(thread: int, cpus: str | None) -> None:
    """Without a wish, all CPUs: we may have been started on some of them only."""
    if cpus:
        cpumaps.pin_thread(thread, cpus)
        return
    try:
        cpumaps.pin_thread(thread, cpuset.text(cpumaps.host()))
    except libvirtError as exc:
        LOG.debug("thread %d runs where we do: %s", thread, exc)


def _mems(domain: Domain) -> str | None:
    """The host's memory nodes that all of the guest must use."""
    tune = domain.numatune
    if tune is None or tune.mode not in ("strict", "restrictive"):
        return None
    return tune.nodeset or None


def _cell_mems(domain: Domain, number: int) -> str | None:
    """Those of a vCPU whose guest node is restrictive."""
    cells = domain.cpu.cells if domain.cpu is not None else []
    nodes = domain.numatune.memnodes if domain.numatune is not None else []
    for ident, cell in enumerate(cells):
        if not cell.cpus or number not in cpuset.parse(cell.cpus):
            continue
        for node in nodes:
            if node.cellid == ident and node.mode == "restrictive":
                return str(node.nodeset)
    return None


def _schedule(thread: int, sched: Sched) -> None:
    """:raises libvirtError: SYSTEM_ERROR"""
    policy = _POLICIES[sched.scheduler]
    priority = sched.priority or 0 if sched.scheduler in ("fifo", "rr") else 0
    try:
        os.sched_setscheduler(thread, policy, os.sched_param(priority))
    except OSError as exc:
        detail = f"Cannot set scheduler parameters for pid {thread}"
        raise errors.system_error(exc.errno or 0, detail) from exc
