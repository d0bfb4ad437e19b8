# SPDX-License-Identifier: Apache-2.0
"""Live and persistent changes, statistics and the monitor of a real guest."""

import json
import os
import shutil
import subprocess
from dataclasses import replace
from typing import Any

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.util.typed import ULLong
from tests.functional.lifecycle_case import LifecycleCase

LIVE, CONFIG = 1, 2
DISKS = """<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
  <source file='{root}/top.qcow2'/><target dev='vda' bus='virtio'/>
  <iotune><total_iops_sec>200</total_iops_sec></iotune></disk>
  <memballoon model='virtio'/>"""


class TuningCase(LifecycleCase):
    """A guest with a disk that has another one below it."""

    def setUp(self) -> None:
        super().setUp()
        base, top = f"{self.root}/base.img", f"{self.root}/top.qcow2"
        with open(base, "wb") as file:
            file.write(b"BASE" * 1024)
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, top, "4M"]
        subprocess.run(command, check=True)
        self.told: dict[int, list[tuple[Any, ...]]] = {13: [], 17: []}
        self.ref = self.define(devices=DISKS.format(root=self.root))

    def start(self) -> None:
        self.table.domain_create(self.ref)
        for event, held in self.told.items():
            self.table.connect_domain_event_register_any(
                None, event, lambda _ref, *args, held=held: held.append(args)
            )

    def xml(self, flags: int = 0) -> str:
        return str(self.table.domain_get_xml_desc(self.ref, flags))

    def refused(self, code: Code, call: Any, *args: Any) -> str:
        with self.assertRaises(libvirtError) as raised:
            call(self.ref, *args)
        self.assertEqual(code, raised.exception.get_error_code(), str(raised.exception))
        return str(raised.exception)


class TestMemory(TuningCase):
    def test_of_a_domain_that_is_off(self) -> None:
        table = self.table
        table.domain_set_max_memory(self.ref, 65536)
        table.domain_set_memory_flags(self.ref, 40960, CONFIG)
        self.assertEqual([65536, 40960], list(table.domain_get_info(self.ref)[1:3]))
        self.reopen()
        self.assertEqual([65536, 40960], list(self.table.domain_get_info(self.ref)[1:3]))
        self.refused(Code.INVALID_ARG, self.table.domain_set_memory_flags, 99999, CONFIG)
        self.refused(Code.OPERATION_INVALID, self.table.domain_set_memory, 1024)

    def test_statistics(self) -> None:
        self.start()
        self.table.domain_set_memory_stats_period(self.ref, 3, LIVE)
        self.assertIn("<stats period='3'/>", self.xml())
        self.assertNotIn("<stats period", self.xml(2))
        stats = dict(self.table.domain_memory_stats(self.ref, 0))
        self.assertEqual(32768, stats[6])  # the balloon's size
        self.assertGreater(stats[7], 1000)  # resident

    def test_contents(self) -> None:
        self.table.domain_create_with_flags(self.ref, 1)  # paused: its firmware moves things
        data = self.table.domain_memory_peek(self.ref, 0xFFFF0, 16, 2)
        self.assertEqual(0xEA, data[0])  # the processor's first instruction: a far jump
        self.assertEqual([], [n for n in os.listdir(self.lib_dir()) if n.startswith("qemu.mem")])

    def lib_dir(self) -> str:
        return str(self.table.state.domains.find(self.ref).private.lib_dir)


