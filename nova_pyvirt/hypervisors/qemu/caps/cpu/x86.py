# SPDX-License-Identifier: Apache-2.0
"""CPU models and features of x86: what CPUID bits are called, and the arithmetic on them.

All CPUID and MSR bits that have a name, and the vendor string's, are one integer: each register of
each leaf has 32 bits in it. A feature is a mask; sets of features are unions of masks. Follows
libvirt's cpu_x86.c, whose answers management software stores and compares.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.qemu.caps.cpu import cpumap
from nova_pyvirt.hypervisors.qemu.caps.cpu.cpudef import CpuDef
from nova_pyvirt.hypervisors.qemu.caps.types import CpuDefinition

#: (leaf or MSR index, sub-leaf or -1 for an MSR, register name)
Slot = tuple[int, int, str]

ARCHES = ("i686", "x86_64")
#: answers of compareCPU (virCPUCompareResult)
INCOMPATIBLE, IDENTICAL, SUPERSET = 0, 1, 2
#: what the first feature a guess must switch off costs
_BASE_PENALTY = 2
#: models whose TSX instructions are broken (erratum HSD136): model -> steppings below this
_BROKEN_TSX = {63: 4, 60: 16, 69: 16, 70: 16}


@dataclass(frozen=True)
class Data:
    """What a CPU is: named bits and signature (family, model, stepping)."""

    bits: int = 0
    signature: tuple[int, int, int] = (0, 0, 0)


@dataclass(frozen=True)
class Feature:
    """A CPU feature of libvirt's map.

    :ivar mask: its bits, of all registers in one number
    :ivar migratable: may a guest that sees it move?
    :ivar msr: is it told by a model-specific register rather than by CPUID?
    """

    name: str
    mask: int
    migratable: bool
    msr: bool


@dataclass(frozen=True)
class Model:
    """A CPU model of libvirt's map.

    :ivar for_host: may a host be called that?
    :ivar for_guest: may a guest have it?
    :ivar signatures: (family, model, steppings or None for any) of processors that are it
    :ivar bits: its features, as in Feature.mask
    :ivar removed: features that it once had
    """

    name: str
    for_host: bool
    for_guest: bool
    vendor: str | None
    signatures: tuple[tuple[int, int, frozenset[int] | None], ...]
    bits: int
    removed: tuple[str, ...]

    def matches(self, signature: tuple[int, int, int]) -> bool:
        """Is a processor of this family, model and stepping one?"""
        family, model, stepping = signature
        return any(
            f == family and m == model and (s is None or stepping in s)
            for f, m, s in self.signatures
        )


class Map:
    """The names; one per process, see :func:`get`."""

    def __init__(self) -> None:
        self._slots: dict[Slot, int] = {}
        self.features = {
            name: Feature(
                name,
                sum(self._mask((leaf, sub, reg), value) for leaf, sub, reg, value in bits),
                migratable,
                any(sub == -1 for _leaf, sub, _reg, _value in bits),
            )
            for name, migratable, bits in cpumap.FEATURES
        }
        self.vendors = {name: self.vendor_bits(text) for name, text in cpumap.VENDORS}
        self.models = {row[0]: self._model(*row) for row in cpumap.MODELS}

    def _mask(self, slot: Slot, value: int) -> int:
        return value << (32 * self._slots.setdefault(slot, len(self._slots)))

    def _model(
        self,
        name: str,
        for_host: bool,
        for_guest: bool,
        vendor: str | None,
        signatures: tuple[tuple[int, int, str | None], ...],
        features: str,
        removed: str,
    ) -> Model:
        return Model(
            name,
            for_host,
            for_guest,
            vendor,
            tuple((f, m, _steppings(s)) for f, m, s in signatures),
            self.union(features.split()),
            tuple(removed.split()),
        )

    def vendor_bits(self, text: str) -> int:
        """The bits of leaf 0 that hold the vendor's 12 letters."""
        raw = text.encode()
        if len(raw) != 12:
            raise error(Code.INTERNAL_ERROR, f"Invalid CPU vendor string '{text}'", domain=From.CPU)
        words = (int.from_bytes(raw[i : i + 4], "little") for i in (0, 4, 8))
        return sum(
            self._mask((0, 0, reg), word)
            for reg, word in zip(("ebx", "edx", "ecx"), words, strict=True)
        )

    def union(self, names: Iterable[str]) -> int:
        """The bits of all the features that are known."""
        bits = 0
        for name in names:
            feature = self.features.get(name)
            if feature is not None:
                bits |= feature.mask
        return bits

    def data(self, registers: Mapping[Slot, int]) -> Data:
        """From CPUID and MSR registers; those without a name are left out."""
        bits = 0
        for slot, position in self._slots.items():
            bits |= registers.get(slot, 0) << (32 * position)
        return Data(bits, signature(registers.get((1, 0, "eax"), 0)))

    def vendor_of(self, bits: int) -> str | None:
        """Whose processor has these bits."""
        return next((n for n, mask in self.vendors.items() if bits & mask == mask), None)

    def names(self, bits: int) -> list[str]:
        """The features wholly in `bits`."""
        return [f.name for f in self.features.values() if bits & f.mask == f.mask]


