# SPDX-License-Identifier: Apache-2.0
"""Devices that libvirt refuses, with its codes and words."""

from nova_pyvirt.hypervisors.qemu.validate.devices.check import check

__all__ = ["check"]
