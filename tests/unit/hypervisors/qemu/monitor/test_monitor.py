# SPDX-License-Identifier: Apache-2.0
"""The monitor against a peer that misbehaves: typed errors, before the deadline, memory bounded."""

import gc
import os
import resource
import socket
import subprocess
import tempfile
import threading
from typing import Any

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.monitor import (
    Deadlines,
    Monitor,
    QMPClosed,
    QMPCommandError,
    QMPError,
    QMPTimeout,
)
from nova_pyvirt.hypervisors.qemu.monitor.monitor import MAX_UNANSWERED
from nova_pyvirt.hypervisors.qemu.process import Process
from nova_pyvirt.util import loop
from nova_pyvirt.util.native import Future, queue, time
from tests.base import TestCase
from tests.fixtures.fakeqmp import FakeQMP

#: far above what anything here takes; a test that reaches it fails
LONG = 20.0
HELLO = {"greeting": True}


class MonitorTestCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.events: queue.SimpleQueue[tuple[str, dict[str, Any], float]] = queue.SimpleQueue()
        self.eof: Future[str] = Future()
        self.addCleanup(loop.release)

    def fake(self, **scenario: Any) -> FakeQMP:
        fake = FakeQMP(**scenario)
        self.addCleanup(fake.stop)
        return fake

    def connect(self, fake: FakeQMP, deadline: float = LONG, **options: Any) -> Monitor:
        monitor = Monitor.connect(
            fake.path,
            name="vm",
            on_event=lambda *event: self.events.put(event),
            on_eof=self.eof.set_result,
            deadline=deadline,
            **options,
        )
        self.addCleanup(monitor.close)
        return monitor

    def monitor(self, **commands: Any) -> Monitor:
        named = {name.replace("_", "-"): actions for name, actions in commands.items()}
        return self.connect(self.fake(commands=named))

    def fails(self, monitor: Monitor, cmd: str, kind: type[QMPError], code: int, text: str) -> None:
        with self.assertRaises(kind) as caught:
            monitor.command(cmd, deadline=LONG)
        self.assertEqual(code, caught.exception.get_error_code())
        self.assertEqual(text, str(caught.exception))


