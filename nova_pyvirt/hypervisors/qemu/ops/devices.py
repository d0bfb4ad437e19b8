# SPDX-License-Identifier: Apache-2.0
"""Attaching, detaching and updating devices, in the running guest and in its definition.

The persistent definition is made first, but takes its place last: when the guest refuses, nothing
has changed.
"""

from typing import Final

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.devicedef import match_device
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.hotplug import attach, config, detach, update
from nova_pyvirt.hypervisors.qemu.hotplug.find import by_alias
from nova_pyvirt.hypervisors.qemu.ops.change import CONFIG, LIVE, Change, change
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain

FORCE: Final = 4


def attach_device_flags(state: QemuState, dom: DomainRef, xml: str, flags: int) -> None:
    """qemuDomainAttachDeviceFlags.

    :raises libvirtError: NO_DOMAIN, OPERATION_INVALID; see hotplug's attach() and config.attach()
    """
    with change(state, dom, flags, "virDomainAttachDeviceFlags") as made:
        check_flags(flags, LIVE | CONFIG, "qemuDomainAttachDeviceLiveAndConfig")
        mac = None
        if made.config is not None:
            caps = _caps(state, made, made.config)
            device, made.config = config.attach(made.config, xml, caps)
            mac = getattr(device, "mac", None)
        if made.live is not None:
            attach.attach(state, made.vm, xml, mac)


def detach_device_flags(state: QemuState, dom: DomainRef, xml: str, flags: int) -> None:
    """qemuDomainDetachDeviceFlags.

    :raises libvirtError: NO_DOMAIN, OPERATION_INVALID; see hotplug's detach() and config.detach()
    """
    with change(state, dom, flags, "virDomainDetachDeviceFlags") as made:
        check_flags(flags, LIVE | CONFIG, "qemuDomainDetachDeviceLiveAndConfig")
        if made.config is not None:
            made.config = config.detach(made.config, xml, _caps(state, made, made.config))
        if made.live is not None:
            name, match = match_device(xml, made.live, made.vm.private.caps)
            detach.detach(state, made.vm, name, match)


def detach_device_alias(state: QemuState, dom: DomainRef, alias: str, flags: int) -> None:
    """qemuDomainDetachDeviceAlias; doesn't wait for the guest.

    :raises libvirtError: INTERNAL_ERROR for an alias that nothing has; see detach_device_flags()
    """
    with change(state, dom, flags, "virDomainDetachDeviceAlias") as made:
        check_flags(flags, LIVE | CONFIG, "qemuDomainDetachDeviceAliasLiveAndConfig")
        if made.config is not None:
            name, device = by_alias(made.config, alias)
            caps = _caps(state, made, made.config)
            made.config = config.without(made.config, name, device, caps)
        if made.live is not None:
            name, device = by_alias(made.live, alias)
            detach.detach(state, made.vm, name, device, wait=False)


def update_device_flags(state: QemuState, dom: DomainRef, xml: str, flags: int) -> None:
    """qemuDomainUpdateDeviceFlags.

    :raises libvirtError: NO_DOMAIN, OPERATION_INVALID; see hotplug's update() and config.update()
    """
    check_flags(flags, LIVE | CONFIG | FORCE, "qemuDomainUpdateDeviceFlags")
    with change(state, dom, flags, "virDomainUpdateDeviceFlags") as made:
        if made.config is not None:
            made.config = config.update(made.config, xml, _caps(state, made, made.config))
        if made.live is not None:
            update.update(state, made.vm, xml, force=bool(flags & FORCE))


def _caps(state: QemuState, made: Change, definition: Domain) -> QemuCaps:
    """Those of the QEMU that runs, or of the one that would."""
    if made.vm.active:
        found: QemuCaps = made.vm.private.caps
        return found
    return state.caps_for(definition)
