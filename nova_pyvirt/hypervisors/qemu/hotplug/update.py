# SPDX-License-Identifier: Apache-2.0
"""Changing a device of a running guest (qemuDomainUpdateDeviceLive)."""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import devicedef
from nova_pyvirt.hypervisors.qemu.hotplug import compat, media, nicchange
from nova_pyvirt.hypervisors.qemu.hotplug.display import change_graphics
from nova_pyvirt.hypervisors.qemu.hotplug.find import find, is_at, same_place
from nova_pyvirt.hypervisors.qemu.hotplug.words import word
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.hypervisors.qemu.validate.devices import memory
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.memory import Memory

_IOTUNE: Final = (
    "total_bytes_sec", "read_bytes_sec", "write_bytes_sec", "total_iops_sec", "read_iops_sec",
    "write_iops_sec", "total_bytes_sec_max", "read_bytes_sec_max", "write_bytes_sec_max",
    "total_iops_sec_max", "read_iops_sec_max", "write_iops_sec_max", "size_iops_sec",
)  # fmt: skip
#: a disk's attribute: its name in messages; one that isn't given is no change
_LATER: Final = {
    "serial": "serial", "wwn": "wwn", "vendor": "vendor", "product": "product", "cache": "cache",
    "error_policy": "error_policy", "rerror_policy": "rerror_policy", "io": "io",
    "ioeventfd": "ioeventfd", "event_idx": "event_idx", "copy_on_read": "copy_on_read",
    "transient": "transient",
}  # fmt: skip
_LAST: Final = {
    "boot_order": "boot order", "rawio": "rawio", "sgio": "sgio", "discard": "discard",
    "iothread": "iothread", "backenddomain": "backenddomain", "readonly": "readonly",
    "shareable": "shared",
}  # fmt: skip


def update(state: QemuState, vm: DomainObj, xml: str, *, force: bool) -> None:
    """The caller holds a MODIFY job, not the lock.

    :param force: a drive's medium changes also when the guest has locked the tray
    :raises libvirtError: CONFIG_UNSUPPORTED for a kind that can't be changed, OPERATION_UNSUPPORTED
        for what can't be changed of one, INTERNAL_ERROR for a disk that isn't there
    """
    name, device = devicedef.match_device(xml, vm.definition, vm.private.caps)
    if name == "memories":
        memory.check_one(vm.definition, device)
    devicedef.check_device(name, device, vm.definition, vm.private.caps, alone=True)
    if name == "disks":
        _disk(state, vm, device, force=force)
    elif name == "interfaces":
        nicchange.change(vm, device)
    elif name == "graphics":
        change_graphics(state, vm, device)
    elif name == "memories":
        _memory(vm, device)
    else:
        detail = f"live update of device '{word(name)}' is not supported"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)


def _disk(state: QemuState, vm: DomainObj, new: Disk, *, force: bool) -> None:
    old = find(vm.definition, "disks", new)
    if old is None:
        raise errors.error(Code.INTERNAL_ERROR, f"disk '{new.target}' not found")
    compat.check(vm.definition, "disks", new, old, live=True)
    _check_disk(old, new)
    policy = new.source.startup_policy if new.source is not None else None
    if not _same_location(old, new):
        if new.device not in ("cdrom", "floppy"):
            detail = "disk source can be changed only in removable drives"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        media.change(state, vm, old, new, force=force)
    with vm.lock:
        if old.source is not None:
            old.source.startup_policy = policy
        old.snapshot = new.snapshot


def _same_location(old: Disk, new: Disk) -> bool:
    if old.empty or new.empty:
        return bool(old.empty and new.empty)
    if old.type != new.type:
        return False
    one, other = old.source, new.source
    if old.type != "network":
        return bool(one.local_path == other.local_path)
    hosts = [[(h.name, h.port, h.socket) for h in s.hosts] for s in (one, other)]
    return (one.protocol, one.name, hosts[0]) == (other.protocol, other.name, hosts[1])


def _check_disk(old: Disk, new: Disk) -> None:
    """What of a disk can't be changed (qemuDomainDiskChangeSupported)."""
    for field in ("device", "bus", "target"):
        _equal(old, new, field, field)
    for field in ("tray", "removable"):
        _equal_if_given(old, new, field, field)
    if new.cylinders and new.heads and new.sectors:
        for field in ("cylinders", "heads", "sectors"):
            _equal(old, new, field, f"geometry {field}")
        _equal_if_given(old, new, "translation", "BIOS-translation-modus")
    for field in ("logical_block_size", "physical_block_size"):
        _equal(old, new, field, f"blockio {field}")
    for field in _IOTUNE:
        _equal_if_given(old.iotune, new.iotune, field, f"blkdeviotune {field}")
    _equal_if_given(old.iotune, new.iotune, "group_name", "blkdeviotune group name")
    for field, shown in _LATER.items():
        _equal_if_given(old, new, field, shown)
    if not same_place(new, old):
        raise _fixed("address")
    for field, shown in _LAST.items():
        _equal_if_given(old, new, field, shown)
    if _reservations(old) != _reservations(new):
        raise _fixed("reservations")


def _reservations(disk: Disk) -> Any:
    found = disk.source.reservations if disk.source is not None else None
    return None if found is None else (found.managed, found.path)


def _equal(old: Any, new: Any, field: str, shown: str) -> None:
    if (getattr(old, field, None) or None) != (getattr(new, field, None) or None):
        raise _fixed(shown)


def _equal_if_given(old: Any, new: Any, field: str, shown: str) -> None:
    if getattr(new, field, None):
        _equal(old, new, field, shown)


def _fixed(field: str) -> libvirtError:
    detail = f"cannot modify field '{field}' of the disk"
    return errors.error(Code.OPERATION_UNSUPPORTED, detail)


def _memory(vm: DomainObj, new: Memory) -> None:
    """How much of a virtio-mem module the guest is to have (qemuDomainChangeMemoryLive)."""
    old = None
    for module in vm.definition.devices.memories:
        if is_at(new, module) and new.alias in (None, module.alias):
            old = module
            break
    if old is None:
        raise errors.error(Code.CONFIG_UNSUPPORTED, f"memory '{new.alias or '(null)'}' not found")
    compat.check(vm.definition, "memories", new, old, live=True)
    _check_memory(old, new)
    size = int(new.requested or 0)
    path = f"/machine/peripheral/{old.alias}"
    args = {"path": path, "property": "requested-size", "value": size << 10}
    vm.private.mon.command("qom-set", args)
    with vm.lock:
        old.requested = new.requested


def _check_memory(old: Memory, new: Memory) -> None:
    def fixed(what: str) -> libvirtError:
        return errors.error(Code.CONFIG_UNSUPPORTED, f"cannot modify memory {what}")

    if old.model != "virtio-mem":
        raise fixed(f"of model '{old.model}'")
    for field, shown in (
        ("model", "model"), ("access", "access"), ("discard", "discard"),
        ("page_size", "pagesize"), ("node", "targetNode"), ("size", "size"),
        ("block", "blocksize"),
    ):  # fmt: skip
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            raise fixed(f"{shown} from '{before}' to '{after}'")
    if old.source_nodes != new.source_nodes:
        raise fixed("source nodes")