def _steppings(text: str | None) -> frozenset[int] | None:
    """``5-7`` or ``1,3`` as a set; None stands for any."""
    if text is None:
        return None
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


@cache
def get() -> Map:
    """The process's map."""
    return Map()


def signature(eax: int) -> tuple[int, int, int]:
    """Family, model and stepping from leaf 1's eax."""
    family = ((eax >> 20) & 0xFF) + ((eax >> 8) & 0xF)
    model = ((eax >> 12) & 0xF0) + ((eax >> 4) & 0xF)
    return family, model, eax & 0xF


def wanted(cpu: CpuDef, policy: str | None = None) -> int:
    """The bits a definition asks for.

    :param policy: only what has this policy (`require` includes the model); None: what the guest
        would see
    """
    known = get()
    if cpu.kind == "host" and policy not in (None, "require"):
        return 0
    bits = 0
    if cpu.model and policy in (None, "require"):
        model = known.models.get(cpu.model)
        if model is None:
            raise error(Code.INTERNAL_ERROR, f"Unknown CPU model {cpu.model}", domain=From.CPU)
        bits = model.bits
    for name, stated in cpu.features.items():
        effective = stated or "require"
        if effective == "optional" if policy is None else effective != policy:
            continue
        feature = known.features.get(name)
        if feature is None:
            raise error(Code.INTERNAL_ERROR, f"Unknown CPU feature {name}", domain=From.CPU)
        if policy is None and effective in ("disable", "forbid"):
            bits &= ~feature.mask
        else:
            bits |= feature.mask
    return bits


def _take(cpu: CpuDef, policy: str | None, bits: int) -> None:
    """Adds to `cpu` the features in `bits`, each bit counted once."""
    for feature in get().features.values():
        if bits & feature.mask == feature.mask:
            bits &= ~feature.mask
            cpu.features[feature.name] = policy


def _candidate(data: int, model: Model, kind: str, blockers: Collection[str]) -> CpuDef:
    """`data` as `model` plus and minus features.

    :param blockers: what the hypervisor's version of the model has and can't give here
    """
    known = get()
    extra = data & ~model.bits
    missing = model.bits & ~data
    for name in blockers:
        feature = known.features.get(name)
        if feature is not None and extra & feature.mask != feature.mask:
            missing |= feature.mask
    cpu = CpuDef(kind=kind, model=model.name)
    _take(cpu, "require", extra)
    _take(cpu, "disable", missing)
    if kind == "guest":
        for name in model.removed:
            cpu.features.setdefault(name, "disable")
    return cpu


def _cost(cpu: CpuDef) -> tuple[int, int]:
    """What a guess costs, and the disabled features' part.

    The bound shrinks with each disabled feature seen, so of those at the end of the list only
    some count: libvirt's arithmetic, which decides the model it names.
    """
    policies = list(cpu.features.values())
    if cpu.kind == "host":
        return len(policies), 0
    enabled, disabled, penalty, i = len(policies), 0, _BASE_PENALTY, 0
    while i < enabled:
        if policies[i] == "disable":
            enabled -= 1
            disabled += penalty
            penalty += 1
        i += 1
    return enabled + disabled, disabled


