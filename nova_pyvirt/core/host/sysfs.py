# SPDX-License-Identifier: Apache-2.0
"""Reads the kernel's view of the host, from ``/`` or from a copy of it."""

import re
from pathlib import Path
from typing import Final

from nova_pyvirt.errors import From, error, system_error
from nova_pyvirt.errors.codes import Code
from nova_pyvirt.util.native import os

_CHUNK: Final = 65536


class HostFs:
    """The host's /proc, /sys and /etc.

    :param root: where the files are; another directory than ``/`` in tests
    """

    def __init__(self, root: Path | str = "/") -> None:
        self.root = Path(root)
        self._prefix = f"{self.root}/".replace("//", "/")

    def path(self, name: str) -> Path:
        return self.root / name

    def read(self, name: str) -> str | None:
        """A file's text without white space at its ends; None when there is no such file."""
        try:
            return _content(self._prefix + name).decode(errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise system_error(exc.errno or 0, f"Failed to open file '/{name}'") from exc

    def write(self, name: str, text: str) -> None:
        """Gives a file of the kernel a value.

        :raises OSError: there is no such file, or the kernel refuses
        """
        fd = os.open(self._prefix + name, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)

    def require(self, name: str, words: str = "cannot open") -> str:
        """The same, a missing file is libvirt's ``cannot open PATH`` error."""
        text = self.read(name)
        if text is None:
            raise system_error(2, f"{words} /{name}")
        return text

    def number(self, name: str) -> int | None:
        """A file with one non-negative number; None when there is no such file."""
        text = self.read(name)
        if text is None:
            return None
        try:
            return int(text, 0) if text.startswith("0x") else int(text)
        except ValueError:
            raise error(
                Code.INTERNAL_ERROR, f"Invalid value '{text}' in file '/{name}'", domain=From.NONE
            ) from None

    def cpu_list(self, name: str) -> list[int] | None:
        """A file like ``0-3,8``; None when there is no such file."""
        text = self.read(name)
        return None if text is None else parse_list(text)

    def numbered(self, folder: str, prefix: str) -> list[int]:
        """N of all ``folder/PREFIXN``, ascending."""
        pattern = re.compile(rf"{prefix}(\d+)")
        found = (pattern.fullmatch(name) for name in self.entries(folder))
        return sorted(int(match.group(1)) for match in found if match)

    def numbered_pools(self, folder: str) -> list[int]:
        """The page sizes (KiB) of a hugepages directory, ascending."""
        found = (re.fullmatch(r"hugepages-(\d+)kB", name) for name in self.entries(folder))
        return sorted(int(match.group(1)) for match in found if match)

    def entries(self, folder: str) -> list[str]:
        """The names in a directory in the kernel's order; none when it is missing."""
        try:
            return os.listdir(self._prefix + folder)
        except OSError:
            return []

    def exists(self, name: str) -> bool:
        return os.path.exists(self._prefix + name)


def _content(path: str) -> bytes:
    """A file's bytes, without Python's file objects: one call reads a hundred of these files.

    :raises OSError: it can't be read
    """
    parts = []
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        while part := os.read(fd, _CHUNK):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts)


def parse_list(text: str) -> list[int]:
    """``0-3,8`` as numbers."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first:
            found.extend(range(int(first), int(last or first) + 1))
    return found


def format_list(numbers: list[int]) -> str:
    """Numbers as ``0-3,8``."""
    parts: list[str] = []
    ordered = sorted(numbers)
    i = 0
    while i < len(ordered):
        j = i
        while j + 1 < len(ordered) and ordered[j + 1] == ordered[j] + 1:
            j += 1
        parts.append(str(ordered[i]) if i == j else f"{ordered[i]}-{ordered[j]}")
        i = j + 1
    return ",".join(parts)
