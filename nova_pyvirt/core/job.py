# SPDX-License-Identifier: Apache-2.0
"""The job lock of a domain: one holder at a time, a bounded wait, a holder with a name.

What may run beside what is data in job_matrix.py (libvirt's domain_job.h, docs/kbase/internals/
qemu-threads). The condition belongs to the domain's lock, which is free while a job runs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nova_pyvirt import errors
from nova_pyvirt.core.job_matrix import AgentJob, AsyncJob, Job, default_mask, nested_allowed
from nova_pyvirt.errors import Code
from nova_pyvirt.util.native import threading, time


@dataclass(slots=True)
class Holder:
    """Who holds a lock: the API call, the native thread, since when (monotonic seconds)."""

    api: str
    thread: int
    since: float

    @property
    def age(self) -> float:
        return time.monotonic() - self.since


class JobSlot:
    """The job state of one domain.

    :param lock: the domain's lock; every method is called with it held
    :param wait: seconds to wait for a job (libvirt: 30)
    :param max_queued: most callers that may wait at once, 0 = any number
    """

    def __init__(self, lock: "threading.RLock", *, wait: float = 30.0, max_queued: int = 0) -> None:
        self._cond = threading.Condition(lock)
        self.wait = wait
        self.max_queued = max_queued
        self.queued = 0
        self.active = Job.NONE
        self.agent = AgentJob.NONE
        self.async_job = AsyncJob.NONE
        self.async_mask = 0
        self.async_owner: int | None = None
        self.holder: Holder | None = None
        self.agent_holder: Holder | None = None
        self.async_holder: Holder | None = None
        self.aborted = False

    def begin(self, job: Job, api: str, *, nowait: bool = False) -> None:
        """Takes `job`; waits at most `self.wait` seconds.

        :raises libvirtError: OPERATION_TIMEOUT naming the holder, OPERATION_FAILED when the
            queue is full
        """
        self._wait_until(lambda: self._may_start(job), api, nowait)
        if job is Job.ASYNC:
            raise AssertionError("begin_async() starts asynchronous jobs")
        self.active = job
        self.holder = Holder(api, threading.get_ident(), time.monotonic())

    def end(self) -> None:
        """Gives the job back and wakes those who wait."""
        self.active = Job.NONE
        self.holder = None
        self._cond.notify_all()

    def begin_async(self, job: AsyncJob, api: str, *, mask: int | None = None) -> None:
        """Takes the long-running job; the jobs in its mask may run beside it."""
        self._wait_until(lambda: self.async_job is AsyncJob.NONE and self.active is Job.NONE, api)
        self.async_job = job
        self.async_mask = default_mask(job) if mask is None else mask
        self.async_owner = threading.get_ident()
        self.async_holder = Holder(api, self.async_owner, time.monotonic())
        self.aborted = False

    def end_async(self) -> None:
        """Ends the long-running job."""
        self.async_job = AsyncJob.NONE
        self.async_mask = 0
        self.async_owner = None
        self.async_holder = None
        self._cond.notify_all()

    def begin_agent(self, job: AgentJob, api: str) -> None:
        """Takes the guest agent's own lane, apart from the monitor's."""
        self._wait_until(lambda: self.agent is AgentJob.NONE, api)
        self.agent = job
        self.agent_holder = Holder(api, threading.get_ident(), time.monotonic())

    def end_agent(self) -> None:
        self.agent = AgentJob.NONE
        self.agent_holder = None
        self._cond.notify_all()

    def wait_for(self, done: Callable[[], bool], timeout: float) -> bool:
        """Waits on the domain's condition until done() or the deadline; for events like
        "QEMU has ended"."""
        return bool(self._cond.wait_for(done, timeout))

    def notify(self) -> None:
        """Wakes everybody who waits for the domain to change."""
        self._cond.notify_all()

    def _may_start(self, job: Job) -> bool:
        if self.active is not Job.NONE:
            return False
        if self.async_job is AsyncJob.NONE:
            return True
        if job is Job.ASYNC_NESTED:
            return self.async_owner == threading.get_ident()
        return nested_allowed(job, self.async_mask) or self.async_owner == threading.get_ident()

    def _wait_until(self, free: Callable[[], bool], api: str, nowait: bool = False) -> None:
        if free():
            return
        if nowait:
            raise errors.error(Code.OPERATION_TIMEOUT, self._held_by())
        if self.max_queued and self.queued >= self.max_queued:
            raise errors.error(
                Code.OPERATION_FAILED,
                "cannot acquire state change lock due to max_queued limit"
                f" (held by {self._holders()})",
            )
        self.queued += 1
        try:
            if not self._cond.wait_for(free, self.wait):
                raise errors.error(Code.OPERATION_TIMEOUT, self._held_by())
        finally:
            self.queued -= 1

    def _held_by(self) -> str:
        holders = self._holders()
        text = "cannot acquire state change lock"
        return f"{text} (held by {holders})" if holders else text

    def _holders(self) -> str:
        monitor = self.holder or self.async_holder
        words = []
        if monitor is not None:
            words.append(f"monitor={monitor.api}")
        if self.agent_holder is not None:
            words.append(f"agent={self.agent_holder.api}")
        return " ".join(words)


@contextmanager
def job(slot: JobSlot, kind: Job, api: str, *, nowait: bool = False) -> Iterator[None]:
    """``with job(vm.jobs, Job.MODIFY, "virDomainSuspend"):`` with the domain's lock held."""
    slot.begin(kind, api, nowait=nowait)
    try:
        yield
    finally:
        slot.end()


@contextmanager
def async_job(slot: JobSlot, kind: AsyncJob, api: str) -> Iterator[None]:
    """The same for a long-running job."""
    slot.begin_async(kind, api)
    try:
        yield
    finally:
        slot.end_async()
