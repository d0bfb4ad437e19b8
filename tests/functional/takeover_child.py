# SPDX-License-Identifier: Apache-2.0
"""A guest goes from libvirtd to us and back; one JSON object tells what was seen.

    unshare --mount python takeover_child.py DIRECTORY

In a mount namespace whose libvirt directories are DIRECTORY's; the host's libvirt is left alone.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

XML = """<domain type='qemu'><name>mover</name><memory unit='MiB'>32</memory><vcpu>2</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features><devices>
  <disk type='file'><driver name='qemu' type='raw'/><source file='{disk}'/>
    <target dev='vda' bus='virtio'/></disk>
  <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
  <serial type='pty'/><graphics type='vnc'/></devices></domain>"""
SETTINGS = {
    "libvirtd.conf": 'auth_unix_ro = "none"\nauth_unix_rw = "none"\n',
    "qemu.conf": 'security_driver = "none"\nuser = "root"\ngroup = "root"\nstdio_handler = "file"\n',
}


def directories(base: Path) -> None:
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for name in ("/etc", "/run", "/var/lib", "/var/log", "/var/cache"):
        own = base / name.replace("/", "_")
        own.mkdir()
        os.makedirs(f"{name}/libvirt", exist_ok=True)
        subprocess.run(["mount", "--bind", str(own), f"{name}/libvirt"], check=True)
    for name, text in SETTINGS.items():
        Path("/etc/libvirt", name).write_text(text)


def virsh(*words: str) -> str:
    done = subprocess.run(
        ["virsh", "-q", "-c", "qemu:///system", *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


class Libvirtd:
    """A libvirtd that answers."""

    def __init__(self, base: Path) -> None:
        words = ["libvirtd", "-p", str(base / "libvirtd.pid")]
        self.process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while subprocess.run(["virsh", "-q", "uri"], capture_output=True, check=False).returncode:
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit("libvirtd does not answer")

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(30)


def ours(seen: dict[str, Any]) -> None:
    import nova_pyvirt.libvirt as libvirt

    connection = libvirt.open("qemu:///system")
    domain = connection.lookupByName("mover")
    seen["ours"] = [domain.ID(), domain.state()[0], domain.XMLDesc(0).strip()]
    domain.suspend()
    connection.close()


def main(base: Path) -> None:
    directories(base)
    disk = base / "disk.img"
    disk.write_bytes(bytes(1 << 20))
    document = base / "mover.xml"
    document.write_text(XML.format(disk=disk))
    seen: dict[str, Any] = {}
    theirs = Libvirtd(base)
    virsh("define", str(document))
    virsh("start", "mover")
    seen["before"] = virsh("dumpxml", "mover")
    theirs.end()
    ours(seen)
    theirs = Libvirtd(base)
    seen["after"] = [virsh("domid", "mover"), virsh("domstate", "mover")]
    virsh("destroy", "mover")
    theirs.end()
    print(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
