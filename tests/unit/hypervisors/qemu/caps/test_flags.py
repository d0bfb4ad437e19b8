# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path

import nova_pyvirt
from nova_pyvirt.hypervisors.qemu.caps import flags, tables
from tests.base import TestCase


class NamesTest(TestCase):
    def test_every_name_asked_for_exists(self) -> None:
        """A name that libvirt does not have is a typing error: it would always be absent."""
        used = {}
        for path in Path(nova_pyvirt.__file__).parent.rglob("*.py"):
            for name in re.findall(r"caps\.has\(\s*\"([^\"]+)\"", path.read_text()):
                used.setdefault(name, path)
        unknown = {name: str(path) for name, path in used.items() if name not in tables.ALL}
        self.assertEqual({}, unknown)
        self.assertTrue(used)

    def test_derived_names_exist(self) -> None:
        derived = {
            *flags.basic("x86_64", 4002000), *flags.basic("s390x", 8000000),
            *flags.basic("aarch64", 8000000), *flags.basic("sparc", 8000000),
            *flags.from_tpm(("tpm-tis", "tpm-crb", "tpm-spapr"), ("passthrough", "emulator")),
        }  # fmt: skip
        self.assertEqual(set(), derived - set(tables.ALL))


class RulesTest(TestCase):
    def test_types_and_properties(self) -> None:
        types = {"virtio-net-pci", "virtio-blk-pci"}
        found = flags.from_types(types)
        self.assertEqual({"virtio-net"}, found)
        self.assertEqual(["virtio-blk-pci", "virtio-net-pci"], flags.wanted_devices(types, found))
        self.assertEqual(["virtio-blk-pci"], flags.wanted_devices(types, set()))

    def test_scsi_off_by_default(self) -> None:
        off = {"virtio-blk-pci": {"scsi": {"default-value": False}}}
        name = "virtio-blk-pci.scsi.default.disabled"
        self.assertIn(name, flags.from_devices(off))
        off["virtio-blk-pci"]["scsi"]["default-value"] = True
        self.assertNotIn(name, flags.from_devices(off))

    def test_command_line(self) -> None:
        found = flags.from_command_line({"spice": {"gl"}, "machine": set()})
        self.assertEqual({"spice", "spice-gl"}, found)

    def test_conclusions(self) -> None:
        found = {
            "blockdev-reopen",
            "migration-param.block-bitmap-mapping",
            "no-hpet",
            "machine-hpet",
        }
        done = flags.conclude(found, "x86_64")
        self.assertIn("incremental-backup", done)
        self.assertNotIn("no-hpet", done)
        self.assertNotIn("incremental-backup", flags.conclude({"blockdev-reopen"}, "x86_64"))
