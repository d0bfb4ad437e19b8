# SPDX-License-Identifier: Apache-2.0
"""What QEMU binaries can do, and what the host offers guests."""

from nova_pyvirt.hypervisors.qemu.caps.cache import CapsCache, is_native
from nova_pyvirt.hypervisors.qemu.caps.types import (
    Accel,
    CpuDefinition,
    CpuModelInfo,
    CpuProperty,
    Machine,
    QemuCaps,
)

__all__ = [
    "Accel",
    "CapsCache",
    "CpuDefinition",
    "CpuModelInfo",
    "CpuProperty",
    "Machine",
    "QemuCaps",
    "is_native",
]
