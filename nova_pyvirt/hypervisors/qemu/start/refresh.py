# SPDX-License-Identifier: Apache-2.0
"""Fifth stage: what QEMU made of the command line goes into the live definition."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, error, libvirtError
from nova_pyvirt.hypervisors.qemu import livecpu, plug, vcpus
from nova_pyvirt.hypervisors.qemu.limits import settle, threads
from nova_pyvirt.hypervisors.qemu.monitor import Monitor, QMPCommandError
from nova_pyvirt.hypervisors.qemu.start import queries
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.hypervisors.qemu.start.launch import last_words
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import os

#: what QEMU calls a pseudo terminal of ours
_TERMINAL: Final = re.compile(r"pty:/dev/pts/\d+")


def run(start: Start) -> None:
    """One batch of queries: vCPU threads, terminals, I/O threads, CPU; limits of those threads.

    :raises libvirtError: QEMU has ended or does not answer
    """
    vm = start.vm
    with start.private.stage("refresh"):
        try:
            livecpu.update(vm, _cpu_answers(start))
            plug.check(start.definition, start.private.vcpus)
            plug.note_order(start.definition, start.private.vcpus)
        except libvirtError as exc:
            raise last_words(start, exc) from exc
        _limit_threads(start)
        count(vm)
    reach("start-refresh")


def _cpu_answers(start: Start) -> list[Any]:
    """refresh(), and what QEMU says of the CPU, or has said before."""
    vm, monitor, known = start.vm, start.private.mon, start.cpu_said
    early = monitor.first_answers() if start.asked else None
    asked = livecpu.questions(start.definition) if known is None else []
    said = refresh(vm, monitor, asked, early)
    if known is not None:
        return known
    start.state.seen_cpus.keep(start.private.caps, start.argv, said)
    return said


def _limit_threads(start: Start) -> None:
    """vCPU and I/O threads run where, and as much as, the definition says.

    :raises libvirtError: SYSTEM_ERROR
    """
    private, definition, made = start.private, start.definition, start.groups
    groups = {
        thread: made.get(f"vcpu{number}") or threads.vcpu_group(definition, private.cgroup, number)
        for number, thread in private.vcpu_pids.items()
    }
    groups |= {t: made[name] for name, t in private.iothread_pids.items() if name in made}
    if threads.limited(definition):
        settle.settle(groups)
    else:
        settle.settle_later(start.vm, groups)
    for number, thread in private.vcpu_pids.items():
        threads.place_vcpu(definition, number, thread)
    for name, thread in private.iothread_pids.items():
        if name in made:
            threads.place_iothread(definition, int(name.removeprefix("iothread")), thread)


def count(vm: DomainObj) -> None:
    """The performance counters that the definition wants.

    :raises libvirtError: SYSTEM_ERROR when the kernel doesn't count that
    """
    for event in vm.definition.perf_events:
        if event.enabled:
            vm.private.perf.enable(event.name, vm.private.pid)


def refresh(
    vm: DomainObj,
    monitor: Monitor,
    more: Sequence[tuple[str, dict[str, Any]]] = (),
    answers: list[Any] | None = None,
) -> list[Any]:
    """The same for a domain found running.

    What QEMU says of threads and terminals is believed only as far as it can be seen: a QEMU that
    its guest has taken over must not have us move, or open, what is not its own.

    :param answers: to queries.of() and `more`, when QEMU has been asked before
    :param more: queries that go along; a refused one's place in what is returned holds its error
    :raises libvirtError: INTERNAL_ERROR when a thread is not QEMU's
    """
    private, names = vm.private, queries.of(vm)
    if answers is None:
        answers = monitor.batch([*((name, None) for name in names), *more], return_errors=True)
    for answer in answers[: len(names)]:
        if isinstance(answer, QMPCommandError):
            raise answer
    said = dict(zip(names, answers, strict=False))
    with vm.lock:
        private.vcpus = vcpus.read(said[queries.CPUS], said.get(queries.SLOTS, []), private.pid)
        threads_of = said.get(queries.IOTHREADS, [])
        private.iothread_pids = {str(row["id"]): int(row["thread-id"]) for row in threads_of}
        for thread in (*private.vcpu_pids.values(), *private.iothread_pids.values()):
            if private.pid and not os.path.exists(f"/proc/{private.pid}/task/{thread}"):
                detail = f"thread {thread} is none of QEMU process {private.pid}"
                raise error(Code.INTERNAL_ERROR, detail)
        fill_terminals(vm, {row["label"]: row for row in said.get(queries.CHARDEVS, [])})
        forget_formats(vm)
    return answers[len(names) :]


def forget_formats(vm: DomainObj) -> None:
    """A drive without a medium has no format (virDomainDiskEmptySource)."""
    for disk in vm.definition.devices.disks:
        if disk.device in ("cdrom", "floppy") and disk.empty:
            disk.format = None


def fill_terminals(vm: DomainObj, chardevs: Mapping[str, Mapping[str, Any]]) -> None:
    """Paths of pseudo terminals, and whether the guest has a channel open."""
    devices = vm.definition.devices
    for device in (*devices.serials, *devices.parallels, *devices.channels, *devices.consoles):
        row = chardevs.get(f"char{device.alias}")
        if row is None:
            continue
        name = str(row.get("filename", ""))
        if device.type == "pty" and _TERMINAL.fullmatch(name):
            device.source_path = name[4:]
            if device in devices.consoles:
                device.tty = device.source_path
    for channel in devices.channels:
        row = chardevs.get(f"char{channel.alias}")
        if row is not None and channel.target_type == "virtio":
            opened = row.get("frontend-open")
            channel.target_state = "connected" if opened else "disconnected"
