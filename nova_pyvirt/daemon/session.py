# SPDX-License-Identifier: Apache-2.0
"""One client of the daemon: its packets in and out, its limits, what it registered."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from nova_pyvirt.daemon.engine import Engine, Job
from nova_pyvirt.daemon.output import Output
from nova_pyvirt.daemon.settings import Settings
from nova_pyvirt.util.native import select, socket, threading, time
from nova_pyvirt.wire import fds as fdpass
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.keepalive import PING, PONG, Action, Keepalive
from nova_pyvirt.wire.packet import FramingError, Kind, Packet, Splitter

LOG = logging.getLogger(__name__)
_CHUNK: Final = 65536
#: largest packet before the connection is open
_STRANGER_LIMIT: Final = 65536 * 2
_IN: Final = select.EPOLLIN | select.EPOLLRDHUP


class Peer:
    """Who is at the other end.

    :ivar uid: of a UNIX client, else None
    :ivar address: of a TCP client, else ""
    :ivar name: the authenticated name (certificate, SASL), else ""
    :ivar started: when the UNIX client's process started (kernel ticks), 0 when unknown
    """

    def __init__(
        self, uid: int | None, gid: int | None, pid: int | None, address: str = "", name: str = ""
    ) -> None:
        self.uid = uid
        self.gid = gid
        self.pid = pid
        self.address = address
        self.name = name
        self.started = 0

    @property
    def quota_key(self) -> str:
        """Whose quota counts."""
        return f"uid {self.uid}" if self.uid is not None else f"host {self.address}"


class Session:
    """One connection.

    :param dispatch: does one call: called on a worker with the session and the packet
    :param on_closed: called once when everything is over
    """

    def __init__(
        self,
        sock: "socket.socket",
        tls: Any,
        peer: Peer,
        readonly: bool,
        engine: Engine,
        settings: Settings,
        dispatch: Any,
        on_closed: Callable[["Session"], None],
    ) -> None:
        now = time.monotonic()
        self.peer = peer
        self.readonly = readonly
        self.number = 0
        self.service = ""
        self.since = time.time()
        self.settings = settings
        self.authenticated = False
        #: how the client has to show who it is: "none", "peer", "cert", "polkit" or "sasl"
        self.auth = "none"
        #: why the connection is cut once the present call's error is sent
        self.condemned = ""
        #: cut off, though perhaps not cleaned up yet
        self.dropped = False
        self.table: Any = None
        self.state: Any = dispatch.new_state(self)
        self.streams: dict[int, Any] = {}
        self._dispatch = dispatch
        self._on_closed = on_closed
        self._engine = engine
        self._sock = sock
        self._tls = tls
        self._fd: int = sock.fileno()
        self._unix = sock.family == socket.AF_UNIX
        self._lock = threading.Lock()
        self._backlog: deque[Packet] = deque()
        self._running = 0
        self._closing = False
        self._events = _IN
        self._splitter = Splitter(_STRANGER_LIMIT)
        self._deadline = now + settings.handshake_deadline
        self._partial_since = 0.0
        self._keepalive = Keepalive(0, 0, now)
        self.output = Output(sock, tls, settings.max_queue, self._want_room, self.drop)
        sock.setblocking(False)

    def start(self) -> None:
        """Begins to read."""
        self._engine.watch(self._fd, self, self._events)

    # --- the leader's side

    def on_ready(self, events: int) -> None:
        """Something to read or room to write."""
        if events & select.EPOLLOUT:
            self.output.flush()
        if events & ~select.EPOLLOUT:
            self._read()

    def _read(self) -> None:
        try:
            data = self._receive()
            packets = self._splitter.feed(data) if data else []
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, FramingError) as exc:
            self.drop(str(exc))
            self._finish()
            return
        if not data:
            self.drop("")
            self._finish()
            return
        now = time.monotonic()
        self._keepalive.alive(now)
        if not self._splitter.partial:
            self._partial_since = 0.0
        elif packets or not self._partial_since:
            self._partial_since = now
        alone = len(packets) == 1
        for packet in packets:
            self._on_packet(packet, alone)
        if self._tls is not None and self._tls.pending():
            self._read()

    def _receive(self) -> bytes:
        if self._tls is not None:
            data: bytes = self._tls.recv(_CHUNK)
            return data
        if not self._unix:
            return self._sock.recv(_CHUNK)
        data = fdpass.receive(self._sock, _CHUNK, self._splitter.fds, socket.MSG_DONTWAIT)
        if len(self._splitter.fds) > 64:
            raise FramingError("too many descriptors")
        return data

    def _on_packet(self, packet: Packet, alone: bool) -> None:
        if packet.program == protocol.KEEPALIVE:
            if packet.kind == Kind.MESSAGE and packet.proc == protocol.PING:
                self.output.send(PONG)
        elif packet.kind in (Kind.STREAM, Kind.STREAM_HOLE):
            stream = self.streams.get(packet.serial)
            if stream is not None:
                stream.push(packet)
        elif packet.kind in (Kind.CALL, Kind.CALL_WITH_FDS):
            self._on_call(packet, alone)
        else:
            fdpass.close_all(packet.fds)

    def _on_call(self, packet: Packet, alone: bool) -> None:
        """Queues a call. One that comes alone and only looks into memory is done here and now: many
        at once, or a long one, would keep the others waiting.
        """
        with self._lock:
            if self._running >= self.settings.max_client_requests or self._backlog:
                self._backlog.append(packet)
                full = len(self._backlog) >= self.settings.max_client_backlog
                if full:
                    self._listen(False)
                return
            self._running += 1
        if alone and self._dispatch.is_quick(self, packet):
            self._work(packet)
        else:
            self._engine.queue(self._job(packet))

    def _job(self, packet: Packet) -> Job:
        return Job(lambda: self._work(packet), self._dispatch.is_high(packet))

    # --- the workers' side

    def _work(self, packet: Packet) -> None:
        try:
            if not self._closing:
                self._dispatch.call(self, packet)
        finally:
            self._next()

    def _next(self) -> None:
        """A call is over: the next of the backlog may run."""
        with self._lock:
            self._running -= 1
            if self._closing:
                over = self._running == 0
                packet = None
            else:
                over = False
                packet = self._backlog.popleft() if self._backlog else None
                if packet is not None:
                    self._running += 1
                    if len(self._backlog) < self.settings.max_client_backlog // 2:
                        self._listen(True)
        if packet is not None:
            self._engine.queue(self._job(packet))
        elif over:
            self._clean_up()

    # --- what is watched

    def _listen(self, on: bool) -> None:
        self._set_events((self._events | _IN) if on else (self._events & ~_IN))

    def _want_room(self, on: bool) -> None:
        with self._lock:
            wanted = self._events | select.EPOLLOUT
            self._set_events(wanted if on else self._events & ~select.EPOLLOUT)

    def _set_events(self, events: int) -> None:
        if events != self._events and not self._closing:
            self._events = events
            self._engine.change(self._fd, events)

    # --- life

    def opened(self) -> None:
        """The connection is open: no deadline, full packet size."""
        self._deadline = 0.0
        self._splitter.limit = Splitter().limit

    @property
    def stranger(self) -> bool:
        """Not open yet (and not cut off)."""
        return self._deadline > 0.0 and not self.dropped

    def load(self) -> tuple[int, int]:
        """Calls being worked on, calls read ahead."""
        with self._lock:
            return self._running, len(self._backlog)

    def start_keepalive(self) -> None:
        """The client knows keepalive: watch it."""
        made = self.settings
        self._keepalive = Keepalive(made.keepalive_interval, made.keepalive_count, time.monotonic())

    def tick(self, now: float) -> None:
        """Deadlines (the leader's, about once a second)."""
        if self._deadline and now > self._deadline:
            self.drop("not opened in time")
        elif self._partial_since and now - self._partial_since > self.settings.packet_deadline:
            self.drop("a packet is not completed in time")
        elif not self._events & select.EPOLLIN:
            self._keepalive.alive(now)  # what the client says waits until we read again
        else:
            action = self._keepalive.tick(now)
            if action is Action.PING:
                self.output.send(PING)
            elif action is Action.DEAD:
                self.drop("no answer to keepalive")

    def drop(self, why: str) -> None:
        """Cuts the connection; the reader sees the end and cleans up. Any thread."""
        if why:
            LOG.info("client %d (%s): %s", self.number, self.peer.quota_key, why)
        self.dropped = True
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError as exc:
            LOG.debug("client %d: %s", self.number, exc)

    def _finish(self) -> None:
        """The leader saw the end."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            backlog = list(self._backlog)
            self._backlog.clear()
            idle = self._running == 0
        self._engine.unwatch(self._fd)
        self.output.close()
        for packet in backlog:
            fdpass.close_all(packet.fds)
        for stream in list(self.streams.values()):
            stream.drop()
        if idle:
            self._engine.queue(Job(self._clean_up, high=True))

    def end(self) -> None:
        """The daemon's threads are gone: cleans up here."""
        with self._lock:
            self._closing = True
        self.output.close()
        self._clean_up()

    def _clean_up(self) -> None:
        """Nobody works for the client any more."""
        self._dispatch.closed(self)
        fdpass.close_all(self._splitter.fds)
        self._splitter.fds = []
        self._sock.close()
        self._on_closed(self)
