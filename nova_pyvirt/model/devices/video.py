# SPDX-License-Identifier: Apache-2.0
"""<video>."""

from nova_pyvirt.model.devices.common import Device
from nova_pyvirt.model.kinds import YES_NO, enum, uint
from nova_pyvirt.model.xmlbind import field

MODELS = enum(
    "default", "vga", "cirrus", "vmvga", "xen", "vbox", "qxl", "parallels", "virtio", "gop", "none",
    "bochs", "ramfb",
)  # fmt: skip


class Video(Device, virtio=True):
    """A display adapter. Memory sizes in KiB."""

    TAG = "video"
    driver_name = field("driver/@name", enum("default", "qemu", "vhostuser"))
    vgaconf = field("driver/@vgaconf", enum("io", "on", "off"))
    model = field("model/@type", MODELS)
    ram = field("model/@ram", uint())
    vram = field("model/@vram", uint())
    vram64 = field("model/@vram64", uint())
    vgamem = field("model/@vgamem", uint())
    heads = field("model/@heads", uint())
    primary = field("model/@primary", YES_NO)
    accel2d = field("model/acceleration/@accel2d", YES_NO)
    accel3d = field("model/acceleration/@accel3d", YES_NO)
    rendernode = field("model/acceleration/@rendernode")
    x = field("model/resolution/@x", uint())
    y = field("model/resolution/@y", uint())
