# SPDX-License-Identifier: Apache-2.0
"""What the host gives a guest: memory, processors, NUMA nodes, block weight, threads."""

from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.kinds import (
    CPUSET,
    NODESET,
    PINSET,
    YES_NO,
    Count,
    CPUSet,
    Int,
    Loose,
    Memory,
    Natural,
    Positive,
    Refusal,
    Scaled,
    UInt,
    Value,
    Word,
    enum,
    lacking,
    missing,
    to_kib,
    uint,
)
from nova_pyvirt.model.xmlbind import Context, Element, child, children, field, flag

ULL = UInt(64)
LL = Int(64)
#: KiB at and beyond which a limit is none
UNLIMITED = 9007199254740991


class HugePage(Element):
    """<page>. Size in KiB."""

    TAG = "page"
    size = field("@size", Scaled("./@size"), blank=True)
    unit = field("@unit")
    nodeset = field("@nodeset", NODESET)

    def after_parse(self, node: etree._Element) -> None:
        if self.size is None:
            raise lacking("./@size")
        self.size, self.unit = to_kib(self.size, self.unit or "KiB"), "KiB"
        if not self.size:
            raise errors.error(Code.XML_DETAIL, "hugepage size can't be zero", domain=From.DOMAIN)


def _backing(element: str, attribute: str, *words: str) -> Any:
    detail = f"unknown memoryBacking/{element}/{attribute} '%s'"
    return field(f"{element}/@{attribute}", Word(detail, *words), blank=True)


class MemoryBacking(Element):
    """<memoryBacking>."""

    TAG = "memoryBacking"
    KEEP = False
    hugepages = flag("hugepages")
    pages = children("hugepages/page", HugePage)
    nosharepages = flag("nosharepages")
    locked = flag("locked")
    source = _backing("source", "type", "file", "anonymous", "memfd")
    access = _backing("access", "mode", "shared", "private")
    allocation = _backing("allocation", "mode", "immediate", "ondemand")
    allocation_threads = field(
        "allocation/@threads",
        Value("Failed to parse memory allocation threads", uint()),
        blank=True,
    )
    discard = flag("discard")


class Sched(Element):
    """<vcpusched>, <iothreadsched>, <emulatorsched>."""

    TAG = "vcpusched"
    vcpus = field("@vcpus", CPUSET, of=("vcpusched",))
    iothreads = field("@iothreads", CPUSET, of=("iothreadsched",))
    scheduler = field("@scheduler", enum("batch", "idle", "fifo", "rr"))
    priority = field("@priority", Int(), show=lambda sched, ctx: sched.scheduler in ("fifo", "rr"))

    def after_parse(self, node: etree._Element) -> None:
        tag = str(node.tag)
        name = tag.removesuffix("sched") + "s"
        if name in ("vcpus", "iothreads"):
            numbers = self.__dict__.get(name)
            if numbers is None:
                raise Refusal(f"Missing attribute '{name}' in element '{tag}'").error()
            if not numbers:
                detail = f"'{name}' scheduler bitmap '{node.get(name)}' is empty"
                raise Refusal(detail, Code.CONFIG_UNSUPPORTED).error()
        if self.scheduler is None:
            raise missing("scheduler", tag)
        if self.scheduler not in ("fifo", "rr"):
            self.priority = None
        elif self.priority is None:
            raise missing("priority", tag)

    @classmethod
    def kinds_of(cls, node: etree._Element) -> tuple[str]:
        """What is scheduled: the tag says."""
        return (str(node.tag),)


class Pin(Element):
    """<vcpupin>, <iothreadpin>."""

    TAG = "vcpupin"
    vcpu = field("@vcpu", uint(), of=("vcpupin",))
    iothread = field("@iothread", Positive(), of=("iothreadpin",))
    cpuset = field("@cpuset", PINSET)

    def after_parse(self, node: etree._Element) -> None:
        (tag,) = self.kinds_of(node)
        name = tag.removesuffix("pin")
        if self.__dict__.get(name) is None:
            raise missing(name, tag)
        if self.cpuset is None:
            raise Refusal(f"missing cpuset for {tag}", Code.INTERNAL_ERROR).error()

    @classmethod
    def kinds_of(cls, node: etree._Element) -> tuple[str]:
        """What is pinned: the tag says."""
        return (str(node.tag),)


class _ResctrlVcpus(CPUSet):
    """vCPUs of a group; the error names the element."""

    def parse(self, text: str, attribute: str, element: str) -> str:
        try:
            return super().parse(text, attribute, element)
        except errors.libvirtError:
            detail = f"Invalid {element} attribute 'vcpus' value '{text}'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN) from None


_VCPUS = _ResctrlVcpus()


class Cache(Element):
    """<cachetune><cache>."""

    TAG = "cache"
    id = field("@id", uint(), required=True)
    level = field("@level", uint(), required=True)
    type = field("@type", enum("both", "code", "data"), required=True)
    size = field("@size", Scaled("./@size"), blank=True)
    unit = field("@unit")


