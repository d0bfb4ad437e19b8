# SPDX-License-Identifier: Apache-2.0
"""Directories shared through virtiofs: a real QEMU and a real virtiofsd."""

import os
import signal
import unittest
from pathlib import Path
from typing import Any

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.core.states import State
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.host import virtiofsd
from tests.functional.lifecycle_case import LifecycleCase

SHARED = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
SHARE = ("<filesystem type='mount'><driver type='virtiofs'/>{}<source dir='{}'/><target dir='tag'/>"
         "</filesystem>")  # fmt: skip


def installed() -> bool:
    try:
        virtiofsd.find(HostFs())
    except libvirtError:
        return False
    return os.geteuid() == 0


@unittest.skipUnless(installed(), "needs virtiofsd, and root for it")
class TestVirtiofs(LifecycleCase):
    def define_share(self, inner: str = "", path: str | None = None) -> Any:
        return self.define(extra=SHARED, devices=SHARE.format(inner, path or self.root))

    def servers(self) -> list[int]:
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                words = (directory / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"virtiofsd") and any(self.root.encode() in w for w in words):
                found.append(int(directory.name))
        return found

    def end_all(self) -> None:
        super().end_all()
        for pid in self.servers():
            os.kill(pid, signal.SIGKILL)

    def test_life(self) -> None:
        ref = self.define_share("<binary xattr='on'><cache mode='none'/></binary>")
        self.table.domain_create(ref)
        self.assertEqual(State.RUNNING, self.state(ref)[0])
        self.assertTrue(self.servers())
        shown = self.table.domain_get_xml_desc(ref, 0)
        self.assertIn("virtiofsd'", shown)
        self.table.domain_destroy(ref)
        self.until(lambda: not self.servers())
        self.assertEqual([], self.leftovers())

    def test_one_that_is_taken_over(self) -> None:
        ref = self.define_share()
        self.table.domain_create(ref)
        before = self.servers()
        self.reopen()
        self.assertEqual(before, self.servers())
        self.table.domain_destroy(ref)
        self.until(lambda: not self.servers())
        self.assertEqual([], self.leftovers())

    def test_a_program_that_is_not_there(self) -> None:
        ref = self.define_share("<binary path='/nowhere/virtiofsd'/>")
        with self.assertRaises(libvirtError) as caught:
            self.table.domain_create(ref)
        self.assertEqual(
            "internal error: virtiofsd binary '/nowhere/virtiofsd' is not executable",
            str(caught.exception),
        )
        self.assertEqual([], self.leftovers())
