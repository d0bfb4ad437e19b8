# SPDX-License-Identifier: Apache-2.0
"""The order in which devices are completed (virDomainDefPostParse)."""

from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.postparse.devices import (
    chardevs,
    controllers,
    disks,
    displays,
    hostdevs,
    interfaces,
    others,
)
from nova_pyvirt.hypervisors.qemu.postparse.machine import is_i440fx, is_q35
from nova_pyvirt.model.devices.input import Input
from nova_pyvirt.model.devices.misc import MemBalloon
from nova_pyvirt.model.domain import Domain

_X86 = ("x86_64", "i686")


def early(domain: Domain) -> None:
    """What the parser itself decides: the order of lists, indexes, what only a run has."""
    if domain.id is None:
        _forget_run(domain)
    disks.sort(domain)
    controllers.sort(domain)
    controllers.add_for_hostdevs(domain)
    interfaces.prepare(domain)
    chardevs.prepare(domain)
    displays.prepare(domain)


def _forget_run(domain: Domain) -> None:
    """Aliases that users didn't give, numbers of block nodes, copies under way."""
    for device in domain.devices.each():
        if device.alias is not None and not device.alias.startswith("ua-"):
            device.alias = None
    for disk in domain.devices.disks:
        disk.mirror = None
        layer = disk
        while layer is not None:
            if layer.source is not None:
                layer.source.index = None
            if layer is not disk:
                layer.index = None
            layer = layer.backing


def complete(domain: Domain, caps: QemuCaps) -> None:
    """Devices that the domain always has, and the defaults of each device.

    :raises libvirtError: XML_ERROR, CONFIG_UNSUPPORTED, INTERNAL_ERROR for what contradicts itself
    """
    early(domain)
    controllers.assign_indexes(domain)
    _default_devices(domain, caps)
    disks.complete(domain)
    controllers.complete(domain, caps)
    interfaces.complete(domain, caps)
    chardevs.complete(domain)
    displays.complete(domain, caps)
    hostdevs.complete(domain, caps)
    others.complete(domain)
    controllers.check(domain)
    chardevs.add_console(domain)
    controllers.add_needed(domain, caps)
    displays.add_video(domain, caps)


def _default_devices(domain: Domain, caps: QemuCaps) -> None:
    devices = domain.devices
    if domain.os.arch in _X86:
        for kind in ("mouse", "keyboard"):
            if not any(i.type == kind and i.bus in (None, "ps2") for i in devices.inputs):
                devices.inputs.append(Input(type=kind, bus="ps2"))
    if domain.os.machine == "isapc":
        _add_balloon(domain)
        displays.add_audio(domain)
        return
    q35 = is_q35(domain)
    controllers.add_default_usb(domain, "qemu-xhci" if q35 else None)
    if q35:
        controllers.maybe_add(domain, "sata", 0)
        controllers.add_root(domain, "pcie-root")
    elif is_i440fx(domain):
        controllers.add_root(domain, "pci-root")
    _add_balloon(domain)
    displays.add_audio(domain)


def _add_balloon(domain: Domain) -> None:
    if domain.devices.memballoon is None:
        domain.devices.memballoon = MemBalloon(model="virtio")
