# SPDX-License-Identifier: Apache-2.0
"""Audit records of QEMU's domains."""

from collections.abc import Iterator
from typing import Any

from nova_pyvirt.core import audit
from nova_pyvirt.core.audit import Subject
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.model.devices.devices import Devices
from nova_pyvirt.model.devices.hostdev import Hostdev
from nova_pyvirt.model.domain import Domain


def started(definition: Domain, pid: int, reason: str, *, success: bool) -> None:
    """A start is over; what the guest has got then.

    :param reason: booted, restored, migrated
    """
    who = _who(definition)
    if success:
        for one in definition.seclabels:
            if one.label:
                audit.label(who, one.label, one.imagelabel or "?", one.model or "?")
        for kind, name in _resources(definition.devices):
            audit.resource(who, kind, "start", None, name)
        for kind, fields in _devices(definition.devices):
            audit.device(who, kind, "start", fields)
        audit.resource(who, "mem", "start", 0, int(definition.memory or 0))
        audit.resource(who, "vcpu", "start", 0, definition.vcpu_count)
        if definition.iothread_ids:
            audit.resource(who, "iothread", "start", 0, len(definition.iothread_ids))
    audit.control(who, "start", reason, pid, success=success)


def _resources(devices: Devices) -> Iterator[tuple[str, str]]:
    """What of the host a guest uses, by path or address; without those that have neither."""
    consoles = devices.consoles
    if consoles and consoles[0].target_type in (None, "serial"):
        consoles = consoles[1:]  # the first serial port again
    ports = (*devices.serials, *devices.parallels, *devices.channels, *consoles)
    backends = [rng.backend for rng in devices.rngs if rng.backend is not None]
    rows = [("disk", disk.path) for disk in devices.disks]
    rows += [("fs", one.source_dir) for one in devices.filesystems]
    rows += [("net", net.mac) for net in devices.interfaces]
    rows += [("chardev", port.source.path) for port in ports]
    rows += [("rng", one.path if one.model == "random" else one.source.path) for one in backends]
    yield from ((kind, str(name)) for kind, name in rows if name)


def _devices(devices: Devices) -> Iterator[tuple[str, str]]:
    for hostdev in devices.hostdevs:
        address = _address(hostdev)
        if address:
            yield "dev", f"bus={hostdev.type} {audit.encode('device', address)}"
    for redirdev in devices.redirdevs:
        yield "dev", f"bus={redirdev.bus} {audit.encode('device', 'USB redirdev')}"
    for tpm in devices.tpms:
        if tpm.type == "passthrough":
            yield "tpm", audit.encode("device", tpm.device or "/dev/tpm0")
        else:
            yield f"tpm-{tpm.type}", audit.encode("device", tpm.source_path or "?")
    for shmem in devices.shmems:
        if shmem.server_path:
            yield "ivshmem-socket", audit.encode("path", shmem.server_path)
        else:
            path = audit.encode("path", f"/dev/shm/{shmem.name}")
            yield "shmem", f"size={shmem.size or 0} {path}"


def _address(hostdev: Hostdev) -> str | None:
    """Where a device is on the host."""
    where = hostdev.source.address if hostdev.source is not None else None
    if where is None:
        return None
    if hostdev.type == "usb":
        return f"{where.bus or 0:03d}.{where.device or 0:03d}"
    if hostdev.type == "pci":
        slot, function = where.slot or 0, where.function or 0
        return f"{where.domain or 0:04x}:{where.bus or 0:02x}:{slot:02x}.{function:x}"
    return where.uuid if hostdev.type == "mdev" else None


def stopped(definition: Domain, pid: int, reason: str) -> None:
    """A run is over.

    :param reason: shutdown, destroyed, crashed, failed, ...
    """
    audit.control(_who(definition), "stop", reason, pid)


def changed(vm: DomainObj, kind: str, old: int, new: int, *, success: bool = True) -> None:
    """A running guest has more or less of something: vcpu, mem, iothread."""
    audit.resource(_who(vm.definition), kind, "update", old, new, success=success)


def device(
    vm: DomainObj, name: str, old: Any, new: Any, reason: str, *, success: bool = True
) -> None:
    """A running guest gets, loses or changes a device.

    :param name: the list of Devices that it belongs to
    :param old: None: it is new
    :param new: None: it goes
    :param reason: attach, detach, update
    """
    who, held = _who(vm.definition), [_alone(name, item) for item in (old, new)]
    before, after = (next(_resources(devices), None) for devices in held)
    named = before or after
    if named is not None:
        values = [found[1] if found is not None else None for found in (before, after)]
        audit.resource(who, named[0], reason, *values, success=success)
    for devices in held:
        for kind, fields in _devices(devices):
            audit.device(who, kind, reason, fields, success=success)


def _alone(name: str, device: Any) -> Devices:
    """One device, or none, among no others."""
    devices = Devices()
    if device is not None:
        held = devices.__dict__.get(name)
        devices.__dict__[name] = [device] if isinstance(held, list) else device
    return devices


def _who(definition: Domain) -> Subject:
    return Subject(definition.type, definition.name, definition.uuid)
