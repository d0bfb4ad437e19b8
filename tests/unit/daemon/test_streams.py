# SPDX-License-Identifier: Apache-2.0
"""Streams and descriptors through the daemon, with a table that keeps bytes in memory."""

import os
import threading
from typing import Any

from nova_pyvirt.core.refs import DomainRef, StorageVolRef
from nova_pyvirt.core.stream import IN_HOLE, READABLE, WOULD_BLOCK, Stream
from nova_pyvirt.errors import Code, error, libvirtError
from tests.unit.daemon.base import DaemonCase

VOL = StorageVolRef("pool", "vol", "/vol")
DOM = DomainRef("d", b"u" * 16, 1)


class Memory:
    """A stream driver over a bytearray; `holes` are (offset, length)."""

    def __init__(self, data: bytes = b"", fail_at: int = -1, sparse: bool = False) -> None:
        self.data = data
        self.fail_at = fail_at
        self.sparse = sparse
        self.taken = bytearray()
        self.holes: list[int] = []
        self.ended = ""
        self.over = threading.Event()

    def send(self, data: bytes) -> int:
        if 0 <= self.fail_at <= len(self.taken):
            raise error(Code.OPERATION_FAILED, "disk full")
        piece = data[:1000]
        self.taken += piece
        return len(piece)

    def recv(self, size: int, flags: int = 0) -> bytes | int:
        if self.sparse and flags & 1:
            return IN_HOLE
        if self.fail_at >= 0 and not self.data:
            raise error(Code.OPERATION_FAILED, "read error")
        piece, self.data = self.data[:size], self.data[size:]
        return piece

    def send_hole(self, length: int, flags: int = 0) -> None:
        self.holes.append(length)

    def recv_hole(self, flags: int = 0) -> int:
        self.sparse = False
        return 4096

    def finish(self) -> None:
        self.ended = "finish"
        self.over.set()

    def abort(self) -> None:
        self.ended = "abort"
        self.over.set()


