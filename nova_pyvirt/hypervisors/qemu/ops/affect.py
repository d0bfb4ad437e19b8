# SPDX-License-Identifier: Apache-2.0
"""Which definitions a call means: VIR_DOMAIN_AFFECT_CURRENT, _LIVE, _CONFIG."""

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.domain import Domain

LIVE, CONFIG = 1, 2


def resolve(vm: DomainObj, flags: int) -> int:
    """The flags with CURRENT told as LIVE or CONFIG (virDomainObjUpdateModificationImpact).

    :raises libvirtError: OPERATION_INVALID for LIVE of an inactive domain or CONFIG of a
        transient one
    """
    if not flags & (LIVE | CONFIG):
        flags |= LIVE if vm.active else CONFIG
    if flags & LIVE:
        vm.require_active()
    if flags & CONFIG and not vm.persistent:
        detail = "transient domains do not have any persistent config"
        raise errors.error(Code.OPERATION_INVALID, detail, domain=From.DOMAIN)
    return flags


def one(vm: DomainObj, flags: int) -> Domain:
    """The one definition meant (virDomainObjGetOneDef).

    :raises libvirtError: INVALID_ARG for both flags, and as resolve()
    """
    if flags & LIVE and flags & CONFIG:
        detail = (
            "Flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive"
        )
        raise errors.error(Code.INVALID_ARG, detail, domain=From.DOMAIN)
    return vm.config if resolve(vm, flags) & CONFIG else vm.definition


def both(vm: DomainObj, flags: int) -> tuple[Domain | None, Domain | None]:
    """(live, persistent): the definitions to change; None where not meant
    (virDomainObjGetDefs).

    :raises libvirtError: as resolve()
    """
    flags = resolve(vm, flags)
    live = vm.definition if flags & LIVE else None
    return live, vm.config if flags & CONFIG else None
