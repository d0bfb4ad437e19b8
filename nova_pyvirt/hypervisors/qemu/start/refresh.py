# SPDX-License-Identifier: Apache-2.0
"""Fifth stage: what QEMU made of the command line goes into the live definition."""

import re
from collections.abc import Mapping
from typing import Any

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, error, libvirtError
from nova_pyvirt.hypervisors.qemu import livecpu, plug, vcpus
from nova_pyvirt.hypervisors.qemu.limits import threads
from nova_pyvirt.hypervisors.qemu.monitor import Monitor
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.hypervisors.qemu.start.launch import last_words
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import os

_COMMANDS = ("query-cpus-fast", "query-chardev", "query-iothreads")
_SLOTS = "query-hotpluggable-cpus"
#: what QEMU calls a pseudo terminal of ours
_TERMINAL = re.compile(r"pty:/dev/pts/\d+")


def run(start: Start) -> None:
    """One batch of queries: vCPU threads, terminals, I/O threads; limits of those threads.

    :raises libvirtError: QEMU has ended or does not answer
    """
    with start.private.stage("refresh"):
        try:
            refresh(start.vm, start.private.mon)
            livecpu.update(start.vm, start.private.mon)
            plug.check(start.definition, start.private.vcpus)
            plug.note_order(start.definition, start.private.vcpus)
        except libvirtError as exc:
            raise last_words(start, exc) from exc
        limit_threads(start.vm)
        count(start.vm)
    reach("start-refresh")


def limit_threads(vm: DomainObj) -> None:
    """vCPU and I/O threads run where, and as much as, the definition says.

    :raises libvirtError: SYSTEM_ERROR
    """
    private, definition = vm.private, vm.definition
    for number, thread in private.vcpu_pids.items():
        threads.setup_vcpu(definition, private.cgroup, number, thread)
    for alias, thread in private.iothread_pids.items():
        number = alias.removeprefix("iothread")
        if number.isdigit():
            threads.setup_iothread(definition, private.cgroup, int(number), thread)


def count(vm: DomainObj) -> None:
    """The performance counters that the definition wants.

    :raises libvirtError: SYSTEM_ERROR when the kernel doesn't count that
    """
    for event in vm.definition.perf_events:
        if event.enabled:
            vm.private.perf.enable(event.name, vm.private.pid)


def refresh(vm: DomainObj, monitor: Monitor) -> None:
    """The same for a domain found running.

    What QEMU says of threads and terminals is believed only as far as it can be seen: a QEMU that
    its guest has taken over must not have us move, or open, what is not its own.

    :raises libvirtError: INTERNAL_ERROR when a thread is not QEMU's
    """
    names = [*_COMMANDS]
    if vm.private.caps.has(_SLOTS):
        names.append(_SLOTS)
    cpus, chardevs, iothreads, *slots = monitor.batch([(name, None) for name in names])
    with vm.lock:
        private = vm.private
        private.vcpus = vcpus.read(cpus, slots[0] if slots else [], private.pid)
        private.iothread_pids = {str(row["id"]): int(row["thread-id"]) for row in iothreads}
        for thread in (*private.vcpu_pids.values(), *private.iothread_pids.values()):
            if private.pid and not os.path.exists(f"/proc/{private.pid}/task/{thread}"):
                detail = f"thread {thread} is none of QEMU process {private.pid}"
                raise error(Code.INTERNAL_ERROR, detail)
        fill_terminals(vm, {row["label"]: row for row in chardevs})
        forget_formats(vm)


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
