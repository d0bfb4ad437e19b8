# SPDX-License-Identifier: Apache-2.0
"""A job that was under way when our predecessor died (qemuProcessRecoverJob)."""

import logging
import stat
from collections.abc import Sequence
from typing import Any, Final

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import ASYNC_WORDS, AsyncJob
from nova_pyvirt.core.states import Paused, Running, State
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu import cpus, status
from nova_pyvirt.hypervisors.qemu.saveimage.header import MAGIC
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.files import unlink
from nova_pyvirt.util.native import os

LOG = logging.getLogger(__name__)
#: jobs that move the memory into a file -> why the guest stands still for them
_TO_FILE: Final = {
    AsyncJob.SAVE: (Paused.SAVE, Paused.MIGRATION, Paused.UNKNOWN),
    AsyncJob.DUMP: (Paused.DUMP, Paused.MIGRATION, Paused.UNKNOWN),
    AsyncJob.SNAPSHOT: (Paused.SNAPSHOT, Paused.MIGRATION, Paused.UNKNOWN),
}


def job_of(elements: Sequence[Any]) -> AsyncJob:
    """The long-running job that a status file tells of."""
    word = status.attributes(elements, "job").get("async", "none")
    return next((job for job, name in ASYNC_WORDS.items() if name == word), AsyncJob.NONE)


def recover(state: QemuState, vm: DomainObj, elements: Sequence[Any]) -> None:
    """Ends what is left of the job in QEMU; the guest runs on, and no torn file stays.

    The domain's state is QEMU's already. The owner of a job calls, without the lock.

    :param elements: the status file's private part
    """
    job = job_of(elements)
    if job not in _TO_FILE or not vm.active:
        return
    LOG.warning("domain %s: its %s was cut off", vm.name, ASYNC_WORDS[job])
    _drop(state, vm, _path(elements))
    try:
        vm.private.mon.command("migrate_cancel")
        if vm.state is State.PAUSED and Paused(vm.reason) in _TO_FILE[job]:
            cpus.start(state, vm, Running.SAVE_CANCELED)
    except libvirtError as exc:
        LOG.error("domain %s stands still since its job was cut off: %s", vm.name, exc)


def was_saved(elements: Sequence[Any]) -> bool:
    """Whether a guest that is gone has left a whole save image behind."""
    path = _path(elements)
    if job_of(elements) is not AsyncJob.SAVE or not path:
        return False
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return os.read(fd, len(MAGIC)) == MAGIC
    except OSError:
        return False
    finally:
        os.close(fd)


def _path(elements: Sequence[Any]) -> str:
    return status.attributes(elements, "pyvirtSave").get("path", "")


def _drop(state: QemuState, vm: DomainObj, path: str) -> None:
    """The image, also a whole one: the guest runs on, so that its disks are not the image's."""
    try:
        regular = bool(path) and stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return
    if regular and unlink(path):
        LOG.warning("domain %s: the save image %s is removed", vm.name, path)
    vm.has_managed_save = os.path.exists(state.paths.save_file(vm.name))
