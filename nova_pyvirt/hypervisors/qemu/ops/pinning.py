# SPDX-License-Identifier: Apache-2.0
"""Which host CPUs a domain's threads use (qemu_driver.c)."""

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup import Cgroup
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import EventID
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import cpumaps
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.limits.threads import vcpu_pin
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, Change, change, one
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import CPUTune, Pin


def pin_vcpu_flags(state: QemuState, dom: DomainRef, vcpu: int, cpumap: bytes, flags: int) -> None:
    """qemuDomainPinVcpuFlags.

    :param cpumap: a bit for each CPU of the host
    :raises libvirtError: INVALID_ARG, OPERATION_INVALID, SYSTEM_ERROR
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainPinVcpuFlags")
    with change(state, dom, flags, "virDomainPinVcpuFlags") as made:
        if made.config is not None and vcpu >= made.config.vcpu_max:
            raise errors.error(
                Code.INVALID_ARG,
                f"vcpu {vcpu} is out of range of persistent cpu count {made.config.vcpu_count}",
            )
        cpus = cpumaps.given(cpumap)
        if made.live is not None:
            _pin_live(made, vcpu, cpus)
            tell(state, made, {f"cputune.vcpupin{vcpu}": cpus})
        if made.config is not None:
            _set_pin(made.config, vcpu, cpus)


def _pin_live(made: Change, vcpu: int, cpus: str) -> None:
    vm, live = made.vm, made.live
    assert live is not None
    if not vm.private.vcpu_pids:
        raise errors.error(Code.OPERATION_INVALID, "cpu affinity is not supported")
    if vcpu >= live.vcpu_max:
        raise errors.error(
            Code.INVALID_ARG, f"vcpu {vcpu} is out of range of live cpu count {live.vcpu_max}"
        )
    thread = vm.private.vcpu_pids.get(vcpu)
    if thread is not None:
        move(vm.private.cgroup, f"vcpu{vcpu}", thread, cpus)
    with vm.lock:
        _set_pin(live, vcpu, cpus)


def move(cgroup: Cgroup, name: str, thread: int, cpus: str) -> None:
    """Lets a thread run on these CPUs only, by its control group and by itself.

    :raises libvirtError: SYSTEM_ERROR
    """
    if cgroup.has("cpuset"):
        cgroup.thread(name).values("cpuset").set_cpus(cpus)
    cpumaps.pin_thread(thread, cpus)


def _set_pin(definition: Domain, vcpu: int, cpus: str) -> None:
    tune = definition.cputune = definition.cputune or CPUTune()
    for pin in tune.vcpupins:
        if pin.vcpu == vcpu:
            pin.cpuset = cpus
            return
    tune.vcpupins.append(Pin(vcpu=vcpu, cpuset=cpus))
    tune.vcpupins.sort(key=lambda pin: int(pin.vcpu))


def tell(state: QemuState, made: Change, params: dict[str, object]) -> None:
    """Subscribers learn of a change of a running domain (VIR_DOMAIN_EVENT_ID_TUNABLE)."""
    with made.vm.lock:
        state.bus.emit(made.vm.ref, EventID.TUNABLE, params)


def get_vcpu_pin_info(state: QemuState, dom: DomainRef, flags: int) -> list[bytes]:
    """qemuDomainGetVcpuPinInfo: a CPU map for each possible vCPU."""
    check_flags(flags, LIVE | CONFIG, "qemuDomainGetVcpuPinInfo")
    vm = state.domains.find(dom)
    with vm.lock:
        definition, _live = one(vm, flags)
        wished = definition.vcpu_cpuset or cpuset.text(cpumaps.host(state.view.fs))
        pins = [vcpu_pin(definition, n) or wished for n in range(definition.vcpu_max)]
    return [cpumaps.data(cpuset.parse(pin)) for pin in pins]


def pin_emulator(state: QemuState, dom: DomainRef, cpumap: bytes, flags: int) -> None:
    """qemuDomainPinEmulator.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID, SYSTEM_ERROR
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainPinEmulator")
    with change(state, dom, flags, "virDomainPinEmulator") as made:
        cpus = cpumaps.given(cpumap)
        if made.live is not None:
            private = made.vm.private
            try:
                move(private.cgroup, "emulator", private.pid, cpus)
            except libvirtError as exc:
                if exc.get_error_domain() != errors.From.CGROUP:
                    raise
                detail = "failed to set cpuset.cpus in cgroup for emulator threads"
                raise errors.error(Code.OPERATION_INVALID, detail) from exc
            with made.vm.lock:
                _set_emulator(made.live, cpus)
            tell(state, made, {"cputune.emulatorpin": cpus})
        if made.config is not None:
            _set_emulator(made.config, cpus)


def _set_emulator(definition: Domain, cpus: str) -> None:
    definition.cputune = definition.cputune or CPUTune()
    definition.cputune.emulator_cpuset = cpus


def get_emulator_pin_info(state: QemuState, dom: DomainRef, flags: int) -> bytes:
    """qemuDomainGetEmulatorPinInfo: a CPU map."""
    check_flags(flags, LIVE | CONFIG, "qemuDomainGetEmulatorPinInfo")
    vm = state.domains.find(dom)
    with vm.lock:
        definition, _live = one(vm, flags)
        tune = definition.cputune
        pinned = (tune.emulator_cpuset if tune else None) or definition.vcpu_cpuset
    return cpumaps.data(cpuset.parse(pinned) if pinned else cpumaps.host(state.view.fs))
