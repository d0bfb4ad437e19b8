# SPDX-License-Identifier: Apache-2.0
"""Packets of libvirt's RPC: header, framing, error structs (virnetprotocol.x). No I/O."""

import struct
from enum import IntEnum
from typing import Any, Final, NamedTuple

from nova_pyvirt.errors import Code, ErrorTuple, From, Level, from_fields, libvirtError
from nova_pyvirt.wire import protocol
from nova_pyvirt.wire.xdr import XDRError

HEADER: Final = struct.Struct(">IIIiiII")
MIN_SIZE: Final = HEADER.size
MAX_PAYLOAD: Final = 33554432 - 24
MAX_SIZE: Final = 33554432 + 4
MAX_FDS: Final = 32
#: largest piece of a stream in one packet (VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX)
STREAM_CHUNK: Final = 262120

NOMEM_TEXT: Final = "Unable to encode message payload"


class Kind(IntEnum):
    """virNetMessageType."""

    CALL = 0
    REPLY = 1
    MESSAGE = 2
    STREAM = 3
    CALL_WITH_FDS = 4
    REPLY_WITH_FDS = 5
    STREAM_HOLE = 6


class Status(IntEnum):
    """virNetMessageStatus."""

    OK = 0
    ERROR = 1
    CONTINUE = 2


class Packet(NamedTuple):
    """One packet; ``fds`` are descriptors the receiver now owns."""

    program: int
    version: int
    proc: int
    kind: int
    serial: int
    status: int
    payload: bytes
    fds: tuple[int, ...] = ()


class FramingError(ValueError):
    """The peer doesn't speak the protocol: the connection cannot go on."""


def pack(
    program: int,
    proc: int,
    kind: int,
    serial: int,
    status: int = Status.OK,
    payload: bytes = b"",
    nfds: int = 0,
) -> bytes:
    """A packet's bytes. Raises XDRError when the payload is too large."""
    if len(payload) > MAX_PAYLOAD:
        raise XDRError(f"{NOMEM_TEXT}: {len(payload)} bytes")
    if kind in (Kind.CALL_WITH_FDS, Kind.REPLY_WITH_FDS):
        payload = nfds.to_bytes(4, "big") + payload
    size = MIN_SIZE + len(payload)
    head = HEADER.pack(size, program, protocol.VERSION, proc, kind, serial, status)
    return head + payload


class Splitter:
    """Cuts a byte stream into packets.

    :param limit: largest packet accepted, in bytes
    """

    def __init__(self, limit: int = MAX_SIZE) -> None:
        self.limit = limit
        self._data = b""
        self._parts: list[bytes] = []
        self._held = 0
        self._wanted = 4
        self.fds: list[int] = []

    @property
    def partial(self) -> bool:
        """A packet has begun and isn't complete."""
        return self._held > 0

    def feed(self, data: bytes) -> list[Packet]:
        """The packets completed by `data`; raises FramingError."""
        self._held += len(data)
        packets: list[Packet] = []
        if self._held < self._wanted:
            self._parts.append(data)
            return packets
        if self._parts:
            self._parts.append(data)
            data = b"".join(self._parts)
            self._parts = []
        at = 0
        end = len(data)
        while end - at >= 4:
            size = int.from_bytes(data[at : at + 4], "big")
            if not MIN_SIZE <= size <= self.limit:
                raise FramingError(f"packet {size} bytes, not {MIN_SIZE} to {self.limit}")
            if end - at < size:
                break
            packet, used = self._packet(data, at, size, end)
            if packet is None:
                size = used
                break
            at += used
            packets.append(packet)
        self._held = end - at
        self._wanted = 4
        if self._held:
            self._parts = [data[at:]]
            self._wanted = max(4, size) if self._held >= 4 else 4
        return packets

    def _packet(self, data: bytes, at: int, size: int, end: int) -> tuple[Packet | None, int]:
        """The packet at `at` and the bytes it takes; None when its descriptors are missing."""
        _, program, version, proc, kind, serial, status = HEADER.unpack_from(data, at)
        payload = data[at + MIN_SIZE : at + size]
        if kind not in (Kind.CALL_WITH_FDS, Kind.REPLY_WITH_FDS):
            return Packet(program, version, proc, kind, serial, status, payload), size
        count = int.from_bytes(payload[:4], "big")
        if len(payload) < 4 or count > MAX_FDS:
            raise FramingError(f"{count} descriptors exceed {MAX_FDS}")
        if end - at < size + count:  # each descriptor comes with one byte behind the packet
            return None, size + count
        if len(self.fds) < count:
            raise FramingError("descriptors announced but not sent")
        fds, self.fds = tuple(self.fds[:count]), self.fds[count:]
        packet = Packet(program, version, proc, kind, serial, status, payload[4:], fds)
        return packet, size + count


def dump_error(err: ErrorTuple, dom: Any = None, net: Any = None) -> bytes:
    """The payload of a reply with status ERROR."""
    code, domain, message, level, str1, str2, str3, int1, int2 = err
    value = (code, domain, message, level, dom, str1, str2, str3, int1, int2, net)
    return protocol.program(protocol.REMOTE).codec.encode("remote_error", value)


def load_error(payload: bytes) -> libvirtError:
    """The error of a reply, to raise; as libvirt's client rewrites it."""
    value = protocol.program(protocol.REMOTE).codec.decode("remote_error", payload)
    code, domain, message, level, _, str1, str2, str3, int1, int2, _ = value
    unknown = (message or "").startswith("unknown procedure") and code == Code.RPC
    if unknown and domain in (From.RPC, From.REMOTE) and level == Level.ERROR:
        code = int(Code.NO_SUPPORT)
    err = (code, domain, message or "", level, str1, str2, str3, int1, int2)
    return from_fields(err)
