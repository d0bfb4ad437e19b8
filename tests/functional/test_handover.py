# SPDX-License-Identifier: Apache-2.0
"""A host with running guests goes from libvirtd to pyvirtd and back; never both at a time."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from tests.base import TestCase
from tests.fixtures.guests import nano_image

_HOST = str(Path(__file__).with_name("private_host.sh"))
_DAEMON = "libvirtd -d -p /run/libvirt/libvirtd.pid -f /etc/libvirt/libvirtd.conf"
_PYVIRTD = f"{sys.executable} -m nova_pyvirt.cmd.pyvirtd -d -p /run/libvirt/pyvirtd.pid"
_PYVIRT = f"{sys.executable} -m nova_pyvirt.cmd.pyvirt"
XML = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
<os><type machine='pc'>hvm</type></os><features><acpi/></features><devices>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{disk}'/>
<target dev='hda'/></disk><serial type='pty'/></devices></domain>"""
#: what a script may use: wait until a process is gone, until libvirtd answers
_FUNCTIONS = f"""
finish() {{ local pid; pid=$(cat "$1"); kill "$pid"; while [ -e /proc/$pid ]; do sleep 0.05; done; }}
libvirtd_again() {{ {_DAEMON}; for n in $(seq 100); do virsh version >/dev/null 2>&1 && return
    sleep 0.1; done; return 1; }}
"""


@unittest.skipUnless(os.geteuid() == 0, "needs root")
@unittest.skipUnless(shutil.which("libvirtd") and shutil.which("virsh"), "needs libvirtd")
class HandoverTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = tempfile.mkdtemp(prefix="handover")
        self.addCleanup(shutil.rmtree, self.directory)
        os.chmod(self.directory, 0o755)
        for name in ("one", "two"):
            nano_image(f"{self.directory}/{name}.img")
            with open(f"{self.directory}/{name}.xml", "w", encoding="utf-8") as file:
                file.write(XML.format(name=name, disk=f"{self.directory}/{name}.img"))

    def run_host(self, script: str) -> list[str]:
        """The lines that a script prints; pyvirtd runs when it begins."""
        prepare = (
            "mkdir -p /etc/libvirt/qemu /var/lib/libvirt/qemu /var/log/libvirt/qemu\n"
            ": > /etc/libvirt/libvirtd.conf; : > /etc/libvirt/libvirt.conf\n"
            'printf \'security_driver="none"\\nstdio_handler="file"\\n\' > /etc/libvirt/qemu.conf\n'
            "finish /run/libvirt/pyvirtd.pid\n"
        )
        done = subprocess.run(
            [_HOST, sys.executable, "bash", "-euc", _FUNCTIONS + prepare + script],
            capture_output=True, text=True, timeout=240, cwd=self.directory,
            env=dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]), LC_ALL="C"),
        )  # fmt: skip
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout.split("\n")

    def test_there_and_back(self) -> None:
        lines = self.run_host(
            "libvirtd_again; virsh define one.xml >&2; virsh start one >&2\n"
            "before=$(cat /run/libvirt/qemu/one.pid)\n"
            "finish /run/libvirt/libvirtd.pid\n"
            f"{_PYVIRT} list -f value -c Name -c State\n"
            f"{_PYVIRTD}; virsh domstate one; virsh domid one\n"
            "virsh suspend one >&2; virsh resume one >&2\n"
            "virsh define two.xml >&2; virsh start two >&2; virsh dumpxml two > there.xml\n"
            "finish /run/libvirt/pyvirtd.pid\n"
            "libvirtd_again; virsh domstate two; virsh suspend two >&2; virsh domstate two\n"
            "virsh dumpxml two | diff there.xml - >&2; virsh destroy two >&2\n"
            "virsh domstate one --reason\n"
            "[ $before = $(cat /run/libvirt/qemu/one.pid) ] && echo same"
        )
        self.assertEqual(
            ["one running", "running", "", "1", "", "running", "", "paused", "",
             "running (unpaused)", "", "same", ""],
            lines,
        )  # fmt: skip

    def test_the_second_one_is_refused(self) -> None:
        lines = self.run_host(
            "libvirtd_again\n"
            f"{_PYVIRTD.replace(' -d ', ' ')} --directory /run/other 2>&1 | tail -1 || true\n"
            "cat /run/libvirt/libvirtd.pid; finish /run/libvirt/libvirtd.pid\n"
            f"{_PYVIRTD} --directory /run/other\n"
            "virsh -c 'qemu+unix:///system?socket=/run/other/libvirt-sock' define one.xml >&2\n"
            f"{_DAEMON}; for n in $(seq 100); do [ -S /run/libvirt/libvirt-sock ] || break\n"
            "sleep 0.1; done\n"
            "virsh list --all --name 2>/dev/null || echo refused\n"
            "virsh -c 'qemu+unix:///system?socket=/run/other/libvirt-sock' list --all --name"
        )
        said, owner, refused, mine, *_ = lines
        self.assertIn(f"'/run/libvirt/qemu' is in use by process {owner}", said)
        self.assertEqual(("refused", "one"), (refused, mine))
