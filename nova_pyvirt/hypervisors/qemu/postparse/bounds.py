# SPDX-License-Identifier: Apache-2.0
"""Numbers that make others be made: a definition that asks for billions is refused at once.

libvirt counts up to them (minutes, gigabytes); no QEMU machine has room for as many.
"""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.domain import Domain

#: threads, as many as a processor mask has bits
_THREADS: Final = 16384
#: an index of a controller, and of the controllers up to one that an address names
CONTROLLERS: Final = 1023
#: ports of a controller or hub
_PORTS: Final = 1024
#: types of addresses whose ``controller`` is an index
_INDEXED: Final = ("drive", "virtio-serial", "ccid")


def check(domain: Domain) -> None:
    """:raises libvirtError: XML_ERROR"""
    _bound("iothreads count", domain.iothreads, _THREADS)
    for controller in domain.devices.controllers:
        _bound(f"{controller.type} controller index", controller.index, CONTROLLERS)
        _bound(f"number of {controller.type} ports", controller.ports, _PORTS)
    for device in domain.devices.each():
        where = device.address
        if where is None:
            continue
        if where.type in _INDEXED:
            _bound(f"{where.type} address controller", where.controller, CONTROLLERS)
        elif where.type == "usb":
            _bound("usb address bus", where.bus, CONTROLLERS)


def _bound(what: str, number: int | None, top: int) -> None:
    if number is not None and number > top:
        detail = f"{what} {number} is too large, the maximum is {top}"
        raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
