# SPDX-License-Identifier: Apache-2.0
"""nova with our driver: a server with a real guest, on native threads and on eventlet."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any

from tests import base

TOP = Path(__file__).parents[2]
GUEST = os.environ.get("NOVA_PYVIRT_GUEST", "/var/tmp/nova-pyvirt-guest")
LIMIT = 180.0


@unittest.skipUnless(importlib.util.find_spec("nova.tests"), "nova is not installed")
@unittest.skipUnless(os.geteuid() == 0, "needs root")
class NovaDriverTest(base.TestCase):
    """Each test is a process of its own: nova's first import decides the concurrency mode."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        subprocess.run([TOP / "tools/build_guest.sh", GUEST], check=True, timeout=LIMIT)

    def cloud(self, mode: str, machine: str, steps: str) -> None:
        """Runs the steps in an embedded nova; fails with its log of stages."""
        with tempfile.NamedTemporaryFile("r", suffix=".json") as results:
            command = [sys.executable, "-W", "ignore", "-m", "tests.fixtures.embedded_nova"]
            command += ["--guest", GUEST, "--mode", mode, "--machine", machine]
            command += ["--steps", steps, "--json", results.name]
            done = subprocess.run(
                command, cwd=TOP, capture_output=True, text=True, timeout=LIMIT, check=False
            )
            found: dict[str, Any] = json.load(results) if done.returncode == 0 else {}
        self.assertEqual(0, done.returncode, done.stdout[-6000:] + done.stderr[-6000:])
        passed = [row["step"] for row in found["results"] if row["ok"]]
        self.assertEqual(["import", "services", *steps.split(",")], passed)

    def test_native_threads(self) -> None:
        self.cloud("threading", "q35", "create,console,pause,unpause,stop,start,delete")

    def test_eventlet(self) -> None:
        self.cloud("eventlet", "pc", "create,pause,unpause,reboot,delete")
