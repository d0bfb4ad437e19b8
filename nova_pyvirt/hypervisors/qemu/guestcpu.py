# SPDX-License-Identifier: Apache-2.0
"""The guest's CPU at start: host-model becomes a model with features (qemuProcessUpdateGuestCPU)."""

from nova_pyvirt import errors
from nova_pyvirt.core.host import HostFs
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.cpu.host import host_model
from nova_pyvirt.model.cpu import CPUFeature
from nova_pyvirt.model.domain import Domain


def expand(domain: Domain, caps: QemuCaps, fs: HostFs) -> None:
    """Replaces host-model in a live definition.

    :raises libvirtError: CONFIG_UNSUPPORTED when the host's CPU can't be modelled
    """
    cpu = domain.cpu
    if cpu is None or cpu.mode != "host-model":
        return
    found = host_model(caps, domain.type, fs)
    if found is None:
        raise errors.error(
            Code.CONFIG_UNSUPPORTED, "CPU mode 'host-model' is not supported by hypervisor"
        )
    asked = {f.name: f for f in cpu.features}
    model = found.migratable
    cpu.mode, cpu.match, cpu.check = "custom", "exact", "partial"
    cpu.model, cpu.vendor, cpu.model_fallback = model.model, model.vendor, "forbid"
    cpu.features = [
        CPUFeature(policy=policy or "require", name=name)
        for name, policy in model.features.items()
        if name not in asked
    ] + list(asked.values())
