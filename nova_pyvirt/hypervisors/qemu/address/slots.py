# SPDX-License-Identifier: Apache-2.0
"""Devices on PCI, in the order in which they get their places (qemuDomainAssignPCIAddresses)."""

from collections.abc import Iterator

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.address import connect
from nova_pyvirt.hypervisors.qemu.address.chipset import reserve_chipset
from nova_pyvirt.hypervisors.qemu.address.pci import (
    AUTO,
    HOTPLUG,
    PCI,
    PCIE,
    Bus,
    PCISet,
    mismatch,
    text,
)
from nova_pyvirt.hypervisors.qemu.postparse.devices.controllers import USB2
from nova_pyvirt.model.devices.common import Address, Device
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.devices.hostdev import Hostdev
from nova_pyvirt.model.domain import Domain

_ROOTS = ("pci-root", "pcie-root")
_MODEL_NAMES = {
    "pci-bridge": "pci-bridge",
    "dmi-to-pci-bridge": "i82801b11-bridge",
    "pcie-to-pci-bridge": "pcie-pci-bridge",
    "pcie-root-port": "pcie-root-port",
    "pcie-switch-upstream-port": "x3130-upstream",
    "pcie-switch-downstream-port": "xio3130-downstream",
    "pci-expander-bus": "pxb",
    "pcie-expander-bus": "pxb-pcie",
}
_USB2_FUNCTIONS = {"ich9-ehci1": 7, "ich9-uhci1": 0, "ich9-uhci2": 1, "ich9-uhci3": 2}


def assign_pci(domain: Domain) -> None:
    """:raises libvirtError: XML_ERROR, INTERNAL_ERROR, CONFIG_UNSUPPORTED"""
    controllers = [c for c in domain.devices.controllers if c.type == "pci"]
    top = max((c.index for c in controllers), default=-1)
    if top < 0:
        _assign(domain, PCISet([], growing=False), express=False)
        return
    express = _root(domain) == "pcie-root"
    count = _add_buses(domain, top, express=express)
    places = _create(domain, count, growing=False, express=express)
    reserve_chipset(domain, places, express=express)
    _assign(domain, places, express=express)
    _multifunction(domain)
    _settle_controllers(domain)


def check_pluggable(domain: Domain, device: Device, *, given: bool) -> None:
    """Can a device come to its place on PCI while the guest runs (virDomainPCIAddressEnsureAddr)?

    :param given: the place is the description's; else it was chosen
    :raises libvirtError: XML_ERROR, INTERNAL_ERROR
    """
    if not connect.present(device):
        return
    key = device.address.key()
    if key[3]:
        detail = "Only PCI device addresses with function=0 are supported"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
    buses = [c for c in domain.devices.controllers if c.type == "pci"]
    top = max((c.index for c in buses), default=0)
    if key[1] > top:
        detail = f"Invalid PCI address {text(key)}. Only PCI buses up to {top} are available"
        raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
    for controller in buses:
        if controller.index != key[1]:
            continue
        bus = Bus(controller.model, hotplug=controller.hotplug is not False)
        express = _root(domain) == "pcie-root"
        kind = (connect.flags(device, express=express) or PCI) | HOTPLUG
        problem = mismatch(bus, kind, key[1], text(key), given=given)
        if problem and given:
            raise errors.error(Code.XML_ERROR, problem, domain=From.DOMAIN)
        if problem:
            detail = "No more available PCI slots"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)


def _root(domain: Domain) -> str | None:
    for controller in domain.devices.controllers:
        if controller.type == "pci" and controller.index == 0:
            return str(controller.model)
    return None


def _add_buses(domain: Domain, top: int, *, express: bool) -> int:
    """First pass: finds out which buses are needed, and adds their controllers."""
    places = _create(domain, top + 1, growing=True, express=express)
    reserve_chipset(domain, places, express=express)
    if not express and not places.full():
        places.take(PCI | AUTO)  # room for a later bridge
    _assign(domain, places, express=express)
    if express and top <= 0 and len(places.buses) > top + 1:
        places.take(PCIE | AUTO)  # room for a later hot-plug
    number = 1
    while number < len(places.buses):
        known = any(c.type == "pci" and c.index == number for c in domain.devices.controllers)
        if not known:
            model = places.buses[number].model
            added = Controller(type="pci", index=number, model=model)
            domain.devices.controllers.append(added)
            places.take(connect.flags(added, express=express))
        number += 1
    return len(places.buses)


def _create(domain: Domain, count: int, *, growing: bool, express: bool) -> PCISet:
    by_index = {c.index: c for c in domain.devices.controllers if c.type == "pci"}
    default = "pcie-root-port" if express else "pci-bridge"
    buses = []
    for number in range(count):
        found = by_index.get(number)
        if found is None:
            buses.append(Bus(default if number else "pci-root"))
        else:
            buses.append(Bus(found.model, hotplug=found.hotplug is not False))
    places = PCISet(buses, growing=growing)
    for device in domain.devices.each():
        if not connect.present(device):
            continue
        if _built_in(device):
            if not buses[0].flags & PCI:
                detail = "Bus 0 must be PCI for integrated PIIX3 USB or IDE controllers"
                raise errors.error(Code.INTERNAL_ERROR, detail)
        else:
            kind = connect.flags(device, express=express) or PCI
            places.reserve(device.address.key(), kind, given=True)
    return places


def _built_in(device: Device) -> bool:
    """PIIX3's IDE and USB functions; the chipset reserves them."""
    if not isinstance(device, Controller) or device.index != 0:
        return False
    key = device.address.key()
    if device.type == "ide":
        return bool(key == (0, 0, 1, 1))
    piix = device.type == "usb" and device.model in (None, "piix3-uhci")
    return piix and bool(key == (0, 0, 1, 2))


