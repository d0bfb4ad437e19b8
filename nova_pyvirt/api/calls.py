# SPDX-License-Identifier: Apache-2.0
"""libvirt's calls as rows.

A line of the data has eleven columns, divided by "|" ("-" stands for nothing): C function, Python
name, slot, arguments, result, procedures, since, ACL, origin, checks, first.


* Python name: ``class.method`` or ``module.function``; slot: the driver table's method.
* arguments: ``name:kind=default``, or ``python/c:kind`` where C's name differs. Kinds: ``z`` text
  or None, ``s`` text, ``Z`` list of strings, ``b`` bytes, ``i`` int, ``I`` unsigned int, ``l``
  unsigned long, ``L`` long long, ``U`` unsigned long long, ``n`` size, ``p`` typed parameters,
  ``o`` object, ``O`` anything that is converted by hand.
* result: ``int``, ``str``, ``strs`` (list), ``list``, ``params`` (dict), ``ref:class``,
  ``refs:class``: what C's prototype tells; methods with a shape of their own make it.
* procedures: ``program/number``; ACL: ``object:permission[:condition]``.
* origin: the error domain of the checks; checks, in libvirt's order: ``readonly``,
  ``readonlyif:ARG:FLAG``, ``readonlyis:ARG:VALUE``, ``secure:ARG:FLAGS``, ``nonnull:ARG`` (null,
  nonempty, positive, nonnegative, nonzero), ``exclusive:ARG:FLAG:FLAG``,
  ``require:ARG:FLAG:FLAGS``.
* first: the C function that libvirt-python calls before this one, whose name errors show.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from nova_pyvirt.api.data.calls import ROWS


class Argument(NamedTuple):
    """One argument after the object.

    :ivar default: the default as Python source, None when there is none
    """

    name: str
    c_name: str
    kind: str
    default: str | None


class Check(NamedTuple):
    """One check before the driver is asked; `operands` are names of flags or a value."""

    word: str
    argument: str
    operands: tuple[str, ...]


class Row(NamedTuple):
    """One call."""

    function: str
    python: str
    slot: str
    args: tuple[Argument, ...]
    result: str
    procs: tuple[tuple[str, int], ...]
    since: str
    acls: tuple[str, ...]
    origin: str
    checks: tuple[Check, ...]
    first: str

    @property
    def readonly(self) -> bool:
        """Whether a read-only connection may make the call (with some arguments, at least)."""
        return not any(c.word == "readonly" for c in self.checks)


def _split(text: str, separator: str | None = None) -> list[str]:
    return [] if text == "-" else text.split(separator)


def _argument(text: str) -> Argument:
    names, _, rest = text.partition(":")
    kind, equals, default = rest.partition("=")
    python, _, c_name = names.partition("/")
    return Argument(python, c_name or python, kind, default if equals else None)


def arguments(text: str) -> tuple[Argument, ...]:
    """Arguments from their notation."""
    return tuple(_argument(a) for a in _split(text))


def _check(text: str) -> Check:
    word, _, rest = text.partition(":")
    argument, *operands = rest.split(":")
    return Check(word, argument, tuple(operands))


def _proc(text: str) -> tuple[str, int]:
    program, _, number = text.partition("/")
    return program, int(number)


@cache
def _lines() -> dict[str, str]:
    """Lines by C function; where two methods share one the first counts."""
    found: dict[str, str] = {}
    for line in ROWS.splitlines():
        found.setdefault(line[: line.index("|")], line)
    return found


def _parse(line: str) -> Row:
    function, python, slot, args, result, procs, since, acls, origin, checks, first = line.split(
        "|"
    )
    return Row(
        function,
        python,
        "" if slot == "-" else slot,
        arguments(args),
        result,
        tuple(_proc(p) for p in _split(procs)),
        since,
        tuple(_split(acls)),
        origin,
        tuple(_check(c) for c in _split(checks)),
        "" if first == "-" else first,
    )


@cache
def row(function: str) -> Row:
    """The row of a C function; raises KeyError for an unknown one."""
    return _parse(_lines()[function])


def rows() -> Iterator[Row]:
    """All rows."""
    for line in ROWS.splitlines():
        yield _parse(line)
