# SPDX-License-Identifier: Apache-2.0
"""<devices>: the lists of all kinds of devices, in libvirt's order."""

from nova_pyvirt.model.devices.chardev import Channel, Console, Parallel, Serial
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.display import Graphics, Input, Video
from nova_pyvirt.model.devices.interface import Interface
from nova_pyvirt.model.devices.misc import RNG, Audio, MemBalloon, Panic, Sound, Watchdog
from nova_pyvirt.model.xmlbind import Element, child, children, field


class Devices(Element):
    """<devices>."""

    TAG = "devices"
    emulator = field("emulator")
    disks = children("disk", Disk)
    controllers = children("controller", Controller)
    interfaces = children("interface", Interface)
    serials = children("serial", Serial)
    parallels = children("parallel", Parallel)
    consoles = children("console", Console)
    channels = children("channel", Channel)
    inputs = children("input", Input)
    graphics = children("graphics", Graphics)
    sounds = children("sound", Sound)
    audios = children("audio", Audio)
    videos = children("video", Video)
    watchdogs = children("watchdog", Watchdog)
    memballoon = child("memballoon", MemBalloon)
    rngs = children("rng", RNG)
    panics = children("panic", Panic)
