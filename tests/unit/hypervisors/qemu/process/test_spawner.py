# SPDX-License-Identifier: Apache-2.0
"""The spawner and its helper, with small real programs."""

import errno
import os
import resource
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from nova_pyvirt.core.cgroup import Cgroup, hierarchies
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.process import Process, Spawner, SpawnSpec, start_time
from nova_pyvirt.util import loop
from nova_pyvirt.util.native import Future, subprocess
from tests.base import TestCase


class SpawnerTestCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.spawner = Spawner()
        self.addCleanup(loop.release)
        self.addCleanup(self.spawner.close)

    def start(self, *argv: str, **spec: Any) -> Process:
        process = self.spawner.spawn(SpawnSpec(argv=argv, **spec)).release()
        self.addCleanup(process.close)
        self.addCleanup(process.signal, signal.SIGKILL)
        return process

    def shell(self, script: str, **spec: Any) -> str:
        """What a shell in the child prints."""
        read, write = os.pipe()
        process = self.start("/bin/sh", "-c", script, stdout=write, stderr=write, **spec)
        os.close(write)
        with open(read) as output:
            text = output.read()
        self.assertEqual(0, process.wait_status(10), text)
        return text


class SpawnTest(SpawnerTestCase):
    def test_status(self) -> None:
        process = self.start("/bin/sh", "-c", "exit 3")
        self.assertEqual(3, os.waitstatus_to_exitcode(process.wait_status(10) or 0))
        self.assertTrue(process.wait(10))
        self.assertFalse(process.alive())
        self.assertFalse(process.signal(signal.SIGTERM))

    def test_held_until_release(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            mark = Path(directory, "mark")
            held = self.spawner.spawn(SpawnSpec(argv=["/bin/touch", str(mark)]))
            self.assertTrue(held.process.alive())
            self.assertEqual(start_time(held.pid), held.process.start_time)
            self.assertFalse(mark.exists())
            process = held.release()
            self.assertEqual(held.pid, process.pid)
            self.assertEqual(0, process.wait_status(10))
            self.assertTrue(mark.exists())
            process.close()

    def test_abort(self) -> None:
        held = self.spawner.spawn(SpawnSpec(argv=["/bin/sleep", "60"]))
        held.abort()
        self.assertIsNone(Process.adopt(held.pid, held.process.start_time))

    def test_killed_while_held(self) -> None:
        held = self.spawner.spawn(SpawnSpec(argv=["/bin/true"]))
        held.process.signal(signal.SIGKILL)
        held.process.wait(10)
        with self.assertRaisesRegex(libvirtError, "the child for /bin/true ended before exec"):
            held.release()

    def test_our_death_ends_a_held_child_without_exec(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            mark = Path(directory, "mark")
            read, write = os.pipe()
            pid = os.fork()
            if pid == 0:
                try:
                    held = Spawner().spawn(SpawnSpec(argv=["/bin/touch", str(mark)]))
                    os.write(write, str(held.pid).encode())
                finally:
                    os.kill(os.getpid(), signal.SIGKILL)
            os.close(write)
            with open(read) as output:
                child = int(output.read())
            os.waitpid(pid, 0)
            adopted = Process.adopt(child)
            if adopted is not None:
                self.assertTrue(adopted.wait(10))
                adopted.close()
            self.assertFalse(mark.exists())

    def test_what_was_spawned_outlives_the_spawner(self) -> None:
        process = self.start("/bin/sleep", "60")
        self.spawner.close()
        self.assertTrue(process.alive())
        self.assertIsNone(process.wait_status(10))  # nobody will know
        process.signal(signal.SIGKILL)
        self.assertTrue(process.wait(10))

    def test_a_dead_helper_is_replaced(self) -> None:
        first = self.start("/bin/sleep", "60")
        old = self.spawner.helper_pid
        assert old is not None
        os.kill(old, signal.SIGKILL)
        self.assertEqual(0, self.start("/bin/true").wait_status(10))
        self.assertNotEqual(old, self.spawner.helper_pid)
        self.assertTrue(first.alive())

    def test_many_threads(self) -> None:
        codes: list[int | None] = []

        def run(number: int) -> None:
            process = self.spawner.spawn(
                SpawnSpec(argv=["/bin/sh", "-c", f"exit {number}"])
            ).release()
            codes.append(process.wait_status(20))
            process.close()

        threads = [threading.Thread(target=run, args=(n,)) for n in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([n << 8 for n in range(24)], sorted(code or 0 for code in codes))

    def test_nothing_is_left(self) -> None:
        self.start("/bin/true").wait(10)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            process = self.spawner.spawn(SpawnSpec(argv=["/bin/true"])).release()
            process.wait_status(10)
            process.close()
            self.assertRaises(
                libvirtError, self.spawner.spawn(SpawnSpec(argv=["/nonexistent"])).release
            )
            held = self.spawner.spawn(SpawnSpec(argv=["/bin/true"], cwd="/nonexistent"))
            self.assertRaises(libvirtError, held.prepare)
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))


class ReserveTest(SpawnerTestCase):
    def test_it_becomes_what_it_is_told(self) -> None:
        reserved = self.spawner.reserve()
        process = self.spawner.spawn(SpawnSpec(argv=["/bin/true"]), reserved).release()
        self.addCleanup(process.close)
        reserved.abandon()  # does nothing now
        self.assertEqual(0, process.wait_status(10))

    def test_abandoned(self) -> None:
        self.start("/bin/true").wait(10)
        before = len(os.listdir("/proc/self/fd"))
        reserved = self.spawner.reserve()
        reserved.abandon()
        reserved.abandon()
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))
        children = Path(f"/proc/{self.spawner.helper_pid}/task/{self.spawner.helper_pid}/children")
        end = time.monotonic() + 10
        while children.read_text() and time.monotonic() < end:
            time.sleep(0.01)  # until the helper has reaped them
        self.assertEqual("", children.read_text())

    def test_its_helper_dies(self) -> None:
        reserved = self.spawner.reserve()
        assert self.spawner.helper_pid is not None
        os.kill(self.spawner.helper_pid, signal.SIGKILL)
        process = self.spawner.spawn(SpawnSpec(argv=["/bin/true"]), reserved).release()
        self.addCleanup(process.close)
        self.assertTrue(process.wait(10))


