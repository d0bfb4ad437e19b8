# SPDX-License-Identifier: Apache-2.0
"""What a client may do wrong without harm: callbacks that fail, wait or call back, a connection
closed while it is used, a child process.
"""

import contextlib
import io
import json
import os
import signal
import threading
from typing import Any

from nova_pyvirt import libvirt
from nova_pyvirt.core.states import Running, State
from tests.functional.lifecycle_case import RESUMED, STARTED, STOPPED, SUSPENDED, LifecycleCase

#: the event loop is the process's
_registered: list[bool] = []


class ClientCase(LifecycleCase):
    """A guest, and connections as clients have them, with an event loop in a thread."""

    def setUp(self) -> None:
        super().setUp()
        libvirt.registerErrorHandler(lambda _context, _error: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)
        if not _registered:
            libvirt.virEventRegisterDefaultImpl()
            _registered.append(True)
        self.define()
        self.conn = self.connect()
        self.dom = self.conn.lookupByName("nano")
        self.over = False
        self.loop = threading.Thread(target=self.turn, daemon=True)
        self.loop.start()
        self.addCleanup(self.end)

    def connect(self) -> libvirt.virConnect:
        conn = libvirt.open(f"qemu:///embed?root={self.root}")
        self.addCleanup(self.close, conn)
        return conn

    @staticmethod
    def close(conn: libvirt.virConnect) -> None:
        with contextlib.suppress(libvirt.libvirtError):
            conn.close()

    def turn(self) -> None:
        while not self.over:
            libvirt.virEventRunDefaultImpl()

    def end(self) -> None:
        self.over = True
        libvirt.virEventAddTimeout(0, lambda *_args: None, None)  # the loop looks once more
        self.loop.join(10)

    def listen(self, callback: Any, conn: libvirt.virConnect | None = None) -> None:
        """With a connection of its own: one takes one callback of a kind."""
        conn = conn or self.connect()
        number = conn.domainEventRegisterAny(None, 0, callback, None)
        self.addCleanup(self.forget, conn, number)

    @staticmethod
    def forget(conn: libvirt.virConnect, number: int) -> None:
        """A registration holds its connection open."""
        with contextlib.suppress(libvirt.libvirtError):
            conn.domainEventDeregisterAny(number)

    def cycle(self) -> None:
        self.dom.create()
        self.dom.suspend()
        self.dom.resume()
        self.dom.destroy()


WHOLE = [(RESUMED, 0), (STARTED, 0), (SUSPENDED, 0), (RESUMED, 0), (6, 2), (STOPPED, 1)]


