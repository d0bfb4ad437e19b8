# SPDX-License-Identifier: Apache-2.0
"""How much of the host's processors a domain gets (qemu_driver.c, cpu controller)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup import Cgroup
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, Change, change, one
from nova_pyvirt.hypervisors.qemu.ops.pinning import tell
from nova_pyvirt.hypervisors.qemu.params import validate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import CPUTune
from nova_pyvirt.util.typed import LLong, Params, ULLong

STRING_OKAY: Final = 4
_SHARES: Final = "cpu_shares"
#: parameter: (field of <cputune>, is it a quota?)
_LIMITS: Final = {
    "vcpu_period": ("period", False),
    "vcpu_quota": ("quota", True),
    "emulator_period": ("emulator_period", False),
    "emulator_quota": ("emulator_quota", True),
    "global_period": ("global_period", False),
    "global_quota": ("global_quota", True),
    "iothread_period": ("iothread_period", False),
    "iothread_quota": ("iothread_quota", True),
}
_KNOWN: Final[dict[str, type]] = {_SHARES: ULLong} | {
    name: LLong if quota else ULLong for name, (_field, quota) in _LIMITS.items()
}
_PERIOD: Final = (1000, 1000000)
_QUOTA: Final = (1000, 18446744073709551)


def get_scheduler_type(state: QemuState, dom: DomainRef) -> tuple[str, int]:
    """qemuDomainGetSchedulerType: ("posix", number of parameters)."""
    vm = state.domains.find(dom)
    _privileged(state, Code.OPERATION_UNSUPPORTED)
    with vm.lock:
        if vm.active:
            _require(vm.private.cgroup)
    return "posix", len(_KNOWN)


def _privileged(state: QemuState, code: Code = Code.CONFIG_UNSUPPORTED) -> None:
    if not state.view.privileged:
        raise errors.error(code, "CPU tuning is not available in session mode")


def _require(cgroup: Cgroup) -> None:
    if not cgroup.has("cpu"):
        raise errors.error(Code.OPERATION_INVALID, "cgroup CPU controller is not mounted")


def get_scheduler_parameters(state: QemuState, dom: DomainRef, flags: int) -> Params:
    """qemuDomainGetSchedulerParametersFlags: shares; periods and quotas in microseconds.

    :raises libvirtError: OPERATION_INVALID
    """
    check_flags(flags, LIVE | CONFIG | STRING_OKAY, "qemuDomainGetSchedulerParametersFlags")
    vm = state.domains.find(dom)
    _privileged(state)
    with vm.lock:
        definition, live = one(vm, flags)
        found = _live(vm) if live else _stored(definition)
    return {name: kind(found.get(name) or 0) for name, kind in _KNOWN.items()}


def _stored(definition: Domain) -> dict[str, int]:
    tune = definition.cputune
    if tune is None:
        return {}
    limits = {name: tune.__dict__.get(field) or 0 for name, (field, _quota) in _LIMITS.items()}
    return {_SHARES: tune.shares or 0, **limits}


def _live(vm: DomainObj) -> dict[str, int]:
    """As the control groups have it: others may have changed them."""
    cgroup = vm.private.cgroup
    _require(cgroup)
    found = {_SHARES: cgroup.values("cpu").cpu_shares()}
    vcpus, iothreads = sorted(vm.private.vcpu_pids), _iothreads(vm)
    for what, group in (
        ("vcpu", f"vcpu{vcpus[0]}" if vcpus else ""),
        ("emulator", "emulator"),
        ("global", ""),
        ("iothread", iothreads[0] if iothreads else ""),
    ):  # what has no threads has no group of its own: the whole guest's counts
        values = (cgroup.thread(group) if group else cgroup).values("cpu")
        found[f"{what}_period"], found[f"{what}_quota"] = values.cpu_bandwidth()
    return found


def _iothreads(vm: DomainObj) -> list[str]:
    return sorted(name for name in vm.private.iothread_pids if name.startswith("iothread"))


def set_scheduler_parameters(state: QemuState, dom: DomainRef, params: Params, flags: int) -> None:
    """qemuDomainSetSchedulerParametersFlags.

    :raises libvirtError: INVALID_ARG, ARGUMENT_UNSUPPORTED, OPERATION_INVALID, SYSTEM_ERROR
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainSetSchedulerParametersFlags")
    validate(params, _KNOWN)
    _privileged(state)
    numbers = {name: int(value) for name, value in params.items() if isinstance(value, int)}
    with change(state, dom, flags, "virDomainSetSchedulerParametersFlags") as made:
        if made.live is not None:
            _require(made.vm.private.cgroup)
        told: dict[str, object] = {}
        for name, value in numbers.items():
            _check(name, value)
            if made.live is not None and (value or name == _SHARES):
                _set_live(made, name, value)
                told[f"cputune.{name}"] = _KNOWN[name](value)
            if made.config is not None:
                _store(made.config, name, value)
        if told:
            tell(state, made, told)


def _check(name: str, value: int) -> None:
    if name == _SHARES:
        return
    low, high = _QUOTA if _LIMITS[name][1] else _PERIOD
    if 0 < value < low or value > high:
        detail = f"value of '{name}' is out of range [{low}, {high}]"
        raise errors.error(Code.INVALID_ARG, detail)


def _store(definition: Domain, name: str, value: int) -> None:
    tune = definition.cputune = definition.cputune or CPUTune()
    field = "shares" if name == _SHARES else _LIMITS[name][0]
    setattr(tune, field, value if value or name == _SHARES else None)


def _set_live(made: Change, name: str, value: int) -> None:
    vm, cgroup = made.vm, made.vm.private.cgroup
    assert made.live is not None
    if name == _SHARES:
        cgroup.values("cpu").set_cpu_shares(value)
    else:
        limit = (0, value) if _LIMITS[name][1] else (value, 0)
        for group in _groups(vm, name.partition("_")[0]):
            group.values("cpu").set_cpu_bandwidth(*limit)
    with vm.lock:
        _store(made.live, name, value)


def _groups(vm: DomainObj, what: str) -> list[Cgroup]:
    """The control groups that a parameter is about."""
    cgroup: Cgroup = vm.private.cgroup
    if what == "global":
        return [cgroup]
    if what == "vcpu":
        return [cgroup.thread(f"vcpu{number}") for number in vm.private.vcpu_pids]
    if what == "iothread":
        return [cgroup.thread(name) for name in _iothreads(vm)]
    return [cgroup.thread("emulator")]
