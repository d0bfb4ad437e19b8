# SPDX-License-Identifier: Apache-2.0
"""What surrounds a real QEMU: control groups, processors, rlimits, users, owners of images."""

import os
import pwd
import unittest
from pathlib import Path
from typing import Any

from nova_pyvirt.core.cgroup import Cgroup, hierarchies, remove_tree
from nova_pyvirt.errors import Code, From, libvirtError
from tests.functional.lifecycle_case import LifecycleCase

LIVE, CONFIG = 1, 2
TUNE = """<vcpu>2</vcpu><memtune><hard_limit unit='KiB'>900000</hard_limit></memtune>
  <cputune><shares>512</shares><period>50000</period><quota>25000</quota>
  <emulator_period>40000</emulator_period><emulator_quota>20000</emulator_quota>
  <vcpupin vcpu='1' cpuset='0'/><emulatorpin cpuset='0'/><iothreadpin iothread='1' cpuset='0'/>
  <vcpusched vcpus='1' scheduler='batch'/></cputune><iothreads>1</iothreads>"""


class LimitsCase(LifecycleCase):
    """A guest, and its groups."""

    def setUp(self) -> None:
        super().setUp()
        probe = Cgroup.create("nova-pyvirt-probe")
        self.addCleanup(probe.remove)
        if not {"cpu", "cpuset", "memory", "devices"} <= set(probe.paths):
            self.skipTest("needs control groups of version 1")

    def tuned(self) -> Any:
        """A defined guest with all limits."""
        ref = self.define()
        xml = self.table.domain_get_xml_desc(ref, 0)
        xml = xml.replace("<vcpu placement='static'>1</vcpu>", TUNE)
        return self.table.domain_define_xml(xml)

    def private(self, ref: Any) -> Any:
        return self.table.state.domains.find(ref).private

    def read(self, ref: Any, controller: str, name: str, thread: str = "") -> str:
        path = Path(self.private(ref).cgroup.paths[controller], thread, name)
        return path.read_text().strip()


