# SPDX-License-Identifier: Apache-2.0
"""Calls that the guest agent answers, for guests without one (qemu_driver.c).

Each checks its arguments and the domain in libvirt's order, then says that there is no agent.
"""

from collections.abc import Sequence
from typing import Final, NoReturn

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import AgentJob
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu import agentless
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.host import neighbours
from nova_pyvirt.hypervisors.qemu.jobs import agent_job
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model import cpuset

PASSWORD_ENCRYPTED: Final = 1
TIME_SYNC: Final = 1
KEYS_APPEND, KEYS_REMOVE = 1, 2
HOSTNAME_LEASE, HOSTNAME_AGENT = 1, 2
SOURCE_LEASE, SOURCE_AGENT, SOURCE_ARP = range(3)
_GUEST_INFO: Final = (1 << 7) - 1
_VCPU_IDS: Final = 4096
_LEAST_TIMEOUT: Final = -2
_QUERY, _MODIFY = AgentJob.QUERY, AgentJob.MODIFY

#: name and MAC address of an interface, [(type, address, prefix)]
Interface = tuple[str, str, list[tuple[int, str, int]]]


def ask(state: QemuState, dom: DomainRef, kind: AgentJob, api: str, *, active: bool) -> NoReturn:
    """The end of every call to an agent that isn't there.

    :param active: is a domain that is off refused as such first?
    :raises libvirtError: OPERATION_INVALID, AGENT_UNRESPONSIVE, ARGUMENT_UNSUPPORTED
    """
    vm = state.domains.find(dom)
    with agent_job(vm, kind, api):
        if active:
            vm.require_active()
        raise agentless.refusal(vm)


def agent_command(state: QemuState, dom: DomainRef, cmd: str, timeout: int, flags: int) -> str:
    """qemuDomainQemuAgentCommand."""
    check_flags(flags, 0, "qemuDomainQemuAgentCommand")
    ask(state, dom, _MODIFY, "virDomainQemuAgentCommand", active=True)


def fs_freeze(state: QemuState, dom: DomainRef, mounts: Sequence[str], flags: int) -> int:
    """qemuDomainFSFreeze."""
    check_flags(flags, 0, "qemuDomainFSFreeze")
    ask(state, dom, _MODIFY, "virDomainFSFreeze", active=True)


def fs_thaw(state: QemuState, dom: DomainRef, mounts: Sequence[str], flags: int) -> int:
    """qemuDomainFSThaw."""
    check_flags(flags, 0, "qemuDomainFSThaw")
    ask(state, dom, _MODIFY, "virDomainFSThaw", active=True)


def fs_trim(state: QemuState, dom: DomainRef, mount: str | None, minimum: int, flags: int) -> None:
    """qemuDomainFSTrim."""
    check_flags(flags, 0, "qemuDomainFSTrim")
    if mount is not None:
        detail = "Specifying mount point is not supported for now"
        raise errors.error(Code.ARGUMENT_UNSUPPORTED, detail)
    ask(state, dom, _MODIFY, "virDomainFSTrim", active=False)


def get_fs_info(state: QemuState, dom: DomainRef, flags: int) -> list[object]:
    """qemuDomainGetFSInfo."""
    check_flags(flags, 0, "qemuDomainGetFSInfo")
    ask(state, dom, _QUERY, "virDomainGetFSInfo", active=True)


def get_time(state: QemuState, dom: DomainRef, flags: int) -> tuple[int, int]:
    """qemuDomainGetTime."""
    check_flags(flags, 0, "qemuDomainGetTime")
    ask(state, dom, _QUERY, "virDomainGetTime", active=True)


def set_time(state: QemuState, dom: DomainRef, seconds: int, nseconds: int, flags: int) -> None:
    """qemuDomainSetTime."""
    check_flags(flags, TIME_SYNC, "qemuDomainSetTime")
    vm = state.domains.find(dom)
    if not vm.active and vm.definition.os.arch in ("x86_64", "i686"):
        detail = "cannot set time: qemu doesn't support rtc-reset-reinjection command"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)  # without a QEMU it has nothing
    ask(state, dom, _MODIFY, "virDomainSetTime", active=True)


def get_guest_info(state: QemuState, dom: DomainRef, types: int, flags: int) -> NoReturn:
    """qemuDomainGetGuestInfo."""
    check_flags(flags, 0, "qemuDomainGetGuestInfo")
    if types & ~_GUEST_INFO:
        detail = f"unsupported guest information types '0x{types & ~_GUEST_INFO:x}'"
        raise errors.error(Code.INVALID_ARG, detail)
    ask(state, dom, _QUERY, "virDomainGetGuestInfo", active=False)


