# SPDX-License-Identifier: Apache-2.0
"""Detaching a device from a running guest (qemuDomainDetachDeviceLive)."""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import audit
from nova_pyvirt.hypervisors.qemu.hotplug import shared
from nova_pyvirt.hypervisors.qemu.hotplug.kinds import KINDS
from nova_pyvirt.hypervisors.qemu.hotplug.remove import removed
from nova_pyvirt.hypervisors.qemu.hotplug.words import word
from nova_pyvirt.hypervisors.qemu.monitor import QMPCommandError
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.hypervisors.qemu.unplug import Unplug
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.breakpoints import reach

#: QEMU's class of errors about a device that it doesn't have
_NO_DEVICE: Final = "DeviceNotFound"


def detach(state: QemuState, vm: DomainObj, name: str, match: Any, *, wait: bool = True) -> None:
    """Asks the guest to let go of a device. It may take its time: what is not gone within 5 s goes,
    from QEMU and from the definition, when the guest is ready. The caller holds a MODIFY job.

    :param match: a description of the device, or itself
    :param wait: False: don't
    :raises libvirtError: DEVICE_MISSING, OPERATION_UNSUPPORTED; OPERATION_FAILED when the guest
        refuses, or the device can't be detached now; what QEMU says
    """
    if name == "leases":
        shared.detach_lease(vm, match)
        return
    kind = KINDS.get(name)
    if kind is None:
        detail = f"live detach of device '{word(name)}' is not supported"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    device = kind.find(vm.definition, match)
    kind.check_detach(vm, device)
    _check(vm.definition, name, device)
    where = device.address
    if where is not None and where.type == "unassigned":
        removed(state, vm, name, device)
    elif wait:
        with Unplug.of(vm, str(device.alias)) as unplug:
            if not _ask(state, vm, name, device, unplug) or not unplug.wait():
                return
        removed(state, vm, name, device)
    else:
        _ask(state, vm, name, device, None)


def _ask(state: QemuState, vm: DomainObj, name: str, device: Any, unplug: Unplug | None) -> bool:
    """False: there was nothing to ask for."""
    command, args = KINDS[name].unplug(device)
    try:
        vm.private.mon.command(command, args)
    except QMPCommandError as exc:
        if unplug is not None and unplug.gone:
            return True
        audit.device(vm, name, device, None, "detach", success=False)
        if exc.qmp_class != _NO_DEVICE:
            raise
        removed(state, vm, name, device)
        return False
    reach("unplug-asked")
    return True


def _check(definition: Domain, name: str, device: Any) -> None:
    if not device.alias:
        detail = f"Cannot detach {word(name)} device with no alias"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    where = device.address
    if where is None or where.type != "pci":
        return
    key = where.key()
    for other in definition.devices.each():
        place = other.address
        if place is not None and place.type == "pci" and other is not device:
            if place.key()[:3] == key[:3] and place.key()[3] != key[3]:
                what = "device with multifunction PCI guest address: {}"
                raise _refused(name, key, what)
    for bus in definition.devices.controllers:
        if bus.type == "pci" and bus.index == key[1]:
            if bus.hotplug is False:
                raise _refused(
                    name, key, "device with PCI guest address: {} - not allowed by controller"
                )
            return
    raise _refused(name, key, "device with PCI guest address: {} - controller not found")


def _refused(name: str, key: tuple[int, int, int, int], what: str) -> libvirtError:
    place = "{:04x}:{:02x}:{:02x}.{:x}".format(*key)
    detail = f"cannot hot unplug {word(name)} {what.format(place)}"
    return errors.error(Code.OPERATION_FAILED, detail)