class TestControlGroups(LimitsCase):
    def test_limits_of_a_definition(self) -> None:
        ref = self.tuned()
        self.table.domain_create(ref)
        for controller, name, thread, value in (
            ("memory", "memory.limit_in_bytes", "", str(900000 << 10)),
            ("cpu", "cpu.shares", "", "512"),
            ("cpu", "cpu.cfs_period_us", "vcpu0", "50000"),
            ("cpu", "cpu.cfs_quota_us", "vcpu1", "25000"),
            ("cpu", "cpu.cfs_quota_us", "emulator", "20000"),
            ("cpuset", "cpuset.cpus", "vcpu1", "0"),
            ("cpuset", "cpuset.cpus", "emulator", "0"),
            ("cpuset", "cpuset.cpus", "iothread1", "0"),
        ):
            self.assertEqual(value, self.read(ref, controller, name, thread), (name, thread))

    def test_threads_are_where_they_belong(self) -> None:
        ref = self.tuned()
        self.table.domain_create(ref)
        private = self.private(ref)
        for number, thread in private.vcpu_pids.items():
            self.assertIn(str(thread), self.read(ref, "cpu", "tasks", f"vcpu{number}").split())
        thread = private.iothread_pids["iothread1"]
        self.assertEqual(str(thread), self.read(ref, "cpu", "tasks", "iothread1"))
        self.assertIn(str(private.pid), self.read(ref, "cpu", "tasks", "emulator").split())
        self.assertEqual({0}, os.sched_getaffinity(private.vcpu_pids[1]))
        self.assertEqual(os.SCHED_BATCH, os.sched_getscheduler(private.vcpu_pids[1]))
        self.assertEqual(os.SCHED_OTHER, os.sched_getscheduler(private.vcpu_pids[0]))

    def test_devices(self) -> None:
        ref = self.define()
        self.table.domain_create(ref)
        allowed = self.read(ref, "devices", "devices.list").splitlines()
        self.assertNotIn("a *:* rwm", allowed)
        self.assertIn("c 1:3 rw", allowed)  # /dev/null
        self.assertIn("c 136:* rw", allowed)  # terminals

    def test_gone_afterwards(self) -> None:
        ref = self.tuned()
        self.table.domain_create(ref)
        paths = list(self.private(ref).cgroup.paths.values())
        self.assertTrue(all(os.path.isdir(path) for path in paths))
        self.table.domain_destroy(ref)
        self.assertEqual([], [path for path in paths if os.path.exists(path)])

    def test_gone_after_a_death_of_both(self) -> None:
        """QEMU is killed while nobody watches."""
        ref = self.tuned()
        self.table.domain_create(ref)
        paths, pid = list(self.private(ref).cgroup.paths.values()), self.pid(ref)
        self.table.close()
        os.kill(pid, 9)
        self.until(lambda: not self.running())
        self.table = self.open()
        self.until(lambda: not any(os.path.exists(path) for path in paths))

    def test_taken_over(self) -> None:
        ref = self.tuned()
        self.table.domain_create(ref)
        self.reopen()
        self.table.domain_set_scheduler_parameters_flags(ref, {}, LIVE)
        self.assertEqual("512", self.read(ref, "cpu", "cpu.shares"))
        self.assertEqual({0, 1}, set(self.private(ref).vcpu_pids))
        self.table.domain_destroy(ref)

    def test_partition(self) -> None:
        name = f"gold{os.getpid()}"
        ref = self.define(extra=f"<resource><partition>/machine/{name}</partition></resource>")
        for base in hierarchies().values():
            self.addCleanup(remove_tree, f"{base}/machine/{name}.partition")
        self.table.domain_create(ref)
        self.assertIn(f"/machine/{name}.partition/", self.private(ref).cgroup.paths["cpu"])
        self.table.domain_destroy(ref)
        left = [p for p in Path("/sys/fs/cgroup/cpu/machine", f"{name}.partition").iterdir()
                if p.is_dir()]  # fmt: skip
        self.assertEqual([], left)

    def test_a_processor_that_is_not_there(self) -> None:
        extra = "<cputune><emulatorpin cpuset='97'/></cputune>"
        ref = self.define(extra=extra)
        with self.assertRaises(libvirtError) as raised:
            self.table.domain_create(ref)
        self.assertEqual(Code.SYSTEM_ERROR, raised.exception.get_error_code())
        self.assertEqual(From.CGROUP, raised.exception.get_error_domain())
        self.assertEqual([], self.running())
        self.assertEqual([], self.leftovers())

    def test_a_host_without(self) -> None:
        self.table.state.settings.cgroup_controllers = ()
        ref = self.define()
        self.table.domain_create(ref)
        self.assertEqual({}, self.private(ref).cgroup.paths)
        self.assertNotIn("<partition>", self.table.domain_get_xml_desc(ref, 0))
        with self.assertRaisesRegex(libvirtError, "cgroup CPU controller is not mounted"):
            self.table.domain_get_scheduler_parameters(ref)
        self.table.domain_destroy(ref)
        tuned = self.tuned()
        with self.assertRaisesRegex(libvirtError, "Memory cgroup is not available on this host"):
            self.table.domain_create(tuned)
        self.assertEqual([], self.leftovers())


