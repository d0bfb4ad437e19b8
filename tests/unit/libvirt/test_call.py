# SPDX-License-Identifier: Apache-2.0
"""What every call does: arguments, checks, the slot, errors."""

import contextlib
import io
import threading
from typing import Any

from nova_pyvirt import libvirt
from nova_pyvirt.core.refs import SnapshotRef
from nova_pyvirt.errors import Code, From, error
from tests.base import TestCase
from tests.fixtures.libvirt.faketable import DOMAIN, FakeTable, connect, domain


class CallTest(TestCase):
    def setUp(self) -> None:
        libvirt.registerErrorHandler(lambda ctx, err: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)

    def failing(self, call: Any, *args: Any) -> tuple[int, int, str]:
        with self.assertRaises(libvirt.libvirtError) as caught:
            call(*args)
        err = caught.exception.err
        assert err is not None
        self.assertEqual(err, libvirt.virGetLastError())
        return err[0], err[1], err[2]

    def test_slot_gets_ref_and_arguments(self) -> None:
        table = FakeTable(domain_create_with_flags=DOMAIN)
        self.assertEqual(0, domain(table).createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED))
        self.assertEqual([("domain_create_with_flags", DOMAIN, 1)], table.calls)

    def test_missing_slot(self) -> None:
        text = "this function is not supported by the connection driver: virDomainSuspend"
        self.assertEqual((3, From.DOMAIN, text), self.failing(domain(FakeTable()).suspend))

    def test_slots_spelled_otherwise_are_found(self) -> None:
        class Table(FakeTable):
            def domain_fsfreeze(self, *args: Any) -> int:
                return 3

        self.assertEqual(3, domain(Table()).fsFreeze())

    def test_read_only(self) -> None:
        table = FakeTable(readonly=True, domain_destroy=None)
        text = "operation forbidden: read only access prevents virDomainDestroy"
        self.assertEqual((29, 20, text), self.failing(domain(table).destroy))
        self.assertEqual([], table.calls)

    def test_secure_xml_on_a_read_only_connection(self) -> None:
        dom = domain(FakeTable(readonly=True, domain_get_xml_desc="<domain/>"))
        self.assertEqual("<domain/>", dom.XMLDesc(0))
        text = "operation forbidden: virDomainGetXMLDesc with secure flag"
        self.assertEqual((29, 20, text), self.failing(dom.XMLDesc, 1))

    def test_exclusive_flags(self) -> None:
        dom = domain(FakeTable(domain_get_memory_parameters={}))
        text = (
            "Flags 'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive"
        )
        self.assertEqual((8, 20, text), self.failing(dom.memoryParameters, 3))

    def test_flags_that_do_not_fit(self) -> None:
        table = FakeTable(domain_create_with_flags=None)
        for flags in (2**32, 2**40, -(2**31) - 1):
            self.assertRaises(OverflowError, domain(table).createWithFlags, flags)
        self.assertEqual([], table.calls)

    def test_negative_flags_are_cs_bits(self) -> None:
        table = FakeTable(domain_reset=None)
        domain(table).reset(-1)
        self.assertEqual([("domain_reset", DOMAIN, 0xFFFFFFFF)], table.calls)

    def test_types(self) -> None:
        conn = connect(FakeTable())
        with self.assertRaisesRegex(TypeError, r"virDomainLookupByName\(\) argument 2 must be str"):
            conn.lookupByName(3)  # type: ignore[arg-type]
        self.assertRaises(TypeError, conn.lookupByID, "1")
        self.assertRaises(ValueError, conn.lookupByName, "a\0b")
        self.assertRaises(UnicodeEncodeError, conn.lookupByName, "\udc80")

    def test_driver_errors_pass_and_are_remembered(self) -> None:
        wrong = error(Code.OPERATION_INVALID, "domain is not running")
        dom = domain(FakeTable(domain_suspend=wrong))
        text = "Requested operation is not valid: domain is not running"
        self.assertEqual((55, 10, text), self.failing(dom.suspend))
        self.assertEqual(text, dom.connect().virConnGetLastError()[2])

    def test_success_forgets_the_last_error(self) -> None:
        dom = domain(FakeTable(domain_is_active=True))
        self.failing(dom.suspend)
        self.assertEqual(1, dom.isActive())
        self.assertIsNone(libvirt.virGetLastError())
        self.assertEqual("no error", libvirt.virGetLastErrorMessage())

    def test_last_error_is_the_threads_own(self) -> None:
        self.failing(domain(FakeTable()).suspend)
        seen: list[Any] = []
        thread = threading.Thread(target=lambda: seen.append(libvirt.virGetLastError()))
        thread.start()
        thread.join()
        self.assertEqual([None], seen)
        self.assertEqual(3, libvirt.virGetLastErrorCode())

    def test_error_handler(self) -> None:
        seen: list[Any] = []
        libvirt.registerErrorHandler(lambda ctx, err: seen.append((ctx, err[0])), "mine")
        self.failing(domain(FakeTable()).suspend)
        self.assertEqual([("mine", 3)], seen)

    def test_raising_handler_harms_nobody(self) -> None:
        libvirt.registerErrorHandler(lambda ctx, err: 1 / 0, None)
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            self.failing(domain(FakeTable()).suspend)
        self.assertIn("ZeroDivisionError", stderr.getvalue())

    def test_default_handler_prints_as_libvirt_does(self) -> None:
        libvirt.registerErrorHandler(None, None)
        missing = error(Code.NO_DOMAIN, "no domain with matching name 'x'")
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            self.failing(connect(FakeTable(domain_lookup_by_name=missing)).lookupByName, "x")
        expected = (
            "libvirt: QEMU Driver error : Domain not found: no domain with matching name 'x'\n"
        )
        self.assertEqual(expected, stderr.getvalue())


