# SPDX-License-Identifier: Apache-2.0
"""Devices that a definition leaves out, and what it doesn't say of those it has."""

from nova_pyvirt.hypervisors.qemu.postparse.devices.complete import complete, early
from nova_pyvirt.hypervisors.qemu.postparse.devices.disks import drive_address, drive_index

__all__ = ["complete", "drive_address", "drive_index", "early"]