class CommandTest(MonitorTestCase):
    def test_value(self) -> None:
        monitor = self.monitor(query_status=[{"return": {"running": True}}])
        self.assertEqual({"running": True}, monitor.command("query-status", kind="query"))
        self.assertEqual(7, monitor.greeting["version"]["qemu"]["major"])

    def test_refusal(self) -> None:
        monitor = self.monitor(foo=[{"error": "no", "class": "CommandNotFound"}])
        text = "internal error: unable to execute QEMU command 'foo': no"
        self.fails(monitor, "foo", QMPCommandError, Code.INTERNAL_ERROR, text)
        try:
            monitor.command("foo")
        except QMPCommandError as err:
            self.assertEqual(("CommandNotFound", "no"), (err.qmp_class, err.qmp_desc))

    def test_a_reply_that_is_neither(self) -> None:
        monitor = self.monitor(
            foo=[{"json": {"id": "$ID"}}], bar=[{"json": {"id": "$ID", "error": 1}}]
        )
        for cmd in ("foo", "bar"):
            text = f"internal error: unable to execute QEMU command '{cmd}'"
            self.fails(monitor, cmd, QMPCommandError, Code.INTERNAL_ERROR, text)

    def test_what_json_cannot_hold_is_not_sent(self) -> None:
        monitor = self.monitor()
        self.assertRaises(TypeError, monitor.command, "foo", {"x": object()})
        self.assertEqual([], monitor.pending())

    def test_batch(self) -> None:
        monitor = self.monitor(a=[{"return": 1}], b=[{"error": "no"}])
        self.assertEqual([1, {}, 1], monitor.batch([("a", None), ("c", {"x": 1}), ("a", {})]))
        self.assertRaises(QMPCommandError, monitor.batch, [("a", None), ("b", None), ("a", None)])
        results = monitor.batch([("b", None), ("a", None)], return_errors=True)
        self.assertEqual("no", results[0].qmp_desc)
        self.assertEqual(1, results[1])

    def test_threads_at_once(self) -> None:
        """One command hangs; the others, of all threads, don't."""
        monitor = self.monitor(slow=[{"later": "late"}], done=[{"return": "x"}, {"flush": True}])
        answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
        slow = threading.Thread(target=lambda: answers.put(monitor.command("slow", deadline=LONG)))
        slow.start()
        threads = [
            threading.Thread(target=lambda: [monitor.command("any") for _ in range(50)])
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        monitor.command("done")
        self.assertEqual("late", answers.get(timeout=LONG))
        slow.join()

    def test_descriptors(self) -> None:
        monitor = self.monitor(add_fd=[{"return": "$FDS"}])
        with tempfile.TemporaryFile() as one, tempfile.TemporaryFile() as two:
            one.write(b"one")
            two.write(b"two")
            one.flush()
            two.flush()
            before = len(os.listdir("/proc/self/fd"))
            got = monitor.command("add-fd", fds=[one.fileno(), two.fileno()])
            self.assertEqual(before, len(os.listdir("/proc/self/fd")))
        self.assertEqual(["one", "two"], got)

    def test_on_the_loops_thread_a_command_is_refused(self) -> None:
        """It could never end: the loop would wait for itself."""
        monitor = self.monitor()
        with self.assertRaises(libvirtError):
            loop.get().run(monitor.command, "foo")


class DeadlineTest(MonitorTestCase):
    def test_late_reply(self) -> None:
        """The caller is told, the reply is dropped, the session goes on."""
        monitor = self.monitor(slow=[{"later": "late"}], flush=[{"flush": True}, {"return": 2}])
        with self.assertRaises(QMPTimeout) as caught:
            monitor.command("slow", deadline=0.05)
        self.assertEqual(Code.OPERATION_TIMEOUT, caught.exception.get_error_code())
        self.assertEqual(
            "Timed out during operation: QEMU command 'slow' not answered in 0.05 s (vm='vm')",
            str(caught.exception),
        )
        [(name, age)] = monitor.pending()
        self.assertEqual("slow", name)
        self.assertGreater(age, 0.04)
        self.assertEqual(2, monitor.command("flush"))
        self.assertEqual([], monitor.pending())

    def test_kinds(self) -> None:
        fake = self.fake(commands={"slow": []})
        monitor = self.connect(fake, deadlines=Deadlines(query=0.01, change=0.02, block=0.03))
        for kind, seconds in (("query", "0.01"), ("change", "0.02"), ("block", "0.03")):
            with self.assertRaisesRegex(QMPTimeout, f"in {seconds} s"):
                monitor.command("slow", kind=kind)  # type: ignore[arg-type]

    def test_batch_has_one_deadline(self) -> None:
        monitor = self.monitor(slow=[])
        started = time.monotonic()
        with self.assertRaises(QMPTimeout):
            monitor.batch([("a", None), ("slow", None), ("slow", None)], deadline=0.1)
        self.assertLess(time.monotonic() - started, 5)

    def test_a_peer_that_never_reads(self) -> None:
        """Commands pile up to a bound, then are refused; closing does not wait."""
        monitor = self.monitor(stop=[{"hang": True}])
        self.assertRaises(QMPTimeout, monitor.command, "stop", deadline=0.01)
        for _ in range(MAX_UNANSWERED - 1):
            self.assertRaises(QMPTimeout, monitor.command, "x", {"pad": "p" * 1000}, deadline=0)
        with self.assertRaises(QMPError) as caught:
            monitor.command("x")
        self.assertEqual(Code.RESOURCE_BUSY, caught.exception.get_error_code())
        with tempfile.TemporaryFile() as file:  # must wait for room, and give up with the session
            before = len(os.listdir("/proc/self/fd"))
            monitor._session._waiters.popitem()
            self.assertRaises(QMPTimeout, monitor.command, "x", fds=[file.fileno()], deadline=0.01)
            started = time.monotonic()
            monitor.close()
            self.assertLess(time.monotonic() - started, 5)
            loop.get().run(int)
            self.assertGreaterEqual(before, len(os.listdir("/proc/self/fd")))


class GreetingTest(MonitorTestCase):
    def refused(self, scenario: list[dict[str, Any]], text: str, **options: Any) -> None:
        fake = self.fake(connect=scenario)
        started = time.monotonic()
        with self.assertRaises(QMPError) as caught:
            self.connect(fake, **options)
        self.assertEqual(text, str(caught.exception))
        self.assertLess(time.monotonic() - started, LONG / 2)
        self.assertFalse(self.eof.done())
        self.assertEqual(set(), loop.get()._holders)

    def test_none(self) -> None:
        text = "Timed out during operation: QEMU monitor greeting not answered in 0.1 s (vm='vm')"
        self.refused([{"hang": True}], text, deadline=0.1)

    def test_greeting_only(self) -> None:
        text = "Timed out during operation: QEMU monitor greeting not answered in 0.1 s (vm='vm')"
        self.refused([HELLO, {"hang": True}], text, deadline=0.1)

    def test_garbage(self) -> None:
        text = "internal error: Error while processing monitor IO (vm='vm')"
        self.refused([{"raw": "SSH-2.0-OpenSSH\r\n"}], text)
        self.refused([{"raw": "\xff\xfe\x00\n"}], text)
        self.refused([{"raw": "[1]\n"}], text)
        self.refused([{"raw": "{}\n"}], text)
        self.refused([{"raw": "[" * 100000 + "\n"}], text)

    def test_half_json_then_close(self) -> None:
        text = "internal error: Error while processing monitor IO (vm='vm')"
        self.refused([{"raw": '{"QMP": {"ver'}, {"close": True}], text)

    def test_endless_line(self) -> None:
        text = "internal error: QEMU monitor reply exceeds buffer size (10485760 bytes)"
        self.refused([{"line": 11 << 20}], text)

    def test_close(self) -> None:
        text = "internal error: qemu unexpectedly closed the monitor"
        self.refused([{"close": True}], text)
        self.refused([HELLO, {"close": True}], text)

    def test_capabilities_refused(self) -> None:
        fake = self.fake(commands={"qmp_capabilities": [{"error": "no"}]})
        with self.assertRaisesRegex(QMPClosed, "Error while processing monitor IO"):
            self.connect(fake)

    def test_exit_before_it_accepts(self) -> None:
        """QEMU that ends at once, its listening socket still held by somebody: the pidfd tells."""
        with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(directory + "/qmp")
            listener.listen(1)
            fake = self.fake(start=[{"stderr": 1 << 20}, {"exit": 1}])
            process = Process(fake.pid, os.pidfd_open(fake.pid), 0)  # also when it has ended
            self.addCleanup(process.close)
            started = time.monotonic()
            with self.assertRaisesRegex(QMPClosed, "qemu unexpectedly closed the monitor"):
                Monitor.connect(
                    directory + "/qmp",
                    name="vm",
                    on_event=print,
                    on_eof=print,
                    deadline=LONG,
                    process=process,
                )
            self.assertLess(time.monotonic() - started, LONG / 2)

    def test_exited_already(self) -> None:
        """The pidfd tells at any step of the connecting, the first included."""
        for number in range(20):
            with (
                self.subTest(number),
                tempfile.TemporaryDirectory() as directory,
                socket.socket(socket.AF_UNIX) as listener,
            ):
                listener.bind(directory + "/qmp")
                listener.listen(1)
                child = subprocess.Popen(["/bin/true"])
                process = Process(child.pid, os.pidfd_open(child.pid), 0)
                self.addCleanup(process.close)
                self.addCleanup(child.wait)
                process.wait(LONG)
                started = time.monotonic()
                with self.assertRaisesRegex(QMPClosed, "qemu unexpectedly closed the monitor"):
                    Monitor.connect(
                        directory + "/qmp",
                        name="vm",
                        on_event=print,
                        on_eof=print,
                        deadline=LONG,
                        process=process,
                    )
                self.assertLess(time.monotonic() - started, LONG / 2)

    def test_noise_on_standard_error(self) -> None:
        """100 MB of it first: the monitor neither waits for it nor keeps it."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.connect(self.fake(start=[{"stderr": 100 << 20}])).command("foo")
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 16 << 10)

    def test_no_such_socket(self) -> None:
        with self.assertRaises(QMPError) as caught:
            Monitor.connect("/nonexistent", name="vm", on_event=print, on_eof=print, deadline=1)
        self.assertEqual(Code.SYSTEM_ERROR, caught.exception.get_error_code())
        self.assertEqual(
            "failed to connect to monitor socket: No such file or directory", str(caught.exception)
        )

    def test_path_too_long(self) -> None:
        with self.assertRaisesRegex(libvirtError, "too big for destination"):
            Monitor.connect("/" + "x" * 108, name="vm", on_event=print, on_eof=print, deadline=1)

    def test_full_queue(self) -> None:
        """A stopped QEMU that still has a connection to accept: connect() itself would wait."""
        with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(directory + "/qmp")
            listener.listen(0)
            with socket.socket(socket.AF_UNIX) as first:
                first.connect(directory + "/qmp")
                with self.assertRaises(QMPTimeout):
                    Monitor.connect(
                        directory + "/qmp", name="vm", on_event=print, on_eof=print, deadline=0.1
                    )


class FaultTest(MonitorTestCase):
    """In the middle of a session."""

    def test_garbage(self) -> None:
        for text in ("garbage\n", "\xff\n", "[]\n", '{"return": \n', "[" * 100000 + "\n"):
            with self.subTest(text[:20]):
                self.eof = Future()
                monitor = self.monitor(foo=[{"raw": text}])
                message = "internal error: Error while processing monitor IO (vm='vm')"
                self.fails(monitor, "foo", QMPClosed, Code.INTERNAL_ERROR, message)
                self.assertEqual(message, self.eof.result(LONG))
                self.fails(monitor, "bar", QMPClosed, Code.INTERNAL_ERROR, message)

    def test_endless_line(self) -> None:
        monitor = self.monitor(foo=[{"line": 11 << 20}])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        message = "internal error: QEMU monitor reply exceeds buffer size (10485760 bytes)"
        self.fails(monitor, "foo", QMPClosed, Code.INTERNAL_ERROR, message)
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 64 << 10)

    def test_longest_line(self) -> None:
        size = 9 << 20
        monitor = self.monitor(foo=[{"event": "E", "pad": size}, {"return": 1}])
        self.assertEqual(1, monitor.command("foo", deadline=LONG))
        self.assertEqual(size, len(self.events.get(timeout=LONG)[1]["x"]))

    def test_half_json_then_close(self) -> None:
        monitor = self.monitor(foo=[{"raw": '{"return": {}, "i'}, {"close": True}])
        message = "internal error: Error while processing monitor IO (vm='vm')"
        self.fails(monitor, "foo", QMPClosed, Code.INTERNAL_ERROR, message)

    def test_half_json_then_silence(self) -> None:
        monitor = self.monitor(foo=[{"raw": '{"return": {}, "i'}])
        self.assertRaises(QMPTimeout, monitor.command, "foo", deadline=0.05)

    def test_close_in_reply(self) -> None:
        """Every waiter of every thread learns at once."""
        monitor = self.monitor(foo=[], bar=[{"close": True}])
        failures: queue.SimpleQueue[str] = queue.SimpleQueue()

        def wait() -> None:
            try:
                monitor.command("foo", deadline=LONG)
            except QMPClosed as err:
                failures.put(str(err))

        threads = [threading.Thread(target=wait) for _ in range(5)]
        for thread in threads:
            thread.start()
        message = "internal error: End of file from qemu monitor (vm='vm')"
        self.fails(monitor, "bar", QMPClosed, Code.INTERNAL_ERROR, message)
        self.assertEqual([message] * 5, [failures.get(timeout=LONG) for _ in threads])
        self.assertEqual(message, self.eof.result(LONG))
        self.assertFalse(monitor.alive)
        self.fails(monitor, "bar", QMPClosed, Code.INTERNAL_ERROR, message)

    def test_killed(self) -> None:
        monitor = self.monitor(foo=[{"kill": 9}])
        message = "internal error: End of file from qemu monitor (vm='vm')"
        self.fails(monitor, "foo", QMPClosed, Code.INTERNAL_ERROR, message)

    def test_wrong_id(self) -> None:
        monitor = self.monitor(
            foo=[
                {"json": {"return": 1, "id": "zz"}},
                {"json": {"return": 2, "id": 7}},
                {"return": 3},
            ],
            bar=[{"json": {"error": {}, "id": ["x"]}}, {"json": {"return": 1}}, {"return": 4}],
        )
        self.assertEqual(3, monitor.command("foo"))
        self.assertEqual(4, monitor.command("bar"))

    def test_duplicate_reply(self) -> None:
        monitor = self.monitor(foo=[{"return": 1}, {"return": 2}, {"error": "no"}])
        self.assertEqual([1, {}, 1, {}], monitor.batch([("foo", None), ("x", None)] * 2))

    def test_error_that_answers_nothing(self) -> None:
        """QEMU did not understand us: which command, nobody knows."""
        monitor = self.monitor(foo=[{"json": {"error": {"class": "GenericError", "desc": "JSON"}}}])
        message = "internal error: Error while processing monitor IO (vm='vm')"
        self.fails(monitor, "foo", QMPClosed, Code.INTERNAL_ERROR, message)

    def test_event_storm(self) -> None:
        """In order, complete, and the other sessions of the loop are served meanwhile."""
        count = 100_000
        other = self.monitor()
        storm = self.monitor(foo=[{"event": "E", "count": count}, {"return": 1}])
        served = 0
        done: Future[Any] = Future()
        threading.Thread(target=lambda: done.set_result(storm.command("foo", deadline=60))).start()
        while not done.done():
            other.command("x", deadline=LONG)
            served += 1
        self.assertEqual(1, done.result())
        numbers = [self.events.get(timeout=LONG)[1]["n"] for _ in range(count)]
        self.assertEqual(list(range(count)), numbers)
        self.assertGreater(served, 20)

    def test_events(self) -> None:
        monitor = self.monitor(
            foo=[
                {"event": "STOP"},
                {"json": {"event": "ODD", "data": 5, "timestamp": "x"}},
                {"event": "RESUME", "data": {"a": 1}},
                {"return": {}},
            ]
        )
        monitor.command("foo")
        events = [self.events.get(timeout=LONG) for _ in range(3)]
        self.assertEqual(("STOP", {"n": 0}, 1700000000.000005), events[0])
        self.assertEqual(("ODD", {}), events[1][:2])
        self.assertEqual(("RESUME", {"a": 1, "n": 0}), events[2][:2])


class CloseTest(MonitorTestCase):
    def test_close_is_no_eof(self) -> None:
        monitor = self.monitor()
        monitor.close()
        monitor.close()
        self.assertFalse(self.eof.done())
        text = "operation failed: QEMU monitor was closed"
        self.fails(monitor, "foo", QMPClosed, Code.OPERATION_FAILED, text)

    def test_nothing_is_left(self) -> None:
        fake = self.fake()
        self.connect(fake).close()
        loop.get().run(int)  # the transport closes its socket in the loop's next round
        gc.collect()  # what other tests left to it
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(20):
            monitor = self.connect(fake)
            monitor.command("foo")
            monitor.close()
        end = time.monotonic() + 10  # the peer closes its ends on a thread of its own
        while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < end:
            loop.get().run(int)
        self.assertGreaterEqual(before, len(os.listdir("/proc/self/fd")))
        self.assertEqual([], list(loop.get().errors))

    def test_a_child_cannot_use_the_parents_monitor(self) -> None:
        """After fork() the reply stays the parent's."""
        monitor = self.monitor(foo=[{"return": 1}])
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                monitor.command("foo", deadline=1)
            except QMPClosed:
                monitor.close()
                code = 0
            finally:
                os._exit(code)
        self.assertEqual(0, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        self.assertEqual(1, monitor.command("foo"))
