# SPDX-License-Identifier: Apache-2.0
"""<video>."""

from typing import Any

from lxml import etree

from nova_pyvirt.errors import Code
from nova_pyvirt.model.devices.common import VIRTIO_OPTIONS, Device
from nova_pyvirt.model.kinds import YES_NO, Loose, Refusal, Value, Word, enum, uint
from nova_pyvirt.model.xmlbind import field, flag

MODELS = Word(
    "unknown video model '%s'",
    "default", "vga", "cirrus", "vmvga", "xen", "vbox", "qxl", "parallels", "virtio", "gop", "none",
    "bochs", "ramfb",
)  # fmt: skip


def _size(name: str) -> Any:
    return field(f"model/@{name}", Value(f"cannot parse video {name} '%s'", uint()), blank=True)


def _accelerated(video: "Video") -> bool:
    return any(v is not None for v in (video.accel2d, video.accel3d, video.rendernode))


class Video(Device, virtio=True):
    """A display adapter. Memory sizes in KiB."""

    TAG = "video"
    FIRST = VIRTIO_OPTIONS
    driver_name = field("driver/@name", enum("default", "qemu", "vhostuser"))
    vgaconf = field("driver/@vgaconf", enum("io", "on", "off"))
    model = field("model/@type", MODELS, blank=True)
    ram = _size("ram")
    vram = _size("vram")
    vram64 = _size("vram64")
    vgamem = _size("vgamem")
    heads = field(
        "model/@heads",
        Value("cannot parse video heads '%s'", uint(), Code.INTERNAL_ERROR),
        blank=True,
    )
    primary = field("model/@primary", Loose(YES_NO), blank=True)
    accelerated = flag("model/acceleration", show=lambda video, ctx: _accelerated(video))
    accel2d = field("model/acceleration/@accel2d", YES_NO)
    accel3d = field("model/acceleration/@accel3d", YES_NO)
    rendernode = field("model/acceleration/@rendernode")
    x = field("model/resolution/@x", uint(), required=True)
    y = field("model/resolution/@y", uint(), required=True)

    def after_parse(self, node: etree._Element) -> None:
        for name in ("ram", "vram64", "vgamem"):
            if self.__dict__.get(name) and self.model not in ("qxl", "none"):
                detail = f"{name} attribute only supported for video type qxl"
                raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
        if self.accelerated and not _accelerated(self):
            detail = "missing values for acceleration"
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
