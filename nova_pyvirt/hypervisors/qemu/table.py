# SPDX-License-Identifier: Apache-2.0
"""The QEMU driver's table: one line for each operation (libvirt's qemuHypervisorDriver)."""

from collections.abc import Callable
from typing import Any, cast

from nova_pyvirt.core.drivertable import DriverTable
from nova_pyvirt.core.host.identity import hostname
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu import opening
from nova_pyvirt.hypervisors.qemu.caps import connect as caps
from nova_pyvirt.hypervisors.qemu.ops import (
    define,
    input,
    lifecycle,
    lookup,
    metadata,
    native,
    query,
    rename,
)
from nova_pyvirt.hypervisors.qemu.slots.blockjobs import BlockJobSlots
from nova_pyvirt.hypervisors.qemu.slots.console import ConsoleSlots
from nova_pyvirt.hypervisors.qemu.slots.devices import DeviceSlots
from nova_pyvirt.hypervisors.qemu.slots.jobs import JobSlots, MigrationSlots, PowerSlots, SaveSlots
from nova_pyvirt.hypervisors.qemu.slots.moments import MomentSlots
from nova_pyvirt.hypervisors.qemu.slots.monitor import MonitorSlots
from nova_pyvirt.hypervisors.qemu.slots.node import NodeSlots
from nova_pyvirt.hypervisors.qemu.slots.secrets import SecretSlots
from nova_pyvirt.hypervisors.qemu.slots.stats import StatsSlots
from nova_pyvirt.hypervisors.qemu.slots.tuning import LimitSlots, TuningSlots
from nova_pyvirt.hypervisors.qemu.state import QemuState

#: what getLibVersion says: the libvirt whose behaviour this is
LIB_VERSION = 9_000_000


def open_table(uri: str, flags: int, auth: object) -> "QemuTable":
    """Opens qemu:///system, qemu:///session or qemu:///embed?root=DIR.

    :raises libvirtError: RESOURCE_BUSY when another process has the directories, SYSTEM_ERROR
    """
    return QemuTable(uri, bool(flags & 1))


