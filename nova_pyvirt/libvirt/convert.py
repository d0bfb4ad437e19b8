# SPDX-License-Identifier: Apache-2.0
"""Arguments as libvirt-python's C half takes them: which types, which ranges, which exceptions.

A converter gets (value, function, position) and returns what slots get; it raises TypeError,
OverflowError or ValueError. Unlike there, no bit of a number is dropped: what
doesn't fit is refused.
"""

from collections.abc import Callable
from operator import index
from typing import Any, Final

from nova_pyvirt.util import typed

Converter = Callable[[Any, str, int], Any]

_INT_MAX: Final = 0x7FFFFFFF
_UINT_MAX: Final = 0xFFFFFFFF
_LONG_MAX: Final = 0x7FFFFFFFFFFFFFFF
_ULONG_MAX: Final = 0xFFFFFFFFFFFFFFFF


def string(value: Any, function: str, position: int) -> str | None:
    """A string without NUL, or None."""
    if value is None:
        return None
    if not isinstance(value, str):
        name = type(value).__name__
        raise TypeError(f"{function}() argument {position} must be str or None, not {name}")
    if "\0" in value:
        raise ValueError("embedded null character")
    if not value.isascii():
        value.encode()  # lone surrogates: UnicodeEncodeError
    return value


def not_none(value: Any, function: str, position: int) -> str:
    """A string without NUL."""
    if not isinstance(value, str):
        name = "None" if value is None else type(value).__name__
        raise TypeError(f"{function}() argument {position} must be str, not {name}")
    return text(value)


def unsigned(value: Any, function: str, position: int) -> int:
    """unsigned int; negative numbers become the bits they have in C, for drivers to refuse."""
    number: int = value if type(value) is int else index(value)
    if number < 0:
        if number < -_INT_MAX - 1:
            raise OverflowError("unsigned integer is less than minimum")
        return number & _UINT_MAX
    if number > _UINT_MAX:
        raise OverflowError("unsigned integer is greater than maximum")
    return number


def signed(value: Any, function: str, position: int) -> int:
    """int."""
    number: int = value if type(value) is int else index(value)
    if number > _INT_MAX:
        raise OverflowError("signed integer is greater than maximum")
    if number < -_INT_MAX - 1:
        raise OverflowError("signed integer is less than minimum")
    return number


def long_long(value: Any, function: str, position: int) -> int:
    """long long."""
    number: int = value if type(value) is int else index(value)
    if not -_LONG_MAX - 1 <= number <= _LONG_MAX:
        raise OverflowError("int too big to convert")
    return number


def unsigned_long(value: Any, function: str, position: int) -> int:
    """unsigned long, which the binding reads as a signed one."""
    number: int = value if type(value) is int else index(value)
    if not -_LONG_MAX - 1 <= number <= _LONG_MAX:
        raise OverflowError("Python int too large to convert to C long")
    return number & _ULONG_MAX


def unsigned_long_long(value: Any, function: str, position: int) -> int:
    """unsigned long long, which the binding reads as a signed one."""
    return long_long(value, function, position) & _ULONG_MAX


def size(value: Any, function: str, position: int) -> int:
    """size_t, which the binding reads as a signed one."""
    number: int = value if type(value) is int else index(value)
    if not -_LONG_MAX - 1 <= number <= _LONG_MAX:
        raise OverflowError("Python int too large to convert to C ssize_t")
    return number & _ULONG_MAX


def obj(value: Any, function: str, position: int) -> Any:
    """An object of this API, given to slots as its ref; None stays None."""
    if value is None:
        return None
    handle = value._o
    return None if handle is None else handle.ref


def strings(value: Any, function: str, position: int) -> list[str] | None:
    """A list of strings, or None."""
    if value is None:
        return None
    if not isinstance(value, list):
        raise TypeError("a list of strings is needed")
    return [text(item) for item in value]


def text(value: Any) -> str:
    """A string that isn't None."""
    if not isinstance(value, str):
        raise TypeError(f"expected str, {type(value).__name__} found")
    if "\0" in value:
        raise ValueError("embedded null character")
    value.encode()
    return value


