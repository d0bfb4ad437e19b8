# SPDX-License-Identifier: Apache-2.0
"""Another medium in a drive (qemuDomainChangeEjectableMedia)."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import audit, status
from nova_pyvirt.hypervisors.qemu.block import qom
from nova_pyvirt.hypervisors.qemu.blockjobs import job as blockjob
from nova_pyvirt.hypervisors.qemu.command import qmp
from nova_pyvirt.hypervisors.qemu.command.devices import blockdev
from nova_pyvirt.hypervisors.qemu.host import needs
from nova_pyvirt.hypervisors.qemu.hotplug import host
from nova_pyvirt.hypervisors.qemu.hotplug.disk import (
    check_images,
    limit,
    nodes,
    top_number,
)
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Plug, take_back
from nova_pyvirt.hypervisors.qemu.postparse.devices import disks as places
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.common import shallow
from nova_pyvirt.model.devices.disk import Disk, DiskSource
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import threading

#: drives that media go into
EJECTABLE: Final = ("cdrom", "floppy")
#: seconds that a guest has to open the tray; libvirt's (CHANGE_MEDIA_TIMEOUT)
TRAY_WAIT: Final = 5.0
#: what of a disk says which medium is in it
_MEDIUM: Final = ("type", "source", "format", "backing", "auth", "encryption")


def change_by_attaching(state: QemuState, vm: DomainObj, described: Disk) -> bool:
    """Attaching a drive that is there means its medium; False: it isn't, or isn't a drive.

    :raises libvirtError: see change()
    """
    if described.device not in EJECTABLE:
        return False
    for drive in vm.definition.devices.disks:
        if drive.target == described.target:
            places.complete_one(described)
            change(state, vm, drive, described, force=False)
            return True
    return False


def change(state: QemuState, vm: DomainObj, drive: Disk, new: Disk, *, force: bool) -> None:
    """Puts the medium that `new` describes, or none, into a drive of the live definition.

    :param force: also when the guest has locked the tray
    :raises libvirtError: OPERATION_FAILED when the guest does not open the tray, SYSTEM_ERROR, what
        QEMU says; the old medium is in the definition then
    """
    if blockjob.of(vm, drive) is not None:
        detail = "can't change media while a block job is running on the device"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    old, medium = shallow(drive), shallow(drive)
    for key in _MEDIUM:
        medium.__dict__[key] = new.__dict__.get(key)
    if medium.source is None:
        medium.source = DiskSource()  # it has a number too
    check_images(state, vm, medium)
    needs.check_secrets(medium, state.secrets)
    rest = host.without(vm.definition, "disks", drive)
    whole = host.having(rest, "disks", medium)
    plug = Plug(state, vm, "disks", medium, whole)
    try:
        with plug.undo, ExitStack() as given:
            _acquire(plug, drive, given)
            _change(plug, drive, force)
            _take_over(vm, drive, medium)
            plug.undo.pop_all()
            given.pop_all()
    except libvirtError:
        audit.device(vm, "disks", old, medium, "update", success=False)
        raise
    audit.device(vm, "disks", old, medium, "update")
    host.give_back(state, vm, host.having(rest, "disks", old), vm.definition)
    status.try_save(state, vm)


def _acquire(plug: Plug, drive: Disk, given: ExitStack) -> None:
    """What the new medium needs of the host; the old one keeps what it has until it is out."""
    both = shallow(plug.whole)
    both.devices = shallow(plug.whole.devices)
    both.devices.disks = [*plug.vm.definition.devices.disks, plug.device]
    host.acquire(plug.state, plug.vm, both, given)


def _take_over(vm: DomainObj, drive: Disk, medium: Disk) -> None:
    with vm.lock:
        for key in _MEDIUM:
            drive.__dict__[key] = medium.__dict__.get(key)


def _change(plug: Plug, drive: Disk, force: bool) -> None:
    vm, medium = plug.vm, plug.device
    mon, device = plug.private.mon, qom.device(drive)
    _open_tray(vm, drive, device, force)
    mon.command("blockdev-remove-medium", {"id": device})
    reach("media-out")
    for removal in nodes(drive):
        take_back(vm, *removal)
    number = top_number(medium)
    for command in qmp.commands(blockdev.nodes(plug.guest(), medium, number)):
        plug.run(command)
    node = blockdev.top_node(medium, number)
    if node is not None:
        mon.command("blockdev-insert-medium", {"id": device, "node-name": node})
        limit(vm, medium)
    mon.command("blockdev-close-tray", {"id": device})


def _open_tray(vm: DomainObj, drive: Disk, device: str, force: bool) -> None:
    """A floppy drive has none; QEMU opens one that isn't locked at once, and asks the guest to open
    one that is.
    """
    if drive.device != "cdrom" or drive.tray == "open":
        return
    with _awaiting(vm, str(drive.alias)) as opened:
        vm.private.mon.command("blockdev-open-tray", {"id": device, "force": force})
        if not force and not opened.wait(TRAY_WAIT):
            detail = f"timed out waiting to open tray of '{drive.target}'"
            raise errors.error(Code.OPERATION_FAILED, detail)


@contextmanager
def _awaiting(vm: DomainObj, alias: str) -> "Iterator[threading.Event]":
    """What DEVICE_TRAY_MOVED of a drive tells as long as it lasts."""
    opened, private = threading.Event(), vm.private
    with vm.lock:
        private.trays[alias] = opened
    try:
        yield opened
    finally:
        with vm.lock:
            private.trays.pop(alias, None)
