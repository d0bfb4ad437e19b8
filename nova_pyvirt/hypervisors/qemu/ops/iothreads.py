# SPDX-License-Identifier: Apache-2.0
"""I/O threads of a domain (qemu_driver.c)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.hypervisors.qemu import audit, cpumaps
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.limits import threads
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, change, impact
from nova_pyvirt.hypervisors.qemu.ops.pinning import move, tell
from nova_pyvirt.hypervisors.qemu.params import validate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model import cpuset
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.tuning import CPUTune, IOThread, Pin
from nova_pyvirt.util.typed import Int, Params, UInt, ULLong

_PREFIX: Final = "iothread"
_KNOWN: Final[dict[str, type]] = {
    "poll_max_ns": ULLong,
    "poll_grow": UInt,
    "poll_shrink": UInt,
    "thread_pool_min": Int,
    "thread_pool_max": Int,
}
_POOL: Final = ("thread_pool_min", "thread_pool_max")
_INT_MAX: Final = 2**31 - 1


def get_iothread_info(state: QemuState, dom: DomainRef, flags: int) -> list[tuple[int, bytes]]:
    """qemuDomainGetIOThreadInfo: number and CPU map of each.

    :raises libvirtError: OPERATION_INVALID, SYSTEM_ERROR
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainGetIOThreadInfo")
    vm = state.domains.find(dom)
    with vm.lock:
        _live, config = impact(vm, flags)
        if config:
            definition = vm.config
            wished = definition.vcpu_cpuset or cpuset.text(cpumaps.host(state.view.fs))
            return [
                (int(thread.id), cpumaps.data(cpuset.parse(_pinned(definition, thread) or wished)))
                for thread in definition.iothread_ids
            ]
    with job(vm, Job.QUERY, "virDomainGetIOThreadInfo"):
        if not vm.active:
            detail = "cannot list IOThreads for an inactive domain"
            raise errors.error(Code.OPERATION_INVALID, detail)
        found = _ask(vm)
    return [(number, cpumaps.affinity(thread)) for number, thread in sorted(found.items())]


def _pinned(definition: Domain, thread: IOThread) -> str | None:
    return threads.iothread_pin(definition, thread.id)


def _ask(vm: DomainObj) -> dict[int, int]:
    """Number: thread id, as QEMU has them now; kept in the run's data."""
    rows = vm.private.mon.command("query-iothreads", kind="query")
    with vm.lock:
        vm.private.iothread_pids = {str(row["id"]): int(row["thread-id"]) for row in rows}
    return {
        int(str(row["id"])[len(_PREFIX) :]): int(row["thread-id"])
        for row in rows
        if str(row["id"]).startswith(_PREFIX) and str(row["id"])[len(_PREFIX) :].isdigit()
    }