class TestDisks(TuningCase):
    def test_limits_at_the_start_and_live(self) -> None:
        self.start()
        known = self.table.domain_get_block_io_tune(self.ref, "vda", LIVE)
        self.assertEqual(200, known["total_iops_sec"])
        params = {"total_bytes_sec": ULLong(1 << 20)}
        self.table.domain_set_block_io_tune(self.ref, "vda", params, LIVE)
        known = self.table.domain_get_block_io_tune(self.ref, "vda", LIVE)
        self.assertEqual((1 << 20, 200), (known["total_bytes_sec"], known["total_iops_sec"]))
        stored = self.table.domain_get_block_io_tune(self.ref, "vda", CONFIG)
        self.assertEqual((0, 200), (stored["total_bytes_sec"], stored["total_iops_sec"]))
        told = {"blkdeviotune.disk": "vda", "blkdeviotune.total_bytes_sec": 1 << 20}
        self.assertEqual([(told,)], self.told[17])
        bursts = {"total_iops_sec_max": ULLong(100)}
        self.refused(
            Code.CONFIG_UNSUPPORTED, self.table.domain_set_block_io_tune, "vda", bursts, LIVE
        )

    def test_sizes(self) -> None:
        capacity, _allocation, physical = self.table.domain_get_block_info(self.ref, "vda", 0)
        self.assertEqual(4 << 20, capacity)
        self.assertEqual(os.stat(f"{self.root}/top.qcow2").st_size, physical)
        self.start()
        self.table.domain_block_resize(self.ref, "vda", (8 << 20) - 100, 1)
        self.assertEqual(8 << 20, self.table.domain_get_block_info(self.ref, "vda", 0)[0])
        self.refused(Code.INVALID_ARG, self.table.domain_block_resize, "vdz", 1, 0)

    def test_contents(self) -> None:
        self.assertEqual(b"\x55\xaa", self.table.domain_block_peek(self.ref, "hda", 510, 2, 0))
        said = self.refused(Code.INVALID_ARG, self.table.domain_block_peek, "hda", 1 << 30, 4, 0)
        self.assertIn("has only 0 bytes available", said)
        self.refused(Code.OPERATION_UNSUPPORTED, self.table.domain_block_peek, "vda", 0, 1, 0)

    def test_statistics(self) -> None:
        self.start()
        self.console(self.ref)
        reads, read, _writes, _written, errors = self.table.domain_block_stats(self.ref, "hda")
        self.assertGreaterEqual(read, 512 * reads)
        self.assertEqual(-1, errors)
        self.assertEqual([], self.table.domain_get_disk_errors(self.ref, 0))


class TestAllStatistics(TuningCase):
    def stats(self, groups: int, flags: int = 0) -> dict[str, Any]:
        found = self.table.connect_get_all_domain_stats([self.ref], groups, flags)
        self.assertEqual([self.ref.name], [ref.name for ref, _values in found])
        return dict(found[0][1])

    def test_off(self) -> None:
        found = self.stats(1 << 5)
        self.assertEqual(2, found["block.count"])
        self.assertEqual(4 << 20, found["block.1.capacity"])
        self.assertEqual({"state.state": 5, "state.reason": 0}, self.stats(1))

    def test_on(self) -> None:
        self.start()
        self.console(self.ref)
        found = self.stats(0)
        self.assertEqual(1, found["state.state"])
        self.assertGreater(found["cpu.time"], 0)
        self.assertGreater(found["vcpu.0.time"], 0)
        self.assertEqual(2, found["block.count"])
        self.assertGreater(found["block.0.rd.bytes"], 0)
        self.assertEqual("page-sampling", found["dirtyrate.calc_mode"])
        images = self.stats(1 << 5, 1 << 30)
        self.assertEqual(3, images["block.count"])
        self.assertEqual(f"{self.root}/base.img", images["block.2.path"])

    def test_a_guest_that_does_not_answer(self) -> None:
        """What is known without QEMU is told."""
        self.start()
        monitor = self.table.state.domains.find(self.ref).private.monitor
        monitor.deadlines = replace(monitor.deadlines, query=0.3)
        os.kill(self.pid(self.ref), 19)
        try:
            found = self.stats(1 | 1 << 3)
        finally:
            os.kill(self.pid(self.ref), 18)
        self.assertEqual(1, found["state.state"])
        self.assertIn("vcpu.0.time", found)

    def test_dirty_rate(self) -> None:
        self.start()
        self.refused(Code.CONFIG_UNSUPPORTED, self.table.domain_start_dirty_rate_calc, 0, 0)
        self.table.domain_start_dirty_rate_calc(self.ref, 1, 0)
        self.until(lambda: self.stats(1 << 9)["dirtyrate.calc_status"] == 2)
        self.assertIn("dirtyrate.megabytes_per_second", self.stats(1 << 9))

    def test_perf_events(self) -> None:
        self.start()
        table = self.table
        try:
            table.domain_set_perf_events(self.ref, {"page_faults": True}, LIVE)
        except libvirtError as exc:
            self.skipTest(str(exc))
        self.assertTrue(table.domain_get_perf_events(self.ref, 0)["page_faults"])
        self.assertIn("perf.page_faults", self.stats(1 << 6))
        self.assertIn("<event name='page_faults' enabled='yes'/>", self.xml())
        table.domain_set_perf_events(self.ref, {"page_faults": False}, LIVE)
        self.assertEqual({}, self.stats(1 << 6))


