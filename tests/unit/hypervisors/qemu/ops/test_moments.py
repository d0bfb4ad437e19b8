# SPDX-License-Identifier: Apache-2.0
"""Snapshots and checkpoints: there are none."""

import os

from nova_pyvirt.errors import Code
from nova_pyvirt.hypervisors.qemu.ops import moments
from nova_pyvirt.hypervisors.qemu.ops.moments import CHECKPOINTS, SNAPSHOTS
from tests.unit.hypervisors.qemu.ops.case import OpsCase


class TestSnapshots(OpsCase):
    def test_none(self) -> None:
        moments.check_none(self.state, self.ref, SNAPSHOTS, 0x7FF, "f")
        moments.check_none(self.state, self.ref, CHECKPOINTS, 0xF, "f")
        self.assertEqual(0, moments.has_current_snapshot(self.state, self.ref, 0))
        self.refused(Code.NO_DOMAIN_SNAPSHOT, moments.current_snapshot, 0)
        said = self.refused(Code.NO_DOMAIN_SNAPSHOT, moments.not_found, SNAPSHOTS, "s", 0, "f")
        self.assertIn("no domain snapshot with matching name 's'", said)
        self.refused(Code.NO_DOMAIN_CHECKPOINT, moments.not_found, CHECKPOINTS, "s", 0, "f")

    def test_flags(self) -> None:
        said = self.refused(Code.INVALID_ARG, moments.check_none, SNAPSHOTS, 0x800, "f")
        self.assertIn("unsupported flags (0x800) in function f", said)
        self.refused(Code.INVALID_ARG, moments.check_none, CHECKPOINTS, 0x10, "f")

    def test_those_of_another_manager_are_not_denied(self) -> None:
        directory = f"{self.state.paths.snapshot_dir}/a"
        os.makedirs(directory)
        moments.check_none(self.state, self.ref, SNAPSHOTS, 0, "f")
        with open(f"{directory}/s.xml", "w", encoding="utf-8"):
            pass
        self.refused(Code.NO_SUPPORT, moments.check_none, SNAPSHOTS, 0, "f")
        self.refused(Code.NO_SUPPORT, moments.not_found, SNAPSHOTS, "s", 0, "f")
        self.refused(Code.NO_SUPPORT, moments.current_snapshot, 0)


class TestBackup(OpsCase):
    def test_none(self) -> None:
        self.refused(Code.NO_DOMAIN_BACKUP, moments.backup_xml, 0)
        self.refused(Code.INVALID_ARG, moments.backup_xml, 1)
