# SPDX-License-Identifier: Apache-2.0
"""Controllers (virDomainControllerDefValidate, qemuValidateDomainDeviceDefController)."""

from nova_pyvirt import errors
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.postparse import is_i440fx, is_q35
from nova_pyvirt.hypervisors.qemu.validate.common import unsupported, unsupported_domain
from nova_pyvirt.hypervisors.qemu.validate.devices.disks import known_iothreads
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.domain import Domain

_VIRTIO_SCSI = ("virtio-scsi", "virtio-transitional", "virtio-non-transitional")
_SCSI_NAMES = {
    "lsilogic": ("lsi", "the LSI 53C895A SCSI controller"),
    "virtio-scsi": ("virtio-scsi-pci", "virtio scsi controller"),
    "lsisas1068": ("mptsas1068", "the LSI SAS1068 (MPT Fusion) controller"),
    "lsisas1078": ("megasas", "the LSI SAS1078 (MegaRAID) controller"),
    "vmpvscsi": ("pvscsi", "the pvscsi (VMware paravirtual SCSI) controller"),
}
#: model name -> targets that a PCI controller may have
_TARGETS = {
    "pci-bridge": ("chassis_nr",),
    "pxb": ("bus_nr", "node"),
    "pxb-pcie": ("bus_nr", "node"),
    "pcie-root-port": ("chassis", "target_port", "hotplug"),
    "ioh3420": ("chassis", "target_port", "hotplug"),
    "xio3130-downstream": ("chassis", "target_port", "hotplug"),
}
#: QEMU's devices by libvirt's models
_MODEL_NAMES = {
    "pci-root": (None,),
    "pcie-root": (None,),
    "pci-bridge": ("pci-bridge",),
    "dmi-to-pci-bridge": ("i82801b11-bridge",),
    "pcie-root-port": ("ioh3420", "pcie-root-port"),
    "pcie-switch-upstream-port": ("x3130-upstream",),
    "pcie-switch-downstream-port": ("xio3130-downstream",),
    "pci-expander-bus": ("pxb",),
    "pcie-expander-bus": ("pxb-pcie",),
    "pcie-to-pci-bridge": ("pcie-pci-bridge",),
}
_OPTION_NAMES = {"chassis_nr": "chassisNr", "target_port": "port", "bus_nr": "busNr",
                 "node": "numaNode"}  # fmt: skip


def check(domain: Domain, caps: QemuCaps) -> None:
    """:raises libvirtError: XML_ERROR, CONFIG_UNSUPPORTED"""
    for item in domain.devices.controllers:
        if item.type == "pci":
            _pci(domain, item)
        elif item.type == "scsi":
            _scsi(domain, item, caps)
        elif item.type == "ide":
            _ide(domain, item)
        if item.type != "scsi" or item.model not in _VIRTIO_SCSI:
            _no_virtio_scsi(item)
    _usb(domain)


def _usb(domain: Domain) -> None:
    domain.devices.check_usb()
    usb = [c for c in domain.devices.controllers if c.type == "usb"]
    if domain.devices.redirdevs and any(c.model == "none" for c in usb):
        raise unsupported_domain(
            "cannot add redirected USB device: USB is disabled for this domain"
        )


def _ide(domain: Domain, item: Controller) -> None:
    if is_i440fx(domain):
        if item.index:
            raise unsupported("Only a single IDE controller is supported for this machine type")
        return
    raise unsupported("IDE controllers are unsupported for this QEMU binary or machine type")


def _scsi(domain: Domain, item: Controller, caps: QemuCaps) -> None:
    known = _SCSI_NAMES.get(item.model)
    if known is not None and not _has(caps, known[0]):
        raise unsupported(f"This QEMU doesn't support {known[1]}")
    if item.model in ("auto", "buslogic"):
        raise unsupported(f"Unsupported controller model: {item.model}")
    if item.model == "ncr53c90":
        raise unsupported("ncr53c90 SCSI controller is not a built-in for this machine")
    if item.iothread and item.iothread not in known_iothreads(domain):
        raise unsupported(f"controller iothread '{item.iothread}' not defined in iothreadid")


def _no_virtio_scsi(item: Controller) -> None:
    for name in ("queues", "cmd_per_lun", "max_sectors", "ioeventfd"):
        value = getattr(item, name)
        if value is not None and value != 0:
            raise unsupported(f"'{name}' is only supported by virtio-scsi controller")


def _has(caps: QemuCaps, flag: str) -> bool:
    names = {"lsi": ("lsi",), "virtio-scsi-pci": ("virtio-scsi-pci", "virtio-scsi")}
    return any(caps.has(name) for name in names.get(flag, (flag, f"scsi-{flag}")))


def _pci(domain: Domain, item: Controller) -> None:
    root = item.model in ("pci-root", "pcie-root")
    if root and item.address is not None:
        detail = "pci-root and pcie-root controllers should not have an address"
        raise unsupported_domain(detail)
    if item.index > 255:
        raise unsupported_domain(f"PCI controller index {item.index} too high, maximum is 255")
    for value, name, low, high in (
        (item.chassis_nr, "chassisNr", 1, 255), (item.chassis, "chassis", 0, 255),
        (item.target_port, "port", 0, 255), (item.bus_nr, "busNr", 1, 254),
    ):  # fmt: skip
        if value is not None and not low <= value <= high:
            raise unsupported_domain(
                f"PCI controller {name} '{value}' out of range - must be {low}-{high}"
            )
    if item.node is not None and not item.index:
        raise unsupported_domain(
            "The PCI controller with index=0 can't be associated with a NUMA node"
        )
    if not root and not item.index:
        raise unsupported(f"Index for '{item.model}' controllers must be > 0")
    if item.pci_model_name not in _MODEL_NAMES.get(item.model, ()):
        raise unsupported(
            "Option 'modelName' has invalid value for PCI controller with index"
            f" '{item.index}', model '{item.model}' and modelName '{item.pci_model_name or 'none'}'"
        )
    if item.pcihole64 and not (root and (is_q35(domain) or is_i440fx(domain))):
        raise _invalid(item, "pcihole64")
    allowed = _TARGETS.get(item.pci_model_name, ())
    for name in ("chassis_nr", "chassis", "target_port", "bus_nr", "node"):
        if getattr(item, name) is not None and name not in allowed:
            raise _invalid(item, _OPTION_NAMES.get(name, name))
    if item.hotplug is not None and "hotplug" not in allowed and item.model != "pci-root":
        raise _invalid(item, "hotplug")


def _invalid(item: Controller, option: str) -> errors.libvirtError:
    return unsupported(
        f"Option '{option}' is not valid for PCI controller with index '{item.index}', model"
        f" '{item.model}' and modelName '{item.pci_model_name or 'none'}'"
    )