class TestBandwidth(TuningCase):
    def setUp(self) -> None:
        super().setUp()
        if os.geteuid() or not shutil.which("tc"):
            self.skipTest("needs tc")
        tap = "<interface type='ethernet'><mac address='52:54:00:11:22:33'/></interface>"
        self.ref = self.define(devices=tap)

    def test_live(self) -> None:
        self.start()
        name = self.table.state.domains.find(self.ref).definition.devices.interfaces[0].target
        kind = type(
            self.table.domain_get_interface_parameters(self.ref, name, LIVE)["inbound.peak"]
        )
        params = {"inbound.average": kind(1000), "inbound.peak": kind(2000)}
        self.table.domain_set_interface_parameters(self.ref, name, params, LIVE)
        said = subprocess.run(
            ["tc", "class", "show", "dev", name], capture_output=True, text=True, check=True
        ).stdout
        self.assertIn("rate 8Mbit ceil 16Mbit", said)
        self.assertIn("<inbound average='1000' peak='2000'/>", self.xml())
        params = {"inbound.average": kind(0)}
        self.table.domain_set_interface_parameters(self.ref, name, params, LIVE)
        self.assertNotIn("<bandwidth>", self.xml())


class TestMonitor(TuningCase):
    def test_commands(self) -> None:
        self.start()
        run = self.table.domain_qemu_monitor_command
        reply = json.loads(run(self.ref, '{"execute":"query-status"}', 0))
        self.assertEqual("running", reply["return"]["status"])
        reply = json.loads(run(self.ref, '{"execute":"nothing","id":"mine"}', 0))
        self.assertEqual("CommandNotFound", reply["error"]["class"])
        self.assertEqual("VM status: running", run(self.ref, "info status", 1).strip())
        said = self.refused(Code.INTERNAL_ERROR, run, '{"execute":}', 0)
        self.assertIn("parse error: unallowed token at this point in JSON text", said)

    def test_a_marked_domain(self) -> None:
        self.start()
        self.table.domain_qemu_monitor_command(self.ref, "info status", 1)
        self.reopen()
        vm = self.table.state.domains.find(self.ref)
        self.assertEqual(["custom-monitor"], vm.private.taints)
        with open(self.table.state.paths.log_file("nano")) as log:
            self.assertIn("is tainted: custom-monitor", log.read())

    def test_events(self) -> None:
        seen: list[tuple[Any, ...]] = []
        register = self.table.connect_domain_qemu_monitor_event_register
        number = register(None, "^st|^resu", lambda _ref, *args: seen.append(args), 3)
        register(None, "stop", lambda _ref, *args: seen.append(args), 0)  # case matters
        self.start()
        self.table.domain_suspend(self.ref)
        self.assertEqual(["RESUME", "STOP"], [args[0] for args in seen])
        self.assertIsNone(seen[0][3])
        self.table.connect_domain_qemu_monitor_event_deregister(number)
        self.table.domain_resume(self.ref)
        self.assertEqual(2, len(seen))

    def test_no_agent(self) -> None:
        call = self.table.domain_fs_freeze
        self.refused(Code.OPERATION_INVALID, call, [], 0)
        self.start()
        self.refused(Code.ARGUMENT_UNSUPPORTED, call, [], 0)
        self.refused(Code.ARGUMENT_UNSUPPORTED, self.table.domain_set_vcpus_flags, 1, 8)
