# SPDX-License-Identifier: Apache-2.0
"""Devices of a persistent definition: added, removed, replaced (qemuDomain*DeviceConfig)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import devicedef, validate
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.hotplug import compat
from nova_pyvirt.hypervisors.qemu.hotplug.find import CHARS, find, find_interface, is_at, same_place
from nova_pyvirt.hypervisors.qemu.hotplug.words import word
from nova_pyvirt.hypervisors.qemu.validate.devices import memory
from nova_pyvirt.model.domain import Domain

#: what a definition can't get or lose by itself
_FIXED: Final = (
    "videos", "graphics", "hubs", "smartcards", "memballoon", "nvram", "tpms", "panics", "iommu",
    "audios", "cryptos",
)  # fmt: skip
_UPDATED: Final = ("disks", "graphics", "interfaces", "memories")


def attach(definition: Domain, xml: str, caps: QemuCaps) -> tuple[Any, Domain]:
    """The device, and the definition with it.

    :raises libvirtError: OPERATION_INVALID for a device that is there already; see parse_device()
    """
    name, device = devicedef.load_device(xml)
    compat.check_itself(definition, name, device, caps)
    compat.check_alias(definition, device)
    compat.check(definition, name, device, live=False)
    if name in _FIXED:
        devicedef.check_device(name, device, definition, caps)
        raise _unsupported("attach", name)
    check = _TAKEN.get(name)
    if check is not None:
        check(definition, device)
    before = definition.memory
    whole = devicedef.join(name, device, definition, caps, live=False)
    check = _TAKEN_AS_WHOLE.get(name)  # needs to know the defaults
    if check is not None:
        check(definition, device)
    if name == "memories":
        whole.memory = before + device.size
        whole.current_memory += device.size
    return device, whole


def detach(definition: Domain, xml: str, caps: QemuCaps) -> Domain:
    """The definition without a device.

    :raises libvirtError: DEVICE_MISSING, OPERATION_UNSUPPORTED
    """
    name, match = devicedef.match_device(xml, definition, caps)
    return without(definition, name, match, caps)


def without(definition: Domain, name: str, match: Any, caps: QemuCaps) -> Domain:
    """The same for a description, or for a device of the definition itself.

    :raises libvirtError: see detach()
    """
    if name in _FIXED:
        raise _unsupported("detach", name)
    if name == "consoles" and match.target_type in (None, "serial"):
        detail = "detaching serial console is not supported"
        raise errors.error(Code.OPERATION_INVALID, detail)
    found = _held(definition, name, match)
    whole = definition.copy()
    place = _index(definition, name, found)
    _drop(whole, name, place)
    if name == "memories":
        whole.memory -= found.size
        whole.current_memory = min(whole.current_memory, whole.memory)
    devicedef.complete(whole, caps)
    return whole


def update(definition: Domain, xml: str, caps: QemuCaps) -> Domain:
    """The definition with a device in the place of the one it describes.

    :raises libvirtError: INVALID_ARG, DEVICE_MISSING, OPERATION_UNSUPPORTED, OPERATION_DENIED
    """
    name, device = devicedef.load_device(xml)
    if name not in _UPDATED:
        devicedef.check_device(name, device, definition, caps, alone=True)
        raise _unsupported("update", name)
    if name == "memories":
        memory.check_one(definition, device)
    old = _replaced(definition, name, device)
    compat.check(definition, name, device, old, live=False)
    whole = definition.copy()
    place = _index(definition, name, old)
    if name == "interfaces" and device.mac is None:
        device.mac = old.mac
    whole.devices.__dict__[name][place] = device
    devicedef.complete(whole, caps)
    validate.check(whole, caps)
    return whole


def _unsupported(what: str, name: str) -> libvirtError:
    detail = f"persistent {what} of device '{word(name)}' is not supported"
    return errors.error(Code.OPERATION_UNSUPPORTED, detail)


def _index(definition: Domain, name: str, device: Any) -> int:
    """Its place in its list; 0 for what there is only one of."""
    held = definition.devices.__dict__[name]
    if not isinstance(held, list):
        return 0
    return next(place for place, other in enumerate(held) if other is device)


def _drop(definition: Domain, name: str, place: int) -> None:
    devices = definition.devices
    held = devices.__dict__[name]
    if not isinstance(held, list):
        devices.__dict__[name] = None
        return
    if name == "serials" and place == 0 and devices.consoles:
        if devices.consoles[0].target_type == "serial":
            del devices.consoles[0]  # it was the port's other name
    del held[place]


def _held(definition: Domain, name: str, match: Any) -> Any:
    """The device of a definition that is meant.

    :raises libvirtError: DEVICE_MISSING mostly
    """
    only = {"watchdogs": "domain has no watchdog", "vsock": "matching vsock device not found"}
    if name == "watchdogs":
        found = next(iter(definition.devices.watchdogs), None)
    elif name == "vsock":
        found = find_vsock(definition, match)
    else:
        found = find(definition, name, match)
    if found is not None:
        return found
    if name == "disks":
        detail = f"no target device {match.target}"
    elif name == "leases":
        detail = f"Lease {match.key} in lockspace {match.lockspace} does not exist"
    else:
        detail = only.get(name) or _MISSING.get(name, "device not present in domain configuration")
    code = Code.DEVICE_MISSING
    if name in CHARS:
        code = Code.INVALID_ARG
    elif name == "vsock":
        code = Code.OPERATION_FAILED
    raise errors.error(code, detail)


def find_vsock(definition: Domain, match: Any) -> Any | None:
    """The domain's vsock when it is the one described."""
    vsock = definition.devices.vsock
    if vsock is None or (vsock.model, vsock.cid_auto) != (match.model, match.cid_auto):
        return None
    return vsock if same_place(match, vsock) else None


