# SPDX-License-Identifier: Apache-2.0
"""Which of the host's memory nodes a domain uses (qemu_driver.c)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, Change, change, one
from nova_pyvirt.hypervisors.qemu.params import validate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import NumaTune
from nova_pyvirt.util.typed import Int, Params

STRING_OKAY: Final = 4
#: virDomainNumatuneMemMode
_MODES: Final = ("strict", "preferred", "interleave", "restrictive")
_MODE, _NODESET = "numa_mode", "numa_nodeset"


def get_numa_parameters(state: QemuState, dom: DomainRef, flags: int) -> Params:
    """qemuDomainGetNumaParameters: virDomainNumatuneMemMode, the nodes or ""."""
    check_flags(flags, LIVE | CONFIG | STRING_OKAY, "qemuDomainGetNumaParameters")
    vm = state.domains.find(dom)
    with vm.lock:
        definition, _live = one(vm, flags)
        tune = definition.numatune or NumaTune()
        mode = _MODES.index(tune.mode) if tune.mode else 0
        return {_MODE: Int(mode), _NODESET: tune.nodeset or ""}


def set_numa_parameters(state: QemuState, dom: DomainRef, params: Params, flags: int) -> None:
    """qemuDomainSetNumaParameters.

    :raises libvirtError: INVALID_ARG, ARGUMENT_UNSUPPORTED, OPERATION_INVALID, CONFIG_UNSUPPORTED
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainSetNumaParameters")
    validate(params, {_MODE: Int, _NODESET: str})
    mode = _mode(params)
    nodes = _nodes(params)
    with change(state, dom, flags, "virDomainSetNumaParameters") as made:
        if made.live is not None:
            _set_live(state, made, mode, nodes)
        if made.config is not None:
            _store(made.config, mode, nodes)


def _mode(params: Params) -> str | None:
    number = params.get(_MODE)
    if not isinstance(number, int):
        return None
    if not 0 <= number < len(_MODES):
        raise errors.error(Code.INVALID_ARG, f"unsupported numatune mode: '{int(number)}'")
    return _MODES[number]


def _nodes(params: Params) -> str | None:
    text = params.get(_NODESET)
    if not isinstance(text, str):
        return None
    nodes = cpuset.parse(text)
    if not nodes:
        detail = f"Invalid nodeset of 'numatune': {text}"
        raise errors.error(Code.OPERATION_INVALID, detail)
    return cpuset.text(nodes)


def _set_live(state: QemuState, made: Change, mode: str | None, nodes: str | None) -> None:
    assert made.live is not None
    if not state.view.privileged:
        detail = "NUMA tuning is not available in session mode"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    if not made.vm.private.cgroup.has("cpuset"):
        raise _refused("cgroup cpuset controller is not mounted")
    tune = made.live.numatune
    if mode is not None and tune is not None and tune.mode not in (None, mode):
        raise _refused("can't change numatune mode for running domain")
    if mode == "strict":
        if nodes != (tune.nodeset if tune is not None else None):
            raise _refused("can't change nodeset for strict mode for running domain")
        return
    if nodes is not None:
        _move(state, made.vm, tune, nodes)
    with made.vm.lock:
        _store(made.live, mode, nodes)


def _refused(detail: str) -> libvirtError:
    return errors.error(Code.OPERATION_INVALID, detail)


def _move(state: QemuState, vm: DomainObj, tune: NumaTune | None, nodes: str) -> None:
    if tune is not None and tune.mode not in (None, "restrictive"):
        raise _refused("change of nodeset for running domain requires restrictive numa mode")
    online = state.view.fs.cpu_list("sys/devices/system/node/online") or [0]
    for node in cpuset.parse(nodes):
        if node not in online:
            detail = f"NUMA node {node} is unavailable"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.NONE)
    private = vm.private
    groups = ["emulator", *(f"vcpu{number}" for number in private.vcpu_pids)]
    groups += [name for name in private.iothread_pids if name.startswith("iothread")]
    for name in groups:
        private.cgroup.thread(name).values("cpuset").set_mems(nodes)


def _store(definition: Domain, mode: str | None, nodes: str | None) -> None:
    """virDomainNumatuneSet.

    :raises libvirtError: CONFIG_UNSUPPORTED
    """
    if mode is None and nodes is None:
        return
    tune = definition.numatune or NumaTune()
    static = definition.vcpu_placement != "auto"
    if nodes is not None:
        tune.nodeset, tune.placement = nodes, "static"
    elif tune.mode is None:
        tune.placement = "static" if tune.nodeset or static else "auto"
    if tune.placement == "static" and not tune.nodeset:
        raise errors.error(
            Code.CONFIG_UNSUPPORTED,
            "nodeset for NUMA memory tuning must be set if 'placement' is 'static'",
            domain=From.DOMAIN,
        )
    tune.mode = mode or tune.mode or "strict"
    definition.numatune = tune
