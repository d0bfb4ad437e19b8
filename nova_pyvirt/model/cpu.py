# SPDX-License-Identifier: Apache-2.0
"""<cpu>: model, features, topology, guest NUMA."""

from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.kinds import (
    CPUSET,
    ON_OFF,
    YES_NO,
    Count,
    Loose,
    Natural,
    Positive,
    Refusal,
    Scaled,
    UInt,
    Word,
    enum,
    lacking,
    to_kib,
    uint,
)
from nova_pyvirt.model.xmlbind import Context, Element, children, field, flag

ULL = UInt(64)


class CPUFeature(Element):
    """<feature>."""

    TAG = "feature"
    policy = field(
        "@policy",
        Word(
            "Invalid CPU feature policy",
            "force",
            "require",
            "optional",
            "disable",
            "forbid",
            domain=From.CPU,
        ),
    )
    name = field("@name")
    #: added by us when a host-model was expanded, not asked for
    added = False


class NumaCache(Element):
    """<cache> of a NUMA cell (HMAT). Size in KiB, line in bytes."""

    TAG = "cache"
    level = field("@level", Loose(Positive()))
    associativity = field(
        "@associativity",
        Word("Invalid cache associativity '%s'", "none", "direct", "full", code=Code.XML_ERROR),
    )
    policy = field(
        "@policy",
        Word("Invalid cache policy '%s'", "none", "writeback", "writethrough", code=Code.XML_ERROR),
    )
    size = field("size/@value", Scaled("./size/@value"))
    size_unit = field("size/@unit")
    line = field("line/@value", Scaled("./line/@value"))
    line_unit = field("line/@unit")

    def check(self, cell: int) -> None:
        """What must be there; the unit isn't looked at, as libvirt looks for it elsewhere."""
        where = f"attribute in cache element for NUMA node {cell}"
        if self.level is None:
            word = "Invalid" if "level" in self.__dict__ else "Missing"
            raise Refusal(f"{word} 'level' {where}").error()
        if self.associativity is None:
            raise Refusal(f"Missing 'associativity' {where}").error()
        if self.policy is None:
            raise Refusal("Invalid cache policy '(null)'").error()
        for name in ("size", "line"):
            if self.__dict__.get(name) is None:
                raise lacking(f"./{name}/@value")
        self.size_unit, self.line_unit = "KiB", "B"


class Sibling(Element):
    """<distances><sibling>."""

    TAG = "sibling"
    id = field("@id", uint(), required=True)
    value = field("@value", uint(), required=True)


class NumaCell(Element):
    """<cell>. Memory in KiB."""

    TAG = "cell"
    id = field("@id", uint())
    cpus = field("@cpus", CPUSET)
    memory = field("@memory", Scaled("./@memory"), blank=True)
    unit = field("@unit")
    mem_access = field("@memAccess", enum("shared", "private"))
    discard = field("@discard", YES_NO)
    has_distances = flag("distances", show=lambda cell, ctx: bool(cell.distances))
    distances = children("distances/sibling", Sibling)
    caches = children("cache", NumaCache)

    def after_parse(self, node: etree._Element) -> None:
        if self.memory is None:
            raise lacking("./@memory")
        if self.has_distances and not self.distances:
            raise Refusal("NUMA distances defined without siblings").error()
        self.memory, self.unit = to_kib(self.memory, self.unit or "KiB"), "KiB"


class Latency(Element):
    """<interconnects>: <latency>, in nanoseconds."""

    TAG = "latency"
    initiator = field("@initiator", uint(), required=True)
    target = field("@target", uint(), required=True)
    cache = field("@cache", Count())
    type = field("@type", enum("access", "read", "write"), required=True)
    value = field("@value", ULL, required=True)


class Bandwidth(Latency):
    """<interconnects>: <bandwidth>, in KiB per second."""

    TAG = "bandwidth"
    value = field("@value", Scaled("./@value"), blank=True)
    unit = field("@unit")

    def after_parse(self, node: etree._Element) -> None:
        if self.value is None:
            raise lacking("./@value")
        self.value, self.unit = to_kib(self.value, self.unit or "KiB"), "KiB"


def _named(cpu: "CPU", ctx: Context) -> bool:
    """A CPU that only says topology or NUMA is written without mode and check."""
    return cpu.mode not in (None, "custom") or cpu.model is not None


