# SPDX-License-Identifier: Apache-2.0
"""How much memory a domain has (qemu_driver.c)."""

from nova_pyvirt import errors
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu import audit
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.monitor import Monitor, QMPCommandError
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, change
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain

MAXIMUM = 4


def set_memory_flags(state: QemuState, dom: DomainRef, kib: int, flags: int) -> None:
    """qemuDomainSetMemoryFlags: the balloon's size, or the memory at the next start.

    :raises libvirtError: INVALID_ARG, OPERATION_INVALID
    """
    check_flags(flags, LIVE | CONFIG | MAXIMUM, "qemuDomainSetMemoryFlags")
    with change(state, dom, flags, "virDomainSetMemoryFlags") as made:
        if flags & MAXIMUM:
            if made.live is not None:
                raise _refused("cannot resize the maximum memory on an active domain")
            if made.config is not None:
                _set_maximum(made.config, kib)
            return
        if kib > min(_most(definition) for definition in made.both):
            detail = "cannot set memory higher than max memory"
            raise errors.error(Code.INVALID_ARG, detail)
        if made.live is not None:
            _inflate(made.vm.private.mon, kib)
            audit.changed(made.vm, "mem", int(made.live.current_memory or 0), kib)
        if made.config is not None:
            made.config.current_memory = kib


def _refused(detail: str) -> errors.libvirtError:
    return errors.error(Code.OPERATION_INVALID, detail)


def _set_maximum(definition: Domain, kib: int) -> None:
    if definition.cpu is not None and definition.cpu.cells:
        raise _refused(
            "initial memory size of a domain with NUMA nodes cannot be modified with this API"
        )
    if definition.max_memory and definition.max_memory < kib:
        raise _refused("cannot set initial memory size greater than the maximum memory size")
    definition.memory = kib
    definition.current_memory = min(definition.current_memory or kib, kib)


def _most(definition: Domain) -> int:
    """KiB that the balloon can leave to the guest: virtio-mem is not its business."""
    modules = (m.size or 0 for m in definition.devices.memories if m.model == "virtio-mem")
    return int(definition.memory) - sum(modules)


def _inflate(monitor: Monitor, kib: int) -> None:
    try:
        monitor.command("balloon", {"value": kib * 1024})
    except QMPCommandError as exc:
        if exc.qmp_class != "DeviceNotActive":
            raise
        raise _refused(
            "Unable to change memory of active domain without the balloon device and guest OS"
            " balloon driver"
        ) from exc


def set_memory_stats_period(state: QemuState, dom: DomainRef, period: int, flags: int) -> None:
    """qemuDomainSetMemoryStatsPeriod: seconds between the balloon's looks at the guest's memory.

    :raises libvirtError: INTERNAL_ERROR without a balloon, OPERATION_INVALID
    """
    check_flags(flags, LIVE | CONFIG, "qemuDomainSetMemoryStatsPeriod")
    with change(state, dom, flags, "virDomainSetMemoryStatsPeriod") as made:
        if made.live is not None:
            _require_balloon(made.live)
            args = {
                "path": f"/machine/peripheral/{made.live.devices.memballoon.alias}",
                "property": "guest-stats-polling-interval",
                "value": period,
            }
            try:
                made.vm.private.mon.command("qom-set", args)
            except QMPCommandError as exc:
                raise _refused("unable to set balloon driver collection period") from exc
            with made.vm.lock:
                made.live.devices.memballoon.period = period or None
        if made.config is not None:
            _require_balloon(made.config)
            made.config.devices.memballoon.period = period or None


def _require_balloon(definition: Domain) -> None:
    balloon = definition.devices.memballoon
    if balloon is None or balloon.model == "none":
        detail = "No memory balloon device configured, can not set the collection period"
        raise errors.error(Code.INTERNAL_ERROR, detail)
