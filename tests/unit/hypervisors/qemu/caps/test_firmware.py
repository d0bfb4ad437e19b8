# SPDX-License-Identifier: Apache-2.0
import json

from nova_pyvirt.errors import libvirtError
from nova_pyvirt.hypervisors.qemu.caps.firmware import descriptors
from tests.unit.core.host.fake import FakeHost

OVMF = {
    "description": "UEFI", "interface-types": ["uefi"],
    "mapping": {
        "device": "flash",
        "executable": {"filename": "/usr/share/OVMF/OVMF_CODE.fd", "format": "raw"},
        "nvram-template": {"filename": "/usr/share/OVMF/OVMF_VARS.fd", "format": "raw"},
    },
    "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}],
    "features": ["secure-boot"], "tags": [],
}  # fmt: skip


class DescriptorTest(FakeHost):
    def put(self, name: str, text: str) -> None:
        self.write(name, text)

    def test_one(self) -> None:
        self.put("usr/share/qemu/firmware/50-x.json", json.dumps(OVMF))
        (found,) = descriptors(self.fs)
        self.assertEqual(("flash", "split"), (found.device, found.mode))
        self.assertEqual("/usr/share/OVMF/OVMF_VARS.fd", found.nvram_template)
        self.assertTrue(found.serves("pc-q35-7.2", "x86_64"))
        self.assertFalse(found.serves("pc-i440fx-7.2", "x86_64"))
        self.assertFalse(found.serves("pc-q35-7.2", "i686"))

    def test_administrators_files_win_and_empty_ones_hide(self) -> None:
        self.put("usr/share/qemu/firmware/50-x.json", json.dumps(OVMF))
        self.put("usr/share/qemu/firmware/40-y.json", json.dumps(OVMF))
        self.put("etc/qemu/firmware/50-x.json", json.dumps({**OVMF, "features": []}))
        (self.root / "etc/qemu/firmware/40-y.json").write_text("")
        (found,) = descriptors(self.fs)
        self.assertEqual(frozenset(), found.features)

    def test_broken(self) -> None:
        self.put("usr/share/qemu/firmware/50-x.json", "{}")
        with self.assertRaisesRegex(libvirtError, "failed to parse firmware descriptor"):
            descriptors(self.fs)
