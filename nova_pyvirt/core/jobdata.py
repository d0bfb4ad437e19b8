# SPDX-License-Identifier: Apache-2.0
"""What a long-running job is about and how far it is (libvirt's virDomainJobData), as data."""

import copy
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Final

from nova_pyvirt.util.native import time


class Operation(IntEnum):
    """virDomainJobOperation."""

    UNKNOWN = 0
    START = 1
    SAVE = 2
    RESTORE = 3
    MIGRATION_IN = 4
    MIGRATION_OUT = 5
    SNAPSHOT = 6
    SNAPSHOT_REVERT = 7
    DUMP = 8
    BACKUP = 9


class JobType(IntEnum):
    """virDomainJobType: what a client sees of a status."""

    NONE = 0
    BOUNDED = 1
    UNBOUNDED = 2
    COMPLETED = 3
    FAILED = 4
    CANCELLED = 5


class JobStatus(IntEnum):
    """virDomainJobStatus."""

    NONE = 0
    ACTIVE = 1
    MIGRATING = 2
    HYPERVISOR_COMPLETED = 3
    PAUSED = 4
    POSTCOPY = 5
    POSTCOPY_PAUSED = 6
    COMPLETED = 7
    FAILED = 8
    CANCELED = 9


class Figures(Enum):
    """Which figures a job has, hence where they come from."""

    NONE = "none"
    MIGRATION = "migration"
    SAVEDUMP = "savedump"
    MEMDUMP = "memdump"
    BACKUP = "backup"


#: status -> what a client sees; all others are UNBOUNDED
_TYPES: Final = {
    JobStatus.NONE: JobType.NONE,
    JobStatus.COMPLETED: JobType.COMPLETED,
    JobStatus.FAILED: JobType.FAILED,
    JobStatus.CANCELED: JobType.CANCELLED,
}


@dataclass(slots=True)
class JobData:
    """One job's figures. Times in monotonic seconds.

    :ivar stats: the hypervisor's own figures, by its own names
    :ivar stopped: when the guest's CPUs were stopped for it, 0 = they were not
    :ivar elapsed: milliseconds, as of the last look
    :ivar downtime: milliseconds the guest stood still, None = unknown
    """

    operation: Operation = Operation.UNKNOWN
    status: JobStatus = JobStatus.ACTIVE
    figures: Figures = Figures.NONE
    started: float = field(default_factory=time.monotonic)
    stopped: float = 0.0
    elapsed: int = 0
    downtime: int | None = None
    stats: dict[str, int] = field(default_factory=dict)
    error: str | None = None

    @property
    def type(self) -> JobType:
        return _TYPES.get(self.status, JobType.UNBOUNDED)

    def look(self) -> None:
        """Notes how long the job has lasted."""
        self.elapsed = int((time.monotonic() - self.started) * 1000)

    def finished(self) -> "JobData":
        """A copy that says COMPLETED, for those who ask later."""
        done = copy.copy(self)
        done.stats = dict(self.stats)
        done.status = JobStatus.COMPLETED
        return done
