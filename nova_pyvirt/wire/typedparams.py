# SPDX-License-Identifier: Apache-2.0
"""Typed parameters on the wire, written by hand: domain statistics are tens of thousands of them.

On this side a list of them is a dict (util.typed); a field that comes more than once holds a list.
"""

import struct
from typing import Any, Final

from nova_pyvirt.util.typed import (
    BOOLEAN,
    CLASSES,
    DOUBLE,
    INT,
    LLONG,
    STRING,
    TAGS,
    UINT,
    ULLONG,
    Params,
)
from nova_pyvirt.wire.xdr import ArrayCodec, XDRError

MAX_STRING: Final = 4194304
_FORMATS: Final = {INT: "i", UINT: "I", LLONG: "q", ULLONG: "Q", DOUBLE: "d", BOOLEAN: "i"}
_PACK: Final = {tag: struct.Struct(f">i{f}").pack for tag, f in _FORMATS.items()}
_NUMBER: Final = struct.Struct(">I").unpack_from
#: tag: how to read the number, what it becomes, bytes of tag and number
_READERS: Final = {
    tag: (struct.Struct(f">{f}").unpack_from, CLASSES[tag], 4 + struct.calcsize(f">{f}"))
    for tag, f in _FORMATS.items()
}
_PAD: Final = (b"", b"\0\0\0", b"\0\0", b"\0")
#: names already converted; a peer cannot make it grow beyond the limit
_CACHE_LIMIT: Final = 16384
_encoded: dict[str, bytes] = {}
_decoded: dict[bytes, str] = {}


def _name(field: str) -> bytes:
    """A field's name with length and padding."""
    raw = _string(field)
    if len(_encoded) >= _CACHE_LIMIT:
        _encoded.clear()
    if len(raw) <= 100:
        _encoded[field] = raw
    return raw


def _string(text: Any) -> bytes:
    if not isinstance(text, str):
        raise XDRError(f"not a string: {text!r}")
    raw = text.encode()
    size = len(raw)
    if size > MAX_STRING or b"\0" in raw:
        raise XDRError("string too long or with NUL")
    return size.to_bytes(4, "big") + raw + _PAD[size & 3]


def _value(value: Any) -> bytes:
    """Type and value of one parameter."""
    tag = TAGS.get(type(value))
    if tag is None:
        raise XDRError(f"no typed parameter: {value!r}")
    if tag == STRING:
        return b"\0\0\0\7" + _string(value)
    return _PACK[tag](tag, value)


def put(params: Params, out: list[bytes], bound: int) -> None:
    """Encodes a dict of typed parameters."""
    start = len(out)
    out.append(b"")
    names, tags, pack = _encoded, TAGS, _PACK
    for field, value in params.items():
        name = names.get(field) or _name(field)
        tag = tags.get(type(value))
        if tag is not None and tag != STRING:
            out.append(name + pack[tag](tag, value))
        elif type(value) is list:
            out += [name + _value(v) for v in value]
        else:
            out.append(name + _value(value))
    count = len(out) - start - 1
    if count > bound:
        raise XDRError(f"{count} parameters, not up to {bound}")
    out[start] = count.to_bytes(4, "big")


def _text(raw: bytes, size: int) -> str:
    """A string that isn't in the cache; `size` is what was announced."""
    if size > MAX_STRING or len(raw) != size:
        raise XDRError(f"string of {size} bytes")
    text = raw.decode()
    if "\0" in text:
        raise XDRError("NUL in a string")
    if len(_decoded) >= _CACHE_LIMIT:
        _decoded.clear()
    if len(raw) <= 100:
        _decoded[raw] = text
    return text


def _read(data: bytes, at: int) -> tuple[bytes, int]:
    """A string's bytes."""
    size = int.from_bytes(data[at : at + 4], "big")
    at += 4
    if size > MAX_STRING or size > len(data) - at:
        raise XDRError(f"string of {size} bytes")
    return data[at : at + size], at + size + (-size & 3)


def get(data: bytes, at: int, bound: int) -> tuple[Params, int]:
    """Decodes a list of typed parameters."""
    count = int.from_bytes(data[at : at + 4], "big")
    at += 4
    if count > bound or count * 12 > len(data) - at:
        raise XDRError(f"{count} parameters, not up to {bound}")
    params: Params = {}
    number, names, readers = _NUMBER, _decoded, _READERS
    for _ in range(count):
        (size,) = number(data, at)
        end = at + 4 + size
        raw = data[at + 4 : end]
        field = names.get(raw) or _text(raw, size)
        at = end + (-size & 3)
        (tag,) = number(data, at)
        reader = readers.get(tag)
        if reader is not None:
            unpack, made, width = reader
            value: Any = made(unpack(data, at + 4)[0])
            at += width
        elif tag == STRING:
            raw, at = _read(data, at + 4)
            value = _text(raw, len(raw))
        else:
            raise XDRError(f"unknown discriminant {tag}")
        if field in params:
            value = _repeated(params[field], value)
        params[field] = value
    return params, at


def _repeated(old: Any, value: Any) -> Any:
    if isinstance(old, list):
        old.append(value)
        return old
    return [old, value]


CODEC: Final = ArrayCodec(get, put)
