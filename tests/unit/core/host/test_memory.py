# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.core.host import memory
from nova_pyvirt.errors import libvirtError
from tests.unit.core.host.fake import FakeHost

GIB = 1 << 30


class MemoryTest(FakeHost):
    def setUp(self) -> None:
        super().setUp()
        self.machine()

    def test_totals(self) -> None:
        self.assertEqual(8 * GIB, memory.total(self.fs))
        self.assertEqual(2 * GIB, memory.free(self.fs))
        self.assertEqual([GIB, GIB], memory.cells_free(self.fs, 0, 8))
        self.assertEqual([GIB], memory.cells_free(self.fs, 1, 8))

    def test_cells_out_of_range(self) -> None:
        with self.assertRaisesRegex(libvirtError, r"start cell 2 out of range \(0-1\)"):
            memory.cells_free(self.fs, 2, 1)

    def test_stats(self) -> None:
        whole = memory.stats(self.fs, memory.ALL_CELLS)
        self.assertEqual({"total": 8388608, "free": 2097152, "buffers": 7, "cached": 9}, whole)
        self.assertEqual({"total": 4194304, "free": 1048576}, memory.stats(self.fs, 1))
        text = "^cellNum in virHostMemGetStats must be less than or equal to 1$"
        with self.assertRaisesRegex(libvirtError, text):
            memory.stats(self.fs, 77)

    def test_pools_don_t_count_huge_pages_twice(self) -> None:
        small, huge = memory.pools(self.fs, 1)
        self.assertEqual((2048, 512, 500), tuple(huge))
        self.assertEqual((4194304 - 512 * 2048) // 4, small.total)

    def test_free_pages(self) -> None:
        self.assertEqual([262144, 0, 262144, 500], memory.free_pages(self.fs, [4, 2048], 0, 2))
        self.assertEqual([500], memory.free_pages(self.fs, [2048], -1, 1))

    def test_page_sizes_that_are_not_there(self) -> None:
        for node, text in (
            (0, "page size 3 is not available on node 0"),
            (-1, "page size 3 is not available$"),
        ):
            with self.assertRaisesRegex(libvirtError, f"operation failed: {text}"):
                memory.free_pages(self.fs, [3], node, 1)

    def test_page_merging(self) -> None:
        self.write("sys/kernel/mm/ksm/pages_to_scan", 100)
        self.write("sys/kernel/mm/ksm/full_scans", 3)
        found = memory.parameters(self.fs)
        self.assertEqual({"shm_pages_to_scan": 100, "shm_full_scans": 3}, found)
        self.assertEqual("UInt", type(found["shm_pages_to_scan"]).__name__)
        self.assertEqual("ULLong", type(found["shm_full_scans"]).__name__)
