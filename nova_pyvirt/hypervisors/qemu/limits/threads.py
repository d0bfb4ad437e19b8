# SPDX-License-Identifier: Apache-2.0
"""Where a guest's threads run and how much of a processor they get (qemuProcessSetupPid)."""

import logging

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup import Cgroup
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import cpumaps
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import Sched
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)
_POLICIES = {"batch": os.SCHED_BATCH, "idle": os.SCHED_IDLE, "fifo": os.SCHED_FIFO,
             "rr": os.SCHED_RR}  # fmt: skip


def setup_emulator(domain: Domain, cgroup: Cgroup, pid: int) -> None:
    """QEMU itself, before it runs: the threads it starts are where it is.

    :raises libvirtError: SYSTEM_ERROR, CONFIG_UNSUPPORTED
    """
    tune = domain.cputune
    period, quota = (tune.emulator_period, tune.emulator_quota) if tune else (0, 0)
    pinned = tune.emulator_cpuset if tune else None
    _setup(domain, cgroup, pid, "emulator", pinned, (period or 0, quota or 0), _mems(domain))


def setup_vcpu(domain: Domain, cgroup: Cgroup, number: int, thread: int) -> None:
    """The thread of one vCPU.

    :raises libvirtError: SYSTEM_ERROR, CONFIG_UNSUPPORTED
    """
    tune = domain.cputune
    limit = (tune.period or 0, tune.quota or 0) if tune else (0, 0)
    mems = _cell_mems(domain, number) or _mems(domain)
    _setup(domain, cgroup, thread, f"vcpu{number}", vcpu_pin(domain, number), limit, mems)
    for sched in tune.vcpuscheds if tune else ():
        if sched.vcpus and number in cpuset.parse(sched.vcpus):
            _schedule(thread, sched)


def setup_iothread(domain: Domain, cgroup: Cgroup, number: int, thread: int) -> None:
    """An I/O thread.

    :raises libvirtError: SYSTEM_ERROR, CONFIG_UNSUPPORTED
    """
    tune = domain.cputune
    limit = (tune.iothread_period or 0, tune.iothread_quota or 0) if tune else (0, 0)
    pinned = iothread_pin(domain, number)
    _setup(domain, cgroup, thread, f"iothread{number}", pinned, limit, _mems(domain))
    for sched in tune.iothreadscheds if tune else ():
        if sched.iothreads and number in cpuset.parse(sched.iothreads):
            _schedule(thread, sched)


def vcpu_pin(domain: Domain, number: int) -> str | None:
    """<vcpupin> of a vCPU."""
    pins = domain.cputune.vcpupins if domain.cputune else ()
    return next((pin.cpuset for pin in pins if pin.vcpu == number), None)


def iothread_pin(domain: Domain, number: int) -> str | None:
    """<iothreadpin> of an I/O thread."""
    pins = domain.cputune.iothreadpins if domain.cputune else ()
    return next((pin.cpuset for pin in pins if pin.iothread == number), None)


def _setup(
    domain: Domain,
    cgroup: Cgroup,
    thread: int,
    name: str,
    pinned: str | None,
    limit: tuple[int, int],
    mems: str | None,
) -> None:
    """:param limit: (period, quota) in microseconds, 0 as the kernel has it"""
    if any(limit) and not cgroup.has("cpu"):
        detail = "cgroup cpu is required for scheduler tuning"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    cpus = pinned or domain.vcpu_cpuset
    if cgroup.has("cpu") or cgroup.has("cpuset"):
        group = cgroup.thread(name)
        if group.has("cpuset"):
            values = group.values("cpuset")
            if cpus:
                values.set_cpus(cpus)
            if mems:
                values.set_mems(mems)
        if group.has("cpu"):
            group.values("cpu").set_cpu_bandwidth(*limit)
        group.add_thread(thread)
    _affinity(thread, cpus)


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
