# SPDX-License-Identifier: Apache-2.0
"""Controllers (qemuBuildControllersCommandLine)."""

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices.guest import (
    Args,
    Guest,
    Props,
    device,
    positive,
)
from nova_pyvirt.hypervisors.qemu.postparse import is_i440fx, is_q35
from nova_pyvirt.hypervisors.qemu.postparse.devices.controllers import USB2
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.kinds import to_kib

_ORDER = ("pci", "usb", "scsi", "ide", "sata", "virtio-serial")
_USB = {
    "piix3-uhci": "piix3-usb-uhci", "piix4-uhci": "piix4-usb-uhci", "ehci": "usb-ehci",
    "ich9-ehci1": "ich9-usb-ehci1", "ich9-uhci1": "ich9-usb-uhci1", "ich9-uhci2": "ich9-usb-uhci2",
    "ich9-uhci3": "ich9-usb-uhci3", "vt82c686b-uhci": "vt82c686b-usb-uhci",
    "pci-ohci": "pci-ohci", "nec-xhci": "nec-usb-xhci", "qemu-xhci": "qemu-xhci",
}  # fmt: skip
_SCSI = {"lsilogic": "lsi", "ibmvscsi": "spapr-vscsi", "lsisas1068": "mptsas1068",
         "lsisas1078": "megasas", "vmpvscsi": "pvscsi", "am53c974": "am53c974",
         "dc390": "dc-390"}  # fmt: skip
_VIRTIO_SCSI = ("virtio-scsi", "virtio-transitional", "virtio-non-transitional")


def globals_(guest: Guest) -> Args:
    """-global of root buses.

    :raises libvirtError: INTERNAL_ERROR for a hole below another bus
    """
    args: Args = []
    for item in guest.devices.controllers:
        if item.type != "pci" or not item.pcihole64:
            continue
        host = {"pci-root": "i440FX-pcihost", "pcie-root": "q35-pcihost"}.get(item.model)
        if host is None:
            detail = "64-bit PCI hole setting is only for root PCI controllers"
            raise errors.error(Code.INTERNAL_ERROR, detail)
        size = to_kib(item.pcihole64, item.pcihole64_unit)
        args += ["-global", f"{host}.pci-hole64-size={size}K"]
    return args


def controllers(guest: Guest) -> Args:
    """-device of the controllers that the machine doesn't bring.

    :raises libvirtError: CONFIG_UNSUPPORTED for two USB controllers without a model
    """
    args: Args = []
    for kind in _ORDER:
        for item in guest.devices.controllers:
            if item.type != kind:
                continue
            if kind == "pci" and item.model == "pci-root" and item.hotplug is not None:
                word = "on" if item.hotplug else "off"
                args += ["-global", f"PIIX4_PM.acpi-root-pci-hotplug={word}"]
            if not _built_in(guest, item):
                args += device(props(guest, item))
    return args + _legacy_usb(guest)


def _legacy_usb(guest: Guest) -> Args:
    """-usb, where nothing said which controller, or that there shall be none."""
    models = [c.model for c in guest.devices.controllers if c.type == "usb"]
    if is_q35(guest.domain) or any(models):
        return []
    if len(models) > 1:
        detail = "Multiple legacy USB controllers are not supported"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    return ["-usb"]


def ccid(guest: Guest) -> Args:
    """CCID controllers sit on USB, behind hubs."""
    args: Args = []
    for item in guest.devices.controllers:
        if item.type == "ccid":
            args += device({"driver": "usb-ccid", "id": item.alias, **guest.place(item)})
    return args


def _built_in(guest: Guest, item: Controller) -> bool:
    if item.type == "pci":
        return item.model in ("pci-root", "pcie-root")
    if item.type == "usb":
        return item.model == "none" or (item.model is None and not is_q35(guest.domain))
    if item.index != 0:
        return False
    if item.type == "sata":
        return is_q35(guest.domain)
    return item.type == "ide" and is_i440fx(guest.domain)


def props(guest: Guest, item: Controller) -> Props:
    """The properties of one controller.

    :raises libvirtError: CONFIG_UNSUPPORTED for what QEMU has no device for
    """
    make = {"scsi": _scsi, "virtio-serial": _virtio_serial, "usb": _usb, "pci": _pci}.get(item.type)
    if make is not None:
        found = make(guest, item)
    elif item.type == "sata":
        found = {"driver": "ahci", "id": item.alias}
    else:
        detail = f"Unsupported controller type: {item.type}"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    return found | guest.place(item)


def _scsi(guest: Guest, item: Controller) -> Props:
    if item.model in _VIRTIO_SCSI:
        return guest.virtio(item, "virtio-scsi", item.model) | {
            "iothread": f"iothread{item.iothread}" if item.iothread else None,
            "id": item.alias,
            "num_queues": positive(item.queues),
            "cmd_per_lun": positive(item.cmd_per_lun),
            "max_sectors": positive(item.max_sectors),
            "ioeventfd": item.ioeventfd,
        }
    driver = _SCSI.get(item.model)
    if driver is None:
        detail = f"Unsupported controller model: {item.model}"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    return {"driver": driver, "id": item.alias}


def _virtio_serial(guest: Guest, item: Controller) -> Props:
    return guest.virtio(item, "virtio-serial", item.model) | {
        "id": item.alias,
        "max_ports": item.ports,
        "vectors": item.vectors,
    }


def _check_usb(guest: Guest, item: Controller) -> None:
    """:raises libvirtError: CONFIG_UNSUPPORTED"""
    if item.model is None:
        raise errors.error(Code.CONFIG_UNSUPPORTED, "no model provided for USB controller")
    flag = "ich9-usb-ehci1" if item.model in USB2 else _USB.get(item.model)
    if flag is None or not guest.caps.has(flag):
        detail = f"USB controller model '{item.model}' not supported in this QEMU binary"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
    if item.ports is not None and item.model not in ("nec-xhci", "qemu-xhci"):
        detail = f"usb controller type '{item.model}' doesn't support 'ports' with this QEMU binary"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)


def _usb(guest: Guest, item: Controller) -> Props:
    _check_usb(guest, item)
    found: Props = {"driver": _USB.get(item.model), "p2": item.ports, "p3": item.ports}
    if item.master is None:
        return found | {"id": item.alias}
    masters = [
        c for c in guest.devices.controllers
        if c.type == "usb" and c.index == item.index and c.master is None
    ]  # fmt: skip
    if not masters:
        raise errors.error(Code.INTERNAL_ERROR, "masterbus not found")
    return found | {"masterbus": f"{masters[0].alias}.0", "firstport": item.master}


def _pci(guest: Guest, item: Controller) -> Props:
    found: Props = {"driver": item.pci_model_name}
    if item.model == "pci-bridge":
        return found | {"chassis_nr": item.chassis_nr, "id": item.alias}
    if item.model in ("pci-expander-bus", "pcie-expander-bus"):
        return found | {"bus_nr": item.bus_nr, "id": item.alias, "numa_node": item.node}
    if item.model in ("pcie-root-port", "pcie-switch-downstream-port"):
        return found | {
            "port": item.target_port,
            "chassis": item.chassis,
            "id": item.alias,
            "hotplug": item.hotplug,
        }
    return found | {"id": item.alias}
