# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.core.host import numa
from tests.unit.core.host.fake import FakeHost


class NumaTest(FakeHost):
    def test_cells(self) -> None:
        self.machine()
        first, second = numa.cells(self.fs)
        self.assertEqual({0: 10, 1: 21}, first.distances)
        self.assertEqual([4, 5, 6, 7], list(second.cpus))
        self.assertEqual(4194304, second.memory)

    def test_a_processor_that_comes_back_is_seen(self) -> None:
        """Nothing is remembered from a look while it was offline."""
        self.machine()
        topology = self.root / "sys/devices/system/cpu/cpu3/topology"
        topology.rename(self.root / "away")
        self.assertIsNone(numa.cells(self.fs)[0].cpus[3])
        (self.root / "away").rename(topology)
        self.assertIsNotNone(numa.cells(self.fs)[0].cpus[3])

    def test_caches(self) -> None:
        self.machine()
        for cpu in range(8):
            for index, level, size in ((0, 1, "32K"), (3, 3, "16M")):
                base = f"sys/devices/system/cpu/cpu{cpu}/cache/index{index}"
                self.write(f"{base}/level", level)
                self.write(f"{base}/id", cpu // 4)
                self.write(f"{base}/type", "Unified")
                self.write(f"{base}/size", size)
                self.write(f"{base}/shared_cpu_list", "0-3" if cpu < 4 else "4-7")
        found = numa.caches(self.fs)
        self.assertEqual([(3, 0), (3, 1)], [(bank.level, bank.id) for bank in found])
        self.assertEqual(
            (16 << 20, "both", (4, 5, 6, 7)), (found[1].size, found[1].kind, found[1].cpus)
        )
