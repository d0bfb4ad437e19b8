# SPDX-License-Identifier: Apache-2.0
"""Devices that were on their way in or out when our predecessor died (qemuProcessUpdateDevices)."""

import logging
from collections.abc import Sequence
from typing import Any, Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import EventID
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.block import qom
from nova_pyvirt.hypervisors.qemu.devicedef import device_of
from nova_pyvirt.hypervisors.qemu.hotplug import host
from nova_pyvirt.hypervisors.qemu.hotplug.find import by_alias
from nova_pyvirt.hypervisors.qemu.hotplug.kinds import KINDS
from nova_pyvirt.hypervisors.qemu.hotplug.media import EJECTABLE
from nova_pyvirt.hypervisors.qemu.hotplug.plug import take_back
from nova_pyvirt.hypervisors.qemu.hotplug.remove import clean_up, removed
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.hypervisors.qemu.unplug import Unplug
from nova_pyvirt.model.devices.common import shallow
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.domain import Domain

LOG = logging.getLogger(__name__)
#: where QEMU keeps devices that have an id
_PERIPHERAL: Final = "/machine/peripheral"


def load(private: QemuPrivate, elements: Sequence[Any]) -> None:
    """What a status file tells of devices under way, and of block nodes' numbers.

    :param elements: the file's private part
    """
    for node in elements:
        if node.tag == "pyvirtPlug" and node.get("list") in KINDS and len(node):
            private.plugging.append(device_of(node[0]))
        elif node.tag == "nodename":
            private.node_index = int(node.get("index") or 0)


def with_pending(vm: DomainObj) -> Domain:
    """The live definition with the devices that may be half there."""
    whole = vm.definition
    for name, device in vm.private.plugging if vm.private is not None else ():
        whole = host.having(whole, name, device)
    return whole


def recover(state: QemuState, vm: DomainObj, elements: Sequence[Any]) -> bool:
    """Asks QEMU which devices it has, and makes the definition tell the same. The owner of a job
    calls, without the lock.

    :param elements: the status file's private part
    :returns: has the guest devices that the definition did not tell of?
    :raises libvirtError: QEMU does not answer
    """
    rows = vm.private.mon.command("qom-list", {"path": _PERIPHERAL}, kind="query")
    there = {str(row["name"]) for row in rows if str(row.get("type", "")).startswith("child<")}
    pending, vm.private.plugging = vm.private.plugging, []
    for name, device in pending:
        _settle(state, vm, name, device, there=device.alias in there)
    for alias in _known(elements):
        if alias not in there:
            _gone(state, vm, alias)
    _media(state, vm)
    return any(device.alias in there for _name, device in pending)


def _media(state: QemuState, vm: DomainObj) -> None:
    """Drives whose medium has gone, or whose tray has moved (qemuProcessRefreshDisks)."""
    if not any(disk.device in EJECTABLE for disk in vm.definition.devices.disks):
        return
    rows = {qom.alias_of(row): row for row in vm.private.mon.command("query-block", kind="query")}
    gone: list[Disk] = []
    with vm.lock:
        for disk in vm.definition.devices.disks:
            row = rows.get(str(disk.alias))
            if disk.device not in EJECTABLE or row is None:
                continue
            disk.tray = "open" if row.get("tray_open") else None
            if "inserted" not in row and not disk.empty:
                LOG.info("domain %s: there is no medium in %s any more", vm.name, disk.target)
                gone.append(shallow(disk))
                disk.source = disk.backing = None
    for disk in gone:
        host.give_back(state, vm, host.having(vm.definition, "disks", disk), vm.definition)


def _known(elements: Sequence[Any]) -> list[str]:
    """Names of devices that QEMU had when the status was written."""
    lists = [node for node in elements if node.tag == "devices"]
    return [str(row.get("alias")) for node in lists for row in node if row.tag == "device"]


def _settle(state: QemuState, vm: DomainObj, name: str, device: Any, *, there: bool) -> None:
    """One that was on its way in has come, or all that was made for it goes."""
    LOG.info("domain %s: device %s was being attached: %s", vm.name, device.alias,
             "it is there" if there else "it is not there")  # fmt: skip
    if not there:
        for command, args in KINDS[name].half_way(device):
            take_back(vm, command, args)
        clean_up(state, vm, name, device)
        return
    with vm.lock:
        KINDS[name].insert(vm.definition, device)
        state.bus.emit(vm.ref, EventID.DEVICE_ADDED, str(device.alias))


def _gone(state: QemuState, vm: DomainObj, alias: str) -> None:
    """One that has left while nobody watched."""
    try:
        name, device = by_alias(vm.definition, alias)
    except libvirtError:
        return
    if name not in KINDS:
        return
    with Unplug.of(vm, alias) as unplug:
        # QEMU takes a device out of its list before it lets go of what is behind it
        if not clean_up(state, vm, name, device):
            unplug.wait()
    removed(state, vm, name, device)
