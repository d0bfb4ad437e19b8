# SPDX-License-Identifier: Apache-2.0
"""The definition of a domain: <domain> and what isn't a device in it."""

import uuid as uuids
from typing import Any, Self

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model import document, metadata, qemuns
from nova_pyvirt.model.boot import OS
from nova_pyvirt.model.clock import Clock
from nova_pyvirt.model.cpu import CPU
from nova_pyvirt.model.devices.devices import Devices
from nova_pyvirt.model.features import Features
from nova_pyvirt.model.kinds import (
    CPUSET,
    MEMORY,
    ON_OFF,
    YES_NO,
    Int,
    Refusal,
    Value,
    Word,
    enum,
    uint,
    uuid,
)
from nova_pyvirt.model.security import IDMap, KeyWrap, LaunchSecurity, SecLabel, check_models
from nova_pyvirt.model.sysinfo import Sysinfo
from nova_pyvirt.model.tuning import (
    VCPU,
    BlkioTune,
    CPUTune,
    DefaultIOThread,
    IOThread,
    MemoryBacking,
    MemTune,
    NumaTune,
    PerfEvent,
    Resource,
)
from nova_pyvirt.model.writer import Writer
from nova_pyvirt.model.xmlbind import (
    Context,
    Element,
    child,
    children,
    field,
    raw,
    read_attributes,
    read_elements,
)

_QEMU = "{" + qemuns.URI + "}"
_ACTIONS = ("destroy", "restart", "rename-restart", "preserve", "coredump-destroy",
            "coredump-restart")  # fmt: skip
#: types of <domain> that libvirt knows; ours are kvm and qemu
_TYPES = Word(
    "invalid domain type %s",
    "none", "qemu", "kqemu", "kvm", "xen", "lxc", "uml", "openvz", "test", "vmware", "hyperv",
    "vbox", "phyp", "parallels", "bhyve", "vz", "hvf", code=Code.CONFIG_UNSUPPORTED,
)  # fmt: skip


#: when an element is read; the others in between
_STAGES = dict.fromkeys(("name", "uuid", "genid", "os", "title", "seclabel"), 0) | {"devices": 2}


def _action(when: str) -> Any:
    return field(when, Word(f"unknown {when} action: %s", *_ACTIONS))


#: each needs a place that none of the others has; no machine of QEMU's has more
MAX_DEVICES = 2048


