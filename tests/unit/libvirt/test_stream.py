# SPDX-License-Identifier: Apache-2.0
"""Streams."""

from typing import Any

from nova_pyvirt import libvirt
from nova_pyvirt.core.stream import Stream
from tests.base import TestCase
from tests.fixtures.libvirt.faketable import DOMAIN, FakeTable, connect, domain


class FakeDriver:
    """A stream in memory: what is received is what was given."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = list(pieces)
        self.sent: list[Any] = []
        self.ended: str | None = None

    def send(self, data: bytes) -> int:
        self.sent.append(data)
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes | int:
        piece: bytes | int = self.pieces.pop(0) if self.pieces else b""
        return piece

    def send_hole(self, length: int, flags: int = 0) -> None:
        self.sent.append(length)

    def recv_hole(self, flags: int = 0) -> int:
        return 4096

    def finish(self) -> None:
        self.ended = "finish"

    def abort(self) -> None:
        self.ended = "abort"


class StreamTest(TestCase):
    def setUp(self) -> None:
        libvirt.registerErrorHandler(lambda ctx, err: None, None)
        self.addCleanup(libvirt.registerErrorHandler, None, None)

    def opened(self, *pieces: Any) -> tuple[Any, FakeDriver]:
        driver = FakeDriver(*pieces)

        def console(ref: Any, name: Any, stream: Stream, flags: int) -> None:
            stream.driver = driver  # type: ignore[assignment]

        dom = domain(FakeTable(domain_open_console=console))
        stream = dom.connect().newStream(0)
        dom.openConsole(None, stream, 0)
        return stream, driver

    def test_console(self) -> None:
        stream, driver = self.opened(b"login: ", -2)
        self.assertEqual((b"login: ", -2), (stream.recv(100), stream.recv(100)))
        self.assertEqual(2, stream.send(b"ls"))
        self.assertEqual(0, stream.finish())
        self.assertEqual("finish", driver.ended)

    def test_unopened(self) -> None:
        stream = connect(FakeTable()).newStream(libvirt.VIR_STREAM_NONBLOCK)
        with self.assertRaisesRegex(libvirt.libvirtError, "connection driver: virStreamSend"):
            stream.send(b"x")
        self.assertEqual(0, stream.abort())

    def test_forgotten_streams_are_dropped(self) -> None:
        stream, driver = self.opened()
        del stream
        self.assertEqual("abort", driver.ended)

    def test_receive_all(self) -> None:
        stream, _ = self.opened(b"a", b"bc")
        got: list[bytes] = []
        stream.recvAll(lambda st, data, opaque: got.append(data), None)
        self.assertEqual([b"a", b"bc"], got)

    def test_a_failing_handler_drops_the_stream(self) -> None:
        stream, driver = self.opened(b"a")
        with self.assertRaisesRegex(RuntimeError, "recvAll handler returned -1"):
            stream.recvAll(lambda st, data, opaque: -1, None)
        self.assertEqual("abort", driver.ended)

    def test_send_all(self) -> None:
        stream, driver = self.opened()
        pieces = [b"ab", b"c", b""]
        stream.sendAll(lambda st, size, opaque: pieces.pop(0), None)
        self.assertEqual([b"ab", b"c"], driver.sent)

    def test_sparse_receive(self) -> None:
        stream, _ = self.opened(b"a", -3, b"b")
        got: list[Any] = []
        stream.sparseRecvAll(
            lambda st, data, opaque: got.append(data),
            lambda st, length, opaque: got.append(length),
            None,
        )
        self.assertEqual([b"a", 4096, b"b"], got)

    def test_the_slot_gets_the_stream(self) -> None:
        table = FakeTable(domain_screenshot="image/png")
        dom = domain(table)
        stream = dom.connect().newStream(0)
        self.assertEqual("image/png", dom.screenshot(stream, 0))
        _, ref, given, screen, flags = table.calls[0]
        self.assertEqual((DOMAIN, 0, 0), (ref, screen, flags))
        self.assertIsInstance(given, Stream)
