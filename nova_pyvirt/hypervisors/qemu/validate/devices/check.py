# SPDX-License-Identifier: Apache-2.0
"""All checks of devices (virDomainDefValidateDeviceIterator, qemuValidateDomainDeviceDef)."""

from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.validate.common import unsupported, unsupported_domain
from nova_pyvirt.hypervisors.qemu.validate.devices import (
    chardevs,
    controllers,
    disks,
    displays,
    hostdevs,
    inputs,
    interfaces,
    memory,
    others,
)
from nova_pyvirt.model.domain import Domain


def check(domain: Domain, caps: QemuCaps) -> None:
    """
    :param domain: with addresses
    :raises libvirtError: when a device can't be
    """
    _addresses(domain)
    _aliases(domain)
    disks.check(domain, caps)
    controllers.check(domain, caps)
    interfaces.check(domain, caps)
    chardevs.check(domain, caps)
    inputs.check(domain, caps)
    displays.check(domain, caps)
    hostdevs.check(domain, caps)
    memory.check(domain, caps)
    others.check(domain, caps)


def _addresses(domain: Domain) -> None:
    for device in domain.devices.each():
        where = device.address
        kind = where.type if where is not None else None
        if kind == "unassigned" and device.TAG != "hostdev":
            detail = f"address of type '{kind}' is supported only for hostdevs"
            raise unsupported_domain(detail)
        if kind == "spapr-vio" and where is not None and (where.reg or 0) > 0xFFFFFFFF:
            raise unsupported(
                f"spapr-vio reg='0x{where.reg:x}' exceeds maximum possible value (0xffffffff)"
            )
        if where is not None and where.zpci:
            raise unsupported("This QEMU binary doesn't support zPCI")
        if kind == "ccw":
            alias, machine = device.alias or "<null>", domain.os.machine
            raise unsupported(
                f"cannot use CCW address type for device '{alias}' using machine type '{machine}'"
            )
        if device.acpi_index and kind not in (None, "none", "pci"):
            raise unsupported("ACPI index is only supported for PCI devices")
        tuned = device.rom_enabled is not None or device.rom_bar is not None or device.rom_file
        if tuned and kind not in (None, "none", "pci", "unassigned"):
            raise unsupported("ROM tuning is only supported for PCI devices")


def _aliases(domain: Domain) -> None:
    seen: set[str] = set()
    for device in domain.devices.each():
        alias = device.alias
        mirrored = device.TAG == "console" and device is domain.devices.consoles[0]
        if not alias or mirrored:
            continue
        if alias in seen:
            raise unsupported_domain(f"non unique alias detected: {alias}")
        seen.add(alias)
