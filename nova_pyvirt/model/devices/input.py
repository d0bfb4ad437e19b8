# SPDX-License-Identifier: Apache-2.0
"""<input> and <hub>."""

from lxml import etree

from nova_pyvirt.errors import Code
from nova_pyvirt.model.devices.common import VIRTIO_MODELS, VIRTIO_OPTIONS, Device
from nova_pyvirt.model.kinds import ON_OFF, Refusal, Word, enum
from nova_pyvirt.model.xmlbind import field


class Input(Device, virtio=True):
    """A pointer, a keyboard, or one of the host's input devices."""

    TAG = "input"
    FIRST = ("type", "bus", "model", *VIRTIO_OPTIONS)
    type = field(
        "@type",
        Word("unknown input device type '%s'", "mouse", "tablet", "keyboard", "passthrough",
             "evdev"),
        required=Refusal("missing input device type", Code.INTERNAL_ERROR),
    )  # fmt: skip
    bus = field(
        "@bus",
        Word("unknown input bus type '%s'", "ps2", "usb", "xen", "parallels", "virtio", "none"),
    )
    model = field("@model", Word("unknown input model '%s'", *VIRTIO_MODELS))
    source_dev = field("source/@dev")
    source_evdev = field("source/@evdev")
    grab = field("source/@grab", enum("all"))
    grab_toggle = field(
        "source/@grabToggle",
        enum("ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"),
    )
    repeat = field("source/@repeat", ON_OFF)

    def after_parse(self, node: etree._Element) -> None:
        if self.bus == "usb" and self.address is not None and self.address.type != "usb":
            raise Refusal("Invalid address for a USB device").error()
        if self.type in ("evdev", "passthrough") and node.find("source") is not None:
            if self.evdev is None:
                raise Refusal("Missing evdev path for input device").error()

    @property
    def evdev(self) -> str | None:
        """The host's device."""
        found: str | None = self.source_dev if self.type == "evdev" else self.source_evdev
        return found


class Hub(Device):
    """<hub>."""

    TAG = "hub"
    type = field(
        "@type",
        Word("unknown hub device type '%s'", "usb"),
        required=Refusal("missing hub device type", Code.INTERNAL_ERROR),
    )
