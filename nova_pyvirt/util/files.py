# SPDX-License-Identifier: Apache-2.0
"""Files that are whole or absent, and never somebody else's link."""

from nova_pyvirt.util.native import os


def write_atomic(path: str, data: bytes, mode: int = 0o600) -> None:
    """Writes a temporary file beside `path`, syncs it and renames it over `path`.

    :raises OSError: nothing is left behind then
    """
    temporary = f"{path}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        fd = os.open(temporary, flags, mode)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(temporary, path)
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