def get_hostname(state: QemuState, dom: DomainRef, flags: int) -> str:
    """qemuDomainGetHostname: from the agent, or from the leases of our networks."""
    check_flags(flags, HOSTNAME_LEASE | HOSTNAME_AGENT, "qemuDomainGetHostname")
    if flags == HOSTNAME_LEASE | HOSTNAME_AGENT:
        raise errors.invalid_arg(
            "qemuDomainGetHostname",
            "ctl",
            "Flags 'VIR_DOMAIN_GET_HOSTNAME_LEASE' and 'VIR_DOMAIN_GET_HOSTNAME_AGENT' are"
            " mutually exclusive",
            domain=From.QEMU,
        )
    if not flags & HOSTNAME_LEASE:
        ask(state, dom, _QUERY, "virDomainGetHostname", active=True)
    vm = state.domains.find(dom)
    vm.require_active()
    detail = f"no hostname found for domain {vm.name}"
    raise errors.error(Code.NO_HOSTNAME, detail)


def interface_addresses(
    state: QemuState, dom: DomainRef, source: int, flags: int
) -> list[Interface]:
    """qemuDomainInterfaceAddresses: from the leases of our networks, the agent, the host's ARP.

    :raises libvirtError: OPERATION_INVALID; ARGUMENT_UNSUPPORTED for an unknown source
    """
    check_flags(flags, 0, "qemuDomainInterfaceAddresses")
    vm = state.domains.find(dom)
    with vm.lock:
        vm.require_active()
    if source == SOURCE_AGENT:
        ask(state, dom, _QUERY, "virDomainInterfaceAddresses", active=False)
    if source == SOURCE_ARP:
        return _from_neighbours(vm)
    if source == SOURCE_LEASE:
        return []
    detail = f"Unknown IP address data source {source}"
    raise errors.error(Code.ARGUMENT_UNSUPPORTED, detail)


def _from_neighbours(vm: DomainObj) -> list[Interface]:
    """What the host has spoken with under the MAC addresses of the interfaces."""
    known = neighbours.read()
    with vm.lock:
        nets = [(str(n.target), str(n.mac)) for n in vm.definition.devices.interfaces if n.target]
    found = [(name, mac, known.get(mac.lower(), [])) for name, mac in nets]
    return [(name, mac, addresses) for name, mac, addresses in found if addresses]


def set_user_password(
    state: QemuState, dom: DomainRef, user: str, password: str, flags: int
) -> None:
    """qemuDomainSetUserPassword."""
    check_flags(flags, PASSWORD_ENCRYPTED, "qemuDomainSetUserPassword")
    ask(state, dom, _MODIFY, "virDomainSetUserPassword", active=True)


def ssh_keys_get(state: QemuState, dom: DomainRef, user: str, flags: int) -> list[str]:
    """qemuDomainAuthorizedSSHKeysGet."""
    check_flags(flags, 0, "qemuDomainAuthorizedSSHKeysGet")
    ask(state, dom, _QUERY, "virDomainAuthorizedSSHKeysGet", active=False)


def ssh_keys_set(
    state: QemuState, dom: DomainRef, user: str, keys: Sequence[str], flags: int
) -> None:
    """qemuDomainAuthorizedSSHKeysSet."""
    check_flags(flags, KEYS_APPEND | KEYS_REMOVE, "qemuDomainAuthorizedSSHKeysSet")
    ask(state, dom, _MODIFY, "virDomainAuthorizedSSHKeysSet", active=False)


def get_guest_vcpus(state: QemuState, dom: DomainRef, flags: int) -> NoReturn:
    """qemuDomainGetGuestVcpus."""
    check_flags(flags, 0, "qemuDomainGetGuestVcpus")
    ask(state, dom, _QUERY, "virDomainGetGuestVcpus", active=False)


def set_guest_vcpus(state: QemuState, dom: DomainRef, cpumap: str, on: int, flags: int) -> None:
    """qemuDomainSetGuestVcpus."""
    check_flags(flags, 0, "qemuDomainSetGuestVcpus")
    if on not in (0, 1):
        raise errors.invalid_arg(
            "qemuDomainSetGuestVcpus",
            "state",
            "unsupported state value in qemuDomainSetGuestVcpus",
            domain=From.QEMU,
        )
    cpuset.parse(cpumap, _VCPU_IDS)
    ask(state, dom, _MODIFY, "virDomainSetGuestVcpus", active=False)


def set_response_timeout(state: QemuState, dom: DomainRef, timeout: int, flags: int) -> None:
    """qemuDomainAgentSetResponseTimeout: seconds, or -2 for ever, -1 the default, 0 no wait.

    :raises libvirtError: INVALID_ARG
    """
    check_flags(flags, 0, "qemuDomainAgentSetResponseTimeout")
    if timeout < _LEAST_TIMEOUT:
        detail = f"guest agent timeout '{timeout}' is less than the minimum '{_LEAST_TIMEOUT}'"
        raise errors.error(Code.INVALID_ARG, detail)
    state.domains.find(dom)
