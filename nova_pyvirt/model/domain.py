# SPDX-License-Identifier: Apache-2.0
"""<domain>: the definition of a guest."""

import uuid as uuids
from typing import Any, Self

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model import document
from nova_pyvirt.model.devices.chardev import Channel, Console, Parallel, Serial
from nova_pyvirt.model.devices.controller import Controller
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.model.devices.display import Graphics, Input, Video
from nova_pyvirt.model.devices.interface import Interface
from nova_pyvirt.model.devices.misc import RNG, Audio, MemBalloon, Panic, Sound, Watchdog
from nova_pyvirt.model.kinds import MEMORY, YES_NO, Int, UInt, enum, uint
from nova_pyvirt.model.system import (
    CPU,
    OS,
    VCPU,
    Clock,
    CPUTune,
    Features,
    IOThread,
    MemoryBacking,
    MemTune,
    NumaTune,
    QemuArg,
    QemuEnv,
    SecLabel,
    Sysinfo,
)
from nova_pyvirt.model.writer import Writer
from nova_pyvirt.model.xmlbind import Context, Element, child, children, field, raw

QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
_QEMU = "{" + QEMU_NAMESPACE + "}"
_LIFECYCLE = enum("destroy", "restart", "rename-restart", "preserve")
_CRASH = enum(
    "destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart"
)
#: types of <domain> that libvirt knows; ours are kvm and qemu
_TYPES = enum(
    "none", "qemu", "kqemu", "kvm", "xen", "lxc", "uml", "openvz", "test", "vmware", "hyperv",
    "vbox", "phyp", "parallels", "bhyve", "vz", "hvf",
)  # fmt: skip


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


class Domain(Element):
    """A domain's definition. Memory in KiB."""

    TAG = "domain"
    type = field("@type", _TYPES)
    id = field("@id", Int(), live=True)
    name = field("name")
    uuid = field("uuid")
    genid = field("genid")
    title = field("title")
    description = field("description")
    metadata = raw("metadata")
    max_memory_slots = field("maxMemory/@slots", uint())
    max_memory = field("maxMemory", MEMORY)
    memory = field("memory", MEMORY)
    dump_core = field("memory/@dumpCore")
    current_memory = field("currentMemory", MEMORY)
    memory_backing = child("memoryBacking", MemoryBacking)
    memtune = child("memtune", MemTune)
    vcpu_placement = field("vcpu/@placement", enum("static", "auto"))
    vcpu_cpuset = field("vcpu/@cpuset")
    vcpu_current = field("vcpu/@current", UInt(16))
    vcpu_max = field("vcpu", UInt(16))
    vcpus = children("vcpus/vcpu", VCPU)
    iothreads = field("iothreads", uint())
    iothread_ids = children("iothreadids/iothread", IOThread)
    cputune = child("cputune", CPUTune)
    numatune = child("numatune", NumaTune)
    resource = field("resource/partition", live=False)
    sysinfos = children("sysinfo", Sysinfo)
    os = child("os", OS)
    features = child("features", Features)
    cpu = child("cpu", CPU)
    clock = child("clock", Clock)
    on_poweroff = field("on_poweroff", _LIFECYCLE)
    on_reboot = field("on_reboot", _LIFECYCLE)
    on_crash = field("on_crash", _CRASH)
    suspend_to_mem = field("pm/suspend-to-mem/@enabled", YES_NO)
    suspend_to_disk = field("pm/suspend-to-disk/@enabled", YES_NO)
    devices = child("devices", Devices)
    seclabels = children("seclabel", SecLabel)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.qemu_args: list[QemuArg] = []
        self.qemu_env: list[QemuEnv] = []

    @classmethod
    def load(cls, xml: str | bytes) -> Self:
        """A definition from text.

        :raises libvirtError: XML_DETAIL, XML_ERROR, and what the elements' own checks say
        """
        return cls.parse(document.load(xml, "domain"))

    def after_parse(self, node: etree._Element) -> None:
        for arg in node.iterfind(f"{_QEMU}commandline/{_QEMU}arg"):
            self.qemu_args.append(QemuArg.parse(arg))
        for env in node.iterfind(f"{_QEMU}commandline/{_QEMU}env"):
            self.qemu_env.append(QemuEnv.parse(env))
        if self.os is None:
            self.os = OS()
        if self.devices is None:
            self.devices = Devices()
        self._check_identity()

    def _check_identity(self) -> None:
        if self.type is None:
            detail = "Missing required attribute 'type' in element 'domain'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.NONE)
        if not self.name:
            raise errors.error(Code.NO_NAME, domain=From.DOMAIN)
        if "/" in self.name:
            raise errors.error(
                Code.XML_ERROR, f"name {self.name} cannot contain '/'", domain=From.DOMAIN
            )
        if "\n" in self.name:
            raise errors.error(Code.XML_ERROR, "name cannot contain '\\n'", domain=From.DOMAIN)
        if self.uuid is None:
            self.uuid = str(uuids.uuid4())
            return
        try:
            self.uuid = str(uuids.UUID(self.uuid))
        except ValueError:
            raise errors.error(
                Code.INTERNAL_ERROR, f"malformed uuid element '{self.uuid}'", domain=From.DOMAIN
            ) from None

    @property
    def uuid_bytes(self) -> bytes:
        """The uuid as 16 bytes."""
        return uuids.UUID(self.uuid).bytes

    @property
    def vcpu_count(self) -> int:
        """vCPUs the guest starts with."""
        return int(self.vcpu_current or self.vcpu_max)

    @property
    def nvram_path(self) -> str | None:
        """The guest's own UEFI variables file."""
        return None if self.os.nvram is None else self.os.nvram.path

    def format(
        self,
        *,
        inactive: bool = False,
        secure: bool = False,
        migratable: bool = False,
        status: bool = False,
    ) -> str:
        """The definition as libvirt writes it."""
        ctx = Context(inactive or migratable, secure, migratable, status)
        out = Writer()
        self.write(out, ctx)
        return self._with_commandline(out.text())

    def _with_commandline(self, text: str) -> str:
        if not self.qemu_args and not self.qemu_env:
            return text
        out = Writer(1)
        mark = out.open("qemu:commandline", [], None)
        for arg in self.qemu_args:
            arg.write(out, Context(), "qemu:arg")
        for env in self.qemu_env:
            env.write(out, Context(), "qemu:env")
        out.close(mark, "qemu:commandline", keep=True)
        head, _, rest = text.partition(">")
        body = rest.rpartition("</domain>")[0]
        return f"{head} xmlns:qemu='{QEMU_NAMESPACE}'>{body}{out.text()}</domain>\n"