class Echo(Memory):
    """A console: gives back what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Condition()
        self.closed = False

    def send(self, data: bytes) -> int:
        with self.lock:
            self.taken += data
            self.lock.notify_all()
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes | int:
        with self.lock:
            self.lock.wait_for(lambda: self.taken or self.closed)
            data = bytes(self.taken)
            self.taken.clear()
            return data

    def abort(self) -> None:
        with self.lock:
            self.closed = True
            self.lock.notify_all()
        super().abort()

    finish = abort


class StreamTable:
    uri = "stream:///"

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.files: list[bytes] = []

    def storage_vol_download(
        self, vol: StorageVolRef, st: Stream, offset: int, length: int, flags: int
    ) -> None:
        st.driver = self.driver

    def storage_vol_upload(
        self, vol: StorageVolRef, st: Stream, offset: int, length: int, flags: int
    ) -> None:
        st.driver = self.driver

    def domain_open_console(self, dom: DomainRef, name: str | None, st: Stream, flags: int) -> None:
        st.driver = self.driver

    def domain_screenshot(self, dom: DomainRef, st: Stream, screen: int, flags: int) -> str:
        st.driver = self.driver
        return "image/x-portable-pixmap"

    def domain_fd_associate(self, dom: DomainRef, name: str, fds: list[int], flags: int) -> None:
        for fd in fds:
            self.files.append(os.read(fd, 100))
            os.close(fd)

    def domain_open_graphics_fd(self, dom: DomainRef, index: int, flags: int) -> int:
        read, write = os.pipe()
        os.write(write, b"graphics")
        os.close(write)
        return read

    def close(self) -> None:
        """Nothing to end."""


class StreamsTest(DaemonCase):
    driver: Any = None

    def opener(self, name: str | None, flags: int) -> Any:
        self.near = StreamTable(self.driver)
        return self.near

    def download(self, driver: Any, flags: int = 0) -> Stream:
        self.driver = driver
        stream = Stream()
        self.table().storage_vol_download(VOL, stream, 0, 0, flags)
        return stream

    def test_download(self) -> None:
        data = os.urandom(3_000_000)
        driver = Memory(data)
        stream = self.download(driver)
        assert stream.driver is not None
        got = b""
        while piece := stream.driver.recv(100_000):
            assert isinstance(piece, bytes)
            got += piece
        stream.driver.finish()
        self.assertEqual(data, got)
        self.assertTrue(driver.over.wait(5))
        self.assertEqual("finish", driver.ended)

    def test_a_reader_that_is_slow_holds_the_source_back(self) -> None:
        driver = Memory(bytes(16 * 1024 * 1024))
        stream = self.download(driver)
        (session,) = self.server.sessions()
        self.eventually(lambda: len(driver.data) < 16 * 1024 * 1024, "nothing moves")
        assert stream.driver is not None
        got = 0
        while piece := stream.driver.recv(1 << 20):
            assert isinstance(piece, bytes)
            got += len(piece)
            self.assertLess(session.output.queued, 4 << 20)
        self.assertEqual(16 * 1024 * 1024, got)
        stream.driver.finish()

    def test_an_error_while_reading(self) -> None:
        stream = self.download(Memory(b"abc", fail_at=0))
        assert stream.driver is not None
        self.assertEqual(b"abc", stream.driver.recv(10))
        with self.assertRaises(libvirtError) as caught:
            stream.driver.recv(10)
        self.assertIn("read error", str(caught.exception))

    def test_upload_with_a_hole(self) -> None:
        self.driver = driver = Memory()
        stream = Stream()
        self.table().storage_vol_upload(VOL, stream, 0, 0, 1)
        assert stream.driver is not None
        data = os.urandom(1_000_000)
        rest = data
        while rest:
            rest = rest[stream.driver.send(rest) :]
        stream.driver.send_hole(4096)
        stream.driver.finish()
        self.assertEqual(data, bytes(driver.taken))
        self.assertEqual([4096], driver.holes)
        self.assertEqual("finish", driver.ended)

    def test_a_hole_downwards(self) -> None:
        stream = self.download(Memory(b"data", sparse=True), 1)
        assert stream.driver is not None
        self.assertEqual(IN_HOLE, stream.driver.recv(10, 1))
        self.assertEqual(4096, stream.driver.recv_hole())
        self.assertEqual(b"data", stream.driver.recv(10, 1))

    def test_an_error_while_writing_reaches_the_client(self) -> None:
        self.driver = driver = Memory(fail_at=5000)
        stream = Stream()
        self.table().storage_vol_upload(VOL, stream, 0, 0, 0)
        assert stream.driver is not None
        with self.assertRaises(libvirtError) as caught:
            stream.driver.send(bytes(20000))
            stream.driver.finish()
        self.assertIn("disk full", str(caught.exception))
        self.assertTrue(driver.over.wait(5))
        self.assertEqual("abort", driver.ended)

    def test_console_both_ways_and_nonblocking(self) -> None:
        self.driver = driver = Echo()
        stream = Stream(nonblock=True)
        self.table().domain_open_console(DOM, None, stream, 0)
        assert stream.driver is not None
        self.assertEqual(WOULD_BLOCK, stream.driver.recv(10))
        seen = threading.Event()
        stream.driver.event_add_callback(READABLE, lambda events: seen.set())
        self.assertEqual(6, stream.driver.send(b"hello\n"))
        self.assertTrue(seen.wait(5))
        self.assertEqual(b"hello\n", stream.driver.recv(10))
        stream.driver.abort()
        self.assertTrue(driver.over.wait(5))

    def test_the_client_goes_while_a_stream_is_open(self) -> None:
        self.driver = driver = Echo()
        stream = Stream()
        far = self.table()
        far.domain_open_console(DOM, None, stream, 0)
        far.close()
        self.assertTrue(driver.over.wait(5))
        self.assertEqual("abort", driver.ended)

    def test_screenshot_tells_the_type(self) -> None:
        self.driver = Memory(b"P6")
        stream = Stream()
        mime = self.table().domain_screenshot(DOM, stream, 0, 0)
        self.assertEqual("image/x-portable-pixmap", mime)
        assert stream.driver is not None
        self.assertEqual(b"P6", stream.driver.recv(10))

    def test_descriptors_both_ways(self) -> None:
        far = self.table()
        pipes = [os.pipe() for _ in range(3)]
        for number, (_, write) in enumerate(pipes):
            os.write(write, b"file%d" % number)
            os.close(write)
        far.domain_fd_associate(DOM, "files", [read for read, _ in pipes], 0)
        self.assertEqual([b"file0", b"file1", b"file2"], self.near.files)
        for read, _ in pipes:
            os.close(read)
        fd = far.domain_open_graphics_fd(DOM, 0, 0)
        self.assertEqual(b"graphics", os.read(fd, 100))
        os.close(fd)

    def test_aborting_while_another_thread_reads(self) -> None:
        self.driver = driver = Echo()
        stream = Stream()
        self.table().domain_open_console(DOM, None, stream, 0)
        assert stream.driver is not None
        got: list[object] = []
        reader = threading.Thread(target=lambda: got.append(stream.driver.recv(10)), daemon=True)
        reader.start()
        stream.driver.abort()
        reader.join(5)
        self.assertEqual([b""], got)
        self.assertTrue(driver.over.wait(5))
