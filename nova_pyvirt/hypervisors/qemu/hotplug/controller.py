# SPDX-License-Identifier: Apache-2.0
"""Controllers: only those of SCSI come and go."""

from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices import controller
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, device
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Kind, Plug
from nova_pyvirt.hypervisors.qemu.postparse.devices import controllers as places
from nova_pyvirt.model.domain import Domain


class ControllerKind(Kind):
    """See the module."""

    name = "controllers"

    def check_alone(self, vm: DomainObj, device: Any) -> None:
        if device.type != "scsi":
            detail = f"'{device.type}' controller cannot be hot plugged."
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
        if device.index is not None and places.find(vm.definition, "scsi", device.index):
            detail = f"target {device.type}:{device.index} already exists"
            raise errors.error(Code.OPERATION_FAILED, detail)

    def options(self, plug: Plug) -> Args:
        return device(controller.props(plug.guest(), plug.device))

    def insert(self, definition: Domain, device: Any) -> None:
        places.insert(definition.devices.controllers, device)

    def find(self, definition: Domain, match: Any) -> Any:
        if match.type != "scsi":
            detail = f"'{match.type}' controller cannot be hot unplugged."
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
        return super().find(definition, match)

    def missing(self, match: Any) -> str:
        return f"controller {match.type}:{-1 if match.index is None else match.index} not found"

    def check_detach(self, vm: DomainObj, device: Any) -> None:
        devices = vm.definition.devices
        users = [d for d in devices.disks if d.bus == "scsi"]
        users += [h for h in devices.hostdevs if h.type == "scsi"]
        for user in users:
            where = user.address
            if where is not None and where.type == "drive":
                if (where.controller or 0) == device.index:
                    detail = "device cannot be detached: device is busy"
                    raise errors.error(Code.OPERATION_FAILED, detail)
