# SPDX-License-Identifier: Apache-2.0
"""<controller>."""

from lxml import etree

from nova_pyvirt.model.devices.common import ANY_BASE, Device
from nova_pyvirt.model.kinds import ON_OFF, Hex, enum, missing, uint
from nova_pyvirt.model.xmlbind import field


class Controller(Device, virtio=True):
    """A bus or a port on one. PCI hole sizes in KiB unless pcihole64_unit says otherwise."""

    TAG = "controller"
    type = field(
        "@type",
        enum("ide", "fdc", "scsi", "sata", "virtio-serial", "ccid", "usb", "pci", "xenbus", "isa"),
    )
    index = field("@index", uint())
    model = field("@model")
    ports = field("@ports", uint())
    vectors = field("@vectors", uint())
    pci_model_name = field("model/@name")
    chassis_nr = field("target/@chassisNr", ANY_BASE)
    chassis = field("target/@chassis", ANY_BASE)
    target_port = field("target/@port", Hex(1))
    bus_nr = field("target/@busNr", ANY_BASE)
    target_index = field("target/@index", ANY_BASE)
    hotplug = field("target/@hotplug", ON_OFF)
    node = field("target/node", uint())
    pcihole64 = field("pcihole64", uint(64))
    pcihole64_unit = field("pcihole64/@unit")
    queues = field("driver/@queues", uint())
    cmd_per_lun = field("driver/@cmd_per_lun", uint())
    max_sectors = field("driver/@max_sectors", uint())
    ioeventfd = field("driver/@ioeventfd", ON_OFF)
    iothread = field("driver/@iothread", uint())

    def after_parse(self, node: etree._Element) -> None:
        if self.type is None:
            raise missing("type", "controller")
        if self.pcihole64 is not None:
            self.pcihole64_unit = self.pcihole64_unit or "KiB"
