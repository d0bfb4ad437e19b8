# SPDX-License-Identifier: Apache-2.0
"""What a domain is and does, answered from memory: state, info, XML, job."""

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.memo import Memo
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.migratable import for_others
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util import procstat

SECURE, INACTIVE, UPDATE_CPU, MIGRATABLE = 1, 2, 4, 8
_TEXTS = Memo()


def get_state(state: QemuState, dom: DomainRef, flags: int) -> tuple[int, int]:
    """(virDomainState, reason)."""
    if flags:
        check_flags(flags, 0, "qemuDomainGetState")
    vm = state.domains.find(dom)
    return int(vm.state), vm.reason


def get_info(state: QemuState, dom: DomainRef) -> tuple[int, int, int, int, int]:
    """state, maximum memory KiB, memory KiB, vCPUs, CPU time ns (virDomainInfo)."""
    vm = state.domains.find(dom)
    definition = vm.definition
    return (
        int(vm.state),
        definition.memory,
        definition.current_memory,
        definition.vcpu_count,
        cpu_time(vm),
    )


def cpu_time(vm: DomainObj) -> int:
    """User and system time of the domain's process in ns, 0 when there is none."""
    pid = vm.private.pid if vm.active and vm.private is not None else 0
    return procstat.processor_time(pid) if pid else 0


def get_xml_desc(state: QemuState, dom: DomainRef, flags: int) -> str:
    """The domain's XML: live form while active, unless INACTIVE."""
    check_flags(flags, SECURE | INACTIVE | UPDATE_CPU | MIGRATABLE, "qemuDomainGetXMLDesc")
    vm = state.domains.find(dom)
    with vm.lock:
        inactive = bool(flags & INACTIVE) or not vm.active
        migratable = bool(flags & MIGRATABLE)
        definition = vm.config if flags & INACTIVE else vm.definition
        form = inactive, bool(flags & SECURE) or migratable, migratable
        cpu = vm.private.orig_cpu if migratable and not flags & INACTIVE and vm.active else None
        return _TEXTS.text(
            definition,
            form,
            lambda: (for_others(definition, cpu) if migratable else definition).format(
                inactive=form[0], secure=form[1], migratable=form[2]
            ),
        )


def get_os_type(state: QemuState, dom: DomainRef) -> str:
    """ "hvm"."""
    return str(state.domains.find(dom).definition.os.type or "hvm")


def get_max_memory(state: QemuState, dom: DomainRef) -> int:
    """KiB."""
    return int(state.domains.find(dom).definition.memory)


def is_active(state: QemuState, dom: DomainRef) -> int:
    return int(state.domains.find(dom).active)


def is_persistent(state: QemuState, dom: DomainRef) -> int:
    return int(state.domains.find(dom).persistent)


def is_updated(state: QemuState, dom: DomainRef) -> int:
    return int(state.domains.find(dom).updated)


def has_managed_save(state: QemuState, dom: DomainRef, flags: int) -> int:
    check_flags(flags, 0, "qemuDomainHasManagedSaveImage")
    return int(state.domains.find(dom).has_managed_save)
