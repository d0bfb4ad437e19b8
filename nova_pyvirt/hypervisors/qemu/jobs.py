# SPDX-License-Identifier: Apache-2.0
"""Jobs of a domain as operations use them: the domain's lock is free while they run."""

from collections.abc import Iterator
from contextlib import contextmanager

from nova_pyvirt.core.domain import DomainObj
from nova_pyvirt.core.job_matrix import AgentJob, AsyncJob, Job


@contextmanager
def job(vm: DomainObj, kind: Job, api: str, *, active: bool = False) -> Iterator[None]:
    """Holds a job; not the lock.

    :param active: the domain must run, also after the wait
    :raises libvirtError: OPERATION_TIMEOUT naming the holder; OPERATION_INVALID
    """
    with vm.lock:
        vm.jobs.begin(kind, api)
    try:
        if active:
            vm.require_active()
        yield
    finally:
        with vm.lock:
            vm.jobs.end()


@contextmanager
def async_job(vm: DomainObj, kind: AsyncJob, api: str) -> Iterator[None]:
    """The same for a long-running job."""
    with vm.lock:
        vm.jobs.begin_async(kind, api)
    try:
        yield
    finally:
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
