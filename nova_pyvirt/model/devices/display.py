# SPDX-License-Identifier: Apache-2.0
"""Displays and input: <graphics>, <video>, <input>."""

from nova_pyvirt.model.devices.common import Device, address, alias
from nova_pyvirt.model.kinds import ON_OFF, YES_NO, enum, uint
from nova_pyvirt.model.xmlbind import Element, field


class Graphics(Element):
    """<graphics>."""

    TAG = "graphics"
    type = field("@type", enum("vnc", "spice", "sdl", "rdp", "desktop", "egl-headless", "dbus"))
    port = field("@port")
    tls_port = field("@tlsPort")
    autoport = field("@autoport", YES_NO)
    websocket = field("@websocket")
    listen = field("@listen")
    keymap = field("@keymap")
    password = field("@passwd", secret=True)
    share_policy = field("@sharePolicy")
    socket = field("@socket")
    listen_type = field("listen/@type", enum("none", "address", "network", "socket"))
    listen_address = field("listen/@address")
    listen_network = field("listen/@network")
    listen_socket = field("listen/@socket")


class Video(Device):
    """<video>."""

    TAG = "video"
    model = field("model/@type")
    ram = field("model/@ram", uint())
    vram = field("model/@vram", uint())
    vram64 = field("model/@vram64", uint())
    vgamem = field("model/@vgamem", uint())
    heads = field("model/@heads", uint())
    primary = field("model/@primary", YES_NO)
    blob = field("model/@blob", ON_OFF)
    accel3d = field("model/acceleration/@accel3d", YES_NO)
    alias = alias()
    address = address()


class Input(Device):
    """<input>."""

    TAG = "input"
    type = field("@type", enum("mouse", "tablet", "keyboard", "passthrough", "evdev"))
    bus = field("@bus", enum("ps2", "usb", "xen", "virtio", "none"))
    model = field("@model")
    alias = alias()
    address = address()
