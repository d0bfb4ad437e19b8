# SPDX-License-Identifier: Apache-2.0
"""What is known of a block job, where the run's are kept, how subscribers hear of them."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.states import EventID
from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.block import qom
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.devices.disk import Disk
from nova_pyvirt.util.native import threading


class Kind(IntEnum):
    """virDomainBlockJobType; CREATE is none of libvirt's clients' business."""

    CREATE = 0
    PULL = 1
    COPY = 2
    COMMIT = 3
    ACTIVE_COMMIT = 4


class Told(IntEnum):
    """virConnectDomainEventBlockJobStatus."""

    COMPLETED = 0
    FAILED = 1
    CANCELED = 2
    READY = 3


#: as a status file has them (qemuBlockjob)
WORDS: Final = {
    Kind.CREATE: "create",
    Kind.PULL: "pull",
    Kind.COPY: "copy",
    Kind.COMMIT: "commit",
    Kind.ACTIVE_COMMIT: "active-commit",
}


#: VIR_DOMAIN_BLOCK_COPY_*
SHALLOW: Final = 1
REUSE_EXT: Final = 2


@dataclass(slots=True)
class BlockJob:
    """One job.

    :ivar name: QEMU's id of it
    :ivar target: the disk's; "" = of no disk
    :ivar state: qemuBlockjobState's words: new, running, ready, pivoting, aborting
    :ivar base: the number of the image that remains below; 0 = none
    :ivar top: the number of the topmost image that goes
    :ivar parent: the number of the image above that; 0 = none
    :ivar delete: committed images are removed
    :ivar flags: of the API call
    :ivar shallow_new: a copy's new image gets the images below the old one
    :ivar error: QEMU's words when it failed
    :ivar awaited: somebody who holds the domain's job waits for its end
    :ivar concluded: set when QEMU is through with it
    """

    name: str
    kind: Kind
    target: str
    state: str = "new"
    base: int = 0
    top: int = 0
    parent: int = 0
    delete: bool = False
    flags: int = 0
    shallow_new: bool = False
    error: str = ""
    awaited: bool = False
    concluded: threading.Event = field(default_factory=threading.Event)

    @property
    def opens_late(self) -> bool:
        """A copy into an image that was there, beside its own base: that is opened at the pivot, since
        whoever asked may fill it until then.
        """
        wanted = SHALLOW | REUSE_EXT
        return self.kind is Kind.COPY and self.flags & wanted == wanted


def of(vm: DomainObj, disk: Disk) -> BlockJob | None:
    """The job that works on a disk of a running guest."""
    found: dict[str, BlockJob] = vm.private.blockjobs
    return next((job for job in found.values() if job.target == disk.target), None)


def find_disk(vm: DomainObj, path: str) -> Disk:
    """A disk of the live definition by target or source.

    :raises libvirtError: INVALID_ARG
    """
    with vm.lock:
        disk = qom.find(vm.definition, path, ambiguous=True)
    if disk is None:
        raise errors.error(Code.INVALID_ARG, f"disk '{path}' not found in domain")
    return disk


def check_idle(vm: DomainObj, disk: Disk) -> None:
    """:raises libvirtError: BLOCK_COPY_ACTIVE, OPERATION_UNSUPPORTED while a job works on the disk"""
    detail = f"disk '{disk.target}' already in active block job"
    if disk.mirror is not None:
        raise errors.error(Code.BLOCK_COPY_ACTIVE, detail)
    if of(vm, disk) is not None:
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)


def check_none(vm: DomainObj) -> None:
    """:raises libvirtError: OPERATION_INVALID while a job works on any disk of the guest"""
    if any(job.target for job in vm.private.blockjobs.values()):
        raise errors.error(Code.OPERATION_INVALID, "domain has active block job")


def check_supported(disk: Disk) -> None:
    """:raises libvirtError: OPERATION_UNSUPPORTED for a disk that there are no jobs for"""
    name = f"disk '{disk.target}'"
    why = ""
    if disk.bus == "sd":
        why = f"{name} using bus 'sd'"
    elif disk.transient:
        why = f"transient {name}"
    elif disk.type == "vhostuser":
        why = f"vhostuser {name}"
    if why:
        detail = f"block jobs are not supported on {why}"
        raise errors.error(Code.OPERATION_UNSUPPORTED, detail)


def tell(state: QemuState, vm: DomainObj, job: BlockJob, told: Told) -> None:
    """Both of libvirt's events: by the disk's path, if it has one here, and by its target."""
    disk = next((d for d in vm.definition.devices.disks if d.target == job.target), None)
    if disk is None or job.kind is Kind.CREATE:
        return
    if disk.path is not None:
        state.bus.emit(vm.ref, EventID.BLOCK_JOB, disk.path, int(job.kind), int(told))
    state.bus.emit(vm.ref, EventID.BLOCK_JOB_2, disk.target, int(job.kind), int(told))
