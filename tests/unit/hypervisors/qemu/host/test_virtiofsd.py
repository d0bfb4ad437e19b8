# SPDX-License-Identifier: Apache-2.0
import json
import tempfile
from pathlib import Path

from nova_pyvirt.core.host import HostFs
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.host import virtiofsd
from tests.base import TestCase
from tests.fixtures.qemu72 import define

SHARE = ("<filesystem><driver type='virtiofs'/>{}<source dir='/a,b'/><target dir='t'/>"
         "</filesystem>")  # fmt: skip
SHARED = "<memoryBacking><access mode='shared'/></memoryBacking>"


class OptionsTest(TestCase):
    def test_options(self) -> None:
        for inner, expected in (
            ("", "source=/a,,b"),
            ("<binary xattr='on'><cache mode='always'/><sandbox mode='chroot'/>"
             "<lock posix='off' flock='on'/></binary>",
             "source=/a,,b,cache=always,sandbox=chroot,xattr,flock,no_posix_lock"),
            ("<binary xattr='off'/>", "source=/a,,b,no_xattr"),
        ):  # fmt: skip
            with self.subTest(inner):
                [item] = define(SHARE.format(inner), more=SHARED).devices.filesystems
                self.assertEqual(expected, virtiofsd.options(item))


class FindTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def describe(self, directory: str, name: str, **about: str) -> None:
        path = self.root / directory / "qemu/vhost-user" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(about))

    def test_the_first_that_serves_files(self) -> None:
        self.describe("usr/share", "40-gpu.json", type="gpu", binary="/gpu")
        self.describe("usr/share", "50-fs.json", type="fs", binary="/fs")
        self.describe("usr/share", "60-fs.json", type="fs", binary="/other")
        self.assertEqual("/fs", virtiofsd.find(HostFs(self.root)))
        self.describe("etc", "50-fs.json", type="fs", binary="/own")
        self.assertEqual("/own", virtiofsd.find(HostFs(self.root)))

    def test_nothing_that_does(self) -> None:
        self.describe("etc", "40-gpu.json", type="gpu", binary="/gpu")
        (self.root / "etc/qemu/vhost-user/50-broken.json").write_text("{")
        with self.assertRaises(libvirtError) as caught:
            virtiofsd.find(HostFs(self.root))
        self.assertEqual(Code.OPERATION_FAILED, caught.exception.get_error_code())
