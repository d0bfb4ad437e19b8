# SPDX-License-Identifier: Apache-2.0
"""A QEMU that ends, hangs, lies or refuses, at any step of a start and while it runs."""

import resource
import time
from typing import Any
from unittest import mock

from nova_pyvirt.core.states import EventID, Paused, Running, Shutoff, State
from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.hypervisors.qemu.monitor.session import Session, Waiter
from tests.functional.fake_qemu import FakeQemuCase
from tests.functional.lifecycle_case import RESUMED, STARTED, STOPPED, SUSPENDED

IO_ERROR = 4
CONTROL_OK, CONTROL_ERROR, REASON_MONITOR = 0, 3, 2


class StartCase(FakeQemuCase):
    """Starts that must fail, soon, and leave nothing."""

    def setUp(self) -> None:
        super().setUp()
        settings = self.table.state.settings
        settings.change_deadline = settings.query_deadline = 0.5

    def fails(self, code: int, text: str, seconds: float = 8.0) -> None:
        ref = self.define_fake()
        self.events.clear()
        begun = time.monotonic()
        with self.assertRaisesRegex(libvirtError, text) as caught:
            self.table.domain_create(ref)
        self.assertLess(time.monotonic() - begun, seconds)
        self.assertEqual(code, caught.exception.get_error_code())
        self.left_nothing(ref)

    def left_nothing(self, ref: Any) -> None:
        self.assertEqual((State.SHUTOFF, Shutoff.FAILED), self.state(ref))
        self.assertEqual([], self.running())
        self.assertEqual([], self.leftovers())
        self.assertEqual([], self.table.state.vnc_ports.held())


class TestConnecting(StartCase):
    def test_ends_at_once(self) -> None:
        self.scenario(start=[{"exit": 1}])
        self.fails(Code.INTERNAL_ERROR, "qemu unexpectedly closed the monitor")
        self.scenario(start=[{"kill": 11}])
        self.fails(Code.INTERNAL_ERROR, "qemu unexpectedly closed the monitor")

    def test_says_a_lot_and_ends(self) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.scenario(start=[{"stderr": 100 << 20}, {"exit": 1}])
        self.fails(Code.INTERNAL_ERROR, "qemu unexpectedly closed the monitor", 20.0)
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 20 << 10)

    def test_never_answers(self) -> None:
        self.table.state.settings.connect_deadline = 0.5
        for connect in ([{"hang": True}], [{"greeting": True}, {"hang": True}]):
            with self.subTest(connect=connect):
                self.scenario(connect=connect)
                self.fails(Code.OPERATION_TIMEOUT, "QEMU monitor greeting not answered in 0.5 s")

    def test_garbage(self) -> None:
        self.scenario(connect=[{"raw": "SSH-2.0\r\n"}])
        self.fails(Code.INTERNAL_ERROR, "Error while processing monitor IO")
        self.scenario(connect=[{"line": 11 << 20}])
        self.fails(Code.INTERNAL_ERROR, "reply exceeds buffer size")
        self.scenario(connect=[{"raw": '{"QMP": {'}, {"close": True}])
        self.fails(Code.INTERNAL_ERROR, "Error while processing monitor IO")

    def test_closes_at_once(self) -> None:
        self.scenario(connect=[{"close": True}])
        self.fails(Code.INTERNAL_ERROR, "qemu unexpectedly closed the monitor")


class TestCommands(StartCase):
    """Every command of a start, refused, unanswered, or answered by QEMU's end."""

    def commands(self) -> list[str]:
        """What a start asks, from one that works."""
        asked: list[str] = []
        expect = Session.expect

        def note(session: Session, key: str, command: str) -> Waiter:
            asked.append(command)
            return expect(session, key, command)

        self.scenario()
        ref = self.define_fake()
        with mock.patch.object(Session, "expect", note):
            self.table.domain_create(ref)
        self.assertEqual((State.RUNNING, Running.BOOTED), self.state(ref))
        self.table.domain_destroy(ref)
        return list(dict.fromkeys(asked))

    def test_each_is_refused(self) -> None:
        self.each([{"error": "no such luck"}])

    def test_each_is_answered_by_the_end(self) -> None:
        self.each([{"exit": 1}])

    def test_each_is_answered_by_a_closed_monitor(self) -> None:
        self.each([{"close": True}])

    def test_each_is_never_answered(self) -> None:
        self.each([{"hang": True}])

    def each(self, actions: list[dict[str, Any]]) -> None:
        names = self.commands()
        self.assertIn("cont", names)
        for name in names:
            with self.subTest(name):
                self.scenario(**{name: actions})
                ref = self.define_fake()
                begun = time.monotonic()
                try:
                    self.table.domain_create(ref)
                except libvirtError:
                    self.left_nothing(ref)
                else:  # it could do without
                    self.assertEqual(1, len(self.running()))
                    self.table.domain_destroy(ref)
                    self.assertEqual([], self.leftovers())
                self.assertLess(time.monotonic() - begun, 6)


