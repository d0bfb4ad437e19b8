# SPDX-License-Identifier: Apache-2.0
"""-cpu: model and features of a definition whose host-model has been expanded."""

from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.cpunames import UNKNOWN_TO_QEMU, feature_to_qemu
from nova_pyvirt.hypervisors.qemu.command.context import on_off
from nova_pyvirt.model.cpu import CPU
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.model.features import HYPERV, Features

Words = list[str]


def cpu(domain: Domain, caps: QemuCaps) -> Words:
    """The option, with what <features> and <clock> add to the CPU."""
    found = domain.cpu
    words: Words = []
    if found is not None and (found.mode != "custom" or found.model is not None):
        words = _model(found, caps)
    flags = _timers(domain)
    if domain.features is not None:
        flags += _features(domain.features)
    if any(panic.model == "hyperv" for panic in domain.devices.panics):
        flags.append("hv-crash")
    if domain.features is not None:
        flags += _kvm(domain.features)
    if found is not None:
        flags += _cache(found, caps)
        flags += _address_bits(found)
    if flags and not words:
        words = ["qemu32" if domain.os.arch == "i686" else "qemu64"]
    return ["-cpu", ",".join(words + flags)] if words else []


def _model(found: CPU, caps: QemuCaps) -> Words:
    if found.mode in ("host-passthrough", "maximum"):
        words = ["host" if found.mode == "host-passthrough" else "max"]
        if found.migratable is not None and caps.has("cpu.migratable"):
            words.append(f"migratable={on_off(bool(found.migratable))}")
    else:
        words = [found.model]
    if found.model_vendor_id:
        words.append(f"vendor={found.model_vendor_id}")
    for feature in found.features:
        if feature.name in UNKNOWN_TO_QEMU or feature.policy == "optional":
            continue
        on: bool = feature.policy not in ("disable", "forbid")
        words.append(f"{feature_to_qemu(feature.name)}={on_off(on)}")
    return words


def _timers(domain: Domain) -> Words:
    words: Words = []
    for timer in domain.clock.timers:
        if timer.name == "kvmclock" and timer.present is not None:
            words.append(f"kvmclock={on_off(timer.present)}")
        elif timer.name == "hypervclock" and timer.present:
            words.append("hv-time=on")
        elif timer.name == "tsc" and timer.frequency:
            words.append(f"tsc-frequency={timer.frequency}")
    return words


def _features(features: Features) -> Words:
    words: Words = []
    if features.apic_eoi is not None:
        words.append(f"kvm-pv-eoi={on_off(features.apic_eoi)}")
    if features.pvspinlock is not None:
        words.append(f"kvm-pv-unhalt={on_off(bool(features.pvspinlock))}")
    hyperv = features.hyperv
    if hyperv is None or hyperv.mode == "none":
        return words
    if hyperv.mode == "passthrough":
        words.append("hv-passthrough=on")
    for name in HYPERV:
        if not hyperv.enabled(name):
            continue
        if name == "spinlocks":
            words.append(f"hv-spinlocks=0x{hyperv.spinlocks_retries:x}")
        elif name == "vendor_id":
            words.append(f"hv-vendor-id={hyperv.vendor_id_value}")
        else:
            words.append(f"hv-{name}=on")
            if name == "stimer" and hyperv.stimer_direct:
                words.append("hv-stimer-direct=on")
    return words


def _kvm(features: Features) -> Words:
    words: Words = []
    kvm = features.kvm
    if kvm is not None:
        if kvm.hidden:
            words.append("kvm=off")
        if kvm.hint_dedicated:
            words.append("kvm-hint-dedicated=on")
        if kvm.poll_control:
            words.append("kvm-poll-control=on")
        if kvm.pv_ipi is False:
            words.append("kvm-pv-ipi=off")
    if features.pmu is not None:
        words.append(f"pmu={on_off(bool(features.pmu))}")
    return words


def _cache(found: CPU, caps: QemuCaps) -> Words:
    mode = found.cache_mode
    host = found.mode in ("host-passthrough", "maximum")
    words = {"emulate": ["l3-cache=on"], "passthrough": ["host-cache-info=on"]}.get(mode, [])
    if not caps.has("cpu-cache"):
        return words
    if mode in ("emulate", "disable") and host:
        words = [*words, "host-cache-info=off"]
    if mode in ("passthrough", "disable"):
        words = [*words, "l3-cache=off"]
    return words


def _address_bits(found: CPU) -> Words:
    if found.maxphysaddr_mode == "passthrough":
        return ["host-phys-bits=on"]
    if found.maxphysaddr_mode == "emulate":
        return [f"phys-bits={found.maxphysaddr_bits}"]
    return []
