# SPDX-License-Identifier: Apache-2.0
"""Input devices and USB hubs."""

from nova_pyvirt.hypervisors.qemu.command.devices.guest import (
    Args,
    Guest,
    Props,
    device,
    option,
)
from nova_pyvirt.model.devices.input import Input

_USB = {"mouse": "usb-mouse", "tablet": "usb-tablet", "keyboard": "usb-kbd"}
_VIRTIO = {"mouse": "virtio-mouse", "tablet": "virtio-tablet", "keyboard": "virtio-keyboard",
           "passthrough": "virtio-input-host"}  # fmt: skip


def hubs(guest: Guest) -> Args:
    """-device usb-hub."""
    args: Args = []
    for item in guest.devices.hubs:
        args += device({"driver": "usb-hub", "id": item.alias, **guest.place(item)})
    return args


def inputs(guest: Guest) -> Args:
    """Tablets, mice, keyboards; PS/2 ones come with the machine."""
    args: Args = []
    for item in guest.devices.inputs:
        if item.type == "evdev":
            args += option("-object", _evdev(item))
        elif item.bus in ("usb", "virtio"):
            args += device(props(guest, item))
    return args


def props(guest: Guest, item: Input) -> Props:
    """The properties of a USB or virtio device."""
    if item.bus == "usb":
        return {"driver": _USB[item.type], "id": item.alias, **guest.place(item)}
    evdev = item.evdev if item.type == "passthrough" else None
    found = guest.virtio(item, _VIRTIO[item.type], item.model)
    return found | {"id": item.alias, "evdev": evdev, **guest.place(item)}


def _evdev(item: Input) -> Props:
    return {
        "qom-type": "input-linux",
        "id": item.alias,
        "evdev": item.evdev,
        "repeat": item.repeat,
        "grab_all": True if item.grab == "all" else None,
        "grab-toggle": item.grab_toggle,
    }
