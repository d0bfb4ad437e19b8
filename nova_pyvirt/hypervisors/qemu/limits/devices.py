# SPDX-License-Identifier: Apache-2.0
"""Which of the host's devices a guest may use (qemu_cgroup.c), by version 1's device lists."""

import stat
from collections.abc import Iterable, Iterator
from typing import Final

from nova_pyvirt.core.cgroup import Cgroup
from nova_pyvirt.core.host.sysfs import HostFs
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.hostdev import Hostdev
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os

#: major number of pseudo terminals
_PTY: Final = 136


def apply(domain: Domain, cgroup: Cgroup, always: Iterable[str]) -> None:
    """Denies all but the definition's devices, terminals, and those that every guest may use.

    :param always: paths
    :raises libvirtError: SYSTEM_ERROR
    """
    devices = cgroup.devices
    if devices is None:
        return
    devices.deny_devices()
    devices.allow_device(f"c {_PTY}:* rw")
    for path in always:
        allow(cgroup, path, "rw")
    for path, perms in needed(domain):
        allow(cgroup, path, perms)
    if domain.launch_security is not None:
        allow(cgroup, "/dev/sev")


def allow(cgroup: Cgroup, path: str, perms: str = "rw") -> bool:
    """Lets the guest use a device; nothing to do for what is no device or isn't there.

    :raises libvirtError: SYSTEM_ERROR
    """
    return _set(cgroup, path, perms, deny=False)


def deny(cgroup: Cgroup, path: str) -> bool:
    """Takes a device away again.

    :raises libvirtError: SYSTEM_ERROR
    """
    return _set(cgroup, path, "rwm", deny=True)


def _set(cgroup: Cgroup, path: str, perms: str, *, deny: bool) -> bool:
    devices = cgroup.devices
    if devices is None:
        return False
    try:
        info = os.stat(path)
    except OSError:
        return False
    if stat.S_ISCHR(info.st_mode):
        kind = "c"
    elif stat.S_ISBLK(info.st_mode):
        kind = "b"
    else:
        return False
    number = f"{os.major(info.st_rdev)}:{os.minor(info.st_rdev)}"
    devices.allow_device(f"{kind} {number} {perms}", deny=deny)
    return True


def needed(domain: Domain) -> Iterator[tuple[str, str]]:
    """(path, access) of every file of the host that the devices of a definition use."""
    devices = domain.devices
    for disk in devices.disks:
        yield from disk_paths(disk)
    for device in (*devices.serials, *devices.parallels, *devices.channels, *devices.consoles):
        if device.type == "dev" and device.source_path:
            yield device.source_path, "rw"
    paths = [item.source_evdev or item.source_dev for item in devices.inputs]
    paths += [tpm.device for tpm in devices.tpms]
    paths += [rng.backend.path for rng in devices.rngs if rng.backend is not None]
    paths += [memory.path for memory in devices.memories]
    paths += [video.rendernode for video in devices.videos]
    paths += [g.gl.rendernode for g in devices.graphics if g.gl is not None]
    yield from ((path, "rw") for path in paths if path)
    for hostdev in devices.hostdevs:
        yield from ((path, "rw") for path in hostdev_paths(hostdev))


def disk_paths(disk: Disk) -> Iterator[tuple[str, str]]:
    """(path, access) of a disk's image and of those below it."""
    if disk.path:
        yield disk.path, "r" if disk.readonly else "rw"
    layer = disk.backing
    while layer is not None and layer.source is not None:
        if layer.source.local_path:
            yield layer.source.local_path, "r"
        layer = layer.backing
    if disk.mirror is not None and disk.mirror.source.local_path:
        yield disk.mirror.source.local_path, "rw"


def hostdev_paths(hostdev: Hostdev, fs: HostFs | None = None) -> list[str]:
    """Device files of a host device: its VFIO group, its USB node, its own file."""
    fs, source = fs or HostFs(), hostdev.source
    address = source.address
    if hostdev.type in ("pci", "mdev") and address is not None:
        where = f"pci/devices/{address.text()}" if hostdev.type == "pci" else (
            f"mdev/devices/{address.uuid}"
        )  # fmt: skip
        group = fs.path(f"sys/bus/{where}/iommu_group").resolve().name
        return ["/dev/vfio/vfio", f"/dev/vfio/{group}"] if group.isdigit() else []
    if hostdev.type == "usb" and address is not None and address.device:
        return [f"/dev/bus/usb/{address.bus or 0:03d}/{address.device:03d}"]
    return [path for path in (source.block, source.char) if path]
