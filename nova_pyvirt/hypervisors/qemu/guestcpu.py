# SPDX-License-Identifier: Apache-2.0
"""The guest's CPU at start: checked against the host, host-model becomes a model with features,
optional features are settled (qemuProcessUpdateGuestCPU)."""

from nova_pyvirt import errors
from nova_pyvirt.core.host import HostFs
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.cpu import x86
from nova_pyvirt.hypervisors.qemu.caps.cpu.cpudef import CpuDef
from nova_pyvirt.hypervisors.qemu.caps.cpu.host import (
    HostModel,
    allowed_features,
    host_cpu,
    host_model,
)
from nova_pyvirt.hypervisors.qemu.caps.cpunames import UNKNOWN_TO_QEMU
from nova_pyvirt.model.cpu import CPU, CPUFeature
from nova_pyvirt.model.domain import Domain

#: parts per million that a counter may be off
_TSC_PPM = 250


def expand(domain: Domain, caps: QemuCaps, fs: HostFs) -> None:
    """Settles the CPU of a live definition.

    :raises libvirtError: CPU_INCOMPATIBLE when the host lacks what is required; CONFIG_UNSUPPORTED
        when the host's CPU can't be modelled or QEMU does not have the model
    """
    _check_tsc(domain, fs)
    cpu = domain.cpu
    if cpu is None or (cpu.mode == "custom" and cpu.model is None):
        return
    if domain.os.arch not in x86.ARCHES:
        return
    host = host_model(caps, domain.type, fs)
    _check_mode(domain, cpu, host)
    if cpu.check != "none" and host is not None:
        _check_forbidden(cpu, host.full)
    if cpu.mode in ("host-passthrough", "maximum"):
        _filter(domain, cpu, caps)
        return
    guest = definition_of(cpu)
    if cpu.check == "partial":
        result, why = x86.compare(host.full if host else None, guest)
        if result == x86.INCOMPATIBLE:
            raise errors.error(Code.CPU_INCOMPATIBLE, why, domain=From.CPU)
    if host is not None or cpu.mode == "host-model" or cpu.match == "minimum":
        x86.update(guest, host.migratable if host else None)
    _translate(guest, domain, caps)
    _take(cpu, guest)
    _filter(domain, cpu, caps)


def _check_tsc(domain: Domain, fs: HostFs) -> None:
    """A guest's counter must run as the host's, or the host must be able to scale it."""
    timer = domain.clock.timer("tsc")
    if timer is None or not timer.frequency:
        return
    tsc = host_cpu(fs).tsc
    if tsc is None:
        return
    host, scaling = tsc
    tolerance = host * _TSC_PPM // 1000000
    low, high = host - tolerance, host + tolerance
    if low <= timer.frequency <= high or scaling != "no":
        return
    raise errors.error(
        Code.CONFIG_UNSUPPORTED,
        f"Requested TSC frequency {timer.frequency} Hz is outside tolerance range ([{low}, {high}]"
        f" Hz) around host frequency {host} Hz and TSC scaling is not supported by the host CPU",
    )


def _check_mode(domain: Domain, cpu: CPU, host: HostModel | None) -> None:
    supported = {
        "host-model": host is not None,
        "host-passthrough": domain.type == "kvm",
    }.get(cpu.mode, True)
    if not supported:
        arch = domain.os.arch
        raise errors.error(
            Code.CONFIG_UNSUPPORTED,
            f"CPU mode '{cpu.mode}' for {arch} {domain.type} domain on {arch} host is not"
            " supported by hypervisor",
        )


def _check_forbidden(cpu: CPU, host: CpuDef) -> None:
    for feature in cpu.features:
        if feature.policy == "forbid" and host.features.get(feature.name, "disable") != "disable":
            detail = f"Host CPU provides forbidden feature '{feature.name}'"
            raise errors.error(Code.CPU_INCOMPATIBLE, detail, domain=From.CPU)


def definition_of(cpu: CPU) -> CpuDef:
    """A definition's CPU as the comparisons take it."""
    return CpuDef(
        mode=cpu.mode,
        match=cpu.match or "exact",
        check=cpu.check,
        model=cpu.model if cpu.mode == "custom" else None,
        vendor=cpu.vendor,
        vendor_id=cpu.model_vendor_id,
        fallback=cpu.model_fallback or "allow",
        features={feature.name: feature.policy for feature in cpu.features},
    )


def _translate(guest: CpuDef, domain: Domain, caps: QemuCaps) -> None:
    """A model that QEMU does not have becomes a near one, if the definition allows."""
    models = {model.name: model for model in caps.cpu_models(domain.type)}
    if not models or guest.model in models or guest.mode == "host-model":
        return
    if guest.fallback != "allow":
        detail = f"CPU model {guest.model} is not supported by hypervisor"
        raise errors.error(Code.CONFIG_UNSUPPORTED, detail, domain=From.CPU)
    asked = dict(guest.features)
    found = x86.decode(x86.Data(x86.get().models[guest.model or ""].bits), "guest", models=models)
    guest.model, guest.features = found.model, dict(found.features) | asked


def _take(cpu: CPU, guest: CpuDef) -> None:
    cpu.mode = "custom"
    cpu.match = "exact"
    cpu.model, cpu.vendor, cpu.model_fallback = guest.model, guest.vendor, "forbid"
    cpu.features = [
        CPUFeature(policy=policy or "require", name=name) for name, policy in guest.features.items()
    ]


def _filter(domain: Domain, cpu: CPU, caps: QemuCaps) -> None:
    """Features that QEMU has never heard of are left out."""
    known, _ = allowed_features(caps, domain.type, migratable=False)
    cpu.features = [
        feature
        for feature in cpu.features
        if feature.name not in UNKNOWN_TO_QEMU and (known is None or feature.name in known)
    ]
