# SPDX-License-Identifier: Apache-2.0
"""Version 2 control groups of the kernel, mounted for this test alone.

Where the host uses version 1, version 2 has no controllers: what is left is the group itself, its
threads and the processor's time.
"""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

from tests.functional.lifecycle_case import LifecycleCase

_CHILD = str(Path(__file__).with_name("cgroup2_child.py"))
_MOUNT = "mount --make-rprivate / && mount -t cgroup2 none /sys/fs/cgroup"


def mountable() -> bool:
    """Whether version 2 can be had in a mount namespace of our own."""
    command = ["unshare", "-m", "sh", "-c", _MOUNT]
    return not os.geteuid() and subprocess.run(command, check=False).returncode == 0


@unittest.skipUnless(mountable(), "needs version 2 control groups")
class TestUnified(LifecycleCase):
    def see(self) -> dict[str, Any]:
        self.table.close()
        command = f'{_MOUNT} && exec "$0" "$@"'
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", command, sys.executable, _CHILD, self.root, self.disk],
            check=True,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            timeout=60,
        )
        self.table = self.open()
        seen: dict[str, Any] = json.loads(done.stdout)
        return seen

    def test_life(self) -> None:
        seen = self.see()
        started, found = seen["started"], seen["found"]
        self.assertIn("cpuacct", started["controllers"])
        (times,) = started["cpu_time"]
        self.assertGreater(times["cpu_time"], 0)
        self.assertGreater(times["user_time"], 0)
        # the next state finds the group, with the thread that has one of its own
        self.assertEqual(started["path"], found["path"])
        self.assertEqual([started["vcpus"][0]], found["groups"]["vcpu0"])
        self.assertGreater(found["cpu_time"][0]["cpu_time"], times["cpu_time"])
        self.assertFalse(seen["left"]["group"])

    def test_a_limit_without_its_controller(self) -> None:
        seen = self.see()
        if "cpu" in seen["started"]["controllers"]:
            self.skipTest("it is there")
        self.assertIn("CPU tuning is not available on this host", seen["shares"]["error"])
