# SPDX-License-Identifier: Apache-2.0
"""Which jobs exist and which may run beside a long-running one, as data.

Source: libvirt's domain_job.h and docs/kbase/internals/qemu-threads.
"""

from enum import IntEnum


class Job(IntEnum):
    """virDomainJob: what changes or asks a domain for a moment."""

    NONE = 0
    QUERY = 1
    DESTROY = 2
    SUSPEND = 3
    MODIFY = 4
    ABORT = 5
    MIGRATION_OP = 6
    MODIFY_MIGRATION_SAFE = 7
    ASYNC = 8
    ASYNC_NESTED = 9


class AgentJob(IntEnum):
    """virDomainAgentJob."""

    NONE = 0
    QUERY = 1
    MODIFY = 2


class AsyncJob(IntEnum):
    """virDomainAsyncJob: what takes long."""

    NONE = 0
    MIGRATION_OUT = 1
    MIGRATION_IN = 2
    SAVE = 3
    DUMP = 4
    SNAPSHOT = 5
    START = 6
    BACKUP = 7


#: the word a status file holds for each
JOB_WORDS = {
    Job.NONE: "none",
    Job.QUERY: "query",
    Job.DESTROY: "destroy",
    Job.SUSPEND: "suspend",
    Job.MODIFY: "modify",
    Job.ABORT: "abort",
    Job.MIGRATION_OP: "migration operation",
    Job.MODIFY_MIGRATION_SAFE: "modify migration safe",
    Job.ASYNC: "none",
    Job.ASYNC_NESTED: "async nested",
}
ASYNC_WORDS = {
    AsyncJob.NONE: "none",
    AsyncJob.MIGRATION_OUT: "migration out",
    AsyncJob.MIGRATION_IN: "migration in",
    AsyncJob.SAVE: "save",
    AsyncJob.DUMP: "dump",
    AsyncJob.SNAPSHOT: "snapshot",
    AsyncJob.START: "start",
    AsyncJob.BACKUP: "backup",
}


def bit(job: Job) -> int:
    """A job's bit in a mask."""
    return 1 << (job - 1)


#: jobs that max_queued does not hold back (libvirt: DESTROY and ASYNC)
UNLIMITED = frozenset((Job.DESTROY, Job.ASYNC))
_DEFAULT = bit(Job.QUERY) | bit(Job.DESTROY) | bit(Job.ABORT)
#: async job -> jobs that may run beside it (DESTROY always may)
_MASKS = {
    AsyncJob.MIGRATION_OUT: _DEFAULT | bit(Job.SUSPEND) | bit(Job.MIGRATION_OP),
    AsyncJob.MIGRATION_IN: bit(Job.QUERY) | bit(Job.DESTROY) | bit(Job.ABORT),
    AsyncJob.SNAPSHOT: _DEFAULT | bit(Job.SUSPEND) | bit(Job.MIGRATION_OP),
    AsyncJob.START: bit(Job.DESTROY),
    AsyncJob.BACKUP: _DEFAULT | bit(Job.SUSPEND) | bit(Job.MODIFY),
}


def default_mask(job: AsyncJob) -> int:
    """The jobs that may run beside `job`, one bit each."""
    return _MASKS.get(job, _DEFAULT)


def nested_allowed(job: Job, mask: int) -> bool:
    """May `job` run while an async job with this mask does? DESTROY can't be masked out."""
    return job is Job.DESTROY or bool(mask & bit(job))