def _assign(domain: Domain, places: PCISet, *, express: bool) -> None:
    for device in in_order(domain):
        if device.TAG == "disk" and not connect.present(device) and not connect.wanted(device):
            detail = f"virtio disk cannot have an address of type '{device.address.type}'"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        if not connect.wanted(device):
            continue
        kind = connect.flags(device, express=express)
        if isinstance(device, Controller) and device.model in USB2 and device.type == "usb":
            where = _usb2(domain, device, places, kind)
        else:
            where = places.take(kind)
        if not places.growing:
            device.address = where


def _usb2(domain: Domain, controller: Controller, places: PCISet, kind: int) -> Address:
    """Companions of one USB 2 controller are functions of one slot."""
    function = _USB2_FUNCTIONS[controller.model]
    for other in domain.devices.controllers:
        if other.type != "usb" or other.model not in USB2 or other.index != controller.index:
            continue
        if connect.present(other):
            domain_number, bus, slot, _ = other.address.key()
            break
    else:
        fresh = places.take_function(kind, function)
        domain_number, bus, slot, _ = fresh.key()
        return _companion(bus, slot, function)
    places.reserve((domain_number, bus, slot, function), kind, given=True)
    return _companion(bus, slot, function)


def _companion(bus: int, slot: int, function: int) -> Address:
    many = True if function == 0 else None
    return Address(type="pci", domain=0, bus=bus, slot=slot, function=function, multifunction=many)


def in_order(domain: Domain) -> Iterator[Device]:
    """Devices on PCI in the order in which they are served."""
    devices = domain.devices
    yield from (c for c in devices.controllers if c.type == "pci" and c.model not in _ROOTS)
    yield from devices.filesystems
    yield from (n for n in devices.interfaces if n.type != "hostdev" and n.model != "usb-net")
    yield from (s for s in devices.sounds if s.model not in ("sb16", "pcspk", "usb"))
    yield from (c for c in devices.controllers if _served(c))
    yield from (d for d in devices.disks if d.bus == "virtio")
    yield from (n for n in devices.interfaces if n.type == "hostdev")
    yield from (h for h in devices.hostdevs if _on_pci(h))
    if devices.memballoon is not None and devices.memballoon.model != "none":
        yield devices.memballoon
    yield from devices.rngs
    yield from (w for w in devices.watchdogs if w.model == "i6300esb")
    yield from (v for v in devices.videos if v.model not in ("none", "ramfb"))
    yield from devices.shmems
    yield from (i for i in devices.inputs if i.bus == "virtio")
    yield from (s for s in devices.serials if s.target_type == "pci-serial")
    if devices.iommu is not None and devices.iommu.model == "virtio":
        yield devices.iommu
    if devices.vsock is not None:
        yield devices.vsock
    yield from (m for m in devices.memories if m.model in ("virtio-mem", "virtio-pmem"))
    yield from devices.cryptos


def _on_pci(device: Hostdev) -> bool:
    if device.type == "mdev":
        return bool(device.model == "vfio-pci")
    return device.mode == "subsystem" and device.type in ("pci", "scsi_host")


def _served(controller: Controller) -> bool:
    if controller.type in ("pci", "fdc", "ccid"):
        return False
    if controller.type == "usb" and controller.model == "none":
        return False
    if controller.type == "ide" and controller.index == 0:
        return False
    return not (controller.type == "scsi" and controller.model == "ncr53c90")


def _multifunction(domain: Domain) -> None:
    """Function 0 of a slot says that there are more."""
    others: dict[tuple[int, int, int], int] = {}
    found = [d for d in domain.devices.each() if connect.present(d)]
    for device in found:
        key = device.address.key()[:3]
        others[key] = others.get(key, 0) + 1
    for device in found:
        where = device.address
        if where.key()[3] == 0 and others[where.key()[:3]] > 1 and where.multifunction is None:
            where.multifunction = True


def _settle_controllers(domain: Domain) -> None:
    """Names, chassis and ports of bridges."""
    for controller in domain.devices.controllers:
        if controller.type != "pci":
            continue
        model, where = controller.model, controller.address
        controller.pci_model_name = controller.pci_model_name or _MODEL_NAMES.get(model)
        _, bus, slot, function = where.key() if where is not None else (0, 0, 0, 0)
        if model == "pci-bridge":
            if controller.chassis_nr is None:
                controller.chassis_nr = controller.index
            if controller.index <= bus:
                detail = (
                    f"PCI controller at index {controller.index} (0x{controller.index:02x}) has"
                    f" bus='0x{bus:02x}', but index must be larger than bus"
                )
                raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        elif model in ("pcie-root-port", "pcie-switch-downstream-port"):
            if controller.chassis is None:
                controller.chassis = controller.index
            if controller.target_port is None:
                port = slot << 3 | function if model == "pcie-root-port" else slot
                controller.target_port = port
        elif model in ("pci-expander-bus", "pcie-expander-bus") and controller.bus_nr is None:
            controller.bus_nr = _new_bus_number(domain, bus)


def _new_bus_number(domain: Domain, bus: int) -> int:
    taken = [c.bus_nr for c in domain.devices.controllers if c.bus_nr is not None]
    lowest = min(taken, default=256)
    if lowest <= 2:
        detail = (
            "No free busNr lower than current lowest busNr is available to auto-assign to bus"
            f" {bus}. Must be manually assigned"
        )
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.QEMU)
    return int(lowest) - 2
