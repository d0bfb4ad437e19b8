# SPDX-License-Identifier: Apache-2.0
"""Changing the live and the persistent definition of a domain, in one job."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import Job
from nova_pyvirt.core.refs import DomainRef
from nova_pyvirt.core.statusfile import write_config
from nova_pyvirt.errors import From, system_error
from nova_pyvirt.hypervisors.qemu import status
from nova_pyvirt.hypervisors.qemu.jobs import job
from nova_pyvirt.hypervisors.qemu.ops.affect import CONFIG, LIVE, resolve
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain

__all__ = ["CONFIG", "LIVE", "Change", "change", "impact", "one", "store"]


def impact(vm: DomainObj, flags: int) -> tuple[bool, bool]:
    """Are the live and the persistent definition meant? CURRENT is what the domain is now.

    :raises libvirtError: OPERATION_INVALID when it is off, or has no persistent definition
    """
    resolved = resolve(vm, flags)
    return bool(resolved & LIVE), bool(resolved & CONFIG)


def one(vm: DomainObj, flags: int) -> tuple[Domain, bool]:
    """The one definition to read, and whether it is the live one (virDomainObjGetOneDefState).

    :raises libvirtError: see impact()
    """
    live, config = impact(vm, flags)
    return (vm.config if config else vm.definition), live


@dataclass(slots=True)
class Change:
    """A change under way.

    :ivar live: the live definition itself, None when it is not meant
    :ivar config: a copy of the persistent one, which takes its place when all went well
    """

    vm: DomainObj
    live: Domain | None
    config: Domain | None

    @property
    def both(self) -> list[Domain]:
        """The definitions that are meant."""
        return [found for found in (self.live, self.config) if found is not None]


@contextmanager
def change(state: QemuState, dom: DomainRef, flags: int, api: str) -> Iterator[Change]:
    """Holds a MODIFY job for a change of one or both definitions, and saves them after it.

    :raises libvirtError: NO_DOMAIN, OPERATION_INVALID; SYSTEM_ERROR when the persistent definition
        can't be written: it is as it was then
    """
    vm = state.domains.find(dom)
    with job(vm, Job.MODIFY, api):
        with vm.lock:
            live, config = impact(vm, flags)
            made = Change(vm, vm.definition if live else None, vm.config.copy() if config else None)
        try:
            yield made
        finally:
            if made.live is not None and vm.active:
                status.try_save(state, vm)
        if made.config is not None:
            store(state, vm, made.config)


def store(state: QemuState, vm: DomainObj, definition: Domain) -> None:
    """Writes a persistent definition and puts it in the old one's place.

    :raises libvirtError: SYSTEM_ERROR
    """
    path = state.paths.config_file(vm.name)
    try:
        write_config(path, definition)
    except OSError as exc:
        detail = f"cannot create config file '{path}'"
        raise system_error(exc.errno or 0, detail, domain=From.NONE) from exc
    with vm.lock:
        if vm.new_definition is not None:
            vm.new_definition = definition
        elif not vm.active:
            vm.definition = definition
