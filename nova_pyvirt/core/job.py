# SPDX-License-Identifier: Apache-2.0
"""The job lock of a domain: one holder at a time, a bounded wait, a holder with a name.

What may run beside what is data in job_matrix.py (libvirt's virdomainjob.c, docs/kbase/internals/
qemu-threads). The condition belongs to the domain's lock, which is free while a job runs.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from nova_pyvirt.core.job_matrix import (
    UNLIMITED,
    AgentJob,
    AsyncJob,
    Job,
    default_mask,
    nested_allowed,
)
from nova_pyvirt.core.jobdata import JobData, Operation
from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.errors.error import fields, from_fields
from nova_pyvirt.util.native import os, threading, time

LOG = logging.getLogger(__name__)
#: what a holder waits for: (QMP command, age in seconds)
Pending = Callable[[], Sequence[tuple[str, float]]]
#: how often those who wait look whether the holder's thread still lives, in seconds
_LOOK: Final = 1.0


@dataclass(slots=True)
class Holder:
    """Who holds a lock: the API call, the kernel's number of the thread, since when (monotonic
    seconds)."""

    api: str
    thread: int
    since: float

    @classmethod
    def me(cls, api: str) -> "Holder":
        """The calling thread."""
        return cls(api, threading.get_native_id(), time.monotonic())

    @property
    def age(self) -> float:
        return time.monotonic() - self.since

    @property
    def dead(self) -> bool:
        """Whether the thread has ended without giving back what it held."""
        return not os.path.exists(f"/proc/self/task/{self.thread}")


class JobSlot:
    """The job state of one domain; every method is called with the domain's lock held.

    :param lock: the domain's lock
    :param wait: seconds to wait for a job (libvirt: 30)
    :param max_queued: most callers that may wait at once, 0 = any number
    :ivar current: what the long-running job is about, None without one
    :ivar completed: the last one that came to its end, until somebody has asked
    :ivar flags: the flags of the call that runs the long-running job
    :ivar pending: what the holder waits for, for messages
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
        self.holder: Holder | None = None
        self.agent_holder: Holder | None = None
        self.async_holder: Holder | None = None
        self.current: JobData | None = None
        self.completed: JobData | None = None
        self.flags = 0
        self.aborted = False
        self.pending: Pending = tuple

    def begin(self, job: Job, api: str, *, nowait: bool = False) -> None:
        """Takes `job`; waits at most `self.wait` seconds.

        :raises libvirtError: OPERATION_TIMEOUT naming the holder, OPERATION_FAILED when the
            queue is full
        """
        if job is Job.ASYNC:
            raise AssertionError("begin_async() starts asynchronous jobs")
        self._wait_until(lambda: self._may_start(job), job, nowait=nowait)
        self.active = job
        self.holder = Holder.me(api)

    def end(self) -> None:
        """Gives the job back and wakes those who wait."""
        self.active = Job.NONE
        self.holder = None
        self._cond.notify_all()

    def begin_async(
        self,
        job: AsyncJob,
        api: str,
        *,
        mask: int | None = None,
        operation: Operation = Operation.UNKNOWN,
        flags: int = 0,
    ) -> None:
        """Takes the long-running job; the jobs in its mask may run beside it.

        :param flags: of the API call
        """
        self._wait_until(self._may_start_async, Job.ASYNC)
        self.async_job = job
        self.async_mask = default_mask(job) if mask is None else mask
        self.async_holder = Holder.me(api)
        self.current = JobData(operation)
        self.flags = flags
        self.aborted = False

    def end_async(self) -> None:
        """Ends the long-running job."""
        self.async_job = AsyncJob.NONE
        self.async_mask = 0
        self.async_holder = None
        self.current = None
        self.flags = 0
        self._cond.notify_all()

    def begin_agent(self, job: AgentJob, api: str) -> None:
        """Takes the guest agent's own lane, apart from the monitor's."""
        self._wait_until(lambda: self.agent is AgentJob.NONE, Job.NONE)
        self.agent = job
        self.agent_holder = Holder.me(api)

    def end_agent(self) -> None:
        self.agent = AgentJob.NONE
        self.agent_holder = None
        self._cond.notify_all()

    def wait_for(self, done: Callable[[], bool], timeout: float | None) -> bool:
        """Waits on the domain's condition until done() or the deadline; for events like
        "QEMU has ended"."""
        return bool(self._cond.wait_for(done, timeout))

    def notify(self) -> None:
        """Wakes everybody who waits for the domain to change."""
        self._cond.notify_all()

    def _mine(self) -> bool:
        """Whether the calling thread runs the long-running job."""
        return self.async_holder is not None and (
            self.async_holder.thread == threading.get_native_id()
        )

    def _may_start(self, job: Job) -> bool:
        if self.active is not Job.NONE:
            return False
        if self.async_job is AsyncJob.NONE or self._mine():
            return True
        return nested_allowed(job, self.async_mask)

    def _may_start_async(self) -> bool:
        return self.async_job is AsyncJob.NONE and self.active is Job.NONE

    def _wait_until(self, free: Callable[[], bool], job: Job, *, nowait: bool = False) -> None:
        if free():
            return
        self._bury()
        if nowait and not free():
            raise self._busy(job, Code.OPERATION_TIMEOUT)
        if self.max_queued and self.queued >= self.max_queued and job not in UNLIMITED:
            raise self._busy(job, Code.OPERATION_FAILED, " due to max_queued limit")
        self.queued += 1
        try:
            end = time.monotonic() + self.wait
            while not self._cond.wait_for(free, min(_LOOK, max(end - time.monotonic(), 0))):
                self._bury()
                if time.monotonic() >= end and not free():
                    raise self._busy(job, Code.OPERATION_TIMEOUT)
        finally:
            self.queued -= 1

    def _bury(self) -> None:
        """A holder whose thread is gone can't give back what it held."""
        for holder, free in (
            (self.holder, self.end),
            (self.async_holder, self.end_async),
            (self.agent_holder, self.end_agent),
        ):
            if holder is not None and holder.dead:
                LOG.error("the thread of %s has ended with its job: the job is freed", holder.api)
                free()

    def _busy(self, job: Job, code: Code, why: str = "") -> libvirtError:
        """libvirt's sentence; `str3`, and the exception's own text, say more: how long the job
        has been held, and which QEMU command it waits for."""
        monitor = self.holder or self.async_holder
        if job is Job.NONE:
            monitor = None
        elif self.async_holder is not None and not nested_allowed(job, self.async_mask):
            monitor = self.async_holder
        agent = self.agent_holder if job is Job.NONE else None
        named = (("monitor", monitor), ("agent", agent))
        words = [f"{lane}={holder.api}" for lane, holder in named if holder]
        text = f"cannot acquire state change lock{f' (held by {words[0]})' if words else ''}{why}"
        more = [f"{holder.api} has held it for {holder.age:.1f} s" for _, holder in named if holder]
        more += [f"QEMU command '{name}' pending for {age:.1f} s" for name, age in self.pending()]
        nine = fields(code, text, domain=From.NONE)
        detail = "; ".join(more) or None
        error = from_fields((*nine[:6], detail, *nine[7:]))
        if detail:
            error.args = (f"{nine[2]} [{detail}]",)
        return error


@contextmanager
def job(slot: JobSlot, kind: Job, api: str, *, nowait: bool = False) -> Iterator[None]:
    """``with job(vm.jobs, Job.MODIFY, "virDomainSuspend"):`` with the domain's lock held."""
    slot.begin(kind, api, nowait=nowait)
    try:
        yield
    finally:
        slot.end()
