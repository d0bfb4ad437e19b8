# SPDX-License-Identifier: Apache-2.0
"""Domain definitions as the in-memory hypervisor completes them: libvirt's general defaults, none of
QEMU's (virDomainDefPostParse with the test driver's options).
"""

from typing import Any, Final, cast

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.postparse import complete_identity, memory, vcpus
from nova_pyvirt.hypervisors.qemu.postparse.devices import (
    controllers,
    disks,
    displays,
    early,
    others,
)
from nova_pyvirt.hypervisors.qemu.postparse.devices.chardevs import add_console
from nova_pyvirt.model.boot import BootDevice
from nova_pyvirt.model.clock import Clock
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.domain import Domain

_ARCH: Final = "i686"
_INTERFACES: Final = 1024
_ACTIONS: Final = (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy"))


class _AnyCaps:
    """Stands for an emulator's capabilities: there is no emulator, so nothing is missing."""

    def has(self, _name: str) -> bool:
        return True


_CAPS = cast(QemuCaps, _AnyCaps())


def load(xml: str, *, names: bool = True) -> Domain:
    """A complete definition.

    :param names: interfaces get host devices' names (testnet0, ...)
    :raises libvirtError: XML_DETAIL, XML_ERROR, NO_NAME, CONFIG_UNSUPPORTED...
    """
    made = Domain.load(xml)
    made.id = None
    if made.os.type and made.os.arch is None:
        made.os.arch = _ARCH
    complete_identity(made)
    vcpus.complete(made)
    memory.complete(made)
    for name, action in _ACTIONS:
        if getattr(made, name) is None:
            setattr(made, name, action)
    if made.clock is None:
        made.clock = Clock(offset="utc")
    _boot(made)
    _devices(made)
    if names:
        _name_interfaces(made)
    return made


def _boot(made: Domain) -> None:
    ordered = any(getattr(device, "boot_order", None) for device in made.devices.each())
    if made.os.type == "hvm" and not made.os.boots and not ordered:
        made.os.boots = [BootDevice(dev="hd")]


def _devices(made: Domain) -> None:
    early(made)
    controllers.assign_indexes(made)
    for disk in made.devices.disks:
        _disk(disk)
    _ports(made)
    for video in made.devices.videos:
        displays.complete_video(video, _CAPS)
    versions = [tpm.version for tpm in made.devices.tpms]
    others.complete(made)
    for tpm, version in zip(made.devices.tpms, versions, strict=True):
        tpm.version = version
    controllers.check(made)
    add_console(made)
    controllers.add_needed(made, _CAPS)
    displays.add_video(made, _CAPS)


def _disk(disk: Disk) -> None:
    """As for QEMU, but for the driver that QEMU always has."""
    name, kind = disk.driver_name, disk.format
    disks.complete_one(disk)
    disk.driver_name, disk.format = name, kind


def _ports(made: Domain) -> None:
    """Numbers of ports: each list counts its own."""
    devices = made.devices
    for console in devices.consoles:
        if console.target_type in (None, "none"):
            console.target_type = "serial"
    group: list[Any]
    for group in (devices.serials, devices.parallels, devices.consoles):
        for item in group:
            if item.port is None:
                item.port = max(-1 if other.port is None else other.port for other in group) + 1


def _name_interfaces(made: Domain) -> None:
    """:raises libvirtError: INTERNAL_ERROR when there are more than a thousand"""
    taken = {nic.target for nic in made.devices.interfaces}
    free = (name for n in range(_INTERFACES) if (name := f"testnet{n}") not in taken)
    for nic in made.devices.interfaces:
        if nic.target is None:
            nic.target = next(free, None)
            if nic.target is None:
                detail = f"Exceeded max iface limit {_INTERFACES}"
                raise error(Code.INTERNAL_ERROR, detail, domain=From.TEST)
