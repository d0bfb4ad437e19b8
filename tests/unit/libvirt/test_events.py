# SPDX-License-Identifier: Apache-2.0
"""The event loop, registrations, delivery."""

import contextlib
import io
import os
import threading
from collections.abc import Callable
from typing import Any

from nova_pyvirt import libvirt
from nova_pyvirt.libvirt.events import loop
from nova_pyvirt.libvirt.events.default import DefaultLoop
from tests.base import TestCase
from tests.fixtures.libvirt.faketable import DOMAIN, FakeTable, connect, domain


def events_table(**answers: Any) -> FakeTable:
    """A table whose registrations are numbered 100, 101, ...; see `table.callbacks`."""
    callbacks: dict[int, Callable[..., None]] = {}

    def register(ref: Any, event: int, callback: Callable[..., None]) -> int:
        number = 100 + len(callbacks)
        callbacks[number] = callback
        return number

    table = FakeTable(
        connect_domain_event_register_any=register,
        connect_domain_event_deregister_any=callbacks.pop,
        **answers,
    )
    table.__dict__["callbacks"] = callbacks
    return table


class LoopCase(TestCase):
    """Each test has an event loop of its own."""

    def setUp(self) -> None:
        libvirt.registerErrorHandler(lambda ctx, err: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        kept = loop._current.registered, loop._current.default
        loop._current.registered = loop._current.default = None
        self.addCleanup(self.restore, kept)

    def restore(self, kept: tuple[Any, Any]) -> None:
        loop._current.registered, loop._current.default = kept


class RegistrationTest(LoopCase):
    def failing(self, call: Any, *args: Any) -> tuple[int, int, str]:
        with self.assertRaises(libvirt.libvirtError) as caught:
            call(*args)
        err = caught.exception.err
        assert err is not None
        return err[:3]

    def test_without_a_loop(self) -> None:
        conn = connect(events_table())
        text = "internal error: could not initialize domain event timer"
        found = self.failing(conn.domainEventRegisterAny, None, 0, print, None)
        self.assertEqual((1, 0, text), found)

    def test_rules(self) -> None:
        libvirt.virEventRegisterDefaultImpl()
        table = events_table()
        conn = connect(table)
        self.assertEqual(0, conn.domainEventRegisterAny(None, 0, print, None))
        text = "invalid argument: event callback already tracked"
        self.assertEqual((8, 0, text), self.failing(conn.domainEventRegisterAny, None, 0, len, 1))
        self.assertEqual(1, conn.domainEventRegisterAny(domain(table, conn), 0, print, None))
        self.assertEqual(2, conn.domainEventRegisterAny(None, 1, print, None))
        conn.domainEventDeregisterAny(0)
        text = "invalid argument: event callback id 0 not registered"
        self.assertEqual((8, 0, text), self.failing(conn.domainEventDeregisterAny, 0))
        self.assertEqual(3, conn.domainEventRegisterAny(None, 0, print, None))

    def test_unknown_event(self) -> None:
        libvirt.virEventRegisterDefaultImpl()
        for event in (-1, 99):
            with self.assertRaises(libvirt.libvirtError):
                connect(events_table()).domainEventRegisterAny(None, event, print, None)

    def test_refused_by_the_driver(self) -> None:
        libvirt.virEventRegisterDefaultImpl()
        table = FakeTable()
        conn = connect(table)
        self.assertEqual(3, self.failing(conn.domainEventRegisterAny, None, 0, print, None)[0])
        self.assertEqual(0, conn.close())

    def test_a_registration_holds_the_connection(self) -> None:
        libvirt.virEventRegisterDefaultImpl()
        table = events_table()
        conn = connect(table)
        number = conn.domainEventRegisterAny(None, 0, print, None)
        holder = conn._o
        self.assertEqual(1, conn.close())
        assert holder is not None
        self.assertEqual(0, table.closed)
        conn._o = holder
        conn.domainEventDeregisterAny(number)
        self.assertEqual(1, table.closed)


class DeliveryTest(LoopCase):
    def setUp(self) -> None:
        super().setUp()
        libvirt.virEventRegisterDefaultImpl()
        self.table = events_table()
        self.conn = connect(self.table)
        self.seen: list[Any] = []

    def callback(self, conn: Any, dom: Any, *rest: Any) -> None:
        self.seen.append((conn is self.conn, dom.name(), dom.ID(), threading.get_ident(), *rest))

    def happen(self, *args: Any) -> None:
        """The event, on a thread of its own."""
        for callback in list(self.table.callbacks.values()):
            thread = threading.Thread(target=callback, args=(DOMAIN, *args))
            thread.start()
            thread.join()

    def drain(self) -> None:
        """Runs the loop until a marker comes out."""
        done: list[int] = []
        timer = libvirt.virEventAddTimeout(0, lambda timer, opaque: done.append(timer), None)
        while not done:
            libvirt.virEventRunDefaultImpl()
        libvirt.virEventRemoveTimeout(timer)
        libvirt.virEventRunDefaultImpl()

    def test_on_the_loops_thread(self) -> None:
        self.conn.domainEventRegisterAny(None, 0, self.callback, "mine")
        self.happen(2, 0)
        self.assertEqual([], self.seen)
        libvirt.virEventRunDefaultImpl()
        self.drain()
        self.assertEqual([(True, "guest", 7, threading.get_ident(), 2, 0, "mine")], self.seen)

    def test_order(self) -> None:
        self.conn.domainEventRegisterAny(None, 0, self.callback, None)
        for detail in range(5):
            self.happen(2, detail)
        self.drain()
        self.assertEqual(list(range(5)), [s[5] for s in self.seen])

    def test_nothing_after_deregistration(self) -> None:
        number = self.conn.domainEventRegisterAny(None, 0, self.callback, None)
        self.happen(2, 0)
        self.conn.domainEventDeregisterAny(number)
        self.drain()
        self.assertEqual([], self.seen)

    def test_a_raising_callback_harms_nobody(self) -> None:
        self.conn.domainEventRegisterAny(None, 0, lambda *args: 1 / 0, None)
        self.conn.domainEventRegisterAny(None, 1, self.callback, None)
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            self.happen()
            self.table.callbacks[100](DOMAIN, 2, 0)
            self.drain()
        self.assertIn("ZeroDivisionError", stderr.getvalue())
        self.assertEqual(1, len(self.seen))

    def test_legacy(self) -> None:
        self.conn.domainEventRegister(self.callback, "o")
        self.happen(5, 1)
        self.drain()
        self.assertEqual([(5, 1, "o")], [s[4:] for s in self.seen])
        self.conn.domainEventDeregister(self.callback)
        self.conn.domainEventDeregister(self.callback)
        self.assertEqual({}, self.table.callbacks)

    def test_graphics_and_others_pass_their_arguments(self) -> None:
        got: list[Any] = []
        self.conn.domainEventRegisterAny(None, 5, lambda c, d, *rest: got.append(rest), "o")
        address = {"family": 0, "node": "::1", "service": "5900"}
        self.happen(0, address, address, "none", [("x", "y")])
        self.drain()
        self.assertEqual([(0, address, address, "none", [("x", "y")], "o")], got)

    def test_close_callback(self) -> None:
        callbacks: list[Callable[[int], None]] = []
        table = FakeTable(
            connect_register_close_callback=callbacks.append,
            connect_unregister_close_callback=None,
        )
        conn = connect(table)
        got: list[Any] = []
        register = conn.registerCloseCallback
        self.assertEqual(0, register(lambda c, reason, o: got.append((c is conn, reason, o)), "o"))
        with self.assertRaisesRegex(libvirt.libvirtError, "A close callback is already registered"):
            register(print, None)
        callbacks[0](libvirt.VIR_CONNECT_CLOSE_REASON_EOF)
        self.drain()
        self.assertEqual([(True, 1, "o")], got)
        conn.unregisterCloseCallback()
        with self.assertRaisesRegex(libvirt.libvirtError, "A different callback was requested"):
            conn.unregisterCloseCallback()


class DefaultLoopTest(LoopCase):
    def test_handles(self) -> None:
        libvirt.virEventRegisterDefaultImpl()
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        self.addCleanup(os.close, write)
        got: list[Any] = []
        watch = libvirt.virEventAddHandle(
            read, libvirt.VIR_EVENT_HANDLE_READABLE, lambda *args: got.append(args), "o"
        )
        libvirt.virEventRunDefaultImpl()  # the wake-up of adding it
        os.write(write, b"x")
        libvirt.virEventRunDefaultImpl()
        self.assertEqual([(watch, read, 1, "o")], got)
        libvirt.virEventUpdateHandle(watch, 0)
        self.assertEqual(0, libvirt.virEventRemoveHandle(watch))
        with self.assertRaises(libvirt.libvirtError):
            libvirt.virEventRemoveHandle(watch)

    def test_timeouts(self) -> None:
        made = DefaultLoop()
        got: list[int] = []
        timer = made.add_timeout(1, lambda number, opaque: got.append(number), None)
        while len(got) < 2:
            made.run_once()
        made.update_timeout(timer, -1)
        made.run_once()
        count = len(got)
        made.wake()
        made.run_once()
        self.assertEqual(count, len(got))
        self.assertEqual((0, -1), (made.remove_timeout(timer), made.remove_timeout(timer)))

    def test_another_thread_wakes_the_loop(self) -> None:
        made = DefaultLoop()
        thread = threading.Thread(target=made.run_once)
        thread.start()
        made.wake()
        thread.join(10)
        self.assertFalse(thread.is_alive())

    def test_without_implementation(self) -> None:
        with self.assertRaisesRegex(libvirt.libvirtError, r"virEventAddHandle\(\) failed"):
            libvirt.virEventAddHandle(0, 1, print, None)

    def test_the_first_implementation_stays(self) -> None:
        libvirt.virEventRegisterDefaultImpl()
        first = loop.implementation()
        with self.assertLogs("nova_pyvirt.libvirt.events.loop", "WARNING"):
            libvirt.virEventRegisterDefaultImpl()
        self.assertIs(first, loop.implementation())


class UserLoopTest(LoopCase):
    def test_the_users_functions_do_the_work(self) -> None:
        handles: dict[int, tuple[Any, ...]] = {}
        me = threading.get_ident()
        threads: set[int] = set()

        def add_handle(fd: int, events: int, cb: Any, opaque: Any) -> int:
            threads.add(threading.get_ident())
            handles[len(handles) + 1] = (fd, events, cb, opaque)
            return len(handles)

        libvirt.virEventRegisterImpl(
            add_handle,
            lambda watch, events: None,
            lambda watch: handles.pop(watch) and 0,
            lambda timeout, cb, opaque: 1,
            lambda timer, timeout: None,
            lambda timer: 0,
        )
        table = events_table()
        conn = connect(table)
        got: list[Any] = []
        conn.domainEventRegisterAny(None, 0, lambda c, d, *rest: got.append(rest), "o")
        thread = threading.Thread(target=table.callbacks[100], args=(DOMAIN, 2, 0))
        thread.start()
        thread.join()
        ((watch, (fd, events, cb, opaque)),) = handles.items()
        cb(watch, fd, events, opaque)
        self.assertEqual([(2, 0, "o")], got)
        self.assertEqual({me}, threads)
        libvirt.virEventInvokeFreeCallback(opaque)
