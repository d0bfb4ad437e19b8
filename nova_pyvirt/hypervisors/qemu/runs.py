# SPDX-License-Identifier: Apache-2.0
"""Which guests run when a driver state opens, and which have ended while nobody watched.

Three sources, in this order: status files, their copies of last resort, and the processes
themselves, whose command lines tell name and uuid. A pid in a file is never believed alone.
"""

import logging
from dataclasses import dataclass, field
from typing import Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.statusfile import Status, read_status, write_config
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import identity
from nova_pyvirt.hypervisors.qemu.host import processes
from nova_pyvirt.hypervisors.qemu.host.processes import Found
from nova_pyvirt.hypervisors.qemu.load import read_definition
from nova_pyvirt.hypervisors.qemu.process import Process
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.hypervisors.qemu.status import attributes
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.files import read_private, unlink
from nova_pyvirt.util.native import os, time

LOG = logging.getLogger(__name__)
#: seconds that a child, cut off before it became QEMU, may take to end
HELD_CHILD: Final = 2.0
#: seconds between looks at it
_LOOK: Final = 0.005


@dataclass(slots=True)
class Run:
    """A guest to take over.

    :ivar status: what is written of it; None when there is nothing
    :ivar lost: `status` is not the last one: the state is QEMU's to tell
    """

    vm: DomainObj
    process: Process
    found: Found
    status: Status | None
    lost: bool


@dataclass(slots=True)
class Runs:
    """What was found.

    :ivar alive: to take over
    :ivar ended: to clean up after
    """

    alive: list[Run] = field(default_factory=list)
    ended: list[tuple[DomainObj, Status]] = field(default_factory=list)


def find(state: QemuState) -> Runs:
    """Compares what is written with what runs; the domain objects exist then."""
    mine = identity.default(state.settings)
    uids = {
        os.geteuid(),
        mine.uid if mine else 0,
        *(user(state, vm.definition) for vm in state.domains),
    }
    names = _names(state.paths.state_dir)
    for name in names:
        _await_birth(_noted_pid(state, name))
    running = list(processes.scan(state.paths.lib_dir, uids))
    runs = Runs()
    seen: set[str] = set()
    for name in names:
        if _written(state, runs, running, state.paths.status_file(name), name, lost=False):
            seen.add(name)
    for name in _names(state.paths.status_backup_dir):
        if name not in seen:
            LOG.warning("domain %s: its status was lost, the copy of last resort is used", name)
            _written(state, runs, running, state.paths.status_backup(name), name, lost=True)
    for found in running:
        _unwritten(state, runs, found)
    return runs


def _names(directory: str) -> list[str]:
    return sorted(entry[:-4] for entry in os.listdir(directory) if entry.endswith(".xml"))


def _written(
    state: QemuState, runs: Runs, running: list[Found], path: str, name: str, *, lost: bool
) -> bool:
    """One status file; False when it is of no use."""
    try:
        known = read_status(path)
        if known.definition.name != name:
            raise ValueError(f"it is of another domain, '{known.definition.name}'")
        vm = _object(state, known)
    except (OSError, ValueError, libvirtError) as exc:
        LOG.error("the status file %s cannot be used: %s", path, exc)
        unlink(path)
        return False
    found = _process(state, known, known.pid or _noted_pid(state, name), running)
    process = Process.adopt(found.pid, found.started) if found is not None else None
    if found is None or process is None:
        runs.ended.append((vm, known))
        return True
    running.remove(found)
    runs.alive.append(Run(vm, process, found, known, lost))
    return True


def user(state: QemuState, definition: Domain) -> int:
    """Who a guest's QEMU runs as."""
    try:
        found = identity.of(definition, state.settings)
    except libvirtError:  # the user has been removed from this host
        found = identity.default(state.settings)
    return found.uid if found is not None else os.geteuid()


def _await_birth(pid: int) -> None:
    """Our predecessor died while it started a guest: the child leaves or becomes QEMU, at once but
    not yet. Nothing tells of an exec: it is looked at.
    """
    if not pid or not processes.is_held(pid):
        return
    process = Process.adopt(pid)
    end = time.monotonic() + HELD_CHILD
    while process is not None and processes.is_held(pid) and time.monotonic() < end:
        if process.wait(_LOOK):
            break
    if process is not None:
        process.close()


def _noted_pid(state: QemuState, name: str) -> int:
    """The pid in a domain's pid file, which a start writes first; 0 = none."""
    try:
        return int(read_private(state.paths.pid_file(name)))
    except (OSError, ValueError):
        return 0


def _process(state: QemuState, known: Status, pid: int, running: list[Found]) -> Found | None:
    """The guest's process: with luck there is one of its uuid only, else the one written down."""
    mine = [found for found in running if found.uuid == known.definition.uuid]
    for found in mine:
        if found.pid == pid:
            return found
    if mine:
        return mine[0]
    # the definition of a transient domain may name a user that no other one does
    look = processes.look(pid, state.paths.lib_dir, {user(state, known.definition)})
    if look is None or look.uuid != known.definition.uuid:
        return None
    running.append(look)
    return look


def _object(state: QemuState, known: Status) -> DomainObj:
    """The domain object, with the live definition in place.

    :raises libvirtError: OPERATION_FAILED when its name belongs to another domain
    """
    definition = known.definition
    vm = state.domains.by_uuid(definition.uuid_bytes)
    if vm is None:
        vm = state.domains.add(definition, lambda: state.new_domain(definition), live=False)
        if attributes(known.private, "pyvirt").get("persistent") == "yes":
            _define_again(state, vm, definition)
    elif vm.name != definition.name:
        raise ValueError(f"the domain with its uuid is called '{vm.name}'")
    elif vm.persistent:
        vm.new_definition = vm.definition
    vm.definition = definition
    return vm


def _define_again(state: QemuState, vm: DomainObj, live: Domain) -> None:
    """The configuration of a persistent domain was lost while it ran: what runs is what there is."""
    LOG.warning("domain %s: its configuration was lost, and is made of what runs", vm.name)
    xml = live.format(inactive=True, secure=True)
    vm.new_definition = read_definition(state, xml)
    write_config(state.paths.config_file(vm.name), vm.new_definition)
    vm.persistent = True


def _unwritten(state: QemuState, runs: Runs, found: Found) -> None:
    """A QEMU of ours that nothing is written of: taken over by the definition we have of it."""
    process = Process.adopt(found.pid, found.started)
    if process is None:
        return
    vm = state.domains.by_name(found.name)
    if vm is None or vm.definition.uuid != found.uuid or any(run.vm is vm for run in runs.alive):
        leave_alone(state, found, process, "nobody has defined it")
        return
    LOG.warning("domain %s: its status was lost, QEMU %d is taken over", vm.name, found.pid)
    vm.new_definition, vm.definition = vm.definition, vm.definition.copy()
    vm.definition.id = found.ident
    runs.alive.append(Run(vm, process, found, None, True))


def leave_alone(state: QemuState, found: Found, process: Process, why: str) -> None:
    """The guest goes on without us; another one of its name or uuid is not started meanwhile."""
    LOG.error(
        "QEMU process %d runs the guest '%s' (%s) and is left alone: %s",
        found.pid, found.name, found.uuid, why,
    )  # fmt: skip
    state.unmanaged.append((found.name, found.uuid, process))
