# SPDX-License-Identifier: Apache-2.0
"""The table's ways to QEMU's monitor and to the guest agent."""

from collections.abc import Callable, Sequence
from typing import Any

from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu import taints
from nova_pyvirt.hypervisors.qemu.ops import agent, monitor, security
from nova_pyvirt.hypervisors.qemu.slots.base import Slots
from nova_pyvirt.util.typed import Params


class MonitorSlots(Slots):
    """What goes past us."""

    def domain_qemu_monitor_command(self, dom: DomainRef, cmd: str, flags: int) -> str:
        return monitor.monitor_command(self.state, dom, cmd, flags)

    def domain_qemu_monitor_command_with_files(
        self, dom: DomainRef, cmd: str, files: list[int], flags: int
    ) -> tuple[str, list[int]]:
        return monitor.monitor_command(self.state, dom, cmd, flags, files), []

    def connect_domain_qemu_monitor_event_register(
        self, dom: DomainRef | None, event: str | None, callback: Callable[..., None], flags: int
    ) -> int:
        return monitor.register(self.state, self, dom, event, callback, flags)

    def connect_domain_qemu_monitor_event_deregister(self, ident: int) -> None:
        self.state.monitor_events.deregister(ident)

    def domain_get_security_label(self, dom: DomainRef) -> security.Label:
        return security.get_security_label(self.state, dom)

    def domain_get_security_label_list(self, dom: DomainRef) -> list[security.Label]:
        return security.get_security_label_list(self.state, dom)

    def domain_get_launch_security_info(self, dom: DomainRef, flags: int) -> Params:
        return security.get_launch_security_info(self.state, dom, flags)

    def domain_get_messages(self, dom: DomainRef, flags: int) -> list[str]:
        return taints.messages(self.state, dom, flags)

    # --- the guest agent

    def domain_qemu_agent_command(self, dom: DomainRef, cmd: str, timeout: int, flags: int) -> str:
        return agent.agent_command(self.state, dom, cmd, timeout, flags)

    def domain_fs_freeze(self, dom: DomainRef, mounts: Sequence[str], flags: int) -> int:
        return agent.fs_freeze(self.state, dom, mounts, flags)

    def domain_fs_thaw(self, dom: DomainRef, mounts: Sequence[str], flags: int) -> int:
        return agent.fs_thaw(self.state, dom, mounts, flags)

    def domain_fs_trim(self, dom: DomainRef, mount: str | None, minimum: int, flags: int) -> None:
        agent.fs_trim(self.state, dom, mount, minimum, flags)

    def domain_get_fs_info(self, dom: DomainRef, flags: int) -> list[Any]:
        return agent.get_fs_info(self.state, dom, flags)

    def domain_get_time(self, dom: DomainRef, flags: int) -> tuple[int, int]:
        return agent.get_time(self.state, dom, flags)

    def domain_set_time(self, dom: DomainRef, seconds: int, nseconds: int, flags: int) -> None:
        agent.set_time(self.state, dom, seconds, nseconds, flags)

    def domain_get_guest_info(self, dom: DomainRef, types: int, flags: int) -> Any:
        return agent.get_guest_info(self.state, dom, types, flags)

    def domain_get_hostname(self, dom: DomainRef, flags: int) -> str:
        return agent.get_hostname(self.state, dom, flags)

    def domain_interface_addresses(
        self, dom: DomainRef, source: int, flags: int
    ) -> list[agent.Interface]:
        return agent.interface_addresses(self.state, dom, source, flags)

    def domain_set_user_password(
        self, dom: DomainRef, user: str, password: str, flags: int
    ) -> None:
        agent.set_user_password(self.state, dom, user, password, flags)

    def domain_authorized_ssh_keys_get(self, dom: DomainRef, user: str, flags: int) -> list[str]:
        return agent.ssh_keys_get(self.state, dom, user, flags)

    def domain_authorized_ssh_keys_set(
        self, dom: DomainRef, user: str, keys: Sequence[str], flags: int
    ) -> None:
        agent.ssh_keys_set(self.state, dom, user, keys, flags)

    def domain_get_guest_vcpus(self, dom: DomainRef, flags: int) -> Any:
        return agent.get_guest_vcpus(self.state, dom, flags)

    def domain_set_guest_vcpus(self, dom: DomainRef, cpumap: str, on: int, flags: int) -> None:
        agent.set_guest_vcpus(self.state, dom, cpumap, on, flags)

    def domain_agent_set_response_timeout(self, dom: DomainRef, timeout: int, flags: int) -> None:
        agent.set_response_timeout(self.state, dom, timeout, flags)