def _better(
    best: tuple[Model, CpuDef] | None,
    model: Model,
    cpu: CpuDef,
    signature_: tuple[int, int, int],
    preferred: Sequence[str],
) -> bool:
    """Is `model` a better guess than the best so far?"""
    if not (model.for_host if cpu.kind == "host" else model.for_guest):
        return False
    if cpu.kind == "host" and "disable" in cpu.features.values():
        return False
    if best is None or list(preferred) == [model.name]:
        return True
    if signature_ != (0, 0, 0):
        was, now = best[0].matches(signature_), model.matches(signature_)
        if was != now:
            return now
    (current, current_off), (cost, off) = _cost(best[1]), _cost(cpu)
    if cost < current or (cost == current and off < current_off):
        return True
    return model.name in preferred and off < current_off


def _without_broken_tsx(data: Data, vendor: str | None) -> int:
    family, model, stepping = data.signature
    if vendor == "Intel" and family == 6 and stepping < _BROKEN_TSX.get(model, 0):
        return data.bits & ~get().union(("hle", "rtm"))
    return data.bits


def decode(
    data: Data,
    kind: str,
    *,
    models: Mapping[str, CpuDefinition] | None = None,
    preferred: Sequence[str] = (),
    migratable: bool = False,
    fallback: str = "allow",
) -> CpuDef:
    """The model and features closest to `data`.

    :param kind: ``host`` or ``guest``
    :param models: the models to choose from (the hypervisor's); None: all
    :param preferred: models to choose when they fit as well
    :param migratable: leave out features a guest can't be migrated with
    :param fallback: of the definition to fill: ``forbid`` makes a single preferred model that the
        hypervisor lacks an error
    :raises libvirtError: no model fits
    """
    known = get()
    vendor = known.vendor_of(data.bits)
    bits = _without_broken_tsx(data, vendor)
    if vendor:
        bits &= ~known.vendors[vendor]
    best: tuple[Model, CpuDef] | None = None
    for model in reversed(known.models.values()):  # the newest first
        if models is not None and model.name not in models:
            if list(preferred) == [model.name] and fallback != "allow":
                detail = f"CPU model {model.name} is not supported by hypervisor"
                raise error(Code.CONFIG_UNSUPPORTED, detail, domain=From.CPU)
            continue
        if vendor and model.vendor and vendor != model.vendor:
            continue
        blockers = models[model.name].blockers if models is not None else ()
        cpu = _candidate(bits, model, kind, blockers)
        if _better(best, model, cpu, data.signature, preferred):
            if kind == "host":
                cpu.features = dict.fromkeys(cpu.features)
            best = (model, cpu)
            if list(preferred) == [model.name]:
                break
    if best is None:
        raise error(
            Code.INTERNAL_ERROR, "Cannot find suitable CPU model for given data", domain=From.CPU
        )
    found = best[1]
    if migratable:
        found = found.copy(lambda name: known.features[name].migratable)
    found.vendor = vendor
    found.signature = data.signature
    return found


def compare(host: CpuDef | None, cpu: CpuDef) -> tuple[int, str | None]:
    """How `cpu` fits on `host`: INCOMPATIBLE, IDENTICAL or SUPERSET, and why not."""
    if host is None or not host.model:
        return INCOMPATIBLE, "unknown host CPU"
    if cpu.arch and cpu.arch not in ARCHES:
        return INCOMPATIBLE, f"CPU arch {cpu.arch} does not match host arch"
    if cpu.vendor and cpu.vendor != host.vendor:
        return INCOMPATIBLE, f"host CPU vendor does not match required CPU vendor {cpu.vendor}"
    have = wanted(host, None)
    force, require, optional, disable, forbid = (
        wanted(cpu, policy) for policy in ("force", "require", "optional", "disable", "forbid")
    )
    names = get().names
    if forbid & have:
        return INCOMPATIBLE, _why("Host CPU provides forbidden features", names(forbid & have))
    require &= ~(force | optional | disable)
    if require & ~have:
        why = "Host CPU does not provide required features"
        return INCOMPATIBLE, _why(why, names(require & ~have))
    more = have & ~(optional | require | disable | force)
    if not more:
        return IDENTICAL, None
    if cpu.kind == "guest" and cpu.match == "strict":
        why = "Host CPU does not strictly match guest CPU: Extra features"
        return INCOMPATIBLE, _why(why, names(more))
    return SUPERSET, None


def _why(text: str, names: list[str]) -> str:
    return f"{text}: {', '.join(names)}"


