# SPDX-License-Identifier: Apache-2.0
"""Devices that libvirt refuses, with its codes and words."""

from nova_pyvirt.hypervisors.qemu.validate.devices.check import check
from nova_pyvirt.hypervisors.qemu.validate.devices.memory import check_hotplug

__all__ = ["check", "check_hotplug"]
