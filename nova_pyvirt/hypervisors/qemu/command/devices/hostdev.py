# SPDX-License-Identifier: Apache-2.0
"""Host devices, and network interfaces that are such (qemuBuildHostdevCommandLine)."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices import netstorage
from nova_pyvirt.hypervisors.qemu.command.devices.guest import (
    Args,
    Guest,
    Props,
    device,
    on_off,
    option,
)
from nova_pyvirt.hypervisors.qemu.command.devices.secrets import secret, secret_alias
from nova_pyvirt.model.devices.hostdev import Hostdev
from nova_pyvirt.model.devices.interface import Interface
from nova_pyvirt.model.devices.storage import DiskSource

_MDEV = {"vfio-pci": "vfio-pci", "vfio-ccw": "vfio-ccw", "vfio-ap": "vfio-ap"}


def hostdevs(guest: Guest) -> Args:
    """-device of every host device, those of interfaces first."""
    args: Args = []
    for nic in guest.devices.interfaces:
        if nic.type == "hostdev":
            args += device(interface_props(guest, nic))
    for item in guest.devices.hostdevs:
        if item.mode == "subsystem":
            args += hostdev(guest, item)
    return args


def hostdev(guest: Guest, item: Hostdev) -> Args:
    """One host device; nothing for one that the guest isn't to see."""
    if item.address is not None and item.address.type == "unassigned":
        return []
    make = {"usb": _usb, "pci": _pci, "mdev": _mdev, "scsi_host": _vhost_scsi}.get(item.type)
    if make is not None:
        return device(make(guest, item) | guest.place(item) | _rom(guest, item))
    return _scsi(guest, item)


def _rom(guest: Guest, item: Hostdev) -> Props:
    return guest.rom(item) if item.type == "pci" else {}


def _check_driver(name: str | None) -> None:
    """Which of the host's drivers it is has been settled when a guest starts."""
    if name != "vfio":
        detail = f"invalid PCI passthrough type '{name or 'default'}'"
        raise errors.error(Code.INTERNAL_ERROR, detail)


def interface_props(guest: Guest, nic: Interface) -> Props:
    """An interface that is a PCI function of the host."""
    _check_driver(nic.driver_name)
    address = nic.source_address
    pair = nic.teaming_persistent if nic.teaming_type == "transient" else None
    return {
        "driver": "vfio-pci",
        "host": address.text() if address is not None else None,
        "id": nic.alias,
        "bootindex": guest.bootindex(nic),
        "failover_pair_id": pair,
        **guest.place(nic),
        **guest.rom(nic),
    }


def _pci(guest: Guest, item: Hostdev) -> Props:
    _check_driver(item.driver_name)
    pair = item.teaming_persistent if item.teaming_type == "transient" else None
    return {
        "driver": "vfio-pci",
        "host": item.source.address.text(),
        "id": item.alias,
        "bootindex": guest.bootindex(item),
        "failover_pair_id": pair,
    }


def _usb(guest: Guest, item: Hostdev) -> Props:
    source = item.source
    where = source.address
    path = guest.ctx.host_paths.get(item.alias)
    if path is None and where is not None and not source.missing:
        path = f"/dev/bus/usb/{where.bus or 0:03d}/{where.device or 0:03d}"
    if path is None and not source.missing:
        detail = "USB host device is missing bus/device information"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    reset = {"off": (False, None), "uninitialized": (True, False), "on": (True, True)}
    one, every = reset.get(source.guest_reset, (None, None))
    return {
        "driver": "usb-host",
        "hostdevice": path,
        "id": item.alias,
        "bootindex": item.boot_order,
        "guest-reset": one,
        "guest-resets-all": every,
    }


def _mdev(guest: Guest, item: Hostdev) -> Props:
    driver = "vfio-pci-nohotplug" if item.ramfb else _MDEV.get(item.model)
    return {
        "driver": driver,
        "id": item.alias,
        "sysfsdev": f"/sys/bus/mdev/devices/{item.source.address.uuid}",
        "display": on_off(item.display),
        "ramfb": True if item.ramfb else None,
        "bootindex": item.boot_order,
    }


def _vhost_scsi(guest: Guest, item: Hostdev) -> Props:
    fds = guest.fds(item.alias)
    return guest.virtio(item, "vhost-scsi", item.model) | {
        "wwpn": item.source.wwpn,
        "vhostfd": str(fds[0] if fds else -1),
        "id": item.alias,
    }


def _scsi(guest: Guest, item: Hostdev) -> Args:
    node = f"libvirt-{item.alias}-backend"
    source = item.source
    args: Args = []
    if source.protocol == "iscsi":
        data = DiskSource(
            protocol="iscsi", name=source.name, hosts=source.hosts, initiator=source.initiator
        )
        if source.auth is not None:
            args += secret(guest, secret_alias(node, "auth"), source.auth.secret)
        storage = netstorage.props(data, source.auth, node)
    else:
        path = guest.ctx.host_paths.get(item.alias)
        if path is None:
            address, adapter = source.address, source.adapter or ""
            detail = (
                f"SCSI device '{adapter.removeprefix('scsi_host')}:{address.bus or 0}:"
                f"{address.target or 0}:{address.unit or 0}': could not access"
            )
            raise errors.error(Code.INTERNAL_ERROR, detail)
        storage = {"driver": "host_device", "filename": path}
    storage |= {"node-name": node, "read-only": bool(item.readonly)}
    args += option("-blockdev", storage)
    return args + device({
        "driver": "scsi-generic", "drive": node, "id": item.alias, "bootindex": item.boot_order,
        **guest.place(item, "scsi"),
    })  # fmt: skip
