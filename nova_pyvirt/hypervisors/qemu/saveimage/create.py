# SPDX-License-Identifier: Apache-2.0
"""Writing a guest's memory into a file (qemuSaveImageCreate, doCoreDump)."""

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.jobdata import JobData
from nova_pyvirt.errors import Code, From, libvirtError, system_error
from nova_pyvirt.hypervisors.qemu.migration import tofile
from nova_pyvirt.hypervisors.qemu.migration.wait import gone, not_running
from nova_pyvirt.hypervisors.qemu.private import QemuPrivate
from nova_pyvirt.hypervisors.qemu.saveimage import filters
from nova_pyvirt.hypervisors.qemu.saveimage.header import MAGIC, PARTIAL, Header
from nova_pyvirt.hypervisors.qemu.saveimage.pump import Pump
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.files import unlink
from nova_pyvirt.util.native import os, select

#: seconds that a pipe's reader may take to make room for the head
_PIPE_WAIT: Final = 30


@dataclass(frozen=True, slots=True)
class Target:
    """Where an image goes.

    :ivar compressed: index in header.FORMATS
    :ivar direct: past the page cache (BYPASS_CACHE)
    """

    path: str
    compressed: int = 0
    direct: bool = False


def save(
    state: QemuState, vm: DomainObj, private: QemuPrivate, target: Target, header: Header
) -> None:
    """A whole save image, whose head says that it is whole only when it is.

    The guest's CPUs stand still already. The owner of the SAVE job calls.

    :raises libvirtError: SYSTEM_ERROR, OPERATION_FAILED, OPERATION_ABORTED; a file that was not
        there before is not there
    """
    data = _job_data(vm)
    with opened(target) as pump:
        reach("save-begin")
        _send_header(pump, target.path, header)
        memory(vm, private, pump, target, "domain save", data)
        reach("save-memory")
        _finish_header(target.path, header)
        reach("save-whole")
    tofile.completed(state, vm, data)


def dump(state: QemuState, vm: DomainObj, private: QemuPrivate, target: Target) -> None:
    """The bare migration stream, as a core dump without MEMORY_ONLY has it.

    :raises libvirtError: see save()
    """
    data = _job_data(vm)
    with opened(target) as pump:
        memory(vm, private, pump, target, "domain core dump", data)
    tofile.completed(state, vm, data)


def reason(vm: DomainObj, private: QemuPrivate, exc: libvirtError) -> libvirtError:
    """A failure's error: when the guest has gone, that is what happened."""
    with vm.lock:
        ended = gone(vm, private)
    if ended:
        return not_running()
    return exc


def _job_data(vm: DomainObj) -> JobData:
    with vm.lock:
        data = vm.jobs.current
    assert data is not None  # the caller holds the job
    return data


@contextmanager
def opened(target: Target) -> Iterator[Pump]:
    """The file, and what is written into it on its way there; no trace of it after a failure."""
    fd, created = open_target(target.path, direct=target.direct)
    pump = Pump(fd, writing=True)
    try:
        yield pump
    except BaseException:
        pump.abort()
        if created:
            unlink(target.path)
        raise
    finally:
        pump.close()


def open_target(path: str, *, direct: bool) -> tuple[int, bool]:
    """Opens a file for writing from its begin, and says whether it is new.

    What isn't a regular file is never waited for: a pipe without a reader is an error.

    :raises libvirtError: SYSTEM_ERROR
    """
    created = not os.path.lexists(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        fd = os.open(path, flags | (os.O_DIRECT if direct else 0), 0o600)
    except OSError as exc:
        if created:
            unlink(path)  # a file system without O_DIRECT creates it all the same
        detail = f"Failed to create file '{path}'"
        raise system_error(exc.errno or 0, detail, domain=From.QEMU) from exc
    return fd, created


def memory(
    vm: DomainObj, private: QemuPrivate, pump: Pump, target: Target, name: str, data: JobData
) -> None:
    """The guest's memory through the compressor into the file; on the disk on return.

    :raises libvirtError: what failed first: the disk, the compressor, QEMU
    """
    command = filters.compressor(target.compressed)
    program = filters.Filter(command, pump.peer, writing=True) if command else None
    peer = program.peer if program else pump.peer
    if program:
        pump.given()
    try:
        tofile.run(vm, private, data, peer.fileno(), peer.close, name)
        if program:
            program.finish()
        drain(vm, private, pump, name)
    except OSError as exc:
        raise disk_error(exc, target.path) from exc
    except libvirtError as exc:
        if program:
            program.abort()
        if pump.error is not None:
            raise disk_error(pump.error, target.path) from exc
        raise


def drain(vm: DomainObj, private: QemuPrivate, pump: Pump, name: str) -> None:
    """Waits until everything is on the disk, which may be slow, or never take it.

    :raises OSError: it could not be written
    :raises libvirtError: OPERATION_ABORTED by abortJob; OPERATION_FAILED when the guest has gone
    """

    def wake() -> None:
        with vm.lock:
            vm.jobs.notify()

    pump.given()
    pump.on_end = wake
    with vm.lock:
        vm.jobs.wait_for(lambda: pump.ended or vm.jobs.aborted or gone(vm, private), None)
        if not pump.ended and gone(vm, private):
            raise not_running()
        if not pump.ended:
            raise errors.error(Code.OPERATION_ABORTED, f"job '{name}' canceled by client")
    pump.finish()


def _send_header(pump: Pump, path: str, header: Header) -> None:
    try:
        pump.peer.sendall(header.pack(PARTIAL))
    except OSError as exc:
        pump.abort()
        raise disk_error(pump.error or exc, path) from exc


def disk_error(exc: OSError, path: str) -> libvirtError:
    why = os.strerror(exc.errno or errno.EIO)
    return errors.error(Code.OPERATION_FAILED, f"Unable to write {path}: {why}", domain=From.NONE)


def _finish_header(path: str, header: Header) -> None:
    """Only now the image is whole. The head goes through the cache: one page."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll(_PIPE_WAIT * 1000)  # a pipe may be full; a file never is
            os.write(fd, header.numbers(MAGIC))
            if stat.S_ISREG(os.fstat(fd).st_mode):
                os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as exc:
        detail = f"failed to write header to domain save file '{path}'"
        raise system_error(exc.errno or 0, detail, domain=From.QEMU) from exc
