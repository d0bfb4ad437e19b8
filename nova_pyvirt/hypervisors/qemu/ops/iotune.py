# SPDX-License-Identifier: Apache-2.0
"""Limits of a domain's disks (qemu_driver.c): bytes and operations a second, bursts, groups."""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.block import qom
from nova_pyvirt.hypervisors.qemu.block.throttle import FIELDS, arguments
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, Change, change, one
from nova_pyvirt.hypervisors.qemu.ops.pinning import tell
from nova_pyvirt.hypervisors.qemu.params import validate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.disk import Disk, IOTune
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.typed import Params, ULLong

STRING_OKAY: Final = 4
_GROUP: Final = "group_name"
_MOST: Final = 1_000_000_000_000_000
#: parameters that are set together: naming one makes the others of its family 0
_FAMILIES: Final = ("bytes_sec", "bytes_sec_max", "iops_sec", "iops_sec_max")
_SIDES: Final = ("total", "read", "write")
_KNOWN: Final[dict[str, type]] = {name: str if name == _GROUP else ULLong for name in FIELDS}
Values = dict[str, int]


def get_block_io_tune(state: QemuState, dom: DomainRef, path: str | None, flags: int) -> Params:
    """qemuDomainGetBlockIoTune: 0 without a limit; lengths of bursts in seconds.

    :raises libvirtError: INVALID_ARG for a disk that isn't there, OPERATION_INVALID
    """
    check_flags(flags, LIVE | CONFIG | STRING_OKAY, "qemuDomainGetBlockIoTune")
    vm = state.domains.find(dom)
    with job(vm, Job.QUERY, "virDomainGetBlockIoTune"):
        with vm.lock:
            definition, live = one(vm, flags)
            disk = qom.find(definition, path or "", ambiguous=not live)
            if disk is None:
                text = f"disk '{path}' not found in domain" if live else (
                    f"disk '{path}' was not found in the domain config"
                )  # fmt: skip
                raise errors.error(Code.INVALID_ARG, text)
            tune = disk.iotune or IOTune()
            values = {name: tune.__dict__.get(name) for name in FIELDS}
        if live:
            values = _ask(vm.private.mon, disk)
    return {
        name: kind(values.get(name) or ("" if name == _GROUP else 0))
        for name, kind in _KNOWN.items()
    }


def _ask(monitor: Any, disk: Disk) -> dict[str, Any]:
    """QEMU's own numbers."""
    for row in monitor.command("query-block", kind="query"):
        if qom.alias_of(row) == disk.alias:
            inserted = row.get("inserted", {})
            return {ours: inserted.get(theirs) for ours, theirs in FIELDS.items()}
    detail = f"cannot find throttling info for device '{qom.device(disk)}'"
    raise errors.error(Code.INTERNAL_ERROR, detail)


