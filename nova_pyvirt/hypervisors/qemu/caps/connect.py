# SPDX-License-Identifier: Apache-2.0
"""The capability and host calls of a connection, one function a driver slot.

Arguments and results are the driver table's; every error is libvirt's, with its code, domain and
words. `view` is the driver state's :class:`~nova_pyvirt.hypervisors.qemu.caps.view.HostView`.
"""

from collections.abc import Sequence

from nova_pyvirt.core.host import cpu as host
from nova_pyvirt.core.host import kvm, memory, sysinfo
from nova_pyvirt.core.host.identity import hostname
from nova_pyvirt.errors import Code, From, check_flags, error
from nova_pyvirt.hypervisors.qemu.caps import capabilities, domain
from nova_pyvirt.hypervisors.qemu.caps.cpu import cpumap, x86
from nova_pyvirt.hypervisors.qemu.caps.cpu.cpudef import ARCHES, CpuDef, parse, pretty
from nova_pyvirt.hypervisors.qemu.caps.cpu.host import (
    allowed_features,
    host_cpu,
    host_model,
    models_of,
)
from nova_pyvirt.hypervisors.qemu.caps.cpu.schema import validate
from nova_pyvirt.hypervisors.qemu.caps.cpunames import UNKNOWN_TO_QEMU
from nova_pyvirt.hypervisors.qemu.caps.types import ACCELERATED, QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.view import HostView
from nova_pyvirt.util.typed import UInt, ULLong

#: <domain type=…> of libvirt, whatever the driver
VIRT_TYPES = (
    "none", "qemu", "kqemu", "kvm", "xen", "lxc", "uml", "openvz", "test", "vmware", "hyperv",
    "vbox", "phyp", "parallels", "bhyve", "vz", "hvf",
)  # fmt: skip
#: VIR_CONNECT_COMPARE_CPU_*
FAIL_INCOMPATIBLE, VALIDATE_XML = 1, 2
#: VIR_CONNECT_BASELINE_CPU_*
EXPAND_FEATURES, MIGRATABLE = 1, 2
#: what libvirt says of guests without KVM, and when no type is named
_QEMU_VCPUS = 16
#: architectures of one kind: an emulator for one passes for the others
_FAMILIES = (
    ("i686", "x86_64"),
    ("ppc", "ppcle", "ppc64", "ppc64le", "ppcemb"),
    ("armv6l", "armv7l", "armv7b", "aarch64"),
    ("s390", "s390x"),
)


#: architectures libvirt knows the CPUs of, but not what they have in common
_NO_BASELINE = ("s390", "s390x", "armv6l", "armv7l", "armv7b", "aarch64")


def get_capabilities(view: HostView) -> str:
    """virConnectGetCapabilities."""
    return capabilities.build(view)


def _invalid(detail: str) -> Exception:
    return error(Code.INVALID_ARG, detail, domain=From.QEMU)


def _one_kind(arch: str, other: str) -> bool:
    return arch == other or any(arch in family and other in family for family in _FAMILIES)


def lookup(
    view: HostView,
    emulator: str | None,
    arch: str | None,
    virt_type: str | None,
    machine: str | None,
) -> tuple[QemuCaps, str, str, str | None]:
    """The QEMU, architecture, domain type and machine (canonical) that a caller means.

    :raises libvirtError: INVALID_ARG for what doesn't exist or doesn't go together
    """
    if virt_type is not None and virt_type not in VIRT_TYPES:
        raise _invalid(f"unknown virttype: {virt_type}")
    if arch is not None and arch not in ARCHES:
        raise _invalid(f"unknown architecture: {arch}")
    wanted = arch or view.caps.host_arch
    binary = emulator or view.caps.default_emulator(wanted)
    if binary is None:
        detail = f"unable to find any emulator to serve '{wanted}' architecture"
        raise error(Code.CONFIG_UNSUPPORTED, detail, domain=From.QEMU)
    caps = view.caps.get(binary)
    if not _one_kind(caps.arch, wanted):
        raise _invalid(
            f"architecture from emulator '{caps.arch}' doesn't match given architecture '{wanted}'"
        )
    best = caps.virt_type or "none"
    found_type = virt_type if virt_type not in (None, "none") else best
    assert found_type is not None
    if found_type != "qemu" and best == "qemu":
        name = found_type if found_type in ACCELERATED else "tcg"
        raise _invalid(f"the accel '{name}' is not supported by '{binary}' on this host")
    if machine is None:
        return caps, wanted, found_type, caps.preferred_machine(found_type)
    canonical = caps.canonical_machine(machine, found_type)
    if caps.machine(canonical, found_type) is None:
        raise _invalid(f"the machine '{canonical}' is not supported by emulator '{binary}'")
    return caps, wanted, found_type, canonical


