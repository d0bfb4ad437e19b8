# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.core.host import sysinfo
from tests.base import TestCase

TEXT = """BIOS Information
	Vendor: LENOVO
	Version: 6FET82WW
	Release Date: 10/26/2009
	BIOS Revision: 3.12

System Information
	Manufacturer: LENOVO
	Product Name: 20823WG
	UUID: CB29E801-4AFD-11CB-8B32-A1C5E46F2C5F

Memory Device
	Size: No Module Installed

Memory Device
	Size: 2048 MB
	Locator: DIMM 1

OEM Strings
	String 1: IBM ThinkPad: 1
"""


class ParseTest(TestCase):
    def test_sections(self) -> None:
        root = sysinfo.parse(TEXT)
        self.assertEqual(["bios", "system", "memory_device", "oemStrings"], [e.tag for e in root])
        entries = {e.get("name"): e.text for e in root.iterfind("system/entry")}
        self.assertEqual("20823WG", entries["product"])
        self.assertEqual("IBM ThinkPad: 1", root.findtext("oemStrings/entry"))
        self.assertEqual("2048 MB", root.findtext("memory_device/entry"))
