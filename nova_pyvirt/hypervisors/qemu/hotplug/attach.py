# SPDX-License-Identifier: Apache-2.0
"""Attaching a device to a running guest (qemuDomainAttachDeviceLive)."""

from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import EventID
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import audit, devicedef, status
from nova_pyvirt.hypervisors.qemu.command import qmp
from nova_pyvirt.hypervisors.qemu.hotplug import compat, host, media, shared
from nova_pyvirt.hypervisors.qemu.hotplug.kinds import KINDS
from nova_pyvirt.hypervisors.qemu.hotplug.plug import Kind, Plug
from nova_pyvirt.hypervisors.qemu.hotplug.words import word
from nova_pyvirt.hypervisors.qemu.prepare import settle_tls
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.breakpoints import reach


def attach(state: QemuState, vm: DomainObj, xml: str, mac: str | None = None) -> None:
    """The caller holds a MODIFY job, not the lock.

    :param mac: of an interface, when it has been chosen for the persistent definition already
    :raises libvirtError: XML_DETAIL, XML_ERROR, CONFIG_UNSUPPORTED, OPERATION_UNSUPPORTED,
        OPERATION_INVALID, SYSTEM_ERROR; what QEMU says. The guest is as it was then.
    """
    name, device = devicedef.load_device(xml)
    if name == "interfaces" and device.mac is None:
        device.mac = mac
    compat.check_itself(vm.definition, name, device, vm.private.caps)
    compat.check_alias(vm.definition, device)
    compat.check(vm.definition, name, device, live=True)
    if name == "disks" and media.change_by_attaching(state, vm, device):
        return
    if name == "leases":
        shared.attach_lease(vm, device)
        return
    kind = KINDS.get(name)
    if kind is None:
        devicedef.check_device(name, device, vm.definition, vm.private.caps)
        detail = f"live attach of device '{word(name)}' is not supported"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)
    kind.check_alone(vm, device)
    whole = devicedef.join(name, device, vm.definition, vm.private.caps, live=True)
    settle_tls(whole)
    for controller in _controllers(vm, whole, device):
        if controller.type == "scsi":
            plug_in(Plug(state, vm, "controllers", controller, whole))
        else:  # a bus that isn't there, nor can come: QEMU, or who describes the device, says so
            held = whole.devices.controllers
            whole.devices.controllers = [c for c in held if c is not controller]
    alias = plug_in(Plug(state, vm, name, device, whole))
    with vm.lock:
        state.bus.emit(vm.ref, EventID.DEVICE_ADDED, kind.added(alias))


def _controllers(vm: DomainObj, whole: Domain, device: Any) -> list[Controller]:
    """Those that the guest gets because the device needs them."""
    has = {(c.type, c.index) for c in vm.definition.devices.controllers}
    return [
        c for c in whole.devices.controllers if (c.type, c.index) not in has and c is not device
    ]


def plug_in(plug: Plug) -> str:
    """Everything from the host's side to the guest's; its name in QEMU.

    :raises libvirtError: all that was made has been taken back
    """
    kind: Kind = KINDS[plug.name]
    vm, device = plug.vm, plug.device
    try:
        with plug.undo:
            kind.check(plug)
            _announce(plug)
            kind.prepare(plug)
            host.acquire(plug.state, vm, plug.whole, plug.undo)
            reach("plug-prepared")
            _run(plug, kind)
            reach("plug-added")
            kind.plugged(plug)
            with vm.lock:
                kind.insert(vm.definition, device)
                vm.private.plugging.clear()
            plug.undo.pop_all()
    except libvirtError:
        audit.device(vm, plug.name, None, device, "attach", success=False)
        if vm.active:
            status.try_save(plug.state, vm)
        raise
    finally:
        plug.close_fds()
    audit.device(vm, plug.name, None, device, "attach")
    status.try_save(plug.state, vm)
    reach("plug-done")
    return str(device.alias)


def _announce(plug: Plug) -> None:
    """Whoever comes after our death knows what may be half there."""
    private = plug.private
    with plug.vm.lock:
        private.plugging.append((plug.name, plug.device))
    plug.undo.callback(private.plugging.clear)
    plug.note()


def _run(plug: Plug, kind: Kind) -> None:
    for command in qmp.commands(kind.options(plug)):
        done = plug.run(command)
        if command.name == "chardev-add" and isinstance(done, dict) and "pty" in done:
            plug.device.source_path = str(done["pty"])
