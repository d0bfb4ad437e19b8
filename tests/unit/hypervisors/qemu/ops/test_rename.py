# SPDX-License-Identifier: Apache-2.0
"""Another name for a domain: files, list, events; what stands in the way."""

import os
from pathlib import Path
from unittest import mock

from nova_pyvirt.core.states import Detail, Life, Paused, State
from nova_pyvirt.core.statusfile import write_config
from nova_pyvirt.errors import Code, From, libvirtError
from nova_pyvirt.hypervisors.qemu.ops import rename
from nova_pyvirt.model.domain import Domain
from tests.unit.hypervisors.qemu.ops.case import XML, OpsCase


class TestRename(OpsCase):
    def setUp(self) -> None:
        super().setUp()
        paths = self.state.paths
        os.makedirs(paths.autostart_dir)
        write_config(paths.config_file("a"), self.vm.definition)
        self.events: list[tuple[str, int, int]] = []
        self.state.bus.register(
            self, None, 0, lambda ref, *detail: self.events.append((ref.name, *detail))
        )

    def rename(self, name: str) -> None:
        self.assertEqual(0, rename.rename(self.state, self.ref, name, 0))

    def files(self) -> list[str]:
        paths = self.state.paths
        return sorted(name for name in os.listdir(paths.config_dir) if name.endswith(".xml"))

    def test_everything_moves(self) -> None:
        paths = self.state.paths
        self.vm.autostart = True
        os.symlink(paths.config_file("a"), paths.autostart_link("a"))
        os.makedirs(f"{paths.snapshot_dir}/a")
        Path(paths.snapshot_dir, "a", "s1.xml").write_text("<domainsnapshot/>")
        old = self.ref
        self.rename("b c")
        self.assertEqual("b c", self.state.domains.find(old).name)
        self.assertIsNone(self.state.domains.by_name("a"))
        self.assertIs(self.vm, self.state.domains.by_name("b c"))
        self.assertEqual(["b c.xml"], self.files())
        stored = Path(paths.config_file("b c")).read_text()
        self.assertIn("<name>b c</name>", stored)
        self.assertIn("virsh edit b c", stored)
        self.assertEqual(["b c.xml"], os.listdir(paths.autostart_dir))
        self.assertEqual(paths.config_file("b c"), os.readlink(paths.autostart_link("b c")))
        self.assertEqual(["b c"], os.listdir(paths.snapshot_dir))
        self.assertEqual(["s1.xml"], os.listdir(f"{paths.snapshot_dir}/b c"))
        self.assertEqual(
            [
                ("a", Life.UNDEFINED, Detail.UNDEFINED_RENAMED),
                ("b c", Life.DEFINED, Detail.DEFINED_RENAMED),
            ],
            self.events,
        )

    def test_what_nobody_owns_makes_room(self) -> None:
        paths = self.state.paths
        Path(paths.config_file("b")).write_text("old")
        os.symlink("nowhere", paths.autostart_link("b"))
        os.makedirs(f"{paths.checkpoint_dir}/b")
        self.rename("b")
        self.assertEqual([], os.listdir(paths.autostart_dir))
        self.assertEqual([], os.listdir(paths.checkpoint_dir))
        self.assertIn("<name>b</name>", Path(paths.config_file("b")).read_text())

    def test_refused(self) -> None:
        invalid = Code.OPERATION_INVALID
        other = Domain.load(XML.format(extra="", devices="").replace("f0b10", "f0b11"))
        other.name = "b"
        self.state.domains.add(other, lambda: mock.Mock(name="b"), live=False)
        self.assertIn("Can't rename domain to itself", self.refused(invalid, rename.rename, "a", 0))
        said = self.refused(invalid, rename.rename, "b", 0)
        self.assertIn("domain with name 'b' already exists", said)
        said = self.refused(Code.XML_ERROR, rename.rename, "x/y", 0)
        self.assertIn("name x/y cannot contain '/'", said)
        for name in (".", "..", "x\ny"):
            self.refused(Code.XML_ERROR, rename.rename, name, 0)
        self.assertIn("flags", self.refused(Code.INVALID_ARG, rename.rename, "c", 1))
        self.vm.has_managed_save = True
        self.assertIn("managed saved state", self.refused(invalid, rename.rename, "c", 0))
        self.vm.has_managed_save = False
        self.vm.state = State.PAUSED
        self.assertIn("has to be shutoff", self.refused(invalid, rename.rename, "c", 0))
        self.vm.state = State.SHUTOFF
        self.vm.persistent = False
        self.assertIn("transient", self.refused(invalid, rename.rename, "c", 0))
        self.start()
        self.vm.set_state(State.PAUSED, Paused.USER)
        self.assertIn("active domain", self.refused(invalid, rename.rename, "c", 0))
        self.assertIs(self.vm, self.state.domains.by_name("a"))
        self.assertEqual([], self.events)

    def test_a_failure_changes_nothing(self) -> None:
        paths = self.state.paths
        self.vm.autostart = True
        os.symlink(paths.config_file("a"), paths.autostart_link("a"))
        os.makedirs(f"{paths.snapshot_dir}/a")
        with (
            mock.patch.object(rename, "write_config", side_effect=OSError(28, "full")),
            self.assertRaises(libvirtError) as caught,
        ):
            rename.rename(self.state, self.ref, "b", 0)
        self.assertEqual(Code.SYSTEM_ERROR, caught.exception.get_error_code())
        self.assertEqual(From.NONE, caught.exception.get_error_domain())
        self.assertEqual("a", self.vm.name)
        self.assertIs(self.vm, self.state.domains.by_name("a"))
        self.assertIsNone(self.state.domains.by_name("b"))
        self.assertEqual(["a.xml"], self.files())
        self.assertEqual(["a.xml"], os.listdir(paths.autostart_dir))
        self.assertEqual(["a"], os.listdir(paths.snapshot_dir))
        self.assertEqual([], self.events)
