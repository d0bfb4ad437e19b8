# SPDX-License-Identifier: Apache-2.0
"""<devices>: the lists of all kinds of devices, in libvirt's order."""

from collections.abc import Iterator

from lxml import etree

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.model.devices.chardev import Channel, Console, Parallel, Serial
from nova_pyvirt.model.devices.common import Device, shallow
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.filesystem import Filesystem, Shmem
from nova_pyvirt.model.devices.graphics import Graphics
from nova_pyvirt.model.devices.hostdev import Hostdev, Lease, RedirFilter
from nova_pyvirt.model.devices.input import Hub, Input
from nova_pyvirt.model.devices.interface import Interface
from nova_pyvirt.model.devices.memory import Memory
from nova_pyvirt.model.devices.misc import (
    IOMMU,
    NVRAM,
    RNG,
    Crypto,
    MemBalloon,
    Panic,
    Vsock,
    Watchdog,
)
from nova_pyvirt.model.devices.redirdev import Redirdev, Smartcard
from nova_pyvirt.model.devices.sound import Audio, Sound
from nova_pyvirt.model.devices.tpm import TPM
from nova_pyvirt.model.devices.video import Video
from nova_pyvirt.model.kinds import Refusal
from nova_pyvirt.model.writer import Writer
from nova_pyvirt.model.xmlbind import Context, Element, child, children, field

_RULES = Refusal("only one set of redirection filter rule is supported", Code.INTERNAL_ERROR)


def _single(name: str) -> Refusal:
    return Refusal(f"only a single {name} device is supported", Code.INTERNAL_ERROR)


def _detail(text: str) -> libvirtError:
    return Refusal(text, Code.XML_DETAIL).error()


def _disabled(text: str) -> libvirtError:
    return Refusal(text, Code.CONFIG_UNSUPPORTED).error()


class Devices(Element):
    """<devices>."""

    TAG = "devices"
    emulator = field("emulator")
    disks = children("disk", Disk)
    controllers = children("controller", Controller)
    leases = children("lease", Lease)
    filesystems = children("filesystem", Filesystem)
    interfaces = children("interface", Interface)
    smartcards = children("smartcard", Smartcard)
    serials = children("serial", Serial)
    parallels = children("parallel", Parallel)
    consoles = children("console", Console)
    channels = children("channel", Channel)
    inputs = children("input", Input)
    tpms = children("tpm", TPM)
    graphics = children("graphics", Graphics)
    sounds = children("sound", Sound)
    audios = children("audio", Audio)
    videos = children("video", Video)
    hostdevs = children("hostdev", Hostdev)
    redirdevs = children("redirdev", Redirdev)
    redirfilter = child("redirfilter", RedirFilter, once=_RULES)
    hubs = children("hub", Hub)
    watchdogs = children("watchdog", Watchdog, once=_single("watchdog"))
    memballoon = child("memballoon", MemBalloon, once=_single("memory balloon"))
    rngs = children("rng", RNG)
    nvram = child("nvram", NVRAM, once=_single("nvram"))
    panics = children("panic", Panic)
    shmems = children("shmem", Shmem)
    memories = children("memory", Memory)
    cryptos = children("crypto", Crypto)
    iommu = child("iommu", IOMMU, once=Refusal("only a single IOMMU device is supported"))
    vsock = child("vsock", Vsock, once=Refusal("only a single vsock device is supported"))

    def after_parse(self, node: etree._Element) -> None:
        self.check_usb()

    def check_usb(self) -> None:
        """:raises libvirtError: XML_DETAIL, CONFIG_UNSUPPORTED for devices on a bus that is off"""
        buses = [c for c in self.controllers if c.type == "usb"]
        off = any(c.model == "none" for c in buses)
        if len(buses) > 1 and off:
            raise _detail("Can't add another USB controller: USB is disabled for this domain")
        if buses and not off and all(c.master is not None for c in buses):
            raise _detail("No master USB controller specified")
        if not off:
            return
        if any(i.bus == "usb" or (i.bus is None and i.type == "tablet") for i in self.inputs):
            raise _disabled("Can't add USB input device. USB bus is disabled")
        if any(h.type == "usb" for h in self.hostdevs):
            raise _disabled("Can't add host USB device: USB is disabled in this host")
        if self.hubs:
            raise _disabled("Can't add USB hub: USB is disabled for this domain")

    def before_format(self, ctx: Context) -> "Devices":
        """The first console mirrors the first serial port, whatever became of that."""
        if not (self.consoles and self.serials and self.consoles[0].target_type == "serial"):
            return self
        shown: Devices = shallow(self)
        first = mirrored(self.serials[0])
        first.address = self.serials[0].address
        shown.consoles = [first, *self.consoles[1:]]
        return shown

    def write(self, out: Writer, ctx: Context, tag: str | None = None) -> None:
        """Shown even when there is nothing in it."""
        if any(self.__dict__.values()):
            super().write(out, ctx, tag)
        else:
            out.empty(self.TAG)

    def each(self) -> Iterator[Device]:
        """Every device that can have an alias and an address."""
        for value in self.__dict__.values():
            for item in value if isinstance(value, list) else (value,):
                if isinstance(item, Device):
                    yield item


def mirrored(serial: Serial) -> Console:
    """A console over a serial port's back-end; the place stays the port's alone."""
    found = Console(target_type="serial", port=serial.port)
    for name in ("type", "sources", "protocol", "log_file", "log_append", "alias"):
        found.__dict__[name] = serial.__dict__.get(name)
    if serial.type == "pty":
        found.tty = serial.source_path
    return found
