# SPDX-License-Identifier: Apache-2.0
from nova_pyvirt.core.host import cpu
from nova_pyvirt.errors import Code, libvirtError
from tests.unit.core.host.fake import FakeHost


class NodeInfoTest(FakeHost):
    def test_regular_machine(self) -> None:
        self.machine()
        info = cpu.node_info(self.fs, "x86_64")
        self.assertEqual(("x86_64", 8388608, 8, 2100, 2, 1, 2, 2), tuple(info))

    def test_offline_processors_count_in_the_product(self) -> None:
        self.machine()
        self.write("sys/devices/system/cpu/online", "0-6")
        info = cpu.node_info(self.fs, "x86_64")
        self.assertEqual((7, 2, 1, 2, 2), (info.cpus, *info[4:]))

    def test_irregular_machine_shows_cores_only(self) -> None:
        self.machine()
        self.processor(8, socket=1, core=2, siblings="8", node=1)
        self.write("sys/devices/system/cpu/present", "0-8")
        self.write("sys/devices/system/cpu/online", "0-8")
        info = cpu.node_info(self.fs, "x86_64")
        self.assertEqual((9, 1, 1, 9, 1), (info.cpus, *info[4:]))

    def test_without_numa(self) -> None:
        for number in range(2):
            base = f"sys/devices/system/cpu/cpu{number}/topology"
            self.write(f"{base}/physical_package_id", 0)
            self.write(f"{base}/core_id", number)
            self.write(f"{base}/thread_siblings_list", number)
        self.write("sys/devices/system/cpu/present", "0-1")
        self.write("sys/devices/system/cpu/online", "0-1")
        self.write("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 1 kB")
        self.write("proc/cpuinfo", "model : 1")
        self.assertEqual(
            ("x86_64", 1000, 2, 0, 1, 1, 2, 1), tuple(cpu.node_info(self.fs, "x86_64"))
        )

    def test_no_processors(self) -> None:
        self.write("proc/cpuinfo", "")
        with self.assertRaisesRegex(libvirtError, "internal error: no CPUs found"):
            cpu.node_info(self.fs, "x86_64")

    def test_topology_of_an_offline_processor_is_unknown(self) -> None:
        self.machine()
        self.assertEqual(cpu.Place(1, 0, 1, (6, 7)), cpu.place(self.fs, 7))
        self.assertIsNone(cpu.place(self.fs, 8))


class MapTest(FakeHost):
    def test_map(self) -> None:
        self.machine()
        self.write("sys/devices/system/cpu/online", "0,2-7")
        size, online, count = cpu.cpu_map(self.fs)
        self.assertEqual((8, b"\xfd", 7), (size, online, count))

    def test_flags(self) -> None:
        with self.assertRaises(libvirtError) as caught:
            cpu.cpu_map(self.fs, 1)
        self.assertEqual(Code.INVALID_ARG, caught.exception.get_error_code())
        self.assertEqual(
            "unsupported flags (0x1) in function virHostCPUGetMap",
            caught.exception.get_error_message(),
        )


class StatsTest(FakeHost):
    def test_all_and_one(self) -> None:
        self.machine()
        tick = 10**7
        expected = {"kernel": 5 * tick, "user": 11 * tick, "idle": 100 * tick, "iowait": 5 * tick}
        self.assertEqual(expected, cpu.cpu_stats(self.fs, cpu.ALL_CPUS))
        self.assertEqual(4 * tick, cpu.cpu_stats(self.fs, 0)["user"])

    def test_no_such_processor(self) -> None:
        self.machine()
        with self.assertRaisesRegex(libvirtError, "^Invalid cpuNum in virHostCPUGetStatsLinux$"):
            cpu.cpu_stats(self.fs, 77)


class FactsTest(FakeHost):
    def test_microcode_and_address_width(self) -> None:
        self.machine()
        self.assertEqual(0x2006906, cpu.microcode(self.fs))
        self.assertEqual(46, cpu.physical_bits(self.fs))

    def test_unknown(self) -> None:
        self.assertEqual(0, cpu.microcode(self.fs))
        self.assertIsNone(cpu.physical_bits(self.fs))
