# SPDX-License-Identifier: Apache-2.0
"""The client against a scripted server: replies in any order, broken peers, keepalive, threads."""

import os
import socket
import threading
import time
from collections.abc import Callable

from nova_pyvirt.errors import Code, libvirtError
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.client import CLOSE_EOF, CLOSE_KEEPALIVE, Client, connect_unix
from nova_pyvirt.wire.packet import Kind, Packet, Splitter, dump_error, pack
from tests.base import TestCase


class Peer:
    """The server's end."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(10)
        self.splitter = Splitter()
        self.waiting: list[Packet] = []

    def recv(self) -> Packet:
        while not self.waiting:
            self.waiting += self.splitter.feed(self.sock.recv(65536))
        return self.waiting.pop(0)

    def reply(self, call: Packet, payload: bytes = b"", status: int = 0) -> None:
        data = pack(call.program, call.proc, Kind.REPLY, call.serial, status, payload)
        self.sock.sendall(data)


class ClientCase(TestCase):
    def setUp(self) -> None:
        super().setUp()
        ours, theirs = socket.socketpair()
        self.peer = Peer(theirs)
        self.addCleanup(theirs.close)
        self.reasons: list[int] = []
        self.events: list[Packet] = []
        self.client = Client(ours, self.events.append, self.reasons.append)
        self.addCleanup(self.client.close)

    def background(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        return thread

    def eventually(self, test: Callable[[], object]) -> None:
        end = time.monotonic() + 5
        while not test() and time.monotonic() < end:
            time.sleep(0.005)
        self.assertTrue(test())


class CallTest(ClientCase):
    def test_replies_in_any_order(self) -> None:
        results: dict[int, bytes] = {}

        def call(number: int) -> None:
            results[number] = self.client.call(protocol.REMOTE, number, b"x").payload

        threads = [self.background(lambda n=n: call(n)) for n in range(1, 6)]  # type: ignore[misc]
        calls = [self.peer.recv() for _ in threads]
        for packet in reversed(calls):
            self.peer.reply(packet, b"reply%d" % packet.proc)
        for thread in threads:
            thread.join(5)
        self.assertEqual({n: b"reply%d" % n for n in range(1, 6)}, results)
        self.assertEqual(set(range(5)), {p.serial for p in calls})

    def test_events_between_and_without_calls(self) -> None:
        event = pack(protocol.REMOTE, 318, Kind.MESSAGE, 1, 0, b"event")
        self.peer.sock.sendall(event)
        self.eventually(lambda: len(self.events) == 1)

        def serve() -> None:
            packet = self.peer.recv()
            self.peer.sock.sendall(event)
            self.peer.reply(packet)

        self.background(serve)
        self.client.call(protocol.REMOTE, 1)
        self.assertEqual(2, len(self.events))
        self.peer.sock.sendall(event)
        self.eventually(lambda: len(self.events) == 3)

    def test_an_error(self) -> None:
        err = (42, 10, "Domain not found: x", 2, "Domain not found: %s", "x", None, -1, -1)

        def serve() -> None:
            self.peer.reply(self.peer.recv(), dump_error(err), 1)

        self.background(serve)
        with self.assertRaises(libvirtError) as caught:
            self.client.call(protocol.REMOTE, 1)
        self.assertEqual(err, caught.exception.err)

    def test_descriptors(self) -> None:
        def serve() -> None:
            packet = self.peer.recv()
            data = pack(packet.program, packet.proc, Kind.REPLY_WITH_FDS, packet.serial, 0, b"", 1)
            self.peer.sock.sendall(data)
            read, write = os.pipe()
            os.write(write, b"hi")
            os.close(write)
            socket.send_fds(self.peer.sock, [b"\0"], [read])
            os.close(read)

        self.background(serve)
        (fd,) = self.client.call(protocol.REMOTE, 1).fds
        self.assertEqual(b"hi", os.read(fd, 10))
        self.assertFalse(os.get_inheritable(fd))
        os.close(fd)


class EndTest(ClientCase):
    def test_the_server_hangs_up_on_waiting_callers(self) -> None:
        failed: list[int | None] = []

        def call() -> None:
            try:
                self.client.call(protocol.REMOTE, 1)
            except libvirtError as exc:
                failed.append(exc.get_error_code())

        threads = [self.background(call) for _ in range(4)]
        for _ in threads:
            self.peer.recv()
        self.peer.sock.close()
        for thread in threads:
            thread.join(5)
        self.assertEqual([Code.SYSTEM_ERROR] * 4, failed)
        self.assertEqual([CLOSE_EOF], self.reasons)

    def test_hanging_up_while_nobody_calls(self) -> None:
        self.peer.sock.close()
        self.eventually(lambda: self.reasons == [CLOSE_EOF])

    def test_our_own_close_tells_nobody(self) -> None:
        self.client.close()
        self.assertEqual([], self.reasons)
        with self.assertRaises(libvirtError):
            self.client.call(protocol.REMOTE, 1)

    def test_garbage(self) -> None:
        self.peer.sock.sendall(b"\0\0\0\1garbage")
        self.eventually(lambda: self.client.dead)

    def test_keepalive_gives_up_on_a_silent_server(self) -> None:
        self.client.start_keepalive(0.1, 2)
        self.eventually(lambda: self.reasons == [CLOSE_KEEPALIVE])
        pings = [self.peer.recv() for _ in range(2)]
        self.assertEqual({protocol.PING}, {p.proc for p in pings})

    def test_a_ping_is_answered_while_a_call_waits(self) -> None:
        thread = self.background(lambda: self.client.call(protocol.REMOTE, 1))  # type: ignore[arg-type, return-value]
        call = self.peer.recv()
        self.peer.sock.sendall(pack(protocol.KEEPALIVE, protocol.PING, Kind.MESSAGE, 0))
        self.assertEqual(protocol.PONG, self.peer.recv().proc)
        self.peer.reply(call)
        thread.join(5)
        self.assertFalse(thread.is_alive())

    def test_a_child_is_kept_off_it(self) -> None:
        """It may neither take the parent's replies nor end the parent's connection."""
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            said = 0
            try:
                self.client.call(protocol.REMOTE, 1)
            except libvirtError as exc:
                said = exc.get_error_code() or 0
            self.client.close()
            os.write(writer, bytes([said]))
            os._exit(0)
        os.close(writer)
        self.assertEqual(bytes([Code.INVALID_CONN]), os.read(reader, 1))
        os.close(reader)
        self.assertEqual(0, os.waitpid(child, 0)[1])
        answers: list[bytes] = []
        caller = self.background(
            lambda: answers.append(self.client.call(protocol.REMOTE, 2).payload)
        )
        self.peer.reply(self.peer.recv(), b"mine")
        caller.join(10)
        self.assertEqual([b"mine"], answers)
        call = pack(protocol.REMOTE, 3, Kind.MESSAGE, 0, 0, b"")
        self.peer.sock.sendall(call)
        self.eventually(lambda: self.events)  # the pump reads on
        self.assertEqual([], self.reasons)

    def test_refused(self) -> None:
        with self.assertRaises(libvirtError) as caught:
            connect_unix("/nonexistent/sock")
        self.assertEqual(Code.SYSTEM_ERROR, caught.exception.get_error_code())
        self.assertEqual(
            "Failed to connect socket to '/nonexistent/sock': No such file or directory",
            str(caught.exception),
        )


class LeakTest(TestCase):
    def test_many_connections_leave_nothing(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(300):
            ours, theirs = socket.socketpair()
            client = Client(ours)
            client.close()
            theirs.close()
        end = time.monotonic() + 5
        while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < end:
            time.sleep(0.01)
        self.assertLessEqual(len(os.listdir("/proc/self/fd")), before)