class ShapeTest(TestCase):
    def test_lists_and_tuples(self) -> None:
        table = FakeTable(
            domain_get_state=(1, 2),
            domain_get_info=(1, 2, 3, 4, 5),
            domain_block_stats=[1, 2, 3, 4, -1],
            domain_get_scheduler_type=("posix", 2),
            domain_get_security_label=("label", 1),
        )
        dom = domain(table)
        self.assertEqual([1, 2], dom.state())
        self.assertEqual([1, 2, 3, 4, 5], dom.info())
        self.assertEqual((1, 2, 3, 4, -1), dom.blockStats("vda"))
        self.assertEqual(("posix", 2), dom.schedulerType())
        self.assertEqual(["label", True], dom.securityLabel())

    def test_dicts(self) -> None:
        table = FakeTable(
            domain_memory_stats=[(6, 1024), (7, 512), (99, 1)],
            domain_get_disk_errors=[("vda", 2)],
            domain_get_block_job_info=(1, 2, 0, 10, 20),
            domain_get_job_stats=(1, {"operation": 5}),
            domain_get_time=(10, 20),
            domain_interface_addresses=[("lo", "00:00", [(0, "127.0.0.1", 8)]), ("x", None, [])],
        )
        dom = domain(table)
        self.assertEqual({"actual": 1024, "rss": 512}, dom.memoryStats())
        self.assertEqual({"vda": 2}, dom.diskErrors())
        job = {"type": 2, "bandwidth": 0, "cur": 10, "end": 20}
        self.assertEqual(job, dom.blockJobInfo("vda"))
        self.assertEqual({"operation": 5, "type": 1}, dom.jobStats())
        self.assertEqual({"seconds": 10, "nseconds": 20}, dom.getTime())
        addresses = dom.interfaceAddresses(0)
        self.assertEqual([{"addr": "127.0.0.1", "prefix": 8, "type": 0}], addresses["lo"]["addrs"])
        self.assertEqual({"addrs": None, "hwaddr": None}, addresses["x"])

    def test_no_block_job(self) -> None:
        dom = domain(FakeTable(domain_get_block_job_info=(0, 0, 0, 0, 0)))
        self.assertEqual({}, dom.blockJobInfo("vda"))

    def test_cpu_maps(self) -> None:
        table = FakeTable(
            node_get_cpu_map=(3, b"\5", 2),
            domain_get_vcpus=([(0, 1, 99, 2)], [b"\6"]),
            domain_pin_vcpu=None,
        )
        dom = domain(table)
        self.assertEqual((3, [True, False, True], 2), dom.connect().getCPUMap())
        self.assertEqual(([(0, 1, 99, 2)], [(False, True, True)]), dom.vcpus())
        dom.pinVcpu(0, (True, False, True, True))
        self.assertEqual(("domain_pin_vcpu", DOMAIN, 0, b"\5"), table.calls[-1])
        self.assertRaises(TypeError, dom.pinVcpu, 0, [True])

    def test_node_memory_is_mib(self) -> None:
        conn = connect(FakeTable(node_get_info=("x86_64", 4096, 2, 3000, 1, 1, 2, 1)))
        self.assertEqual(["x86_64", 4, 2, 3000, 1, 1, 2, 1], conn.getInfo())

    def test_free_pages(self) -> None:
        conn = connect(FakeTable(node_get_free_pages=[10, 20, 30, 40]))
        expected = {0: {4: 10, 2048: 20}, 1: {4: 30, 2048: 40}}
        self.assertEqual(expected, conn.getFreePages([4, 2048], 0, 2))

    def test_stats_of_all_domains(self) -> None:
        conn = connect(FakeTable(connect_get_all_domain_stats=[(DOMAIN, {"state.state": 1})]))
        ((dom, values),) = conn.getAllDomainStats()
        self.assertEqual(("guest", {"state.state": 1}), (dom.name(), values))

    def test_cpu_stats_ask_for_the_number_first(self) -> None:
        def answer(ref: Any, start: int, count: int, flags: int) -> Any:
            return 2 if count == 0 else [{"cpu_time": start + n} for n in range(count)]

        dom = domain(FakeTable(domain_get_cpu_stats=answer))
        self.assertEqual([{"cpu_time": -1}], dom.getCPUStats(True))
        self.assertEqual([{"cpu_time": 0}, {"cpu_time": 1}], dom.getCPUStats(False))


