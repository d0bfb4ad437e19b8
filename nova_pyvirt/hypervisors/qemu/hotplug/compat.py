# SPDX-License-Identifier: Apache-2.0
"""Does a device fit into a domain as it is (virDomainDefCompatibleDevice)?"""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.hypervisors.qemu import devicedef
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.validate.devices import memory
from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.domain import Domain

#: lists in which a device can be looked at alone: no others depend on their members
_HELD: Final = (
    "disks", "interfaces", "hostdevs", "rngs", "inputs", "shmems", "filesystems",
    "redirdevs", "watchdogs", "vsock", "sounds",
)  # fmt: skip
#: devices that are on USB when their bus says so
_BUSED: Final = ("disks", "inputs", "redirdevs")


def check(
    definition: Domain,
    name: str,
    device: Any,
    old: Any | None = None,
    *,
    live: bool,
) -> None:
    """
    :param name: the list it belongs to
    :param old: the device it takes the place of; None: it is a new one
    :raises libvirtError: OPERATION_DENIED, CONFIG_UNSUPPORTED
    """
    if old is not None and live and isinstance(device, Device):
        _identity(device, old)
    if _on_usb(name, device) and not _has_usb(definition):
        raise _unsupported("Device configuration is not compatible: Domain has no USB bus support")
    if isinstance(device, Device) and device.boot_order:
        _boot_order(definition, device, old)
    if name == "memories":
        _memory(definition, device, attaching=old is None)


def check_itself(definition: Domain, name: str, device: Any, caps: QemuCaps) -> None:
    """Is it a device at all, whatever the domain has already (virDomainDeviceDefValidate)?

    :raises libvirtError: XML_ERROR, CONFIG_UNSUPPORTED, ...
    """
    if name == "controllers":
        _bridge(device)
    if name in _HELD:
        free = device.copy()
        if isinstance(free, Device) and free.address is not None and free.address.type == "pci":
            free.address = None  # where it can be there depends on the others
        devicedef.check_device(name, free, definition, caps, alone=True)


def _bridge(controller: Any) -> None:
    """A bridge by itself gets no name; among the others of a definition it would."""
    model = controller.model
    if controller.type != "pci" or model in (None, "pci-root", "pcie-root"):
        return
    if controller.pci_model_name is None:
        index = -1 if controller.index is None else controller.index
        raise errors.error(
            Code.INTERNAL_ERROR,
            f"Required option 'modelName' is not set for PCI controller with index '{index}',"
            f" model '{model}' and modelName 'none'",
        )


def check_alias(definition: Domain, device: Any) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED for a name of the user's that is taken"""
    alias = device.alias if isinstance(device, Device) else None
    if not alias or not alias.startswith("ua-"):
        return
    if any(other.alias == alias for other in definition.devices.each()):
        raise _unsupported(f"non unique alias detected: {alias}")


def _unsupported(detail: str) -> libvirtError:
    return errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)


def _denied(detail: str) -> libvirtError:
    return errors.error(Code.OPERATION_DENIED, detail, domain=From.DOMAIN)


def _identity(device: Device, old: Device) -> None:
    if device.alias and old.alias and device.alias != old.alias:
        raise _denied("changing device alias is not allowed")
    if (device.acpi_index or 0) != (old.acpi_index or 0):
        raise _denied("changing device 'acpi index' is not allowed")


def _on_usb(name: str, device: Any) -> bool:
    if name in _BUSED:
        return bool(device.bus == "usb")
    if name == "hostdevs":
        return bool(device.mode == "subsystem" and device.type == "usb")
    return name == "hubs"


def _has_usb(definition: Domain) -> bool:
    return any(c.type == "usb" and c.model != "none" for c in definition.devices.controllers)


def _boot_order(definition: Domain, device: Device, old: Device | None) -> None:
    if definition.os.boots:
        raise _unsupported("per-device boot elements cannot be used together with os/boot elements")
    for other in definition.devices.each():
        if other is not old and other.boot_order == device.boot_order:
            raise _unsupported(f"boot order {device.boot_order} is already used by another device")


def _memory(definition: Domain, device: Any, *, attaching: bool) -> None:
    memory.check_one(definition, device)
    if not definition.max_memory_slots and not definition.max_memory:
        raise _unsupported(
            "cannot use/hotplug a memory device when domain 'maxMemory' is not defined"
        )
    limit = definition.max_memory or 0
    if attaching and definition.memory + device.size > limit:
        raise _unsupported(
            f"Attaching memory device with size '{device.size}' would exceed domain's maxMemory"
            f" config size '{limit}'"
        )
