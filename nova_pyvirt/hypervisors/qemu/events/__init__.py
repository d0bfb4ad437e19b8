# SPDX-License-Identifier: Apache-2.0
"""QEMU's events: from the monitor to domain states and subscribers."""

from nova_pyvirt.hypervisors.qemu.events.worker import EventWorker

__all__ = ["EventWorker"]
