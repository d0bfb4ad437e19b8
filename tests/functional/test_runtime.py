# SPDX-License-Identifier: Apache-2.0
"""Spawner, process and monitor with a real QEMU."""

import os
import shutil
import signal
import tempfile
import unittest
from typing import Any

from nova_pyvirt.hypervisors.qemu.monitor import Monitor, QMPClosed, QMPCommandError, QMPTimeout
from nova_pyvirt.hypervisors.qemu.process import Process, Spawner, SpawnSpec
from nova_pyvirt.util import loop
from nova_pyvirt.util.native import Future, queue, socket, time
from tests.base import TestCase

QEMU = shutil.which("qemu-system-x86_64") or ""
LONG = 30.0
ARGUMENTS = ["-S", "-nodefaults", "-display", "none", "-machine", "none"]
MONITOR = ["-chardev", "socket,id=m,fd=10,server=on,wait=off", "-mon", "chardev=m,mode=control"]


@unittest.skipUnless(QEMU, "needs QEMU")
class QemuTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = directory.name + "/monitor"
        self.events: queue.SimpleQueue[tuple[str, dict[str, Any], float]] = queue.SimpleQueue()
        self.eof: Future[str] = Future()
        self.addCleanup(loop.release)
        self.spawner = Spawner()
        self.addCleanup(self.spawner.close)

    def spawn(self, *more: str) -> Process:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path)
            listener.listen(1)
            held = self.spawner.spawn(
                SpawnSpec(
                    argv=[QEMU, *ARGUMENTS, *MONITOR, *more], pass_fds={10: listener.fileno()}
                )
            )
        process = held.release()
        self.addCleanup(process.close)
        self.addCleanup(process.signal, signal.SIGKILL)
        return process

    def connect(self, process: Process) -> Monitor:
        monitor = Monitor.connect(
            self.path,
            name="vm",
            on_event=lambda *event: self.events.put(event),
            on_eof=self.eof.set_result,
            deadline=LONG,
            process=process,
        )
        self.addCleanup(monitor.close)
        return monitor

    def test_life(self) -> None:
        process = self.spawn()
        monitor = self.connect(process)
        self.assertEqual("prelaunch", monitor.command("query-status", kind="query")["status"])
        with self.assertRaises(QMPCommandError) as caught:
            monitor.command("foo")
        self.assertEqual("CommandNotFound", caught.exception.qmp_class)
        self.assertGreater(len(monitor.command("query-qmp-schema", kind="query")), 1000)
        monitor.command("quit")
        name, data, when = self.events.get(timeout=LONG)
        self.assertEqual(("SHUTDOWN", "host-qmp-quit"), (name, data["reason"]))
        self.assertLess(abs(when - time.time()), LONG)
        self.assertEqual(
            "internal error: End of file from qemu monitor (vm='vm')", self.eof.result(LONG)
        )
        self.assertEqual(0, process.wait_status(LONG))

    def test_bad_arguments(self) -> None:
        """QEMU ends before it speaks."""
        process = self.spawn("-foo")
        with self.assertRaises(QMPClosed):
            self.connect(process)
        self.assertEqual(1, os.waitstatus_to_exitcode(process.wait_status(LONG) or 0))

    def test_stopped(self) -> None:
        """A stopped QEMU: the command fails in time, the late answer harms nobody, kill works."""
        process = self.spawn()
        monitor = self.connect(process)
        process.signal(signal.SIGSTOP)
        self.assertRaises(QMPTimeout, monitor.command, "query-status", deadline=0.05)
        self.assertEqual(["query-status"], [name for name, _age in monitor.pending()])
        process.signal(signal.SIGCONT)
        self.assertEqual([], monitor.command("query-fdsets"))
        self.assertEqual([], monitor.pending())
        process.signal(signal.SIGSTOP)
        process.signal(signal.SIGKILL)
        self.assertTrue(process.wait(LONG))
        self.assertTrue(self.eof.result(LONG))
        self.assertEqual(-signal.SIGKILL, os.waitstatus_to_exitcode(process.wait_status(LONG) or 0))

    def test_descriptors(self) -> None:
        monitor = self.connect(self.spawn())
        with tempfile.TemporaryFile() as file:
            monitor.command("getfd", {"fdname": "x"}, fds=[file.fileno()])
            monitor.command("closefd", {"fdname": "x"})
            monitor.command("add-fd", {"fdset-id": 3}, fds=[file.fileno()])
        self.assertEqual([3], [entry["fdset-id"] for entry in monitor.command("query-fdsets")])
        with self.assertRaisesRegex(QMPCommandError, "No file descriptor supplied via SCM_RIGHTS"):
            monitor.command("getfd", {"fdname": "y"})

    def test_batch(self) -> None:
        monitor = self.connect(self.spawn())
        args = {"path": "/machine", "property": "type"}
        self.assertEqual(["none-machine"] * 200, monitor.batch([("qom-get", args)] * 200))

    def test_adopted_by_the_next_process(self) -> None:
        """The spawner ends, the monitor is closed: another owner finds QEMU and goes on."""
        process = self.spawn()
        self.connect(process).close()
        self.spawner.close()
        adopted = Process.adopt(process.pid, process.start_time)
        assert adopted is not None
        self.addCleanup(adopted.close)
        monitor = self.connect(adopted)
        monitor.command("query-status")
        monitor.command("quit")
        self.assertTrue(adopted.wait(LONG))
