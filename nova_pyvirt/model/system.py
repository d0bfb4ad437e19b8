# SPDX-License-Identifier: Apache-2.0
"""What a domain is besides its devices: boot, CPU, features, clock, tuning, SMBIOS."""

from lxml import etree

from nova_pyvirt.model.kinds import MEMORY, ON_OFF, VERBATIM, YES_NO, Hex, Int, UInt, enum, uint
from nova_pyvirt.model.xmlbind import Element, child, children, field, flag

ULL = UInt(64)
LL = Int(64)


class BootDevice(Element):
    TAG = "boot"
    dev = field("@dev", enum("fd", "hd", "cdrom", "network"))


class Loader(Element):
    TAG = "loader"
    readonly = field("@readonly", YES_NO)
    secure = field("@secure", YES_NO)
    type = field("@type", enum("rom", "pflash"))
    stateless = field("@stateless", YES_NO)
    path = field(".")


class Nvram(Element):
    TAG = "nvram"
    template = field("@template")
    type = field("@type")
    path = field(".")


class FirmwareFeature(Element):
    TAG = "feature"
    enabled = field("@enabled", YES_NO)
    name = field("@name", enum("enrolled-keys", "secure-boot"))


class OS(Element):
    """<os>."""

    TAG = "os"
    firmware = field("@firmware", enum("bios", "efi"))
    arch = field("type/@arch")
    machine = field("type/@machine")
    type = field("type")
    firmware_features = children("firmware/feature", FirmwareFeature)
    loader = child("loader", Loader)
    nvram = child("nvram", Nvram)
    kernel = field("kernel")
    initrd = field("initrd")
    cmdline = field("cmdline")
    dtb = field("dtb")
    boots = children("boot", BootDevice)
    bootmenu = field("bootmenu/@enable", YES_NO)
    bootmenu_timeout = field("bootmenu/@timeout", uint())
    bios_useserial = field("bios/@useserial", YES_NO)
    reboot_timeout = field("bios/@rebootTimeout", Int())
    smbios_mode = field("smbios/@mode", enum("emulate", "host", "sysinfo"))


class CPUFeature(Element):
    TAG = "feature"
    policy = field("@policy", enum("force", "require", "optional", "disable", "forbid"))
    name = field("@name")


class NumaCell(Element):
    TAG = "cell"
    id = field("@id", uint())
    cpus = field("@cpus")
    memory = field("@memory")
    unit = field("@unit")
    mem_access = field("@memAccess", enum("shared", "private"))
    discard = field("@discard", YES_NO)


class CPU(Element):
    """<cpu> of a domain."""

    TAG = "cpu"
    mode = field("@mode", enum("custom", "host-model", "host-passthrough", "maximum"))
    match = field("@match", enum("minimum", "exact", "strict"))
    check = field("@check", enum("none", "partial", "full"))
    migratable = field("@migratable", ON_OFF)
    model_fallback = field("model/@fallback", enum("allow", "forbid"))
    model_vendor_id = field("model/@vendor_id")
    model = field("model")
    vendor = field("vendor")
    sockets = field("topology/@sockets", uint())
    dies = field("topology/@dies", uint())
    cores = field("topology/@cores", uint())
    threads = field("topology/@threads", uint())
    cache_level = field("cache/@level", uint())
    cache_mode = field("cache/@mode", enum("emulate", "passthrough", "disable"))
    maxphysaddr_mode = field("maxphysaddr/@mode", enum("emulate", "passthrough"))
    maxphysaddr_bits = field("maxphysaddr/@bits", uint())
    features = children("feature", CPUFeature)
    cells = children("numa/cell", NumaCell)


class Features(Element):
    """<features>."""

    TAG = "features"
    acpi = flag("acpi")
    apic = flag("apic")
    apic_eoi = field("apic/@eoi", ON_OFF)
    pae = flag("pae")
    hap = field("hap/@state", ON_OFF)
    kvm_hidden = field("kvm/hidden/@state", ON_OFF)
    kvm_hint_dedicated = field("kvm/hint-dedicated/@state", ON_OFF)
    kvm_poll_control = field("kvm/poll-control/@state", ON_OFF)
    pmu = field("pmu/@state", ON_OFF)
    smm = field("smm/@state", ON_OFF)
    ioapic = field("ioapic/@driver", enum("kvm", "qemu"))
    vmport = field("vmport/@state", ON_OFF)
    vmcoreinfo = field("vmcoreinfo/@state", ON_OFF)

    def after_parse(self, node: etree._Element) -> None:
        if node.find("vmcoreinfo") is not None and self.vmcoreinfo is None:
            self.vmcoreinfo = True


