# SPDX-License-Identifier: Apache-2.0
"""<cpu>: model, features, topology, guest NUMA."""

from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.kinds import CPUSET, ON_OFF, YES_NO, UInt, Value, Word, enum, to_kib, uint
from nova_pyvirt.model.xmlbind import Context, Element, children, field, flag

ULL = UInt(64)


class CPUFeature(Element):
    """<feature>."""

    TAG = "feature"
    policy = field(
        "@policy",
        Word(
            "Invalid CPU feature policy '%s'", "force", "require", "optional", "disable", "forbid"
        ),
    )
    name = field("@name")
    #: added by us when a host-model was expanded, not asked for
    added = False


class NumaCache(Element):
    """<cache> of a NUMA cell (HMAT). Size in KiB, line in bytes."""

    TAG = "cache"
    level = field("@level", uint())
    associativity = field("@associativity", enum("none", "direct", "full"))
    policy = field("@policy", enum("none", "writeback", "writethrough"))
    size = field("size/@value", ULL)
    size_unit = field("size/@unit")
    line = field("line/@value", ULL)
    line_unit = field("line/@unit")

    def after_parse(self, node: etree._Element) -> None:
        if self.associativity == "none":
            self.associativity = None
        if self.policy == "none":
            self.policy = None
        if self.size is not None:
            self.size, self.size_unit = to_kib(self.size, self.size_unit or "B"), "KiB"
        if self.line is not None:
            unit = (self.line_unit or "B").lower()
            self.line = self.line if unit in ("b", "bytes") else to_kib(self.line, unit) * 1024
            self.line_unit = "B"


class Sibling(Element):
    """<distances><sibling>."""

    TAG = "sibling"
    id = field("@id", uint())
    value = field("@value", uint())


class NumaCell(Element):
    """<cell>. Memory in KiB."""

    TAG = "cell"
    id = field("@id", uint())
    cpus = field("@cpus", CPUSET)
    memory = field("@memory", ULL)
    unit = field("@unit")
    mem_access = field("@memAccess", enum("shared", "private"))
    discard = field("@discard", YES_NO)
    distances = children("distances/sibling", Sibling)
    caches = children("cache", NumaCache)

    def after_parse(self, node: etree._Element) -> None:
        if self.memory is None:
            detail = "Missing required attribute 'memory' in element 'cell'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.XML)
        self.memory, self.unit = to_kib(self.memory, self.unit or "KiB"), "KiB"


class Latency(Element):
    """<interconnects>: <latency>, in nanoseconds."""

    TAG = "latency"
    initiator = field("@initiator", uint())
    target = field("@target", uint())
    cache = field("@cache", uint())
    type = field("@type", enum("access", "read", "write"))
    value = field("@value", ULL)


class Bandwidth(Latency):
    """<interconnects>: <bandwidth>, in KiB per second."""

    TAG = "bandwidth"
    unit = field("@unit")

    def after_parse(self, node: etree._Element) -> None:
        if self.value is not None:
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
             code=Code.XML_ERROR),
        show=_named,
    )  # fmt: skip
    match = field(
        "@match",
        Word("Invalid match attribute for CPU specification", "minimum", "exact", "strict",
             code=Code.XML_ERROR),
        show=lambda cpu, ctx: cpu.mode == "custom" and cpu.model is not None,
    )  # fmt: skip
    check = field(
        "@check",
        Word("Invalid check attribute for CPU specification", "none", "partial", "full",
             code=Code.XML_ERROR),
        show=_named,
    )  # fmt: skip
    migratable = field(
        "@migratable",
        ON_OFF,
        show=lambda cpu, ctx: cpu.mode in ("host-passthrough", "maximum"),
    )
    model_fallback = field("model/@fallback", enum("allow", "forbid"))
    model_vendor_id = field("model/@vendor_id")
    model = field("model")
    vendor = field("vendor")
    sockets = field("topology/@sockets", uint())
    dies = field("topology/@dies", uint())
    cores = field("topology/@cores", uint())
    threads = field("topology/@threads", uint())
    cache_level = field(
        "cache/@level",
        Value("Invalid CPU cache level, must be in range [1,3]", uint(), Code.XML_ERROR),
    )
    cache_mode = field("cache/@mode", enum("emulate", "passthrough", "disable"))
    maxphysaddr_mode = field("maxphysaddr/@mode", enum("emulate", "passthrough"))
    maxphysaddr_bits = field("maxphysaddr/@bits", uint())
    features = children("feature", CPUFeature)
    numa_present = flag("numa", show=lambda cpu, ctx: bool(cpu.cells))
    cells = children("numa/cell", NumaCell)
    latencies = children("numa/interconnects/latency", Latency)
    bandwidths = children("numa/interconnects/bandwidth", Bandwidth)

    def after_parse(self, node: etree._Element) -> None:
        if self.model == "":
            self.model = None
        self._check_topology()
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
        _number_cells(self.cells)

    def _check_topology(self) -> None:
        given = [self.sockets, self.cores, self.threads]
        if given == [None, None, None] and self.dies is None:
            return
        for value, name in zip(given, ("sockets", "cores", "threads"), strict=True):
            if value is None:
                detail = f"Missing required attribute '{name}' in element 'topology'"
                raise errors.error(Code.XML_ERROR, detail, domain=From.XML)
        for value, name in zip(
            [*given, self.dies], ("sockets", "cores", "threads", "dies"), strict=True
        ):
            if value == 0:
                raise errors.error(
                    Code.XML_ERROR,
                    f"Invalid value for attribute '{name}' in element 'topology': Zero is not permitted",
                    domain=From.XML,
                )
        self.dies = self.dies or 1

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
