# SPDX-License-Identifier: Apache-2.0
"""XDR (RFC 4506) codecs, compiled to Python functions from the protocol tables.

Values: a struct is the tuple of its members (or what :class:`Adapter` makes of it), an array a
list, a string ``str``, opaque data and arrays of ``char`` are ``bytes``, a pointer is None or the
value, a union ``(discriminant, value)``.

Every limit of the tables is enforced in both directions; a decoder never reads past the buffer,
never allocates more than the buffer justifies, and refuses NUL and bad UTF-8 in strings.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nova_pyvirt.wire import idl

Decoder = Callable[[bytes, int], tuple[Any, int]]
Encoder = Callable[[Any, list[bytes]], None]


class XDRError(ValueError):
    """The bytes are not a value of the type, or the value does not fit the type."""


@dataclass(frozen=True)
class Adapter:
    """Lets a struct or union be something nicer than a tuple.

    :param load: gets the members (a union: discriminant and value) as positional arguments
    :param dump: gives the tuple of members back
    """

    load: Callable[..., Any]
    dump: Callable[[Any], tuple[Any, ...]]


@dataclass(frozen=True)
class ArrayCodec:
    """A hand-written codec for arrays of a type.

    :param get: ``(data, at, bound) -> (value, end)``
    :param put: ``(value, out, bound)``
    """

    get: Callable[[bytes, int, int], tuple[Any, int]]
    put: Callable[[Any, list[bytes], int], None]


FORMATS: Final = {
    "int": "i",
    "uint": "I",
    "hyper": "q",
    "uhyper": "Q",
    "double": "d",
    "char": "i",
    "short": "i",
    "uchar": "I",
    "ushort": "I",
    "bool": "i",
}
_PAD: Final = (b"", b"\0\0\0", b"\0\0", b"\0")


def _get_opaque(data: bytes, at: int, bound: int) -> tuple[bytes, int]:
    size = int.from_bytes(data[at : at + 4], "big")
    at += 4
    if size > bound:
        raise XDRError(f"{size} bytes exceed {bound}")
    return data[at : at + size], at + size + (-size & 3)


def _get_chars(data: bytes, at: int, count: int) -> tuple[bytes, int]:
    """An array of char: four bytes each."""
    end = at + 4 * count
    return data[at + 3 : end : 4], end


def _count(data: bytes, at: int, bound: int) -> int:
    count = int.from_bytes(data[at : at + 4], "big")
    if count > bound:
        raise XDRError(f"{count} elements exceed {bound}")
    if count * 4 > len(data) - at:
        raise XDRError("truncated array")
    return count


def _bad_string(size: int) -> None:
    raise XDRError(f"string of {size} bytes is too long or has a NUL")


def _put_opaque(raw: bytes, out: list[bytes], bound: int) -> None:
    size = len(raw)
    if size > bound:
        raise XDRError(f"{size} bytes exceed {bound}")
    out.append(size.to_bytes(4, "big") + raw + _PAD[size & 3])


def _put_chars(raw: bytes, out: list[bytes]) -> None:
    out.append(b"".join([b"\0\0\0" + raw[i : i + 1] for i in range(len(raw))]))


def _checked(size: int, bound: int, exact: bool) -> int:
    if size > bound or (exact and size != bound):
        raise XDRError(f"{size} elements, not {'' if exact else 'up to '}{bound}")
    return size


class Codec:
    """The codecs of one program, compiled when first used.

    :param types: what :func:`idl.parse_types` gave
    :param adapters: by type name
    :param arrays: hand-written codecs by element type
    """

    def __init__(
        self,
        types: dict[str, idl.Definition],
        adapters: dict[str, Adapter] | None = None,
        arrays: dict[str, ArrayCodec] | None = None,
    ) -> None:
        self._types = types
        self._adapters = adapters or {}
        self.arrays = arrays or {}
        self._decoders: dict[str, Decoder] = {}
        self._encoders: dict[str, Encoder] = {}
        self._names: dict[str, Any] = {
            "XDRError": XDRError,
            "get_opaque": _get_opaque,
            "get_chars": _get_chars,
            "count": _count,
            "bad_string": _bad_string,
            "pack_size": struct.Struct(">I").pack,
            "unpack_size": struct.Struct(">I").unpack_from,
            "pad": _PAD,
            "put_opaque": _put_opaque,
            "put_chars": _put_chars,
            "checked": _checked,
        }

    def decode(self, name: str, data: bytes, at: int = 0) -> Any:
        """The value of type `name` that fills `data` from `at`.

        Raises XDRError for anything else than exactly one value.
        """
        try:
            value, end = self.decoder(name)(data, at)
        except (struct.error, UnicodeDecodeError, OverflowError) as exc:
            raise XDRError(f"cannot decode {name}: {exc}") from exc
        if end != len(data):
            raise XDRError(f"cannot decode {name}: {len(data) - at} bytes, used {end - at}")
        return value

    def encode(self, name: str, value: Any) -> bytes:
        """`value` as bytes; raises XDRError when it doesn't fit the type."""
        out: list[bytes] = []
        try:
            self.encoder(name)(value, out)
        except (struct.error, TypeError, ValueError, AttributeError, OverflowError) as exc:
            raise XDRError(f"cannot encode {name}: {exc}") from exc
        return b"".join(out)

    def members(self, name: str) -> tuple[tuple[str, idl.Type], ...]:
        """Names and types of a struct's members."""
        definition = self._types[name]
        if not isinstance(definition, idl.Struct):
            raise XDRError(f"{name} is not a struct")
        return definition.members

    def resolve(self, type_: idl.Type) -> idl.Type:
        """`type_` without names for plain types (a name of a struct or union stays)."""
        target = self._types.get(type_.name)
        if not isinstance(target, idl.Type):
            return type_
        inner = self.resolve(target)
        if type_.bound is not None:
            # an array of a named type keeps the name: only its elements are resolved
            return (
                type_
                if inner.bound is not None or inner.optional
                else idl.Type(inner.name, type_.optional, type_.bound, type_.fixed)
            )
        return idl.Type(inner.name, type_.optional or inner.optional, inner.bound, inner.fixed)

    def decoder(self, name: str) -> Decoder:
        """The compiled function ``(data, at) -> (value, end)``."""
        found = self._decoders.get(name)
        if found is None:
            found = self._compile(name, "dec_", _DecoderSource(self, self._names).function(name))
            self._decoders[name] = found
        return found

    def encoder(self, name: str) -> Encoder:
        """The compiled function ``(value, out)``."""
        found = self._encoders.get(name)
        if found is None:
            found = self._compile(name, "enc_", _EncoderSource(self, self._names).function(name))
            self._encoders[name] = found
        return found

    def definition(self, name: str) -> idl.Definition:
        return self._types[name]

    def adapter(self, name: str) -> Adapter | None:
        return self._adapters.get(name)

    def _compile(self, name: str, prefix: str, lines: list[str]) -> Any:
        exec("\n".join(lines), self._names)  # noqa: S102 - our own text, made from our own tables
        return self._names[prefix + name]


