# SPDX-License-Identifier: Apache-2.0
"""Addresses of devices on PCI, USB and virtio-serial buses."""

from nova_pyvirt.hypervisors.qemu.address.assign import assign
from nova_pyvirt.hypervisors.qemu.address.slots import check_pluggable

__all__ = ["assign", "check_pluggable"]