class TestRunning(FakeQemuCase):
    def start(self, **commands: Any) -> Any:
        self.scenario(**commands)
        ref = self.table.domain_create(self.define_fake())
        self.events.clear()
        return ref

    def test_io_error(self) -> None:
        seen: list[Any] = []
        data = {"device": "", "node-name": "libvirt-1-format", "operation": "write",
                "action": "stop", "nospace": True, "reason": "No space left on device"}  # fmt: skip
        stop = [{"event": "BLOCK_IO_ERROR", "data": data}, {"event": "STOP"}, {"return": {}}]
        ref = self.start(inject_nmi=stop)
        self.table.connect_domain_event_register_any(ref, IO_ERROR, lambda _r, *a: seen.append(a))
        self.table.domain_inject_nmi(ref, 0)
        self.until(lambda: bool(self.events))
        self.assertEqual((State.PAUSED, Paused.IOERROR), self.state(ref))
        self.assertEqual([(SUSPENDED, 2)], self.events)
        self.assertEqual([(self.disk, "virtio-disk0", 1)], seen)
        self.table.domain_destroy(ref)

    def test_event_that_never_comes(self) -> None:
        """QEMU stops and runs, but does not say so: what it answered counts."""
        ref = self.start()
        self.table.domain_suspend(ref)
        self.assertEqual((State.PAUSED, Paused.USER), self.state(ref))
        self.table.domain_resume(ref)
        self.assertEqual((State.RUNNING, Running.UNPAUSED), self.state(ref))
        self.assertEqual([(SUSPENDED, 0), (RESUMED, 0)], self.events)
        self.table.domain_destroy(ref)

    def test_event_that_comes_twice_or_late(self) -> None:
        stop = [{"event": "STOP", "count": 3}, {"return": {}}, {"event": "STOP"}]
        cont = [{"return": {}}, {"event": "RESUME", "count": 2}]
        ref = self.start(stop=stop)
        self.table.domain_suspend(ref)
        self.assertEqual([(SUSPENDED, 0)], self.events)
        self.table.domain_destroy(ref)
        ref = self.start(cont=cont)
        self.until(lambda: self.state(ref)[0] == State.RUNNING)
        self.table.domain_suspend(ref)
        self.assertEqual((State.PAUSED, Paused.USER), self.state(ref))
        self.table.domain_destroy(ref)

    def test_event_storm(self) -> None:
        storm = [{"event": "RTC_CHANGE", "data": {"offset": 1}, "count": 100000}, {"return": {}}]
        seen: list[Any] = []
        ref = self.start(inject_nmi=storm)
        self.table.connect_domain_event_register_any(ref, 2, lambda *args: seen.append(1))
        self.table.domain_inject_nmi(ref, 0)
        begun = time.monotonic()
        self.assertEqual(State.RUNNING, self.state(ref)[0])
        self.assertLess(time.monotonic() - begun, 1)
        self.until(lambda: len(seen) == 100000, 60)
        self.table.domain_destroy(ref)

    def test_hangs_in_a_command(self) -> None:
        self.table.state.settings.change_deadline = 0.5
        ref = self.start(stop=[{"hang": True}])
        begun = time.monotonic()
        with self.assertRaisesRegex(libvirtError, "QEMU command 'stop' not answered in 0.5 s"):
            self.table.domain_suspend(ref)
        self.assertLess(time.monotonic() - begun, 2)
        self.assertIn("<domain", self.table.domain_get_xml_desc(ref, 0))
        self.assertEqual(State.RUNNING, self.state(ref)[0])
        self.table.domain_destroy(ref)
        self.assertEqual([], self.leftovers())

    def test_closes_its_monitor_and_lives(self) -> None:
        """The guest may be well: it is kept, and its end is seen; who wants to is told."""
        ref = self.start(inject_nmi=[{"close": True}])
        pid = self.pid(ref)
        told: list[str] = []
        event = int(EventID.CONTROL_ERROR)
        self.table.connect_domain_event_register_any(None, event, lambda dom: told.append(dom.name))
        self.assertEqual((CONTROL_OK, 0, 0), self.table.domain_get_control_info(ref, 0))
        with self.assertRaises(libvirtError):
            self.table.domain_inject_nmi(ref, 0)
        self.assertEqual(State.RUNNING, self.state(ref)[0])
        self.assertEqual([pid], [found.pid for found in self.running()])
        self.until(lambda: told == ["fake"], 20)
        info = self.table.domain_get_control_info(ref, 0)
        self.assertEqual((CONTROL_ERROR, REASON_MONITOR), info[:2])
        self.table.domain_destroy(ref)
        self.assertEqual((State.SHUTOFF, Shutoff.DESTROYED), self.state(ref))
        self.assertEqual(["fake"], told)

    def test_ends_in_a_command(self) -> None:
        ref = self.start(inject_nmi=[{"exit": 0}])
        with self.assertRaises(libvirtError):
            self.table.domain_inject_nmi(ref, 0)
        self.until(lambda: (STOPPED, 5) in self.events)
        self.assertEqual((State.SHUTOFF, Shutoff.CRASHED), self.state(ref))
        self.assertNotIn((STARTED, 0), self.events)
        self.assertEqual([], self.leftovers())
