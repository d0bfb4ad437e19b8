# SPDX-License-Identifier: Apache-2.0
"""One device's XML made complete as a part of a domain: for attaching and updating devices."""

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu import address, alias, validate
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.postparse import devices as defaults
from nova_pyvirt.model import document
from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.devices.devices import Devices
from nova_pyvirt.model.domain import Domain


def load_device(xml: str | bytes) -> tuple[str, Device]:
    """A device alone: the list of Devices it belongs to, and itself, nothing completed.

    :raises libvirtError: XML_DETAIL, XML_ERROR; INTERNAL_ERROR for an unknown element
    """
    node = document.load(xml, None)
    holder = etree.Element("devices")
    holder.append(node)
    found = Devices.parse(holder)
    for name, value in found.__dict__.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Device):
                return name, item
    detail = f"unknown device type '{node.tag}'"
    raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)


def parse_device(
    xml: str | bytes, domain: Domain, caps: QemuCaps, *, live: bool
) -> tuple[str, Device, Domain]:
    """A device with defaults, address and alias, as a part of a domain.

    :param live: the guest runs: no bridge, port or hub can be added for the device
    :returns: the list it belongs to, the device, and a copy of the domain that holds it
    :raises libvirtError: what defining a domain with the device would raise; CONFIG_UNSUPPORTED
        when there can be only one and there is one
    """
    name, device = load_device(xml)
    if device.alias is not None and not device.alias.startswith("ua-"):
        device.alias = None
    whole = domain.copy()
    _put(whole.devices, name, device)
    before = _buses(whole)
    defaults.complete(whole, caps)
    address.assign(whole, caps)
    if live and _buses(whole) != before:
        detail = "No more available PCI slots"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.NONE)
    validate.check(whole, caps)
    if live:
        alias.assign(whole)
    return name, device, whole


def _put(devices: Devices, name: str, device: Device) -> None:
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