def get_domain_capabilities(
    view: HostView,
    emulator: str | None,
    arch: str | None,
    machine: str | None,
    virt_type: str | None,
    flags: int = 0,
) -> str:
    """virConnectGetDomainCapabilities; None stands for the usual choice."""
    check_flags(flags, 0, "qemuConnectGetDomainCapabilities", domain=From.QEMU)
    caps, wanted, found_type, canonical = lookup(view, emulator, arch, virt_type, machine)
    if not caps.serves_arch(wanted):
        raise _invalid(f"Emulator '{caps.binary}' does not support arch '{wanted}'")
    if not caps.serves(found_type):
        raise _invalid(f"Emulator '{caps.binary}' does not support virt type '{found_type}'")
    if canonical is None:
        detail = f"Emulator '{caps.binary}' does not support machine type '<null>'"
        raise error(Code.CONFIG_UNSUPPORTED, detail, domain=From.QEMU)
    return domain.build(view, caps, canonical, wanted, found_type)


def get_cpu_model_names(arch: str, flags: int = 0) -> list[str]:
    """virConnectGetCPUModelNames: empty where any model name may be used."""
    check_flags(flags, 0, "qemuConnectGetCPUModelNames", domain=From.QEMU)
    if arch not in ARCHES:
        raise _invalid(f"cannot find architecture {arch}")
    if arch in x86.ARCHES:
        return list(x86.get().models)
    if arch in ("ppc64", "ppc64le"):
        return list(cpumap.PPC64_MODELS)
    if arch in ("armv6l", "armv7l", "armv7b", "aarch64", "s390", "s390x"):
        return []
    raise _no_driver(arch)


def _no_driver(arch: str) -> Exception:
    detail = f"'{arch}' architecture is not supported by CPU driver"
    return error(Code.NO_SUPPORT, detail, domain=From.CPU)


def _compare(have: CpuDef | None, xml: str | None, flags: int) -> int:
    if flags & VALIDATE_XML:
        validate(xml)
    result, why = x86.compare(have, parse(xml, None))
    if result == x86.INCOMPATIBLE and flags & FAIL_INCOMPATIBLE:
        raise error(Code.CPU_INCOMPATIBLE, why, domain=From.CPU)
    return result


def compare_cpu(view: HostView, xml: str, flags: int = 0) -> int:
    """virConnectCompareCPU: 0 incompatible, 1 identical, 2 the host has more."""
    check_flags(flags, FAIL_INCOMPATIBLE | VALIDATE_XML, "qemuConnectCompareCPU", domain=From.QEMU)
    if view.caps.host_arch not in x86.ARCHES:
        raise _no_driver(view.caps.host_arch)
    return _compare(host_cpu(view.fs), xml, flags)


def compare_hypervisor_cpu(
    view: HostView,
    emulator: str | None,
    arch: str | None,
    machine: str | None,
    virt_type: str | None,
    xml: str,
    flags: int = 0,
) -> int:
    """virConnectCompareHypervisorCPU: the same, with what QEMU can give a guest here."""
    known = FAIL_INCOMPATIBLE | VALIDATE_XML
    check_flags(flags, known, "qemuConnectCompareHypervisorCPU", domain=From.QEMU)
    caps, wanted, found_type, _machine = lookup(view, emulator, arch, virt_type, machine)
    model = host_model(caps, found_type, view.fs)
    if model is None or model.reported.fallback != "forbid":
        raise _unsupported(
            f"QEMU '{caps.binary}' does not support reporting CPU model for virttype '{found_type}'"
        )
    if wanted not in x86.ARCHES:
        raise _unsupported(f"comparing with the hypervisor CPU is not supported for arch {wanted}")
    return _compare(model.reported, xml, flags)


def _unsupported(detail: str) -> Exception:
    return error(Code.OPERATION_UNSUPPORTED, detail, domain=From.QEMU)


def _cpus(xmls: Sequence[str], kind: str | None) -> list[CpuDef]:
    if not xmls:
        raise error(Code.INVALID_ARG, "no CPUs given", domain=From.CPU)
    return [parse(xml, kind) for xml in xmls]


def _check_models(cpus: Sequence[CpuDef]) -> None:
    for i, cpu in enumerate(cpus):
        if not cpu.model:
            detail = f"no CPU model specified at index {i}"
            raise error(Code.INVALID_ARG, detail, domain=From.CPU)


def baseline_cpu(view: HostView, xmls: Sequence[str], flags: int = 0) -> str:
    """virConnectBaselineCPU: the richest CPU that all these hosts can give a guest."""
    del view  # any host's CPUs
    known = EXPAND_FEATURES | MIGRATABLE
    check_flags(flags, known, "qemuConnectBaselineCPU", domain=From.QEMU)
    cpus = _cpus(xmls, "host")
    _check_models(cpus)
    arch = cpus[0].arch or ""
    if arch in _NO_BASELINE:
        detail = f"cannot compute baseline CPU of {arch} architecture"
        raise error(Code.NO_SUPPORT, detail, domain=From.CPU)
    if arch not in x86.ARCHES:
        raise _no_driver(arch)
    found = x86.baseline(cpus, migratable=bool(flags & MIGRATABLE))
    found = found.copy(lambda name: name not in UNKNOWN_TO_QEMU)
    if flags & EXPAND_FEATURES:
        found = x86.expand(found)
    return pretty(found.element())


