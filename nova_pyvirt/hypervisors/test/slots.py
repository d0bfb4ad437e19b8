# SPDX-License-Identifier: Apache-2.0
"""What every slot of the in-memory hypervisor does first: flags it knows, the world's lock."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar, cast

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj, uuid_text
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.states import Life
from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.hypervisors.test.world import World
from nova_pyvirt.model.domain import Domain

P = ParamSpec("P")
R = TypeVar("R")
LIVE = 1
CONFIG = 2


class _Table(Protocol):
    world: World


T = TypeVar("T", bound=_Table)
Method = Callable[Concatenate[T, P], R]


def slot(function: str = "", known: int = 0) -> Callable[[Method[T, P, R]], Method[T, P, R]]:
    """Runs a slot under the world's lock.

    :param function: libvirt's name of it, for slots whose last argument is flags
    :param known: the flags it has
    """

    def decorate(method: Method[T, P, R]) -> Method[T, P, R]:
        @wraps(method)
        def run(self: T, *args: P.args, **kwargs: P.kwargs) -> R:
            if function:
                flags = args[-1]
                assert isinstance(flags, int)  # by the contract of slots
                errors.check_flags(flags, known, function, domain=From.TEST)
            with self.world.lock:
                return method(self, *args, **kwargs)

        return cast(Method[T, P, R], run)

    return decorate


def invalid(detail: str, domain: From = From.TEST) -> libvirtError:
    """OPERATION_INVALID."""
    return error(Code.OPERATION_INVALID, detail, domain=domain)


def bad_argument(detail: str, domain: From = From.TEST) -> libvirtError:
    """INVALID_ARG."""
    return error(Code.INVALID_ARG, detail, domain=domain)


class Base:
    """Finding domains and telling what happened to them."""

    world: World

    def vm(self, dom: DomainRef) -> DomainObj:
        """:raises libvirtError: NO_DOMAIN"""
        found = self.world.domains.by_uuid(dom.uuid)
        if found is None:
            detail = f"no domain with matching uuid '{uuid_text(dom.uuid)}' ({dom.name})"
            raise error(Code.NO_DOMAIN, detail, domain=From.TEST)
        return found

    def active(self, dom: DomainRef) -> DomainObj:
        """:raises libvirtError: NO_DOMAIN, OPERATION_INVALID"""
        found = self.vm(dom)
        found.require_active()
        return found

    def one(self, dom: DomainRef, flags: int) -> Domain:
        """The definition that LIVE, CONFIG or neither of them mean (virDomainObjGetOneDef).

        :raises libvirtError: INVALID_ARG for both, OPERATION_INVALID when there is no such one
        """
        if flags & LIVE and flags & CONFIG:
            detail = "Flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually"
            raise bad_argument(f"{detail} exclusive", From.NONE)
        live, config = self.both(self.vm(dom), flags)
        made = config if live is None else live
        assert made is not None  # one of them always is there
        return made

    def both(self, vm: DomainObj, flags: int) -> tuple[Domain | None, Domain | None]:
        """Live and persistent definition, each as far as the flags mean it (virDomainObjGetDefs).

        :raises libvirtError: OPERATION_INVALID
        """
        if not flags & (LIVE | CONFIG):
            flags |= LIVE if vm.active else CONFIG
        if flags & LIVE:
            vm.require_active()
        if flags & CONFIG and not vm.persistent:
            detail = "transient domains do not have any persistent config"
            raise invalid(detail, From.DOMAIN)
        return vm.definition if flags & LIVE else None, vm.config if flags & CONFIG else None

    def tell(self, ref: DomainRef, life: Life, detail: int) -> None:
        """A lifecycle event."""
        self.world.events.emit("Domain", 0, ref, int(life), int(detail))
