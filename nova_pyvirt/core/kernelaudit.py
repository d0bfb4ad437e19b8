# SPDX-License-Identifier: Apache-2.0
"""The kernel's audit system: records over netlink (linux/audit.h, libaudit's form).

A record goes from the kernel to auditd, or to the kernel's log; while auditing is off the kernel
drops it. Writing needs CAP_AUDIT_WRITE.
"""

import errno
import logging
import struct
from typing import Any, Final

from nova_pyvirt.errors import Code, From, error
from nova_pyvirt.util.native import os, socket, threading

LOG = logging.getLogger(__name__)
VIRT_CONTROL, VIRT_RESOURCE, VIRT_MACHINE_ID = 2500, 2501, 2502
_NETLINK_AUDIT: Final = 9
_NLMSG_ERROR: Final = 2
#: NLM_F_REQUEST | NLM_F_ACK
_FLAGS: Final = 1 | 4
_HEADER: Final = struct.Struct("=IHHII")
_ERRNO: Final = struct.Struct("=i")
#: seconds for the kernel's answer
_ANSWER: Final = 0.5
#: what an audit record may be long (MAX_AUDIT_MESSAGE_LENGTH, less what the kernel puts before)
_LONGEST: Final = 8560
_CAP_AUDIT_WRITE: Final = 1 << 29
#: a kernel without auditing
_NONE: Final = (errno.EINVAL, errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT)


class AuditSocket:
    """A connection to the kernel. Thread-safe.

    :param sock: a netlink socket, with a time limit
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._lock = threading.Lock()
        self._number = 0
        self._trouble = False
        self._program = os.readlink("/proc/self/exe")

    def send(self, kind: int, text: str, *, success: bool) -> None:
        """Writes a record; that it can't be written is told in the log, once until it can."""
        result = "success" if success else "failed"
        tail = f' exe="{self._program}" hostname=? addr=? terminal=? res={result}'
        # the end, which tells the result, is never what is cut off
        data = (text[: _LONGEST - len(tail)] + tail).encode(errors="surrogateescape") + b"\0"
        with self._lock:
            try:
                number = self._exchange(kind, data)
            except OSError as exc:
                number = exc.errno or errno.EIO
            if number and not self._trouble:
                LOG.warning("an audit record could not be written: %s", os.strerror(number))
            self._trouble = bool(number)

    def _exchange(self, kind: int, data: bytes) -> int:
        """Sends one and reads the kernel's answer to it: an errno, 0 = it has it."""
        self._number = (self._number + 1) & 0xFFFFFFFF
        header = _HEADER.pack(_HEADER.size + len(data), kind, _FLAGS, self._number, 0)
        self._sock.sendto(header + data, (0, 0))
        while True:
            answer = self._sock.recv(16384)
            _length, what, _flags, number, _pid = _HEADER.unpack_from(answer)
            if what == _NLMSG_ERROR and number == self._number:
                return -int(_ERRNO.unpack_from(answer, _HEADER.size)[0])

    def close(self) -> None:
        self._sock.close()


_current: AuditSocket | None = None
_opening = threading.Lock()


def configure(level: int) -> None:
    """Opens the connection of this process, or closes it (virAuditOpen).

    :param level: 0 no records, 1 if the host has auditing, 2 always
    :raises libvirtError: INTERNAL_ERROR, with level 2, when records can't be written
    """
    global _current
    with _opening:
        if level == 0:
            old, _current = _current, None
            if old is not None:
                old.close()
        elif _current is None:
            _current = _open(level)


def _open(level: int) -> AuditSocket | None:
    trouble = "" if _allowed() else "CAP_AUDIT_WRITE is missing"
    if not trouble:
        try:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_AUDIT)
            sock.settimeout(_ANSWER)
            return AuditSocket(sock)
        except OSError as exc:
            trouble = "it is not supported by the kernel" if exc.errno in _NONE else str(exc)
    if level > 1:
        detail = f"Failed to initialize audit layer: {trouble}"
        raise error(Code.INTERNAL_ERROR, detail, domain=From.NONE)
    LOG.info("no records for the kernel's audit system: %s", trouble)
    return None


def _allowed() -> bool:
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) & _CAP_AUDIT_WRITE)
    return False


def send(kind: int, text: str, *, success: bool) -> None:
    """Writes a record when the process is connected; see configure()."""
    current = _current
    if current is not None:
        current.send(kind, text, success=success)
