# SPDX-License-Identifier: Apache-2.0
"""How many vCPUs a domain has, now and at its next start (qemu_driver.c, qemu_hotplug.c)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.job_matrix import AgentJob
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import agentless, plug, vcpus
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import agent_job
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, change, impact, one
from nova_pyvirt.hypervisors.qemu.postparse.vcpus import fill_cells
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import VCPU

MAXIMUM, GUEST, HOTPLUGGABLE = 4, 8, 16
#: numbers that a guest's vCPU may have (QEMU_GUEST_VCPU_MAX_ID)
_IDS: Final = 4096


def get_vcpus_flags(state: QemuState, dom: DomainRef, flags: int) -> int:
    """qemuDomainGetVcpusFlags: current or maximum number, live or persistent.

    :raises libvirtError: OPERATION_INVALID; with GUEST what the agent's absence means
    """
    check_flags(flags, LIVE | CONFIG | MAXIMUM | GUEST, "qemuDomainGetVcpusFlags")
    vm = state.domains.find(dom)
    with vm.lock:
        definition, _live = one(vm, flags)
        if not flags & GUEST:
            return int(definition.vcpu_max if flags & MAXIMUM else definition.vcpu_count)
        if not vm.active:
            raise errors.error(
                Code.INVALID_ARG,
                "vCPU count provided by the guest agent can only be requested for live domains",
            )
    with agent_job(vm, AgentJob.QUERY, "virDomainGetVcpusFlags"):
        raise agentless.refusal(vm)


def get_max_vcpus(state: QemuState, dom: DomainRef) -> int:
    """Maximum of the running domain."""
    return get_vcpus_flags(state, dom, LIVE | MAXIMUM)


def set_vcpus_flags(state: QemuState, dom: DomainRef, count: int, flags: int) -> None:
    """qemuDomainSetVcpusFlags.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID, OPERATION_UNSUPPORTED,
        CONFIG_UNSUPPORTED; OPERATION_TIMEOUT when the guest keeps a vCPU
    """
    check_flags(flags, LIVE | CONFIG | MAXIMUM | GUEST | HOTPLUGGABLE, "qemuDomainSetVcpusFlags")
    api = "virDomainSetVcpusFlags"
    if flags & GUEST:
        vm = state.domains.find(dom)
        with agent_job(vm, AgentJob.MODIFY, api):
            impact(vm, flags)
            raise agentless.refusal(vm)
    with change(state, dom, flags, api) as made:
        if flags & MAXIMUM:
            if made.live is not None:
                raise errors.error(
                    Code.OPERATION_UNSUPPORTED,
                    "maximum vcpu count of a live domain can't be modified",
                )
            if made.config is not None:
                _set_max(made.config, count)
            return
        for definition, which in ((made.live, "live"), (made.config, "persistent")):
            if definition is not None and count > definition.vcpu_max:
                raise errors.error(
                    Code.INVALID_ARG,
                    "requested vcpus is greater than max allowable vcpus for the"
                    f" {which} domain: {count} > {definition.vcpu_max}",
                )
        if made.live is not None:
            numbers, adding = plug.select(made.vm, count)
            for number in numbers:
                (plug.add if adding else plug.remove)(made.vm, number)
        if made.config is not None:
            _set_count(made.config, count, hotpluggable=bool(flags & HOTPLUGGABLE))


def _set_max(definition: Domain, count: int) -> None:
    cpu = definition.cpu
    cells = cpu.cells if cpu is not None else []
    in_cells = sum(len(cpuset.parse(cell.cpus)) for cell in cells if cell.cpus)
    if in_cells > count:
        raise errors.error(
            Code.INVALID_ARG, "Number of CPUs in <numa> exceeds the desired maximum vcpu count"
        )
    if cpu is not None and cpu.sockets:
        topology = cpu.sockets * (cpu.dies or 1) * (cpu.cores or 1) * (cpu.threads or 1)
        if topology != count:
            raise errors.error(
                Code.INVALID_ARG, "CPU topology doesn't match the desired vcpu count"
            )
    current = min(definition.vcpu_count, count)
    more = count - definition.vcpu_max
    if definition.vcpus:
        _clear_order(definition)
        lines = definition.vcpus[:count]
        lines += [VCPU(id=n, enabled=False) for n in range(definition.vcpu_max, count)]
        definition.vcpus = lines
        current = sum(bool(vcpu.enabled) for vcpu in lines)
    definition.vcpus_added = max(definition.vcpus_added + more, 0)
    definition.vcpu_max = count
    definition.vcpu_current = None if current == count else current
    fill_cells(definition)


def _clear_order(definition: Domain) -> None:
    """What comes when is not known any more."""
    for vcpu in definition.vcpus:
        vcpu.order = None


def _set_count(definition: Domain, count: int, *, hotpluggable: bool) -> None:
    """vCPUs come in from the lowest, go from the highest."""
    _clear_order(definition)
    if count == definition.vcpu_count:
        return
    lines = vcpus.individual(definition)
    shown = bool(definition.vcpus)
    online = definition.vcpu_count
    if count > online:
        for vcpu in lines:
            if vcpu.enabled:
                # those that stay are at the beginning: one behind a hotpluggable one is that too
                hotpluggable = hotpluggable or bool(vcpu.hotpluggable)
            elif online < count:
                vcpu.enabled, vcpu.hotpluggable = True, hotpluggable
                shown = shown or hotpluggable
                online += 1
    else:
        for vcpu in reversed(lines):
            if vcpu.enabled and online > count:
                vcpu.enabled, vcpu.hotpluggable = False, True
                online -= 1
    definition.vcpus = lines if shown else []
    definition.vcpu_current = None if count == definition.vcpu_max else count


def set_vcpu(state: QemuState, dom: DomainRef, vcpumap: str, on: int, flags: int) -> None:
    """qemuDomainSetVcpu: some vCPUs by number.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID, OPERATION_UNSUPPORTED, OPERATION_TIMEOUT
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainSetVcpu")
    if on not in (0, 1):
        raise errors.invalid_arg(
            "qemuDomainSetVcpu", "state", "unsupported state value in qemuDomainSetVcpu"
        )
    wanted = cpuset.parse(vcpumap, _IDS)
    if not wanted:
        raise errors.error(Code.INVALID_ARG, "no vcpus selected for modification")
    with change(state, dom, flags, "virDomainSetVcpu") as made:
        for definition, which in ((made.config, "persistent"), (made.live, "live")):
            if definition is not None and wanted[-1] >= definition.vcpu_max:
                raise errors.error(
                    Code.INVALID_ARG, f"vcpu {wanted[-1]} is not present in {which} config"
                )
        entity = _entity(made.live, made.vm.private.vcpus, wanted, on) if made.live else None
        if made.config is not None:
            _check_config(made.config, wanted)
        if entity is not None:
            (plug.add if on else plug.remove)(made.vm, entity)
        if made.config is not None:
            _clear_order(made.config)
            made.config.vcpus = vcpus.individual(made.config)
            for number in wanted:
                vcpu = made.config.vcpus[number]
                vcpu.enabled, vcpu.hotpluggable = bool(on), True
            vcpus.recount(made.config)


