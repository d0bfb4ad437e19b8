# SPDX-License-Identifier: Apache-2.0
"""Streams as the driver table knows them (virStreamPtr and virStreamDriver).

A slot that opens a stream gets a :class:`Stream` and sets its ``driver``; everything after that
goes through the driver's methods.
"""

from collections.abc import Callable
from typing import Final, Protocol

#: results of `recv` that are not data
WOULD_BLOCK: Final = -2
IN_HOLE: Final = -3

READABLE: Final = 1
WRITABLE: Final = 2
ERROR: Final = 4
HANGUP: Final = 8


class StreamDriver(Protocol):
    """The working half of a stream. All methods raise libvirtError."""

    def send(self, data: bytes) -> int:
        """Bytes taken (at least one), or WOULD_BLOCK when the stream is non-blocking."""

    def recv(self, size: int, flags: int = 0) -> bytes | int:
        """Up to `size` bytes, b"" at the end; WOULD_BLOCK; IN_HOLE
        (VIR_STREAM_RECV_STOP_AT_HOLE).
        """

    def send_hole(self, length: int, flags: int = 0) -> None:
        """Skips `length` bytes of the target."""

    def recv_hole(self, flags: int = 0) -> int:
        """The length of the hole at hand."""

    def finish(self) -> None:
        """Ends the stream; returns when the other side has taken everything."""

    def abort(self) -> None:
        """Drops the stream."""

    def event_add_callback(self, events: int, callback: Callable[[int], None]) -> None:
        """callback(events) on a native thread whenever one of `events` holds; must only enqueue."""

    def event_update_callback(self, events: int) -> None:
        """Changes what is watched."""

    def event_remove_callback(self) -> None:
        """Ends the watch."""


class Stream:
    """What a slot gets.

    :param nonblock: VIR_STREAM_NONBLOCK was given
    """

    def __init__(self, nonblock: bool = False) -> None:
        self.nonblock = nonblock
        self.driver: StreamDriver | None = None