class TestCallbacks(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.seen: list[tuple[int, int]] = []

    def see(self, _conn: Any, _dom: Any, event: int, detail: int, _opaque: Any) -> None:
        self.seen.append((event, detail))

    def check(self) -> None:
        """Whoever listens after the bad one has missed nothing."""
        self.until(lambda: len(self.seen) == len(WHOLE))
        self.assertEqual(WHOLE, self.seen)

    def test_raises(self) -> None:
        def bad(*_args: Any) -> None:
            raise ZeroDivisionError

        self.listen(bad)
        self.listen(self.see)
        with contextlib.redirect_stderr(io.StringIO()) as said:
            self.cycle()
            self.check()
        self.assertEqual(len(WHOLE), said.getvalue().count("\nZeroDivisionError"))

    def test_waits(self) -> None:
        """Nothing but the callbacks after it waits for it."""
        go, waits = threading.Event(), threading.Event()

        def bad(*_args: Any) -> None:
            waits.set()
            go.wait(20)

        self.addCleanup(go.set)
        self.listen(bad)
        self.listen(self.see)
        self.cycle()
        self.assertTrue(waits.wait(10))
        self.assertEqual([], self.seen)
        self.cycle()
        self.assertEqual([5, 2], self.dom.state())
        go.set()
        self.until(lambda: len(self.seen) == 2 * len(WHOLE))
        self.assertEqual(WHOLE * 2, self.seen)

    def test_calls_back(self) -> None:
        states: list[int] = []

        def calls(conn: Any, dom: Any, event: int, _detail: int, _opaque: Any) -> None:
            states.append(dom.state()[0])
            dom.XMLDesc()
            conn.listAllDomains()
            if event == STARTED:
                dom.setMetadata(1, "seen", None, None, 1)

        self.listen(calls)
        self.listen(self.see)
        self.cycle()
        self.check()
        self.assertEqual(len(WHOLE), len(states))

    def test_changes_the_guest(self) -> None:
        """An operation from within: the next events follow."""

        def suspends(_conn: Any, dom: Any, event: int, _detail: int, _opaque: Any) -> None:
            if event == STARTED:
                dom.suspend()

        self.listen(suspends)
        self.listen(self.see)
        self.dom.create()
        self.until(lambda: len(self.seen) == 3)
        self.assertEqual([(RESUMED, 0), (STARTED, 0), (SUSPENDED, 0)], self.seen)
        self.assertEqual([State.PAUSED, 1], self.dom.state())

    def test_closes_its_connection(self) -> None:
        other = self.connect()
        # its registration holds it, and nobody can take that back: as with libvirt, but not here
        self.addCleanup(other._o.end)
        self.listen(lambda conn, *_args: conn.close(), other)
        self.listen(self.see)
        with contextlib.redirect_stderr(io.StringIO()):  # it is called again before it is gone
            self.cycle()
            self.check()
        self.assertEqual("QEMU", self.conn.getType())


class TestClosing(ClientCase):
    def test_closed_in_the_middle_of_a_call(self) -> None:
        fifo = f"{self.root}/go"
        os.mkfifo(fifo)
        os.chmod(fifo, 0o666)
        os.makedirs(f"{self.root}/etc/hooks")
        hook = f"{self.root}/etc/hooks/qemu"
        with open(hook, "w", encoding="utf-8") as file:
            file.write(f'#!/bin/sh\n[ "$2" != start ] || cat {fifo}\n')
        os.chmod(hook, 0o755)
        self.table.state.hooks.refresh()
        outcome: list[str] = []

        def create() -> None:
            try:
                self.dom.create()
                outcome.append("")
            except libvirt.libvirtError as exc:
                outcome.append(str(exc))

        thread = threading.Thread(target=create)
        thread.start()
        self.until(lambda: self.dom.isActive())
        self.conn.close()
        with open(fifo, "w", encoding="utf-8") as file:
            file.write("go")
        thread.join(20)
        self.assertFalse(thread.is_alive())
        again = self.connect().lookupByName("nano")
        # the call was begun by an open connection, and is finished
        self.assertEqual(([""], [State.RUNNING, Running.BOOTED]), (outcome, again.state()))
        again.destroy()
        self.assertEqual([], self.leftovers())


class TestFork(ClientCase):
    def in_a_child(self) -> dict[str, Any]:
        """Runs the calls in a child of this process, which calls all the time meanwhile."""
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            signal.alarm(20)
            os.write(writer, json.dumps(self.calls()).encode())
            os._exit(0)
        os.close(writer)
        for _number in range(50):
            self.dom.suspend()
            self.dom.resume()
            self.assertEqual([State.RUNNING, Running.UNPAUSED], self.dom.state())
        with os.fdopen(reader) as file:
            said: dict[str, Any] = json.loads(file.read())
        self.assertEqual(0, os.waitpid(child, 0)[1])
        return said

    def calls(self) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for call in (self.dom.state, self.dom.suspend, self.dom.destroy, self.conn.close):
            try:
                said[call.__name__] = str(call())
            except libvirt.libvirtError as exc:
                said[call.__name__] = exc.get_error_code()
        return said

    def test_a_child_can_not_touch_the_guests(self) -> None:
        self.dom.createWithFlags(libvirt.VIR_DOMAIN_START_AUTODESTROY)
        said = self.in_a_child()
        for name in ("state", "suspend", "destroy"):
            self.assertEqual(libvirt.VIR_ERR_INVALID_CONN, said[name], name)
        self.assertTrue(self.dom.isActive())
        self.dom.destroy()

    def test_a_child_does_not_hold_the_directories(self) -> None:
        """The next manager is not kept out by a child that lives on."""
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(writer)
            os.read(reader, 1)
            os._exit(0)
        self.conn.close()
        self.table.close()
        del self.dom, self.conn
        try:
            self.assertEqual(0, self.child("start"))
        finally:
            os.close(writer)
            os.waitpid(child, 0)
            os.close(reader)
        self.table = self.open()
