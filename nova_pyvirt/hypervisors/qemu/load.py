# SPDX-License-Identifier: Apache-2.0
"""Reading the persistent definitions when a driver state opens."""

import logging

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import State
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import postparse
from nova_pyvirt.hypervisors.qemu.caps import QemuCaps
from nova_pyvirt.hypervisors.qemu.definition import parse_definition
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.files import read_private
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)


def load_definitions(state: QemuState) -> None:
    """Every NAME.xml of the configuration directory; one bad file among many harms only itself.

    The newest first: of two for one domain, which a rename leaves that is cut short, the newer counts.
    """
    directory = state.paths.config_dir
    found = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".xml") and entry.is_file():
                found.append((-entry.stat().st_mtime_ns, entry.name))
    for _age, name in sorted(found):
        path = f"{directory}/{name}"
        try:
            _load(state, path, name[:-4])
        except (OSError, libvirtError) as exc:
            LOG.error("the definition %s cannot be used: %s", path, exc)


def read_definition(state: QemuState, xml: str | bytes) -> Domain:
    """A persistent definition; marked as incomplete when its emulator can't be asked what it can do.

    Such a one is as it is written, without most defaults, addresses and checks: the domain is there to
    be seen, changed and undefined, and complete() does the rest when it is started.

    :raises libvirtError: what is written is no definition
    """
    waiting: list[Domain] = []

    def caps_for(definition: Domain) -> QemuCaps:
        waiting.append(definition)
        caps = state.caps_for(definition)
        waiting.clear()
        return caps

    try:
        return parse_definition(xml, caps_for, nvram_dir=state.paths.nvram_dir)
    except libvirtError as exc:
        if not waiting:
            raise
        (definition,) = waiting
        postparse.complete_numbers(definition)
        LOG.error("domain %s can't be started: %s", definition.name, exc)
        definition.incomplete = True
        return definition


def complete(state: QemuState, vm: DomainObj) -> None:
    """Of a domain about to be started: makes up for what its loading left out.

    :raises libvirtError: the emulator still can't be asked; what parse_definition() says
    """
    written = vm.definition
    if not written.incomplete:
        return
    xml = written.format(inactive=True, secure=True)
    definition = parse_definition(xml, state.caps_for, nvram_dir=state.paths.nvram_dir)
    with vm.lock:
        if vm.definition is written:
            vm.definition = definition


def _load(state: QemuState, path: str, name: str) -> None:
    definition = read_definition(state, read_private(path))
    if definition.name != name:
        LOG.error("the definition %s is of a domain named %r: not used", path, definition.name)
        return
    vm = state.domains.add(definition, lambda: state.new_domain(definition), live=False)
    vm.persistent = True
    vm.autostart = os.path.islink(state.paths.autostart_link(name))
    vm.has_managed_save = os.path.exists(state.paths.save_file(name))
    ended = state.remembered.ended.get(vm.uuid)
    if ended is not None:
        vm.set_state(State(ended[0]), ended[1])
