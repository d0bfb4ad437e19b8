# SPDX-License-Identifier: Apache-2.0
"""Devices of the host: USB, PCI, SCSI, mediated."""

from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices import hostdev
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args
from nova_pyvirt.hypervisors.qemu.host import hostdevs, opened
from nova_pyvirt.hypervisors.qemu.hotplug.host import having
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Kind, Plug
from nova_pyvirt.hypervisors.qemu.limits import devices


class HostdevKind(Kind):
    """See the module."""

    name = "hostdevs"

    def check(self, plug: Plug) -> None:
        held = hostdevs.present([plug.device])
        if not held:
            detail = "the host device is missing, and may be"
            raise errors.error(Code.OPERATION_FAILED, detail)

    def prepare(self, plug: Plug) -> None:
        alone = having(plug.vm.definition, self.name, plug.device)
        alone.devices.hostdevs = [plug.device]
        plug.host_paths.update(opened.paths(alone, plug.state.view.fs))
        cgroup = plug.private.cgroup
        for path in plug.host_paths.values():
            plug.undo.callback(devices.deny, cgroup, path)
            devices.allow(cgroup, path)
        if plug.device.type == "scsi_host":
            alias = str(plug.device.alias)
            fds = plug.open([opened.vhost_scsi(plug.state.view.fs)])
            plug.give_fds(alias, f"vhostfd-{alias}", fds)

    def options(self, plug: Plug) -> Args:
        return hostdev.hostdev(plug.guest(), plug.device)

    def missing(self, match: Any) -> str:
        source, where = match.source, match.source.address
        if match.type == "pci":
            return f"host pci device {where.text()} not found"
        if match.type == "usb" and where is not None and where.device:
            return f"host usb device {int(where.bus or 0):03d}.{int(where.device):03d} not found"
        if match.type == "usb":
            vendor, product = int(source.vendor or 0), int(source.product or 0)
            return f"host usb device vendor=0x{vendor:04x} product=0x{product:04x} not found"
        if match.type == "scsi" and source.protocol == "iscsi":
            return f"host scsi iSCSI path {source.name} not found"
        if match.type == "scsi":
            unit = f"{source.adapter}:{where.bus or 0}:{where.target or 0}.{where.unit or 0}"
            return f"host scsi device {unit} not found"
        if match.type == "mdev":
            return f"mediated device '{where.uuid}' not found"
        return super().missing(match)

    def backends(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        if device.type != "scsi":
            return []
        node = f"libvirt-{device.alias}-backend"
        return [("blockdev-del", {"node-name": node})]
