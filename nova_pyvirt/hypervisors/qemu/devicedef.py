# SPDX-License-Identifier: Apache-2.0
"""One device's XML made complete as a part of a domain: for attaching, detaching and updating."""

from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu import address, alias, validate
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.postparse import devices as defaults
from nova_pyvirt.model import document
from nova_pyvirt.model.devices.chardev import CharDevice
from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.devices.devices import Devices
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.xmlbind import Element

#: aliases that are numbered by the place in the list when a domain starts
_PREFIXES = {
    "sounds": "sound", "redirdevs": "redir", "inputs": "input", "parallels": "parallel",
    "serials": "serial", "channels": "channel", "consoles": "console", "shmems": "shmem",
    "smartcards": "smartcard",
}  # fmt: skip


def load_device(xml: str | bytes) -> tuple[str, Any]:
    """A device alone: the list of Devices it belongs to, and itself, nothing completed.

    :raises libvirtError: XML_DETAIL, XML_ERROR; CONFIG_UNSUPPORTED for an unknown element
    """
    return device_of(document.load(xml, None, name="(device_definition)"))


def device_of(node: Any) -> tuple[str, Any]:
    """The same for an element.

    :raises libvirtError: XML_ERROR, CONFIG_UNSUPPORTED
    """
    for name, item in Devices._fields.items():
        if item.element is not None and item.path == node.tag and name != "redirfilter":
            return name, item.element.parse(node)
    detail = f"unknown device type '{node.tag}'"
    raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)


def match_device(xml: str | bytes, domain: Domain, caps: QemuCaps) -> tuple[str, Any]:
    """A device with the defaults it has in a domain, to find one like it; nothing is checked.

    :returns: the list it belongs to, the device; a MAC or an address that wasn't given is None
    :raises libvirtError: as load_device(); what is impossible by itself
    """
    name, device = load_device(xml)
    whole = domain.copy()
    whole.devices.__dict__[name] = [device] if Devices._fields[name].many else device
    keys = ("address", "port") if isinstance(device, CharDevice) else ("address", "mac")
    asked = {key: getattr(device, key, None) for key in keys}
    _forget_alias(device, live=domain.id is not None)
    defaults.complete(whole, caps)
    for key, value in asked.items():
        if value is None and key in device.__dict__:
            device.__dict__[key] = None
    return name, device


def check_device(
    name: str, device: Any, domain: Domain, caps: QemuCaps, *, alone: bool = False
) -> None:
    """Would it be a device of the domain, if there were room for it?

    :param alone: it takes the place of all of its kind
    :raises libvirtError: what defining a domain with the device would raise
    """
    whole = domain.copy()
    device = device.copy()
    held = whole.devices.__dict__.get(name)
    if not isinstance(held, list):
        whole.devices.__dict__[name] = device
    else:
        whole.devices.__dict__[name] = [device] if alone else [*held, device]
    complete(whole, caps)
    validate.check(whole, caps)


def parse_device(
    xml: str | bytes, domain: Domain, caps: QemuCaps, *, live: bool
) -> tuple[str, Any, Domain]:
    """A device with defaults, address and alias, as a part of a domain.

    :param live: the guest runs: no bridge, port or hub can be added for the device
    :returns: the list it belongs to, the device, and a copy of the domain that holds it
    :raises libvirtError: what defining a domain with the device would raise; OPERATION_INVALID
        when there can be only one and there is one
    """
    name, device = load_device(xml)
    return name, device, join(name, device, domain, caps, live=live)


def join(name: str, device: Any, domain: Domain, caps: QemuCaps, *, live: bool) -> Domain:
    """A copy of a domain with one device more, which gets defaults, an address and, in a running
    guest, an alias.

    :raises libvirtError: see parse_device()
    """
    _forget_alias(device, live=False)
    whole = domain.copy()
    _put(whole.devices, name, device)
    placed = device.address if live and isinstance(device, Device) else None
    if live and isinstance(device, Device) and name in _PREFIXES and not device.alias:
        if name == "consoles":
            device.alias = alias.next_console(domain)
        else:
            device.alias = alias.next_alias(domain, _PREFIXES[name])
    if placed is not None:
        address.check_pluggable(domain, device, given=True)
    complete(whole, caps, buses=_buses(domain) if live else None)
    if live and isinstance(device, Device):
        address.check_pluggable(whole, device, given=placed is not None)
    validate.check(whole, caps)
    if live:
        alias.assign(whole)
    return whole


def complete(whole: Domain, caps: QemuCaps, *, buses: list[tuple[str, int]] | None = None) -> None:
    """Defaults and addresses of what a changed definition has.

    :param buses: of a running guest: those it has; others can't be added
    :raises libvirtError: INTERNAL_ERROR when a bus is full, XML_ERROR for a place that is taken
    """
    defaults.complete(whole, caps)
    address.assign(whole, caps)
    if buses is not None and _buses(whole) != buses:
        detail = "No more available PCI slots"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)


def _forget_alias(device: Element, *, live: bool) -> None:
    """Names that QEMU's devices have by themselves are given, not taken."""
    if isinstance(device, Device) and not live:
        if device.alias is not None and not device.alias.startswith("ua-"):
            device.alias = None


def _put(devices: Devices, name: str, device: Any) -> None:
    held = devices.__dict__.get(name)
    if isinstance(held, list):
        held.append(device)
    elif held is None:
        devices.__dict__[name] = device
    else:
        raise errors.error(Code.OPERATION_INVALID, f"domain already has a {device.TAG} device")


def _buses(domain: Domain) -> list[tuple[str, int]]:
    """What a running guest can't get more of: PCI buses and USB hubs."""
    devices = domain.devices
    pci = [("pci", c.index) for c in devices.controllers if c.type == "pci"]
    return sorted([*pci, *(("hub", n) for n, _ in enumerate(devices.hubs))])
