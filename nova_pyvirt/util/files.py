# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or absent, and never somebody else's link."""

from typing import Final

from nova_pyvirt.util.breakpoints import reach
from nova_pyvirt.util.native import os

#: what a temporary file's name ends in; one that is found was left by a death
TEMPORARY: Final = ".new"


def write_atomic(path: str, data: bytes, mode: int = 0o600, *, sync: bool = True) -> None:
    """Writes a temporary file beside `path`, syncs it and renames it over `path`.

    :param sync: whether it must survive the host's crash, not only ours
    :raises OSError: nothing is left behind then
    """
    temporary = f"{path}{TEMPORARY}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(temporary, flags, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        reach("file-written")
        os.rename(temporary, path)
        reach("file-renamed")
    except OSError:
        unlink(temporary)
        raise


def unlink(path: str) -> bool:
    """Removes a file; False when there was none or it can't be removed."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def read_private(path: str, limit: int = 16 << 20) -> bytes:
    """A regular file's content, links not followed.

    :raises OSError: not there, a link, not a regular file
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        return file.read(limit)