def pin_iothread(state: QemuState, dom: DomainRef, number: int, cpumap: bytes, flags: int) -> None:
    """qemuDomainPinIOThread.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID, SYSTEM_ERROR
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainPinIOThread")
    with change(state, dom, flags, "virDomainPinIOThread") as made:
        cpus = cpumaps.given(cpumap, "Empty iothread cpumap list for pinning")
        if made.live is not None:
            if _find(made.live, number) is None:
                raise _invalid(f"iothread {number} not found")
            private = made.vm.private
            thread = private.iothread_pids[f"{_PREFIX}{number}"]
            try:
                move(private.cgroup, f"{_PREFIX}{number}", thread, cpus)
            except libvirtError as exc:
                if exc.get_error_domain() != From.CGROUP:
                    raise
                detail = f"failed to set cpuset.cpus in cgroup for iothread {number}"
                raise errors.error(Code.OPERATION_INVALID, detail) from exc
            with made.vm.lock:
                _set_pin(made.live, number, cpus)
            tell(state, made, {f"cputune.iothreadpin{number}": cpus})
        if made.config is not None:
            if _find(made.config, number) is None:
                raise _invalid(f"iothreadid {number} not found")
            _set_pin(made.config, number, cpus)


def _invalid(detail: str) -> libvirtError:
    return errors.error(Code.INVALID_ARG, detail)


def _find(definition: Domain, number: int) -> IOThread | None:
    return next((thread for thread in definition.iothread_ids if thread.id == number), None)


def _set_pin(definition: Domain, number: int, cpus: str) -> None:
    tune = definition.cputune = definition.cputune or CPUTune()
    thread = _find(definition, number)
    if thread is not None:
        thread.autofill = False
    for pin in tune.iothreadpins:
        if pin.iothread == number:
            pin.cpuset = cpus
            return
    tune.iothreadpins.append(Pin(iothread=number, cpuset=cpus))
    tune.iothreadpins.sort(key=lambda pin: int(pin.iothread))


def add_iothread(state: QemuState, dom: DomainRef, number: int, flags: int) -> None:
    """qemuDomainAddIOThread.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID; what QEMU says
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainAddIOThread")
    _check_number(number)
    with change(state, dom, flags, "virDomainAddIOThread") as made:
        for definition in reversed(made.both):
            if _find(definition, number) is not None:
                raise errors.error(
                    Code.INVALID_ARG,
                    f"an IOThread is already using iothread_id '{number}'",
                    domain=From.DOMAIN,
                )
        if made.live is not None:
            _plug(made.vm, number)
            with made.vm.lock:
                before = len(made.live.iothread_ids)
                _add(made.live, number)
            audit.changed(made.vm, "iothread", before, before + 1)
        if made.config is not None:
            _add(made.config, number)


def _check_number(number: int) -> None:
    if number == 0:
        raise _invalid("invalid value of 0 for iothread_id")


def _add(definition: Domain, number: int) -> None:
    definition.iothread_ids.append(IOThread(id=number))
    definition.iothreads = len(definition.iothread_ids)


def _plug(vm: DomainObj, number: int) -> None:
    private, alias = vm.private, f"{_PREFIX}{number}"
    private.mon.command("object-add", {"qom-type": "iothread", "id": alias})
    try:
        found = _ask(vm)
        if number not in found:
            raise errors.error(
                Code.INTERNAL_ERROR, f"cannot find new IOThread '{number}' in QEMU monitor."
            )
        group = threads.iothread_group(vm.definition, private.cgroup, number)
        group.add_thread(found[number])
        threads.place_iothread(vm.definition, number, found[number])
    except libvirtError:
        private.mon.command("object-del", {"id": alias})
        raise


def del_iothread(state: QemuState, dom: DomainRef, number: int, flags: int) -> None:
    """qemuDomainDelIOThread.

    :raises libvirtError: INVALID_ARG when it isn't there or has users, OPERATION_INVALID
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainDelIOThread")
    _check_number(number)
    with change(state, dom, flags, "virDomainDelIOThread") as made:
        for definition in reversed(made.both):
            _check_unused(definition, number)
        if made.live is not None:
            private = made.vm.private
            private.mon.command("object-del", {"id": f"{_PREFIX}{number}"})
            _ask(made.vm)
            with made.vm.lock:
                before = len(made.live.iothread_ids)
                _drop(made.live, number)
            audit.changed(made.vm, "iothread", before, before - 1)
            private.cgroup.remove_thread(f"{_PREFIX}{number}")
        if made.config is not None:
            _drop(made.config, number)


def _check_unused(definition: Domain, number: int) -> None:
    detail = None
    if _find(definition, number) is None:
        detail = f"cannot find IOThread '{number}' in iothreadids list"
    for disk in definition.devices.disks:
        if disk.iothread == number:
            detail = (
                f"cannot remove IOThread {number} since it is being used by disk '{disk.target}'"
            )
    for controller in definition.devices.controllers:
        if controller.iothread == number:
            detail = f"cannot remove IOThread '{number}' since it is being used by controller"
    if detail is not None:
        raise errors.error(Code.INVALID_ARG, detail, domain=From.DOMAIN)


def _drop(definition: Domain, number: int) -> None:
    """Those behind it keep their numbers, which the mere count wouldn't say any more."""
    ids = [int(thread.id) for thread in definition.iothread_ids]
    for thread in definition.iothread_ids[ids.index(number) + 1 :]:
        thread.autofill = False
    definition.iothread_ids = [t for t in definition.iothread_ids if t.id != number]
    definition.iothreads = len(definition.iothread_ids) or None
    if definition.cputune is not None:
        pins = definition.cputune.iothreadpins
        definition.cputune.iothreadpins = [pin for pin in pins if pin.iothread != number]


