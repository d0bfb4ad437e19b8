# SPDX-License-Identifier: Apache-2.0
"""What the host gives a guest: memory, processors, NUMA nodes, block weight, threads."""

from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.kinds import (
    CPUSET,
    MEMORY,
    NODESET,
    YES_NO,
    Int,
    UInt,
    Value,
    enum,
    to_kib,
    uint,
)
from nova_pyvirt.model.xmlbind import Element, child, children, field, flag

ULL = UInt(64)
LL = Int(64)
#: KiB at and beyond which a limit is none
UNLIMITED = 9007199254740991


class HugePage(Element):
    """<page>. Size in KiB."""

    TAG = "page"
    size = field("@size", ULL)
    unit = field("@unit")
    nodeset = field("@nodeset", NODESET)

    def after_parse(self, node: etree._Element) -> None:
        self.size, self.unit = to_kib(self.size or 0, self.unit or "KiB"), "KiB"
        if not self.size:
            raise errors.error(Code.XML_DETAIL, "hugepage size can't be zero", domain=From.DOMAIN)


class MemoryBacking(Element):
    """<memoryBacking>."""

    TAG = "memoryBacking"
    KEEP = False
    hugepages = flag("hugepages")
    pages = children("hugepages/page", HugePage)
    nosharepages = flag("nosharepages")
    locked = flag("locked")
    source = field("source/@type", enum("file", "anonymous", "memfd"))
    access = field("access/@mode", enum("shared", "private"))
    allocation = field("allocation/@mode", enum("immediate", "ondemand"))
    allocation_threads = field("allocation/@threads", uint())
    discard = flag("discard")


class Sched(Element):
    """<vcpusched>, <iothreadsched>, <emulatorsched>."""

    TAG = "vcpusched"
    vcpus = field("@vcpus", CPUSET)
    iothreads = field("@iothreads", CPUSET)
    scheduler = field("@scheduler", enum("batch", "idle", "fifo", "rr"))
    priority = field("@priority", Int(), show=lambda sched, ctx: sched.scheduler in ("fifo", "rr"))


class Pin(Element):
    """<vcpupin>, <iothreadpin>."""

    TAG = "vcpupin"
    vcpu = field("@vcpu", uint())
    iothread = field("@iothread", uint())
    cpuset = field("@cpuset", CPUSET)


class Cache(Element):
    """<cachetune><cache>."""

    TAG = "cache"
    id = field("@id", uint())
    level = field("@level", uint())
    type = field("@type", enum("both", "code", "data"))
    size = field("@size", ULL)
    unit = field("@unit")


class CacheMonitor(Element):
    """<cachetune><monitor>."""

    TAG = "monitor"
    level = field("@level", uint())
    vcpus = field("@vcpus", CPUSET)


class CacheTune(Element):
    """<cachetune>."""

    TAG = "cachetune"
    vcpus = field("@vcpus", CPUSET)
    id = field("@id", live=True)
    caches = children("cache", Cache)
    monitors = children("monitor", CacheMonitor)


class BandwidthNode(Element):
    """<memorytune><node>."""

    TAG = "node"
    id = field("@id", uint())
    bandwidth = field("@bandwidth", uint())


class MemoryTune(Element):
    """<memorytune>."""

    TAG = "memorytune"
    vcpus = field("@vcpus", CPUSET)
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
    emulator_cpuset = field("emulatorpin/@cpuset", CPUSET)
    iothreadpins = children("iothreadpin", Pin)
    emulatorsched = child("emulatorsched", Sched)
    vcpuscheds = children("vcpusched", Sched)
    iothreadscheds = children("iothreadsched", Sched)
    cachetunes = children("cachetune", CacheTune)
    memorytunes = children("memorytune", MemoryTune)

    def after_parse(self, node: etree._Element) -> None:
        for name in ("period", "global_period", "emulator_period", "iothread_period"):
            self._range(name, 1000, 1000000)
        for name in ("quota", "global_quota", "emulator_quota", "iothread_quota"):
            self._range(name, 1000, 18446744073709551)
        self.vcpupins.sort(key=lambda pin: pin.vcpu or 0)

    def _range(self, name: str, low: int, high: int) -> None:
        value = self.__dict__.get(name)
        if value and (value > high or (0 <= value < low)):
            detail = f"Value of cputune '{name}' must be in range [{low}, {high}]"
            raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)