class SetUpTest(SpawnerTestCase):
    def test_surroundings(self) -> None:
        text = self.shell(
            "umask; ulimit -n; nice; cat /proc/self/oom_score_adj; pwd; echo $A$B",
            umask=0o27,
            rlimits={"nofile": (100, 200)},
            nice=5,
            oom_score_adj=500,
            cwd="/usr",
            env={"A": "b", "PATH": "/usr/bin:/bin"},
        )
        self.assertEqual(["0027", "100", "5", "500", "/usr", "b"], text.split())

    def test_session(self) -> None:
        pid, session = self.shell(
            "echo $$; ps -o sid= -p $$", env={"PATH": "/usr/bin:/bin"}
        ).split()
        self.assertEqual(pid, session)

    def test_descriptors_are_exactly_those_named(self) -> None:
        """Two swapped numbers: no copy may overwrite what another still needs."""
        with tempfile.TemporaryFile() as a, tempfile.TemporaryFile() as b:
            a.write(b"a")
            b.write(b"b")
            a.flush()
            b.flush()
            text = self.shell(
                f"cat /proc/self/fd/{b.fileno()} /proc/self/fd/{a.fileno()}; echo; ls /proc/$$/fd",
                pass_fds={a.fileno(): b.fileno(), b.fileno(): a.fileno()},
                env={"PATH": "/usr/bin:/bin"},
            )
            contents, *numbers = text.split()
            self.assertEqual("ab", contents)
            self.assertEqual({"0", "1", "2", str(a.fileno()), str(b.fileno())}, set(numbers))

    def test_signals_are_the_default_ones(self) -> None:
        before = signal.signal(signal.SIGQUIT, signal.SIG_IGN)  # as in a shell's background job
        self.addCleanup(signal.signal, signal.SIGQUIT, before)
        # exec: a shell blocks signals while it forks
        text = self.shell(
            "exec grep -E 'SigBlk|SigIgn' /proc/self/status", env={"PATH": "/usr/bin:/bin"}
        )
        self.assertEqual(["0" * 16, "0" * 16], text.split()[1::2])

    def test_credentials(self) -> None:
        if os.geteuid():
            self.skipTest("needs root")
        text = self.shell(
            "id -u; id -g; id -G",
            uid=65534,
            gid=65533,
            groups=[65533, 12345],
            env={"PATH": "/usr/bin:/bin"},
        )
        self.assertEqual(["65534", "65533", "65533 12345"], text.strip().split("\n"))
        text = self.shell("id -G", uid=65534, gid=65533, env={"PATH": "/usr/bin:/bin"})
        self.assertEqual("65533", text.strip())

    def test_mount_namespace(self) -> None:
        if os.geteuid():
            self.skipTest("needs root")
        text = self.shell("readlink /proc/self/ns/mnt", unshare_mount=True)
        self.assertNotEqual(os.readlink("/proc/self/ns/mnt"), text.strip())

    def test_it_joins_by_itself(self) -> None:
        with tempfile.NamedTemporaryFile("r") as tasks:
            self.start("/bin/true", cgroup_files=[tasks.name])
            self.assertEqual("0", tasks.read())

    def test_it_moves_where_it_cannot_be_born(self) -> None:
        with tempfile.TemporaryDirectory() as group:
            procs = Path(group) / "cgroup.procs"
            procs.touch()
            self.start("/bin/true", cgroup=group)
            self.assertEqual("0", procs.read_text())

    def test_it_is_born_in_its_group(self) -> None:
        unified = Cgroup.create("test-spawner", controllers=("unified",)).paths.get("unified")
        if unified is None:
            self.skipTest("needs version 2 control groups")
        self.addCleanup(os.rmdir, unified)
        said = self.shell("cat /proc/self/cgroup", cgroup=unified)
        self.assertIn(f"0::{unified.removeprefix(hierarchies()['unified'])}\n", said)

    def test_unlimited(self) -> None:
        soft, _hard = resource.getrlimit(resource.RLIMIT_CORE)
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        self.assertEqual("0", self.shell("ulimit -c", rlimits={"core": (0, hard)}).strip())
        self.assertEqual(soft, resource.getrlimit(resource.RLIMIT_CORE)[0])