class Domain(Element):
    """A domain's definition. Memory in KiB.

    :ivar incomplete: it lacks the defaults that only its emulator's capabilities tell
    """

    incomplete = False
    TAG = "domain"
    type = field("@type", _TYPES, blank=True)
    id = field("@id", Int(), live=True)
    name = field("name")
    uuid = field("uuid")
    genid = field("genid", blank=False, once=Refusal("element 'genid' can only appear once"))
    title = field("title")
    description = field("description")
    metadata = raw("metadata")
    max_memory_slots = field(
        "maxMemory/@slots", Value("Failed to parse memory slot count", uint()), blank=True
    )
    max_memory = field("maxMemory", MEMORY)
    memory = field("memory", MEMORY)
    dump_core = field("memory/@dumpCore", ON_OFF)
    current_memory = field("currentMemory", MEMORY)
    blkiotune = child("blkiotune", BlkioTune)
    memtune = child("memtune", MemTune)
    memory_backing = child("memoryBacking", MemoryBacking)
    vcpu_placement = field("vcpu/@placement", enum("static", "auto"))
    vcpu_cpuset = field("vcpu/@cpuset", CPUSET)
    vcpu_current = field("vcpu/@current", uint())
    vcpu_max = field(
        "vcpu", Value("maximum vcpus count must be an integer", uint(), Code.XML_ERROR), blank=False
    )
    vcpus = children("vcpus/vcpu", VCPU)
    iothreads = field("iothreads", Value("invalid iothreads count '%s'", uint(), Code.XML_ERROR))
    iothread_ids = children(
        "iothreadids/iothread",
        IOThread,
        show=lambda domain, ctx: any(not t.autofill for t in domain.iothread_ids),
    )
    default_iothread = child("defaultiothread", DefaultIOThread)
    cputune = child("cputune", CPUTune)
    numatune = child("numatune", NumaTune, once=Refusal("only one numatune is supported"))
    resource = child("resource", Resource, once=Refusal("only one resource element is supported"))
    sysinfos = children("sysinfo", Sysinfo)
    bootloader = field("bootloader")
    bootloader_args = field("bootloader_args")
    os = child("os", OS)
    uid_maps = children("idmap/uid", IDMap)
    gid_maps = children("idmap/gid", IDMap)
    features = child("features", Features)
    cpu = child("cpu", CPU)
    clock = child("clock", Clock)
    on_poweroff = _action("on_poweroff")
    on_reboot = _action("on_reboot")
    on_crash = _action("on_crash")
    on_lockfailure = field(
        "on_lockfailure",
        Word("unknown on_lockfailure action: %s", "poweroff", "restart", "pause", "ignore"),
    )
    suspend_to_mem = field("pm/suspend-to-mem/@enabled", YES_NO)
    suspend_to_disk = field("pm/suspend-to-disk/@enabled", YES_NO)
    perf_events = children("perf/event", PerfEvent)
    devices = child("devices", Devices)
    seclabels = children("seclabel", SecLabel)
    keywrap = child("keywrap", KeyWrap)
    launch_security = child("launchSecurity", LaunchSecurity)
    qemu_commandline = child(f"{_QEMU}commandline", qemuns.QemuCommandline)
    qemu_capabilities = child(f"{_QEMU}capabilities", qemuns.QemuCapabilities)
    qemu_override = child(f"{_QEMU}override", qemuns.QemuOverride)
    qemu_deprecation = child(f"{_QEMU}deprecation", qemuns.QemuDeprecation)
    #: how many vCPUs the maximum was raised by since the definition was read
    vcpus_added = 0

    @classmethod
    def load(cls, xml: str | bytes) -> Self:
        """A definition from text.

        :raises libvirtError: XML_DETAIL, XML_ERROR, and what the elements' own checks say
        """
        return cls.parse(document.load(xml, "domain"))

    @classmethod
    def parse(cls, node: etree._Element) -> Self:
        """In libvirt's order, so that of several errors the same one is told: what the domain is,
        then what it gets, then its devices.

        :raises libvirtError: see load()
        """
        count = sum(len(devices) for devices in node.iterfind("devices"))
        if count > MAX_DEVICES:
            raise Refusal(f"{count} devices are too many, the maximum is {MAX_DEVICES}").error()
        self = cls()
        read_attributes(self, node)
        parts: dict[int, list[etree._Element]] = {0: [], 1: [], 2: []}
        for kid in node:
            parts[_STAGES.get(kid.tag, 1)].append(kid)
        read_elements(self, parts[0])
        self._identify(node)
        read_elements(self, parts[1])
        read_elements(self, parts[2])
        self.after_parse(node)
        return self

    def _identify(self, node: etree._Element) -> None:
        if self.os is None:
            self.os = OS()
        if not self.name:
            raise errors.error(Code.NO_NAME, domain=From.DOMAIN)
        self._check_uuid()
        if self.type is None:
            raise Refusal("missing domain type attribute", Code.INTERNAL_ERROR).error()
        self._check_name()
        if self.os.type == "exe" and not node.findtext("os/init"):
            raise Refusal("init binary must be specified").error()
        if self.title and "\n" in self.title:
            raise Refusal("Domain title can't contain newlines").error()
        check_models(self.seclabels)

    def after_parse(self, node: etree._Element) -> None:
        if self.devices is None:
            self.devices = Devices()
        if self.metadata is not None:
            metadata.tidy(self.metadata)
        self._check_told_uuid()
        self._drop_empty()

    def _drop_empty(self) -> None:
        """What says nothing is not shown either."""
        self.perf_events.sort(key=PerfEvent.place)
        self.bootloader = self.bootloader or None
        pool = self.default_iothread
        if pool is not None and pool.thread_pool_min is None and pool.thread_pool_max is None:
            self.default_iothread = None

    def _check_name(self) -> None:
        if "\n" in self.name:
            raise errors.error(Code.XML_DETAIL, "invalid char in name: \n", domain=From.XML)
        if "/" in self.name:
            detail = f"name {self.name} cannot contain '/'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)

    def _check_uuid(self) -> None:
        if self.uuid is not None:
            self.uuid = _uuid(self.uuid, "malformed uuid element")
        if self.genid == "":
            self.genid = str(uuids.uuid4())
        elif self.genid is not None:
            self.genid = _uuid(self.genid, "malformed genid element")

    def _check_told_uuid(self) -> None:
        told = self._told_uuid()
        if self.uuid is None:
            self.uuid = told or str(uuids.uuid4())
        elif told not in (None, self.uuid):
            detail = "UUID mismatch between <uuid> and <sysinfo>"
            raise Refusal(detail, Code.XML_DETAIL).error()

    def _told_uuid(self) -> str | None:
        """The uuid that SMBIOS tables say."""
        for info in self.sysinfos:
            told = info.value("system", "uuid") if info.type == "smbios" else None
            if told is not None:
                return _uuid(told, "malformed <sysinfo> uuid element")
        return None

    def namespaces(self) -> list[tuple[str, str]]:
        given = (
            self.qemu_commandline,
            self.qemu_capabilities,
            self.qemu_override,
            self.qemu_deprecation,
        )
        told = any(item is not None and any(item.__dict__.values()) for item in given)
        return [("xmlns:qemu", qemuns.URI)] if told else []

    @property
    def qemu_args(self) -> list[qemuns.QemuArg]:
        """<qemu:arg>s."""
        return self.qemu_commandline.args if self.qemu_commandline else []

    @property
    def qemu_env(self) -> list[qemuns.QemuEnv]:
        """<qemu:env>s."""
        return self.qemu_commandline.env if self.qemu_commandline else []

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
        return None if self.os.nvram is None else self.os.nvram.file

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
        return out.text()


def _uuid(text: str, detail: str) -> str:
    found = uuid(text)
    if found is None:
        raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.DOMAIN)
    return found