class QemuTable(
    JobSlots,
    MigrationSlots,
    SaveSlots,
    PowerSlots,
    TuningSlots,
    LimitSlots,
    ConsoleSlots,
    StatsSlots,
    MonitorSlots,
    MomentSlots,
    BlockJobSlots,
    SecretSlots,
    NodeSlots,
    DeviceSlots,
    DriverTable,
):
    """One connection to the driver state of its URI."""

    def __init__(self, uri: str, readonly: bool) -> None:
        self.uri = uri
        self.readonly = readonly
        self.state = opening.hold(uri)
        self._open = True
        opening.remember(self)

    def abandon(self, parent: int) -> None:
        """This is a child of the process that opened the connection; see opening.Abandoned."""
        self.state = cast(QemuState, opening.Abandoned(parent))
        self._open = False

    def reload(self) -> None:
        self.state.hooks.refresh()

    def close(self) -> None:
        if self._open:
            self._open = False
            self.state.bus.drop_owner(self)
            self.state.monitor_events.drop_owner(self)
            self.state.secrets.events.drop_owner(self)
            lifecycle.autodestroy(self.state, self)
            opening.drop(self.state)

    # --- the connection and its host

    def connect_get_type(self) -> str:
        return "QEMU"

    def connect_get_lib_version(self) -> int:
        return LIB_VERSION

    def connect_get_version(self) -> int:
        return caps.get_version(self.state.view)

    def connect_get_uri(self) -> str:
        return self.uri

    def connect_get_hostname(self) -> str:
        return hostname()

    def connect_is_alive(self) -> int:
        return 1

    def connect_is_secure(self) -> int:
        return 1

    def connect_is_encrypted(self) -> int:
        return 0

    def connect_supports_feature(self, feature: int) -> int:
        return int(feature in opening.FEATURES)

    def connect_get_max_vcpus(self, kind: str | None) -> int:
        return caps.get_max_vcpus(self.state.view, kind)

    def connect_get_sysinfo(self, flags: int) -> str:
        return caps.get_sysinfo(self.state.view, flags)

    def connect_get_capabilities(self) -> str:
        return caps.get_capabilities(self.state.view)

    def connect_get_domain_capabilities(
        self,
        emulator: str | None,
        arch: str | None,
        machine: str | None,
        kind: str | None,
        flags: int,
    ) -> str:
        return caps.get_domain_capabilities(self.state.view, emulator, arch, machine, kind, flags)

    def connect_get_cpu_model_names(self, arch: str, flags: int) -> list[str]:
        return caps.get_cpu_model_names(arch, flags)

    def connect_compare_cpu(self, xml: str, flags: int) -> int:
        return caps.compare_cpu(self.state.view, xml, flags)

    def connect_compare_hypervisor_cpu(self, *args: Any) -> int:
        return caps.compare_hypervisor_cpu(self.state.view, *args)

    def connect_baseline_cpu(self, xmls: list[str], flags: int) -> str:
        return caps.baseline_cpu(self.state.view, xmls, flags)

    def connect_baseline_hypervisor_cpu(self, *args: Any) -> str:
        return caps.baseline_hypervisor_cpu(self.state.view, *args)

    def connect_domain_xml_to_native(self, kind: str, xml: str, flags: int) -> str:
        return native.to_native(self.state, kind, xml, flags)

    # --- events

    def connect_domain_event_register_any(
        self, dom: DomainRef | None, event: int, callback: Callable[..., None]
    ) -> int:
        return self.state.bus.register(self, dom.uuid if dom else None, event, callback)

    def connect_domain_event_deregister_any(self, ident: int) -> None:
        self.state.bus.deregister(ident)

    def connect_register_close_callback(self, callback: Callable[[int], None]) -> None:
        """Nothing can cut a connection within one process."""

    def connect_unregister_close_callback(self) -> None:
        """See above."""

    # --- finding domains

    def connect_list_domains(self) -> list[int]:
        return lookup.ids(self.state)

    def connect_num_of_domains(self) -> int:
        return len(lookup.ids(self.state))

    def connect_list_defined_domains(self) -> list[str]:
        return lookup.defined_names(self.state)

    def connect_num_of_defined_domains(self) -> int:
        return len(lookup.defined_names(self.state))

    def connect_list_all_domains(self, flags: int) -> list[DomainRef]:
        return lookup.list_all(self.state, flags)

    def domain_lookup_by_id(self, ident: int) -> DomainRef:
        return lookup.by_id(self.state, ident)

    def domain_lookup_by_name(self, name: str) -> DomainRef:
        return lookup.by_name(self.state, name)

    def domain_lookup_by_uuid(self, uuid: bytes) -> DomainRef:
        return lookup.by_uuid(self.state, uuid)

    # --- definitions

    def domain_define_xml(self, xml: str) -> DomainRef:
        return define.define_xml(self.state, xml, 0)

    def domain_define_xml_flags(self, xml: str, flags: int) -> DomainRef:
        return define.define_xml(self.state, xml, flags)

    def domain_undefine(self, dom: DomainRef) -> None:
        define.undefine(self.state, dom, 0)

    def domain_undefine_flags(self, dom: DomainRef, flags: int) -> None:
        define.undefine(self.state, dom, flags)

    def domain_rename(self, dom: DomainRef, new_name: str, flags: int) -> int:
        return rename.rename(self.state, dom, new_name, flags)

    def domain_get_autostart(self, dom: DomainRef) -> int:
        return define.get_autostart(self.state, dom)

    def domain_set_autostart(self, dom: DomainRef, autostart: int) -> None:
        define.set_autostart(self.state, dom, autostart)

    def domain_get_metadata(self, dom: DomainRef, kind: int, uri: str | None, flags: int) -> str:
        return metadata.get_metadata(self.state, dom, kind, uri, flags)

    def domain_set_metadata(self, dom: DomainRef, *args: Any) -> None:
        metadata.set_metadata(self.state, dom, *args)

    # --- what a domain is and does

    def domain_get_state(self, dom: DomainRef, flags: int) -> tuple[int, int]:
        return query.get_state(self.state, dom, flags)

    def domain_get_info(self, dom: DomainRef) -> tuple[int, int, int, int, int]:
        return query.get_info(self.state, dom)

    def domain_get_xml_desc(self, dom: DomainRef, flags: int) -> str:
        return query.get_xml_desc(self.state, dom, flags)

    def domain_get_os_type(self, dom: DomainRef) -> str:
        return query.get_os_type(self.state, dom)

    def domain_get_max_memory(self, dom: DomainRef) -> int:
        return query.get_max_memory(self.state, dom)

    def domain_is_active(self, dom: DomainRef) -> int:
        return query.is_active(self.state, dom)

    def domain_is_persistent(self, dom: DomainRef) -> int:
        return query.is_persistent(self.state, dom)

    def domain_is_updated(self, dom: DomainRef) -> int:
        return query.is_updated(self.state, dom)

    def domain_has_managed_save_image(self, dom: DomainRef, flags: int) -> int:
        return query.has_managed_save(self.state, dom, flags)

    # --- lifecycle

    def domain_create(self, dom: DomainRef) -> DomainRef:
        return lifecycle.create(self.state, self, dom, 0)

    def domain_create_with_flags(self, dom: DomainRef, flags: int) -> DomainRef:
        return lifecycle.create(self.state, self, dom, flags)

    def domain_create_xml(self, xml: str, flags: int) -> DomainRef:
        return lifecycle.create_xml(self.state, self, xml, flags)

    def domain_suspend(self, dom: DomainRef) -> None:
        lifecycle.suspend(self.state, dom)

    def domain_resume(self, dom: DomainRef) -> None:
        lifecycle.resume(self.state, dom)

    def domain_shutdown(self, dom: DomainRef) -> None:
        lifecycle.shutdown_flags(self.state, dom, 0)

    def domain_shutdown_flags(self, dom: DomainRef, flags: int) -> None:
        lifecycle.shutdown_flags(self.state, dom, flags)

    def domain_reboot(self, dom: DomainRef, flags: int) -> None:
        lifecycle.reboot(self.state, dom, flags)

    def domain_reset(self, dom: DomainRef, flags: int) -> None:
        lifecycle.reset(self.state, dom, flags)

    def domain_destroy(self, dom: DomainRef) -> None:
        lifecycle.destroy_flags(self.state, dom, 0)

    def domain_destroy_flags(self, dom: DomainRef, flags: int) -> None:
        lifecycle.destroy_flags(self.state, dom, flags)

    def domain_inject_nmi(self, dom: DomainRef, flags: int) -> None:
        input.inject_nmi(self.state, dom, flags)

    def domain_send_key(
        self, dom: DomainRef, codeset: int, holdtime: int, keys: list[int], flags: int
    ) -> None:
        input.send_key(self.state, dom, codeset, holdtime, keys, flags)

    def domain_set_lifecycle_action(
        self, dom: DomainRef, kind: int, action: int, flags: int
    ) -> None:
        input.set_lifecycle_action(self.state, dom, kind, action, flags)