class _Source:
    """Writes the lines of one function; plain numbers in a row share one struct."""

    def __init__(self, codec: Codec, names: dict[str, Any]) -> None:
        self.codec = codec
        self.names = names
        self.lines: list[str] = []
        self.indent = 1
        self.run: list[tuple[str, str]] = []
        self.temps = 0

    def emit(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)

    def temp(self) -> str:
        self.temps += 1
        return f"t{self.temps}"

    def packer(self, formats: str, method: str) -> tuple[str, int]:
        """The name under which the compiled code finds a struct's method, and its size."""
        made = struct.Struct(">" + formats)
        name = f"{method}_{formats}"
        self.names[name] = getattr(made, method)
        return name, made.size


class _DecoderSource(_Source):
    def function(self, name: str) -> list[str]:
        definition = self.codec.definition(name)
        adapter = self.codec.adapter(name)
        if adapter:
            self.names["load_" + name] = adapter.load
        self.lines.append(f"def dec_{name}(d, p):")
        if isinstance(definition, idl.Union):
            self.union(name, definition)
        elif isinstance(definition, idl.Struct):
            values = [self.temp() for _ in definition.members]
            for value, (_, type_) in zip(values, definition.members, strict=True):
                self.value(self.codec.resolve(type_), value)
            self.flush()
            items = ", ".join(values)
            self.emit(f"return load_{name}({items}), p" if adapter else f"return ({items},), p")
        else:
            self.value(self.codec.resolve(definition), "v")
            self.flush()
            self.emit("return v, p")
        return self.lines

    def union(self, name: str, union: idl.Union) -> None:
        unpack, _ = self.packer("i", "unpack_from")
        self.emit(f"k, = {unpack}(d, p)")
        self.emit("p += 4")
        load = f"load_{name}(k, v)" if self.codec.adapter(name) else "(k, v)"
        for case, type_ in union.arms:
            self.emit(f"if k == {case}:")
            self.indent += 1
            self.value(self.codec.resolve(type_), "v")
            self.flush()
            self.emit(f"return {load}, p")
            self.indent -= 1
        self.emit('raise XDRError(f"unknown discriminant {k}")')

    def flush(self) -> None:
        if not self.run:
            return
        unpack, size = self.packer("".join(f for f, _ in self.run), "unpack_from")
        self.emit(f"{', '.join(n for _, n in self.run)}, = {unpack}(d, p)")
        self.emit(f"p += {size}")
        self.run = []

    def value(self, type_: idl.Type, into: str) -> None:
        if not type_.optional and type_.bound is None and type_.name in FORMATS:
            self.run.append((FORMATS[type_.name], into))
            return
        self.flush()
        if type_.optional:
            self.optional(type_, into)
        elif type_.name == "string":
            self.emit("n, = unpack_size(d, p)")
            self.emit(f"if n > {type_.bound}: bad_string(n)")
            self.emit("p += 4")
            self.emit(f"{into} = d[p:p + n].decode()")
            self.emit(f"if '\\0' in {into}: bad_string(n)")
            self.emit("p += n + (-n & 3)")
        elif type_.name == "opaque" and type_.fixed:
            self.emit(f"{into} = d[p:p + {type_.bound}]")
            self.emit(f"p += {(type_.bound or 0) + 3 & ~3}")
        elif type_.name == "opaque":
            self.emit(f"{into}, p = get_opaque(d, p, {type_.bound})")
        elif type_.bound is not None:
            self.array(type_, into)
        else:
            self.codec.decoder(type_.name)
            self.emit(f"{into}, p = dec_{type_.name}(d, p)")

    def optional(self, type_: idl.Type, into: str) -> None:
        unpack, _ = self.packer("I", "unpack_from")
        flag = self.temp()
        self.emit(f"{flag}, = {unpack}(d, p)")
        self.emit("p += 4")
        self.emit(f"if {flag} == 0: {into} = None")
        self.emit(f"elif {flag} != 1: raise XDRError('bad pointer')")
        self.emit("else:")
        self.indent += 1
        self.value(idl.Type(type_.name, False, type_.bound, type_.fixed), into)
        self.flush()
        self.indent -= 1

    def array(self, type_: idl.Type, into: str) -> None:
        own = self.codec.arrays.get(type_.name)
        if own is not None:
            self.names["get_" + type_.name] = own.get
            self.emit(f"{into}, p = get_{type_.name}(d, p, {type_.bound})")
            return
        n = self.temp()
        if type_.fixed:
            self.emit(f"{n} = {type_.bound}")
        else:
            self.emit(f"{n} = count(d, p, {type_.bound})")
            self.emit("p += 4")
        if type_.name == "char":
            self.emit(f"{into}, p = get_chars(d, p, {n})")
            return
        if type_.name in FORMATS:
            self.names["unpack_many"] = _unpack_many
            self.emit(f"{into}, p = unpack_many(d, p, {n}, '{FORMATS[type_.name]}')")
            return
        item = self.temp()
        self.emit(f"{into} = []")
        self.emit(f"add = {into}.append")
        self.emit(f"for _ in range({n}):")
        self.indent += 1
        self.value(self.codec.resolve(idl.Type(type_.name)), item)
        self.flush()
        self.emit(f"add({item})")
        self.indent -= 1


