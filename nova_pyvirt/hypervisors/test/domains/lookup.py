# SPDX-License-Identifier: Apache-2.0
"""Which domains there are, and what each is."""

from collections.abc import Callable
from typing import Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import State
from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.hypervisors.test.slots import Base, slot
from nova_pyvirt.util.native import time

#: pairs of filter bits of listAllDomains: (bit if true, bit if false, test)
_FILTERS: Final[tuple[tuple[int, int, Callable[[DomainObj], bool]], ...]] = (
    (1, 2, lambda vm: vm.active),
    (4, 8, lambda vm: vm.persistent),
    (256, 512, lambda vm: vm.has_managed_save),
    (1024, 2048, lambda vm: vm.autostart),
    (4096, 8192, lambda vm: bool(vm.private.snapshots)),
    (16384, 32768, lambda vm: bool(vm.private.checkpoints)),
)
_STATES: Final = ((16, State.RUNNING), (32, State.PAUSED), (64, State.SHUTOFF))
_OTHER: Final = 128
_ALL: Final = 0xFFFF
_SECURE, _INACTIVE, _MIGRATABLE = 1, 2, 8


def _wanted(vm: DomainObj, flags: int) -> bool:
    for yes, no, test in _FILTERS:
        asked = flags & (yes | no)
        if asked and not asked & (yes if test(vm) else no):
            return False
    states = [state for bit, state in _STATES if flags & bit]
    if flags & _OTHER:
        return vm.state in states or vm.state not in (state for _, state in _STATES)
    return not states or vm.state in states


class LookupSlots(Base):
    """Lists, lookups, facts."""

    @slot()
    def connect_num_of_domains(self) -> int:
        return sum(vm.active for vm in self.world.domains)

    @slot()
    def connect_list_domains(self) -> list[int]:
        return [vm.id for vm in self.world.domains if vm.active]

    @slot()
    def connect_num_of_defined_domains(self) -> int:
        return sum(not vm.active for vm in self.world.domains)

    @slot()
    def connect_list_defined_domains(self) -> list[str]:
        return [vm.name for vm in self.world.domains if not vm.active]

    @slot("testConnectListAllDomains", _ALL)
    def connect_list_all_domains(self, flags: int) -> list[DomainRef]:
        return [vm.ref for vm in self.world.domains if _wanted(vm, flags)]

    @slot()
    def domain_lookup_by_id(self, number: int) -> DomainRef:
        return self._found(self.world.domains.by_id(number))

    @slot()
    def domain_lookup_by_uuid(self, uuid: bytes) -> DomainRef:
        return self._found(self.world.domains.by_uuid(uuid))

    @slot()
    def domain_lookup_by_name(self, name: str) -> DomainRef:
        return self._found(self.world.domains.by_name(name))

    @staticmethod
    def _found(vm: DomainObj | None) -> DomainRef:
        if vm is None:
            raise error(Code.NO_DOMAIN, domain=From.TEST)
        return vm.ref

    @slot("testDomainGetXMLDesc", _SECURE | _INACTIVE | _MIGRATABLE)
    def domain_get_xml_desc(self, dom: DomainRef, flags: int) -> str:
        vm = self.vm(dom)
        definition = vm.config if flags & _INACTIVE else vm.definition
        return definition.format(inactive=bool(flags & _INACTIVE), secure=bool(flags & _SECURE))

    @slot("testDomainGetState")
    def domain_get_state(self, dom: DomainRef, flags: int) -> tuple[int, int]:
        vm = self.vm(dom)
        return int(vm.state), vm.reason

    @slot()
    def domain_get_info(self, dom: DomainRef) -> tuple[int, int, int, int, int]:
        """CPU time is the wall clock, as if the guest had been busy since 1970."""
        vm = self.vm(dom)
        made = vm.definition
        spent = int(time.time() * 1e9)
        return int(vm.state), made.memory, made.current_memory, made.vcpu_count, spent

    @slot()
    def domain_get_os_type(self, dom: DomainRef) -> str:
        return "linux"

    @slot()
    def domain_is_active(self, dom: DomainRef) -> int:
        return int(self.vm(dom).active)

    @slot()
    def domain_is_persistent(self, dom: DomainRef) -> int:
        return int(self.vm(dom).persistent)

    @slot()
    def domain_is_updated(self, dom: DomainRef) -> int:
        return 0

    @slot()
    def domain_get_autostart(self, dom: DomainRef) -> int:
        return int(self.vm(dom).autostart)

    @slot()
    def domain_set_autostart(self, dom: DomainRef, autostart: int) -> None:
        self.vm(dom).autostart = bool(autostart)