def baseline_hypervisor_cpu(
    view: HostView,
    emulator: str | None,
    arch: str | None,
    machine: str | None,
    virt_type: str | None,
    xmls: Sequence[str],
    flags: int = 0,
) -> str:
    """virConnectBaselineHypervisorCPU: the same, limited to what QEMU knows."""
    known = EXPAND_FEATURES | MIGRATABLE
    check_flags(flags, known, "qemuConnectBaselineHypervisorCPU", domain=From.QEMU)
    cpus = _cpus(xmls, None)
    caps, wanted, found_type, _machine = lookup(view, emulator, arch, virt_type, machine)
    models = models_of(caps, found_type)
    if not models:
        raise _unsupported(
            f"QEMU '{caps.binary}' does not support any CPU models for virttype '{found_type}'"
        )
    if wanted not in x86.ARCHES:
        raise _unsupported(f"computing baseline hypervisor CPU is not supported for arch {wanted}")
    _check_models(cpus)
    migratable = bool(flags & MIGRATABLE)
    features, told = allowed_features(caps, found_type, migratable=migratable)
    found = x86.baseline(
        cpus,
        models=models,
        features=features,
        migratable=migratable and not (features is not None and told),
    )
    found.fallback = "forbid"
    if flags & EXPAND_FEATURES:
        found = x86.expand(found)
    return pretty(found.element())


def get_version(view: HostView) -> int:
    """virConnectGetVersion: the version of the QEMU that serves this host's architecture.

    :raises libvirtError: INTERNAL_ERROR when there is none
    """
    arch = view.caps.host_arch
    binary = view.caps.default_emulator(arch)
    if binary is None:
        detail = f"Cannot find suitable emulator for {arch}"
        raise error(Code.INTERNAL_ERROR, detail, domain=From.QEMU)
    return view.caps.get(binary).version


def get_max_vcpus(view: HostView, virt_type: str | None) -> int:
    """virConnectGetMaxVcpus."""
    if virt_type is None or virt_type.lower() == "qemu":
        return _QEMU_VCPUS
    if virt_type.lower() == "kvm":
        return kvm.max_vcpus(view.fs)
    raise _invalid(f"unknown type '{virt_type}'")


def get_hostname(view: HostView) -> str:
    """virConnectGetHostname."""
    del view
    return hostname()


def get_sysinfo(view: HostView, flags: int = 0) -> str:
    """virConnectGetSysinfo."""
    del view
    check_flags(flags, 0, "qemuConnectGetSysinfo", domain=From.QEMU)
    return pretty(sysinfo.read())


def node_get_info(view: HostView) -> host.NodeInfo:
    """virNodeGetInfo; memory in KiB."""
    return host.node_info(view.fs)


def node_get_cpu_map(view: HostView, flags: int = 0) -> tuple[int, bytes, int]:
    """virNodeGetCPUMap: processors, a bit for each that is online, how many are."""
    return host.cpu_map(view.fs, flags)


def node_get_cpu_stats(view: HostView, cpu: int, flags: int = 0) -> dict[str, ULLong]:
    """virNodeGetCPUStats, ns; cpu -1: all."""
    return host.cpu_stats(view.fs, cpu, flags)


def node_get_memory_stats(view: HostView, cell: int, flags: int = 0) -> dict[str, ULLong]:
    """virNodeGetMemoryStats, KiB; cell -1: all."""
    return memory.stats(view.fs, cell, flags)


def node_get_memory_parameters(view: HostView, flags: int = 0) -> dict[str, UInt | ULLong]:
    """virNodeGetMemoryParameters."""
    return memory.parameters(view.fs, flags)


def node_get_cells_free_memory(view: HostView, start: int, cells: int) -> list[int]:
    """virNodeGetCellsFreeMemory, bytes."""
    return memory.cells_free(view.fs, start, cells)


def node_get_free_memory(view: HostView) -> int:
    """virNodeGetFreeMemory, bytes."""
    return memory.free(view.fs)


def node_get_free_pages(
    view: HostView, sizes: Sequence[int], start: int, cells: int, flags: int = 0
) -> list[int]:
    """virNodeGetFreePages: one number for each cell and size (KiB)."""
    return memory.free_pages(view.fs, list(sizes), start, cells, flags)


def node_get_security_model(view: HostView) -> tuple[str, str]:
    """virNodeGetSecurityModel: model and domain of interpretation of the main security driver."""
    if not view.security:
        return "", ""
    return view.security[0].model, view.security[0].doi
