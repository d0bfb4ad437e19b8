# SPDX-License-Identifier: Apache-2.0
"""<controller>."""

from nova_pyvirt.model.devices.common import Device, address, alias
from nova_pyvirt.model.kinds import enum, uint
from nova_pyvirt.model.xmlbind import field


class Controller(Device):
    """<controller>."""

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
    chassis_nr = field("target/@chassisNr", uint())
    chassis = field("target/@chassis", uint())
    target_port = field("target/@port")
    queues = field("driver/@queues", uint())
    iothread = field("driver/@iothread", uint())
    master = field("master/@startport", uint())
    alias = alias()
    address = address()
