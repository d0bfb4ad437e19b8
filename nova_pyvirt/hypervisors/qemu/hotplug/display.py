# SPDX-License-Identifier: Apache-2.0
"""Changing a display of a running guest: its password (qemuDomainChangeGraphics)."""

import calendar
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.hotplug import compat
from nova_pyvirt.hypervisors.qemu.hotplug.find import find
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.graphics import Graphics
from nova_pyvirt.util.native import time


def change_graphics(state: QemuState, vm: DomainObj, new: Graphics) -> None:
    """
    :raises libvirtError: DEVICE_MISSING, OPERATION_UNSUPPORTED for what can't be changed,
        INTERNAL_ERROR for a kind nothing can be changed of; what QEMU says
    """
    old = find(vm.definition, "graphics", new)
    if old is None:
        detail = f"cannot find existing graphics device to modify of type '{new.type}'"
        raise errors.error(Code.DEVICE_MISSING, detail)
    compat.check(vm.definition, "graphics", new, old, live=True)
    _check_listens(old, new)
    if new.type not in ("vnc", "spice"):
        detail = f"unable to change config on '{new.type}' graphics type"
        raise errors.error(Code.INTERNAL_ERROR, detail)
    ports = ("port", "tls_port") if new.type == "spice" else ("port",)
    if bool(old.autoport) != bool(new.autoport) or (
        not new.autoport and any(getattr(old, n) != getattr(new, n) for n in ports)
    ):
        raise _fixed(f"port settings on {new.type} graphics")
    if (old.keymap or None) != (new.keymap or None):
        raise _fixed(f"keymap setting on {new.type} graphics")
    _password(state, vm, old, new)


def _fixed(what: str) -> libvirtError:
    return errors.error(Code.OPERATION_UNSUPPORTED, f"cannot change {what}")


def _check_listens(old: Graphics, new: Graphics) -> None:
    where = f"on '{new.type}' graphics"
    if len(old.listens) != len(new.listens):
        raise _fixed(f"the number of listen addresses {where}")
    for one, other in zip(old.listens, new.listens, strict=True):
        if one.type != other.type:
            raise _fixed(f"the type of listen address {where}")
        names = {"address": "address", "network": "network", "socket": "socket"}
        name = names.get(one.type)
        if name is not None and getattr(one, name) != getattr(other, name):
            what = "socket" if name == "socket" else "address"
            raise _fixed(f"listen {what} setting {where}")


def _password(state: QemuState, vm: DomainObj, old: Graphics, new: Graphics) -> None:
    names = ("password", "password_valid_to", "connected")
    again = old.password_valid_to or new.password_valid_to or new.connected == "disconnect"
    if not again and all(getattr(old, n) == getattr(new, n) for n in names):
        return
    default = state.settings.vnc_password if new.type == "vnc" else None
    password = new.password if new.password is not None else default
    if password is not None:
        args: dict[str, Any] = {"protocol": new.type, "password": password}
        if new.connected:
            args["connected"] = new.connected
        mon = vm.private.mon
        mon.command("set_password", args)
        when = expiry(password, new.password_valid_to)
        mon.command("expire_password", {"protocol": new.type, "time": when})
    with vm.lock:
        for name in names:
            old.__dict__[name] = new.__dict__.get(name)


def expiry(password: str, valid_to: str | None) -> str:
    """When a password ends, as QEMU takes it; an empty one lets nobody in.

    :param valid_to: e.g. 2026-11-25T12:00:00, UTC
    """
    until = None
    if valid_to:
        until = calendar.timegm(time.strptime(valid_to, "%Y-%m-%dT%H:%M:%S"))
    if password == "" or (until is not None and until <= time.time()):
        return "now"
    return "never" if until is None else str(until)
