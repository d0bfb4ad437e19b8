# SPDX-License-Identifier: Apache-2.0
"""Devices on the command line, one module a family; pure functions of a definition."""

from nova_pyvirt.hypervisors.qemu.command.devices.build import early, late, main
from nova_pyvirt.hypervisors.qemu.command.devices.chardev import monitor
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Guest, device, object_, option
from nova_pyvirt.hypervisors.qemu.command.devices.wanted import Wanted, wanted_secrets

__all__ = [
    "Guest",
    "Wanted",
    "device",
    "early",
    "late",
    "main",
    "monitor",
    "object_",
    "option",
    "wanted_secrets",
]
