# SPDX-License-Identifier: Apache-2.0
"""Ports of USB buses, and the hubs that are missing."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.common import Address, Device
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.devices.input import Hub
from nova_pyvirt.model.domain import Domain

_HUB_PORTS = 8
_MAX_DEPTH = 4
_PORTS = {"piix3-uhci": 2, "piix4-uhci": 2, "vt82c686b-uhci": 2, "ehci": 6, "ich9-ehci1": 6,
          "pci-ohci": 3}  # fmt: skip
_XHCI_PORTS = 4


@dataclass
class _Hub:
    ports: int
    used: set[int] = field(default_factory=set)
    hubs: "dict[int, _Hub]" = field(default_factory=dict)


def devices_on_usb(domain: Domain, *, hubs: bool) -> Iterator[Device]:
    """Devices on USB in the order they get their ports."""
    devices = domain.devices
    if hubs:
        yield from devices.hubs
    yield from (h for h in devices.hostdevs if h.mode == "subsystem" and h.type == "usb")
    yield from (d for d in devices.disks if d.bus == "usb")
    yield from (c for c in devices.controllers if c.type == "ccid")
    yield from (i for i in devices.inputs if i.bus == "usb")
    yield from (s for s in devices.serials if s.target_type == "usb-serial")
    yield from (s for s in devices.sounds if s.model == "usb")
    yield from devices.redirdevs


def assign_usb(domain: Domain) -> None:
    """:raises libvirtError: XML_ERROR, INTERNAL_ERROR, CONFIG_UNSUPPORTED"""
    _add_hubs(domain)
    buses: dict[int, _Hub] = {}
    for controller in domain.devices.controllers:
        ports = _ports(controller) if controller.type == "usb" else 0
        if not ports:
            continue
        if controller.index in buses:
            raise _bad(f"Duplicate USB controllers with index {controller.index}")
        buses[controller.index] = _Hub(ports)
    waiting = []
    for hub in domain.devices.hubs:
        if _has_port(hub):
            _put_hub(buses, hub)
        else:
            waiting.append(hub)
    for device in devices_on_usb(domain, hubs=False):
        if _has_port(device):
            _reserve(buses, device.address)
    for hub in waiting:
        _place(buses, hub)
        _put_hub(buses, hub)
    for device in devices_on_usb(domain, hubs=False):
        kind = device.address.type if device.address is not None else "none"
        if kind in ("none", "usb") and not _has_port(device):
            _place(buses, device)


def _ports(controller: Controller) -> int:
    if controller.model in ("nec-xhci", "qemu-xhci"):
        return int(controller.ports or _XHCI_PORTS)
    return _PORTS.get(controller.model or "piix3-uhci", 0)


def _bad(detail: str) -> errors.libvirtError:
    return errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)


def _has_port(device: Device) -> bool:
    where = device.address
    return where is not None and where.type == "usb" and bool(where.port)


def _add_hubs(domain: Domain) -> None:
    devices = domain.devices
    usb = [c for c in devices.controllers if c.type == "usb"]
    available = sum(_ports(c) for c in usb) + _HUB_PORTS * len(devices.hubs)
    count = sum(1 for _ in devices_on_usb(domain, hubs=True))
    if count and (not usb or all(c.model == "none" for c in usb)):
        detail = "USB is disabled for this domain, but USB devices are present in the domain XML"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    if count > available:
        for _ in range(-(-(count - available + 1) // (_HUB_PORTS - 1))):
            devices.hubs.append(Hub(type="usb"))


def _find(buses: dict[int, _Hub], where: Address) -> tuple[_Hub, int]:
    hub = buses.get(where.bus or 0)
    if hub is None:
        raise _bad(f"Missing USB bus {where.bus or 0}")
    try:
        path = [int(part) for part in str(where.port).split(".")]
    except ValueError:
        raise _bad(f"Cannot parse <address> 'port' attribute {where.port}") from None
    for port in path[:-1]:
        below = hub.hubs.get(port)
        if port > hub.ports:
            raise _bad(
                f"port {port} out of range in USB address bus: {where.bus} port: {where.port}"
            )
        if below is None:
            raise _bad(
                f"there is no hub at port {port} in USB address bus: {where.bus} port: {where.port}"
            )
        hub = below
    if not 0 < path[-1] <= hub.ports:
        raise _bad(f"requested USB port {where.port} not present on USB bus {where.bus}")
    return hub, path[-1]


def _reserve(buses: dict[int, _Hub], where: Address) -> None:
    hub, port = _find(buses, where)
    if port in hub.used:
        raise _bad(f"Duplicate USB address bus {where.bus} port {where.port}")
    hub.used.add(port)


def _put_hub(buses: dict[int, _Hub], device: Hub) -> None:
    hub, port = _find(buses, device.address)
    if port in hub.hubs:
        where = device.address
        raise _bad(f"Duplicate USB hub on bus {where.bus} port {where.port}")
    hub.used.add(port)
    hub.hubs[port] = _Hub(_HUB_PORTS)


def _place(buses: dict[int, _Hub], device: Device) -> None:
    where = device.address
    wanted = sorted(buses)
    if where is not None and where.type == "usb":
        if where.bus not in buses:
            raise _bad(
                f"USB bus {where.bus} requested but no controller with that index is present"
            )
        wanted = [where.bus]
    for number in wanted:
        path = _free(buses[number], 1)
        if path is not None:
            port = ".".join(str(part) for part in path)
            device.address = Address(type="usb", bus=number, port=port)
            _reserve(buses, device.address)
            return
    raise errors.error(Code.INTERNAL_ERROR, "No free USB ports", domain=From.DOMAIN)


def _free(hub: _Hub, level: int) -> list[int] | None:
    for port in range(1, hub.ports + 1):
        if port not in hub.used:
            return [port]
    if level >= _MAX_DEPTH:
        return None
    for port in sorted(hub.hubs):
        below = _free(hub.hubs[port], level + 1)
        if below is not None:
            return [port, *below]
    return None
