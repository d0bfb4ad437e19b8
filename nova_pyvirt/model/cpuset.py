# SPDX-License-Identifier: Apache-2.0
"""Sets of small numbers written as ranges, e.g. "1-3,^2,8" (libvirt's bitmaps)."""

import re
from collections.abc import Iterable

from nova_pyvirt import errors
from nova_pyvirt.errors import Code, From

#: bits in a processor mask
LIMIT = 16384
_ITEM = re.compile(r"\s*(\^?)([0-9]{1,9})(?:-([0-9]{1,9}))?\s*\Z")


def parse(text: str, limit: int = LIMIT) -> list[int]:
    """The numbers, sorted. "^n" takes one away again.

    :raises libvirtError: INVALID_ARG for anything else
    """
    found: set[int] = set()
    for item in text.split(","):
        match = _ITEM.match(item)
        if match is None or (match[1] and match[3]):
            raise _invalid(text)
        first = int(match[2])
        last = int(match[3]) if match[3] else first
        if first > last or last >= limit:
            raise _invalid(text)
        if match[1]:
            found.discard(first)
        else:
            found.update(range(first, last + 1))
    return sorted(found)


def _invalid(text: str) -> errors.libvirtError:
    return errors.error(Code.INVALID_ARG, f"Failed to parse bitmap '{text}'", domain=From.NONE)


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def text(numbers: Iterable[int]) -> str:
    """As libvirt writes it: runs of two or more as a range."""
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges(numbers))


def normal(value: str) -> str:
    """The set as libvirt writes it.

    :raises libvirtError: INVALID_ARG for what isn't one
    """
    return text(parse(value))
