# SPDX-License-Identifier: Apache-2.0
"""Marks of domains that were treated in ways we can't answer for (virDomainTaintFlags)."""

import logging
from typing import Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.logfile import append
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu import status
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.state import QemuState

LOG = logging.getLogger(__name__)
DEPRECATION, TAINTING = 1, 2
#: libvirt's words, in its order, and what they mean (virDomainTaintMessage)
_MEANING: Final = {
    "custom-argv": "custom configuration parameters specified",
    "custom-monitor": "custom monitor control commands issued",
    "high-privileges": "running with undesirable elevated privileges",
    "shell-scripts": "network configuration using opaque shell scripts",
    "disk-probing": "potentially unsafe disk format probing",
    "external-launch": "managing externally launched configuration",
    "host-cpu": "potentially unsafe use of host CPU passthrough",
    "hook-script": "configuration potentially modified by hook script",
    "cdrom-passthrough": "use of host cdrom passthrough",
    "custom-dtb": "custom device tree blob used",
    "custom-ga-command": "custom guest agent control commands issued",
    "custom-hypervisor-feature": "hypervisor feature autodetection override",
    "deprecated-config": "use of deprecated configuration settings",
    "custom-device": "custom device configuration",
}


def mark(state: QemuState, vm: DomainObj, taint: str) -> None:
    """Notes a taint of a running domain, once, in our log and in the domain's.

    :param taint: libvirt's word, e.g. ``custom-monitor``
    """
    with vm.lock:
        private = vm.private
        if private is None or taint in private.taints:
            return
        private.taints.append(taint)
        name, ident, uuid = vm.name, vm.id, vm.definition.uuid
    LOG.warning("domain id=%d name='%s' uuid=%s is tainted: %s", ident, name, uuid, taint)
    status.try_save(state, vm)
    append(state.paths.log_file(name), f"Domain id={ident} is tainted: {taint}")


def messages(state: QemuState, dom: DomainRef, flags: int) -> list[str]:
    """qemuDomainGetMessages: what the running domain is tainted by.

    :param flags: VIR_DOMAIN_MESSAGE_*; none is all of them
    """
    check_flags(flags, DEPRECATION | TAINTING, "qemuDomainGetMessages")
    vm = state.domains.find(dom)
    if flags == DEPRECATION:
        return []
    with vm.lock:
        marks = set(vm.private.taints) if vm.active else set()
    return [f"tainted: {text}" for word, text in _MEANING.items() if word in marks]
