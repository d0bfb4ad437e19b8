# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.hypervisors.qemu.host import memory
from tests.base import TestCase
from tests.fixtures.qemu72 import define

FILES, HUGE = "/ram/1-g", "/huge/libvirt/qemu/1-g"
CELL = "<cpu><numa><cell id='0' cpus='0' memory='1048576' memAccess='shared'/></numa></cpu>"


class DirectoriesTest(TestCase):
    def found(self, more: str, devices: str = "") -> list[str]:
        domain = define(devices, more=more)
        return memory.directories(domain, ["/huge"], "/ram", "1-g")

    def test_anonymous_memory_needs_none(self) -> None:
        for more in ("", "<memoryBacking><source type='memfd'/></memoryBacking>",
                     "<memoryBacking><hugepages><page size='4'/></hugepages></memoryBacking>",
                     "<memoryBacking><hugepages/><source type='memfd'/></memoryBacking>"):  # fmt: skip
            with self.subTest(more):
                self.assertEqual([], self.found(more))

    def test_files(self) -> None:
        for more in ("<memoryBacking><source type='file'/></memoryBacking>",
                     "<memoryBacking><access mode='shared'/></memoryBacking>", CELL):  # fmt: skip
            with self.subTest(more):
                self.assertEqual([FILES], self.found(more))

    def test_huge_pages(self) -> None:
        for pages in ("<hugepages/>", "<hugepages><page size='2048'/></hugepages>"):
            with self.subTest(pages):
                self.assertEqual([HUGE], self.found(f"<memoryBacking>{pages}</memoryBacking>"))

    def test_modules(self) -> None:
        more = CELL.replace(" memAccess='shared'", "") + "<maxMemory slots='1'>4194304</maxMemory>"
        module = ("<memory model='dimm' {}>{}<target><size>524288</size><node>0</node></target>"
                  "</memory>")  # fmt: skip
        self.assertEqual([FILES], self.found(more, module.format("access='private'", "")))
        source = "<source><pagesize>2048</pagesize></source>"
        self.assertEqual([HUGE], self.found(more, module.format("", source)))
