# SPDX-License-Identifier: Apache-2.0
"""The host's CPU as CPUID tells it, and what guests see of it with cpu mode host-model."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from nova_pyvirt.core.host import HostFs, cpuid, kvm
from nova_pyvirt.core.host.cpu import host_arch, microcode, node_info, physical_bits
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.caps.cpu import x86
from nova_pyvirt.hypervisors.qemu.caps.cpu.cpudef import CpuDef
from nova_pyvirt.hypervisors.qemu.caps.cpunames import (
    UNKNOWN_TO_QEMU,
    feature_from_qemu,
)
from nova_pyvirt.hypervisors.qemu.caps.types import (
    ACCELERATED,
    CpuDefinition,
    CpuModelInfo,
    QemuCaps,
)

Models = Mapping[str, CpuDefinition]


@dataclass(frozen=True)
class HostModel:
    """The host's CPU as a guest's definition.

    :ivar reported: what getDomainCapabilities shows
    :ivar migratable: what a guest with mode host-model gets
    :ivar full: every feature the host's CPU or QEMU has: what a guest may ask for
    """

    reported: CpuDef
    migratable: CpuDef
    full: CpuDef


@lru_cache(maxsize=4)
def _registers(root: str) -> cpuid.Registers:
    """CPUID does not change while the host is up."""
    fs = HostFs(root)
    found = cpuid.read(fs)
    if found.get((7, 0, "edx"), 0) >> 29 & 1:  # arch-capabilities
        found = {**found, **cpuid.arch_capabilities(fs)}
    return found


@lru_cache(maxsize=4)
def _tsc(root: str) -> tuple[int, str | None] | None:
    return kvm.tsc(HostFs(root))


def host_data(fs: HostFs) -> x86.Data:
    """The host CPU's named bits."""
    return x86.get().data(_registers(str(fs.root)))


def host_cpu(fs: HostFs) -> CpuDef:
    """The host's CPU as getCapabilities shows it; without model where CPUID can't be asked."""
    info = node_info(fs)
    arch = host_arch()
    cpu = CpuDef(kind="host", mode=None)
    if arch in x86.ARCHES:
        cpu = _decoded(fs) or cpu
    cpu.arch = arch
    cpu.topology = (info.sockets, 1, info.cores, info.threads)
    return cpu


def _decoded(fs: HostFs) -> CpuDef | None:
    data = host_data(fs)
    if not data.bits:
        return None
    try:
        cpu = x86.decode(data, "host")
    except libvirtError:
        return None
    cpu.mode = None
    cpu.microcode = microcode(fs)
    if "invtsc" in x86.get().names(data.bits):
        cpu.tsc = _tsc(str(fs.root))
    bits = physical_bits(fs)
    if bits is not None:
        cpu.maxphysaddr = ("emulate", bits)
    return cpu


def models_of(caps: QemuCaps, virt_type: str) -> Models:
    """QEMU's CPU models by name."""
    return {cpu.name: cpu for cpu in caps.cpu_models(virt_type)}


def host_model(caps: QemuCaps, virt_type: str, fs: HostFs) -> HostModel | None:
    """None where the guest's architecture is not the host's, or no model fits."""
    accel = caps.accel(virt_type)
    return _host_model(
        str(fs.root), caps.arch, virt_type in ACCELERATED, accel.host_cpu, accel.cpus, caps.flags
    )


@lru_cache(maxsize=16)
def _host_model(
    root: str,
    arch: str,
    accelerated: bool,
    info: CpuModelInfo | None,
    cpus: tuple[CpuDefinition, ...],
    flags: frozenset[str],
) -> HostModel | None:
    if arch not in x86.ARCHES or host_arch() not in x86.ARCHES:
        return None
    models = {cpu.name: cpu for cpu in cpus}
    try:
        found = _build(HostFs(root), accelerated, info, models)
    except libvirtError:
        return None
    if "cpu-unavailable-features" not in flags:
        for cpu in (found.reported, found.migratable, found.full):
            cpu.features = {n: p for n, p in cpu.features.items() if not _is_msr(n)}
    return found


def _is_msr(name: str) -> bool:
    feature = x86.get().features.get(name)
    return feature is not None and feature.msr


def _build(fs: HostFs, accelerated: bool, info: CpuModelInfo | None, models: Models) -> HostModel:
    if info is None:  # QEMU does not say: the host's own CPU, with what QEMU never knew left out
        cpu = x86.decode(host_data(fs), "guest", models=models)
        cpu = cpu.copy(lambda name: name not in UNKNOWN_TO_QEMU)
        return HostModel(cpu, x86.migratable(cpu), cpu)
    reported = x86.decode(_model_data(info, migratable=False), "guest", models=models)
    full = reported
    if accelerated:
        full = x86.decode(host_data(fs), "guest")
        for name, policy in x86.expand(reported).features.items():
            if policy == "require":
                full.update(name, "require")
    if info.migratability:
        migratable = x86.decode(_model_data(info, migratable=True), "guest", models=models)
    else:
        migratable = x86.migratable(reported)
    reported.fallback = migratable.fallback = "forbid"
    return HostModel(reported, migratable, full)


def _model_data(info: CpuModelInfo, *, migratable: bool) -> x86.Data:
    """QEMU's properties as CPUID bits."""
    known = x86.get()
    names, numbers, vendor = [], {"family": 0, "model": 0, "stepping": 0}, 0
    for prop in info.properties:
        name = feature_from_qemu(prop.name)
        if prop.value is True and not (migratable and prop.migratable is False):
            names.append(name)
        elif name == "vendor" and isinstance(prop.value, str):
            vendor = known.vendor_bits(prop.value)
        elif name in numbers and isinstance(prop.value, int):
            numbers[name] = prop.value
    signature = (numbers["family"], numbers["model"], numbers["stepping"] & 0xF)
    return x86.Data(known.union(names) | vendor, signature)


def allowed_features(
    caps: QemuCaps, virt_type: str, *, migratable: bool
) -> tuple[set[str] | None, bool]:
    """The features QEMU knows (only the migratable ones), and whether it said which those are."""
    info = caps.accel(virt_type).host_cpu
    if info is None:
        return None, False
    names = {
        feature_from_qemu(prop.name)
        for prop in info.properties
        if not (migratable and prop.migratable is False)
    }
    return names, info.migratability
