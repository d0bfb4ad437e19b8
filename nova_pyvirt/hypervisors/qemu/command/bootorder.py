# SPDX-License-Identifier: Apache-2.0
"""Which device boots when: <boot dev> and <boot order> become bootindex."""

from nova_pyvirt.model.domain import Domain

_MEDIA = {"hd": ("disk", "lun"), "cdrom": ("cdrom",), "fd": ("floppy",)}


def bootindexes(domain: Domain) -> dict[int, int]:
    """bootindex by id() of the device."""
    devices = domain.devices
    found = {id(d): d.boot_order for d in [*devices.disks, *devices.interfaces] if d.boot_order}
    if found or not domain.os.boots:
        return found
    place = 1
    for boot in domain.os.boots:
        if boot.dev == "network":
            for nic in devices.interfaces:
                found[id(nic)] = place
                place += 1
            continue
        for disk in devices.disks:
            if disk.device in _MEDIA.get(boot.dev, ()):
                found[id(disk)] = place
                place += 1
                break
    return found
