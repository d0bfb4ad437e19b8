# SPDX-License-Identifier: Apache-2.0
"""What the groups work on."""

from dataclasses import dataclass, field

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.hypervisors.qemu.monitor import Monitor
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.typed import Params


@dataclass(slots=True)
class Request:
    """One domain's statistics in the making.

    :ivar private: the run's data; None of a domain that is off
    :ivar monitor: to ask QEMU by; None when it is off, busy or out of reach: what is known without
        is told then
    :ivar backing: images below the disks' own too
    """

    vm: DomainObj
    definition: Domain
    private: QemuPrivate | None
    monitor: Monitor | None
    backing: bool
    found: Params = field(default_factory=dict)

    def has(self, capability: str) -> bool:
        """Can this QEMU do that?"""
        return self.private is not None and self.private.caps.has(capability)
