# SPDX-License-Identifier: Apache-2.0
"""A domain with another name, also after a restart of ours."""

import os
import shutil

from nova_pyvirt.core.states import Running, State
from tests.functional.lifecycle_case import LifecycleCase


class TestRename(LifecycleCase):
    def names(self) -> list[str]:
        return sorted(ref.name for ref in self.table.connect_list_all_domains(0))

    def test_runs_under_its_new_name(self) -> None:
        ref = self.define()
        self.table.domain_set_autostart(ref, 1)
        self.assertEqual(0, self.table.domain_rename(ref, "other", 0))
        self.reopen()
        self.assertEqual(["other"], self.names())
        ref = self.table.domain_lookup_by_name("other")
        self.assertEqual(1, self.table.domain_get_autostart(ref))
        self.table.domain_create(ref)
        self.assertEqual((State.RUNNING, Running.BOOTED), self.state(ref))
        self.assertEqual(["other"], [found.name for found in self.running()])

    def test_cut_short(self) -> None:
        """Two files for one domain: the newer counts."""
        ref = self.define()
        path = self.table.state.paths.config_file("nano")
        kept = f"{self.root}/kept"
        shutil.copy2(path, kept)
        os.utime(kept, (1, 1))
        self.table.domain_rename(ref, "another", 0)
        shutil.copy2(kept, path)
        self.reopen()
        self.assertEqual(["another"], self.names())
        os.utime(path)
        self.reopen()
        self.assertEqual(["nano"], self.names())
