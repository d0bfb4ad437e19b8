# SPDX-License-Identifier: Apache-2.0
"""The checks of libvirt's public functions that precede the driver, made from a call's row.

A check gets (who asks, arguments) and raises libvirtError. The Python facade makes them for its own
process, the daemon for what its clients send.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from nova_pyvirt.api.calls import Check, Row
from nova_pyvirt.api.constants import constant, flags
from nova_pyvirt.api.refusals import Asker, Test, deny, refuse
from nova_pyvirt.api.rules import RULES

#: word: (refused?, text)
_VALUES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "nonnull": (lambda v: v is None, "{0} in {1} must not be NULL"),
    "null": (lambda v: v is not None, "{0} in {1} must be NULL"),
    "nonempty": (lambda v: v == "", "string {0} in {1} must not be empty"),
    "positive": (lambda v: v <= 0, "{0} in {1} must be greater than zero"),
    "nonnegative": (lambda v: v < 0, "{0} in {1} must be zero or greater"),
    "nonzero": (lambda v: v == 0, "{0} in {1} must not be zero"),
}


def compile_checks(row: Row) -> tuple[Test, ...]:
    """The row's checks, in their order, then the function's own."""
    positions = {a.c_name: i for i, a in enumerate(row.args)}
    found = [_compile(row, check, positions.get(check.argument, 0)) for check in row.checks]
    rule = RULES.get(row.function)
    if rule is not None:
        found.append(lambda _conn, args: rule(row, args))
    return tuple(found)


def _compile(row: Row, check: Check, at: int) -> Test:
    if check.word in _VALUES:
        return _value(row, check, at)
    return _MAKERS[check.word](row, check, at)


def _value(row: Row, check: Check, at: int) -> Test:
    refused, text = _VALUES[check.word]
    message = text.format(check.argument, row.function)
    missing = _VALUES["nonnull"][1].format(check.argument, row.function)
    strings = check.word == "nonempty"

    def test(conn: Asker, args: Sequence[Any]) -> None:
        if strings and args[at] is None:
            raise refuse(row, check.argument, missing)
        if refused(args[at]):
            raise refuse(row, check.argument, message)

    return test


def _readonly(row: Row, check: Check, at: int) -> Test:
    def test(conn: Asker, args: Sequence[Any]) -> None:
        if conn.readonly:
            raise deny(row)

    return test


def _readonly_if(row: Row, check: Check, at: int) -> Test:
    mask = flags(check.operands[0])

    def test(conn: Asker, args: Sequence[Any]) -> None:
        if conn.readonly and args[at] & mask:
            raise deny(row)

    return test


def _readonly_is(row: Row, check: Check, at: int) -> Test:
    wanted = constant(check.operands[0])

    def test(conn: Asker, args: Sequence[Any]) -> None:
        if conn.readonly and args[at] == wanted:
            raise deny(row)

    return test


def _secure(row: Row, check: Check, at: int) -> Test:
    mask = flags(check.operands[0])

    def test(conn: Asker, args: Sequence[Any]) -> None:
        if conn.readonly and args[at] & mask:
            raise deny(row, "with secure flag")

    return test


def _exclusive(row: Row, check: Check, at: int) -> Test:
    first, second = check.operands
    one, two = flags(first), flags(second)
    message = f"Flags '{first}' and '{second}' are mutually exclusive"

    def test(conn: Asker, args: Sequence[Any]) -> None:
        if args[at] & one and args[at] & two:
            raise refuse(row, "ctl", message)

    return test


def _require(row: Row, check: Check, at: int) -> Test:
    flag, required = check.operands
    one, others = flags(flag), flags(required)
    message = f"Flag '{required.replace('+', ' | ')}' is required by flag '{flag}'"

    def test(conn: Asker, args: Sequence[Any]) -> None:
        if args[at] & one and not args[at] & others:
            raise refuse(row, "ctl", message)

    return test


_MAKERS: Final[dict[str, Callable[[Row, Check, int], Test]]] = {
    "readonly": _readonly,
    "readonlyif": _readonly_if,
    "readonlyis": _readonly_is,
    "secure": _secure,
    "exclusive": _exclusive,
    "require": _require,
}
