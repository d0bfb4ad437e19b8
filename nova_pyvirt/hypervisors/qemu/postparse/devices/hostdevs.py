# SPDX-License-Identifier: Apache-2.0
"""Host devices: drivers and places on SCSI buses."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.model.devices.common import Address
from nova_pyvirt.model.devices.hostdev import Hostdev
from nova_pyvirt.model.domain import Domain

_UNITS = 7


def complete(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: XML_ERROR for a place that is taken"""
    for device in domain.devices.hostdevs:
        if device.mode != "subsystem":
            continue
        if device.type == "mdev" and device.model == "vfio-pci" and device.display is None:
            if caps.has("vfio-pci.display"):
                device.display = False
        if device.type == "mdev" and device.address is not None and device.model == "vfio-pci":
            if device.address.type != "pci":
                raise errors.error(
                    Code.XML_ERROR,
                    f"Unsupported address type '{device.address.type}' with mediated device model"
                    f" '{device.model}'",
                    domain=From.DOMAIN,
                )
        if device.type == "scsi":
            _scsi(domain, device)


def _scsi(domain: Domain, device: Hostdev) -> None:
    source = device.source
    if source.protocol == "iscsi" and source.name and "/" not in source.name:
        source.name += "/0"
    if device.address is None:
        device.address = _next_place(domain, device)
    where = device.address
    if _key(where) in {_key(d.address) for d in domain.devices.disks if d.bus == "scsi"}:
        raise errors.error(
            Code.XML_ERROR,
            f"SCSI host address controller='{where.controller}' bus='{where.bus}'"
            f" target='{where.target}' unit='{where.unit}' in use by a SCSI disk",
            domain=From.DOMAIN,
        )


def _key(address: Address | None) -> tuple[int, int, int, int] | None:
    if address is None:
        return None
    return address.controller or 0, address.bus or 0, address.target or 0, address.unit or 0


def _next_place(domain: Domain, device: Hostdev) -> Address:
    devices = domain.devices
    taken = {_key(d.address) for d in devices.disks if d.bus == "scsi"}
    taken |= {_key(d.address) for d in devices.hostdevs if d.type == "scsi"}
    number = 0
    while True:
        controller, unit = divmod(number, _UNITS)
        if (controller, 0, 0, unit) not in taken:
            return Address(type="drive", controller=controller, bus=0, target=0, unit=unit)
        number += 1