def _unpack_many(data: bytes, at: int, count: int, format_: str) -> tuple[list[Any], int]:
    made = f">{count}{format_}"
    return list(struct.unpack_from(made, data, at)), at + struct.calcsize(made)


class _EncoderSource(_Source):
    def function(self, name: str) -> list[str]:
        definition = self.codec.definition(name)
        adapter = self.codec.adapter(name)
        self.lines.append(f"def enc_{name}(v, out):")
        if adapter and adapter.dump is not tuple:  # a named tuple is one already
            self.names["dump_" + name] = adapter.dump
            self.emit(f"v = dump_{name}(v)")
        if isinstance(definition, idl.Union):
            self.union(definition)
        elif isinstance(definition, idl.Struct):
            values = [self.temp() for _ in definition.members]
            self.emit(f"{', '.join(values)}, = v")
            for value, (_, type_) in zip(values, definition.members, strict=True):
                self.value(self.codec.resolve(type_), value)
        else:
            self.value(self.codec.resolve(definition), "v")
        self.flush()
        return self.lines

    def union(self, union: idl.Union) -> None:
        self.emit("k, v = v")
        for case, type_ in union.arms:
            self.emit(f"if k == {case}:")
            self.indent += 1
            self.run.append(("i", "k"))
            self.value(self.codec.resolve(type_), "v")
            self.flush()
            self.emit("return")
            self.indent -= 1
        self.emit('raise XDRError(f"unknown discriminant {k}")')

    def flush(self) -> None:
        if not self.run:
            return
        pack, _ = self.packer("".join(f for f, _ in self.run), "pack")
        self.emit(f"out.append({pack}({', '.join(n for _, n in self.run)}))")
        self.run = []

    def value(self, type_: idl.Type, source: str) -> None:
        if not type_.optional and type_.bound is None and type_.name in FORMATS:
            self.run.append((FORMATS[type_.name], source))
            return
        self.flush()
        if type_.optional:
            self.emit(f"if {source} is None: out.append(b'\\0\\0\\0\\0')")
            self.emit("else:")
            self.indent += 1
            self.emit("out.append(b'\\0\\0\\0\\1')")
            self.value(idl.Type(type_.name, False, type_.bound, type_.fixed), source)
            self.flush()
            self.indent -= 1
        elif type_.name == "string":
            size = self.temp()
            self.emit(f"b = {source}.encode()")
            self.emit(f"{size} = len(b)")
            self.emit(f"if {size} > {type_.bound} or 0 in b: bad_string({size})")
            self.emit(f"out.append(pack_size({size}) + b + pad[{size} & 3])")
        elif type_.name == "opaque" and type_.fixed:
            self.emit(f"checked(len({source}), {type_.bound}, True)")
            self.emit(f"out.append({source} + b'\\0' * {-(type_.bound or 0) & 3})")
        elif type_.name == "opaque":
            self.emit(f"put_opaque({source}, out, {type_.bound})")
        elif type_.bound is not None:
            self.array(type_, source)
        else:
            self.codec.encoder(type_.name)
            self.emit(f"enc_{type_.name}({source}, out)")

    def array(self, type_: idl.Type, source: str) -> None:
        own = self.codec.arrays.get(type_.name)
        if own is not None:
            self.names["put_" + type_.name] = own.put
            self.emit(f"put_{type_.name}({source}, out, {type_.bound})")
            return
        n = self.temp()
        self.emit(f"{n} = checked(len({source}), {type_.bound}, {type_.fixed})")
        if not type_.fixed:
            pack, _ = self.packer("I", "pack")
            self.emit(f"out.append({pack}({n}))")
        if type_.name == "char":
            self.emit(f"put_chars({source}, out)")
            return
        if type_.name in FORMATS:
            self.names["struct_pack"] = struct.pack
            self.emit(f"out.append(struct_pack(f'>{{{n}}}{FORMATS[type_.name]}', *{source}))")
            return
        item = self.temp()
        self.emit(f"for {item} in {source}:")
        self.indent += 1
        self.value(self.codec.resolve(idl.Type(type_.name)), item)
        self.flush()
        self.indent -= 1
