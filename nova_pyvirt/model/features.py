# SPDX-License-Identifier: Apache-2.0
"""<features>: what the machine and the hypervisor show the guest."""

from typing import Any

from lxml import etree

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.kinds import MEMORY, ON_OFF, UNITS, Enum, Memory, UInt, enum
from nova_pyvirt.model.xmlbind import Element, child, field, flag

#: Hyper-V enlightenments that are only on or off, in libvirt's order with the others
HYPERV = (
    "relaxed", "vapic", "spinlocks", "vpindex", "runtime", "synic", "stimer", "reset", "vendor_id",
    "frequencies", "reenlightenment", "tlbflush", "ipi", "evmcs", "avic",
)  # fmt: skip
#: names in <features>; others are refused
KNOWN = frozenset(
    (
        "acpi", "apic", "pae", "hap", "viridian", "privnet", "hyperv", "kvm", "pvspinlock",
        "capabilities", "pmu", "vmport", "gic", "smm", "ioapic", "hpt", "vmcoreinfo", "htm",
        "nested-hv", "msrs", "ccf-assist", "xen", "cfpc", "sbbc", "ibs", "tcg",
    )
)  # fmt: skip


def _state(name: str) -> Any:
    return field(f"{name}/@state", ON_OFF)


class HyperV(Element):
    """<hyperv>."""

    TAG = "hyperv"
    mode = field("@mode", enum("custom", "passthrough"))
    relaxed = _state("relaxed")
    vapic = _state("vapic")
    spinlocks = _state("spinlocks")
    spinlocks_retries = field("spinlocks/@retries", UInt(base=0))
    vpindex = _state("vpindex")
    runtime = _state("runtime")
    synic = _state("synic")
    stimer = _state("stimer")
    stimer_direct = _state("stimer/direct")
    reset = _state("reset")
    vendor_id = _state("vendor_id")
    vendor_id_value = field("vendor_id/@value")
    frequencies = _state("frequencies")
    reenlightenment = _state("reenlightenment")
    tlbflush = _state("tlbflush")
    ipi = _state("ipi")
    evmcs = _state("evmcs")
    avic = _state("avic")

    def after_parse(self, node: etree._Element) -> None:
        self.mode = self.mode or "custom"
        for kid in node:
            if kid.tag not in HYPERV:
                raise _unsupported(f"unsupported HyperV Enlightenment feature: {kid.tag}")
            _need_state(self.__dict__, str(kid.tag), str(kid.tag))
        if self.spinlocks:
            retries = self.spinlocks_retries
            if retries is None:
                raise _missing("retries", "spinlocks")
            if retries < 0xFFF:
                raise errors.error(
                    Code.XML_ERROR,
                    "HyperV spinlock retry count must be at least 4095",
                    domain=From.DOMAIN,
                )
        else:
            self.spinlocks_retries = None
        if self.vendor_id:
            self._check_vendor()

    def _check_vendor(self) -> None:
        value = self.vendor_id_value
        if value is None:
            detail = "missing 'value' attribute for HyperV feature 'vendor_id'"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if len(value.encode()) > 12:
            detail = "HyperV vendor_id value must not be more than 12 characters."
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)
        if "," in value:
            detail = "HyperV vendor_id value is invalid"
            raise errors.error(Code.XML_ERROR, detail, domain=From.DOMAIN)

    def enabled(self, name: str) -> bool | None:
        """State of one of HYPERV."""
        found: bool | None = self.__dict__.get(name)
        return found


