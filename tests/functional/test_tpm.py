# SPDX-License-Identifier: Apache-2.0
"""Guests with a TPM of their own: a real QEMU and a real swtpm."""

import os
import shutil
import signal
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from nova_pyvirt.core.states import Shutoff, State
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.host import swtpm
from tests.functional.lifecycle_case import LifecycleCase

TPM = "<tpm model='tpm-tis'><backend type='emulator' version='2.0'{}>{}</backend></tpm>"
UUID = "6f0c3d1e-6f6e-4d2f-9c38-1a1f4a1f0b10"
UNDEFINE_TPM, UNDEFINE_KEEP_TPM = 32, 64


@unittest.skipUnless(shutil.which("swtpm_setup"), "needs swtpm and swtpm-tools")
class TestTPM(LifecycleCase):
    def define_tpm(self, attributes: str = "", inner: str = "") -> Any:
        return self.define(devices=TPM.format(attributes, inner))

    def emulators(self) -> list[int]:
        """The swtpm processes whose state is below our directory."""
        found = []
        for directory in Path("/proc").glob("[0-9]*"):
            try:
                words = (directory / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"swtpm") and any(self.root.encode() in word for word in words):
                found.append(int(directory.name))
        return found

    def end_all(self) -> None:
        super().end_all()
        for pid in self.emulators():
            os.kill(pid, signal.SIGKILL)

    def state_files(self) -> list[str]:
        return sorted(path.name for path in Path(self.root, f"lib/swtpm/{UUID}").rglob("*"))

    def test_life(self) -> None:
        ref = self.define_tpm()
        self.table.domain_create(ref)
        [emulator] = self.emulators()
        self.assertIn("tpm2-00.permall", self.state_files())
        self.table.domain_destroy(ref)
        self.assertEqual([], self.emulators())
        self.assertEqual([], list(Path(self.root, "run/qemu/swtpm").iterdir()))
        kept = self.state_files()
        with mock.patch.object(swtpm, "_setup", side_effect=AssertionError):
            self.table.domain_create(ref)  # it has its keys already
        self.assertNotEqual([emulator], self.emulators())
        self.table.domain_destroy(ref)
        self.assertEqual(kept, self.state_files())
        self.table.domain_undefine_flags(ref, 0)
        self.assertEqual([], self.state_files())

    def test_state_that_stays(self) -> None:
        for attributes, flags, stays in (
            ("", UNDEFINE_KEEP_TPM, True),
            (" persistent_state='yes'", 0, True),
            (" persistent_state='yes'", UNDEFINE_TPM, False),
        ):
            with self.subTest(attributes=attributes, flags=flags):
                path = Path(self.root, f"lib/swtpm/{UUID}/tpm2")
                path.mkdir(parents=True, exist_ok=True)
                ref = self.define_tpm(attributes)
                self.table.domain_undefine_flags(ref, flags)
                self.assertEqual(stays, path.exists())

    def test_one_that_is_taken_over(self) -> None:
        ref = self.define_tpm()
        self.table.domain_create(ref)
        before = self.emulators()
        self.reopen()
        self.assertEqual(before, self.emulators())
        self.table.domain_destroy(ref)
        self.assertEqual([], self.emulators())
        self.assertEqual([], list(Path(self.root, "run/qemu/swtpm").iterdir()))

    def test_banks(self) -> None:
        ref = self.define_tpm("", "<active_pcr_banks><sha384/></active_pcr_banks>")
        self.table.domain_create(ref)
        self.assertEqual(1, len(self.emulators()))

    def test_programs_that_are_missing(self) -> None:
        ref = self.define_tpm()
        missing = mock.patch.object(swtpm.shutil, "which", return_value=None)
        with missing, self.assertRaises(libvirtError) as caught:
            self.table.domain_create(ref)
        self.assertEqual(
            "internal error: Unable to find 'swtpm_setup' binary in $PATH", str(caught.exception)
        )
        self.assertEqual((State.SHUTOFF, Shutoff.FAILED), self.state(ref))
        self.assertEqual([], self.state_files())

    def test_a_program_that_fails(self) -> None:
        ref = self.define_tpm()
        failing = mock.patch.object(swtpm, "_program", return_value="/bin/false")
        with failing, self.assertRaises(libvirtError) as caught:
            self.table.domain_create(ref)
        self.assertIn("Could not run '/bin/false'. exitstatus: 1", str(caught.exception))
        self.assertEqual([], self.state_files())
        self.assertEqual([], self.running())

    def test_state_that_is_encrypted_needs_its_secret(self) -> None:
        ref = self.define_tpm("", f"<encryption secret='{UUID}'/>")
        with self.assertRaises(libvirtError) as caught:
            self.table.domain_create(ref)
        self.assertEqual(Code.NO_SECRET, caught.exception.get_error_code())

    def test_encrypted_state(self) -> None:
        xml = f"<secret private='yes'><uuid>{UUID}</uuid><usage type='{{}}'><{{}}>t</{{}}></usage></secret>"
        secret = self.table.secret_define_xml(xml.format("volume", "volume", "volume"), 0)
        self.table.secret_set_value(secret, b"sesame", 0)
        ref = self.define_tpm("", f"<encryption secret='{UUID}'/>")
        with self.assertRaisesRegex(libvirtError, "is of type 'volume' not expected 'vtpm' type"):
            self.table.domain_create(ref)
        self.table.secret_undefine(secret)
        secret = self.table.secret_define_xml(xml.format("vtpm", "name", "name"), 0)
        for word, opens in ((b"sesame", True), (b"other", False), (b"sesame", True)):
            self.table.secret_set_value(secret, word, 0)
            if opens:
                self.table.domain_create(ref)
                self.table.domain_destroy(ref)
            else:
                self.assertRaises(libvirtError, self.table.domain_create, ref)
