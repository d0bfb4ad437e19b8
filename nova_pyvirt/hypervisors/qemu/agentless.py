# SPDX-License-Identifier: Apache-2.0
"""What calls that need the guest agent say where there is none (qemuDomainAgentAvailable)."""

from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import State
from nova_pyvirt.errors import Code, libvirtError

CHANNEL: Final = "org.qemu.guest_agent.0"


def refusal(vm: DomainObj) -> libvirtError:
    """OPERATION_INVALID unless the guest runs; AGENT_UNRESPONSIVE when its channel is there but
    nobody answers on it, ARGUMENT_UNSUPPORTED without one."""
    with vm.lock:
        if vm.state is not State.RUNNING:
            return errors.error(Code.OPERATION_INVALID, "domain is not running")
        configured = any(c.target_name == CHANNEL for c in vm.definition.devices.channels)
    if configured:
        return errors.error(Code.AGENT_UNRESPONSIVE, "QEMU guest agent is not connected")
    return errors.error(Code.ARGUMENT_UNSUPPORTED, "QEMU guest agent is not configured")
