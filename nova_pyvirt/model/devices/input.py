# SPDX-License-Identifier: Apache-2.0
"""<input> and <hub>."""

from lxml import etree

from nova_pyvirt.model.devices.common import VIRTIO_MODELS, Device
from nova_pyvirt.model.kinds import ON_OFF, enum, missing
from nova_pyvirt.model.xmlbind import field


class Input(Device, virtio=True):
    """A pointer, a keyboard, or one of the host's input devices."""

    TAG = "input"
    type = field("@type", enum("mouse", "tablet", "keyboard", "passthrough", "evdev"))
    bus = field("@bus", enum("ps2", "usb", "xen", "parallels", "virtio", "none"))
    model = field("@model", enum(*VIRTIO_MODELS))
    source_dev = field("source/@dev")
    source_evdev = field("source/@evdev")
    grab = field("source/@grab", enum("all"))
    grab_toggle = field(
        "source/@grabToggle",
        enum("ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"),
    )
    repeat = field("source/@repeat", ON_OFF)

    def after_parse(self, node: etree._Element) -> None:
        if self.type is None:
            raise missing("type", "input")

    @property
    def evdev(self) -> str | None:
        """The host's device."""
        found: str | None = self.source_dev if self.type == "evdev" else self.source_evdev
        return found


class Hub(Device):
    """<hub>."""

    TAG = "hub"
    type = field("@type", enum("usb"))
