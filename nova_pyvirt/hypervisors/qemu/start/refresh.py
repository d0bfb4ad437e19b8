# SPDX-License-Identifier: Apache-2.0
"""Fifth stage: what QEMU made of the command line goes into the live definition."""

from collections.abc import Mapping
from typing import Any

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.monitor import Monitor
from nova_pyvirt.hypervisors.qemu.start.context import Start
from nova_pyvirt.hypervisors.qemu.start.launch import last_words
from nova_pyvirt.util.breakpoints import reach

_COMMANDS = ("query-cpus-fast", "query-chardev", "query-iothreads")


def run(start: Start) -> None:
    """One batch of queries: vCPU threads, terminals, I/O threads.

    :raises libvirtError: QEMU has ended or does not answer
    """
    with start.private.stage("refresh"):
        try:
            refresh(start.vm, start.private.mon)
        except libvirtError as exc:
            raise last_words(start, exc) from exc
    reach("start-refresh")


def refresh(vm: DomainObj, monitor: Monitor) -> None:
    """The same for a domain found running."""
    cpus, chardevs, iothreads = monitor.batch([(name, None) for name in _COMMANDS])
    with vm.lock:
        private = vm.private
        ordered = sorted(cpus, key=lambda cpu: cpu["cpu-index"])
        private.vcpu_pids = [int(cpu["thread-id"]) for cpu in ordered]
        private.iothread_pids = {str(row["id"]): int(row["thread-id"]) for row in iothreads}
        fill_terminals(vm, {row["label"]: row for row in chardevs})


def fill_terminals(vm: DomainObj, chardevs: Mapping[str, Mapping[str, Any]]) -> None:
    """Paths of pseudo terminals, and whether the guest has a channel open."""
    devices = vm.definition.devices
    for device in (*devices.serials, *devices.parallels, *devices.channels, *devices.consoles):
        row = chardevs.get(f"char{device.alias}")
        if row is None:
            continue
        name = str(row.get("filename", ""))
        if device.type == "pty" and name.startswith("pty:"):
            device.source_path = name[4:]
            if device in devices.consoles:
                device.tty = device.source_path
    for channel in devices.channels:
        row = chardevs.get(f"char{channel.alias}")
        if row is not None and channel.target_type == "virtio":
            opened = row.get("frontend-open")
            channel.target_state = "connected" if opened else "disconnected"