def baseline(
    cpus: Sequence[CpuDef],
    *,
    models: Mapping[str, CpuDefinition] | None = None,
    features: Collection[str] | None = None,
    migratable: bool = False,
) -> CpuDef:
    """The richest CPU all of `cpus` can give a guest.

    :param features: the only features allowed
    :raises libvirtError: OPERATION_FAILED when they have nothing in common
    """
    known = get()
    bits = wanted(cpus[0], None)
    vendor = cpus[0].vendor
    if vendor and vendor not in known.vendors:
        raise _failed(f"Unknown CPU vendor {vendor}")
    for cpu in cpus[1:]:
        bits &= wanted(cpu, None)
        vendor = _common_vendor(vendor, cpu)
    if features is not None:
        bits &= known.union(features)
    if not bits:
        raise _failed("CPUs are incompatible")
    if vendor:
        bits |= known.vendors[vendor]
    names = list(dict.fromkeys(cpu.model for cpu in cpus if cpu.model))
    found = decode(Data(bits), "guest", models=models, preferred=names, migratable=migratable)
    if names == [found.model]:
        found.fallback = "forbid"
    if not all(cpu.vendor for cpu in cpus):
        found.vendor = None
    found.signature = (0, 0, 0)
    return found


def _failed(detail: str) -> Exception:
    return error(Code.OPERATION_FAILED, detail, domain=From.CPU)


def _common_vendor(vendor: str | None, cpu: CpuDef) -> str | None:
    model = get().models[cpu.model or ""]
    if cpu.vendor and model.vendor and cpu.vendor != model.vendor:
        raise _failed(
            f"CPU vendor {model.vendor} of model {model.name} differs from vendor {cpu.vendor}"
        )
    theirs = cpu.vendor or model.vendor
    if theirs is None:
        return vendor
    if vendor is None:
        if theirs not in get().vendors:
            raise _failed(f"Unknown CPU vendor {theirs}")
        return theirs
    if vendor != theirs:
        raise _failed("CPU vendors do not match")
    return vendor


def expand(cpu: CpuDef) -> CpuDef:
    """All features in the order of their names: the model's and the definition's own."""
    known = get()
    model = known.models.get(cpu.model or "")
    if model is None:
        raise error(Code.INTERNAL_ERROR, f"unknown CPU model {cpu.model}", domain=From.CPU)
    found = cpu.copy()
    found.features = {}
    host = cpu.kind == "host"
    _take(found, None if host else "require", model.bits)
    for name, policy in cpu.features.items():
        if host or policy in ("require", "disable"):
            found.update(name, policy)
    if not host:
        for name in model.removed:
            found.features.setdefault(name, "disable")
    found.features = dict(sorted(found.features.items()))
    return found


def migratable(cpu: CpuDef) -> CpuDef:
    """`cpu` without the features that keep a guest from migrating."""
    known = get()
    return cpu.copy(lambda name: name not in known.features or known.features[name].migratable)


def update(guest: CpuDef, host: CpuDef | None, *, relative: bool = True) -> None:
    """Settles what a guest's definition leaves to the host (optional features, host-model).

    :param relative: False: only what the model's history asks for
    """
    known = get()
    if relative:
        if host is None:
            detail = "unknown host CPU model"
            raise error(Code.CONFIG_UNSUPPORTED, detail, domain=From.CPU)
        _settle(guest, host)
    model = known.models.get(guest.model or "")
    if model is None:
        raise error(Code.INTERNAL_ERROR, f"Unknown CPU model {guest.model}", domain=From.CPU)
    for name in model.removed:
        guest.features.setdefault(name, "disable")


def _settle(guest: CpuDef, host: CpuDef) -> None:
    known = get()
    have = wanted(host, None)
    for name, policy in guest.features.items():
        if policy == "optional":
            feature = known.features.get(name)
            if feature is None:
                raise error(Code.INTERNAL_ERROR, f"unknown CPU feature {name}", domain=From.CPU)
            guest.features[name] = "require" if have & feature.mask == feature.mask else "disable"
    if guest.mode != "host-model" and guest.match != "minimum":
        return
    own = guest.features
    guest.model = host.model
    if guest.mode != "custom":
        guest.vendor = host.vendor
    guest.features = {name: policy or "require" for name, policy in host.features.items()}
    guest.features.update(own)
    guest.mode, guest.match = "custom", "exact"
