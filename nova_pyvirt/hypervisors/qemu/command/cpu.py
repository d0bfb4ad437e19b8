# SPDX-License-Identifier: Apache-2.0
"""-cpu: model and features of a definition whose host-model has been expanded."""

from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.cpunames import UNKNOWN_TO_QEMU, feature_to_qemu
from nova_pyvirt.model.domain import Domain


def cpu(domain: Domain, caps: QemuCaps) -> list[str]:
    """The option, with what <features> and <clock> add to the CPU."""
    cpu_ = domain.cpu
    if cpu_ is None:
        return []
    if cpu_.mode in ("host-passthrough", "maximum"):
        words = ["host" if cpu_.mode == "host-passthrough" else "max"]
        if cpu_.migratable is not None and domain.type == "kvm":
            words.append(f"migratable={'on' if cpu_.migratable else 'off'}")
    else:
        words = [cpu_.model]
    for feature in cpu_.features:
        if feature.name in UNKNOWN_TO_QEMU:
            continue
        on = feature.policy not in ("disable", "forbid")
        words.append(f"{feature_to_qemu(feature.name)}={'on' if on else 'off'}")
    features = domain.features
    if features is not None:
        if features.kvm_hidden:
            words.append("kvm=off")
        if features.pmu is not None:
            words.append(f"pmu={'on' if features.pmu else 'off'}")
    return ["-cpu", ",".join(words)]
