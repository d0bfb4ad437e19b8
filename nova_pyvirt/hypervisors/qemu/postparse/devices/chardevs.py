# SPDX-License-Identifier: Apache-2.0
"""Character devices: ports, targets, and the console that is the first serial port."""

import re

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.devices.chardev import CharDevice, Console, Serial
from nova_pyvirt.model.devices.devices import mirrored
from nova_pyvirt.model.domain import Domain

_TARGET_BY_ADDRESS = {"usb": "usb-serial", "pci": "pci-serial", "isa": "isa-serial"}
_MODELS = {"isa-serial": "isa-serial", "usb-serial": "usb-serial", "pci-serial": "pci-serial",
           "isa-debug": "isa-debugcon"}  # fmt: skip
#: where libvirt itself puts sockets of channels; not kept in definitions
_OWN_PATH = r"/channel/target/[^/]+\.|domain-[^/]+/"
_ISA_PORTS = 4
_CONSOLE_SERIALS = (None, "none", "isa-serial", "spapr-vio-serial", "system-serial", "sclp-serial")


def prepare(domain: Domain) -> None:
    """What only a running domain has is dropped from a definition."""
    if domain.id is not None:
        return
    for device in all_chardevs(domain):
        device.tty = None
        for source in device.sources:
            if device.type == "pty":
                source.path = None
                if not source.seclabels:
                    device.sources = []


def all_chardevs(domain: Domain) -> list[CharDevice]:
    """Serial and parallel ports, consoles, channels."""
    devices = domain.devices
    return [*devices.serials, *devices.parallels, *devices.consoles, *devices.channels]


def complete(domain: Domain) -> None:
    """Targets, models and ports.

    :raises libvirtError: INTERNAL_ERROR for more serial ports than a PC has, or two in one place
    """
    devices = domain.devices
    _check_isa(devices.serials)
    for serial in devices.serials:
        _complete_serial(serial)
    for console in devices.consoles:
        if console.target_type in (None, "none"):
            console.target_type = "serial"
    for group in (devices.serials, devices.parallels, devices.consoles):
        for item in group:
            if item.port is None:
                ports = [-1 if i.port is None else i.port for i in group]
                item.port = max(ports) + 1
    for channel in devices.channels:
        if domain.id is None and channel.type == "unix":
            path = channel.source_path
            if path and channel.target_type == "virtio" and _own_path(path, channel.target_name):
                channel.source_path = None
            if channel.source_path is None:
                channel.source_mode = "bind"


def _check_isa(serials: list[Serial]) -> None:
    """Of those that say they are on ISA."""
    ports = [serial.port for serial in serials if serial.target_type == "isa-serial"]
    if len(ports) > _ISA_PORTS or any((port or 0) >= _ISA_PORTS for port in ports):
        detail = f"Maximum supported number of ISA serial ports is '{_ISA_PORTS}'"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
    for place, port in enumerate(ports):
        if port is not None and port in ports[:place]:
            detail = f"target port '{port}' already allocated"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)


def _own_path(path: str, name: str | None) -> bool:
    return re.search(_OWN_PATH + re.escape(name or "") + r"\Z", path) is not None


def _complete_serial(serial: Serial) -> None:
    if serial.target_type in (None, "none", "isa-serial"):
        kind = serial.address.type if serial.address is not None else None
        named = serial.target_type
        serial.target_type = (
            "isa-serial" if named else _TARGET_BY_ADDRESS.get(kind or "", "isa-serial")
        )
    serial.target_model = serial.target_model or _MODELS.get(serial.target_type or "")


def add_console(domain: Domain) -> None:
    """The first console stands for the first serial port, whichever is there (an old custom)."""
    devices = domain.devices
    consoles, serials = devices.consoles, devices.serials
    if any(c.target_type == "serial" for c in consoles[1:]):
        detail = "Only the first console can be a serial port"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
    if consoles and consoles[0].target_type == "serial":
        if not serials:
            serial = Serial(port=0)
            for name in ("type", "sources", "protocol", "log_file", "log_append", "address",
                         "alias"):  # fmt: skip
                serial.__dict__[name] = consoles[0].__dict__.get(name)
            _complete_serial(serial)
            serials.append(serial)
    elif serials and serials[0].target_type in _CONSOLE_SERIALS:
        consoles.insert(0, Console(target_type="serial"))
    else:
        return
    consoles[0] = mirrored(serials[0])
