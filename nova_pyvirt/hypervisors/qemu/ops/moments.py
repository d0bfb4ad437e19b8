# SPDX-License-Identifier: Apache-2.0
"""Snapshots, checkpoints and backups, which this driver doesn't make: it says that there are none. Where
another manager has left a domain's snapshots, it doesn't say so.
"""

from typing import Final, NamedTuple, NoReturn

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.flags import check_flags
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.native import os


class Kind(NamedTuple):
    """Snapshots or checkpoints.

    :ivar list_flags: of the calls that list
    :ivar code: of "there is no such one"
    """

    word: str
    list_flags: int
    code: Code


SNAPSHOTS: Final = Kind("snapshot", 0x7FF, Code.NO_DOMAIN_SNAPSHOT)
CHECKPOINTS: Final = Kind("checkpoint", 0xF, Code.NO_DOMAIN_CHECKPOINT)


def check_none(state: QemuState, dom: DomainRef, kind: Kind, flags: int, function: str) -> None:
    """A listing: there is nothing to list.

    :raises libvirtError: NO_SUPPORT when another manager has left some
    """
    check_flags(flags, kind.list_flags, function)
    _none_of(state, state.domains.find(dom), kind)


def not_found(
    state: QemuState, dom: DomainRef, kind: Kind, name: str, flags: int, function: str
) -> NoReturn:
    """A look-up: :raises libvirtError: NO_DOMAIN_SNAPSHOT, NO_DOMAIN_CHECKPOINT, NO_SUPPORT"""
    check_flags(flags, 0, function)
    _none_of(state, state.domains.find(dom), kind)
    raise errors.error(kind.code, f"no domain {kind.word} with matching name '{name}'")


def current_snapshot(state: QemuState, dom: DomainRef, flags: int) -> NoReturn:
    """qemuDomainSnapshotCurrent: :raises libvirtError: NO_DOMAIN_SNAPSHOT, NO_SUPPORT"""
    check_flags(flags, 0, "qemuDomainSnapshotCurrent")
    _none_of(state, state.domains.find(dom), SNAPSHOTS)
    detail = "the domain does not have a current snapshot"
    raise errors.error(Code.NO_DOMAIN_SNAPSHOT, detail)


def has_current_snapshot(state: QemuState, dom: DomainRef, flags: int) -> int:
    """qemuDomainHasCurrentSnapshot: 0."""
    check_flags(flags, 0, "qemuDomainHasCurrentSnapshot")
    _none_of(state, state.domains.find(dom), SNAPSHOTS)
    return 0


def _none_of(state: QemuState, vm: DomainObj, kind: Kind) -> None:
    """What libvirt keeps of them is one file each, in a directory of the domain's name."""
    try:
        left = os.listdir(f"{state.paths.lib_dir}/{kind.word}/{vm.name}")
    except OSError:
        return
    if left:
        detail = f"domain '{vm.name}' has {kind.word}s of another manager"
        raise errors.error(Code.NO_SUPPORT, detail)


def backup_xml(state: QemuState, dom: DomainRef, flags: int) -> NoReturn:
    """qemuDomainBackupGetXMLDesc: :raises libvirtError: NO_DOMAIN_BACKUP"""
    check_flags(flags, 0, "qemuDomainBackupGetXMLDesc")
    state.domains.find(dom)
    raise errors.error(Code.NO_DOMAIN_BACKUP, "no domain backup job present")
