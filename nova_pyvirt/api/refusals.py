# SPDX-License-Identifier: Apache-2.0
"""The errors that libvirt's public functions raise before they ask the driver."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from nova_pyvirt.api.calls import Row
from nova_pyvirt.errors import Code, From, Level, error, from_fields, libvirtError


class Asker(Protocol):
    """A connection, or a client of the daemon."""

    @property
    def readonly(self) -> bool:
        """Must it change nothing?"""


Test = Callable[[Asker, Sequence[Any]], None]


def origin_of(row: Row) -> int:
    """The error domain of a call's checks."""
    return int(From[row.origin])


def refuse(row: Row, argument: str, text: str) -> libvirtError:
    """INVALID_ARG of the public function itself, whose text is all there is."""
    code, domain, level = int(Code.INVALID_ARG), origin_of(row), int(Level.ERROR)
    return from_fields((code, domain, text, level, row.function, argument, None, 0, 0))


def deny(row: Row, addition: str = "") -> libvirtError:
    """OPERATION_DENIED for a read-only connection."""
    detail = f"read only access prevents {row.function}"
    if addition:
        detail = f"{row.function} {addition}"
    return error(Code.OPERATION_DENIED, detail, domain=origin_of(row))
