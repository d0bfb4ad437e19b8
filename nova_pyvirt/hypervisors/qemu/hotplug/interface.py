# SPDX-License-Identifier: Apache-2.0
"""Network interfaces: the tap, the back-end, the device."""

from typing import Any, Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.command.devices import interface
from nova_pyvirt.hypervisors.qemu.command.devices.guest import Args, device, option
from nova_pyvirt.hypervisors.qemu.host import hostdevs, needs, net
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Kind, Plug
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.hostdev import Hostdev, HostdevSource

#: types that can be plugged in, beside those that are a tap
_OTHERS: Final = ("user", "vhostuser")


class InterfaceKind(Kind):
    """See the module."""

    name = "interfaces"

    def check(self, plug: Plug) -> None:
        nic = plug.device
        needs.check_interface(nic)
        if nic.type == "hostdev":
            source = HostdevSource(address=nic.source_address)
            hostdevs.present([Hostdev(mode="subsystem", type="pci", source=source)])
        if nic.type not in (*net.TAP_TYPES, *_OTHERS):
            detail = f"hotplug of interface type of {nic.type} is not implemented yet"
            raise errors.error(Code.OPERATION_UNSUPPORTED, detail)

    def prepare(self, plug: Plug) -> None:
        nic = plug.device
        if nic.type not in net.TAP_TYPES:
            return
        fds: dict[str, list[int]] = {}
        try:
            net.connect(nic, plug.whole.type, plug.undo, fds)
        finally:
            for group in fds.values():
                plug.open(group)
        plug.note()  # its name
        alias = str(nic.alias)
        plug.give_fds(alias, f"tapfd-{alias}", fds[alias])
        vhost = f"vhost-{alias}"
        plug.give_fds(vhost, f"vhostfd-{alias}", fds.get(vhost, []))

    def options(self, plug: Plug) -> Args:
        guest, nic = plug.guest(), plug.device
        before, netdev = interface.netdev_props(guest, nic)
        return [*before, *option("-netdev", netdev), *device(interface.device_props(guest, nic))]

    def plugged(self, plug: Plug) -> None:
        if plug.device.type in net.TAP_TYPES:
            plug.private.undo.callback(net.disconnect, plug.device)
        if plug.device.link == "down":
            args = {"name": str(plug.device.alias), "up": False}
            plug.private.mon.command("set_link", args)

    def backends(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        found: list[tuple[str, dict[str, Any]]] = [("netdev_del", {"id": f"host{device.alias}"})]
        if device.type == "vhostuser":
            found.append(("chardev-remove", {"id": f"char{device.alias}"}))
        return found

    def half_way(self, device: Any) -> list[tuple[str, dict[str, Any]]]:
        queues, alias = int(device.queues or 1), device.alias
        names = [f"{kind}-{alias}{n}" for kind in ("tapfd", "vhostfd") for n in range(queues)]
        return [("closefd", {"fdname": name}) for name in names]

    def release(self, state: QemuState, vm: DomainObj, device: Any) -> None:
        if device.type in net.TAP_TYPES:
            net.disconnect(device)
