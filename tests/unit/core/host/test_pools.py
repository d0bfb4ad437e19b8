# SPDX-License-Identifier: Apache-2.0
"""Changing pools of huge pages and page merging."""

from typing import Any

from nova_pyvirt.core.host import pools
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.util.typed import UInt
from tests.unit.core.host.fake import FakeHost

NODE = "sys/devices/system/node/node{}/hugepages/hugepages-2048kB/nr_hugepages"


class TestPools(FakeHost):
    def setUp(self) -> None:
        super().setUp()
        self.machine()

    def refused(self, code: Code, text: str, call: Any, *args: Any) -> None:
        with self.assertRaises(libvirtError) as caught:
            call(self.fs, *args)
        self.assertEqual(code, caught.exception.get_error_code())
        self.assertIn(text, str(caught.exception))

    def sizes(self) -> list[int | None]:
        return [self.fs.number(NODE.format(node)) for node in (0, 1)]

    def test_more_and_as_many(self) -> None:
        self.assertEqual([0, 512], self.sizes())
        self.assertEqual(1, pools.allocate(self.fs, [2048], [5], 1, 1))
        self.assertEqual([0, 517], self.sizes())
        self.assertEqual(2, pools.allocate(self.fs, [2048], [7], 0, 5, pools.SET))
        self.assertEqual([7, 7], self.sizes())
        self.assertEqual(2, pools.allocate(self.fs, [2048], [0], 0, 2))
        self.assertEqual([7, 7], self.sizes())

    def test_refused(self) -> None:
        page = 4
        failed = Code.OPERATION_FAILED
        self.refused(
            Code.OPERATION_UNSUPPORTED, "system pages pool can't be modified",
            pools.allocate, [page], [1], 0, 1,
        )  # fmt: skip
        self.refused(
            failed, "page size 77 is not available on node 0", pools.allocate, [77], [1], 0, 1
        )
        self.refused(
            Code.INTERNAL_ERROR, "start cell 9 out of range (0-1)", pools.allocate, [77], [1], 9, 1
        )
        self.refused(Code.INVALID_ARG, "unsupported flags (0x2)", pools.allocate, [], [], 0, 1, 2)

    def test_merging(self) -> None:
        base = "sys/kernel/mm/ksm"
        self.write(f"{base}/pages_to_scan", 100)
        self.write(f"{base}/sleep_millisecs", 20)
        pools.set_parameters(
            self.fs, {"shm_pages_to_scan": UInt(7), "shm_sleep_millisecs": UInt(9)}
        )
        self.assertEqual(7, self.fs.number(f"{base}/pages_to_scan"))
        self.assertEqual(9, self.fs.number(f"{base}/sleep_millisecs"))
        self.refused(
            Code.OPERATION_INVALID, "'shm_merge_across_nodes' is not supported by this kernel",
            pools.set_parameters,
            {"shm_pages_to_scan": UInt(8), "shm_merge_across_nodes": UInt(1)},
        )  # fmt: skip
        self.assertEqual(7, self.fs.number(f"{base}/pages_to_scan"))
