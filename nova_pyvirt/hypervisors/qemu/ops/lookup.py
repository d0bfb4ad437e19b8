# SPDX-License-Identifier: Apache-2.0
"""Finding and listing domains. Nothing here waits for a domain or touches a monitor."""

from collections.abc import Callable
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj, uuid_text
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import State
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.state import QemuState

Test = Callable[[DomainObj], bool]
#: pairs of filter bits: (bit when true, bit when false, test); both or none = no filter
_PAIRS: Final[tuple[tuple[int, int, Test], ...]] = (
    (1 << 0, 1 << 1, lambda vm: vm.active),
    (1 << 2, 1 << 3, lambda vm: vm.persistent),
    (1 << 8, 1 << 9, lambda vm: vm.has_managed_save),
    (1 << 10, 1 << 11, lambda vm: vm.autostart),
    (1 << 12, 1 << 13, lambda vm: False),
    (1 << 14, 1 << 15, lambda vm: False),
)
_STATES: Final[tuple[tuple[int, Test], ...]] = (
    (1 << 4, lambda vm: vm.state is State.RUNNING),
    (1 << 5, lambda vm: vm.state is State.PAUSED),
    (1 << 6, lambda vm: vm.state is State.SHUTOFF),
    (
        1 << 7,
        lambda vm: vm.state not in (State.RUNNING, State.PAUSED, State.SHUTOFF),
    ),
)
_ALL: Final = (1 << 16) - 1


def by_id(state: QemuState, ident: int) -> DomainRef:
    """:raises libvirtError: NO_DOMAIN"""
    vm = state.domains.by_id(ident)
    if vm is None:
        raise errors.error(Code.NO_DOMAIN, f"no domain with matching id {ident}")
    return vm.ref


def by_name(state: QemuState, name: str) -> DomainRef:
    """:raises libvirtError: NO_DOMAIN"""
    vm = state.domains.by_name(name)
    if vm is None:
        raise errors.error(Code.NO_DOMAIN, f"no domain with matching name '{name}'")
    return vm.ref


def by_uuid(state: QemuState, uuid: bytes) -> DomainRef:
    """:raises libvirtError: NO_DOMAIN"""
    vm = state.domains.by_uuid(uuid)
    if vm is None:
        raise errors.error(Code.NO_DOMAIN, f"no domain with matching uuid '{uuid_text(uuid)}'")
    return vm.ref


def list_all(state: QemuState, flags: int) -> list[DomainRef]:
    """The domains that pass every filter group of virConnectListAllDomainsFlags."""
    check_flags(flags, _ALL, "qemuConnectListAllDomains")
    return [vm.ref for vm in state.domains if wanted(vm, flags)]


def wanted(vm: DomainObj, flags: int) -> bool:
    """Does a domain pass every filter group?"""
    if not flags:
        return True
    for yes, no, test in _PAIRS:
        asked = flags & (yes | no)
        if asked and asked != yes | no and test(vm) != (asked == yes):
            return False
    states = [test for bit, test in _STATES if flags & bit]
    return not states or any(test(vm) for test in states)


def ids(state: QemuState) -> list[int]:
    """Ids of the active domains."""
    return [vm.id for vm in state.domains if vm.active]


def defined_names(state: QemuState) -> list[str]:
    """Names of the inactive domains."""
    return [vm.name for vm in state.domains if not vm.active]