class FailureTest(SpawnerTestCase):
    def failure(self, *argv: str, **spec: Any) -> libvirtError:
        with self.assertRaises(libvirtError) as caught:
            self.start(*argv, **spec)
        return caught.exception

    def test_exec(self) -> None:
        err = self.failure("/nonexistent")
        self.assertEqual((Code.SYSTEM_ERROR, errno.ENOENT), (err.get_error_code(), err.get_int1()))
        self.assertEqual("cannot execute binary /nonexistent: No such file or directory", str(err))
        self.assertEqual(errno.EACCES, self.failure("/etc/passwd").get_int1())

    def test_each_step_is_named(self) -> None:
        cases: dict[str, dict[str, Any]] = {
            "directory (/nonexistent)": {"cwd": "/nonexistent"},
            "cgroup (/nonexistent/procs)": {"cgroup_files": ["/nonexistent/procs"]},
            "limits": {"rlimits": {"core": (2, 1)}},
            "priorities": {"oom_score_adj": 100000},
        }
        for step, spec in cases.items():
            with self.subTest(step):
                err = self.failure("/bin/true", **spec)
                self.assertEqual(Code.SYSTEM_ERROR, err.get_error_code())
                self.assertIn(f"cannot set up {step} for /bin/true: ", str(err))


class ProcessTest(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.popen = subprocess.Popen(["/bin/sleep", "60"])
        self.addCleanup(self.popen.wait)
        self.addCleanup(self.popen.kill)
        self.addCleanup(loop.release)

    def adopt(self) -> Process:
        process = Process.adopt(self.popen.pid, start_time(self.popen.pid))
        assert process is not None
        self.addCleanup(process.close)
        return process

    def test_adopt(self) -> None:
        process = self.adopt()
        self.assertTrue(process.alive())
        self.assertTrue(process.signal(signal.SIGTERM))
        self.assertTrue(process.wait(10))
        self.assertIsNone(process.wait_status(0))

    def test_another_process_with_the_pid_is_not_taken(self) -> None:
        started = start_time(self.popen.pid)
        assert started is not None
        self.assertIsNone(Process.adopt(self.popen.pid, started + 1))

    def test_gone(self) -> None:
        self.popen.kill()
        self.popen.wait()
        self.assertIsNone(Process.adopt(self.popen.pid))
        self.assertIsNone(start_time(self.popen.pid))

    def test_a_zombie_is_gone(self) -> None:
        self.popen.kill()
        os.waitid(os.P_PID, self.popen.pid, os.WEXITED | os.WNOWAIT)
        self.assertIsNone(Process.adopt(self.popen.pid))

    def test_wait_ends_at_the_deadline(self) -> None:
        self.assertFalse(self.adopt().wait(0.01))

    def test_on_exit(self) -> None:
        process = self.adopt()
        told: Future[str] = Future()
        process.on_exit(lambda: told.set_result("first"))
        process.forget_exit(print)  # not registered: no error
        self.popen.kill()
        self.assertEqual("first", told.result(10))
        late: Future[str] = Future()
        process.on_exit(lambda: late.set_result("late"))
        self.assertEqual("late", late.result(10))

    def test_forget_exit(self) -> None:
        process = self.adopt()
        seen: list[int] = []
        told: Future[bool] = Future()

        def forgotten() -> None:
            seen.append(1)

        process.on_exit(forgotten)
        process.on_exit(lambda: told.set_result(True))
        process.forget_exit(forgotten)
        self.popen.kill()
        told.result(10)
        self.assertEqual([], seen)

    def test_a_name_like_a_stat_line(self) -> None:
        """The command's name may hold what separates the fields."""
        with tempfile.TemporaryDirectory() as directory:
            odd = Path(directory, "a) S 1 (b")
            odd.symlink_to("/bin/sleep")
            popen = subprocess.Popen([str(odd), "60"])
            self.addCleanup(popen.wait)
            self.addCleanup(popen.kill)
            self.assertLess(
                abs((start_time(popen.pid) or 0) - (start_time(self.popen.pid) or 0)), 6000
            )
