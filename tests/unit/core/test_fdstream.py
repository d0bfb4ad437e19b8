# SPDX-License-Identifier: Apache-2.0
"""Streams over descriptors: data, blocking, watching, and every way to end."""

import os
import socket

from nova_pyvirt.core.fdstream import DataStream, FdStream
from nova_pyvirt.core.stream import HANGUP, READABLE, WOULD_BLOCK, WRITABLE, Stream
from nova_pyvirt.errors import libvirtError
from nova_pyvirt.util import loop
from nova_pyvirt.util.native import queue, threading
from tests.base import TestCase

LONG = 20.0


class TestFdStream(TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(loop.release)
        ours, self.peer = socket.socketpair()
        self.addCleanup(self.peer.close)
        self.peer.settimeout(LONG)
        self.fd = ours.detach()
        self.closed: list[int] = []

    def stream(self, *, nonblock: bool) -> FdStream:
        driver = FdStream(Stream(nonblock), self.fd, on_close=lambda: self.closed.append(1))
        self.addCleanup(driver.abort)
        return driver

    def test_data(self) -> None:
        driver = self.stream(nonblock=False)
        self.assertEqual(3, driver.send(b"abc"))
        self.assertEqual(b"abc", self.peer.recv(10))
        self.peer.sendall(b"xyz")
        self.assertEqual(b"xy", driver.recv(2))
        self.assertEqual(b"z", driver.recv(2))
        self.peer.close()
        self.assertEqual(b"", driver.recv(2))

    def test_would_block(self) -> None:
        driver = self.stream(nonblock=True)
        self.assertEqual(WOULD_BLOCK, driver.recv(1))
        while driver.send(b"x" * 65536) != WOULD_BLOCK:
            pass
        self.assertEqual([], self.closed)

    def test_a_blocked_reader_is_woken_by_data_and_by_the_end(self) -> None:
        driver = self.stream(nonblock=False)
        results: queue.SimpleQueue[object] = queue.SimpleQueue()

        def read() -> None:
            try:
                results.put(driver.recv(10))
                results.put(driver.recv(10))
            except libvirtError as exc:
                results.put(str(exc))

        thread = threading.Thread(target=read)
        thread.start()
        self.peer.sendall(b"data")
        self.assertEqual(b"data", results.get(timeout=LONG))
        driver.abort()
        self.assertEqual("internal error: stream is not open", results.get(timeout=LONG))
        thread.join(LONG)
        self.assertEqual([1], self.closed)
        with self.assertRaises(OSError):
            os.fstat(self.fd)

    def test_end_happens_once(self) -> None:
        driver = self.stream(nonblock=True)
        driver.finish()
        driver.abort()
        self.assertEqual([1], self.closed)
        with self.assertRaisesRegex(libvirtError, "stream is not open"):
            driver.send(b"x")

    def test_watching(self) -> None:
        driver = self.stream(nonblock=True)
        seen: queue.SimpleQueue[int] = queue.SimpleQueue()
        driver.event_add_callback(READABLE, seen.put)
        self.assertTrue(seen.empty())
        self.peer.sendall(b"abcd")
        self.assertEqual(READABLE, seen.get(timeout=LONG))
        self.assertTrue(seen.empty())  # once, however long the reader takes
        self.assertEqual(b"ab", driver.recv(2))
        self.assertEqual(READABLE, seen.get(timeout=LONG))  # there is more
        self.assertEqual(b"cd", driver.recv(2))
        driver.event_update_callback(READABLE | WRITABLE)
        self.assertEqual(WRITABLE, seen.get(timeout=LONG))
        driver.event_update_callback(READABLE)
        self.peer.close()
        self.assertEqual(READABLE | HANGUP, seen.get(timeout=LONG))
        driver.event_remove_callback()
        self.assertTrue(loop.get().run(loop.get().idle))

    def test_terminal_without_its_other_side(self) -> None:
        master, slave = os.openpty()
        driver = FdStream(Stream(False), slave)
        self.addCleanup(driver.abort)
        os.close(master)
        self.assertEqual(b"", driver.recv(10))

    def test_holes_are_for_files(self) -> None:
        driver = self.stream(nonblock=True)
        for call in (lambda: driver.send_hole(1), driver.recv_hole):
            with self.assertRaisesRegex(libvirtError, "unexpected stream hole"):
                call()


class TestDataStream(TestCase):
    def test_to_its_end(self) -> None:
        driver = DataStream(b"abc")
        seen: list[int] = []
        driver.event_add_callback(READABLE, seen.append)
        self.assertEqual([b"ab", b"c", b""], [driver.recv(2) for _ in range(3)])
        self.assertEqual([READABLE] * 4, seen)
        with self.assertRaisesRegex(libvirtError, "cannot write to stream"):
            driver.send(b"x")
        driver.finish()
        with self.assertRaisesRegex(libvirtError, "stream is not open"):
            driver.recv(1)