def _entity(definition: Domain, found: list[vcpus.VcpuInfo], wanted: list[int], on: int) -> int:
    """The one thing to plug in or out that is all of these vCPUs.

    :raises libvirtError: INVALID_ARG, OPERATION_UNSUPPORTED
    """
    if not found or not found[0].kind:
        raise errors.error(
            Code.OPERATION_UNSUPPORTED, "this qemu version does not support specific vCPU hotplug"
        )
    lines = vcpus.individual(definition)
    for number in wanted:
        if bool(lines[number].enabled) == bool(on):
            raise _invalid(f"vcpu '{number}' is already in requested state")
        if lines[number].enabled and not lines[number].hotpluggable:
            raise _invalid(f"vcpu '{number}' can't be hotunplugged")
    left = list(wanted)
    entities = []
    while left:
        first = left.pop(0)
        units = found[first].units
        if not units:
            raise _invalid(
                f"vcpu '{first}' belongs to a larger hotpluggable entity, but siblings were not"
                " selected"
            )
        entities.append(first)
        for other in range(first + 1, first + units):
            if other not in left:
                raise _invalid(
                    f"vcpu '{other}' was not selected but it belongs to hotpluggable entity"
                    f" '{first}-{first + units - 1}' which was partially selected"
                )
            left.remove(other)
    if len(entities) != 1:
        raise errors.error(
            Code.OPERATION_UNSUPPORTED, "only one hotpluggable entity can be selected"
        )
    return entities[0]


def _check_config(definition: Domain, wanted: list[int]) -> None:
    """Those that always stay are the first ones."""
    if 0 in wanted:
        raise _invalid("vCPU '0' can't be modified")
    for vcpu in vcpus.individual(definition)[wanted[0] + 1 :]:
        if vcpu.id not in wanted and vcpu.enabled and vcpu.hotpluggable is False:
            raise _invalid(
                f"vcpu '{wanted[0]}' can't be modified as it is followed by non-hotpluggable"
                " online vcpus"
            )


def _invalid(detail: str) -> errors.libvirtError:
    return errors.error(Code.INVALID_ARG, detail)
