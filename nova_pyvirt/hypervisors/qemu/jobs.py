# SPDX-License-Identifier: Apache-2.0
"""Jobs of a domain as operations use them: the domain's lock is free while they run."""

from collections.abc import Iterator
from contextlib import contextmanager

from nova_pyvirt import errors
from nova_pyvirt.core.domain import DomainObj, uuid_text
from nova_pyvirt.core.job_matrix import AgentJob, AsyncJob, Job
from nova_pyvirt.core.jobdata import JobData, Operation
from nova_pyvirt.errors import Code


@contextmanager
def job(vm: DomainObj, kind: Job, api: str, *, active: bool = False) -> Iterator[None]:
    """Holds a job; not the lock.

    :param active: the domain must run, also after the wait
    :raises libvirtError: OPERATION_TIMEOUT naming the holder; OPERATION_INVALID; NO_DOMAIN when it
        was undefined meanwhile
    """
    with vm.lock:
        vm.jobs.begin(kind, api)
    try:
        _check_there(vm)
        if active:
            vm.require_active()
        yield
    finally:
        with vm.lock:
            vm.jobs.end()


@contextmanager
def async_job(
    vm: DomainObj,
    kind: AsyncJob,
    api: str,
    operation: Operation = Operation.UNKNOWN,
    flags: int = 0,
    *,
    closed: bool = False,
) -> Iterator[JobData]:
    """The same for a long-running job.

    :param operation: what clients are told that it does
    :param flags: of the API call
    :param closed: no other job runs beside it until :func:`open_to_others`; so whoever sees the
        job finds the guest as the job wants it
    """
    with vm.lock:
        vm.jobs.begin_async(kind, api, operation=operation, flags=flags)
        data = vm.jobs.current
        if closed:
            vm.jobs.begin(Job.ASYNC_NESTED, api)
    assert data is not None  # begin_async() has just made it
    try:
        _check_there(vm)
        yield data
    finally:
        open_to_others(vm)
        with vm.lock:
            vm.jobs.end_async()


@contextmanager
def agent_job(vm: DomainObj, kind: AgentJob, api: str) -> Iterator[None]:
    """Holds the guest agent's lane, apart from the monitor's."""
    with vm.lock:
        vm.jobs.begin_agent(kind, api)
    try:
        yield
    finally:
        with vm.lock:
            vm.jobs.end_agent()


def open_to_others(vm: DomainObj) -> None:
    """A long-running job lets the jobs of its mask in; its own thread calls."""
    with vm.lock:
        if vm.jobs.active is Job.ASYNC_NESTED:
            vm.jobs.end()


def _check_there(vm: DomainObj) -> None:
    """Whoever had the job before us may have removed the domain."""
    if vm.removed:
        detail = f"no domain with matching uuid '{uuid_text(vm.uuid)}' ({vm.name})"
        raise errors.error(Code.NO_DOMAIN, detail)
