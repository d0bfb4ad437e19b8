# SPDX-License-Identifier: Apache-2.0
"""Threads of this process go to their groups beside the caller."""

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nova_pyvirt.core.cgroup import Cgroup
from nova_pyvirt.hypervisors.qemu.limits import settle
from nova_pyvirt.util.native import os, threading
from tests.base import TestCase


class TestSettle(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.group = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.group / "tasks").touch()

    def guest(self, pid: int) -> Any:
        return SimpleNamespace(name="vm", private=SimpleNamespace(pid=pid))

    def settled(self, vm: Any, groups: dict[int, Cgroup]) -> None:
        before = set(threading.enumerate())
        settle.settle_later(vm, groups)
        for thread in set(threading.enumerate()) - before:
            thread.join(10)

    def test_moved(self) -> None:
        self.settled(self.guest(os.getpid()), {4711: Cgroup({"cpu": str(self.group)})})
        self.assertEqual("4711", (self.group / "tasks").read_text())

    def test_one_that_cannot_be_moved_is_told_of(self) -> None:
        me = os.getpid()
        with self.assertLogs(settle.LOG, "WARNING") as logged:
            self.settled(self.guest(me), {me: Cgroup({"cpu": "/nonexistent"})})
        self.assertIn(f"thread {me} stays where it is", logged.output[0])

    def test_one_that_has_ended_is_nobody_s_business(self) -> None:
        with self.assertNoLogs(settle.LOG):
            self.settled(self.guest(os.getpid()), {1 << 30: Cgroup({"cpu": "/nonexistent"})})

    def test_a_host_without_groups(self) -> None:
        before = threading.active_count()
        settle.settle_later(self.guest(1), {4711: Cgroup({})})
        self.assertEqual(before, threading.active_count())
