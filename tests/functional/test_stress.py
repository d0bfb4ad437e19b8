# SPDX-License-Identifier: Apache-2.0
"""A short slice of stress.py: nothing deadlocks, only legal states, nothing left behind."""

import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from tests.base import TestCase

_STRESS = str(Path(__file__).with_name("stress.py"))


@unittest.skipUnless(shutil.which("qemu-system-x86_64"), "needs QEMU")
class TestStress(TestCase):
    def run_stress(self, *args: str) -> None:
        command = [sys.executable, _STRESS, *args]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)

    def test_threads(self) -> None:
        self.run_stress("--seconds", "6", "--threads", "12", "--guests", "3")

    def test_calls_leave_nothing_behind(self) -> None:
        self.run_stress("--calls", "3000", "--guests", "2")
