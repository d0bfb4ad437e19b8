# SPDX-License-Identifier: Apache-2.0
"""A disk that only a secret opens, with a real QEMU."""

import subprocess
import uuid
from pathlib import Path

from nova_pyvirt.errors import Code, libvirtError
from tests.functional.lifecycle_case import LifecycleCase

IDENT = "33333333-3333-4333-8333-333333333333"
WORD = b"correct horse"
SECRET = f"<secret private='yes'><uuid>{IDENT}</uuid></secret>"
DISK = (
    "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{}'>"
    "<encryption format='luks'><secret type='passphrase' uuid='" + IDENT + "'/></encryption>"
    "</source><target dev='vdb' bus='virtio'/></disk>"
)


class TestEncryptedDisk(LifecycleCase):
    def setUp(self) -> None:
        super().setUp()
        self.image = f"{self.root}/luks.img"
        secret = f"secret,id=s,data={WORD.decode()}"
        command = ["qemu-img", "create", "-q", "-f", "luks", "--object", secret]
        command += ["-o", "key-secret=s,iter-time=100", self.image, "1M"]
        for _ in range(10):  # it measures the processor, and gives up on a busy one
            if not subprocess.run(command, capture_output=True, check=False).returncode:
                break
        self.ref = self.define(devices=DISK.format(self.image))

    def give(self, word: bytes = WORD) -> None:
        secret = self.table.secret_define_xml(SECRET, 0)
        self.table.secret_set_value(secret, word, 0)

    def refused(self, code: Code, words: str) -> None:
        with self.assertRaisesRegex(libvirtError, words) as caught:
            self.table.domain_create(self.ref)
        self.assertEqual(code, caught.exception.get_error_code())
        self.assertEqual([], self.running())

    def test_opened(self) -> None:
        self.give()
        self.table.domain_create(self.ref)
        for path in (f"/proc/{self.pid(self.ref)}/cmdline", f"{self.root}/log/qemu/nano.log"):
            self.assertNotIn(WORD, Path(path).read_bytes())
        rows = self.table.state.domains.find(self.ref).private.mon.command("query-block")
        images = [row["inserted"]["image"] for row in rows if row.get("inserted")]
        self.assertIn(("luks", True), [(i["format"], i.get("encrypted")) for i in images])

    def test_plugged_in(self) -> None:
        self.give()
        plain = self.table.domain_create(self.define())
        self.table.domain_attach_device_flags(plain, DISK.format(self.image), 1)
        self.assertIn(
            "<encryption format='luks' engine='qemu'>", self.table.domain_get_xml_desc(plain, 0)
        )

    def test_the_secret_is_not_there_or_another(self) -> None:
        self.refused(Code.NO_SECRET, f"no secret with matching uuid '{IDENT}'")
        self.table.secret_define_xml(SECRET, 0)
        self.refused(Code.NO_SECRET, "does not have a value")
        self.give(b"wrong")
        self.refused(Code.INTERNAL_ERROR, "Invalid password")

    def test_the_next_process_has_it(self) -> None:
        self.give()
        self.reopen()
        self.ref = self.table.domain_lookup_by_name("nano")
        self.table.domain_create(self.ref)
        found = self.table.secret_lookup_by_uuid(uuid.UUID(IDENT).bytes)
        with self.assertRaisesRegex(libvirtError, "secret is private"):
            self.table.secret_get_value(found, 0)