def anything(value: Any, function: str, position: int) -> Any:
    """What the method has converted by itself."""
    return value


CONVERTERS: Final[dict[str, Converter]] = {
    "z": string,
    "s": not_none,
    "Z": strings,
    "b": anything,
    "i": signed,
    "I": unsigned,
    "l": unsigned_long,
    "L": long_long,
    "U": unsigned_long_long,
    "n": size,
    "p": anything,
    "o": obj,
    "O": anything,
}


# --- typed parameters


def _fit(value: Any, low: int, high: int, name: str) -> int:
    number = index(value)
    if not low <= number <= high:
        raise OverflowError(f"Python int too large to convert to C {name}")
    return number


#: typed class: value of that class, as the binding converts it
_TYPED: Final[dict[type, Callable[[Any], typed.Value]]] = {
    typed.Int: lambda v: typed.Int(_fit(v, -_INT_MAX - 1, _INT_MAX, "int")),
    int: lambda v: typed.Int(_fit(v, -_INT_MAX - 1, _INT_MAX, "int")),
    typed.UInt: lambda v: typed.UInt(_fit(v, 0, _UINT_MAX, "unsigned int")),
    typed.LLong: lambda v: typed.LLong(_fit(v, -_LONG_MAX - 1, _LONG_MAX, "long long")),
    typed.ULLong: lambda v: typed.ULLong(_fit(v, 0, _ULONG_MAX, "unsigned long long")),
    float: float,
    bool: bool,
    str: text,
}


def like(params: Any, known: typed.Params) -> typed.Params:
    """Parameters to set, typed as those that were read.

    :raises TypeError: not a dict, or a value that doesn't convert
    :raises LookupError: an empty dict, or a name that was not read
    """
    check_dict(params)
    made: typed.Params = {}
    for name, value in params.items():
        field = text(name)
        if field not in known:
            raise LookupError(f'Attribute name "{field}" could not be recognized')
        made[field] = _TYPED[type(known[field])](value)
    return made


def check_dict(params: Any) -> None:
    """Refuses what is no dict, and empty ones."""
    if not isinstance(params, dict):
        raise TypeError(f"expected dict, {type(params).__name__} found")
    if not params:
        raise LookupError("Dictionary must not be empty")


def hinted(params: Any, hints: dict[str, type]) -> typed.Params:
    """Parameters to give, typed by name or else by their Python type; lists repeat a name."""
    if not isinstance(params, dict):
        raise TypeError(f"expected dict, {type(params).__name__} found")
    made: typed.Params = {}
    for name, value in params.items():
        field = text(name)
        if isinstance(value, list | tuple):
            made[field] = [_hinted(field, item, hints) for item in value]
        else:
            made[field] = _hinted(field, value, hints)
    return made


def _hinted(name: str, value: Any, hints: dict[str, type]) -> typed.Value:
    kind = hints.get(name)
    if kind is None:
        if isinstance(value, bool | str | float):
            kind = type(value)
        elif isinstance(value, int):
            kind = typed.ULLong if 0 <= value <= _ULONG_MAX else typed.LLong
        else:
            raise TypeError(f'Unknown type of "{name}" field')
    return _TYPED[kind](value)


# --- CPU maps


def cpu_bytes(cpumap: Any, cpus: int) -> bytes:
    """A tuple of truth values as a CPU map for `cpus` CPUs; what lies beyond is dropped."""
    if not isinstance(cpumap, tuple):
        raise TypeError("Unexpected type, tuple is required")
    made = bytearray((cpus + 7) // 8)
    for cpu, used in enumerate(cpumap[:cpus]):
        if used:
            made[cpu // 8] |= 1 << cpu % 8
    return bytes(made)


def cpu_list(cpumap: bytes, cpus: int) -> list[bool]:
    """A CPU map as one truth value for each of `cpus` CPUs."""
    length = len(cpumap) * 8
    return [cpu < length and bool(cpumap[cpu // 8] >> cpu % 8 & 1) for cpu in range(cpus)]
