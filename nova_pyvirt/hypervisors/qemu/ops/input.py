# SPDX-License-Identifier: Apache-2.0
"""Keys and interrupts sent to a guest, and what becomes of it at its end (qemu_driver.c)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.statusfile import write_config
from nova_pyvirt.errors import Code, system_error
from nova_pyvirt.hypervisors.qemu import status
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.keycodes import to_qnum
from nova_pyvirt.hypervisors.qemu.ops import affect
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.hypervisors.qemu.validate.lifecycle import check_actions
from nova_pyvirt.model.domain import Domain

AFFECT_LIVE, AFFECT_CONFIG = 1, 2
_ACTIONS: Final = ("destroy", "restart", "rename-restart", "preserve", "coredump-destroy",
                   "coredump-restart")  # fmt: skip
_TYPES: Final = ("on_poweroff", "on_reboot", "on_crash")


def inject_nmi(state: QemuState, dom: DomainRef, flags: int) -> None:
    """qemuDomainInjectNMI.

    :raises libvirtError: OPERATION_INVALID when it is off
    """
    check_flags(flags, 0, "qemuDomainInjectNMI")
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainInjectNMI", active=True):
        vm.private.mon.command("inject-nmi")


def send_key(
    state: QemuState, dom: DomainRef, codeset: int, holdtime: int, keys: list[int], flags: int
) -> None:
    """qemuDomainSendKey: presses the keys together for `holdtime` milliseconds.

    :raises libvirtError: INVALID_ARG for a codeset, INTERNAL_ERROR for a key nobody knows
    """
    check_flags(flags, 0, "qemuDomainSendKey")
    numbers = [to_qnum(codeset, key) for key in keys]
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainSendKey", active=True):
        args: dict[str, object] = {"keys": [{"type": "number", "data": n} for n in numbers]}
        if holdtime:
            args["hold-time"] = holdtime
        vm.private.mon.command("send-key", args)


def set_lifecycle_action(
    state: QemuState, dom: DomainRef, kind: int, action: int, flags: int
) -> None:
    """qemuDomainSetLifecycleAction.

    :raises libvirtError: INVALID_ARG, CONFIG_UNSUPPORTED; OPERATION_INVALID
    """
    check_flags(flags, AFFECT_LIVE | AFFECT_CONFIG, "qemuDomainSetLifecycleAction")
    name, word = _action(kind, action)
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, "virDomainSetLifecycleAction"):
        live, config = affect.both(vm, flags)
        for definition in (live, config):
            if definition is not None:
                now = {what: getattr(definition, what) for what in _TYPES} | {name: word}
                check_actions(*(now[what] for what in _TYPES))
        if live is not None:
            _tell_qemu(vm, live, name, word)
            with vm.lock:
                setattr(live, name, word)
            status.try_save(state, vm)
        if config is not None:
            changed = config.copy()
            setattr(changed, name, word)
            _save_config(state, vm.name, changed)
            with vm.lock:
                setattr(config, name, word)


def _tell_qemu(vm: DomainObj, live: Domain, name: str, word: str) -> None:
    """A reset is QEMU's own business; the rest we do ourselves when it tells."""
    reboot = {"destroy": "shutdown", "restart": "reset"}.get(word)
    if name == "on_reboot" and live.on_reboot != word and reboot is not None:
        vm.private.mon.command("set-action", {"reboot": reboot})


def _save_config(state: QemuState, name: str, definition: Domain) -> None:
    path = state.paths.config_file(name)
    try:
        write_config(path, definition)
    except OSError as exc:
        raise system_error(exc.errno or 0, f"cannot create config file '{path}'") from exc


def _action(kind: int, action: int) -> tuple[str, str]:
    """The attribute's name and the word, after libvirt's range checks."""
    if not 0 <= kind < len(_TYPES):
        raise errors.error(
            Code.INVALID_ARG, f"invalid lifecycle type '{kind}'", domain=errors.From.DOM
        )
    if not 0 <= action < len(_ACTIONS):
        raise errors.error(
            Code.INVALID_ARG, f"invalid lifecycle action '{action}'", domain=errors.From.DOM
        )
    name, word = _TYPES[kind], _ACTIONS[action]
    if name != "on_crash" and word.startswith("coredump"):
        what = name.removeprefix("on_")
        raise errors.error(
            Code.CONFIG_UNSUPPORTED,
            f"Lifecycle event '{what}' doesn't support '{word}' action",
            domain=errors.From.DOMAIN,
        )
    return name, word
