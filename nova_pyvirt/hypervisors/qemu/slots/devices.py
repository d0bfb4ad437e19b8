# SPDX-License-Identifier: Apache-2.0
"""The table's devices: attaching, detaching, updating."""

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu.ops import devices
from nova_pyvirt.hypervisors.qemu.ops.change import LIVE
from nova_pyvirt.hypervisors.qemu.slots.base import Slots


class DeviceSlots(Slots):
    """What guests have."""

    def domain_attach_device(self, dom: DomainRef, xml: str) -> None:
        devices.attach_device_flags(self.state, dom, xml, LIVE)

    def domain_attach_device_flags(self, dom: DomainRef, xml: str, flags: int) -> None:
        devices.attach_device_flags(self.state, dom, xml, flags)

    def domain_detach_device(self, dom: DomainRef, xml: str) -> None:
        devices.detach_device_flags(self.state, dom, xml, LIVE)

    def domain_detach_device_flags(self, dom: DomainRef, xml: str, flags: int) -> None:
        devices.detach_device_flags(self.state, dom, xml, flags)

    def domain_detach_device_alias(self, dom: DomainRef, alias: str, flags: int) -> None:
        devices.detach_device_alias(self.state, dom, alias, flags)

    def domain_update_device_flags(self, dom: DomainRef, xml: str, flags: int) -> None:
        devices.update_device_flags(self.state, dom, xml, flags)