class CPU(Element):
    """<cpu> of a domain."""

    TAG = "cpu"
    KEEP = False
    mode = field(
        "@mode",
        Word("Invalid mode attribute '%s'", "custom", "host-model", "host-passthrough", "maximum",
             domain=From.CPU),
        show=_named,
    )  # fmt: skip
    match = field(
        "@match",
        enum("minimum", "exact", "strict"),
        show=lambda cpu, ctx: cpu.mode == "custom" and cpu.model is not None,
    )
    check = field("@check", enum("none", "partial", "full"), show=_named)
    migratable = field(
        "@migratable",
        ON_OFF,
        show=lambda cpu, ctx: cpu.mode in ("host-passthrough", "maximum"),
    )
    model_fallback = field(
        "model/@fallback",
        Word("Invalid fallback attribute", "allow", "forbid", domain=From.CPU),
        blank=True,
    )
    model_vendor_id = field("model/@vendor_id", blank=True)
    model = field("model")
    vendor = field("vendor")
    sockets = field("topology/@sockets", Positive(), required=True)
    dies = field("topology/@dies", Positive())
    cores = field("topology/@cores", Positive(), required=True)
    threads = field("topology/@threads", Positive(), required=True)
    cache_level = field("cache/@level", Natural())
    cache_mode = field(
        "cache/@mode",
        enum("emulate", "passthrough", "disable"),
        required=True,
        once=Refusal("at most one CPU cache element may be specified", domain=From.CPU),
    )
    maxphysaddr_mode = field("maxphysaddr/@mode", enum("emulate", "passthrough"), required=True)
    maxphysaddr_bits = field("maxphysaddr/@bits", Natural())
    features = children("feature", CPUFeature)
    numa_present = flag("numa", show=lambda cpu, ctx: bool(cpu.cells))
    cells = children("numa/cell", NumaCell)
    latencies = children("numa/interconnects/latency", Latency)
    bandwidths = children("numa/interconnects/bandwidth", Bandwidth)

    def after_parse(self, node: etree._Element) -> None:
        self._check()
        if self.sockets is not None:
            self.dies = self.dies or 1
        if self.features and self.model is None and self.mode in (None, "custom"):
            raise Refusal(
                "Non-empty feature list specified without CPU model", domain=From.CPU
            ).error()
        seen: set[str] = set()
        for feature in self.features:
            name = feature.name
            if not name:
                raise errors.error(Code.XML_ERROR, "Invalid CPU feature name", domain=From.CPU)
            if name in seen:
                detail = f"CPU feature '{name}' specified more than once"
                raise errors.error(Code.XML_ERROR, detail, domain=From.CPU)
            seen.add(name)
            feature.policy = feature.policy or "require"
        if len(node.findall("cache")) > 1:
            detail = "at most one CPU cache element may be specified"
            raise Refusal(detail, domain=From.CPU).error()
        _number_cells(self.cells)

    def _check(self) -> None:
        modes = ("host-passthrough", "maximum")
        if self.migratable is not None and self.mode not in modes:
            detail = (
                "Attribute migratable is only allowed for 'host-passthrough' / 'maximum' CPU mode"
            )
            raise Refusal(detail, Code.CONFIG_UNSUPPORTED, From.CPU).error()
        if self.vendor and not self.model:
            raise Refusal("CPU vendor specified without CPU model", domain=From.CPU).error()
        if self.cache_level is not None and not 1 <= self.cache_level <= 3:
            detail = "invalid CPU cache level, must be in range [1,3]"
            raise Refusal(detail, domain=From.CPU).error()
        if self.numa_present and not self.cells:
            raise Refusal("NUMA topology defined without NUMA cells").error()

    @property
    def feature_policy(self) -> dict[str, Any]:
        """Policies by feature name."""
        return {f.name: f.policy for f in self.features}


def _number_cells(cells: list[NumaCell]) -> None:
    """Ids that are missing are places; afterwards cells stand in the order of ids."""
    used: set[int] = set()
    for place, cell in enumerate(cells):
        cell.id = place if cell.id is None else cell.id
        if cell.id >= len(cells):
            detail = (
                "Exactly one 'cell' element per guest NUMA cell allowed, non-contiguous ranges or"
                " ranges not starting from 0 are not allowed"
            )
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if cell.id in used:
            detail = f"Duplicate NUMA cell info for cell id '{cell.id}'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        used.add(cell.id)
        for cache in cell.caches:
            cache.check(cell.id)
    cells.sort(key=lambda cell: cell.id)
    if any(cell.distances for cell in cells):
        _mirror_distances(cells)


def _mirror_distances(cells: list[NumaCell]) -> None:
    """A distance counts for both directions; to itself a cell has the least one."""
    known: dict[int, dict[int, int]] = {cell.id: {} for cell in cells}
    for cell in cells:
        for sibling in cell.distances:
            if sibling.id is None or sibling.value is None or sibling.id not in known:
                return
            known[cell.id][sibling.id] = sibling.value
            known[sibling.id].setdefault(cell.id, sibling.value)
            known[cell.id].setdefault(cell.id, 10)
            known[sibling.id].setdefault(sibling.id, 10)
    for cell in cells:
        row = sorted(known[cell.id].items())
        cell.distances = [Sibling(id=ident, value=value) for ident, value in row]