class Timer(Element):
    TAG = "timer"
    name = field("@name", enum("platform", "pit", "rtc", "hpet", "tsc", "kvmclock", "hypervclock"))
    present = field("@present", YES_NO)
    tickpolicy = field("@tickpolicy", enum("delay", "catchup", "merge", "discard"))
    track = field("@track", enum("boot", "guest", "wall"))
    frequency = field("@frequency", ULL)
    mode = field("@mode")


class Clock(Element):
    """<clock>."""

    TAG = "clock"
    offset = field("@offset", enum("utc", "localtime", "variable", "timezone", "absolute"))
    adjustment = field("@adjustment")
    basis = field("@basis", enum("utc", "localtime"))
    timezone = field("@timezone")
    start = field("@start", LL)
    timers = children("timer", Timer)


class SysinfoEntry(Element):
    TAG = "entry"
    name = field("@name")
    file = field("@file")
    text = field(".", VERBATIM)


class Sysinfo(Element):
    """<sysinfo type='smbios'>."""

    TAG = "sysinfo"
    type = field("@type", enum("smbios", "fwcfg"))
    bios = children("bios/entry", SysinfoEntry)
    system = children("system/entry", SysinfoEntry)
    base_board = children("baseBoard/entry", SysinfoEntry)
    chassis = children("chassis/entry", SysinfoEntry)
    oem_strings = children("oemStrings/entry", SysinfoEntry)
    entries = children("entry", SysinfoEntry)


class HugePage(Element):
    TAG = "page"
    size = field("@size", ULL)
    unit = field("@unit")
    nodeset = field("@nodeset")


class MemoryBacking(Element):
    TAG = "memoryBacking"
    hugepages = flag("hugepages")
    pages = children("hugepages/page", HugePage)
    nosharepages = flag("nosharepages")
    locked = flag("locked")
    source = field("source/@type", enum("file", "anonymous", "memfd"))
    access = field("access/@mode", enum("shared", "private"))
    allocation = field("allocation/@mode", enum("immediate", "ondemand"))
    discard = flag("discard")


class Pin(Element):
    """<vcpupin>, <iothreadpin>."""

    TAG = "vcpupin"
    vcpu = field("@vcpu", uint())
    iothread = field("@iothread", uint())
    cpuset = field("@cpuset")


class CPUTune(Element):
    TAG = "cputune"
    shares = field("shares", ULL)
    period = field("period", ULL)
    quota = field("quota", LL)
    global_period = field("global_period", ULL)
    global_quota = field("global_quota", LL)
    emulator_period = field("emulator_period", ULL)
    emulator_quota = field("emulator_quota", LL)
    vcpupins = children("vcpupin", Pin)
    emulator_cpuset = field("emulatorpin/@cpuset")
    iothreadpins = children("iothreadpin", Pin)


class MemNode(Element):
    TAG = "memnode"
    cellid = field("@cellid", uint())
    mode = field("@mode", enum("strict", "preferred", "interleave", "restrictive"))
    nodeset = field("@nodeset")


class NumaTune(Element):
    TAG = "numatune"
    mode = field("memory/@mode", enum("strict", "preferred", "interleave", "restrictive"))
    nodeset = field("memory/@nodeset")
    placement = field("memory/@placement", enum("static", "auto"))
    memnodes = children("memnode", MemNode)


class MemTune(Element):
    TAG = "memtune"
    hard_limit = field("hard_limit", MEMORY)
    soft_limit = field("soft_limit", MEMORY)
    min_guarantee = field("min_guarantee", MEMORY)
    swap_hard_limit = field("swap_hard_limit", MEMORY)


class SecLabel(Element):
    TAG = "seclabel"
    type = field("@type", enum("none", "dynamic", "static"))
    model = field("@model")
    relabel = field("@relabel", YES_NO)
    label = field("label", live=False)
    imagelabel = field("imagelabel", live=True)
    baselabel = field("baselabel")


class IOThread(Element):
    TAG = "iothread"
    id = field("@id", uint())


class VCPU(Element):
    """<vcpus><vcpu/>."""

    TAG = "vcpu"
    id = field("@id", uint())
    enabled = field("@enabled", YES_NO)
    hotpluggable = field("@hotpluggable", YES_NO)
    order = field("@order", uint())


class QemuArg(Element):
    TAG = "arg"
    value = field("@value")


class QemuEnv(Element):
    TAG = "env"
    name = field("@name")
    value = field("@value")


PCI_WORD = Hex(4)
