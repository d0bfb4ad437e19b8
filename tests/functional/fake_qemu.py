# SPDX-License-Identifier: Apache-2.0
"""A test case whose guests run a QEMU that does what a scenario says (tests/fixtures/fakeqmp).

The emulator is a script: asked for its capabilities it is the real QEMU, as a guest it is the peer.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from tests.fixtures.fakeqmp.fake import PEER
from tests.functional.lifecycle_case import LifecycleCase

_SCRIPT = """#!/bin/sh
for word; do
  [ "$word" = -uuid ] && exec /usr/bin/python3 -S -E {root}/peer.py --scenario "$(cat {root}/scenario)" "$@"
done
exec qemu-system-x86_64 "$@"
"""
_XML = """<domain type='qemu'>
  <name>fake</name>
  <uuid>6f0c3d1e-6f6e-4d2f-9c38-1a1f4a1f0bfa</uuid>
  <memory unit='MiB'>32</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  {extra}
  <devices>
    <emulator>{root}/qemu</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{disk}'/><target dev='vda' bus='virtio'/>
    </disk>
    <graphics type='vnc' autoport='yes' passwd='x'/>
    {devices}
  </devices>
</domain>"""
#: what a QEMU that works says
ANSWERS: dict[str, Any] = {
    "query-cpus-fast": [
        {"cpu-index": 0, "thread-id": "$PID", "qom-path": "/machine/unattached/device[0]",
         "target": "x86_64", "props": {"socket-id": 0, "core-id": 0, "thread-id": 0}},
    ],
    "query-chardev": [],
    "query-iothreads": [],
    "query-hotpluggable-cpus": [],
    "query-status": {"status": "running", "running": True, "singlestep": False},
}  # fmt: skip


class FakeQemuCase(LifecycleCase):
    """See the module."""

    def setUp(self) -> None:
        super().setUp()
        shutil.copy(PEER, f"{self.root}/peer.py")
        script = Path(self.root, "qemu")
        script.write_text(_SCRIPT.format(root=self.root))
        script.chmod(0o755)

    def scenario(self, *, start: Any = (), connect: Any = None, **commands: Any) -> None:
        """What the next QEMU does; commands named with _ for -, each a list of actions."""
        said = {name: [{"return": value}] for name, value in ANSWERS.items()}
        said |= {name.replace("_", "-"): actions for name, actions in commands.items()}
        scenario = {"start": list(start), "commands": said}
        if connect is not None:
            scenario["connect"] = connect
        Path(self.root, "scenario").write_text(json.dumps(scenario))
        os.chmod(f"{self.root}/scenario", 0o644)

    def define_fake(self, extra: str = "", devices: str = "") -> Any:
        xml = _XML.format(root=self.root, disk=self.disk, extra=extra, devices=devices)
        return self.table.domain_define_xml(xml)
