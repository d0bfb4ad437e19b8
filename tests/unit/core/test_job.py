# SPDX-License-Identifier: Apache-2.0
"""The job lock: who passes beside whom, who waits, who is told what."""

import threading
from collections.abc import Callable

from nova_pyvirt.core.job import Holder, JobSlot
from nova_pyvirt.core.job_matrix import AgentJob, AsyncJob, Job
from nova_pyvirt.core.jobdata import JobData, JobStatus, JobType, Operation
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.util import native
from tests.base import TestCase

#: async job: the jobs that libvirt 9.0 lets run beside it (virdomainjob.h and its callers)
BESIDE = {
    AsyncJob.NONE: set(Job) - {Job.NONE, Job.ASYNC},
    AsyncJob.MIGRATION_OUT: {Job.QUERY, Job.DESTROY, Job.ABORT, Job.SUSPEND, Job.MIGRATION_OP},
    AsyncJob.MIGRATION_IN: {Job.QUERY, Job.DESTROY, Job.ABORT},
    AsyncJob.SAVE: {Job.QUERY, Job.DESTROY, Job.ABORT},
    AsyncJob.DUMP: {Job.QUERY, Job.DESTROY, Job.ABORT},
    AsyncJob.SNAPSHOT: {Job.QUERY, Job.DESTROY, Job.ABORT, Job.SUSPEND, Job.MIGRATION_OP},
    AsyncJob.START: {Job.DESTROY},
    AsyncJob.BACKUP: {Job.QUERY, Job.DESTROY, Job.ABORT, Job.SUSPEND, Job.MODIFY},
}


class JobCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.lock = native.threading.RLock()
        self.slot = JobSlot(self.lock, wait=0.05)

    def elsewhere(self, what: Callable[[], object]) -> Exception | None:
        """Runs something on another thread, the lock held, and gives what it raised."""
        raised: list[Exception] = []

        def run() -> None:
            with self.lock:
                try:
                    what()
                except libvirtError as exc:
                    raised.append(exc)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        return raised[0] if raised else None


class TestMatrix(JobCase):
    def test_every_pair(self) -> None:
        """Each (running async job, new job): it passes at once, or waits and fails."""
        for running, allowed in BESIDE.items():
            for new in set(Job) - {Job.NONE, Job.ASYNC}:
                with self.subTest(running=running, new=new):
                    slot = self.slot = JobSlot(self.lock, wait=0)
                    with self.lock:
                        if running is not AsyncJob.NONE:
                            slot.begin_async(running, "one")
                    passed = self.elsewhere(lambda: slot.begin(new, "other")) is None  # noqa: B023
                    self.assertEqual(new in allowed, passed)

    def test_the_owner_may_nest(self) -> None:
        with self.lock:
            self.slot.begin_async(AsyncJob.SAVE, "one")
            self.slot.begin(Job.ASYNC_NESTED, "one")
            self.slot.end()
        refused = self.elsewhere(lambda: self.slot.begin(Job.ASYNC_NESTED, "other"))
        self.assertIsNotNone(refused)

    def test_agent_lane_is_apart(self) -> None:
        with self.lock:
            self.slot.begin(Job.MODIFY, "one")
        self.assertIsNone(self.elsewhere(lambda: self.slot.begin_agent(AgentJob.MODIFY, "other")))
        self.slot.agent_holder = Holder.me("agentcall")
        said = str(self.elsewhere(lambda: self.slot.begin_agent(AgentJob.QUERY, "third")))
        self.assertIn("(held by agent=agentcall)", said)


class TestWait(JobCase):
    def refused(self, what: Callable[[], object]) -> libvirtError:
        exc = self.elsewhere(what)
        assert isinstance(exc, libvirtError)
        return exc

    def test_timeout_names_holder_age_and_command(self) -> None:
        self.slot.pending = lambda: [("stop", 12.0)]
        with self.lock:
            self.slot.begin(Job.SUSPEND, "virDomainSuspend")
        exc = self.refused(lambda: self.slot.begin(Job.MODIFY, "virDomainResume"))
        self.assertEqual(Code.OPERATION_TIMEOUT, exc.get_error_code())
        self.assertEqual(0, exc.get_error_domain())
        self.assertEqual(
            "Timed out during operation: cannot acquire state change lock"
            " (held by monitor=virDomainSuspend)",
            exc.get_error_message(),
        )
        self.assertRegex(exc.get_str3() or "", r"virDomainSuspend has held it for 0\.\d s")
        self.assertIn("QEMU command 'stop' pending for 12.0 s", str(exc))

    def test_async_holder_is_named(self) -> None:
        with self.lock:
            self.slot.begin_async(AsyncJob.SAVE, "virDomainSave")
            self.slot.begin(Job.QUERY, "virDomainBlockStats")
        exc = self.refused(lambda: self.slot.begin(Job.MODIFY, "other"))
        self.assertIn("monitor=virDomainSave)", exc.get_error_message() or "")

    def test_max_queued(self) -> None:
        self.slot.max_queued, self.slot.queued = 1, 1
        with self.lock:
            self.slot.begin(Job.MODIFY, "one")
        exc = self.refused(lambda: self.slot.begin(Job.MODIFY, "other"))
        self.assertEqual(Code.OPERATION_FAILED, exc.get_error_code())
        self.assertIn(
            "(held by monitor=one) due to max_queued limit", exc.get_error_message() or ""
        )
        # to destroy is never refused for that: it waits its turn
        exc = self.refused(lambda: self.slot.begin(Job.DESTROY, "other"))
        self.assertEqual(Code.OPERATION_TIMEOUT, exc.get_error_code())

    def test_waits_until_free(self) -> None:
        self.slot.wait = 10
        with self.lock:
            self.slot.begin(Job.MODIFY, "one")
        done = threading.Event()

        def other() -> None:
            with self.lock:
                self.slot.begin(Job.MODIFY, "other")
                done.set()

        thread = threading.Thread(target=other)
        thread.start()
        with self.lock:
            self.assertFalse(done.is_set())
            self.slot.end()
        thread.join(5)
        self.assertTrue(done.is_set())

    def test_dead_owner_frees_its_job(self) -> None:
        self.elsewhere(lambda: self.slot.begin(Job.MODIFY, "one"))
        self.elsewhere(lambda: self.slot.begin_async(AsyncJob.SAVE, "two"))
        with self.lock, self.assertLogs("nova_pyvirt.core.job", "ERROR"):
            self.slot.begin(Job.MODIFY, "three")
        self.assertEqual("three", self.slot.holder and self.slot.holder.api)

    def test_nowait(self) -> None:
        self.slot.wait = 100
        with self.lock:
            self.slot.begin(Job.QUERY, "one")
        exc = self.refused(lambda: self.slot.begin(Job.QUERY, "other", nowait=True))
        self.assertEqual(Code.OPERATION_TIMEOUT, exc.get_error_code())


class TestJobData(TestCase):
    def test_what_clients_see(self) -> None:
        data = JobData(Operation.SAVE)
        self.assertIs(JobType.UNBOUNDED, data.type)
        for status, kind in (
            (JobStatus.MIGRATING, JobType.UNBOUNDED),
            (JobStatus.FAILED, JobType.FAILED),
            (JobStatus.CANCELED, JobType.CANCELLED),
            (JobStatus.NONE, JobType.NONE),
        ):
            data.status = status
            self.assertIs(kind, data.type)
        done = data.finished()
        self.assertIs(JobType.COMPLETED, done.type)
        self.assertIs(JobStatus.NONE, data.status)
