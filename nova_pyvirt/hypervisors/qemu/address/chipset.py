# SPDX-License-Identifier: Apache-2.0
"""Places that the chipset decides: PIIX3's and ICH9's functions, the first adapter."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.address import connect
from nova_pyvirt.hypervisors.qemu.address.pci import AUTO, PCI, PCIE, PCISet
from nova_pyvirt.hypervisors.qemu.postparse.machine import is_i440fx, is_q35
from nova_pyvirt.model.devices.common import Address
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.domain import Domain


def reserve_chipset(domain: Domain, places: PCISet, *, express: bool) -> None:
    """:raises libvirtError: INTERNAL_ERROR for a built-in device elsewhere"""
    if is_i440fx(domain):
        _piix3(domain, places)
        _first_video(domain, places, 2, PCI | AUTO, express=express)
    elif is_q35(domain):
        _q35(domain, places)
        _first_video(domain, places, 1, PCIE, express=express)
        _ich9_sound(domain, places)


def _address(slot: int, function: int = 0, *, many: bool = False) -> Address:
    return Address(
        type="pci", domain=0, bus=0, slot=slot, function=function,
        multifunction=True if many else None,
    )  # fmt: skip


def _fixed(controller: Controller, slot: int, function: int, detail: str) -> None:
    if connect.wanted(controller):
        controller.address = _address(slot, function)
    elif controller.address.key() != (0, 0, slot, function):
        raise errors.error(Code.INTERNAL_ERROR, detail)


def _piix3(domain: Domain, places: PCISet) -> None:
    for controller in domain.devices.controllers:
        if controller.index != 0:
            continue
        if controller.type == "ide":
            _fixed(controller, 1, 1, "Primary IDE controller must have PCI address 0:0:1.1")
        elif controller.type == "usb" and controller.model == "piix3-uhci":
            detail = "PIIX3 USB controller at index 0 must have PCI address 0:0:1.2"
            _fixed(controller, 1, 2, detail)
        else:
            continue
        places.reserve(controller.address.key(), PCI | AUTO, given=True)
    for function in (0, 3):
        places.reserve((0, 0, 1, function), PCI | AUTO, given=True)


def _q35(domain: Domain, places: PCISet) -> None:
    for controller in domain.devices.controllers:
        if controller.type == "sata" and controller.index == 0:
            detail = "Primary SATA controller must have PCI address 0:0:1f.2"
            _fixed(controller, 0x1F, 2, detail)
        elif controller.type == "usb" and controller.model == "ich9-uhci1":
            if connect.wanted(controller):
                slot = next((s for s in (0x1D, 0x1A) if not places.in_use(0, s)), None)
                if slot is not None:
                    places.reserve((0, 0, slot, 0), PCIE, given=True)
                    controller.address = _address(slot, many=True)
        elif controller.type == "pci" and controller.model == "dmi-to-pci-bridge":
            if connect.wanted(controller) and not places.in_use(0, 0x1E):
                places.reserve((0, 0, 0x1E, 0), PCIE, given=True)
                controller.address = _address(0x1E)
    for function in (0, 3):
        places.reserve((0, 0, 0x1F, function), PCIE, given=True)


def _first_video(domain: Domain, places: PCISet, slot: int, kind: int, *, express: bool) -> None:
    videos = domain.devices.videos
    if not videos or videos[0].model in ("none", "ramfb") or not connect.wanted(videos[0]):
        return
    if places.in_use(0, slot):
        where = places.take(connect.flags(videos[0], express=express))
        if not places.growing:
            videos[0].address = where
        return
    places.reserve((0, 0, slot, 0), kind, given=True)
    videos[0].address = _address(slot)


def _ich9_sound(domain: Domain, places: PCISet) -> None:
    """ICH9's own sound function, for the first such card."""
    if places.in_use(0, 0x1B):
        return
    for sound in domain.devices.sounds:
        if sound.model == "ich9" and connect.wanted(sound):
            places.reserve((0, 0, 0x1B, 0), PCIE, given=True)
            sound.address = _address(0x1B)
            return
