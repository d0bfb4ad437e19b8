# SPDX-License-Identifier: Apache-2.0
"""A client's end of one RPC connection: blocking calls from any number of threads, events, streams.

One of the waiting callers reads the socket for all (libvirt's "passing the buck"); when nobody
calls, the process's pump thread does. No policy: procedures and payloads are the caller's business.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from nova_pyvirt.errors import Code, From, Level, error, from_fields, libvirtError, system_error
from nova_pyvirt.util.native import os, select, socket, threading, time
from nova_pyvirt.wire import fds as fdpass
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.keepalive import PING, PONG, Action, Keepalive
from nova_pyvirt.wire.packet import (
    FramingError,
    Kind,
    Packet,
    Splitter,
    Status,
    load_error,
    pack,
)
from nova_pyvirt.wire.pump import PUMP
from nova_pyvirt.wire.xdr import XDRError

LOG = logging.getLogger(__name__)
_CHUNK = 262144

#: virConnectCloseReason
CLOSE_ERROR, CLOSE_EOF, CLOSE_KEEPALIVE, CLOSE_CLIENT = 0, 1, 2, 3


class _Waiter:
    """One thread waiting for one reply."""

    __slots__ = ("lock", "packet", "promoted", "waiting")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lock.acquire()
        self.packet: Packet | None = None
        self.promoted = False
        self.waiting = False

    def wake(self) -> None:
        if self.lock.locked():
            self.lock.release()


class ClientStream:
    """A client's end of a stream: packets in, in order."""

    def __init__(self, client: "Client", program: int, proc: int, serial: int) -> None:
        self._client = client
        self._head = (program, proc, serial)
        self.packets: deque[Packet] = deque()
        #: the packet that ended the stream (status OK or ERROR), once it came
        self.final: Packet | None = None
        #: called (on a reading thread; must only enqueue) when packets came or the connection broke
        self.on_packet: Callable[[], None] | None = None
        self.ready = threading.Condition()

    @property
    def broken(self) -> bool:
        """The connection is gone."""
        return self._client.dead

    def push(self, packet: Packet) -> None:
        """A packet came (the reading thread's)."""
        with self.ready:
            if packet.status == Status.CONTINUE:
                self.packets.append(packet)
            else:
                self.final = packet
            self.ready.notify_all()
            callback = self.on_packet
        if callback is not None:
            callback()

    def send(self, payload: bytes, status: int = Status.CONTINUE, kind: int = Kind.STREAM) -> None:
        """One packet to the server; waits while the socket is full."""
        program, proc, serial = self._head
        self._client.send(pack(program, proc, kind, serial, status, payload))

    def recv(self, deadline: float | None = None) -> Packet | None:
        """The next packet, at the end the final one (again and again); None when none came before
        the deadline (seconds, 0: don't wait).

        Raises the connection's error when it broke.
        """
        with self.ready:
            self.ready.wait_for(lambda: self.packets or self.final or self._client.dead, deadline)
            if self.packets:
                return self.packets.popleft()
            if self.final is not None:
                return self.final
        if self._client.dead:
            raise self._client.closed_error()
        return None

    def wait_end(self) -> Packet:
        """The packet that ends the stream; data that nobody read stays where it is."""
        with self.ready:
            self.ready.wait_for(lambda: self.final or self._client.dead)
            if self.final is not None:
                return self.final
        raise self._client.closed_error()

    def release(self) -> None:
        """The stream ended: late packets are ignored."""
        self._client.drop_stream(self._head[2])


