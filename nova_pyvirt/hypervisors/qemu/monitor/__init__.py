# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor (QMP)."""

from nova_pyvirt.hypervisors.qemu.monitor.errors import (
    QMPClosed,
    QMPCommandError,
    QMPError,
    QMPTimeout,
)
from nova_pyvirt.hypervisors.qemu.monitor.monitor import Deadlines, Monitor

__all__ = ["Deadlines", "Monitor", "QMPClosed", "QMPCommandError", "QMPError", "QMPTimeout"]
