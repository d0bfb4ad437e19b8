# SPDX-License-Identifier: Apache-2.0
"""Typed parameters: numbers that remember which of libvirt's integer types they are.

A dict of typed parameters holds :class:`Int`, :class:`UInt`, :class:`LLong`, :class:`ULLong` (a plain
``int`` counts as Int), ``float``, ``bool`` and ``str``; a list of them when a field may be repeated.
"""

from typing import Final


class Int(int):
    """VIR_TYPED_PARAM_INT."""

    __slots__ = ()


class UInt(int):
    """VIR_TYPED_PARAM_UINT."""

    __slots__ = ()


class LLong(int):
    """VIR_TYPED_PARAM_LLONG."""

    __slots__ = ()


class ULLong(int):
    """VIR_TYPED_PARAM_ULLONG."""

    __slots__ = ()


Value = int | float | bool | str
Params = dict[str, Value | list[Value]]

INT: Final = 1
UINT: Final = 2
LLONG: Final = 3
ULLONG: Final = 4
DOUBLE: Final = 5
BOOLEAN: Final = 6
STRING: Final = 7

#: class: virTypedParameterType
TAGS: Final[dict[type, int]] = {
    int: INT,
    Int: INT,
    UInt: UINT,
    LLong: LLONG,
    ULLong: ULLONG,
    float: DOUBLE,
    bool: BOOLEAN,
    str: STRING,
}
#: virTypedParameterType: class
CLASSES: Final[dict[int, type]] = {
    INT: Int,
    UINT: UInt,
    LLONG: LLong,
    ULLONG: ULLong,
    DOUBLE: float,
    BOOLEAN: bool,
    STRING: str,
}
