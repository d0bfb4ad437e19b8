# SPDX-License-Identifier: Apache-2.0
"""Devices that libvirt refuses, with its codes and words."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.domain import Domain

_DISK_BUSES = frozenset("ide fdc scsi virtio xen usb uml sata sd none".split())


def check(domain: Domain) -> None:
    """:raises libvirtError: when a device can't be"""
    _check_disks(domain)


def _check_disks(domain: Domain) -> None:
    seen: set[str] = set()
    for disk in domain.devices.disks:
        if disk.target in seen:
            raise errors.error(
                Code.XML_ERROR, f"target '{disk.target}' duplicated for disk sources"
                f" '{disk.path or ''}' and '{disk.path or ''}'", domain=From.DOMAIN,
            )  # fmt: skip
        seen.add(disk.target)
        if disk.bus not in _DISK_BUSES:
            raise errors.error(
                Code.XML_ERROR,
                f"Invalid value for attribute 'bus' in element 'target': '{disk.bus}'.",
                domain=From.XML,
            )
