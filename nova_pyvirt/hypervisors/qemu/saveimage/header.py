# SPDX-License-Identifier: Apache-2.0
"""The head of a save image (libvirt's qemu_saveimage.h), pure.

magic (16 bytes), version, data length, was running, compression, cookie offset (32 bits each, in
the byte order of the host that wrote it), 56 bytes unused; then the domain's XML, ended by a NUL;
then, at the cookie offset from the XML's begin, the cookie, ended likewise; zeros up to the data
length; then QEMU's migration stream, compressed or not.
"""

import struct
import sys
from dataclasses import dataclass
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code

MAGIC: Final = b"LibvirtQemudSave"
#: until the image is whole
PARTIAL: Final = b"LibvirtQemudPart"
VERSION: Final = 2
SIZE: Final = 16 + 5 * 4 + 14 * 4
#: room for a longer XML, bytes
PADDING: Final = 64 * 1024
#: number in the header -> format, which is its program too
FORMATS: Final = ("raw", "gzip", "bzip2", "xz", "lzop")
_REST: Final = bytes(14 * 4)
_ORDER: Final = "<" if sys.byteorder == "little" else ">"
_OTHER: Final = ">" if _ORDER == "<" else "<"
#: a head longer than this is not read, bytes; libvirt has no limit
LONGEST: Final = 64 << 20


@dataclass(slots=True)
class Header:
    """What the head says.

    :ivar xml: the domain's inactive, migratable XML, secrets included
    :ivar cookie: XML of what the definition does not say; "" without one
    :ivar room: bytes for both in the file; 0 before it is written
    :ivar running: the guest runs again after a restore
    :ivar compressed: index in FORMATS
    """

    xml: str
    cookie: str = ""
    room: int = 0
    running: bool = True
    compressed: int = 0

    def pack(self, magic: bytes) -> bytes:
        """The whole head.

        :raises libvirtError: OPERATION_FAILED when a changed XML does not fit any more
        """
        xml = self.xml.encode() + b"\0"
        cookie = self.cookie.encode() + b"\0" if self.cookie else b""
        length = len(xml) + len(cookie)
        if not self.room:
            self.room = length + PADDING
        elif length > self.room:
            raise errors.error(Code.OPERATION_FAILED, "new xml too large to fit in file")
        return self.numbers(magic, len(xml)) + (xml + cookie).ljust(self.room, b"\0")

    def numbers(self, magic: bytes, xml_length: int | None = None) -> bytes:
        """The fixed part alone."""
        length = len(self.xml.encode()) + 1 if xml_length is None else xml_length
        offset = length if self.cookie else 0
        fields = (VERSION, self.room, int(self.running), self.compressed, offset)
        return magic + struct.pack(f"{_ORDER}5I", *fields) + _REST


@dataclass(frozen=True, slots=True)
class Numbers:
    """The fixed part, read and checked."""

    room: int
    running: bool
    compressed: int
    cookie_offset: int

    @property
    def xml_length(self) -> int:
        return self.cookie_offset or self.room


class Incomplete(Exception):
    """The image was never finished: libvirt throws such a managed one away."""


def parse(data: bytes) -> Numbers:
    """The fixed part.

    :param data: SIZE bytes; less when the file is shorter
    :raises Incomplete: the file is too short, or its writer never came to the end
    :raises libvirtError: OPERATION_FAILED for what is no save image, or one of a newer kind
    """
    if len(data) < SIZE:
        raise Incomplete("failed to read qemu header")
    if data[:16] == PARTIAL:
        raise Incomplete("save image is incomplete")
    if data[:16] != MAGIC:
        raise errors.error(Code.OPERATION_FAILED, "image magic is incorrect")
    fields = struct.unpack_from(f"{_ORDER}5I", data, 16)
    if fields[0] > VERSION:
        fields = struct.unpack_from(f"{_OTHER}5I", data, 16)
    version, room, running, compressed, offset = fields
    if version > VERSION:
        number = version - (1 << 32) if version >> 31 else version
        raise errors.error(
            Code.OPERATION_FAILED, f"image version is not supported ({number} > {VERSION})"
        )
    if not room or room > LONGEST or offset > room:
        number = room - (1 << 32) if room >> 31 else room
        raise errors.error(Code.OPERATION_FAILED, f"invalid header data length: {number}")
    # before version 2 nothing was compressed
    return Numbers(room, bool(running), compressed if version == VERSION else 0, offset)


def assemble(numbers: Numbers, body: bytes) -> Header:
    """The head from its parts.

    :param body: what follows the fixed part, `numbers.room` bytes; less when the file is shorter
    :raises libvirtError: OPERATION_FAILED when the file is too short
    """
    if len(body) < numbers.xml_length:
        raise errors.error(Code.OPERATION_FAILED, "failed to read domain XML")
    if len(body) < numbers.room:
        raise errors.error(Code.OPERATION_FAILED, "failed to read cookie")
    xml = body[: numbers.xml_length].partition(b"\0")[0]
    cookie = body[numbers.xml_length :].partition(b"\0")[0] if numbers.cookie_offset else b""
    return Header(
        xml.decode("utf-8", "replace"),
        cookie.decode("utf-8", "replace"),
        numbers.room,
        numbers.running,
        numbers.compressed,
    )
