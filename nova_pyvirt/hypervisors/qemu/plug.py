# SPDX-License-Identifier: Apache-2.0
"""Plugging vCPUs in and out of a running guest (qemu_hotplug.c)."""

from collections.abc import Sequence
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import audit, vcpus
from nova_pyvirt.hypervisors.qemu.limits import threads
from nova_pyvirt.hypervisors.qemu.unplug import Unplug
from nova_pyvirt.hypervisors.qemu.vcpus import VcpuInfo
from nova_pyvirt.model.domain import Domain

_QUERIES: Final = ("query-cpus-fast", "query-hotpluggable-cpus")


def refresh(vm: DomainObj) -> list[VcpuInfo]:
    """What QEMU says of the vCPUs now, kept in the run's data.

    :raises libvirtError: QEMU does not answer
    """
    private = vm.private
    cpus, slots = private.mon.batch([(name, None) for name in _QUERIES])
    found = vcpus.read(cpus, slots, private.pid)
    with vm.lock:
        private.vcpus = found
    return found


def at_start(vm: DomainObj) -> None:
    """Plugs in what <vcpus> has as enabled and hotpluggable, in its order.

    :raises libvirtError: QEMU refuses, CONFIG_UNSUPPORTED
    """
    wanted = [v for v in vm.definition.vcpus if v.enabled and v.hotpluggable]
    if not wanted:
        return
    found = refresh(vm)
    check(vm.definition, found)
    for vcpu in sorted(wanted, key=lambda v: v.order or 0):
        if found[vcpu.id].units:
            _add(vm, vcpu.id, found[vcpu.id])


def check(definition: Domain, found: Sequence[VcpuInfo]) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED for <vcpus> that the machine can't have"""
    seen: set[int] = set()
    for vcpu in definition.vcpus if found else ():
        info = found[vcpu.id]
        if not info.units:
            continue
        if vcpu.order:
            if vcpu.order in seen:
                raise _unsupported(f"duplicate vcpu order '{vcpu.order}'")
            if vcpu.order > definition.vcpu_max:
                raise _unsupported(f"vcpu order '{vcpu.order}' exceeds vcpu count")
            seen.add(vcpu.order)
        for other in definition.vcpus[vcpu.id + 1 : vcpu.id + info.units]:
            if (other.hotpluggable, other.enabled) != (vcpu.hotpluggable, vcpu.enabled):
                raise _unsupported(
                    f"vcpus '{vcpu.id}' and '{other.id}' are in the same hotplug group but differ"
                    " in configuration"
                )


def _unsupported(detail: str) -> libvirtError:
    return errors.error(Code.CONFIG_UNSUPPORTED, detail)


def note_order(definition: Domain, found: Sequence[VcpuInfo]) -> None:
    """<vcpus> tells in which order they came."""
    order = 0
    for vcpu in definition.vcpus if found else ():
        if vcpu.enabled:
            order = found[vcpu.id].order or order
        vcpu.order = order if vcpu.enabled and order else None


def select(vm: DomainObj, count: int) -> tuple[list[int], bool]:
    """The vCPUs to plug in (True) or out (False) so that there are `count`.

    :raises libvirtError: CONFIG_UNSUPPORTED when no choice makes that number
    """
    found = vm.private.vcpus
    online = sum(info.online for info in found)
    adding = count > online
    order = range(len(found)) if adding else reversed(range(len(found)))
    chosen = []
    for number in order:
        info = found[number]
        if online == count or not info.units or info.online is adding:
            continue
        if not adding and not info.alias:
            continue
        online += info.units if adding else -info.units
        if (online > count) if adding else (online < count):
            raise _unsupported("target vm vcpu granularity does not allow the desired vcpu count")
        chosen.append(number)
    if online != count:
        raise _unsupported(
            "failed to find appropriate hotpluggable vcpus to reach the desired target vcpu count"
        )
    return chosen, adding


def add(vm: DomainObj, number: int) -> None:
    """Plugs a vCPU in, with those that belong to it.

    :raises libvirtError: OPERATION_UNSUPPORTED, QEMU refuses, SYSTEM_ERROR for its limits
    """
    info = vm.private.vcpus[number]
    if not info.kind:
        raise errors.error(Code.OPERATION_UNSUPPORTED, "cpu hotplug is not supported")
    before = vm.definition.vcpu_count
    _add(vm, number, info)
    found = refresh(vm)
    with vm.lock:
        definition = vm.definition
        definition.vcpus = vcpus.individual(definition)
        for vcpu in definition.vcpus[number : number + info.units]:
            vcpu.enabled = True
            vcpu.hotpluggable = True
        vcpus.recount(definition)
        note_order(definition, found)
    audit.changed(vm, "vcpu", before, definition.vcpu_count)
    for one in range(number, number + info.units):
        if found[one].thread:
            threads.vcpu_group(definition, vm.private.cgroup, one).add_thread(found[one].thread)
            threads.place_vcpu(definition, one, found[one].thread)


def _add(vm: DomainObj, number: int, info: VcpuInfo) -> None:
    args = {"driver": info.kind, "id": f"vcpu{number}", **info.props}
    vm.private.mon.command("device_add", args)


def remove(vm: DomainObj, number: int) -> None:
    """Asks the guest to let go of a vCPU, and waits for that.

    :raises libvirtError: OPERATION_UNSUPPORTED, OPERATION_TIMEOUT, OPERATION_FAILED
    """
    private = vm.private
    info = private.vcpus[number]
    if not info.alias:
        raise errors.error(Code.OPERATION_UNSUPPORTED, f"vcpu '{number}' can't be unplugged")
    with Unplug.of(vm, info.alias) as unplug:
        private.mon.command("device_del", {"id": info.alias})
        if not unplug.wait():
            raise errors.error(
                Code.OPERATION_TIMEOUT,
                "vcpu unplug request timed out. Unplug result must be manually inspected in the"
                " domain",
            )
    removed(vm, info.alias)


def removed(vm: DomainObj, alias: str) -> None:
    """A vCPU has gone, now or later than somebody waited for it."""
    number = int(alias.removeprefix("vcpu"))
    units, before = vm.private.vcpus[number].units, vm.definition.vcpu_count
    found = refresh(vm)
    with vm.lock:
        definition = vm.definition
        definition.vcpus = vcpus.individual(definition)
        for vcpu in definition.vcpus[number : number + units]:
            vcpu.enabled, vcpu.hotpluggable = False, True
        vcpus.recount(definition)
        note_order(definition, found)
    audit.changed(vm, "vcpu", before, definition.vcpu_count)
    for one in range(number, number + units):
        vm.private.cgroup.remove_thread(f"vcpu{one}")
