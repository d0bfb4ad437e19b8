# SPDX-License-Identifier: Apache-2.0
"""What QEMU is asked when it has built a machine."""

from typing import Any, Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.hypervisors.qemu import livecpu
from nova_pyvirt.hypervisors.qemu.start.context import Start

CPUS: Final = "query-cpus-fast"
CHARDEVS: Final = "query-chardev"
IOTHREADS: Final = "query-iothreads"
SLOTS: Final = "query-hotpluggable-cpus"


def of(vm: DomainObj) -> list[str]:
    """The queries whose answers this guest's definition has a place for: each costs 0.3 ms."""
    definition, devices = vm.definition, vm.definition.devices
    names = [CPUS]
    if devices.serials or devices.parallels or devices.channels or devices.consoles:
        names.append(CHARDEVS)
    if definition.iothread_ids:
        names.append(IOTHREADS)
    spare = definition.vcpus or definition.vcpu_count < definition.vcpu_max
    if spare and vm.private.caps.has(SLOTS):
        names.append(SLOTS)
    return names


def early(start: Start) -> list[tuple[str, dict[str, Any] | None]]:
    """What can be asked together with the monitor's negotiation; nothing when vCPUs are plugged in, or
    memory is read in, before the answers count. A guest that must have exactly the CPU that is
    defined is asked for it each time.
    """
    seen, caps, cpu = start.state.seen_cpus, start.private.caps, start.definition.cpu
    if cpu is None or cpu.check != "full":
        start.cpu_said = seen.get(caps, start.argv)
    plugged = any(vcpu.enabled and vcpu.hotpluggable for vcpu in start.definition.vcpus)
    if plugged or start.incoming is not None:
        return []
    asked: list[tuple[str, dict[str, Any] | None]] = [(name, None) for name in of(start.vm)]
    if start.cpu_said is None:
        asked += livecpu.questions(start.definition)
    return asked