def set_block_io_tune(
    state: QemuState, dom: DomainRef, path: str, params: Params, flags: int
) -> None:
    """qemuDomainSetBlockIoTune.

    :raises libvirtError: INVALID_ARG, ARGUMENT_UNSUPPORTED, CONFIG_UNSUPPORTED, OPERATION_INVALID
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainSetBlockIoTune")
    validate(params, _KNOWN)
    with change(state, dom, flags, "virDomainSetBlockIoTune") as made:
        for value in params.values():
            if isinstance(value, int) and value > _MOST:
                detail = f"block I/O throttle limit value must be no more than {_MOST}"
                raise errors.error(Code.ARGUMENT_UNSUPPORTED, detail)
        given = {name: int(v) for name, v in params.items() if isinstance(v, int)}
        group = params.get(_GROUP)
        _check_sides(given)
        wanted = (given, group if isinstance(group, str) else None)
        if made.live is not None:
            _set_live(made, path, *wanted)
            told: dict[str, object] = {"blkdeviotune.disk": path}
            told |= {f"blkdeviotune.{name}": value for name, value in params.items()}
            tell(state, made, told)
        if made.config is not None:
            disk = qom.find(made.config, path, ambiguous=True)
            if disk is None:
                detail = f"missing persistent configuration for disk '{path}'"
                raise errors.error(Code.INVALID_ARG, detail)
            _store(made.config, disk, *_complete(made.config, disk, *wanted))


def _check_sides(given: Values) -> None:
    for family in _FAMILIES:
        total, read, write = (given.get(f"{side}_{family}") for side in _SIDES)
        if total and (read or write):
            detail = f"total and read/write of {family} cannot be set at the same time"
            raise errors.error(Code.INVALID_ARG, detail)


def _set_live(made: Change, path: str, given: Values, group: str | None) -> None:
    assert made.live is not None
    disk = qom.find(made.live, path)
    if disk is None:
        raise errors.error(Code.INVALID_ARG, f"disk '{path}' not found in domain")
    values, group = _complete(made.live, disk, given, group)
    _check_bursts(values)
    if not disk.empty:
        args = arguments(qom.device(disk), values, group)
        made.vm.private.mon.command("block_set_io_throttle", args)
    with made.vm.lock:
        _store(made.live, disk, values, group)


def _complete(
    definition: Domain, disk: Disk, given: Values, group: str | None
) -> tuple[Values, str | None]:
    """All values: what isn't given stays as it is, or as the named group has it.

    :raises libvirtError: CONFIG_UNSUPPORTED for a new group without limits
    """
    old = _known(definition, disk, group)
    values: Values = {}
    for family in _FAMILIES:
        names = [f"{side}_{family}" for side in _SIDES]
        source = given if any(name in given for name in names) else old
        values |= {name: source.get(name, 0) for name in names}
    values["size_iops_sec"] = given.get("size_iops_sec", old.get("size_iops_sec", 0))
    for unit in ("bytes_sec", "iops_sec"):
        values |= _lengths(unit, given, old, values)
    mine = disk.iotune.group_name if disk.iotune is not None else None
    if any(values.values()):
        return values, group or mine
    if group and group != mine:
        raise errors.error(
            Code.CONFIG_UNSUPPORTED,
            "creating a new group/updating existing with all tune parameters zero is not supported",
        )
    return values, None


def _known(definition: Domain, disk: Disk, group: str | None) -> Values:
    tune = disk.iotune
    if group and (tune is None or tune.group_name != group):
        others = (d.iotune for d in definition.devices.disks if d.iotune is not None)
        tune = next((t for t in others if t.group_name == group), tune)
    if tune is None:
        return {}
    return {name: tune.__dict__.get(name) or 0 for name in FIELDS if name != _GROUP}


def _lengths(unit: str, given: Values, old: Values, values: Values) -> Values:
    """How long bursts may last. QEMU takes no 0 where there is a limit: 1 is its default then."""
    names = {side: f"{side}_{unit}_max_length" for side in _SIDES}
    if not any(name in given for name in names.values()):
        return {name: old.get(name, 0) for name in names.values()}
    found = {}
    for side, name in names.items():
        value = given.get(name, 0)
        if old.get(name) and not value:
            limited = values[f"{side}_{unit}"] or values[f"{side}_{unit}_max"]
            value = 1 if limited else 0
        found[name] = value
    return found


def _check_bursts(values: Values) -> None:
    for unit in ("bytes_sec", "iops_sec"):
        for side in _SIDES:
            name = f"{side}_{unit}"
            value, burst = values[name], values[f"{name}_max"]
            if burst and not value:
                raise _unsupported(f"cannot reset '{name}' when '{name}_max' is set")
            if burst and burst < value:
                raise _unsupported(f"value '{name}_max' cannot be smaller than '{name}'")


def _unsupported(detail: str) -> libvirtError:
    return errors.error(Code.CONFIG_UNSUPPORTED, detail)


def _store(definition: Domain, disk: Disk, values: Values, group: str | None) -> None:
    """Into the disk, and into those that share its group."""
    limits = {name: value or None for name, value in values.items()}
    disk.iotune = IOTune(**limits, group_name=group) if group or any(values.values()) else None
    for other in definition.devices.disks:
        if group and other.iotune is not None and other.iotune.group_name == group:
            other.iotune = IOTune(**limits, group_name=group)
