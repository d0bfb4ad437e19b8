# SPDX-License-Identifier: Apache-2.0
"""How much of the host's memory a domain may take (qemu_driver.c, memory controller)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.cgroup import UNLIMITED, Cgroup
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, Change, change, one
from nova_pyvirt.hypervisors.qemu.params import validate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import MemTune
from nova_pyvirt.util.typed import Params, ULLong

STRING_OKAY: Final = 4
_HARD, _SOFT, _SWAP = "hard_limit", "soft_limit", "swap_hard_limit"
#: parameter: the control group's name for it
_KINDS: Final = {_HARD: "hard", _SOFT: "soft", _SWAP: "swap"}
_ABSENT: Final = (2, 95)  # ENOENT, EOPNOTSUPP: the kernel doesn't count swap


def get_memory_parameters(state: QemuState, dom: DomainRef, flags: int) -> Params:
    """qemuDomainGetMemoryParameters: KiB, UNLIMITED without a limit.

    :raises libvirtError: OPERATION_INVALID, SYSTEM_ERROR
    """
    check_flags(flags, LIVE | CONFIG | STRING_OKAY, "qemuDomainGetMemoryParameters")
    vm = state.domains.find(dom)
    _privileged(state)
    with vm.lock:
        definition, live = one(vm, flags)
        if not live:
            return {name: ULLong(_limit(definition, name)) for name in _KINDS}
        cgroup = vm.private.cgroup
    _require(cgroup)
    return {name: ULLong(_actual(cgroup, kind)) for name, kind in _KINDS.items()}


def _privileged(state: QemuState) -> None:
    if not state.view.privileged:
        detail = "Memory tuning is not available in session mode"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)


def _require(cgroup: Cgroup) -> None:
    if not cgroup.has("memory"):
        raise errors.error(Code.OPERATION_INVALID, "cgroup memory controller is not mounted")


def _limit(definition: Domain, name: str) -> int:
    found = definition.memtune.__dict__.get(name) if definition.memtune is not None else None
    return UNLIMITED if found is None else int(found)


def _actual(cgroup: Cgroup, kind: str) -> int:
    try:
        return cgroup.values("memory").memory_limit(kind)
    except libvirtError as exc:
        if kind != "swap" or exc.get_int1() not in _ABSENT:
            raise
        return UNLIMITED


def set_memory_parameters(state: QemuState, dom: DomainRef, params: Params, flags: int) -> None:
    """qemuDomainSetMemoryParameters.

    :raises libvirtError: INVALID_ARG, ARGUMENT_UNSUPPORTED, OPERATION_INVALID, SYSTEM_ERROR
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainSetMemoryParameters")
    validate(params, dict.fromkeys(_KINDS, ULLong))
    _privileged(state)
    wanted = {name: int(value) for name, value in params.items() if isinstance(value, int)}
    with change(state, dom, flags, "virDomainSetMemoryParameters") as made:
        if made.live is not None:
            _require(made.vm.private.cgroup)
        _check_order(made.vm.definition, wanted)
        if made.live is not None:
            _set_live(made, wanted)
        if made.config is not None:
            _store(made.config, wanted)


def _check_order(definition: Domain, wanted: dict[str, int]) -> None:
    if _HARD not in wanted and _SWAP not in wanted:
        return
    hard = wanted.get(_HARD, _limit(definition, _HARD))
    if hard > wanted.get(_SWAP, _limit(definition, _SWAP)):
        raise errors.error(
            Code.INVALID_ARG,
            "memory hard_limit tunable value must be lower than or equal to swap_hard_limit",
            domain=From.DOMAIN,
        )


def _set_live(made: Change, wanted: dict[str, int]) -> None:
    """At no moment may swap be limited below memory: what shrinks goes first."""
    assert made.live is not None
    shrinks = wanted.get(_HARD, UNLIMITED) < _limit(made.live, _HARD)
    order = (_SOFT, _HARD, _SWAP) if shrinks else (_SOFT, _SWAP, _HARD)
    values = made.vm.private.cgroup.values("memory")
    for name in order:
        if name in wanted:
            values.set_memory_limit(_KINDS[name], wanted[name])
            with made.vm.lock:
                _store(made.live, {name: wanted[name]})


def _store(definition: Domain, wanted: dict[str, int]) -> None:
    tune = definition.memtune = definition.memtune or MemTune()
    for name, value in wanted.items():
        setattr(tune, name, None if value >= UNLIMITED else value)
