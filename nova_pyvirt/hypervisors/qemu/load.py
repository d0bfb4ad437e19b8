# SPDX-License-Identifier: Apache-2.0
"""Reading the persistent definitions when a driver state opens."""

import logging

from nova_pyvirt.core.states import State
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.definition import parse_definition
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.files import read_private
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)


def load_definitions(state: QemuState) -> None:
    """Every NAME.xml of the configuration directory; one bad file among many harms only itself."""
    directory = state.paths.config_dir
    for entry in sorted(os.listdir(directory)):
        if not entry.endswith(".xml"):
            continue
        path = f"{directory}/{entry}"
        try:
            _load(state, path, entry[:-4])
        except (OSError, libvirtError) as exc:
            LOG.error("the definition %s cannot be used: %s", path, exc)


def _load(state: QemuState, path: str, name: str) -> None:
    if not os.path.isfile(path):
        return
    definition = parse_definition(
        read_private(path), state.caps_for, nvram_dir=state.paths.nvram_dir
    )
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
