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
from nova_pyvirt.hypervisors.qemu.caps.view import (
    HostView,
    SecurityModel,
    security_models,
)

__all__ = [
    "Accel",
    "CapsCache",
    "CpuDefinition",
    "CpuModelInfo",
    "CpuProperty",
    "HostView",
    "Machine",
    "QemuCaps",
    "SecurityModel",
    "is_native",
    "security_models",
]
