# SPDX-License-Identifier: Apache-2.0
"""Streams of a client: bytes between its packets and a core.stream.StreamDriver.

Each stream has two native threads, one for each direction, so that a driver may simply block. Data
to the client waits while its queue is half full (back-pressure); data from the client is bounded
by not reading more from a client that sends faster than the stream takes.
"""

import logging
from collections import deque
from typing import Any, Final

from nova_pyvirt.core.stream import IN_HOLE, WOULD_BLOCK, Stream
from nova_pyvirt.daemon.dispatch import Call, handles
from nova_pyvirt.daemon.session import Session
from nova_pyvirt.errors import Code, From, error, libvirtError
from nova_pyvirt.util.native import threading
from nova_pyvirt.wire.packet import STREAM_CHUNK, Kind, Packet, Status, dump_error, pack

LOG = logging.getLogger(__name__)

#: bytes queued to a client above which its streams wait
BACK_PRESSURE: Final = 1024 * 1024
#: bytes from the client a stream holds before the connection counts as abusive
MAX_HELD: Final = 64 * 1024 * 1024
_STOP_AT_HOLE: Final = 1
_SPARSE: Final = 1
_BOTH: Final = frozenset({"domain_open_console", "domain_open_channel"})


class SessionStream:
    """One stream of one client."""

    def __init__(
        self, session: Session, packet: Packet, driver: Any, flow: str, sparse: bool
    ) -> None:
        self._session = session
        self._head = (packet.program, packet.proc, packet.serial)
        self._driver = driver
        self._flow = flow
        self._sparse = sparse
        self._lock = threading.Condition()
        self._incoming: deque[Packet] = deque()
        self._held = 0
        self._over = False
        self._ended = False
        session.streams[packet.serial] = self

    def start(self) -> None:
        """Begins to move data (after the reply is queued)."""
        threads = []
        if "r" in self._flow:
            threads.append(self._reader)
        threads.append(self._writer)
        for target in threads:
            threading.Thread(target=target, name="rpc-stream", daemon=True).start()

    # --- from the client

    def push(self, packet: Packet) -> None:
        """A packet for the stream (the leader's)."""
        with self._lock:
            self._incoming.append(packet)
            self._held += len(packet.payload)
            over = self._held > MAX_HELD
            self._lock.notify_all()
        if over:
            self._session.drop("a stream gets more than it takes")

    def drop(self) -> None:
        """The client is gone."""
        with self._lock:
            self._over = True
            self._lock.notify_all()

    def _writer(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._incoming or self._over)
                packet = self._incoming.popleft() if self._incoming and not self._over else None
                if packet is not None:
                    self._held -= len(packet.payload)
            if packet is None:
                self._end(self._driver.abort)
                return
            try:
                if self._take(packet):
                    return
            except libvirtError as exc:
                self._fail(exc)
                return

    def _take(self, packet: Packet) -> bool:
        """Does what one packet says; True at the end of the stream."""
        if packet.kind == Kind.STREAM_HOLE:
            length = int.from_bytes(packet.payload[:8], "big", signed=True)
            self._driver.send_hole(length, int.from_bytes(packet.payload[8:12], "big"))
            return False
        if packet.status == Status.CONTINUE:
            data = memoryview(packet.payload)
            while data and not self._over:
                data = data[max(0, self._driver.send(bytes(data))) :]
            return False
        self._end(self._driver.finish if packet.status == Status.OK else self._driver.abort)
        self._packet(b"", Status.OK)
        return True

    # --- to the client

    def _reader(self) -> None:
        flags = _STOP_AT_HOLE if self._sparse else 0
        try:
            while not self._over:
                data = self._driver.recv(STREAM_CHUNK, flags)
                if data == WOULD_BLOCK:
                    raise error(Code.INTERNAL_ERROR, "stream would block", domain=From.STREAMS)
                if data == IN_HOLE:
                    length = self._driver.recv_hole(0)
                    hole = length.to_bytes(8, "big", signed=True) + bytes(4)
                    self._packet(hole, Status.CONTINUE, Kind.STREAM_HOLE)
                    continue
                if not self._session.output.wait_room(BACK_PRESSURE):
                    return
                if self._over:
                    return
                self._packet(data, Status.CONTINUE)
                if not data:
                    return
        except libvirtError as exc:
            if not self._over:
                self._fail(exc)

    # --- the end

    def _packet(self, payload: bytes, status: int, kind: int = Kind.STREAM) -> None:
        program, proc, serial = self._head
        self._session.output.send(pack(program, proc, kind, serial, status, payload))

    def _fail(self, exc: libvirtError) -> None:
        """The stream broke: says so once."""
        with self._lock:
            if self._over:
                return
        if exc.err is not None:
            self._packet(dump_error(exc.err), Status.ERROR)
        self._end(self._driver.abort)

    def _end(self, last: Any) -> None:
        """Finishes or aborts the driver's half, once."""
        with self._lock:
            first = not self._ended
            self._ended = self._over = True
            self._lock.notify_all()
        self._session.streams.pop(self._head[2], None)
        if first:
            try:
                last()
            except libvirtError as exc:
                LOG.debug("ending a stream: %s", exc)


def _open(call: Call, *before: Any, after: tuple[Any, ...]) -> bytes:
    """Asks the table with a new stream; data moves once the reply is queued."""
    session = call.session
    if len(session.streams) >= session.settings.max_streams:
        raise error(Code.OPERATION_FAILED, "too many streams", domain=From.RPC)
    st = Stream()
    result = call.slot(call.proc.name)(*before, st, *after)
    if st.driver is None:
        raise error(Code.INTERNAL_ERROR, "the driver opened no stream", domain=From.RPC)
    flow = "rw" if call.proc.name in _BOTH else call.proc.stream
    sparse = call.proc.name.startswith("storage_vol_") and bool(after[-1] & _SPARSE)
    stream = SessionStream(session, call.packet, st.driver, flow, sparse)
    call.after = stream.start
    return call.reply(result)


@handles("domain_open_console")
def domain_open_console(call: Call) -> bytes:
    dom, name, flags = call.args
    return _open(call, dom, name, after=(flags,))


@handles("domain_open_channel")
def domain_open_channel(call: Call) -> bytes:
    dom, name, flags = call.args
    return _open(call, dom, name, after=(flags,))


@handles("domain_screenshot")
def domain_screenshot(call: Call) -> bytes:
    dom, screen, flags = call.args
    return _open(call, dom, after=(screen, flags))


@handles("storage_vol_download")
def storage_vol_download(call: Call) -> bytes:
    return _open(call, call.args[0], after=tuple(call.args[1:]))


@handles("storage_vol_upload")
def storage_vol_upload(call: Call) -> bytes:
    return _open(call, call.args[0], after=tuple(call.args[1:]))


@handles("domain_migrate_prepare_tunnel3")
def migrate_prepare_tunnel3(call: Call) -> bytes:
    return _open(call, after=tuple(call.args))


@handles("domain_migrate_prepare_tunnel3_params")
def migrate_prepare_tunnel3_params(call: Call) -> bytes:
    return _open(call, after=tuple(call.args))
