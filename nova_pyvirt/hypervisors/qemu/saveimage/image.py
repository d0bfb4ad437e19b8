# SPDX-License-Identifier: Apache-2.0
"""Opening a save image: its head, its domain, and its memory for QEMU (qemuSaveImageOpen)."""

from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from lxml import etree

from nova_pyvirt.errors import From, system_error
from nova_pyvirt.hypervisors.qemu.definition import parse_definition
from nova_pyvirt.hypervisors.qemu.saveimage import filters
from nova_pyvirt.hypervisors.qemu.saveimage.header import MAGIC, SIZE, assemble, parse
from nova_pyvirt.hypervisors.qemu.saveimage.pump import Pump
from nova_pyvirt.hypervisors.qemu.state import QemuState
from nova_pyvirt.model.cpu import CPU
from nova_pyvirt.model.domain import Domain
from nova_pyvirt.util.native import os, socket

#: O_DIRECT's positions are multiples of it, bytes
_BLOCK: Final = 4096


class Image:
    """An open image; ``with`` closes it.

    :ivar definition: the domain in it
    """

    def __init__(self, state: QemuState, path: str, *, writable: bool = False) -> None:
        """
        :raises Incomplete: it was never finished
        :raises libvirtError: SYSTEM_ERROR, OPERATION_FAILED; XML_ERROR and such for its domain
        """
        self.path = path
        self._held = ExitStack()
        self._fd = _open(path, os.O_RDWR if writable else os.O_RDONLY)
        self._held.callback(self._close_fd)
        try:
            numbers = parse(_read(self._fd, SIZE))
            self.header = assemble(numbers, _read(self._fd, numbers.room))
            self.definition = parse_image_xml(state, self.header.xml)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends what feeds QEMU, and closes the file."""
        self._held.close()

    def _close_fd(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def cpu(self) -> CPU | None:
        """The CPU that the guest really had; None when the image does not say."""
        if not self.header.cookie:
            return None
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        try:
            node = etree.fromstring(self.header.cookie, parser).find("cpu")
        except etree.XMLSyntaxError:
            return None
        return None if node is None else CPU.parse(node)

    def rewrite(self) -> None:
        """Writes the changed head.

        :raises libvirtError: SYSTEM_ERROR; OPERATION_FAILED when the XML does not fit
        """
        try:
            view = memoryview(self.header.pack(MAGIC))
            done = 0
            while done < len(view):
                done += os.pwrite(self._fd, view[done:], done)
            os.fsync(self._fd)
        except OSError as exc:
            detail = f"failed to write header data to '{self.path}'"
            raise system_error(exc.errno or 0, detail, domain=From.QEMU) from exc

    def stream(self, *, direct: bool) -> "int | socket.socket":
        """The memory for QEMU to read: the file itself, or what a pump and a program feed.

        It closes with the image.

        :raises libvirtError: OPERATION_FAILED for an unknown compression, INTERNAL_ERROR when its
            program can't be run
        """
        command = filters.decompressor(self.header.compressed)
        if command is None and not direct:
            return self._fd
        at = os.lseek(self._fd, 0, os.SEEK_CUR)
        fd = self._past_cache(at) if direct else os.dup(self._fd)
        pump = Pump(fd, writing=False, skip=at % _BLOCK if direct else 0)
        self._held.callback(pump.close)
        self._held.callback(pump.abort)
        if command is None:
            return pump.peer
        program = filters.Filter(command, pump.peer, writing=False)
        self._held.callback(program.abort)
        pump.given()
        return program.peer

    def _past_cache(self, at: int) -> int:
        """The file again with O_DIRECT, at the block that holds the position."""
        fd = _open(self.path, os.O_RDONLY | os.O_DIRECT)
        os.lseek(fd, at - at % _BLOCK, os.SEEK_SET)
        return fd


def parse_image_xml(state: QemuState, xml: str) -> Domain:
    """:raises libvirtError: see parse_definition"""
    return parse_definition(xml, state.caps_for, nvram_dir=state.paths.nvram_dir)


def _open(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as exc:
        detail = f"Failed to open file '{path}'"
        raise system_error(exc.errno or 0, detail, domain=From.QEMU) from exc


def _read(fd: int, size: int) -> bytes:
    """Up to `size` bytes; less at the end of the file."""
    parts: list[bytes] = []
    try:
        while size > 0 and (part := os.read(fd, min(size, 1 << 20))):
            parts.append(part)
            size -= len(part)
    except OSError:
        pass  # what can't be read is missing: the caller says of what
    return b"".join(parts)
