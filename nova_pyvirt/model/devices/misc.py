# SPDX-License-Identifier: Apache-2.0
"""Small devices: <rng>, <memballoon>, <audio>, <sound>, <watchdog>, <panic>."""

from nova_pyvirt.model.devices.common import Device, address, alias
from nova_pyvirt.model.kinds import ON_OFF, enum, uint
from nova_pyvirt.model.xmlbind import Element, field


class RNG(Device):
    """<rng>."""

    TAG = "rng"
    model = field("@model", enum("virtio", "virtio-transitional", "virtio-non-transitional"))
    rate_bytes = field("rate/@bytes", uint())
    rate_period = field("rate/@period", uint())
    backend_model = field("backend/@model", enum("random", "egd", "builtin"))
    backend = field("backend")
    alias = alias()
    address = address()


class MemBalloon(Device):
    """<memballoon>."""

    TAG = "memballoon"
    model = field(
        "@model", enum("none", "xen", "virtio", "virtio-transitional", "virtio-non-transitional")
    )
    autodeflate = field("@autodeflate", ON_OFF)
    free_page_reporting = field("@freePageReporting", ON_OFF)
    period = field("stats/@period", uint())
    alias = alias()
    address = address()


class Audio(Element):
    TAG = "audio"
    id = field("@id", uint())
    type = field("@type")


class Watchdog(Device):
    TAG = "watchdog"
    model = field("@model")
    action = field("@action")
    alias = alias()
    address = address()


class Panic(Device):
    TAG = "panic"
    model = field("@model")
    alias = alias()
    address = address()


class Sound(Device):
    TAG = "sound"
    model = field("@model")
    alias = alias()
    address = address()
