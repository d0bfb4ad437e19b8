# SPDX-License-Identifier: Apache-2.0
"""Devices of a host that is a directory tree."""

import tempfile
from pathlib import Path

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.host import hostdevs
from nova_pyvirt.model.domain import Domain
from tests.base import TestCase
from tests.fixtures.qemu72 import define

PCI = """<hostdev mode='subsystem' type='pci' managed='yes'><source>
  <address domain='0' bus='0x3' slot='0x1' function='0'/></source></hostdev>"""
USB = """<hostdev mode='subsystem' type='usb'><source {policy}>
  <vendor id='0x1234'/><product id='0x5678'/></source></hostdev>"""
USB_AT = """<hostdev mode='subsystem' type='usb'><source>
  <address bus='1' device='4'/></source></hostdev>"""
SCSI = """<hostdev mode='subsystem' type='scsi'><source>
  <adapter name='scsi_host9'/><address bus='0' target='1' unit='2'/></source></hostdev>"""
MDEV = """<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source>
  <address uuid='c2177883-f1bb-47f0-914d-32a22e3a8804'/></source></hostdev>"""


class TestHostdevs(TestCase):
    def setUp(self) -> None:
        super().setUp()
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = Path(temporary.name)

    def make(self, path: str, text: str = "") -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def usb(self, entry: str, bus: int, number: int) -> None:
        for name, value in (
            ("busnum", f"{bus}\n"),
            ("devnum", f"{number}\n"),
            ("idVendor", "1234\n"),
            ("idProduct", "5678\n"),
        ):
            self.make(f"sys/bus/usb/devices/{entry}/{name}", value)

    def check(self, xml: str) -> Domain:
        definition = define(xml)
        hostdevs.check(definition, f"{self.root}/")
        return definition

    def refused(self, xml: str, code: int, text: str) -> None:
        with self.assertRaisesRegex(libvirtError, text) as caught:
            self.check(xml)
        self.assertEqual(code, caught.exception.get_error_code())

    def test_pci(self) -> None:
        text = "host doesn't support passthrough of host PCI devices"
        self.refused(PCI, Code.CONFIG_UNSUPPORTED, text)
        self.make("dev/vfio/vfio")
        self.make("sys/kernel/iommu_groups/0/type")
        self.refused(PCI, Code.SYSTEM_ERROR, "Device 0000:03:01.0 not found")
        self.make("sys/bus/pci/devices/0000:03:01.0/config")
        self.check(PCI)

    def test_usb_by_vendor(self) -> None:
        xml = USB.format(policy="")
        self.refused(xml, Code.SYSTEM_ERROR, "cannot open directory '/sys/bus/usb/devices'")
        self.make("sys/bus/usb/devices/1-0:1.0/interface")
        self.refused(xml, Code.INTERNAL_ERROR, "Did not find USB device 1234:5678")
        self.usb("1-1", 1, 4)
        source = self.check(xml).devices.hostdevs[0].source
        self.assertEqual((1, 4), (source.address.bus, source.address.device))
        self.usb("2-1", 2, 3)
        self.refused(xml, Code.OPERATION_FAILED, "Multiple USB devices for 1234:5678")

    def test_usb_that_may_be_missing(self) -> None:
        self.make("sys/bus/usb/devices/usb1/busnum", "1\n")
        self.assertEqual(
            [], self.check(USB.format(policy="startupPolicy='optional'")).devices.hostdevs
        )

    def test_usb_by_place(self) -> None:
        self.make("sys/bus/usb/devices/usb1/busnum", "1\n")
        self.refused(USB_AT, Code.INTERNAL_ERROR, "Did not find USB device bus:1 device:4")
        self.usb("1-1", 1, 4)
        self.check(USB_AT)

    def test_scsi(self) -> None:
        text = "cannot open directory '/sys/bus/scsi/devices/9:0:1:2/scsi_generic'"
        self.refused(SCSI, Code.SYSTEM_ERROR, text)
        self.make("sys/bus/scsi/devices/9:0:1:2/scsi_generic/sg1")
        self.check(SCSI)

    def test_mediated(self) -> None:
        self.refused(MDEV, Code.CONFIG_UNSUPPORTED, "assignment requires VFIO support")
        self.make("dev/vfio/vfio")
        self.make("sys/kernel/iommu_groups/0/type")
        self.refused(MDEV, Code.DEVICE_MISSING, "mediated device 'c2177883-.*' not found")
        self.make("sys/bus/mdev/devices/c2177883-f1bb-47f0-914d-32a22e3a8804")
        self.check(MDEV)