class CacheMonitor(Element):
    """<cachetune><monitor>."""

    TAG = "monitor"
    level = field("@level", uint(), required=True)
    vcpus = field("@vcpus", _VCPUS, required=Refusal("Missing monitor attribute 'vcpus'"))


class CacheTune(Element):
    """<cachetune>."""

    TAG = "cachetune"
    vcpus = field("@vcpus", _VCPUS, required=Refusal("Missing cachetune attribute 'vcpus'"))
    id = field("@id", live=True)
    caches = children("cache", Cache)
    monitors = children("monitor", CacheMonitor)


class BandwidthNode(Element):
    """<memorytune><node>."""

    TAG = "node"
    id = field("@id", uint(), required=True)
    bandwidth = field("@bandwidth", uint(), required=True)


class MemoryTune(Element):
    """<memorytune>."""

    TAG = "memorytune"
    vcpus = field("@vcpus", _VCPUS, required=Refusal("Missing memorytune attribute 'vcpus'"))
    id = field("@id", live=True)
    nodes = children("node", BandwidthNode)


def _given(name: str, kind: Value | UInt | Int) -> Any:
    """A number that is not written when it is 0."""
    return field(name, kind, show=lambda tune, ctx: bool(tune.__dict__.get(name)))


class CPUTune(Element):
    """<cputune>."""

    TAG = "cputune"
    KEEP = False
    shares = field("shares", Value("can't parse cputune shares value", ULL))
    period = _given("period", Value("can't parse cputune period value", ULL))
    quota = _given("quota", Value("can't parse cputune quota value", LL))
    global_period = _given("global_period", Value("can't parse cputune global period value", ULL))
    global_quota = _given("global_quota", Value("can't parse cputune global quota value", LL))
    emulator_period = _given(
        "emulator_period", Value("can't parse cputune emulator period value", ULL)
    )
    emulator_quota = _given("emulator_quota", Value("can't parse cputune emulator quota value", LL))
    iothread_period = _given(
        "iothread_period", Value("can't parse cputune iothread period value", ULL)
    )
    iothread_quota = _given("iothread_quota", Value("can't parse cputune iothread quota value", LL))
    vcpupins = children("vcpupin", Pin)
    emulator_cpuset = field(
        "emulatorpin/@cpuset",
        PINSET,
        required=Refusal("missing cpuset for emulatorpin", Code.INTERNAL_ERROR),
        once=Refusal("only one emulatorpin is supported"),
    )
    iothreadpins = children("iothreadpin", Pin)
    emulatorsched = child(
        "emulatorsched", Sched, once=Refusal("only one emulatorsched is supported")
    )
    vcpuscheds = children("vcpusched", Sched)
    iothreadscheds = children("iothreadsched", Sched)
    cachetunes = children("cachetune", CacheTune)
    memorytunes = children("memorytune", MemoryTune)

    def after_parse(self, node: etree._Element) -> None:
        for name in ("period", "global_period", "emulator_period", "iothread_period"):
            self._range(name, 1000, 1000000)
        for name in ("quota", "global_quota", "emulator_quota", "iothread_quota"):
            self._range(name, 1000, 17592186044415)
        self._check_pins()
        self.vcpupins.sort(key=lambda pin: pin.vcpu or 0)

    def _check_pins(self) -> None:
        seen: set[int] = set()
        for pin in self.vcpupins:
            if pin.vcpu in seen:
                detail = f"duplicate vcpupin for vcpu '{pin.vcpu}'"
                raise Refusal(detail, Code.INTERNAL_ERROR).error()
            seen.add(pin.vcpu)
        seen = set()
        for pin in self.iothreadpins:
            if pin.iothread in seen:
                detail = f"duplicate iothreadpin for same iothread '{pin.iothread}'"
                raise Refusal(detail, Code.INTERNAL_ERROR).error()
            seen.add(pin.iothread)

    def _range(self, name: str, low: int, high: int) -> None:
        value = self.__dict__.get(name)
        if value and (value > high or (0 <= value < low)):
            detail = f"Value of cputune '{name}' must be in range [{low}, {high}]"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)


_MODES = ("strict", "preferred", "interleave", "restrictive")


class MemNode(Element):
    """<memnode>."""

    TAG = "memnode"
    cellid = field("@cellid", uint(), required=True)
    mode = field("@mode", enum(*_MODES))
    nodeset = field(
        "@nodeset",
        NODESET,
        required=Refusal("Missing required nodeset attribute in memnode element"),
    )

    def after_parse(self, node: etree._Element) -> None:
        self.mode = self.mode or "strict"


