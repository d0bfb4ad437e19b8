# SPDX-License-Identifier: Apache-2.0
"""virt-install, virt-xml and virt-clone, as Debian has them, on pyvirtd."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.base import TestCase
from tests.fixtures.guests import nano_image

_HOST = str(Path(__file__).with_name("private_host.sh"))
_INSTALL = (
    "virt-install --memory 64 --vcpus 1 --virt-type qemu --osinfo generic --graphics none"
    " --noautoconsole --import"
)
#: a disk without a storage pool: virt-install itself cannot take a bare path then
_DISK = "--disk type=file,source.file={disk},driver.name=qemu,driver.type=raw,target.bus=ide"


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@unittest.skipUnless(shutil.which("virt-install"), "needs virtinst")
class VirtinstTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = tempfile.mkdtemp(prefix="virtinst")
        self.addCleanup(shutil.rmtree, self.directory)
        os.chmod(self.directory, 0o755)
        self.disk = f"{self.directory}/nano.img"
        self.console = f"{self.directory}/console"
        nano_image(self.disk)

    def run_host(self, script: str) -> str:
        """The script's output; its commands stop at the first that fails."""
        top = str(Path(__file__).parents[2])
        done = subprocess.run(
            [_HOST, sys.executable, "bash", "-euc", script],
            capture_output=True, text=True, timeout=240, cwd=self.directory,
            env=dict(os.environ, PYTHONPATH=top, LC_ALL="C"),
        )  # fmt: skip
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout

    def test_install_boots_a_guest(self) -> None:
        disk = _DISK.format(disk=self.disk)
        begun = time.monotonic()
        out = self.run_host(
            f"{_INSTALL} --name one --network none {disk} --serial file,path={self.console} >&2\n"
            f"until grep -q NANO-UP {self.console}; do sleep 0.05; done\n"
            "virsh domstate one; virsh dumpxml one"
        )
        self.assertLess(time.monotonic() - begun, 120)
        state, _, text = out.partition("\n")
        self.assertEqual("running", state)
        devices = ElementTree.fromstring(text[text.index("<domain") :]).find("devices")
        assert devices is not None
        self.assertEqual(self.disk, devices.find("disk/source").get("file"))  # type: ignore[union-attr]

    def test_edit_and_clone(self) -> None:
        out = self.run_host(
            f"{_INSTALL} --name one --network user --disk none >&2\n"
            "virt-xml one --edit --vcpus 2 --define >&2\n"
            "virt-xml one --add-device --rng /dev/urandom --define >&2\n"
            "virsh destroy one >&2\n"
            "virt-clone --original one --name two --auto-clone >&2\n"
            "virsh start two >&2\n"
            "virsh list --all --name; virsh vcpucount two --current; virsh domuuid one;"
            " virsh domuuid two; virsh dumpxml two | grep -c /dev/urandom"
        )
        words = out.split()
        self.assertEqual({"one", "two"}, set(words[:2]))
        self.assertEqual("2", words[2])
        self.assertNotEqual(words[3], words[4])
        self.assertEqual("1", words[5])

    def test_refusals_are_libvirts(self) -> None:
        out = self.run_host(
            f"{_INSTALL} --name one --disk none 2>&1 || true\n"
            f"{_INSTALL} --name two --disk none --network network=nope 2>&1 || true"
        )
        self.assertIn("no network with matching name 'default'", out)
        self.assertIn("no network with matching name 'nope'", out)