_MODES = enum("strict", "preferred", "interleave", "restrictive")


class MemNode(Element):
    """<memnode>."""

    TAG = "memnode"
    cellid = field("@cellid", uint())
    mode = field("@mode", _MODES)
    nodeset = field("@nodeset", NODESET)

    def after_parse(self, node: etree._Element) -> None:
        self.mode = self.mode or "strict"


class NumaTune(Element):
    """<numatune>."""

    TAG = "numatune"
    KEEP = False
    mode = field("memory/@mode", _MODES)
    nodeset = field("memory/@nodeset", NODESET, show=lambda tune, ctx: tune.placement != "auto")
    placement = field(
        "memory/@placement", enum("static", "auto"), show=lambda tune, ctx: tune.placement == "auto"
    )
    memnodes = children("memnode", MemNode)

    def after_parse(self, node: etree._Element) -> None:
        memory = node.find("memory")
        if memory is not None and self.mode is None:
            self.mode = "strict"
        if self.nodeset is not None and self.placement != "auto":
            self.placement = "static"
        if memory is not None and self.placement == "static" and self.nodeset is None:
            detail = "nodeset for NUMA memory tuning must be set if 'placement' is 'static'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        self.memnodes.sort(key=lambda item: item.cellid or 0)


def _limited(name: str) -> Any:
    return field(name, MEMORY, show=lambda tune, ctx: tune.__dict__.get(name, 0) < UNLIMITED)


class MemTune(Element):
    """<memtune>. KiB."""

    TAG = "memtune"
    KEEP = False
    hard_limit = _limited("hard_limit")
    soft_limit = _limited("soft_limit")
    min_guarantee = field("min_guarantee", MEMORY, show=lambda tune, ctx: tune.min_guarantee > 0)
    swap_hard_limit = _limited("swap_hard_limit")


class BlkioDevice(Element):
    """<blkiotune><device>."""

    TAG = "device"
    path = field("path")
    weight = field("weight", uint())
    read_iops_sec = field("read_iops_sec", uint())
    write_iops_sec = field("write_iops_sec", uint())
    read_bytes_sec = field("read_bytes_sec", ULL)
    write_bytes_sec = field("write_bytes_sec", ULL)


class BlkioTune(Element):
    """<blkiotune>."""

    TAG = "blkiotune"
    KEEP = False
    weight = field("weight", uint(), show=lambda tune, ctx: bool(tune.weight))
    devices = children("device", BlkioDevice)


class IOThread(Element):
    """<iothreadids><iothread>."""

    TAG = "iothread"
    id = field("@id", uint())
    thread_pool_min = field("@thread_pool_min", uint())
    thread_pool_max = field("@thread_pool_max", uint())
    #: made up because <iothreads> says more than there are ids
    autofill = False

    def after_parse(self, node: etree._Element) -> None:
        if not self.id:
            detail = (
                "Missing required attribute 'id' in element 'iothread'"
                if self.id is None
                else "Invalid value for attribute 'id' in element 'iothread': Zero is not permitted"
            )
            raise errors.error(Code.XML_ERROR, detail, domain=From.XML)


class DefaultIOThread(Element):
    """<defaultiothread>: the main loop's thread pool."""

    TAG = "defaultiothread"
    thread_pool_min = field("@thread_pool_min", uint())
    thread_pool_max = field("@thread_pool_max", uint())


class VCPU(Element):
    """<vcpus><vcpu>."""

    TAG = "vcpu"
    id = field("@id", uint())
    enabled = field("@enabled", YES_NO)
    hotpluggable = field("@hotpluggable", YES_NO)
    order = field("@order", uint())


class PerfEvent(Element):
    """<perf><event>."""

    TAG = "event"
    name = field(
        "@name",
        enum("cmt", "mbmt", "mbml", "cpu_cycles", "instructions", "cache_references",
             "cache_misses", "branch_instructions", "branch_misses", "bus_cycles",
             "stalled_cycles_frontend", "stalled_cycles_backend", "ref_cpu_cycles", "cpu_clock",
             "task_clock", "page_faults", "context_switches", "cpu_migrations",
             "page_faults_min", "page_faults_maj", "alignment_faults", "emulation_faults"),
    )  # fmt: skip
    enabled = field("@enabled", YES_NO)


class Resource(Element):
    """<resource>."""

    TAG = "resource"
    KEEP = False
    partition = field("partition")
    appid = field("fibrechannel/@appid")
