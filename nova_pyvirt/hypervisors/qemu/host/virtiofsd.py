# SPDX-License-Identifier: Apache-2.0
"""Directories shared through virtiofs: a virtiofsd process each (libvirt's qemu_virtiofs.c)."""

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.core.paths import Paths
from nova_pyvirt.errors import Code, error, system_error
from nova_pyvirt.hypervisors.qemu.host.beside import ENV, Beside, run_name
from nova_pyvirt.hypervisors.qemu.process import SpawnSpec
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.filesystem import Filesystem
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os

if TYPE_CHECKING:
    from nova_pyvirt.hypervisors.qemu.start.context import Start

#: descriptions of vhost-user programs, the first directory wins
_DIRECTORIES: Final = ("etc/qemu/vhost-user", "usr/share/qemu/vhost-user")


def prepare(start: "Start") -> None:
    """Starts a virtiofsd for each directory that has none.

    :raises libvirtError: OPERATION_FAILED when no virtiofsd is installed; INTERNAL_ERROR for a program
        or a directory that isn't there; SYSTEM_ERROR
    """
    for item in _served(start.definition):
        serve(start.state, start.vm.name, start.private.lib_dir, item, start.private.undo)


def take_over(undo: ExitStack, paths: Paths, definition: Domain, lib_dir: str) -> None:
    """Those of a guest that runs already.

    :param undo: what is given back when the run ends
    """
    for item in _served(definition):
        _beside(paths, lib_dir, item).take_over(undo)


def find(fs: HostFs) -> str:
    """The first program that a description offers.

    :raises libvirtError: OPERATION_FAILED when there is none
    """
    known: dict[str, str] = {}
    for directory in _DIRECTORIES:
        try:
            names = [entry.name for entry in fs.path(directory).iterdir()]
        except OSError:
            continue
        for name in names:
            if name.endswith(".json"):
                known.setdefault(name, f"{directory}/{name}")
    for name in sorted(known):
        try:
            about = json.loads(fs.path(known[name]).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if about.get("type") == "fs" and isinstance(about.get("binary"), str):
            return str(about["binary"])
    raise error(Code.OPERATION_FAILED, "Unable to find a satisfying virtiofsd")


def options(item: Filesystem) -> str:
    """virtiofsd's -o."""
    words = ["source=" + (item.source_dir or "").replace(",", ",,")]
    if item.cache not in (None, "default"):
        words.append(f"cache={item.cache}")
    if item.sandbox not in (None, "default"):
        words.append(f"sandbox={item.sandbox}")
    for value, name in ((item.xattr, "xattr"), (item.flock, "flock"), (item.posix, "posix_lock")):
        if value is not None:
            words.append(name if value else f"no_{name}")
    return ",".join(words)


def _served(definition: Domain) -> list[Filesystem]:
    return [
        item
        for item in definition.devices.filesystems
        if item.driver_type == "virtiofs" and not item.source_socket
    ]


def _beside(paths: Paths, lib_dir: str, item: Filesystem) -> Beside:
    pid_file = f"{paths.state_dir}/{run_name(lib_dir)}-{item.alias}-virtiofsd.pid"
    return Beside("virtiofsd", f"{lib_dir}/{item.alias}-fs.sock", pid_file)


def serve(state: QemuState, name: str, lib_dir: str, item: Filesystem, undo: ExitStack) -> None:
    """Starts the virtiofsd of one directory.

    :param name: the domain's
    :param lib_dir: the run's own directory
    :param undo: what ends it
    :raises libvirtError: see prepare()
    """
    item.binary = item.binary or find(state.view.fs)
    if not os.access(item.binary, os.X_OK):
        detail = f"virtiofsd binary '{item.binary}' is not executable"
        raise error(Code.INTERNAL_ERROR, detail)
    if not os.path.exists(item.source_dir):
        detail = f"the virtiofs export directory '{item.source_dir}' does not exist"
        raise error(Code.INTERNAL_ERROR, detail)
    paths = state.paths
    log = f"{paths.log_dir}/{name}-{item.alias}-virtiofsd.log"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        log_fd = os.open(log, flags, 0o600)
    except OSError as exc:
        raise system_error(exc.errno or 0, f"failed to create logfile {log}") from exc

    def spec(number: int) -> SpawnSpec:
        argv = [item.binary, f"--fd={number}", "-o", options(item)]
        if item.thread_pool is not None and item.thread_pool >= 0:
            argv.append(f"--thread-pool-size={item.thread_pool}")
        if state.settings.virtiofsd_debug:
            argv.append("-d")
        return SpawnSpec(
            argv=argv, env=ENV, stdout=log_fd, stderr=log_fd, pass_fds={number: number}
        )

    try:
        _beside(paths, lib_dir, item).run(state, undo, spec)
    finally:
        os.close(log_fd)
