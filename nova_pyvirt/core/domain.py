# SPDX-License-Identifier: Apache-2.0
"""One domain as the manager sees it, and the list of them (libvirt's virdomainobjlist)."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from nova_pyvirt import errors
from nova_pyvirt.core.job import JobSlot
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.statemap import legal
from nova_pyvirt.core.states import Shutoff, State
from nova_pyvirt.errors import Code, From
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import threading

LOG = logging.getLogger(__name__)


class DomainObj:
    """A domain: definitions, state, job, and what its hypervisor keeps (`private`).

    `definition` is the live definition while the domain is active, else the persistent one;
    `new_definition` is the persistent one of an active persistent domain (it becomes
    `definition` when the guest ends). `lock` guards every attribute; it is never held across
    anything that sleeps: jobs cover the gap (core/job.py).
    """

    def __init__(self, definition: Domain, *, job_wait: float = 30.0, max_queued: int = 0) -> None:
        self.lock = threading.RLock()
        self.jobs = JobSlot(self.lock, wait=job_wait, max_queued=max_queued)
        self.definition = definition
        self.new_definition: Domain | None = None
        self.id = -1
        self.persistent = False
        self.autostart = False
        self.updated = False
        self.removed = False
        self.has_managed_save = False
        self.state = State.SHUTOFF
        self.reason = int(Shutoff.UNKNOWN)
        self.private: Any = None
        self._ref: DomainRef | None = None  # lists of thousands are made of them
        self._ref_uuid = ""

    @property
    def name(self) -> str:
        return str(self.definition.name)

    @property
    def uuid(self) -> bytes:
        return self.definition.uuid_bytes

    @property
    def ref(self) -> DomainRef:
        definition, known = self.definition, self._ref
        if (
            known is None
            or known.id != self.id
            or self._ref_uuid != definition.uuid
            or known.name != definition.name
        ):
            self._ref_uuid = definition.uuid
            known = DomainRef(definition.name, definition.uuid_bytes, self.id)
            self._ref = known
        return known

    @property
    def active(self) -> bool:
        return self.id != -1

    @property
    def config(self) -> Domain:
        """The persistent definition (the live one of a transient domain)."""
        return self.definition if self.new_definition is None else self.new_definition

    def set_state(self, state: State, reason: int) -> None:
        """A step that statemap.py does not know is taken all the same: QEMU has taken it. It is
        told in the log.
        """
        if not legal(self.state, state, reason):
            LOG.error(
                "domain %s: from %s to %s (%d) is no known way",
                self.name, self.state.name, state.name, reason,
            )  # fmt: skip
        self.state = state
        self.reason = int(reason)

    def require_active(self) -> None:
        """:raises libvirtError: OPERATION_INVALID when the domain does not run"""
        if self.id == -1:
            raise errors.error(Code.OPERATION_INVALID, "domain is not running", domain=From.DOMAIN)


class DomainList:
    """All domains of a driver, by uuid and by name. Its own lock; never waits for a domain."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_uuid: dict[bytes, DomainObj] = {}
        self._by_name: dict[str, DomainObj] = {}

    def __iter__(self) -> Iterator[DomainObj]:
        with self._lock:
            return iter(list(self._by_uuid.values()))

    def __len__(self) -> int:
        return len(self._by_uuid)

    def by_uuid(self, uuid: bytes) -> DomainObj | None:
        return self._by_uuid.get(uuid)

    def by_name(self, name: str) -> DomainObj | None:
        return self._by_name.get(name)

    def by_id(self, ident: int) -> DomainObj | None:
        for vm in self:
            if vm.id == ident and ident != -1:
                return vm
        return None

    def find(self, ref: DomainRef) -> DomainObj:
        """The domain a reference means.

        :raises libvirtError: NO_DOMAIN
        """
        vm = self._by_uuid.get(ref.uuid)
        if vm is None:
            raise errors.error(
                Code.NO_DOMAIN,
                f"no domain with matching uuid '{uuid_text(ref.uuid)}' ({ref.name})",
            )
        return vm

    def add(self, definition: Domain, make: Callable[[], DomainObj], *, live: bool) -> DomainObj:
        """The domain for a definition: a new one from make(), or the known one after the name
        and uuid rules were checked.

        :param live: the caller wants to start it: refused when it already runs
        :raises libvirtError: OPERATION_FAILED when name and uuid belong to different domains,
            OPERATION_INVALID when it runs already
        """
        with self._lock:
            known = self._by_uuid.get(definition.uuid_bytes)
            if known is not None:
                _check_same_name(known, definition, live=live)
                return known
            clash = self._by_name.get(definition.name)
            if clash is not None:
                raise errors.error(
                    Code.OPERATION_FAILED,
                    f"domain '{definition.name}' already exists with uuid {uuid_text(clash.uuid)}",
                    domain=From.DOMAIN,
                )
            vm = make()
            self._by_uuid[definition.uuid_bytes] = vm
            self._by_name[definition.name] = vm
            return vm

    def remove(self, vm: DomainObj) -> None:
        with self._lock:
            vm.removed = True
            if self._by_uuid.get(vm.uuid) is vm:
                del self._by_uuid[vm.uuid]
            if self._by_name.get(vm.name) is vm:
                del self._by_name[vm.name]

    def rename(self, vm: DomainObj, old: str, new: str) -> None:
        """Moves the entry by name.

        :raises libvirtError: OPERATION_INVALID when the new name is taken
        """
        with self._lock:
            if new in self._by_name:
                raise errors.error(
                    Code.OPERATION_INVALID,
                    f"domain with name '{new}' already exists",
                    domain=From.DOMAIN,
                )
            self._by_name[new] = vm
            del self._by_name[old]


def _check_same_name(known: DomainObj, definition: Domain, *, live: bool) -> None:
    if known.name != definition.name:
        raise errors.error(
            Code.OPERATION_FAILED,
            f"domain '{known.name}' is already defined with uuid {uuid_text(known.uuid)}",
            domain=From.DOMAIN,
        )
    if live and known.active:
        raise errors.error(
            Code.OPERATION_INVALID,
            f"domain '{known.name}' is already active",
            domain=From.DOMAIN,
        )


def uuid_text(uuid: bytes) -> str:
    """The 36 characters of a uuid."""
    text = uuid.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
