# SPDX-License-Identifier: Apache-2.0
"""Gives every device that has none an address, in libvirt's order (qemuDomainAssignAddresses)."""

from nova_pyvirt.hypervisors.qemu.address.others import (
    assign_memory,
    assign_vio,
    assign_virtio_serial,
)
from nova_pyvirt.hypervisors.qemu.address.slots import assign_pci
from nova_pyvirt.hypervisors.qemu.address.usb import assign_usb
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.postparse.devices import controllers, disks
from nova_pyvirt.model.domain import Domain


def assign(domain: Domain, caps: QemuCaps) -> None:
    """Addresses for all devices; adds the bridges, ports and hubs they need.

    :raises libvirtError: XML_ERROR for an address that is taken or can't be
    """
    assign_virtio_serial(domain)
    assign_vio(domain)
    assign_pci(domain)
    assign_usb(domain)
    assign_memory(domain)
    # what was added takes the place that it has when the definition is read again
    disks.sort(domain)
    controllers.sort(domain)
