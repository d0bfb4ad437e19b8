# SPDX-License-Identifier: Apache-2.0
"""How every method reaches the driver table.

``bind("virDomainCreateWithFlags")`` makes the function that the method calls with its object and
arguments: convert the arguments, reset the thread's last error, is the object alive, libvirt's
checks, the table's slot; an error becomes the thread's last error and goes to the error handler.
All that depends only on the row is prepared when the module is imported.
"""

from collections.abc import Callable, Sequence
from typing import Any

from nova_pyvirt.api import Row, arguments, row
from nova_pyvirt.api.checks import compile_checks
from nova_pyvirt.api.refusals import Test, origin_of
from nova_pyvirt.errors import libvirtError, set_last_error
from nova_pyvirt.libvirt.convert import CONVERTERS, Converter
from nova_pyvirt.libvirt.errors import invalid_object, report
from nova_pyvirt.libvirt.handle import Handle
from nova_pyvirt.util.native import offload

Bound = Callable[..., Any]
#: what methods call, by what comes back
Int = Callable[..., int]
Str = Callable[..., str]
Strs = Callable[..., list[str]]
List = Callable[..., list[Any]]
Tuple = Callable[..., tuple[Any, ...]]
Dict = Callable[..., dict[str, Any]]
Bytes = Callable[..., bytes]
Ref = Callable[..., Handle]
Refs = Callable[..., list[Handle]]
Shape = Callable[[Handle, Any], Any]


def bind(function: str, shape: Shape | None = None, *, args: str | None = None) -> Bound:
    """The call of a C function: ``bound(object, *arguments)``.

    :param shape: makes of (the object's handle, the slot's result) what is returned; the default is
        the row's result
    :param args: the slot's arguments as a row has them, where Python's differ
    """
    data = row(function)
    if args is not None:
        data = _with_arguments(data, args)
    shape = shape or _shape(data)
    if not data.args and not data.checks:
        return _plain(data, data.slot, shape)
    return _full(data, data.slot, shape, compile_checks(data))


def _with_arguments(data: Row, args: str) -> Row:
    """The row with other arguments, and the checks on those."""
    new = arguments(args)
    names = {a.c_name for a in new}
    checks = tuple(c for c in data.checks if not c.argument or c.argument in names)
    return data._replace(args=new, checks=checks)


def _plain(data: Row, name: str, shape: Shape | None) -> Bound:
    """A call without arguments and checks: what is called most."""
    function, origin = data.first or data.function, origin_of(data)

    def call(obj: Any) -> Any:
        set_last_error(None)
        handle = obj._o
        try:
            if handle is None:
                raise invalid_object(obj._kind, function, origin)
            conn = handle.conn
            run = conn.slots.get(name) or conn.slot(name, function, origin)
            args = () if handle is conn else (handle.ref,)
            result = run(*args) if name in conn.cheap else offload(run, *args)
        except libvirtError as exc:
            report(exc, handle and handle.conn)
            raise
        return result if shape is None else shape(handle, result)

    return call


def _full(data: Row, name: str, shape: Shape | None, checks: Sequence[Test]) -> Bound:
    """A call with arguments or checks."""
    function, origin = data.first or data.function, origin_of(data)
    converters = tuple(CONVERTERS[a.kind] for a in data.args)

    def call(obj: Any, *given: Any) -> Any:
        args = _convert(converters, given, function)
        set_last_error(None)
        handle = obj._o
        try:
            if handle is None:
                raise invalid_object(obj._kind, function, origin)
            conn = handle.conn
            for check in checks:
                check(conn, args)
            run = conn.slots.get(name) or conn.slot(name, function, origin)
            if handle is not conn:
                result = (
                    run(handle.ref, *args)
                    if name in conn.cheap
                    else offload(run, handle.ref, *args)
                )
            else:
                result = run(*args) if name in conn.cheap else offload(run, *args)
        except libvirtError as exc:
            report(exc, handle and handle.conn)
            raise
        return result if shape is None else shape(handle, result)

    return call


def _convert(converters: Sequence[Converter], given: Sequence[Any], function: str) -> list[Any]:
    return [c(v, function, i) for i, (c, v) in enumerate(zip(converters, given, strict=True), 2)]


def checked(function: str, args: str | None = None) -> Callable[..., list[Any]]:
    """The checks of a C function alone: check(object, *arguments) gives the converted arguments.

    For methods that do more than one thing after them.
    """
    data = row(function)
    if args is not None:
        data = _with_arguments(data, args)
    checks: tuple[Test, ...] = compile_checks(data)
    converters = tuple(CONVERTERS[a.kind] for a in data.args)

    def call(obj: Any, *given: Any) -> list[Any]:
        values = _convert(converters, given, function)
        set_last_error(None)
        handle = obj._o
        try:
            if handle is None:
                raise invalid_object(obj._kind, function, origin_of(data))
            for check in checks:
                check(handle.conn, values)
        except libvirtError as exc:
            report(exc, handle and handle.conn)
            raise
        return values

    return call


def quiet(bound: Bound) -> Bound:
    """For the three calls where libvirt-python gives None instead of an exception."""

    def call(obj: Any, *given: Any) -> Any:
        try:
            return bound(obj, *given)
        except libvirtError:
            return None

    return call


def guarded(obj: Any, run: Callable[[Handle], Any]) -> Any:
    """run(handle) of an object that is there (see :func:`checked`), its errors reported."""
    handle = obj._o
    try:
        return run(handle)
    except libvirtError as exc:
        report(exc, handle.conn)
        raise


def fail(obj: Any, exc: libvirtError) -> libvirtError:
    """Reports an error of a method's own and returns it, to be raised."""
    handle = obj._o
    return report(exc, handle and handle.conn)


# --- results


def _number(handle: Handle, result: Any) -> int:
    """int; slots may return None or a truth value."""
    return 0 if result is None else int(result)


def _ref(handle: Handle, result: Any) -> Handle:
    return Handle(handle.conn, result)


def _refs(handle: Handle, result: Any) -> list[Handle]:
    conn = handle.conn
    return [Handle(conn, ref) for ref in result]


def as_list(handle: Handle, result: Any) -> list[Any]:
    """C's out-arguments as a list."""
    return list(result)


def as_tuple(handle: Handle, result: Any) -> tuple[Any, ...]:
    """C's out-arguments as a tuple."""
    return tuple(result)


def as_dict(handle: Handle, result: Any) -> dict[str, Any]:
    """Typed parameters, as plain numbers."""
    return {name: plain(value) for name, value in result.items()}


def typed(handle: Handle, result: Any) -> Any:
    """Typed parameters as they are, or any other result."""
    return result


def plain(value: Any) -> Any:
    """A typed parameter's value without its type."""
    kind = type(value)
    if kind is int or kind is str or kind is bool or kind is float:
        return value
    return int(value) if isinstance(value, int) else value


def _shape(data: Row) -> Shape | None:
    kind = data.result.partition(":")[0]
    shapes: dict[str, Shape | None] = {
        "int": _number,
        "str": None,
        "strs": as_list,
        "list": as_list,
        "params": as_dict,
        "ref": _ref,
        "refs": _refs,
    }
    return shapes[kind]