class TestLiveLimits(LimitsCase):
    """Changes of a running guest."""

    def setUp(self) -> None:
        super().setUp()
        self.ref = self.tuned()
        self.table.domain_create(self.ref)
        self.told: list[dict[str, object]] = []
        self.table.connect_domain_event_register_any(
            None, 17, lambda _ref, params: self.told.append(params)
        )

    def test_scheduler(self) -> None:
        table, ref = self.table, self.ref
        known = table.domain_get_scheduler_parameters(ref)
        self.assertEqual((512, 50000, 25000), tuple(known.values())[:3])
        kinds = {name: type(value) for name, value in known.items()}
        params = {name: kinds[name](n) for name, n in (("cpu_shares", 256), ("vcpu_quota", 30000))}
        table.domain_set_scheduler_parameters_flags(ref, params, LIVE | CONFIG)
        self.assertEqual("256", self.read(ref, "cpu", "cpu.shares"))
        self.assertEqual("30000", self.read(ref, "cpu", "cpu.cfs_quota_us", "vcpu1"))
        self.assertEqual([{"cputune.cpu_shares": 256, "cputune.vcpu_quota": 30000}], self.told)
        for flags in (LIVE, CONFIG):
            found = table.domain_get_scheduler_parameters_flags(ref, flags)
            self.assertEqual((256, 30000), (found["cpu_shares"], found["vcpu_quota"]))
        self.reopen()
        self.assertIn("<shares>256</shares>", self.table.domain_get_xml_desc(ref, 0))

    def test_memory(self) -> None:
        table, ref = self.table, self.ref
        kind = type(table.domain_get_memory_parameters(ref, 0)["hard_limit"])
        table.domain_set_memory_parameters(ref, {"hard_limit": kind(800000)}, LIVE)
        self.assertEqual(800000, table.domain_get_memory_parameters(ref, 0)["hard_limit"])
        self.assertEqual(900000, table.domain_get_memory_parameters(ref, CONFIG)["hard_limit"])

    def test_pins(self) -> None:
        table, ref = self.table, self.ref
        table.domain_pin_vcpu(ref, 0, b"\x01")
        table.domain_pin_emulator(ref, b"\x01", LIVE)
        table.domain_pin_io_thread(ref, 1, b"\x03", LIVE)
        private = self.private(ref)
        self.assertEqual({0}, os.sched_getaffinity(private.vcpu_pids[0]))
        self.assertEqual({0, 1}, os.sched_getaffinity(private.iothread_pids["iothread1"]))
        self.assertEqual([(1, b"\x03")], table.domain_get_io_thread_info(ref, LIVE))
        self.assertEqual([b"\x01", b"\x01"], table.domain_get_vcpu_pin_info(ref, LIVE))
        names = [name for params in self.told for name in params]
        self.assertEqual(["cputune.vcpupin0", "cputune.emulatorpin", "cputune.iothreadpin1"], names)

    def test_iothreads(self) -> None:
        table, ref = self.table, self.ref
        table.domain_add_io_thread(ref, 3, LIVE | CONFIG)
        with self.assertRaisesRegex(libvirtError, "already using iothread_id '3'"):
            table.domain_add_io_thread(ref, 3, LIVE)
        self.assertEqual([1, 3], [n for n, _map in table.domain_get_io_thread_info(ref, LIVE)])
        thread = self.private(ref).iothread_pids["iothread3"]
        self.assertEqual(str(thread), self.read(ref, "cpu", "tasks", "iothread3"))
        table.domain_del_io_thread(ref, 3, LIVE)
        self.assertFalse(os.path.exists(f"{self.private(ref).cgroup.paths['cpu']}/iothread3"))
        self.assertEqual([1, 3], [n for n, _map in table.domain_get_io_thread_info(ref, CONFIG)])

    def test_vcpus(self) -> None:
        table, ref = self.table, self.ref
        table.domain_destroy(ref)
        table.domain_set_vcpus_flags(ref, 4, CONFIG | 4)
        table.domain_create(ref)
        table.domain_set_vcpus_flags(ref, 3, LIVE)
        self.assertEqual([0, 1, 2], [row[0] for row in table.domain_get_vcpus(ref)[0]])
        thread = self.private(ref).vcpu_pids[2]
        self.assertEqual(str(thread), self.read(ref, "cpu", "tasks", "vcpu2"))
        self.assertEqual("25000", self.read(ref, "cpu", "cpu.cfs_quota_us", "vcpu2"))
        self.reopen()
        self.assertEqual(3, self.table.domain_get_vcpus_flags(ref, LIVE))
        self.assertIn("<vcpu id='2' enabled='yes' hotpluggable='yes' order='3'/>",
                      self.table.domain_get_xml_desc(ref, 0))  # fmt: skip


@unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
class TestUsers(LifecycleCase):
    def owner(self) -> tuple[int, int]:
        info = os.stat(self.disk)
        return info.st_uid, info.st_gid

    def uid(self, ref: Any) -> int:
        return os.stat(f"/proc/{self.pid(ref)}").st_uid

    def setUp(self) -> None:
        super().setUp()
        os.chown(self.disk, 1234, 1235)

    def test_the_host_s_user(self) -> None:
        settings = self.table.state.settings
        if settings.uid is None:
            self.skipTest("no user for guests on this host")
        ref = self.define()
        self.table.domain_create(ref)
        self.assertEqual(settings.uid, self.uid(ref))
        self.assertEqual((settings.uid, settings.gid), self.owner())
        wanted = f"+{settings.uid}:+{settings.gid}"
        self.assertIn(f"<label>{wanted}</label>", self.table.domain_get_xml_desc(ref, 0))
        labels = self.table.domain_get_security_label_list(ref)
        self.assertEqual([("", 0), (wanted, 0)], labels)
        self.table.domain_destroy(ref)
        self.assertEqual((1234, 1235), self.owner())

    def test_a_user_of_its_own(self) -> None:
        nobody = pwd.getpwnam("nobody")
        label = (
            "<seclabel type='static' model='dac' relabel='yes'>"
            f"<label>nobody:+{nobody.pw_gid}</label></seclabel>"
        )
        xml = self.table.domain_get_xml_desc(self.define(), 0)
        ref = self.table.domain_define_xml(xml.replace("</domain>", f"{label}</domain>"))
        self.table.domain_create(ref)
        self.assertEqual(nobody.pw_uid, self.uid(ref))
        self.assertEqual((nobody.pw_uid, nobody.pw_gid), self.owner())
        pid = self.pid(ref)
        self.reopen()  # found again though it is another user's
        self.assertEqual(pid, self.pid(ref))
        self.table.domain_destroy(ref)
        self.assertEqual((1234, 1235), self.owner())

    def test_a_failed_start_gives_back(self) -> None:
        extra = "<cputune><emulatorpin cpuset='97'/></cputune>"
        with self.assertRaises(libvirtError):
            self.table.domain_create(self.define(extra=extra))
        self.assertEqual((1234, 1235), self.owner())

    def test_rlimits(self) -> None:
        self.table.state.settings.max_files = 777
        ref = self.define()
        self.table.domain_create(ref)
        limits = Path(f"/proc/{self.pid(ref)}/limits").read_text()
        self.assertRegex(limits, r"Max open files +777 +777")
        self.assertRegex(limits, r"Max core file size +0 +0")


class TestRecords(LifecycleCase):
    """What those can read who ask later."""

    def test_audit(self) -> None:
        ref = self.define()
        with self.assertLogs("nova_pyvirt.audit", "INFO") as logged:
            self.table.domain_create(ref)
            pid = self.pid(ref)
            self.table.domain_destroy(ref)
        who = f'vm="nano" uuid=6f0c3d1e-6f6e-4d2f-9c38-1a1f4a1f0b10 vm-pid={pid}'
        lines = [record.getMessage() for record in logged.records]
        self.assertIn(f"success=yes virt=qemu op=start reason=booted {who}", lines)
        self.assertEqual(f"success=yes virt=qemu op=stop reason=destroyed {who}", lines[-1])
        disk = next(line for line in lines if "resrc=disk" in line)
        self.assertTrue(disk.endswith(f'old-disk="?" new-disk="{self.disk}"'), disk)

    def test_audit_of_a_failure(self) -> None:
        ref = self.define(extra="<cputune><emulatorpin cpuset='97'/></cputune>")
        with (
            self.assertLogs("nova_pyvirt.audit", "INFO") as logged,
            self.assertRaises(libvirtError),
        ):
            self.table.domain_create(ref)
        self.assertIn("success=no virt=qemu op=start", logged.records[0].getMessage())

    def test_the_domain_s_log(self) -> None:
        ref = self.define()
        self.table.domain_create(ref)
        self.table.domain_destroy(ref)
        lines = Path(self.table.state.paths.log_file("nano")).read_text().splitlines()
        stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+0000: "
        self.assertRegex(lines[0], stamp + r"starting up libvirt version: \S+, package: .*, "
                         r"qemu version: .*, kernel: .*, hostname: ")  # fmt: skip
        self.assertIn("/usr/bin/qemu-system-x86_64 \\", lines)
        self.assertRegex(lines[-1], stamp + "shutting down, reason=destroyed")
