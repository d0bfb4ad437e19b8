# SPDX-License-Identifier: Apache-2.0
"""Which device boots when: <boot dev> and <boot order> become bootindex."""

from nova_pyvirt.model.domain import Domain

_MEDIA = {"disk": "hd", "lun": "hd", "cdrom": "cdrom", "floppy": "fd"}


def bootindexes(domain: Domain) -> dict[int, int]:
    """bootindex by id() of the device (qemuProcessPrepareDeviceBootorder)."""
    devices = domain.devices
    if not domain.os.boots:
        return {id(d): d.boot_order for d in devices.each() if d.boot_order}
    found: dict[int, int] = {}
    places: dict[str, int] = {}
    for place, boot in enumerate(domain.os.boots, 1):
        places[boot.dev] = place
    for disk in devices.disks:
        index = places.pop(_MEDIA[disk.device], None)
        if index is not None:
            found[id(disk)] = index
    if devices.interfaces and "network" in places:
        found[id(devices.interfaces[0])] = places["network"]
    return found
