# SPDX-License-Identifier: Apache-2.0
"""Character devices: <serial>, <parallel>, <console>, <channel> over any back-end."""

from nova_pyvirt.model.devices.common import Device, address, alias
from nova_pyvirt.model.kinds import ON_OFF, YES_NO, enum, uint
from nova_pyvirt.model.xmlbind import field

BACKENDS = enum(
    "null", "vc", "pty", "dev", "file", "pipe", "stdio", "udp", "tcp", "unix", "spicevmc",
    "spiceport", "nmdm", "qemu-vdagent", "dbus",
)  # fmt: skip


class CharDevice(Device):
    """What all of them have."""

    type = field("@type", BACKENDS)
    tty = field("@tty", live=True)
    source_mode = field("source/@mode", enum("bind", "connect"))
    source_path = field(
        "source/@path", show=lambda dev, ctx: not (ctx.inactive and dev.type == "pty")
    )
    source_append = field("source/@append", ON_OFF)
    source_host = field("source/@host")
    source_service = field("source/@service")
    source_tls = field("source/@tls", YES_NO)
    source_channel = field("source/@channel")
    protocol = field("protocol/@type", enum("raw", "telnet", "telnets", "tls"))
    log_file = field("log/@file")
    log_append = field("log/@append", ON_OFF)


class Serial(CharDevice):
    TAG = "serial"
    target_type = field("target/@type")
    port = field("target/@port", uint())
    target_model = field("target/model/@name")
    alias = alias()
    address = address()


class Parallel(CharDevice):
    TAG = "parallel"
    port = field("target/@port", uint())
    alias = alias()
    address = address()


class Console(CharDevice):
    TAG = "console"
    target_type = field("target/@type")
    port = field("target/@port", uint())
    alias = alias()
    address = address()


class Channel(CharDevice):
    TAG = "channel"
    target_type = field("target/@type")
    target_name = field("target/@name")
    target_state = field("target/@state", live=True)
    alias = alias()
    address = address()
