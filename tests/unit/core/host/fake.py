# SPDX-License-Identifier: Apache-2.0
"""A host's /proc and /sys as files in a temporary directory."""

import tempfile
from pathlib import Path

from nova_pyvirt.core.host import HostFs
from tests.base import TestCase

CPUINFO = """processor	: {cpu}
vendor_id	: GenuineIntel
cpu MHz		: 2100.{cpu}00
microcode	: 0x2006906
address sizes	: 46 bits physical, 48 bits virtual
"""
MEMINFO = "MemTotal:       {0} kB\nMemFree:        {1} kB\nBuffers: 7 kB\nCached: 9 kB\n"
NODE_MEMINFO = "Node {n} MemTotal:  {0} kB\nNode {n} MemFree:   {1} kB\n"


class FakeHost(TestCase):
    """`self.fs` reads `self.root`; write() fills it."""

    def setUp(self) -> None:
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.fs = HostFs(self.root)

    def write(self, name: str, text: object) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")

    def processor(self, cpu: int, *, socket: int, core: int, siblings: str, node: int = 0) -> None:
        base = f"sys/devices/system/cpu/cpu{cpu}"
        self.write(f"{base}/topology/physical_package_id", socket)
        self.write(f"{base}/topology/die_id", 0)
        self.write(f"{base}/topology/core_id", core)
        self.write(f"{base}/topology/thread_siblings_list", siblings)
        (self.root / f"sys/devices/system/node/node{node}/cpu{cpu}").mkdir(parents=True)

    def machine(self) -> None:
        """Two nodes of one socket, two cores with two threads each: 8 processors."""
        for cpu in range(8):
            node, core = divmod(cpu // 2, 2)
            first = cpu - cpu % 2
            self.processor(cpu, socket=node, core=core, siblings=f"{first}-{first + 1}", node=node)
        for node in (0, 1):
            base = f"sys/devices/system/node/node{node}"
            self.write(f"{base}/cpulist", f"{node * 4}-{node * 4 + 3}")
            self.write(f"{base}/distance", "10 21" if node == 0 else "21 10")
            self.write(f"{base}/meminfo", NODE_MEMINFO.format(4194304, 1048576, n=node))
            self.write(f"{base}/hugepages/hugepages-2048kB/nr_hugepages", 512 * node)
            self.write(f"{base}/hugepages/hugepages-2048kB/free_hugepages", 500 * node)
        self.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", 512)
        self.write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", 500)
        self.write("sys/devices/system/cpu/present", "0-7")
        self.write("sys/devices/system/cpu/online", "0-7")
        self.write("proc/meminfo", MEMINFO.format(8388608, 2097152))
        self.write("proc/cpuinfo", "\n".join(CPUINFO.format(cpu=cpu) for cpu in range(8)))
        self.write("proc/stat", "cpu  10 1 3 100 5 1 1 0 0 0\ncpu0 4 0 1 50 2 0 0 0 0 0")
