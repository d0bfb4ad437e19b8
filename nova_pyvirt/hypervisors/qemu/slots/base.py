# SPDX-License-Identifier: Apache-2.0
"""What every part of the table has."""

from nova_pyvirt.hypervisors.qemu.state import QemuState


class Slots:
    """Base of the parts: the driver state of the table's connection."""

    state: QemuState
