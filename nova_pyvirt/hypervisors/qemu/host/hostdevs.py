# SPDX-License-Identifier: Apache-2.0
"""Devices of the host that a guest wants: are they there (virhostdev.c, virusb.c, virscsi.c).

A USB device that is named by vendor and product gets its place in the live definition.
"""

import errno
from collections.abc import Iterable, Iterator
from typing import Final

from nova_pyvirt.errors import Code, From, error, system_error
from nova_pyvirt.model.devices.common import HostAddress
from nova_pyvirt.model.devices.hostdev import Hostdev
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os

_OPTIONAL: Final = ("optional", "requisite")


def check(definition: Domain, root: str = "/") -> None:
    """:param root: a directory with another sys and dev, for tests
    :raises libvirtError: a device is missing, or the host can't hand it over
    """
    kept = present(definition.devices.hostdevs, root)
    if len(kept) != len(definition.devices.hostdevs):
        definition.devices.hostdevs = kept


def present(devices: Iterable[Hostdev], root: str = "/") -> list[Hostdev]:
    """Those that are there; others must be, or may be missing.

    :raises libvirtError: see check()
    """
    kept: list[Hostdev] = []
    for device in devices:
        if device.type == "pci":
            _pci(device, root)
        elif device.type == "usb" and not _usb(device, root):
            continue
        elif device.type == "scsi":
            _scsi(device, root)
        elif device.type == "mdev":
            _mediated(device, root)
        kept.append(device)
    return kept


def _pci(device: Hostdev, root: str) -> None:
    if not _vfio(root):
        detail = "host doesn't support passthrough of host PCI devices"
        raise error(Code.CONFIG_UNSUPPORTED, detail)
    where = _address(device)
    name = (
        f"{_number(where.domain):04x}:{_number(where.bus):02x}:{_number(where.slot):02x}"
        f".{_number(where.function):x}"
    )
    path = f"/sys/bus/pci/devices/{name}/config"
    if not os.path.exists(root + path[1:]):
        detail = f"Device {name} not found: could not access {path}"
        raise system_error(errno.ENOENT, detail, domain=From.NONE)


def _vfio(root: str) -> bool:
    """Can the host hand devices over?"""
    groups = _entries(f"{root}sys/kernel/iommu_groups")
    return os.path.exists(f"{root}dev/vfio/vfio") and bool(groups)


def _usb(device: Hostdev, root: str) -> bool:
    """False when the device is missing and may be."""
    source = device.source
    vendor, product, where = source.vendor, source.product, source.address
    names = []
    if vendor is not None and product is not None:
        names.append(f"{_number(vendor):04x}:{_number(product):04x}")
    placed = where is not None and where.device is not None
    if where is not None and placed:
        names.append(f"bus:{_number(where.bus)} device:{_number(where.device)}")
    found = [
        (bus, number)
        for bus, number, is_vendor, is_product in _usb_devices(root)
        if (vendor is None or (is_vendor, is_product) == (_number(vendor), _number(product)))
        and (
            where is None or not placed
            or (bus, number) == (_number(where.bus), _number(where.device))
        )
    ]  # fmt: skip
    if not found:
        if source.startup_policy in _OPTIONAL:
            return False
        raise error(
            Code.INTERNAL_ERROR, f"Did not find USB device {' '.join(names)}", domain=From.NONE
        )
    if len(found) > 1:
        detail = (
            f"Multiple USB devices for {_number(vendor):x}:{_number(product):x},"
            " use <address> to specify one"
        )
        raise error(Code.OPERATION_FAILED, detail)
    if not placed:
        source.address = HostAddress(bus=found[0][0], device=found[0][1])
        source.auto_address = True
    return True


def _usb_devices(root: str) -> Iterator[tuple[int, int, int, int]]:
    """Bus, number, vendor and product of each."""
    base = "/sys/bus/usb/devices"
    try:
        entries = os.listdir(root + base[1:])
    except OSError as exc:
        detail = f"cannot open directory '{base}'"
        raise system_error(exc.errno or 0, detail, domain=From.NONE) from exc
    for entry in entries:
        try:
            values = [
                _read(f"{root}{base[1:]}/{entry}/{name}")
                for name in ("busnum", "devnum", "idVendor", "idProduct")
            ]
        except OSError:
            continue  # an interface or a port
        bus, number, vendor, product = values
        yield int(bus), int(number), int(vendor, 16), int(product, 16)


def _scsi(device: Hostdev, root: str) -> None:
    where, adapter = device.source.address, device.source.adapter
    if where is None or not adapter or not adapter.startswith("scsi_host"):
        return
    host = adapter.removeprefix("scsi_host")
    unit = f"{host}:{_number(where.bus)}:{where.target or 0}:{where.unit or 0}"
    path = f"/sys/bus/scsi/devices/{unit}/scsi_generic"
    if not _entries(root + path[1:]):
        detail = f"cannot open directory '{path}'"
        raise system_error(errno.ENOENT, detail, domain=From.NONE)


def _mediated(device: Hostdev, root: str) -> None:
    if not _vfio(root):
        detail = "Mediated host device assignment requires VFIO support"
        raise error(Code.CONFIG_UNSUPPORTED, detail)
    uuid = _address(device).uuid
    if not os.path.exists(f"{root}sys/bus/mdev/devices/{uuid}"):
        detail = f"mediated device '{uuid}' not found"
        raise error(Code.DEVICE_MISSING, detail, domain=From.NONE)


def _address(device: Hostdev) -> HostAddress:
    found: HostAddress = device.source.address or HostAddress()
    return found


def _number(value: int | str | None) -> int:
    return int(value, 0) if isinstance(value, str) else value or 0


def _entries(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _read(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read().strip()
