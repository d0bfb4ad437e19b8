# SPDX-License-Identifier: Apache-2.0
"""Programs that compress a memory image on its way to the file, and back (qemu.conf's
save_image_format, dump_image_format, snapshot_image_format)."""

import logging
import shutil
from typing import Final

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From
from nova_pyvirt.hypervisors.qemu.saveimage.header import FORMATS
from nova_pyvirt.util.native import socket, subprocess

LOG = logging.getLogger(__name__)
_RAW: Final = 0
_XZ: Final = FORMATS.index("xz")
_LZOP: Final = FORMATS.index("lzop")
#: seconds that a program may take to end when its input has
_ENDING: Final = 120.0


def choose(name: str | None, what: str, *, lenient: bool = False) -> int:
    """The format of new images, an index in FORMATS.

    :param name: as configured; None is raw
    :param what: what it is for, for the message ("save")
    :param lenient: an unknown format, or one without its program, is raw
    :raises libvirtError: OPERATION_FAILED
    """
    if name is None:
        return _RAW
    if name not in FORMATS:
        why = f"Invalid {what} image format specified in configuration file"
    elif name != FORMATS[_RAW] and shutil.which(name) is None:
        why = f"Compression program for {what} image format in configuration file isn't available"
    else:
        return FORMATS.index(name)
    if not lenient:
        raise errors.error(Code.OPERATION_FAILED, why)
    LOG.warning("%s, using raw", why)
    return _RAW


def compressor(fmt: int) -> list[str] | None:
    """The command that compresses its input into its output; None for raw."""
    if fmt == _RAW:
        return None
    return [FORMATS[fmt], "-c", *(["-3"] if fmt == _XZ else [])]


def decompressor(fmt: int) -> list[str] | None:
    """The way back.

    :raises libvirtError: OPERATION_FAILED for a format nobody knows
    """
    if fmt == _RAW:
        return None
    if not 0 <= fmt < len(FORMATS):
        raise errors.error(Code.OPERATION_FAILED, f"Invalid compressed save format {fmt}")
    return [FORMATS[fmt], "-dc", *(["--ignore-warn"] if fmt == _LZOP else [])]


class Filter:
    """A running program between two sockets.

    :ivar peer: the free end: where the unfiltered bytes go in, or come out
    """

    def __init__(self, command: list[str], inner: socket.socket, *, writing: bool) -> None:
        """
        :param inner: the filtered side; it stays the caller's
        :param writing: the free end is the program's input, else its output
        :raises libvirtError: INTERNAL_ERROR when it can't be run
        """
        self.peer, ours = socket.socketpair()
        source, target = (ours, inner) if writing else (inner, ours)
        self._command = command
        try:
            self._process = subprocess.Popen(
                command, stdin=source.fileno(), stdout=target.fileno(), stderr=subprocess.DEVNULL
            )
        except OSError as exc:
            self.peer.close()
            detail = f"cannot execute {command[0]}: {exc.strerror}"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.NONE) from exc
        finally:
            ours.close()

    def finish(self) -> None:
        """Waits for its end.

        :raises libvirtError: INTERNAL_ERROR when it has failed
        """
        self.peer.close()
        try:
            status = self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self.abort()
            status = -9
        if status:
            how = f"exit status {status}" if status > 0 else f"fatal signal {-status}"
            detail = f"Child process ({' '.join(self._command)}) unexpected {how}"
            raise errors.error(Code.INTERNAL_ERROR, detail, domain=From.NONE)

    def abort(self) -> None:
        """Ends it now."""
        self.peer.close()
        self._process.kill()
        self._process.wait()
