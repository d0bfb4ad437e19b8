# SPDX-License-Identifier: Apache-2.0
"""Greenthreads and native threads go on while QEMUs start, in each kind of process nova makes."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

from tests.base import TestCase

ROOT = Path(__file__).parents[2]
BENCHMARK = ROOT / "benchmarks" / "heartbeat.py"
#: ms; a call that blocked the hub would hold the beat for a whole start, some 200 ms and more
BOUND = 60


@unittest.skipUnless(shutil.which("qemu-system-x86_64"), "needs QEMU")
class HeartbeatTest(TestCase):
    def check(self, mode: str) -> None:
        needs = "nova" if mode.startswith("nova") else "eventlet"
        if importlib.util.find_spec(needs) is None:
            self.skipTest(f"needs {needs}")
        done = subprocess.run(
            [sys.executable, str(BENCHMARK), mode, "2"],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=False,
        )
        self.assertEqual(0, done.returncode, done.stderr)
        results = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(3, len(results))
        for result in results[1:]:
            self.assertLess(result["worst"], BOUND, result)
            self.assertGreater(result["beats"], result["took"] / 5 / 4, result)

    def test_eventlet(self) -> None:
        self.check("eventlet")

    def test_asyncio_hub(self) -> None:
        self.check("asynciohub")

    def test_nova_on_eventlet(self) -> None:
        self.check("nova-eventlet")

    def test_nova_on_threads(self) -> None:
        """Where nova makes any import of eventlet fail."""
        self.check("nova-threading")

    def test_native(self) -> None:
        self.check("native")
