# SPDX-License-Identifier: Apache-2.0
"""Directories shared through virtiofs, and locks of a lock manager (there is none)."""

from contextlib import ExitStack
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.command.devices import filesystem
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args
from nova_pyvirt.hypervisors.qemu.host import virtiofsd
from nova_pyvirt.hypervisors.qemu.hotplug.find import find
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Kind, Plug
from nova_pyvirt.model.devices.hostdev import Lease


class FilesystemKind(Kind):
    """Directories; those of 9p can't come or go."""

    name = "filesystems"

    def check(self, plug: Plug) -> None:
        if plug.device.driver_type != "virtiofs":
            raise _only_virtiofs()

    def prepare(self, plug: Plug) -> None:
        """A virtiofsd; it ends when QEMU has let go of it, and with the run at the latest."""
        item, private = plug.device, plug.private
        if item.source_socket:
            return
        served = ExitStack()
        plug.undo.callback(served.close)
        virtiofsd.serve(plug.state, plug.vm.name, private.lib_dir, item, served)
        private.undo.callback(served.close)

    def options(self, plug: Plug) -> Args:
        return filesystem.filesystems(plug.guest(filesystems=[plug.device]))

    def missing(self, match: Any) -> str:
        return "matching filesystem not found"

    def check_detach(self, vm: DomainObj, device: Any) -> None:
        if device.driver_type != "virtiofs":
            raise _only_virtiofs()

    def backends(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        return [("chardev-remove", {"id": f"chr-vu-{device.alias}"})]


def _only_virtiofs() -> libvirtError:
    detail = "only virtiofs filesystems can be hotplugged"
    return errors.error(Code.OPERATION_UNSUPPORTED, detail)


def attach_lease(vm: DomainObj, lease: Lease) -> None:
    """QEMU knows nothing of it."""
    with vm.lock:
        vm.definition.devices.leases.append(lease)


def detach_lease(vm: DomainObj, match: Lease) -> None:
    """:raises libvirtError: INVALID_ARG when there is none"""
    found = find(vm.definition, "leases", match)
    if found is None:
        detail = f"Lease {match.key} in lockspace {match.lockspace} does not exist"
        raise errors.error(Code.INVALID_ARG, detail)
    with vm.lock:
        held = vm.definition.devices.leases
        held[:] = [other for other in held if other is not found]
