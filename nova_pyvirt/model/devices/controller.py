# SPDX-License-Identifier: Apache-2.0
"""<controller>."""

from lxml import etree

from nova_pyvirt.errors import Code
from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.kinds import ON_OFF, Count, Memory, Natural, Refusal, Value, enum, uint
from nova_pyvirt.model.xmlbind import field


class _Hexadecimal(Natural):
    """A number in any base, written as 0x0."""

    def __init__(self) -> None:
        super().__init__(base=0)

    def format(self, value: int) -> str:
        return f"0x{value:x}"


#: models by type; the other types have none
MODELS = {
    "scsi": ("auto", "buslogic", "lsilogic", "lsisas1068", "vmpvscsi", "ibmvscsi", "virtio-scsi",
             "lsisas1078", "virtio-transitional", "virtio-non-transitional", "ncr53c90", "dc390",
             "am53c974"),
    "usb": ("piix3-uhci", "piix4-uhci", "ehci", "ich9-ehci1", "ich9-uhci1", "ich9-uhci2",
            "ich9-uhci3", "vt82c686b-uhci", "pci-ohci", "nec-xhci", "qusb1", "qusb2", "qemu-xhci",
            "none"),
    "virtio-serial": ("virtio", "virtio-transitional", "virtio-non-transitional"),
    "pci": ("pci-root", "pcie-root", "pci-bridge", "dmi-to-pci-bridge", "pcie-to-pci-bridge",
            "pcie-root-port", "pcie-switch-upstream-port", "pcie-switch-downstream-port",
            "pci-expander-bus", "pcie-expander-bus"),
    "ide": ("piix3", "piix4", "ich6"),
}  # fmt: skip
_NUMBER = Natural(base=0)
_PCI_MODELS = enum(
    "none", "pci-bridge", "i82801b11-bridge", "ioh3420", "x3130-upstream", "xio3130-downstream",
    "pxb", "pxb-pcie", "pcie-root-port", "spapr-pci-host-bridge", "pcie-pci-bridge",
)  # fmt: skip


def _twice(name: str) -> Refusal:
    return Refusal(f"Multiple <{name}> elements in controller definition not allowed")


class Controller(Device, virtio=True):
    """A bus or a port on one. PCI hole sizes in KiB unless pcihole64_unit says otherwise."""

    TAG = "controller"
    BY = "type"
    type = field(
        "@type",
        enum("ide", "fdc", "scsi", "sata", "virtio-serial", "ccid", "usb", "pci", "xenbus", "isa"),
    )
    index = field("@index", Natural())
    model = field("@model")
    ports = field("@ports", Natural(), of=("virtio-serial", "usb"))
    vectors = field("@vectors", Natural(), of=("virtio-serial",))
    pci_model_name = field("model/@name", _PCI_MODELS, once=_twice("model"))
    chassis_nr = field("target/@chassisNr", _NUMBER, once=_twice("target"))
    chassis = field("target/@chassis", _NUMBER)
    target_port = field("target/@port", _Hexadecimal())
    bus_nr = field("target/@busNr", _NUMBER)
    target_index = field("target/@index", _NUMBER)
    hotplug = field("target/@hotplug", ON_OFF)
    node = field("target/node", Value("invalid NUMA node in target", uint()))
    pcihole64 = field("pcihole64", Memory(place="./pcihole64"))
    pcihole64_unit = "KiB"
    queues = field("driver/@queues", Count())
    cmd_per_lun = field("driver/@cmd_per_lun", Count())
    max_sectors = field("driver/@max_sectors", Count())
    ioeventfd = field("driver/@ioeventfd", ON_OFF)
    iothread = field("driver/@iothread", Count())

    def after_parse(self, node: etree._Element) -> None:
        self.type = self.type or "ide"
        if self.model is not None and self.model not in MODELS.get(self.type, ()):
            detail = f"Unknown model type '{self.model}'"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
        if self.pci_model_name == "none":
            self.pci_model_name = None
        # what isn't said of a root is dropped, and of what isn't on PCI
        if self.model not in ("pci-root", "pcie-root"):
            self.pcihole64 = None