class NumaTune(Element):
    """<numatune>."""

    TAG = "numatune"
    KEEP = False
    mode = field("memory/@mode", Word("Unsupported NUMA memory tuning mode '%s'", *_MODES))
    nodeset = field("memory/@nodeset", NODESET, show=lambda tune, ctx: tune.placement != "auto")
    placement = field(
        "memory/@placement",
        Word("Unsupported NUMA memory placement mode '%s'", "default", "static", "auto"),
        show=lambda tune, ctx: tune.placement == "auto",
    )
    memnodes = children("memnode", MemNode)

    def after_parse(self, node: etree._Element) -> None:
        memory = node.find("memory")
        if self.placement == "default":
            self.placement = None
        if memory is not None and self.mode is None:
            self.mode = "strict"
        if self.nodeset is not None and self.placement != "auto":
            self.placement = "static"
        if memory is not None and self.placement == "static" and self.nodeset is None:
            detail = "nodeset for NUMA memory tuning must be set if 'placement' is 'static'"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)
        self.memnodes.sort(key=lambda item: item.cellid or 0)


def _limited(name: str) -> Any:
    kind = Memory(place=f"./memtune/{name}[1]")
    return field(name, kind, show=lambda tune, ctx: tune.__dict__.get(name, 0) < UNLIMITED)


_GUARANTEE = Memory(place="./memtune/min_guarantee[1]")


class MemTune(Element):
    """<memtune>. KiB."""

    TAG = "memtune"
    KEEP = False
    hard_limit = _limited("hard_limit")
    soft_limit = _limited("soft_limit")
    min_guarantee = field(
        "min_guarantee", _GUARANTEE, show=lambda tune, ctx: tune.min_guarantee > 0
    )
    swap_hard_limit = _limited("swap_hard_limit")


def _limit(name: str, kind: UInt) -> Any:
    detail = f"could not parse {name.replace('_', ' ')} %s"
    return field(name, Value(detail, kind, Code.CONFIG_UNSUPPORTED))


class BlkioDevice(Element):
    """<blkiotune><device>."""

    TAG = "device"
    path = field("path")
    weight = _limit("weight", Count())
    read_iops_sec = _limit("read_iops_sec", Count())
    write_iops_sec = _limit("write_iops_sec", Count())
    read_bytes_sec = _limit("read_bytes_sec", Count(64))
    write_bytes_sec = _limit("write_bytes_sec", Count(64))

    def after_parse(self, node: etree._Element) -> None:
        if not self.path:
            raise Refusal("missing per-device path", Code.CONFIG_UNSUPPORTED).error()


def _limits(device: BlkioDevice) -> bool:
    """Does it limit anything?"""
    values = device.__dict__
    return any(value for name, value in values.items() if name != "path")


class BlkioTune(Element):
    """<blkiotune>."""

    TAG = "blkiotune"
    KEEP = False
    weight = field("weight", Loose(uint()), show=lambda tune, ctx: bool(tune.weight))
    devices = children("device", BlkioDevice)

    def before_format(self, ctx: Context) -> "BlkioTune":
        shown = self.copy()
        shown.devices = [device for device in shown.devices if _limits(device)]
        return shown


class IOThread(Element):
    """<iothreadids><iothread>."""

    TAG = "iothread"
    id = field("@id", Positive(), required=True)
    thread_pool_min = field("@thread_pool_min", Natural())
    thread_pool_max = field("@thread_pool_max", Natural())
    #: made up because <iothreads> says more than there are ids
    autofill = False


class DefaultIOThread(Element):
    """<defaultiothread>: the main loop's thread pool."""

    TAG = "defaultiothread"
    thread_pool_min = field("@thread_pool_min", Natural())
    thread_pool_max = field("@thread_pool_max", Natural())


class VCPU(Element):
    """<vcpus><vcpu>."""

    TAG = "vcpu"
    id = field("@id", uint(), required=True)
    enabled = field("@enabled", YES_NO, required=True)
    hotpluggable = field("@hotpluggable", YES_NO)
    order = field("@order", uint())


_PERF = (
    "cmt", "mbmt", "mbml", "cpu_cycles", "instructions", "cache_references", "cache_misses",
    "branch_instructions", "branch_misses", "bus_cycles", "stalled_cycles_frontend",
    "stalled_cycles_backend", "ref_cpu_cycles", "cpu_clock", "task_clock", "page_faults",
    "context_switches", "cpu_migrations", "page_faults_min", "page_faults_maj",
    "alignment_faults", "emulation_faults",
)  # fmt: skip


class PerfEvent(Element):
    """<perf><event>."""

    TAG = "event"
    name = field("@name", enum(*_PERF))
    enabled = field("@enabled", YES_NO, required=True)

    def place(self) -> int:
        """Where it is shown among the others."""
        return _PERF.index(self.name) if self.name in _PERF else len(_PERF)


class Resource(Element):
    """<resource>."""

    TAG = "resource"
    KEEP = False
    partition = field("partition")
    appid = field("fibrechannel/@appid", blank=True)
