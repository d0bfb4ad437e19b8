# SPDX-License-Identifier: Apache-2.0
"""How a process is ended: asked, and killed when that doesn't do; never waited for without bound."""

import os
import signal
import subprocess
import sys
import time
from unittest import mock

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu import stop
from nova_pyvirt.hypervisors.qemu.process import Process
from tests.base import TestCase

DEAF = "import signal, sys; signal.signal(15, signal.SIG_IGN); print(flush=True); signal.pause()"
POLITE = "import signal; print(flush=True); signal.pause()"


class TestKill(TestCase):
    def run_program(self, text: str) -> Process:
        child = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        assert child.stdout is not None
        child.stdout.readline()  # it is as deaf as it will be
        process = Process.adopt(child.pid)
        assert process is not None
        self.addCleanup(process.close)
        return process

    def kill(self, process: Process, **options: bool) -> float:
        begun = time.monotonic()
        stop.kill(process, **options)
        return time.monotonic() - begun

    def test_asked(self) -> None:
        process = self.run_program(POLITE)
        self.assertLess(self.kill(process), stop.TERM_WAIT)
        self.assertFalse(process.alive())
        self.assertLess(self.kill(process), 0.1)  # nobody is there to be killed

    def test_stopped(self) -> None:
        process = self.run_program(DEAF)
        os.kill(process.pid, signal.SIGSTOP)
        self.assertLess(self.kill(process), stop.TERM_WAIT)
        self.assertFalse(process.alive())

    @mock.patch.object(stop, "TERM_WAIT", 0.3)
    def test_it_does_not_react(self) -> None:
        process = self.run_program(DEAF)
        self.assertGreaterEqual(self.kill(process), 0.3)
        self.assertFalse(process.alive())

    @mock.patch.object(stop, "GRACEFUL_WAIT", 0.3)
    def test_it_may_not_be_killed(self) -> None:
        process = self.run_program(DEAF)
        with self.assertRaises(libvirtError) as caught:
            self.kill(process, force=False)
        self.assertEqual(Code.SYSTEM_ERROR, caught.exception.get_error_code())
        self.assertTrue(process.alive())

    def test_the_bound(self) -> None:
        """A destroy's: what it waits at most for QEMU and for its last events."""
        self.assertLessEqual(stop.TERM_WAIT + stop.EVENTS_WAIT, 3.0)
