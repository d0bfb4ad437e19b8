# SPDX-License-Identifier: Apache-2.0
"""What kind of PCI slot each device needs (qemuDomainDeviceCalculatePCIConnectFlags)."""

from typing import Any

from nova_pyvirt.hypervisors.qemu.address.pci import AUTO, CONNECT, INTEGRATED, PCI, PCIE
from nova_pyvirt.model.devices.common import Device

_PCI_SOUNDS = ("es1370", "ac97", "ich6", "ich9")
_PCI_VIDEOS = ("vga", "cirrus", "vmvga", "xen", "vbox", "qxl", "parallels")


def present(device: Device) -> bool:
    """Has it a place on PCI?"""
    where = device.address
    return where is not None and where.type == "pci" and any(where.key()[:3])


def wanted(device: Device) -> bool:
    """Does it want one chosen?"""
    where = device.address
    return (
        where is None or where.type == "none" or (where.type == "pci" and not any(where.key()[:3]))
    )


def flags(device: Device, *, express: bool) -> int:
    """0 for a device that isn't on PCI.

    :param express: has the machine a pcie-root?
    """
    find = _FINDERS.get(device.TAG)
    kind = find(device) if find is not None else None
    if isinstance(kind, int):
        return kind
    return {
        None: 0,
        "pci": PCI | AUTO,
        "pcie": (PCIE if express else PCI) | AUTO,
        "integrated": (PCIE if express else PCI) | AUTO | INTEGRATED,
    }[kind]


def _by_model(device: Any) -> str:
    return "pci" if device.model == "virtio-transitional" else "pcie"


def _controller(device: Any) -> int | str | None:
    kind, model = device.type, device.model
    if kind == "pci":
        return CONNECT.get(model, 0)
    if kind in ("sata", "ide"):
        return "pci"
    if kind == "usb":
        if model == "none":
            return None
        return "pcie" if model in ("nec-xhci", "qemu-xhci") else "pci"
    if kind == "scsi":
        if model in (None, "ncr53c90"):
            return None
        return "pcie" if model in ("virtio-scsi", "virtio-non-transitional") else "pci"
    if kind == "virtio-serial":
        return _by_model(device)
    return None


def _interface(device: Any) -> str | None:
    if device.type == "hostdev":
        return "pcie"
    if device.model == "usb-net":
        return None
    model = device.model or ""
    if model == "virtio-transitional":
        return "pci"
    if model in _CONVENTIONAL_NICS:
        return "pci"
    return "pcie"


#: models that libvirt knows; it takes unknown ones for PCI Express
_CONVENTIONAL_NICS = frozenset(
    ("netfront rtl8139 e1000 82540em 82545em 82543gc spapr-vlan lan9118 smc91c111 vlance vmxnet"
     " vmxnet2 vmxnet3 am79c970a am79c973").split()
)  # fmt: skip


def _hostdev(device: Any) -> str | None:
    if device.mode != "subsystem":
        return None
    if device.type in ("pci", "mdev"):
        return "pcie"
    return _by_model(device) if device.type == "scsi_host" else None


def _sound(device: Any) -> str | None:
    return "pci" if device.model in _PCI_SOUNDS else None


def _disk(device: Any) -> str | None:
    return _by_model(device) if device.bus == "virtio" else None


def _video(device: Any) -> str | None:
    if device.model in _PCI_VIDEOS:
        return "pci"
    return "pcie" if device.model in ("virtio", "bochs") else None


def _input(device: Any) -> str | None:
    return _by_model(device) if device.bus == "virtio" else None


def _balloon(device: Any) -> str | None:
    return None if device.model in ("none", "xen") else _by_model(device)


def _serial(device: Any) -> str | None:
    return "pci" if device.target_type == "pci-serial" else None


def _memory(device: Any) -> str | None:
    return "pcie" if device.model in ("virtio-mem", "virtio-pmem") else None


def _iommu(device: Any) -> str | None:
    return "integrated" if device.model == "virtio" else None


def _watchdog(device: Any) -> str | None:
    return "pci" if device.model == "i6300esb" else None


_FINDERS = {
    "controller": _controller,
    "filesystem": _by_model,
    "interface": _interface,
    "hostdev": _hostdev,
    "sound": _sound,
    "disk": _disk,
    "video": _video,
    "input": _input,
    "memballoon": _balloon,
    "rng": _by_model,
    "watchdog": _watchdog,
    "shmem": lambda device: "pci",
    "serial": _serial,
    "iommu": _iommu,
    "vsock": _by_model,
    "memory": _memory,
    "crypto": _by_model,
}