class Client:
    """One connection.

    :param sock: connected stream socket (or SSL socket), blocking; the client owns it
    :param on_event: called with each MESSAGE packet on a reading thread; must only enqueue
    :param on_close: called once with virConnectCloseReason when the connection ends otherwise
        than by :meth:`close`
    """

    def __init__(
        self,
        sock: Any,
        on_event: Callable[[Packet], None] | None = None,
        on_close: Callable[[int], None] | None = None,
    ) -> None:
        self.sock = sock
        self.fd: int = sock.fileno()
        self.on_event = on_event
        self.on_close = on_close
        self.dead = False
        self.reason = CLOSE_ERROR
        self._why = "client socket is closed"
        self._unix = getattr(sock, "family", None) == socket.AF_UNIX
        self._recv = self._choose_recv()
        self._lock = threading.Lock()
        self._send_lock = threading.Lock()
        self._owed = 0  # pongs
        self._reading = False
        self._waiters: dict[int, _Waiter] = {}
        self._streams: dict[int, ClientStream] = {}
        self._serial = 0
        self._splitter = Splitter()
        self._keepalive = Keepalive(0, 0, time.monotonic())
        PUMP.add(self.fd, self)

    # --- calls

    def call(
        self, program: int, proc: int, payload: bytes = b"", fds: Sequence[int] = ()
    ) -> Packet:
        """One call; returns the OK reply. Raises the server's error, or what broke the
        connection.
        """
        return self._call(program, proc, payload, fds, None)

    def open_stream(self, program: int, proc: int, payload: bytes) -> tuple[Packet, ClientStream]:
        """A call that opens a stream; returns the reply and the stream."""
        stream: list[ClientStream] = []
        reply = self._call(program, proc, payload, (), stream)
        return reply, stream[0]

    def _call(
        self,
        program: int,
        proc: int,
        payload: bytes,
        fds: Sequence[int],
        stream: list[ClientStream] | None,
    ) -> Packet:
        waiter = _Waiter()
        with self._lock:
            if self.dead:
                raise self.closed_error()
            serial = self._serial
            self._serial = (serial + 1) & 0xFFFFFFFF
            self._waiters[serial] = waiter
            if stream is not None:
                stream.append(ClientStream(self, program, proc, serial))
                self._streams[serial] = stream[0]
        try:
            kind = Kind.CALL_WITH_FDS if fds else Kind.CALL
            data = pack(program, proc, kind, serial, Status.OK, payload, len(fds))
            self.send(data, fds)
            self._wait(waiter)
        finally:
            with self._lock:
                self._waiters.pop(serial, None)
        packet = waiter.packet
        if packet is None:
            raise self.closed_error()
        if packet.status == Status.ERROR:
            self.drop_stream(serial)
            raise load_error(packet.payload)
        if (packet.program, packet.proc) != (program, proc):
            raise error(Code.RPC, "reply to another procedure", domain=From.RPC)
        return packet

    def _wait(self, waiter: _Waiter) -> None:
        with self._lock:
            if waiter.packet is not None or self.dead:
                return
            lead = not self._reading
            if lead:
                self._reading = True
                PUMP.disarm(self.fd)
            else:
                waiter.waiting = True
        if not lead:
            waiter.lock.acquire()
            if not waiter.promoted:
                return
        self._read_until(waiter)

    def _read_until(self, waiter: _Waiter) -> None:
        """Reads for all until the own reply is there, then hands the reading over."""
        try:
            while waiter.packet is None and not self.dead:
                self._read_once()
        finally:
            self._hand_over()

    def _hand_over(self) -> None:
        with self._lock:
            for waiter in self._waiters.values():
                if waiter.waiting and waiter.packet is None and waiter.lock.locked():
                    waiter.promoted = True
                    waiter.wake()
                    return
            self._reading = False
            if not self.dead:
                PUMP.arm(self.fd)

    # --- reading

    def _choose_recv(self) -> Callable[[int], bytes]:
        if not self._unix:
            return self.sock.recv  # type: ignore[no-any-return]
        return lambda size: fdpass.receive(self.sock, size, self._splitter.fds)

    def _read_once(self) -> None:
        """Reads what is there (waits for the first byte) and delivers it."""
        try:
            data = self._recv(_CHUNK)
        except InterruptedError:
            return
        except OSError as exc:
            text = f"Cannot recv data: {exc.strerror or exc}"
            self._die(CLOSE_ERROR, text)
            return
        if not data:
            self._die(CLOSE_EOF, "End of file while reading data: Input/output error")
            return
        if self._keepalive.enabled:
            self._keepalive.alive(time.monotonic())
        try:
            for packet in self._splitter.feed(data):
                self._deliver(packet)
        except (FramingError, XDRError) as exc:
            self._die(CLOSE_ERROR, str(exc))

    def _deliver(self, packet: Packet) -> None:
        if packet.kind in (Kind.REPLY, Kind.REPLY_WITH_FDS):
            with self._lock:
                waiter = self._waiters.get(packet.serial)
                if waiter is not None and waiter.packet is None:
                    waiter.packet = packet
                    waiter.wake()
                    return
            fdpass.close_all(packet.fds)
        elif packet.kind in (Kind.STREAM, Kind.STREAM_HOLE):
            stream = self._streams.get(packet.serial)
            if stream is not None:
                stream.push(packet)
        elif packet.program == protocol.KEEPALIVE:
            if packet.proc == protocol.PING:
                self._owed += 1
                self._flush_owed()
        elif packet.kind == Kind.MESSAGE and self.on_event is not None:
            self.on_event(packet)

    def on_readable(self) -> None:
        """The pump's: somebody sent something while nobody reads."""
        with self._lock:
            if self._reading or self.dead:
                return
            self._reading = True
        try:
            more = True
            while more and not self.dead:
                self._read_once()
                more = not self.dead and self._readable()
        finally:
            self._hand_over()

    def _readable(self) -> bool:
        if not self._unix and getattr(self.sock, "pending", lambda: 0)():
            return True
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        return bool(poll.poll(0))

    # --- sending

    def send(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """One packet, whole. Raises the connection's error."""
        with self._send_lock:
            if self.dead:
                raise self.closed_error()
            try:
                self.sock.sendall(data)
                if fds:
                    fdpass.send(self.sock, fds)
            except OSError as exc:
                self._die(CLOSE_ERROR, f"Cannot write data: {exc.strerror or exc}")
                raise self.closed_error() from exc
        if self._owed:
            self._flush_owed()

    def _flush_owed(self, ping: bool = False) -> None:
        """Sends keepalive packets unless a sender holds the socket (who then does it)."""
        if not self._send_lock.acquire(blocking=False):
            return
        try:
            data = PONG * self._owed + (PING if ping else b"")
            self._owed = 0
            self.sock.sendall(data)
        except OSError as exc:
            self._die(CLOSE_ERROR, f"Cannot write data: {exc.strerror or exc}")
        finally:
            self._send_lock.release()

    # --- keepalive and end

    def start_keepalive(self, interval: float, count: int) -> None:
        """Watches the server: see :class:`Keepalive`; interval <= 0 ends the watch."""
        self._keepalive = Keepalive(interval, count, time.monotonic())
        PUMP.poke()

    def on_tick(self, now: float) -> float:
        """The pump's timer."""
        keepalive = self._keepalive
        if not keepalive.enabled or self.dead:
            return now + 3600.0
        action = keepalive.tick(now)
        if action is Action.PING:
            self._flush_owed(ping=True)
        elif action is Action.DEAD:
            text = "connection closed due to keepalive timeout"
            self._die(CLOSE_KEEPALIVE, text, Code.INTERNAL_ERROR)
        return keepalive.due()

    def abandon(self, parent: int) -> None:
        """In a child of the process that opened it: calls are refused, and the parent's socket is
        let go of.
        """
        self._lock, self._send_lock = threading.Lock(), threading.Lock()
        self.dead, self._code = True, Code.INVALID_CONN
        self._why = f"a child of process {parent}, which opened it"
        self._waiters, self._streams = {}, {}
        self.on_event = self.on_close = None
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        os.dup2(null, self.fd, inheritable=False)
        os.close(null)

    def closed_error(self) -> libvirtError:
        """The error of every call on a broken connection."""
        if self._code == Code.SYSTEM_ERROR:
            nine = (38, int(From.RPC), self._why, int(Level.ERROR), "%s", self._why, None, -1, -1)
            return from_fields(nine)
        return error(self._code, self._why, domain=From.RPC)

    _code: Code = Code.INTERNAL_ERROR

    def _die(self, reason: int, why: str, code: Code = Code.SYSTEM_ERROR) -> None:
        """Marks the connection as broken and wakes everybody. Any thread, once."""
        with self._lock:
            if self.dead:
                return
            self.dead = True
            self.reason, self._why, self._code = reason, why, code
            waiters = list(self._waiters.values())
            streams = list(self._streams.values())
        PUMP.remove(self.fd)
        self._shutdown()
        for waiter in waiters:
            waiter.wake()
        for stream in streams:
            with stream.ready:
                stream.ready.notify_all()
            if stream.on_packet is not None:
                stream.on_packet()
        if self.on_close is not None and reason != CLOSE_CLIENT:
            self.on_close(reason)

    def _shutdown(self) -> None:
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError as exc:
            LOG.debug("shutdown: %s", exc)

    def drop_stream(self, serial: int) -> None:
        """Forgets a stream."""
        with self._lock:
            self._streams.pop(serial, None)

    def close(self) -> None:
        """Ends the connection; calls in flight fail."""
        self._die(CLOSE_CLIENT, "client socket is closed", Code.INTERNAL_ERROR)
        fdpass.close_all(self._splitter.fds)
        self._splitter.fds = []
        self.sock.close()


def connect_unix(path: str) -> "socket.socket":
    """A connected UNIX socket; raises SYSTEM_ERROR as libvirt words it."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.connect(path)
    except OSError as exc:
        sock.close()
        text = f"Failed to connect socket to '{path}'"
        raise system_error(exc.errno or 0, text, domain=From.RPC) from exc
    return sock
