# SPDX-License-Identifier: Apache-2.0
"""What deaths have left in our directories: removed when a driver state has opened.

Only names of our own making are touched, and none of a guest that runs.
"""

import logging
import shutil

from nova_pyvirt.core.cgroup import Cgroup, remove_tree, stale
from nova_pyvirt.hypervisors.qemu.host import processes
from nova_pyvirt.hypervisors.qemu.private import partition_of
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.files import TEMPORARY, unlink
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)


def sweep(state: QemuState) -> None:
    """Run directories, control groups, temporary files, pid files and copies of status files."""
    paths = state.paths
    used = {found.lib_dir for found in processes.scan(paths.lib_dir)}
    used |= {vm.private.lib_dir for vm in state.domains if vm.private is not None}
    for parent in (paths.lib_dir, paths.channel_dir):
        for entry in os.listdir(parent):
            if entry.startswith("domain-") and f"{paths.lib_dir}/{entry}" not in used:
                _run(state, parent, entry)
    machines = {vm.private.machine for vm in state.domains if vm.private is not None}
    for path in stale(state.machine_name(0, "any"), machines):
        remove_tree(path)
    kept = {vm.name for vm in state.domains if vm.active}
    kept |= {name for name, _uuid, _process in state.unmanaged}
    for directory, ending in ((paths.state_dir, ".pid"), (paths.status_backup_dir, ".xml")):
        _files(directory, ending, kept, spared=os.path.basename(paths.lock_file))
    for directory in (paths.state_dir, paths.config_dir, paths.status_backup_dir, paths.nvram_dir):
        _files(directory, TEMPORARY, set())


def _run(state: QemuState, parent: str, entry: str) -> None:
    """The directory of a run that was cut off, and the control group of the same run."""
    LOG.warning("%s/%s was left by a start that was cut off: removed", parent, entry)
    ident, _, _short = entry.removeprefix("domain-").partition("-")
    for vm in state.domains:
        if ident.isdigit() and entry == os.path.basename(
            state.paths.domain_lib_dir(int(ident), vm.name)
        ):
            machine = state.machine_name(int(ident), vm.name)
            Cgroup.find(machine, partition=partition_of(vm.definition)).remove()
    shutil.rmtree(f"{parent}/{entry}", ignore_errors=True)


def _files(directory: str, ending: str, kept: set[str], spared: str = "") -> None:
    """Removes `*ENDING` in a directory, but those of the names to keep."""
    for entry in os.listdir(directory):
        name = entry.removesuffix(ending)
        if name != entry and name not in kept and entry != spared:
            LOG.warning("%s/%s was left behind: removed", directory, entry)
            unlink(f"{directory}/{entry}")
