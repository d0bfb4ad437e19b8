# SPDX-License-Identifier: Apache-2.0
"""Definitions that ask for billions of something are refused at once."""

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.util.native import time
from tests.base import TestCase
from tests.fixtures.qemu72 import define

_MOST = 2**31 - 1
_REFUSALS = (Code.XML_ERROR, Code.CONFIG_UNSUPPORTED, Code.INTERNAL_ERROR)
_DISK = (
    "<disk type='file'><source file='/d'/><target dev='sda' bus='{}'/>"
    "<address type='drive' controller='{}'/></disk>"
)


class BoundsTest(TestCase):
    def _refused(self, devices: str, **options: str) -> None:
        begun = time.process_time()
        with self.assertRaises(libvirtError) as caught:
            define(devices, **options)
        self.assertLess(time.process_time() - begun, 0.05)
        self.assertIn(caught.exception.get_error_code(), _REFUSALS)

    def test_what_counts_up(self) -> None:
        self._refused("", more=f"<iothreads>{_MOST}</iothreads>")
        for kind in ("scsi", "ide", "sata", "fdc"):
            self._refused(_DISK.format(kind, 2**32 - 1))
        far = "<disk type='file'><source file='/d'/><target dev='sdaxxxxxxxxxx' bus='scsi'/></disk>"
        self._refused(far)
        for kind in ("pci", "usb", "scsi", "sata", "virtio-serial", "ccid"):
            self._refused(f"<controller type='{kind}' index='{_MOST}'/>")
        for kind in ("usb", "virtio-serial"):
            self._refused(f"<controller type='{kind}' ports='{_MOST}'/>")
        channel = "<channel type='pty'><target type='virtio'/>{}</channel>"
        self._refused(channel.format(f"<address type='virtio-serial' controller='{_MOST}'/>"))
        self._refused(f"<input type='tablet' bus='usb'><address type='usb' bus='{_MOST}'/></input>")

    def test_very_many_devices(self) -> None:
        self._refused("<sound model='ac97'/>" * 5000)
        self._refused("<controller type='scsi'/>" * 5000)

    def test_very_long_texts(self) -> None:
        port = "1." * 500000
        self._refused(f"<input type='tablet' bus='usb'><address type='usb' port='{port}'/></input>")

    def test_disks_are_sorted_in_time(self) -> None:
        begun = time.process_time()
        names = [f"sd{a}{b}" for a in "zyxwvuts" for b in "abcdefghijklmnopqrstuvwxyz"]
        disk = "<disk><source file='/d'/><target dev='{}' bus='scsi'/></disk>"
        found = define("".join(disk.format(name) for name in names)).devices.disks
        self.assertEqual(sorted(names), [item.target for item in found])
        self.assertLess(time.process_time() - begun, 1)

    def test_what_there_may_be(self) -> None:
        domain = define(_DISK.format("scsi", 3), more="<iothreads>16</iothreads>")
        self.assertEqual(16, len(domain.iothread_ids))
        indexes = [c.index for c in domain.devices.controllers if c.type == "scsi"]
        self.assertEqual([0, 1, 2, 3], indexes)