class SnapshotTest(TestCase):
    def test_objects_of_a_domain(self) -> None:
        parent, child = SnapshotRef(DOMAIN, "a"), SnapshotRef(DOMAIN, "b")
        table = FakeTable(
            domain_list_all_snapshots=[parent, child],
            domain_revert_to_snapshot=None,
            domain_snapshot_get_parent=parent,
        )
        dom = domain(table)
        first, second = dom.listAllSnapshots()
        self.assertIs(dom, first.getDomain())
        self.assertIs(dom.connect(), first.getConnect())
        self.assertEqual("a", second.getParent().getName())
        self.assertEqual(0, dom.revertToSnapshot(second, 2))
        self.assertEqual(("domain_revert_to_snapshot", child, 2), table.calls[-1])


class TypedTest(TestCase):
    def test_setters_read_first_and_keep_types(self) -> None:
        from nova_pyvirt.util.typed import ULLong

        known = {"hard_limit": ULLong(5), "name": "x"}
        table = FakeTable(domain_get_memory_parameters=known, domain_set_memory_parameters=None)
        dom = domain(table)
        self.assertEqual(0, dom.setMemoryParameters({"hard_limit": 7}, 2))
        slot, _, params, flags = table.calls[-1]
        self.assertEqual(
            ("domain_set_memory_parameters", {"hard_limit": 7}, 2), (slot, params, flags)
        )
        self.assertIs(ULLong, type(params["hard_limit"]))
        with self.assertRaisesRegex(LookupError, '"bogus" could not be recognized'):
            dom.setMemoryParameters({"bogus": 7}, 2)
        self.assertRaises(LookupError, dom.setMemoryParameters, {}, 2)
        self.assertRaises(TypeError, dom.setMemoryParameters, {"hard_limit": "x"}, 2)
        self.assertRaises(OverflowError, dom.setMemoryParameters, {"hard_limit": -1}, 2)

    def test_hints(self) -> None:
        table = FakeTable(domain_block_copy=None)
        domain(table).blockCopy("vda", "<disk/>", {"bandwidth": 5, "granularity": 6, "x": "y"})
        params = table.calls[-1][4]
        kinds = {name: type(value).__name__ for name, value in params.items()}
        self.assertEqual({"bandwidth": "ULLong", "granularity": "UInt", "x": "str"}, kinds)
