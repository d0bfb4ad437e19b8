# SPDX-License-Identifier: Apache-2.0
"""A running guest changes its manager: from a real libvirtd to us, and back."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tests.base import TestCase

ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("takeover_child.py")


@unittest.skipUnless(shutil.which("libvirtd") and os.geteuid() == 0, "needs libvirtd and root")
class TakeoverTest(TestCase):
    def test_there_and_back(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            done = subprocess.run(
                ["unshare", "--mount", sys.executable, str(CHILD), directory],
                capture_output=True,
                text=True,
                timeout=120,
                env=os.environ | {"PYTHONPATH": str(ROOT), "NOVA_PYVIRT_PATHS": "libvirt"},
                check=False,
            )
        self.assertEqual(0, done.returncode, done.stderr)
        seen = json.loads(done.stdout)
        self.assertEqual([1, 1, seen["before"]], seen["ours"])
        self.assertEqual(["1", "paused"], seen["after"])
