# SPDX-License-Identifier: Apache-2.0
"""What of a start depends on nothing but the host's facts: the definition becomes a live one."""

from nova_pyvirt.hypervisors.qemu import alias, firmware, guestcpu, postparse
from nova_pyvirt.hypervisors.qemu.caps import HostView, QemuCaps
from nova_pyvirt.hypervisors.qemu.caps.firmware import descriptors
from nova_pyvirt.model.domain import Domain


def prepare(domain: Domain, caps: QemuCaps, view: HostView, nvram_dir: str) -> None:
    """Aliases, the guest's CPU, firmware, sizes of memory.

    :raises libvirtError: CONFIG_UNSUPPORTED, CPU_INCOMPATIBLE, OPERATION_FAILED
    """
    alias.assign(domain)
    guestcpu.expand(domain, caps, view.fs)
    if domain.os.firmware is not None or postparse.read_only_uefi(domain):
        found = descriptors(view.fs, privileged=view.privileged)
        firmware.fill(domain, found, nvram_dir, view.loaders)
    postparse.align(domain)
