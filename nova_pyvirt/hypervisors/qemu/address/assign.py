# SPDX-License-Identifier: Apache-2.0
"""Gives every device that has none an address, in libvirt's order (qemuDomainAssignAddresses)."""

from collections.abc import Iterator

from nova_pyvirt.hypervisors.qemu.address.pci import PCIBuses
from nova_pyvirt.hypervisors.qemu.postparse import is_q35
from nova_pyvirt.model.devices.common import Address, Device
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.domain import Domain

_EXPRESS_NICS = ("virtio", "virtio-non-transitional", "e1000e", "igb")
_LEGACY_USB = ("piix3-uhci", "piix4-uhci", "ehci", "ich9-ehci1", "vt82c686b-uhci", "pci-ohci")


def assign(domain: Domain) -> None:
    """Addresses for all devices; adds the bridges and ports they need.

    :raises libvirtError: XML_ERROR for an address that is taken or can't be
    """
    q35 = is_q35(domain)
    _fixed(domain, q35=q35)
    listed = any(c.type == "pci" and c.index for c in domain.devices.controllers)
    buses = PCIBuses(domain, express=q35)
    for device in _pci_devices(domain):
        if device.address is not None and device.address.type == "pci":
            buses.reserve(device.address)
    _primary_video(domain, buses, q35=q35)
    waiting = [d for d in _pci_devices(domain) if d.address is None]
    buses.prepare([_is_legacy(d) for d in waiting], spare=q35 and not listed)
    for device in waiting:
        device.address = buses.take(legacy=_is_legacy(device))
    _usb(domain)
    _virtio_serial(domain)


def _pci(bus: int, slot: int, function: int = 0) -> Address:
    return Address(type="pci", domain=0, bus=bus, slot=slot, function=function)


def _fixed(domain: Domain, *, q35: bool) -> None:
    """What the chipset decides: PIIX3's IDE and USB, ICH9's SATA."""
    for controller in domain.devices.controllers:
        if controller.address is not None:
            continue
        if controller.type == "ide" and controller.index == 0 and not q35:
            controller.address = _pci(0, 1, 1)
        elif controller.type == "sata" and controller.index == 0 and q35:
            controller.address = _pci(0, 0x1F, 2)
        elif controller.type == "usb" and controller.index == 0 and not q35:
            if controller.model == "piix3-uhci":
                controller.address = _pci(0, 1, 2)


def _primary_video(domain: Domain, buses: PCIBuses, *, q35: bool) -> None:
    if not domain.devices.videos:
        return
    video = domain.devices.videos[0]
    if video.address is None and video.model != "none":
        wanted = _pci(0, 1 if q35 else 2)
        if not buses.taken(wanted):
            video.address = wanted
            buses.reserve(wanted)


def _is_legacy(device: Device) -> bool:
    """Does it need a conventional PCI slot?"""
    if isinstance(device, Controller):
        if device.type == "usb":
            return device.model in _LEGACY_USB
        return device.type in ("scsi", "sata", "ide") and device.model in (None, "lsilogic")
    model = getattr(device, "model", None)
    if device.TAG == "interface":
        return model not in _EXPRESS_NICS
    if device.TAG == "sound":
        return model != "ich9"
    if device.TAG == "video":
        return model != "virtio"
    return device.TAG == "watchdog"


def _pci_devices(domain: Domain) -> Iterator[Device]:
    """Devices on PCI buses in the order they get addresses; controllers of PCI are apart."""
    devices = domain.devices
    yield from devices.interfaces
    yield from (s for s in devices.sounds if s.model not in ("sb16", "pcspk", "usb"))
    for controller in devices.controllers:
        if controller.type not in ("pci", "fdc", "ccid") and not (
            controller.type == "usb" and controller.model == "none"
        ):
            if controller.type == "ide" and controller.index != 0:
                continue
            yield controller
    yield from (d for d in devices.disks if d.bus == "virtio")
    if devices.memballoon is not None and devices.memballoon.model != "none":
        yield devices.memballoon
    yield from devices.rngs
    yield from (w for w in devices.watchdogs if w.model == "i6300esb")
    yield from (v for v in devices.videos if v.model != "none")
    yield from (i for i in devices.inputs if i.bus == "virtio")


def _usb(domain: Domain) -> None:
    port = 1
    for device in [d for d in domain.devices.inputs if d.bus == "usb"]:
        if device.address is None:
            device.address = Address(type="usb", bus=0, port=str(port))
        port += 1


def _virtio_serial(domain: Domain) -> None:
    port = 1
    for channel in domain.devices.channels:
        if channel.address is None and channel.target_type in ("virtio", None):
            channel.address = Address(type="virtio-serial", controller=0, bus=0, port=str(port))
        port += 1
