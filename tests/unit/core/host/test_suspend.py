# SPDX-License-Identifier: Apache-2.0
"""Sending the host to sleep: with programs of our own."""

import os
from typing import Any
from unittest import mock

from nova_pyvirt.core.host.suspend import Sleep
from nova_pyvirt.errors import Code, libvirtError
from tests.unit.core.host.fake import FakeHost

MEM, DISK, HYBRID = 0, 1, 2


class TestSuspend(FakeHost):
    def setUp(self) -> None:
        super().setUp()
        self.programs = self.root / "bin"
        self.programs.mkdir()
        os.mkfifo(self.root / "told")
        self.program("rtcwake", f"echo rtcwake $* > {self.root}/alarm")
        self.program("systemctl", f"echo $* > {self.root}/told")
        path = f"{self.programs}:{os.environ['PATH']}"
        self.enterContext(mock.patch.dict(os.environ, PATH=path))
        self.sleep = Sleep(delay=0.01)

    def program(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def refused(self, code: Code, text: str, *args: Any) -> None:
        with self.assertRaises(libvirtError) as caught:
            self.sleep.suspend(self.fs, *args)
        self.assertEqual(code, caught.exception.get_error_code())
        self.assertIn(text, str(caught.exception))

    def with_systemd(self, states: str = "freeze mem disk") -> None:
        (self.root / "run/systemd/system").mkdir(parents=True)
        self.write("sys/power/state", states)

    def test_what_the_host_cannot(self) -> None:
        for target, words in ((MEM, "Suspend-to-RAM"), (DISK, "to-Disk"), (HYBRID, "Hybrid")):
            self.refused(Code.ARGUMENT_UNSUPPORTED, words, target, 60)
        self.refused(Code.INVALID_ARG, "Invalid suspend target", 3, 60)
        self.refused(Code.INVALID_ARG, "flags", MEM, 60, 1)

    def test_sleeps_once(self) -> None:
        self.with_systemd()
        self.refused(Code.INVALID_ARG, "must be at least 60 seconds", MEM, 59)
        self.sleep.suspend(self.fs, DISK, 75)
        self.assertEqual("rtcwake -m no -s 75\n", (self.root / "alarm").read_text())
        self.refused(Code.OPERATION_INVALID, "already in progress", MEM, 60)
        self.assertEqual("hibernate\n", (self.root / "told").read_text())  # waits for it

    def test_no_alarm(self) -> None:
        self.with_systemd("mem")
        self.program("rtcwake", "echo no clock >&2; exit 3")
        self.refused(Code.INTERNAL_ERROR, "unexpected exit status 3: no clock", MEM, 60)
        (self.programs / "rtcwake").unlink()
        with mock.patch.dict(os.environ, PATH=str(self.programs)):
            self.refused(Code.INTERNAL_ERROR, "Cannot find 'rtcwake' in path", MEM, 60)