def set_iothread_params(
    state: QemuState, dom: DomainRef, number: int, params: Params, flags: int
) -> None:
    """qemuDomainSetIOThreadParams: polling in nanoseconds, bounds of the thread pool.

    :raises libvirtError: INVALID_ARG, ARGUMENT_UNSUPPORTED, CONFIG_UNSUPPORTED, OPERATION_INVALID,
        OPERATION_UNSUPPORTED
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainSetIOThreadParams")
    _check_number(number)
    state.domains.find(dom)
    validate(params, _KNOWN)
    wanted = {name: int(value) for name, value in params.items() if isinstance(value, int)}
    _check_ranges(wanted)
    with change(state, dom, flags, "virDomainSetIOThreadParams") as made:
        for definition in reversed(made.both):
            thread = _find(definition, number)
            if thread is None:
                raise _invalid(f"cannot find IOThread '{number}' in iothreadids")
            _check_pool(thread, wanted, live=definition is made.live)
        if made.config is not None and any(name not in _POOL for name in wanted):
            raise errors.error(
                Code.OPERATION_UNSUPPORTED,
                "configuring persistent polling values is not supported",
            )
        if made.live is not None:
            _set_properties(made.vm, number, wanted)
        with made.vm.lock:
            for definition in made.both:
                thread = _find(definition, number)
                for name in _POOL:
                    if thread is not None and name in wanted:
                        value = wanted[name]
                        setattr(thread, name, None if value < 0 else value)


def _check_ranges(wanted: dict[str, int]) -> None:
    for name in ("poll_max_ns", "poll_grow", "poll_shrink"):
        value = wanted.get(name, 0)
        if value > _INT_MAX:
            detail = f"{name.replace('_', '-')} ({value}) must be less than or equal to {_INT_MAX}"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    low, high = wanted.get("thread_pool_min", 0), wanted.get("thread_pool_max", 1)
    if low < -1:
        detail = f"thread_pool_min ({low}) must be equal to or greater than -1"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    if high < -1 or high == 0:
        detail = f"thread_pool_max ({high}) must be a positive number or -1"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)


def _check_pool(thread: IOThread, wanted: dict[str, int], *, live: bool) -> None:
    values = []
    for name in _POOL:
        known = thread.__dict__.get(name)
        value = wanted.get(name, -1 if known is None else known)
        if live and name in wanted and value < 0:
            detail = f"{name} ({value}) must be equal to or greater than 0 for live change"
            raise errors.error(Code.OPERATION_INVALID, detail)
        values.append(value)
    low, high = values
    # without an upper bound QEMU's own holds, which is more than anybody asks for
    if low > high and (high >= 0 or "thread_pool_max" in wanted):
        detail = f"thread_pool_min ({low}) can't be greater than thread_pool_max ({high})"
        raise errors.error(Code.OPERATION_INVALID, detail)


def _set_properties(vm: DomainObj, number: int, wanted: dict[str, int]) -> None:
    """At no moment may a pool's lower bound be above the upper one: what grows goes last."""
    thread = _find(vm.definition, number)
    known = thread.thread_pool_max if thread is not None else None
    names = list(wanted)
    if known is not None and wanted.get("thread_pool_min", 0) > known:
        names.sort(key=lambda name: name == "thread_pool_min")
    for name in names:
        args = {
            "path": f"/objects/{_PREFIX}{number}",
            "property": name.replace("_", "-"),
            "value": wanted[name],
        }
        vm.private.mon.command("qom-set", args)
