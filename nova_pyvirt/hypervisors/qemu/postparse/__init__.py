# SPDX-License-Identifier: Apache-2.0
"""Defaults and devices that a definition leaves out (virDomainDefPostParse, the QEMU driver's)."""

from nova_pyvirt.hypervisors.qemu.postparse.devices import drive_address, drive_index
from nova_pyvirt.hypervisors.qemu.postparse.domain import (
    complete,
    complete_identity,
    complete_numbers,
)
from nova_pyvirt.hypervisors.qemu.postparse.machine import (
    is_i440fx,
    is_q35,
    old_style_uefi,
    read_only_uefi,
)
from nova_pyvirt.hypervisors.qemu.postparse.memory import align, hotplug_memory, initial_memory

__all__ = [
    "align",
    "complete",
    "complete_identity",
    "complete_numbers",
    "drive_address",
    "drive_index",
    "hotplug_memory",
    "initial_memory",
    "is_i440fx",
    "is_q35",
    "old_style_uefi",
    "read_only_uefi",
]
