# SPDX-License-Identifier: Apache-2.0
"""The driver is found from a wheel in nova's directory, from elsewhere, and without our script."""

import importlib.util
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

from tests import base

TOP = Path(__file__).parents[2]

LOAD = """
import sys
sys.modules["libvirt"] = None  # as on a host without libvirt-python
import nova.monkey_patch
nova.monkey_patch.patch("threading")
{before}
import nova.conf
nova.conf.CONF([], default_config_files=[])
from oslo_utils import importutils
del sys.modules["libvirt"]
driver = importutils.import_class("nova.virt.pyvirt.PyVirtDriver")
print(driver.__mro__[1].__module__, sys.modules["libvirt"].__name__, "eventlet" in sys.modules)
"""
EXPECTED = "nova.virt.libvirt.driver nova_pyvirt.libvirt False"


def package_tree(directory: str) -> None:
    """A wheel's contents, unpacked: what pip puts into a site directory."""
    where = ["-w", directory, str(TOP)]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", *where],
        check=True,
        capture_output=True,
    )
    for wheel in Path(directory).glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(directory)
        wheel.unlink()


@unittest.skipUnless(importlib.util.find_spec("nova.tests"), "nova is not installed")
class InstallTest(base.TestCase):
    """Loads the driver in a fresh process; -P keeps the work tree off its path."""

    def load(self, before: str) -> None:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-P", "-c", LOAD.format(before=before)],
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(EXPECTED, done.stdout.strip(), done.stderr[-3000:])

    def test_os_vif_finds_the_shim(self) -> None:
        """nova-compute itself, with this package outside nova's directory."""
        self.load(
            "import os_vif; os_vif.initialize()"
            if importlib.util.find_spec("nova_pyvirt.driver.os_vif_plugin")
            else ""
        )

    def test_any_import_finds_the_shim(self) -> None:
        """The console script, or a process that injected our libvirt."""
        self.load("import nova_pyvirt.libvirt")

    def test_wheel(self) -> None:
        """In nova's site directory: nova's own import finds the shim with no help."""
        with tempfile.TemporaryDirectory() as directory:
            package_tree(directory)
            shim = f"{directory}/nova/virt"
            self.assertTrue(Path(f"{shim}/pyvirt/__init__.py").exists())
            self.assertFalse(Path(f"{directory}/nova/__init__.py").exists())
            self.load(
                f"sys.path.insert(0, {directory!r}); "
                f"import nova.virt; nova.virt.__path__.append({shim!r})"
            )