class KVM(Element):
    """<kvm>."""

    TAG = "kvm"
    hidden = _state("hidden")
    hint_dedicated = _state("hint-dedicated")
    poll_control = _state("poll-control")
    pv_ipi = _state("pv-ipi")
    dirty_ring = _state("dirty-ring")
    dirty_ring_size = field("dirty-ring/@size", UInt(base=0))

    def after_parse(self, node: etree._Element) -> None:
        for kid in node:
            name = str(kid.tag).replace("-", "_")
            if name not in ("hidden", "hint_dedicated", "poll_control", "pv_ipi", "dirty_ring"):
                raise _unsupported(f"unsupported KVM feature: {kid.tag}")
            _need_state(self.__dict__, name, str(kid.tag))
        if self.dirty_ring:
            size = self.dirty_ring_size
            if size is None:
                raise _missing("size", "dirty-ring")
            if size & (size - 1) or not 1024 <= size <= 65536:
                raise errors.error(
                    Code.XML_ERROR,
                    "dirty ring must be power of 2 and ranges [1024, 65536]",
                    domain=From.DOMAIN,
                )


def _need_state(values: dict[str, object], name: str, tag: str) -> None:
    if name not in values:
        raise _missing("state", tag)


def _missing(attribute: str, element: str) -> errors.libvirtError:
    detail = f"Missing required attribute '{attribute}' in element '{element}'"
    return errors.error(Code.XML_ERROR, detail, domain=From.XML)


def _unsupported(detail: str) -> errors.libvirtError:
    return errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.DOMAIN)


class _Pretty(Memory):
    """A size that is written with the largest unit that divides it; the value is KiB."""

    def format(self, value: int) -> str:
        return str(value * 1024 // UNITS[self._unit(value).lower()])

    def format_attributes(self, value: int) -> list[tuple[str, str]]:
        return [("unit", self._unit(value))]

    @staticmethod
    def _unit(value: int) -> str:
        for unit in ("GiB", "MiB"):
            if value and not value * 1024 % UNITS[unit.lower()]:
                return unit
        return "KiB"


class Features(Element):
    """<features>."""

    TAG = "features"
    KEEP = False
    acpi = flag("acpi")
    apic = flag("apic")
    apic_eoi = field("apic/@eoi", ON_OFF)
    pae = flag("pae")
    hap = _state("hap")
    viridian = flag("viridian")
    privnet = flag("privnet")
    hyperv = child("hyperv", HyperV)
    kvm = child("kvm", KVM)
    pvspinlock = _state("pvspinlock")
    capabilities = field("capabilities/@policy", enum("default", "allow", "deny"))
    pmu = _state("pmu")
    vmport = _state("vmport")
    gic = flag("gic")
    gic_version = field("gic/@version", enum("host", "2", "3"))
    smm = _state("smm")
    tseg = field("smm/tseg", _Pretty("MiB", "string(./features/smm/tseg)"))
    ioapic = field("ioapic/@driver", enum("qemu", "kvm"))
    hpt_resizing = field("hpt/@resizing", enum("enabled", "disabled", "required"))
    hpt_maxpagesize = field("hpt/maxpagesize", MEMORY)
    vmcoreinfo = _state("vmcoreinfo")
    htm = _state("htm")
    nested_hv = _state("nested-hv")
    msrs = field("msrs/@unknown", enum("ignore", "fault"), required=True)
    ccf_assist = _state("ccf-assist")
    cfpc = field("cfpc/@value", Enum("broken", "workaround", "fixed"))
    sbbc = field("sbbc/@value", Enum("broken", "workaround", "fixed"))
    ibs = field("ibs/@value", Enum("broken", "workaround", "fixed-ibs", "fixed-ccd", "fixed-na"))
    tb_cache = field("tcg/tb-cache", Memory(place="./tb-cache"))

    def after_parse(self, node: etree._Element) -> None:
        for kid in node:
            name = str(kid.tag)
            if name not in KNOWN:
                raise _unsupported(f"unexpected feature '{name}'")
            if name in ("hap", "pmu", "pvspinlock", "vmport", "smm", "vmcoreinfo"):
                if self.__dict__.get(name) is None:
                    self.__dict__[name] = True

    @property
    def kvm_hidden(self) -> bool:
        """Is KVM's signature hidden?"""
        return bool(self.kvm and self.kvm.hidden)
