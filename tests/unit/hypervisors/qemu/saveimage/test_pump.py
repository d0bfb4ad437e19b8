# SPDX-License-Identifier: Apache-2.0
"""Bytes between a socket and a file: whole, odd, past the cache, and when the file fails."""

import errno
import os
import tempfile
import threading

from nova_pyvirt.hypervisors.qemu.saveimage import filters
from nova_pyvirt.hypervisors.qemu.saveimage.filters import Filter
from nova_pyvirt.hypervisors.qemu.saveimage.pump import CHUNK, Pump
from tests.base import TestCase

DATA = os.urandom(3 * CHUNK + 4097)


class PumpCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        directory = tempfile.mkdtemp(dir="/var/tmp")
        self.path = f"{directory}/image"
        self.addCleanup(os.rmdir, directory)
        self.addCleanup(lambda: os.path.exists(self.path) and os.unlink(self.path))

    def open(self, flags: int) -> int:
        return os.open(self.path, flags | os.O_CREAT, 0o600)

    def content(self) -> bytes:
        with open(self.path, "rb") as file:
            return file.read()

    def write(self, flags: int) -> None:
        pump = Pump(self.open(os.O_WRONLY | flags), writing=True)
        pump.peer.sendall(DATA)
        pump.finish()
        pump.close()
        self.assertEqual(DATA, self.content())


class TestPump(PumpCase):
    def test_write(self) -> None:
        self.write(0)

    def test_write_past_the_cache(self) -> None:
        try:
            os.close(self.open(os.O_WRONLY | os.O_DIRECT))
        except OSError:
            self.skipTest("no O_DIRECT here")
        self.write(os.O_DIRECT)

    def test_read(self) -> None:
        with open(self.path, "wb") as file:
            file.write(DATA)
        pump = Pump(self.open(os.O_RDONLY), writing=False, skip=4096)
        got = b""
        while part := pump.peer.recv(1 << 20):
            got += part
        pump.finish()
        pump.close()
        self.assertEqual(DATA[4096:], got)

    def test_full_disk_ends_the_stream(self) -> None:
        pump = Pump(os.open("/dev/full", os.O_WRONLY), writing=True)
        with self.assertRaises(OSError):
            for _ in range(100):
                pump.peer.sendall(bytes(1 << 20))
        with self.assertRaises(OSError) as caught:
            pump.finish()
        self.assertEqual(errno.ENOSPC, caught.exception.errno)
        pump.close()

    def test_abort_frees_a_writer_that_hangs(self) -> None:
        fifo = f"{self.path}.fifo"
        os.mkfifo(fifo)
        self.addCleanup(os.unlink, fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        pump = Pump(os.open(fifo, os.O_WRONLY), writing=True)
        raised: list[OSError] = []

        def send() -> None:
            try:
                pump.peer.sendall(bytes(64 << 20))
            except OSError as exc:
                raised.append(exc)

        sender = threading.Thread(target=send)
        sender.start()
        pump._ours.shutdown(2)  # what abort() does to the other side first
        sender.join(5)
        pump.abort()
        self.assertFalse(sender.is_alive() or pump._thread.is_alive())
        self.assertTrue(raised)
        pump.close()

    def test_no_descriptor_stays(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        self.write(0)
        self.assertEqual(before, len(os.listdir("/proc/self/fd")))


class TestFilters(PumpCase):
    def test_gzip_there_and_back(self) -> None:
        fmt = filters.choose("gzip", "save")
        packed = Pump(self.open(os.O_WRONLY), writing=True)
        program = Filter(filters.compressor(fmt) or [], packed.peer, writing=True)
        packed.given()
        program.peer.sendall(DATA)
        program.finish()
        packed.finish()
        packed.close()
        self.assertEqual(b"\x1f\x8b", self.content()[:2])
        source = Pump(self.open(os.O_RDONLY), writing=False)
        program = Filter(filters.decompressor(fmt) or [], source.peer, writing=False)
        source.given()
        got = b""
        while part := program.peer.recv(1 << 20):
            got += part
        program.finish()
        source.finish()
        source.close()
        self.assertEqual(DATA, got)

    def test_unknown_formats(self) -> None:
        with self.assertRaisesRegex(Exception, "Invalid save image format specified"):
            filters.choose("zip", "save")
        self.assertEqual(0, filters.choose("zip", "dump", lenient=True))
        with self.assertRaisesRegex(Exception, "Invalid compressed save format 7"):
            filters.decompressor(7)