_MISSING: Final[Mapping[str, str]] = {
    "filesystems": "no matching filesystem device was found",
    "rngs": "no matching RNG device was found",
    "memories": "matching memory device was not found",
    "redirdevs": "no matching redirdev was not found",
    "shmems": "matching shmem device was not found",
    "inputs": "matching input device not found",
}


def _replaced(definition: Domain, name: str, device: Any) -> Any:
    if name == "interfaces":
        return find_interface(definition, device)
    if name == "memories":
        for other in definition.devices.memories:
            if is_at(device, other) and device.alias in (None, other.alias):
                return other
        raise errors.error(Code.INVALID_ARG, "memory not found")
    found = find(definition, name, device)
    if found is not None:
        return found
    detail = f"target {getattr(device, 'target', None)} doesn't exist."
    if name == "graphics":
        detail = f"cannot find existing graphics type '{device.type}' device to modify"
    raise errors.error(Code.INVALID_ARG, detail)


# --- what can't be there twice


def _invalid(detail: str) -> libvirtError:
    return errors.error(Code.OPERATION_INVALID, detail)


def _disk(definition: Domain, disk: Any) -> None:
    if disk.target and any(other.target == disk.target for other in definition.devices.disks):
        raise _invalid(f"target {disk.target} already exists")


def check_scsi_place(definition: Domain, disk: Any) -> None:
    """:raises libvirtError: OPERATION_INVALID when a disk or a host's disk is there"""
    if disk.bus != "scsi":
        return
    others = [d for d in definition.devices.disks if d.bus == "scsi"]
    others += [h for h in definition.devices.hostdevs if h.type == "scsi"]
    mine = _drive(disk)
    if any(_drive(other) == mine for other in others):
        raise _invalid("Domain already contains a disk with that address")


def _drive(device: Any) -> tuple[int, int, int, int] | None:
    where = device.address
    if where is None or where.type != "drive":
        return None
    return where.controller or 0, where.bus or 0, where.target or 0, where.unit or 0


def _hostdev(definition: Domain, hostdev: Any) -> None:
    if find(definition, "hostdevs", hostdev) is not None:
        raise _invalid("device is already in the domain configuration")


def _shmem(definition: Domain, shmem: Any) -> None:
    if find(definition, "shmems", shmem) is not None:
        raise _invalid("device is already in the domain configuration")


def _lease(definition: Domain, lease: Any) -> None:
    if find(definition, "leases", lease) is not None:
        raise _invalid(f"Lease {lease.key} in lockspace {lease.lockspace} already exists")


def _controller(definition: Domain, controller: Any) -> None:
    index = controller.index
    if index is not None and find(definition, "controllers", controller) is not None:
        raise _invalid(f"controller index='{index}' already exists")


def _filesystem(definition: Domain, filesystem: Any) -> None:
    if any(f.target == filesystem.target for f in definition.devices.filesystems):
        raise _invalid("Target already exists")


def _memory(definition: Domain, memory: Any) -> None:
    if len(definition.devices.memories) == (definition.max_memory_slots or 0):
        detail = "no free memory device slot available"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)


def _rng(definition: Domain, rng: Any) -> None:
    if rng.address is None or rng.address.type == "none":
        return
    if any(d.address is not None and same_place(rng, d) for d in definition.devices.each()):
        detail = "a device with the same address already exists "
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)


def _watchdog(definition: Domain, _watchdog: Any) -> None:
    if definition.devices.watchdogs:
        raise _invalid("domain already has a watchdog")


def _vsock(definition: Domain, _vsock: Any) -> None:
    if definition.devices.vsock is not None:
        raise _invalid("domain already has a vsock device")


def check_console(_definition: Domain, console: Any) -> None:
    """:raises libvirtError: OPERATION_UNSUPPORTED for one that is a serial port's other name"""
    if console.target_type in (None, "serial"):
        detail = "attaching serial console is not supported"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)


def check_char(definition: Domain, char: Any) -> None:
    """:raises libvirtError: OPERATION_INVALID when it is there already"""
    if find(definition, f"{char.TAG}s", char) is not None:
        raise _invalid("chardev already exists")


_TAKEN: Final[Mapping[str, Callable[[Domain, Any], None]]] = {
    "disks": _disk,
    "hostdevs": _hostdev,
    "shmems": _shmem,
    "consoles": check_console,
    "leases": _lease,
    "controllers": _controller,
    "filesystems": _filesystem,
    "memories": _memory,
    "rngs": _rng,
    "watchdogs": _watchdog,
    "vsock": _vsock,
}
_TAKEN_AS_WHOLE: Final[Mapping[str, Callable[[Domain, Any], None]]] = {
    "disks": check_scsi_place,
} | dict.fromkeys(CHARS, check_char)
