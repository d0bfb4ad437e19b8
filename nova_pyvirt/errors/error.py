# SPDX-License-Identifier: Apache-2.0
"""libvirtError and the per-thread last error (libvirt's virterror.h, libvirt-python's libvirtError)."""

import os
import threading

from nova_pyvirt.errors.codes import MESSAGES, Code, From, Level

#: code, domain, message, level, str1, str2, str3, int1, int2: what libvirt-python keeps in ``.err``
ErrorTuple = tuple[int, int, str, int, str | None, str | None, str | None, int, int]

_thread = threading.local()


class libvirtError(Exception):
    """The one error users see.

    :param defmsg: the text when the calling thread has no last error, whose fields are taken
        otherwise, as libvirt-python does; :func:`from_fields` makes one of other fields
    """

    def __init__(self, defmsg: str) -> None:
        self.err = last_error()
        super().__init__(defmsg if self.err is None else self.err[2])

    def get_error_code(self) -> int | None:
        return None if self.err is None else self.err[0]

    def get_error_domain(self) -> int | None:
        return None if self.err is None else self.err[1]

    def get_error_message(self) -> str | None:
        return None if self.err is None else self.err[2]

    def get_error_level(self) -> int | None:
        return None if self.err is None else self.err[3]

    def get_str1(self) -> str | None:
        return None if self.err is None else self.err[4]

    def get_str2(self) -> str | None:
        return None if self.err is None else self.err[5]

    def get_str3(self) -> str | None:
        return None if self.err is None else self.err[6]

    def get_int1(self) -> int | None:
        return None if self.err is None else self.err[7]

    def get_int2(self) -> int | None:
        return None if self.err is None else self.err[8]


def from_fields(nine: ErrorTuple) -> libvirtError:
    """A libvirtError with these nine fields (code, domain, message, level, str1-3, int1-2)."""
    made = libvirtError.__new__(libvirtError, nine[2])
    made.err = nine
    return made


def fields(
    code: int,
    detail: str | None = None,
    *,
    domain: int = From.QEMU,
    level: int = Level.ERROR,
) -> ErrorTuple:
    """The nine fields of an error; the message is libvirt's text for the code plus the detail."""
    plain, withinfo = MESSAGES.get(code, ("unknown error", "unknown error: %s"))
    if detail is None:
        return (int(code), int(domain), plain, int(level), plain, None, None, -1, -1)
    message = withinfo.replace("%s", detail, 1)
    return (int(code), int(domain), message, int(level), withinfo, detail, None, -1, -1)


def error(
    code: int,
    detail: str | None = None,
    *,
    domain: int = From.QEMU,
    level: int = Level.ERROR,
) -> libvirtError:
    """A libvirtError to raise.

    :param code: virErrorNumber
    :param detail: what follows libvirt's text for the code
    :param domain: virErrorDomain, the part that reports
    """
    nine = fields(code, detail, domain=domain, level=level)
    return from_fields(nine)


def system_error(errno_: int, detail: str, *, domain: int = From.NONE) -> libvirtError:
    """VIR_ERR_SYSTEM_ERROR as virReportSystemError words it: ``detail: strerror``; int1 = errno."""
    text = f"{detail}: {os.strerror(errno_)}"
    nine = (
        int(Code.SYSTEM_ERROR),
        int(domain),
        text,
        int(Level.ERROR),
        "%s",
        text,
        None,
        errno_,
        -1,
    )
    return from_fields(nine)


def last_error() -> ErrorTuple | None:
    """The calling thread's last error, None after a success (virGetLastError)."""
    value: ErrorTuple | None = getattr(_thread, "err", None)
    return value


def set_last_error(err: ErrorTuple | None) -> None:
    """Keeps (or, with None, resets) the calling thread's last error."""
    _thread.err = err
