# SPDX-License-Identifier: Apache-2.0
"""Disks: their chain of block nodes, the device, limits."""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import identity
from nova_pyvirt.hypervisors.qemu.block import throttle
from nova_pyvirt.hypervisors.qemu.blockjobs.job import check_idle
from nova_pyvirt.hypervisors.qemu.command.devices import blockdev, disk
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, device
from nova_pyvirt.hypervisors.qemu.command.devices.secrets import secret_alias
from nova_pyvirt.hypervisors.qemu.host import disks as images
from nova_pyvirt.hypervisors.qemu.host import needs
from nova_pyvirt.hypervisors.qemu.hotplug.config import check_scsi_place
from nova_pyvirt.hypervisors.qemu.hotplug.plug import LOG, Kind, Plug
from nova_pyvirt.hypervisors.qemu.postparse.devices import disks as places
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.domain import Domain

_PLUGGED: Final = ("virtio", "usb", "scsi")


class DiskKind(Kind):
    """See the module."""

    name = "disks"

    def check_alone(self, vm: DomainObj, device: Any) -> None:
        if device.device == "floppy":
            raise _unsupported("floppy device hotplug isn't supported")
        check_scsi_place(vm.definition, device)

    def check(self, plug: Plug) -> None:
        found: Disk = plug.device
        found.mirror = found.private = None
        check_images(plug.state, plug.vm, found)
        if found.bus == "usb" and found.device == "lun":
            detail = "disk device='lun' is not supported for usb bus"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)
        if found.bus == "virtio" and found.device == "cdrom":
            raise _unsupported("cdrom device with virtio bus isn't supported")
        check_scsi_place(plug.vm.definition, found)
        needs.check_secrets(found, plug.state.secrets)

    def options(self, plug: Plug) -> Args:
        guest, found = plug.guest(), plug.device
        number = top_number(found)
        return blockdev.nodes(guest, found, number) + device(disk.props(guest, found, number))

    def plugged(self, plug: Plug) -> None:
        limit(plug.vm, plug.device)

    def insert(self, definition: Domain, device: Any) -> None:
        places.insert(definition.devices.disks, device)

    def missing(self, match: Any) -> str:
        return f"disk {match.target} not found"

    def check_detach(self, vm: DomainObj, device: Any) -> None:
        if device.device in ("disk", "lun"):
            if device.bus not in _PLUGGED:
                raise _unsupported("This type of disk cannot be hot unplugged")
        elif device.device == "floppy" or device.bus not in ("usb", "scsi"):
            raise _unsupported(f"disk device type '{device.device}' cannot be detached")
        check_idle(vm, device)

    def backends(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        if device.type == "vhostuser":
            return [("chardev-remove", {"id": f"chr-vu-{device.alias}"})]
        return nodes(device)


def _unsupported(detail: str) -> libvirtError:
    return errors.error(Code.OPERATION_UNSUPPORTED, detail)


def check_images(state: QemuState, vm: DomainObj, found: Disk) -> None:
    """Looks at a disk's images, and numbers their block nodes as no node has been in this run.

    libvirt uses up numbers for images that it finds itself before it numbers the whole chain.

    :raises libvirtError: SYSTEM_ERROR for an image that can't be read
    """
    described = found.backing is not None
    images.check(found, identity.of(vm.definition, state.settings), formats=False)
    number_nodes(vm, found, skipped=0 if described else len(blockdev.layers(found)))


def number_nodes(vm: DomainObj, found: Disk, *, skipped: int = 0) -> None:
    """Numbers for a new chain's block nodes, which no node has had in this run."""
    with vm.lock:
        last = images.number(found, vm.private.node_index + skipped + 1)
        vm.private.node_index = max(vm.private.node_index, last)


def top_number(found: Disk) -> int:
    """The number of a disk's top image, 0 without a medium."""
    return int(found.source.index or 0) if found.source is not None else 0


def limit(vm: DomainObj, found: Disk) -> None:
    """The disk's <iotune>; a disk that works without is kept, as libvirt does."""
    for command, args in throttle.commands([found]):
        try:
            vm.private.mon.command(command, args)
        except libvirtError as exc:
            LOG.warning("domain %s: disk %s has no limits: %s", vm.name, found.target, exc)


def nodes(found: Disk) -> list[tuple[str, dict[str, Any]]]:
    """Commands that remove a chain's block nodes from the top, and what they needed."""
    commands: list[tuple[str, dict[str, Any]]] = []
    if found.copy_on_read and not found.empty:
        commands.append(("blockdev-del", {"node-name": f"libvirt-CoR-{found.target}"}))
    for image, number in _images(found):
        commands += removals(image, number)
    return commands


def removals(image: Any, number: int) -> list[tuple[str, dict[str, Any]]]:
    """Commands that remove one image's block nodes, and what they needed.

    :param image: a disk for its topmost one, or a layer
    """
    names = [f"libvirt-{number}-format", f"libvirt-{number}-storage"]
    if image.source.slices:
        names.insert(1, f"libvirt-{number}-slice-sto")
    found = [("blockdev-del", {"node-name": name}) for name in names]
    return found + [("object-del", {"id": ident}) for ident in _objects(image, number)]


def _images(found: Disk) -> list[tuple[Any, int]]:
    """The images that have nodes, each with its number."""
    if found.empty:
        return []
    images: list[tuple[Any, int]] = [(found, top_number(found))]
    images += [(layer, int(layer.index or 0)) for layer in blockdev.layers(found)]
    return [(image, number) for image, number in images if number]


def _objects(image: Any, number: int) -> list[str]:
    storage, source = f"libvirt-{number}-storage", image.source
    found = []
    if source.reservations is not None and source.reservations.managed is False:
        found.append(f"pr-helper-{storage}")
    if (source.auth or getattr(image, "auth", None)) is not None:
        found.append(secret_alias(storage, "auth"))
    encryption = blockdev.encryption_of(image)
    if encryption is not None and encryption.secrets:
        found.append(secret_alias(f"libvirt-{number}-format", "encryption"))
    if source.cookies:
        found.append(secret_alias(storage, "httpcookie"))
    if source.tls:
        found.append(f"obj{storage}_tls0")
    return found
