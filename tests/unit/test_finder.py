# SPDX-License-Identifier: Apache-2.0
"""The finder knows nova.virt.pyvirt and nothing else."""

import sys
from unittest import mock

from nova_pyvirt import finder
from nova_pyvirt.driver import concurrency
from tests import base


class FinderTest(base.TestCase):
    def test_finds_the_shim(self) -> None:
        spec = finder.ShimFinder().find_spec("nova.virt.pyvirt")
        assert spec is not None and spec.origin is not None
        self.assertTrue(spec.origin.endswith("/nova/virt/pyvirt/__init__.py"))

    def test_leaves_all_else_alone(self) -> None:
        for name in ("nova", "nova.virt", "nova.virt.libvirt", "nova.virt.pyvirt.driver"):
            self.assertIsNone(finder.ShimFinder().find_spec(name))

    def test_is_installed_once(self) -> None:
        with mock.patch.object(sys, "meta_path", list(sys.meta_path)):
            finder.install()
            finder.install()
            found = [one for one in sys.meta_path if isinstance(one, finder.ShimFinder)]
            self.assertEqual(1, len(found))

    def test_mode_without_eventlet(self) -> None:
        self.assertEqual("threading", concurrency.mode())
        self.assertEqual("native threads", concurrency.describe())
