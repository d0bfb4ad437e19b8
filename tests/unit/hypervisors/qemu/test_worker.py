# SPDX-License-Identifier: Apache-2.0
"""A domain's event worker: order, draining, surviving handlers that fail."""

from typing import Any

from nova_pyvirt.errors import Code, error
from nova_pyvirt.hypervisors.qemu.events import EventWorker
from nova_pyvirt.util.native import threading
from tests.base import TestCase


class TestWorker(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.seen: list[Any] = []
        self.worker = EventWorker("vm", self.handle, self.seen.append)
        self.addCleanup(self.worker.stop)

    def handle(self, name: str, data: dict[str, Any], when: float) -> None:
        self.seen.append((name, threading.current_thread().name))
        if name == "BAD":
            raise error(Code.INTERNAL_ERROR, "no")
        if name == "DRAIN":
            self.seen.append(self.worker.drain())

    def test_order_on_one_thread(self) -> None:
        for number in range(100):
            self.worker.event(str(number), {}, 0.0)
        self.assertTrue(self.worker.drain())
        self.assertEqual([(str(n), "ev-vm") for n in range(100)], self.seen)

    def test_a_failing_handler_does_not_stop_it(self) -> None:
        with self.assertLogs("nova_pyvirt.hypervisors.qemu.events.worker", "WARNING"):
            self.worker.event("BAD", {}, 0.0)
            self.worker.event("NEXT", {}, 0.0)
            self.worker.drain()
        self.assertEqual(["BAD", "NEXT"], [name for name, _ in self.seen])

    def test_draining_on_the_worker_itself(self) -> None:
        self.worker.event("DRAIN", {}, 0.0)
        self.worker.drain()
        self.assertIs(True, self.seen[1])

    def test_end_comes_after_the_events(self) -> None:
        self.worker.event("LAST", {}, 0.0)
        self.worker.eof("gone")
        self.assertTrue(self.worker.wait_eof(5.0))
        self.worker.drain()
        self.assertEqual([("LAST", "ev-vm"), "gone"], self.seen)

    def test_no_end_no_wait_for_ever(self) -> None:
        self.assertFalse(self.worker.wait_eof(0.01))


class TestSaving(TestCase):
    """Events that come thick and fast are written down once."""

    def test_once_for_many(self) -> None:
        saved: list[int] = []
        go = threading.Event()

        def handle(name: str, _data: dict[str, Any], _when: float) -> None:
            go.wait(10)
            worker.changed()

        worker = EventWorker("vm", handle, lambda _reason: None, lambda: saved.append(1))
        self.addCleanup(worker.stop)
        for number in range(1000):
            worker.event(f"EVENT{number}", {}, 0.0)
        go.set()
        self.assertTrue(worker.drain())
        self.assertTrue(worker.drain())
        self.assertLessEqual(len(saved), 2)
        self.assertGreaterEqual(len(saved), 1)
