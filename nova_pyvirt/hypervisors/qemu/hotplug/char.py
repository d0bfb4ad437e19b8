# SPDX-License-Identifier: Apache-2.0
"""Character devices: channels, virtio consoles, serial ports on PCI and USB."""

import shutil
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.security import dac
from nova_pyvirt.errors import Code, From, system_error
from nova_pyvirt.hypervisors.qemu import identity
from nova_pyvirt.hypervisors.qemu.command.devices import chardev
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args
from nova_pyvirt.hypervisors.qemu.host import files, needs
from nova_pyvirt.hypervisors.qemu.hotplug.config import check_char
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Kind, Plug
from nova_pyvirt.util.native import os


class CharKind(Kind):
    """See the module.

    :param name: which of the four lists
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def check_alone(self, vm: DomainObj, device: Any) -> None:
        if device.TAG == "console":
            device.port = device.port or 0
        if device.TAG == "console" and device.target_type in (None, "serial"):
            detail = "unsupported console target type serial"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail)

    def check(self, plug: Plug) -> None:
        item = plug.device
        check_char(plug.vm.definition, item)
        _check_place(plug)
        if item.TAG == "channel" and item.type == "unix" and not item.source_path:
            item.source_mode = "bind"
            item.source_path = f"{_directory(plug)}/{item.target_name or item.alias}"
        needs.check_chardev(item, made=_directory(plug))

    def prepare(self, plug: Plug) -> None:
        """The files it writes into; the run's directory of channels, which goes with the run."""
        definition = plug.vm.definition
        user = identity.of(definition, plug.state.settings)
        files.make_for(plug.device, user, definition.uuid)
        path = _directory(plug)
        own = os.path.dirname(plug.device.source_path or "") == path
        if not own or os.path.isdir(path):
            return
        plug.private.undo.callback(shutil.rmtree, path, ignore_errors=True)
        try:
            os.makedirs(path, 0o750)
        except OSError as exc:
            raise system_error(exc.errno or 0, f"unable to create directory {path}") from exc
        if user is not None:
            dac.take(path, *user, holder=definition.uuid, remember=False)

    def options(self, plug: Plug) -> Args:
        alone = {self.name: [plug.device]}
        make = {
            "serials": chardev.serials,
            "parallels": chardev.parallels,
            "consoles": chardev.consoles,
            "channels": chardev.channels,
        }[self.name]
        return make(plug.guest(**alone))

    def missing(self, match: Any) -> str:
        return f"chr type '{match.TAG}' device not present in domain configuration"

    def unplug(self, device: Any) -> tuple[str, dict[str, Any]]:
        if device.TAG == "channel" and device.target_type == "guestfwd":
            return "netdev_del", {"id": str(device.alias)}
        return super().unplug(device)

    def backends(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        return [("chardev-remove", {"id": f"char{device.alias}"})]


def _check_place(plug: Plug) -> None:
    """Has it a place where it can come to? On a bus that has none, QEMU says so."""
    item = plug.device
    kind = item.target_type if item.TAG != "parallel" else None
    buses = [c for c in plug.vm.definition.devices.controllers if c.type == "virtio-serial"]
    if kind == "virtio" and not buses:
        detail = "no virtio-serial controllers are available"
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
    where = item.address.type if item.address is not None else None
    if kind not in ("virtio", "pci-serial", "usb-serial") and where in ("virtio-serial", "pci"):
        detail = "Unsupported address type for character device"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail)


def _directory(plug: Plug) -> str:
    """Where the channel sockets of this run are."""
    return f"{plug.state.paths.channel_dir}/{os.path.basename(plug.private.lib_dir)}"
