# SPDX-License-Identifier: Apache-2.0
"""Domain slots of the in-memory hypervisor."""

from nova_pyvirt.hypervisors.test.domains.checkpoints import CheckpointSlots
from nova_pyvirt.hypervisors.test.domains.guest import GuestSlots
from nova_pyvirt.hypervisors.test.domains.iothreads import IOThreadSlots
from nova_pyvirt.hypervisors.test.domains.lookup import LookupSlots
from nova_pyvirt.hypervisors.test.domains.memory import MemorySlots
from nova_pyvirt.hypervisors.test.domains.parameters import ParameterSlots
from nova_pyvirt.hypervisors.test.domains.pinning import PinningSlots
from nova_pyvirt.hypervisors.test.domains.save import SaveSlots
from nova_pyvirt.hypervisors.test.domains.snapshots import SnapshotSlots
from nova_pyvirt.hypervisors.test.domains.stats import StatsSlots

__all__ = ["DomainSlots"]


class DomainSlots(
    LookupSlots,
    MemorySlots,
    PinningSlots,
    IOThreadSlots,
    ParameterSlots,
    GuestSlots,
    StatsSlots,
    SaveSlots,
    SnapshotSlots,
    CheckpointSlots,
):
    """All of them."""
